//! Brings a file from another server to the master.

use std::time::Duration;

use camino::Utf8PathBuf;

use super::{Action, Claims, Context};
use crate::entity::Resource;
use crate::name::ServerName;
use crate::plan::{Change, Diff};
use crate::server::Command;
use crate::{Error, Result};

/// How long summing up a large file may take there.
const LIMIT: Duration = Duration::from_secs(6 * 3600);

/// Brings a file from another server to a new one of mode 0600 on the master: in pieces, and whole or not at all.
///
/// Only for steps on the master: the pieces go through the process that runs the step.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
pub struct FetchFile {
    /// The server that has it.
    pub from: ServerName,
    /// Where it is there.
    pub path: Utf8PathBuf,
    /// The new file; must not exist.
    pub into: Utf8PathBuf,
}

impl FetchFile {
    fn partial(&self) -> Utf8PathBuf {
        self.into.with_extension("partial")
    }

    fn taken(&self) -> Error {
        Error::conflict(format!("{} exists already", self.into)).context("file", &self.into)
    }
}

impl Action for FetchFile {
    const NAME: &'static str = "file.fetch";
    /// Whether the new file stood there; never, once the step began.
    type Before = bool;

    fn summary(&self) -> String {
        format!("bring {} from {} to {}", self.path, self.from, self.into)
    }

    fn claims(&self, server: &ServerName) -> Claims {
        Claims {
            acquire: vec![Resource::path(server, &self.into), Resource::path(server, self.partial())],
            release: vec![Resource::path(server, self.partial())],
        }
    }

    async fn observe(&self, cx: &Context) -> Result<bool> {
        Ok(cx.server().stat(&self.into).await?.is_some())
    }

    fn diff(&self, _cx: &Context, before: &bool) -> Result<Diff> {
        if *before {
            return Err(self.taken());
        }
        Ok(Diff::new(Change::Create, format!("+ {} mode 0600 ({} of {})\n", self.into, self.path, self.from)))
    }

    async fn apply(&self, cx: &Context, before: &bool) -> Result<()> {
        if *before {
            return Err(self.taken());
        }
        if *cx.server().name() != ServerName::master() {
            return Err(Error::internal("a file is fetched to the master and to no other server"));
        }
        if cx.server().stat(&self.into).await?.is_some() {
            // Only a whole file ever gets that name.
            return Ok(());
        }
        let partial = self.partial();
        cx.remove(&partial).await?;
        let source = cx.other_server(&self.from).await?;
        let fetched = source.fetch(&self.path, &partial).await?;
        let command = Command::new("sha256sum").arg("--").arg(&self.path).timeout(LIMIT);
        let doing = format!("summing up {} on {}", self.path, self.from);
        let said = source.run(&command).await?.require_ok(&command, &doing)?.text();
        // A name with a line break or a backslash makes it begin the line with one.
        if said.trim_start_matches('\\').split(' ').next() != Some(fetched.sha256.as_str()) {
            return Err(Error::failed(format!("{} from {} came as something else: {} bytes", self.path, self.from, fetched.size))
                .context("server", &self.from)
                .context("file", &self.path)
                .because(format!("SHA-256 {} here, {} there", fetched.sha256, said.trim()))
                .hint("run it again; if it fails again, look at disks and memory of both machines"));
        }
        cx.server().rename(&partial, &self.into).await
    }

    async fn undo(&self, cx: &Context, before: &bool) -> Result<()> {
        cx.remove(&self.partial()).await?;
        if *before { Ok(()) } else { cx.remove(&self.into).await }
    }

    fn by_hand(&self, server: &ServerName) -> String {
        format!("on {server}: `rm -f {} {}`", self.into, self.partial())
    }
}
