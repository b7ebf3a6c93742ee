//! A batch: many requests under one task, which lives on when its process does not.
//!
//! What was asked for is stored, sealed, before the first of its tasks is opened; those carry its number. Where each request
//! stands is told from them. A batch none of whose requests came to a task leaves no trace.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use secrecy::{ExposeSecret as _, SecretString};

use super::outcome::{Cancel, Outcome};
use super::recover::find;
use super::run::Claimed;
use super::state::Replay;
use crate::entity::EntityRef;
use crate::event::{EventKind, Part, PartState, Verdict};
use crate::inventory::{BATCH, Entry, NewTask, Pass, Task, TaskFilter, TaskId, TaskState};
use crate::name::ServerName;
use crate::secret::Sealed;
use crate::server::Gate as _;
use crate::shared::Core;
use crate::task::Request;
use crate::{Error, ErrorKind, Result};

/// A batch that this process carries out.
pub(crate) struct Batch {
    core: Arc<Core>,
    claimed: Claimed,
    requests: Vec<Request>,
    begun: tokio::sync::Mutex<bool>,
    told: AtomicBool,
}

impl Batch {
    /// Stores what is asked for, before any of it begins.
    pub(crate) async fn open(core: &Arc<Core>, requests: Vec<Request>) -> Result<Self> {
        let text = serde_json::to_string(&requests).map_err(|e| Error::internal("requests do not serialise").because(e))?;
        let new = NewTask {
            kind: BATCH.to_owned(),
            // It locks nothing: each of its tasks locks what it is about.
            subject: EntityRef::Server(ServerName::master()),
            touches: Vec::new(),
            request: Some(core.keyring.seal(&SecretString::from(text))?),
            by: core.by.clone(),
            parent: None,
            plan: uuid::Uuid::now_v7(),
            pass: Pass::Nobody,
        };
        let claim = core.inventory.open_task(&new, &core.worker, core.lease_time()).await?;
        let task = find(core, claim.task).await?;
        Ok(Self::of(core, Claimed::new(core, task, claim), requests, false))
    }

    fn of(core: &Arc<Core>, claimed: Claimed, requests: Vec<Request>, begun: bool) -> Self {
        Self { core: core.clone(), claimed, requests, begun: begun.into(), told: AtomicBool::new(begun) }
    }

    /// Takes over a batch that was cut off, to begin what of it was not begun.
    pub(crate) async fn resume(core: &Arc<Core>, task: Task) -> Result<Self> {
        let id = task.id;
        let requests = requests(core, task.request.as_ref())?;
        let claim = core.inventory.claim(id, task.epoch, &core.worker, core.lease_time()).await?;
        let claim = claim.ok_or_else(|| Error::new(ErrorKind::Locked, format!("somebody else works on task {id}")).context("task", id))?;
        let begun = Replay::of(&core.inventory.entries(id, 0).await?)?.standing.begun;
        let batch = Self::of(core, Claimed::new(core, find(core, id).await?, claim), requests, begun);
        batch.say(&EventKind::TaskResumed).await?;
        Ok(batch)
    }

    /// Its number.
    pub(crate) fn id(&self) -> TaskId {
        self.claimed.claim.task
    }

    /// What was asked for.
    pub(crate) fn requests(&self) -> &[Request] {
        &self.requests
    }

    /// Stops it, too, from now on; and a stop that somebody else asks for stops what `cancel` does.
    pub(crate) async fn stopped_by(self: &Arc<Self>, cancel: &Cancel) -> Result<()> {
        cancel.covers(&self.core.inventory, self.id(), &self.claimed.pulse).await?;
        let (batch, cancel) = (Arc::downgrade(self), cancel.clone());
        tokio::spawn(async move {
            while let Some(batch) = batch.upgrade() {
                if batch.claimed.pulse.is_cancelled() {
                    let _ = cancel.ask(&batch.core.by).await;
                    return;
                }
                drop(batch);
                tokio::time::sleep(std::time::Duration::from_millis(100)).await;
            }
        });
        Ok(())
    }

    /// Refuses to go on when another worker has it.
    pub(crate) async fn pass(&self) -> Result<()> {
        self.claimed.pulse.pass().await
    }

    /// One of its tasks began: from now on it has a history. Whether this was the first.
    pub(crate) async fn begin(&self) -> Result<bool> {
        let mut begun = self.begun.lock().await;
        if !*begun {
            let title = format!("{} requests", self.requests.len());
            self.say(&EventKind::TaskStarted { title, steps: Vec::new(), branches: Vec::new() }).await?;
            *begun = true;
        }
        Ok(!self.told.swap(true, Ordering::SeqCst))
    }

    async fn say(&self, kind: &EventKind) -> Result<()> {
        self.core.inventory.append(&self.claimed.claim, kind, &Entry::default()).await.map(drop)
    }

    /// Ends it with what became of each request; one that came to nothing leaves no trace.
    pub(crate) async fn end(&self, parts: Vec<Part>) -> Result<Option<Outcome>> {
        if !*self.begun.lock().await {
            match self.core.inventory.discard(&self.claimed.claim).await {
                Ok(()) => return Ok(None),
                // It was stopped: that is a history.
                Err(error) if error.kind() == ErrorKind::Internal => drop(self.begin().await),
                Err(error) => return Err(error),
            }
        }
        self.finish(parts).await.map(Some)
    }

