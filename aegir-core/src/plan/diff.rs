//! What one step would change, in words and as a unified diff.

use similar::TextDiff;

/// What happens to the thing a step is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Change {
    /// It is as wanted; the step is left out.
    Same,
    /// It comes into being.
    Create,
    /// It changes.
    Change,
    /// It goes away.
    Remove,
    /// A command runs.
    Run,
}

/// What one step would change.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Diff {
    /// What happens.
    pub change: Change,
    /// Lines for people: a unified diff, or what will run. Secrets are shown as `(secret)`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub detail: String,
}

impl Diff {
    /// Nothing to do.
    pub fn same() -> Self {
        Self { change: Change::Same, detail: String::new() }
    }

    /// A change with lines for people.
    pub fn new(change: Change, detail: impl Into<String>) -> Self {
        Self { change, detail: detail.into() }
    }

    /// A file's text before and after. `None` before: created; `None` after: removed; same text: same.
    pub fn text(name: &str, before: Option<&str>, after: Option<&str>) -> Self {
        let change = match (before, after) {
            (None, None) => return Self::same(),
            (Some(old), Some(new)) if old == new => return Self::same(),
            (None, Some(_)) => Change::Create,
            (Some(_), None) => Change::Remove,
            (Some(_), Some(_)) => Change::Change,
        };
        let (old_name, new_name) = (if before.is_some() { name } else { "/dev/null" }, if after.is_some() { name } else { "/dev/null" });
        let diff = TextDiff::from_lines(before.unwrap_or_default(), after.unwrap_or_default());
        let detail = diff.unified_diff().context_radius(3).header(old_name, new_name).to_string();
        Self { change, detail }
    }

    /// With a further line, such as a changed mode; the change is at least [`Change::Change`].
    #[must_use]
    pub fn also(mut self, line: impl AsRef<str>) -> Self {
        if self.change == Change::Same {
            self.change = Change::Change;
        }
        if !self.detail.is_empty() && !self.detail.ends_with('\n') {
            self.detail.push('\n');
        }
        self.detail.push_str(line.as_ref());
        self.detail.push('\n');
        self
    }
}
