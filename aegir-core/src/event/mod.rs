//! What the engine says while it works: numbered, serialisable, followable from any point.
//!
//! Durable kinds are the task's history and carry a number; [`EventKind::Progress`] and [`EventKind::Output`] are not
//! stored and may be lost. No event carries a secret.

mod branch;
mod log;
mod part;
mod standing;

pub use branch::{BranchGroup, BranchInfo};
pub use log::EventLog;
pub use part::{Part, PartState};
pub use standing::{Standing, StepState};

use chrono::{DateTime, Utc};

use crate::ErrorReport;
use crate::name::ServerName;

/// One event of one task.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Event {
    /// The number in its task, from 1 without gaps; events that are not durable repeat the last one.
    pub seq: u64,
    /// When.
    pub at: DateTime<Utc>,
    /// What.
    #[serde(flatten)]
    pub kind: EventKind,
}

/// A step as the plan announces it.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct StepInfo {
    /// The server it changes.
    pub server: ServerName,
    /// The action's name.
    pub action: String,
    /// One line for people.
    pub summary: String,
}

/// How a task ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Every step succeeded.
    Done,
    /// Enough of it succeeded; the rest was taken back.
    Partly,
    /// A step failed; everything before it was taken back, or given up with a server that is gone.
    RolledBack,
    /// An undo failed; a person is needed.
    Stuck,
    /// A server stopped answering before everything was taken back; the rest follows when it answers again.
    Waiting,
    /// A person took the rest back by hand, and said so.
    Closed,
    /// An end of a later version.
    #[serde(other)]
    Unknown,
}

impl Verdict {
    /// The word for columns.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Partly => "partly",
            Self::RolledBack => "rolled_back",
            Self::Stuck => "stuck",
            Self::Waiting => "waiting",
            Self::Closed => "closed",
            Self::Unknown => "unknown",
        }
    }

    /// Reads the word; one of a later version is [`Verdict::Unknown`].
    pub(crate) fn parse(word: &str) -> Self {
        let known = [Self::Done, Self::Partly, Self::RolledBack, Self::Stuck, Self::Waiting, Self::Closed];
        known.into_iter().find(|v| v.as_str() == word).unwrap_or(Self::Unknown)
    }
}

/// What happened.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
#[non_exhaustive]
pub enum EventKind {
    /// The task begins; the whole plan up front, so that bars know their length.
    TaskStarted {
        /// The task in words.
        title: String,
        /// Its steps, in plan order; other events refer to them by index.
        steps: Vec<StepInfo>,
        /// Which of them are branches, in plan order.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        branches: Vec<BranchGroup>,
    },
    /// A worker took over a task whose worker died.
    TaskResumed,
    /// Somebody asked for the task to be stopped: from here on nothing begins, and what began is taken back.
    CancelAsked {
        /// Who.
        by: String,
    },
    /// A person took back by hand what could not be, and said so; the task is over.
    TaskClosed {
        /// Who.
        by: String,
    },
    /// A step begins; durable before the step touches anything.
    StepStarted {
        /// Its index.
        step: usize,
        /// The resources the ledger newly records for it; its undo strikes them.
        #[serde(default)]
        acquired: Vec<crate::entity::Resource>,
        /// Those the ledger had, and that the step or its undo strikes; its undo records them again.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        released: Vec<crate::entity::Recorded>,
    },
    /// A step says how far it is.
    Progress {
        /// Its index.
        step: usize,
        /// How much is done.
        done: u64,
        /// Of how much; 0 when unknown.
        total: u64,
        /// In words.
        note: String,
    },
    /// A line a step's command printed.
    Output {
        /// Its index.
        step: usize,
        /// The line.
        line: String,
    },
    /// A step warns: it succeeded, but a person should know.
    Warning {
        /// Its index.
        step: usize,
        /// What.
        message: String,
    },
    /// A step succeeded; what it put out for later steps is stored with this.
    StepSucceeded {
        /// Its index.
        step: usize,
    },
    /// A step failed; when it had begun, it is taken back with the others.
    StepFailed {
        /// Its index.
        step: usize,
        /// Why.
        error: ErrorReport,
    },
    /// The undo of a step begins.
    UndoStarted {
        /// Its index.
        step: usize,
    },
    /// A step is taken back.
    UndoFinished {
        /// Its index.
        step: usize,
    },
    /// A step could not be taken back.
    UndoFailed {
        /// Its index.
        step: usize,
        /// Why.
        error: ErrorReport,
    },
    /// A step is not taken back, and never will be: its server is gone for good.
    StepGivenUp {
        /// Its index.
        step: usize,
        /// What could not be done any more.
        why: String,
    },
    /// A step is not taken back: what it made belongs to somebody else by now, or is gone.
    StepLeftAlone {
        /// Its index.
        step: usize,
        /// What was found.
        why: String,
    },
    /// A step is not taken back though the task is: its result outlives that.
    StepKept {
        /// Its index.
        step: usize,
        /// What is kept, and where.
        what: String,
    },
    /// Everything that can fail succeeded; from here on only forward.
    Committed,
    /// A batch says what became of each of its requests.
    Parts {
        /// Each, in the order they were asked for.
        parts: Vec<Part>,
    },
    /// The task ended.
    TaskFinished {
        /// How.
        verdict: Verdict,
        /// What was changed or not, in words.
        summary: String,
    },
    /// An event of a later version.
    #[serde(other)]
    Unknown,
}

impl EventKind {
    /// Whether it is stored before anything else happens.
    pub fn is_durable(&self) -> bool {
        !matches!(self, Self::Progress { .. } | Self::Output { .. } | Self::Unknown)
    }

    /// The index of the step whose standing it changes.
    pub(crate) fn of_step(&self) -> Option<usize> {
        match self {
            Self::StepStarted { step, .. }
            | Self::StepSucceeded { step }
            | Self::StepFailed { step, .. }
            | Self::UndoStarted { step }
            | Self::UndoFinished { step }
            | Self::UndoFailed { step, .. }
            | Self::StepGivenUp { step, .. }
            | Self::StepLeftAlone { step, .. }
            | Self::StepKept { step, .. } => Some(*step),
            _ => None,
        }
    }
}
