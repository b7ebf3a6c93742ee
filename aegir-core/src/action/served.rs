//! Directories in which the account that serves a site makes files of its own.
//!
//! PHP makes what it likes there: files of mode 0600, directories of mode 0700, pipes, chains longer than any path. Only
//! their owner can read and remove all of that, so it is done with that account's rights; Aegir enters the directory,
//! which stands where nobody else can write, and the rest is Aegir's own. What will not go away is left beside, with a
//! warning: nothing that a site's code does keeps a task from ending.

use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};

use super::{Action, Claims, Context, MakeDir};
use crate::entity::Resource;
use crate::name::ServerName;
use crate::plan::{Change, Diff};
use crate::server::{Command, FileKind, FileStat, OwnedPath, Permissions};
use crate::{ErrorKind, Result};

/// Ends what still works in the tree it runs in, and removes all that its account can; the rest it opens for Aegir's.
const EMPTY: &str = include_str!("served.sh");
/// How long that may take.
const LONGEST: Duration = Duration::from_secs(900);

/// Removes a tree; first, as the account, what that account made in `inner`, the tree itself or a directory in it.
async fn remove(cx: &Context, tree: &OwnedPath, inner: &Utf8Path, account: &str) -> Result<()> {
    if matches!(cx.server().stat(inner).await?, Some(stat) if stat.kind == FileKind::Dir) {
        let command = Command::new("sh").args(["-c", EMPTY, "sh"]).account(account).cwd(inner).timeout(LONGEST);
        // What it could not remove shows in the next step.
        match cx.server().run(&command).await {
            Err(error) if error.kind() == ErrorKind::Unreachable => return Err(error),
            _ => {}
        }
    }
    cx.server().remove(tree).await
}

/// Makes a directory, as [`MakeDir`]; takes it back with what the account made in it.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
pub struct MakeServedDir {
    /// Where; its parent must exist, and nobody but Aegir writes to that.
    pub path: Utf8PathBuf,
    /// Mode and group.
    pub permissions: Permissions,
    /// The account.
    pub account: String,
}

impl MakeServedDir {
    fn plain(&self) -> MakeDir {
        MakeDir { path: self.path.clone(), permissions: self.permissions.clone() }
    }

    /// Where it is put before it is removed: from then on nothing is served from it, and its place is free.
    fn aside(&self) -> Utf8PathBuf {
        self.path.with_file_name(format!(".{}.aegir-undone", self.path.file_name().unwrap_or_default()))
    }

    /// Removes what was put aside; whatever keeps it there, the task goes on.
    async fn clear(&self, cx: &Context) -> Result<()> {
        let aside = self.aside();
        // The ledger vouches for the directory that it was.
        cx.owned(&self.path).await?;
        match remove(cx, &OwnedPath::proven(&aside), &aside, &self.account).await {
            Err(error) if error.kind() == ErrorKind::Unreachable => Err(error),
            Err(error) => {
                let by_hand = format!("as root on {}: `rm -rf {aside}`", cx.server().name());
                cx.warn(format!("what {} made in {} is left at {aside}: {error}; {by_hand}", self.account, self.path)).await
            }
            Ok(()) => Ok(()),
        }
    }
}

impl Action for MakeServedDir {
    const NAME: &'static str = "directory.make-served";
    type Before = Option<FileStat>;
    type Output = ();

    fn summary(&self) -> String {
        self.plain().summary()
    }

    fn claims(&self, server: &ServerName) -> Claims {
        self.plain().claims(server)
    }

    async fn observe(&self, cx: &Context) -> Result<Self::Before> {
        self.plain().observe(cx).await
    }

    fn diff(&self, cx: &Context, before: &Self::Before) -> Result<Diff> {
        self.plain().diff(cx, before)
    }

    async fn apply(&self, cx: &Context, before: &Self::Before) -> Result<()> {
        self.plain().apply(cx, before).await
    }

    async fn undo(&self, cx: &Context, before: &Self::Before) -> Result<()> {
        if before.is_some() {
            return self.plain().undo(cx, before).await;
        }
        let (server, aside) = (cx.server(), self.aside());
        if server.stat(&aside).await?.is_some() {
            self.clear(cx).await?;
        }
        if server.stat(&self.path).await?.is_none() {
            return Ok(());
        }
        let owned = cx.owned(&self.path).await?;
        if server.stat(&aside).await?.is_some() {
            // What an earlier one left is in the way.
            return remove(cx, &owned, &self.path, &self.account).await;
        }
        server.rename(owned.as_path(), &aside).await?;
        self.clear(cx).await
    }

    fn by_hand(&self, server: &ServerName) -> String {
        format!("as root on {server}: `rm -rf {}`", self.path)
    }
}

/// Destroys a directory of the owner's that holds a site's. Only for clean-up, after the commit: it cannot be taken back.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
pub struct PurgeServedTree {
    /// Which.
    pub path: Utf8PathBuf,
    /// The site's own directory in it.
    pub site: Utf8PathBuf,
    /// The account that made files there.
    pub account: String,
}

impl Action for PurgeServedTree {
    const NAME: &'static str = "tree.purge-served";
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
        match cx.server().stat(&self.path).await? {
            Some(_) => remove(cx, &cx.owned(&self.path).await?, &self.site, &self.account).await,
            None => Ok(()),
        }
    }

    async fn undo(&self, _cx: &Context, (): &()) -> Result<()> {
        // Runs only after the commit, and nothing after the commit is taken back.
        Ok(())
    }

    fn by_hand(&self, server: &ServerName) -> String {
        format!("as root on {server}: `rm -rf {}`", self.path)
    }
}
