//! Brings a file from another server to the master.

use camino::Utf8PathBuf;

use super::{Action, Claims, Context, FileSum};
use crate::entity::Resource;
use crate::name::ServerName;
use crate::plan::{Change, Diff};
use crate::{Error, Result};

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
    /// The named step that made the file there, and put out its [`FileSum`].
    pub made_by: String,
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
    type Output = ();

    fn summary(&self) -> String {
        format!("bring {} from {} to {}", self.path, self.from, self.into)
    }

    fn claims(&self, server: &ServerName) -> Claims {
        Claims {
            acquire: vec![Resource::path(server, &self.into), Resource::path(server, self.partial())],
            release: vec![Resource::path(server, self.partial())],
        }
    }

    fn reads(&self) -> Vec<String> {
        vec![self.made_by.clone()]
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
        let made: FileSum = cx.lookup(&self.made_by).await?;
        if made.sha256 != fetched.sha256 {
            return Err(Error::failed(format!("{} from {} came as something else: {} bytes", self.path, self.from, fetched.size))
                .context("server", &self.from)
                .context("file", &self.path)
                .because(format!("SHA-256 {} here; {} bytes, {} when it was made", fetched.sha256, made.size, made.sha256))
                .hint("run it again; if it fails again, look who changes it there, and at disks and memory of both machines"));
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
