//! What an action holds while it looks, changes, or puts back.

use std::collections::BTreeMap;
use std::sync::Arc;

use camino::{Utf8Path, Utf8PathBuf};
use secrecy::ExposeSecret as _;
use serde::de::DeserializeOwned;

use crate::engine::TaskJournal;
use crate::entity::{Owner, Resource};
use crate::event::EventKind;
use crate::inventory::{Entry, Inventory, TaskId};
use crate::name::ServerName;
use crate::secret::Keyring;
use crate::server::{FencedServer, OwnedPath, Server};
use crate::shared::Core;
use crate::{Error, ErrorKind, Result};

/// How long a short lock, as around a reload, is waited for.
const SHORT_LOCK_WAIT: std::time::Duration = std::time::Duration::from_secs(120);

/// A file that was brought here for the time of a step; removed when dropped.
#[derive(Debug)]
pub struct Brought(Utf8PathBuf);

impl Brought {
    /// Where it is, on this machine; its mode is 0600.
    pub fn path(&self) -> &Utf8Path {
        &self.0
    }
}

impl Drop for Brought {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

/// A step at work, and the journal it is told to.
#[derive(Clone, Debug)]
pub(crate) struct RunningStep {
    pub(crate) journal: Arc<TaskJournal>,
    pub(crate) step: usize,
    /// Which step of the plan has which name.
    pub(crate) named: Arc<BTreeMap<String, usize>>,
}

/// The server, the owner, and the way to say how far it is.
#[derive(Clone, Debug)]
pub struct Context {
    pub(crate) core: Arc<Core>,
    pub(crate) server: Arc<dyn Server>,
    pub(crate) owner: Owner,
    /// The step at work; `None` while planning.
    pub(crate) running: Option<RunningStep>,
    pub(crate) retrying: bool,
}

impl Context {
    /// The server the step changes.
    pub fn server(&self) -> &dyn Server {
        &*self.server
    }

    /// Another server that the step needs, such as the one that holds a database.
    pub async fn other_server(&self, name: &ServerName) -> Result<Arc<dyn Server>> {
        if name == self.server.name() {
            return Ok(self.server.clone());
        }
        let server = self.core.connect(name).await?;
        Ok(match &self.running {
            Some(running) => Arc::new(FencedServer::new(server, running.journal.pulse.clone())),
            None => server,
        })
    }

    /// Brings a file of another server here, to be used by this step alone.
    pub async fn bring(&self, from: &ServerName, path: &Utf8Path) -> Result<Brought> {
        // The name is the step's: what an attempt that was killed left is removed by the next one.
        let step = self.running.as_ref().map(|running| format!("{}-{}", running.journal.claim.task, running.step)).unwrap_or_default();
        let into = self.core.settings.root().join("run").join(format!("brought-{step}"));
        let problem = |e: std::io::Error| Error::failed(format!("bringing {path} of {from} to {into}")).context("file", &into).because(e);
        match std::fs::remove_file(&into) {
            Err(e) if e.kind() != std::io::ErrorKind::NotFound => return Err(problem(e)),
            _ => {}
        }
        if let Some(parent) = into.parent() {
            std::fs::create_dir_all(parent).map_err(problem)?;
        }
        self.other_server(from).await?.fetch(path, &into).await?;
        Ok(Brought(into))
    }

    /// Who owns what the step makes.
    pub fn owner(&self) -> &Owner {
        &self.owner
    }

    /// The inventory.
    pub fn inventory(&self) -> &dyn Inventory {
        &*self.core.inventory
    }

    /// The key that opens sealed secrets.
    pub fn keyring(&self) -> &Keyring {
        &self.core.keyring
    }

    /// The task this runs in; `None` while planning.
    pub fn task(&self) -> Option<TaskId> {
        self.running.as_ref().map(|running| running.journal.claim.task)
    }

