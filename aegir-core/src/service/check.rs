//! Named checks of a server: what was looked at, what was found, how to mend it.

/// How a check went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Finding {
    /// As it should be.
    Pass,
    /// It works, but a person should know.
    Warn,
    /// Work on this server would fail.
    Fail,
}

/// A named check and its result.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Check {
    /// Its name, stable: `db.rights`.
    pub name: String,
    /// How it went.
    pub finding: Finding,
    /// What was seen.
    pub evidence: String,
    /// The command that mends it; empty when it passed.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub mend: String,
}

impl Check {
    /// A check that passed.
    pub fn pass(name: &str, evidence: impl Into<String>) -> Self {
        Self { name: name.to_owned(), finding: Finding::Pass, evidence: evidence.into(), mend: String::new() }
    }

    /// A check that warns.
    pub fn warn(name: &str, evidence: impl Into<String>, mend: impl Into<String>) -> Self {
        Self { name: name.to_owned(), finding: Finding::Warn, evidence: evidence.into(), mend: mend.into() }
    }

    /// A check that failed.
    pub fn fail(name: &str, evidence: impl Into<String>, mend: impl Into<String>) -> Self {
        Self { name: name.to_owned(), finding: Finding::Fail, evidence: evidence.into(), mend: mend.into() }
    }
}
