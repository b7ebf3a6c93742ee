//! Puts a directory out of the way, whole, and destroys it only after the commit.

use camino::Utf8PathBuf;

use super::{Action, Claims, Context};
use crate::entity::Resource;
use crate::name::ServerName;
use crate::plan::{Change, Diff};
use crate::server::FileKind;
use crate::{Error, Result};

/// Moves a directory of the owner's to a place beside it; undo moves it back.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
pub struct TrashTree {
    /// Which.
    pub path: Utf8PathBuf,
    /// Where to; on the same file system, chosen when the plan is made.
    pub trash: Utf8PathBuf,
}

impl Action for TrashTree {
    const NAME: &'static str = "tree.trash";
    /// Whether it was there.
    type Before = bool;
    type Output = ();

    fn summary(&self) -> String {
        format!("take {} away", self.path)
    }

    fn claims(&self, server: &ServerName) -> Claims {
        Claims { acquire: vec![Resource::path(server, &self.trash)], release: vec![Resource::path(server, &self.path)] }
    }

    async fn observe(&self, cx: &Context) -> Result<bool> {
        match cx.server().stat(&self.path).await? {
            None => Ok(false),
            Some(stat) if stat.kind == FileKind::Dir => Ok(true),
            Some(_) => Err(Error::refused(format!("{} on {} is no directory", self.path, cx.server().name()))
                .context("server", cx.server().name())
                .context("file", &self.path)),
        }
    }

    fn diff(&self, _cx: &Context, before: &bool) -> Result<Diff> {
        Ok(if *before { Diff::new(Change::Remove, format!("- {}/ (all of it)\n", self.path)) } else { Diff::same() })
    }

    async fn apply(&self, cx: &Context, _before: &bool) -> Result<()> {
        if cx.server().stat(&self.path).await?.is_none() {
            return Ok(());
        }
        let owned = cx.owned(&self.path).await?;
        cx.server().rename(owned.as_path(), &self.trash).await
    }

    async fn undo(&self, cx: &Context, _before: &bool) -> Result<()> {
        match cx.server().stat(&self.trash).await? {
            Some(_) => cx.server().rename(&self.trash, &self.path).await,
            None => Ok(()),
        }
    }

    fn by_hand(&self, server: &ServerName) -> String {
        format!("on {server}: `mv {} {}`", self.trash, self.path)
    }
}

/// Destroys a directory of the owner's. Only for clean-up, after the commit: it cannot be taken back.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
pub struct PurgeTree {
    /// Which.
    pub path: Utf8PathBuf,
}

impl Action for PurgeTree {
    const NAME: &'static str = "tree.purge";
    type Before = ();
    type Output = ();

    fn summary(&self) -> String {
        format!("destroy {}", self.path)
    }

    fn claims(&self, server: &ServerName) -> Claims {
        Claims::release(Resource::path(server, &self.path))
    }

    async fn observe(&self, _cx: &Context) -> Result<()> {
        Ok(())
    }

    fn diff(&self, _cx: &Context, (): &()) -> Result<Diff> {
        Ok(Diff::new(Change::Remove, format!("- {}/ (for good)\n", self.path)))
    }

    async fn apply(&self, cx: &Context, (): &()) -> Result<()> {
        cx.remove(&self.path).await
    }

    async fn undo(&self, _cx: &Context, (): &()) -> Result<()> {
        // Runs only after the commit, and nothing after the commit is taken back.
        Ok(())
    }

    fn by_hand(&self, server: &ServerName) -> String {
        format!("on {server}: `rm -r {}`", self.path)
    }
}