    async fn finish(&self, parts: Vec<Part>) -> Result<Outcome> {
        let verdict = verdict(&parts);
        if verdict != Verdict::RolledBack {
            // Whoever died before it could say so; of one that was stopped nothing begins any more.
            drop(self.begin().await);
        }
        let done = parts.iter().filter(|part| part.state.is_done()).count();
        let summary = format!("{done} of {} are done", parts.len());
        self.say(&EventKind::Parts { parts: parts.clone() }).await?;
        self.say(&EventKind::TaskFinished { verdict, summary: summary.clone() }).await?;
        let id = self.id();
        let report = |kind| {
            let report = Error::new(kind, format!("batch {id}: {summary}")).context("task", id).report();
            let causes = parts.iter().filter(|part| !part.state.is_done()).map(Part::in_words).collect();
            crate::ErrorReport { causes, ..report }
        };
        Ok(match verdict {
            Verdict::Done => Outcome::Done { changed: done, warnings: 0 },
            Verdict::Partly => Outcome::Partly { changed: done, warnings: 0, parts },
            Verdict::Waiting => Outcome::Waiting(crate::ErrorReport {
                hints: vec![
                    format!("`aegir task retry {id}` begins what was not begun"),
                    format!("`aegir task cancel {id}` leaves that away"),
                ],
                ..report(ErrorKind::Interrupted)
            }),
            _ => Outcome::RolledBack(report(ErrorKind::Failed)),
        })
    }
}

/// How a batch ends: what is still to come keeps it open.
fn verdict(parts: &[Part]) -> Verdict {
    let done = parts.iter().filter(|part| part.state.is_done()).count();
    match () {
        () if parts.iter().any(|part| matches!(part.state, PartState::NotBegun | PartState::Running)) => Verdict::Waiting,
        () if done == parts.len() => Verdict::Done,
        () if done > 0 || parts.iter().any(|part| part.state == PartState::Partly) => Verdict::Partly,
        () => Verdict::RolledBack,
    }
}

fn requests(core: &Core, sealed: Option<&Sealed>) -> Result<Vec<Request>> {
    let unread = || Error::new(ErrorKind::Unsupported, "what a batch asked for cannot be read");
    let clear = core.keyring.open(sealed.ok_or_else(unread)?)?;
    serde_json::from_str(clear.expose_secret()).map_err(|e| unread().because(e))
}

/// What became of each request of a batch, as its tasks tell it now, and otherwise as was noted when it ended.
pub(crate) async fn parts(core: &Arc<Core>, task: &Task) -> Result<Vec<Part>> {
    let noted = Replay::of(&core.inventory.entries(task.id, 0).await?)?.noted;
    let children = core.inventory.tasks(&TaskFilter { parent: Some(task.id), ..TaskFilter::default() }).await?;
    let names: Vec<String> = match requests(core, task.request.as_ref()) {
        Ok(requests) => requests.iter().map(|request| request.subject().to_string()).collect(),
        // Pruned: its tasks are all that is known.
        Err(_) => children.iter().rev().map(|child| child.subject.to_string()).collect(),
    };
    let part = |name: String| {
        let noted = noted.iter().find(|part| part.name == name);
        match children.iter().find(|child| child.subject.to_string() == name) {
            Some(child) => {
                let error = noted.filter(|part| part.task == Some(child.id.0)).and_then(|part| part.error.clone());
                Part { name, task: Some(child.id.0), state: state(child.state), error }
            }
            None => noted.cloned().unwrap_or(Part { name, task: None, state: PartState::NotBegun, error: None }),
        }
    };
    Ok(names.into_iter().map(part).collect())
}

fn state(state: TaskState) -> PartState {
    match state {
        TaskState::Queued | TaskState::Running => PartState::Running,
        TaskState::Done => PartState::Done,
        TaskState::Partly => PartState::Partly,
        TaskState::RolledBack | TaskState::Closed => PartState::TakenBack,
        TaskState::Stuck => PartState::Stuck,
        TaskState::Waiting => PartState::Waiting,
        TaskState::Unknown => PartState::Unknown,
    }
}

/// Ends a batch whose process is gone, as far as it came: what was not begun begins when somebody asks for that.
pub(super) async fn recover(core: &Arc<Core>, task: Task) -> Result<Outcome> {
    let batch = Batch::resume(core, task).await?;
    settle(core, &batch, PartState::NotBegun).await
}

async fn settle(core: &Arc<Core>, batch: &Batch, not_begun: PartState) -> Result<Outcome> {
    let mut parts = parts(core, &batch.claimed.task).await?;
    // Nothing is left of one that did not come to anything.
    let not_begun = if parts.iter().all(|part| part.state == PartState::NotBegun) { PartState::Stopped } else { not_begun };
    parts.iter_mut().filter(|part| part.state == PartState::NotBegun).for_each(|part| part.state = not_begun);
    batch.finish(parts).await
}

/// Stops a batch: nothing more of it begins, and what is at work is taken back.
pub(super) async fn cancel(core: &Arc<Core>, task: Task, by: &str) -> Result<Option<Outcome>> {
    let (id, waits) = (task.id, task.state == TaskState::Waiting);
    if !waits {
        core.inventory.ask_cancel(id, by).await?;
    }
    let filter = TaskFilter { parent: Some(id), state: Some(TaskState::Running), ..TaskFilter::default() };
    for child in core.inventory.tasks(&filter).await? {
        match Box::pin(super::cancel(core, child.id, by)).await {
            // It is over meanwhile, or nothing stops it any more.
            Err(error) if error.kind() != ErrorKind::Conflict => return Err(error),
            _ => {}
        }
    }
    if !waits && !super::recover::is_lost(core, &task, core.inventory.now().await?) {
        return Ok(None);
    }
    let batch = Batch::resume(core, task).await?;
    settle(core, &batch, PartState::Stopped).await.map(Some)
}
