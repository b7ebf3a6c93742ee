//! Makes symbolic links, and puts back what they replaced.

use camino::Utf8PathBuf;

use super::{Action, Claims, Context};
use crate::entity::Resource;
use crate::name::ServerName;
use crate::plan::{Change, Diff};
use crate::server::FileKind;
use crate::{Error, Result};

/// Makes a symbolic link, or points it elsewhere; refuses to replace anything but a link.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
pub struct Link {
    /// Where the link stands.
    pub path: Utf8PathBuf,
    /// Where it points.
    pub target: Utf8PathBuf,
}

impl Action for Link {
    const NAME: &'static str = "file.link";
    type Before = Option<Utf8PathBuf>;
    type Output = ();

    fn summary(&self) -> String {
        format!("link {} to {}", self.path, self.target)
    }

    fn claims(&self, server: &ServerName) -> Claims {
        Claims::acquire(Resource::path(server, &self.path))
    }

    async fn observe(&self, cx: &Context) -> Result<Self::Before> {
        match cx.server().stat(&self.path).await?.map(|s| s.kind) {
            None => Ok(None),
            Some(FileKind::Link(target)) => Ok(Some(target)),
            Some(_) => Err(Error::refused(format!("{} on {} is no symbolic link", self.path, cx.server().name()))
                .context("server", cx.server().name())
                .context("file", &self.path)),
        }
    }

    fn diff(&self, _cx: &Context, before: &Self::Before) -> Result<Diff> {
        Ok(match before {
            Some(target) if *target == self.target => Diff::same(),
            Some(target) => Diff::new(Change::Change, format!("  {} → {} (was {target})\n", self.path, self.target)),
            None => Diff::new(Change::Create, format!("+ {} → {}\n", self.path, self.target)),
        })
    }

    async fn apply(&self, cx: &Context, _before: &Self::Before) -> Result<()> {
        cx.server().link(&self.path, &self.target).await
    }

    async fn undo(&self, cx: &Context, before: &Self::Before) -> Result<()> {
        match before {
            Some(target) => cx.server().link(&self.path, target).await,
            None => cx.remove(&self.path).await,
        }
    }
}
