//! Collects steps on one server for one owner.

use aegir_core::Result;
use aegir_core::action::{Action, MakeDir, MakeServedDir, RemoveFile, WriteFile};
use aegir_core::entity::{Owner, Server};
use aegir_core::plan::Plan;
use aegir_core::server::Permissions;
use aegir_core::template::Content;
use camino::Utf8PathBuf;

/// Who besides us reads a file or directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reader {
    /// Whoever the mode lets.
    Mode,
    /// The web server, as the group.
    Web,
}

/// A plan in the making.
#[derive(Debug)]
pub(crate) struct Steps<'a> {
    plan: Plan,
    server: &'a Server,
    owner: Owner,
}

impl<'a> Steps<'a> {
    pub(crate) fn new(server: &'a Server, owner: Owner) -> Self {
        Self { plan: Plan::empty(), server, owner }
    }

    fn permissions(&self, mode: u32, reader: Reader) -> Permissions {
        match reader {
            Reader::Mode => Permissions::mode(mode),
            Reader::Web => Permissions::mode(mode).group(&self.server.web_group),
        }
    }

    pub(crate) fn step(mut self, action: &impl Action) -> Result<Self> {
        self.plan = self.plan.then(&self.server.name, &self.owner, action)?;
        Ok(self)
    }

    pub(crate) fn directory(self, path: impl Into<Utf8PathBuf>, mode: u32, reader: Reader) -> Result<Self> {
        let permissions = self.permissions(mode, reader);
        self.step(&MakeDir { path: path.into(), permissions })
    }

    /// A directory in which the account that serves the site makes files; the site's own one, and those it writes to.
    pub(crate) fn served(self, path: impl Into<Utf8PathBuf>, mode: u32) -> Result<Self> {
        let permissions = self.permissions(mode, Reader::Web);
        let account = self.server.web_account().to_owned();
        self.step(&MakeServedDir { path: path.into(), permissions, account })
    }

    pub(crate) fn file(self, path: impl Into<Utf8PathBuf>, content: Content, mode: u32, reader: Reader) -> Result<Self> {
        let permissions = self.permissions(mode, reader);
        self.step(&WriteFile { path: path.into(), content, permissions })
    }

    pub(crate) fn remove(self, path: impl Into<Utf8PathBuf>) -> Result<Self> {
        self.step(&RemoveFile { path: path.into() })
    }

    pub(crate) fn finally(mut self, action: &impl Action) -> Result<Self> {
        self.plan = self.plan.finally(&self.server.name, &self.owner, action)?;
        Ok(self)
    }

    pub(crate) fn done(self) -> Plan {
        self.plan
    }
}
