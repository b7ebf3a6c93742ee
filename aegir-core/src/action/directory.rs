//! Makes directories, and takes them back with what came into them.

use camino::Utf8PathBuf;

use super::file::shown;
use super::{Action, Claims, Context};
use crate::entity::Resource;
use crate::name::ServerName;
use crate::plan::{Change, Diff};
use crate::server::{DirSpec, FileKind, FileStat, Permissions};
use crate::{Error, Result};

/// Makes a directory, or gives it the wanted mode and group.
///
/// Undo removes the directory with everything below it when this step made it: later steps' undos ran first,
/// so what is left there came from programs this plan started.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
pub struct MakeDir {
    /// Where; its parent must exist.
    pub path: Utf8PathBuf,
    /// Mode and group.
    pub permissions: Permissions,
}

impl Action for MakeDir {
    const NAME: &'static str = "directory.make";
    type Before = Option<FileStat>;
    type Output = ();

    fn summary(&self) -> String {
        format!("make directory {}", self.path)
    }

    fn claims(&self, server: &ServerName) -> Claims {
        Claims::acquire(Resource::path(server, &self.path))
    }

    async fn observe(&self, cx: &Context) -> Result<Self::Before> {
        let stat = cx.server().stat(&self.path).await?;
        match &stat {
            Some(found) if found.kind != FileKind::Dir => {
                Err(Error::refused(format!("{} on {} is no directory", self.path, cx.server().name()))
                    .context("server", cx.server().name())
                    .context("file", &self.path)
                    .hint(format!("move it away: `mv {} {}.old`", self.path, self.path)))
            }
            _ => Ok(stat),
        }
    }

    fn diff(&self, _cx: &Context, before: &Self::Before) -> Result<Diff> {
        Ok(match before {
            None => Diff::new(Change::Create, format!("+ {}/ mode {}\n", self.path, shown(&self.permissions))),
            Some(stat) if stat.satisfies(&self.permissions) => Diff::same(),
            Some(stat) => Diff::new(
                Change::Change,
                format!("  {}/ mode {:04o} {} → {}\n", self.path, stat.mode, stat.group, shown(&self.permissions)),
            ),
        })
    }

    async fn apply(&self, cx: &Context, _before: &Self::Before) -> Result<()> {
        cx.server().make_dir(&DirSpec { path: self.path.clone(), permissions: self.permissions.clone() }).await
    }

    async fn undo(&self, cx: &Context, before: &Self::Before) -> Result<()> {
        let Some(now) = cx.server().stat(&self.path).await? else { return Ok(()) };
        match before {
            None => cx.server().remove(&cx.owned(&self.path).await?).await,
            Some(stat) if now.permissions() == stat.permissions() => Ok(()),
            Some(stat) => cx.server().make_dir(&DirSpec { path: self.path.clone(), permissions: stat.permissions() }).await,
        }
    }

    fn by_hand(&self, server: &ServerName) -> String {
        format!("on {server}: `rm -r {}`", self.path)
    }
}