    /// What a named step before this one put out, as the journal has it: also after a crash, and while steps are taken back.
    pub async fn lookup<T: DeserializeOwned>(&self, step: &str) -> Result<T> {
        let missing = || Error::internal(format!("the step “{step}” has put out nothing that can be read"));
        let RunningStep { journal, named, .. } = self.running.as_ref().ok_or_else(missing)?;
        let index = *named.get(step).ok_or_else(missing)?;
        let sealed = journal.replay().await.outputs.get(index).cloned().flatten().ok_or_else(missing)?;
        let clear = self.core.keyring.open(&sealed)?;
        serde_json::from_str(clear.expose_secret()).map_err(|e| missing().because(e))
    }

    /// Whether the step was begun before and cut short: what it finds may be its own half-done work.
    pub fn retrying(&self) -> bool {
        self.retrying
    }

    /// Proves that a path may be removed: the ledger's nearest entry at or above it belongs to the owner.
    pub async fn owned(&self, path: &Utf8Path) -> Result<OwnedPath> {
        let server = self.server.name();
        for ancestor in path.ancestors() {
            match self.inventory().owner(&Resource::path(server, ancestor)).await? {
                Some(owner) if owner == self.owner => return Ok(OwnedPath::proven(path)),
                Some(other) => {
                    return Err(Error::new(ErrorKind::Refused, format!("{path} on {server} belongs to {other}, not to {}", self.owner))
                        .context("server", server)
                        .context("file", path));
                }
                None => {}
            }
        }
        Err(Error::new(ErrorKind::Refused, format!("nothing says that {path} on {server} is Aegir's, so it is not removed"))
            .context("server", server)
            .context("file", path))
    }

    /// Removes what stands at a path, if anything does; refuses what is not the owner's, as [`Context::owned`].
    pub async fn remove(&self, path: &Utf8Path) -> Result<()> {
        match self.server.stat(path).await? {
            Some(_) => self.server.remove(&self.owned(path).await?).await,
            None => Ok(()),
        }
    }

    /// Scratch of ours, which no ledger entry outlives: a path below Aegir's root at or below a directory `.candidate`.
    pub fn scratch(&self, path: &Utf8Path) -> Result<OwnedPath> {
        let root = self.core.settings.root();
        let ours = path
            .strip_prefix(&root)
            .is_ok_and(|rest| rest.components().any(|c| c.as_str() == ".candidate") && !rest.components().any(|c| c.as_str() == ".."));
        if ours { Ok(OwnedPath::proven(path)) } else { Err(Error::internal(format!("{path} is no scratch of ours"))) }
    }

    /// Says how far the step is. May be lost.
    pub fn progress(&self, done: u64, total: u64, note: impl Into<String>) {
        if let Some(RunningStep { journal, step, .. }) = &self.running {
            journal.log.pass(EventKind::Progress { step: *step, done, total, note: note.into() });
        }
    }

    /// Passes on a line that a command printed. The caller vouches that it holds no secret.
    pub fn output(&self, line: impl Into<String>) {
        if let Some(RunningStep { journal, step, .. }) = &self.running {
            journal.log.pass(EventKind::Output { step: *step, line: line.into() });
        }
    }

    /// Warns, durably: the step succeeds, but a person should know.
    pub async fn warn(&self, message: impl Into<String>) -> Result<()> {
        match &self.running {
            Some(RunningStep { journal, step, .. }) => {
                journal.say(&EventKind::Warning { step: *step, message: message.into() }, Entry::default()).await
            }
            None => Ok(()),
        }
    }

    /// Holds a short lock, such as one around a web server's reload, over a piece of work.
    pub async fn exclusively<T: Send>(&self, key: &str, work: impl Future<Output = Result<T>> + Send) -> Result<T> {
        let Some(RunningStep { journal, .. }) = &self.running else { return work.await };
        // Steps of one task do not bar each other in the inventory, so they take turns here.
        let turn = self.core.turn(key);
        let _turn = turn.lock().await;
        let deadline = tokio::time::Instant::now() + SHORT_LOCK_WAIT;
        while let Err(error) = journal.inventory.acquire(&journal.claim, key).await {
            if error.kind() != ErrorKind::Locked || tokio::time::Instant::now() >= deadline {
                return Err(error);
            }
            // Another process holds it; the inventory has no way to call us when it is free.
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
        let result = work.await;
        journal.inventory.release(&journal.claim, key).await?;
        result
    }
}
