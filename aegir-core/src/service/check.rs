//! Named checks of a server: what was looked at, what was found, how to mend it.

use crate::entity::{Server, Transport};

/// How a check went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Finding {
    /// As it should be.
    Pass,
    /// It works, but a person should know.
    Warn,
    /// Not looked at, because something before it failed. Never a success.
    Skipped,
    /// Work on this server would fail, or what it serves does.
    Fail,
}

/// A named check and its result.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Check {
    /// Its name, stable: `db.rights`. What comes from a service begins with the service's name.
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
    fn new(name: &str, finding: Finding, evidence: impl Into<String>, mend: impl Into<String>) -> Self {
        Self { name: name.to_owned(), finding, evidence: evidence.into(), mend: mend.into() }
    }

    /// A check that passed.
    pub fn pass(name: &str, evidence: impl Into<String>) -> Self {
        Self::new(name, Finding::Pass, evidence, "")
    }

    /// A check that warns.
    pub fn warn(name: &str, evidence: impl Into<String>, mend: impl Into<String>) -> Self {
        Self::new(name, Finding::Warn, evidence, mend)
    }

    /// A check that failed.
    pub fn fail(name: &str, evidence: impl Into<String>, mend: impl Into<String>) -> Self {
        Self::new(name, Finding::Fail, evidence, mend)
    }

    /// A check that was not made; the name of a service stands for all of its checks.
    pub fn skipped(name: &str, evidence: impl Into<String>) -> Self {
        Self::new(name, Finding::Skipped, evidence, "")
    }

    /// Whether a name is its own, or that of one of its service's checks where it stands for all of them.
    pub(crate) fn covers(&self, name: &str) -> bool {
        name.strip_prefix(&self.name).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    }
}

/// What prepares a machine for Aegir, or mends what that did: on the master `init`, elsewhere the bootstrap script.
pub fn set_up(server: &Server) -> String {
    match &server.transport {
        Transport::Local => "as root: `aegir init`".to_owned(),
        // A server that is not in the inventory yet is known by its host name only.
        Transport::Ssh { host, .. } if server.name.as_str() != server.hostname => {
            format!("`aegir server bootstrap {} --name {} | ssh root@{host} sh`", server.hostname, server.name)
        }
        Transport::Ssh { host, .. } => format!("`aegir server bootstrap {} | ssh root@{host} sh`", server.name),
    }
}

/// A command for its root, in words.
pub fn as_root(server: &Server, command: impl std::fmt::Display) -> String {
    match &server.transport {
        Transport::Local => format!("as root: `{command}`"),
        Transport::Ssh { .. } => format!("as root on {}: `{command}`", server.name),
    }
}
