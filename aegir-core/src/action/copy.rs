//! Copies a directory to a new place, all or nothing.

use std::time::Duration;

use camino::Utf8PathBuf;

use super::{Action, Claims, Context, on_disk};
use crate::entity::Resource;
use crate::name::ServerName;
use crate::plan::{Change, Diff};
use crate::server::Command;
use crate::{Error, Result};

/// Copies a directory with modes, times and links; the destination must not exist.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
pub struct CopyTree {
    /// What to copy.
    pub from: Utf8PathBuf,
    /// Where to.
    pub to: Utf8PathBuf,
}

impl CopyTree {
    /// Beside the destination, so that the last step is one rename; the name says whose it is.
    fn partial(&self) -> Utf8PathBuf {
        self.to.with_file_name(format!(".{}.aegir-partial", self.to.file_name().unwrap_or_default()))
    }
}

impl Action for CopyTree {
    const NAME: &'static str = "tree.copy";
    /// Whether the destination stood there; never, once the step began.
    type Before = bool;
    type Output = ();

    fn summary(&self) -> String {
        format!("copy {} to {}", self.from, self.to)
    }

    fn claims(&self, server: &ServerName) -> Claims {
        Claims {
            acquire: vec![Resource::path(server, &self.to), Resource::path(server, self.partial())],
            release: vec![Resource::path(server, self.partial())],
        }
    }

    async fn observe(&self, cx: &Context) -> Result<bool> {
        Ok(cx.server().stat(&self.to).await?.is_some())
    }

    fn diff(&self, _cx: &Context, before: &bool) -> Result<Diff> {
        if *before {
            return Err(Error::conflict(format!("{} exists already", self.to)).context("file", &self.to));
        }
        Ok(Diff::new(Change::Create, format!("+ {}/ (copy of {})\n", self.to, self.from)))
    }

    async fn apply(&self, cx: &Context, before: &bool) -> Result<()> {
        if *before {
            return Err(Error::conflict(format!("{} exists already", self.to))
                .context("server", cx.server().name())
                .context("file", &self.to));
        }
        if cx.server().stat(&self.to).await?.is_some() {
            // Only a whole copy ever gets that name.
            return Ok(());
        }
        let partial = self.partial();
        cx.remove(&partial).await?;
        let command = Command::new("cp")
            .args(["-a", "--no-preserve=ownership", "--reflink=auto", "--"])
            .arg(&self.from)
            .arg(&partial)
            .timeout(Duration::from_secs(3600));
        cx.server()
            .run(&command)
            .await?
            .require_ok(&command, &format!("copying {} to {} on {}", self.from, self.to, cx.server().name()))?;
        on_disk::tree(cx, &partial).await?;
        cx.server().rename(&partial, &self.to).await
    }

    async fn undo(&self, cx: &Context, before: &bool) -> Result<()> {
        cx.remove(&self.partial()).await?;
        if *before { Ok(()) } else { cx.remove(&self.to).await }
    }

    fn by_hand(&self, server: &ServerName) -> String {
        format!("on {server}: `rm -r {} {}`", self.to, self.partial())
    }
}
