//! What became of each part of a task: a branch of its plan, or one of the requests of a batch.

use crate::ErrorReport;

/// What became of one of several parts of a task.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Part {
    /// Its name: mostly that of a server, or what the request is about.
    pub name: String,
    /// The number of its own task, where it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task: Option<i64>,
    /// Where it stands.
    pub state: PartState,
    /// What went wrong.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<ErrorReport>,
}

impl Part {
    /// Its name, its state, and what went wrong.
    pub(crate) fn in_words(&self) -> String {
        let why = self.error.as_ref().map(|error| format!(": {}", error.to_error().chain().join(": "))).unwrap_or_default();
        format!("{} is {}{why}", self.name, self.state.in_words())
    }
}

/// Where a part of a task stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PartState {
    /// Nothing of it began, and it is to.
    NotBegun,
    /// It is at work.
    Running,
    /// All of it succeeded.
    Done,
    /// There was nothing to do.
    Unchanged,
    /// Enough of it succeeded.
    Partly,
    /// It was refused, or failed before anything was changed.
    Refused,
    /// Nothing of it began, and nothing will: somebody stopped it.
    Stopped,
    /// It failed, and was taken back.
    TakenBack,
    /// It failed, and could not be taken back: a person is needed.
    Stuck,
    /// It failed, and is taken back when its server answers again.
    Waiting,
    /// A state of a later version.
    #[serde(other)]
    Unknown,
}

impl PartState {
    /// Whether all of it is as wanted.
    pub fn is_done(self) -> bool {
        matches!(self, Self::Done | Self::Unchanged)
    }

    /// The words for people.
    pub fn in_words(self) -> &'static str {
        match self {
            Self::NotBegun => "not begun",
            Self::Running => "at work",
            Self::Done => "done",
            Self::Unchanged => "nothing to do",
            Self::Partly => "partly done",
            Self::Refused => "failed",
            Self::Stopped => "stopped before it began",
            Self::TakenBack => "taken back",
            Self::Stuck => "stuck",
            Self::Waiting => "waiting",
            Self::Unknown => "unknown",
        }
    }
}
