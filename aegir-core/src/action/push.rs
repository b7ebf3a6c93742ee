//! Brings a directory from the master to a server: what differs is sent, what is not in the source goes, what is kept stays.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};

use super::{Action, Claims, Context};
use crate::Result;
use crate::distribution::{Before, Ground, Keep, Progress, Push};
use crate::entity::Resource;
use crate::name::ServerName;
use crate::plan::{Change, Diff};

/// How often a person hears how far it is.
const TICK: Duration = Duration::from_millis(200);

/// Brings a directory from the master to the step's server. Use [`crate::distribution::push`], which also cleans up after the commit.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
pub struct PushTree {
    /// The directory on the master.
    pub source: Utf8PathBuf,
    /// Where to look while `source` does not exist yet because an earlier step of the same plan makes it: a copy of this directory.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Utf8PathBuf>,
    /// Where it goes on the server; usually the same path.
    pub target: Utf8PathBuf,
    /// Paths below it that have another authority: neither sent nor removed.
    #[serde(default)]
    pub keep: Keep,
}

impl PushTree {
    /// Where what the push replaces waits until the commit.
    pub fn previous(&self) -> Utf8PathBuf {
        Push::previous(&self.target)
    }

    fn push<'a>(&'a self, source: &'a Utf8Path) -> Push<'a> {
        Push { source, target: &self.target, keep: &self.keep }
    }

    async fn ground(&self, cx: &Context) -> Result<Ground> {
        Ok(Ground {
            target: cx.owned(&self.target).await?,
            // Given up with the step's success; then there is none.
            partial: cx.owned(&Push::partial(&self.target)).await.ok(),
            previous: cx.owned(&self.previous()).await?,
        })
    }

    /// What names this one push on the server.
    fn mark(cx: &Context) -> String {
        cx.task().map_or_else(|| "task".to_owned(), |task| format!("task-{task}"))
    }

    /// A tree that is not the owner's is not taken over: what is not in the source would go.
    async fn require_ours(&self, cx: &Context, before: &Before) -> Result<()> {
        let stands =
            before.changes.as_ref().is_some_and(|changes| changes.iter().any(|c| c.was.is_some() && !c.path.is_root()) || before.is_same());
        if stands && let Err(error) = cx.owned(&self.target).await {
            return Err(error.hint(format!("move it away if nobody needs it: `mv {0} {0}.old` on {1}", self.target, cx.server().name())));
        }
        Ok(())
    }
}

impl Action for PushTree {
    const NAME: &'static str = "tree.push";
    type Before = Before;
    type Output = ();

    fn summary(&self) -> String {
        format!("bring {} to the server", self.target)
    }

    fn claims(&self, server: &ServerName) -> Claims {
        let path = |path: &Utf8Path| Resource::path(server, path);
        let partial = Push::partial(&self.target);
        Claims { acquire: vec![path(&self.target), path(&partial), path(&self.previous())], release: vec![path(&partial)] }
    }

    async fn observe(&self, cx: &Context) -> Result<Before> {
        // While planning, an earlier step may have yet to make the source.
        let until = self.until.as_deref().filter(|_| cx.task().is_none() && matches!(self.source.try_exists(), Ok(false)));
        let before = self.push(until.unwrap_or(&self.source)).look(cx.server()).await?;
        self.require_ours(cx, &before).await?;
        Ok(before)
    }

    fn diff(&self, _cx: &Context, before: &Before) -> Result<Diff> {
        Ok(match before.changes {
            _ if before.is_same() => Diff::same(),
            None => Diff::new(Change::Create, before.summary(&self.target)),
            Some(_) => Diff::new(Change::Change, before.summary(&self.target)),
        })
    }

    async fn apply(&self, cx: &Context, before: &Before) -> Result<()> {
        if before.is_same() {
            return Ok(());
        }
        for warning in before.warnings.iter().filter(|_| !cx.retrying()) {
            cx.warn(warning.clone()).await?;
        }
        let ground = self.ground(cx).await?;
        let progress = Arc::new(Progress::default());
        let mark = Self::mark(cx);
        let push = self.push(&self.source);
        let work = push.apply(cx.server(), before, &ground, &mark, &progress);
        let tell = || {
            let (bytes, files) = (progress.bytes.load(Ordering::Relaxed), progress.files.load(Ordering::Relaxed));
            cx.progress(bytes, before.bytes, format!("{files} of {} files", before.files));
        };
        tokio::pin!(work);
        let result = loop {
            tokio::select! {
                done = &mut work => break done,
                () = tokio::time::sleep(TICK) => tell(),
            }
        };
        tell();
        result
    }

    async fn undo(&self, cx: &Context, before: &Before) -> Result<()> {
        if before.is_same() {
            return Ok(());
        }
        let ground = self.ground(cx).await?;
        self.push(&self.source).take_back(cx.server(), before, &ground, &Self::mark(cx)).await
    }

    fn by_hand(&self, server: &ServerName) -> String {
        let previous = self.previous();
        format!(
            "on {server}: if there is {previous}, it holds what was replaced in {}, by number; else `rm -r {}`",
            self.target, self.target
        )
    }
}
