//! Apply forward, undo backward: the life of one task.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use chrono::Utc;
use futures::future::{BoxFuture, FutureExt as _, join_all};
use secrecy::{ExposeSecret as _, SecretString};
use tokio::sync::Mutex;

use super::state::{Replay, StepState};
use super::{check_basis, recover};
use crate::action::{Context, ErasedAction};
use crate::aegir::Core;
use crate::entity::{EntityRef, Resource};
use crate::event::{EventKind, EventLog, StepInfo, Verdict};
use crate::inventory::{Entry, Lease, Task, TaskId, TaskState};
use crate::plan::{Plan, Planned, Stage, Step};
use crate::secret::Sealed;
use crate::{Error, ErrorKind, ErrorReport, Result};

/// How often an undo is tried before the task is stuck.
const UNDO_TRIES: u32 = 3;

/// Asks a running task to stop after the steps at work, and to take everything back.
#[derive(Clone, Debug, Default)]
pub struct Cancel(Arc<AtomicBool>);

impl Cancel {
    /// Asks.
    pub fn cancel(&self) {
        self.0.store(true, Ordering::SeqCst);
    }

    fn asked(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }
}

/// How a task ended.
#[derive(Clone, Debug)]
pub enum Outcome {
    /// Every step succeeded.
    Done {
        /// How many steps ran.
        changed: usize,
        /// How many warnings were given.
        warnings: usize,
    },
    /// A step failed, and everything was taken back.
    RolledBack(ErrorReport),
    /// An undo failed; the report says what to do by hand.
    Stuck(ErrorReport),
}

/// A task at work in this process.
#[derive(Debug)]
pub struct RunningTask {
    /// Its number.
    pub id: TaskId,
    /// What it says; closed at its end.
    pub log: EventLog,
    /// Stops it.
    pub cancel: Cancel,
    handle: tokio::task::JoinHandle<Result<Outcome>>,
}

impl RunningTask {
    /// Waits for its end.
    pub async fn outcome(self) -> Result<Outcome> {
        self.handle.await.map_err(|e| Error::internal(format!("task {} broke off", self.id)).because(e))?
    }
}

/// Stores a planned operation as a task, takes its locks, and starts it.
pub(crate) async fn submit(core: &Arc<Core>, planned: Planned) -> Result<RunningTask> {
    recover(core).await?;
    let task = Task {
        id: TaskId(0),
        kind: planned.kind.clone(),
        subject: planned.subject.clone(),
        plan: planned.plan.clone(),
        state: TaskState::Running,
        worker: Some(core.worker.clone()),
        created: Utc::now(),
        ended: None,
    };
    let leases: Vec<Lease> = planned
        .touches
        .iter()
        .map(|(entity, mode)| Lease { key: entity.to_string(), mode: *mode, worker: core.worker.clone(), task: TaskId(0), expires: Utc::now() + core.lease_time() })
        .collect();
    let id = core.inventory.create_task(&task, planned.id, &leases).await?;
    // Held against the world once more now that the locks are ours: nobody else can change it any more.
    if let Err(stale) = check_basis(core, &planned).await {
        let engine = Engine::new(core, Task { id, ..task }, EventLog::default(), Replay::new(0), Cancel::default());
        engine.say(&EventKind::TaskStarted { title: planned.title.clone(), steps: Vec::new() }, Entry::default()).await?;
        engine.finish(Verdict::RolledBack, &format!("nothing was done: {stale}")).await?;
        return Err(stale);
    }
    let replay = Replay::new(task.plan.steps().len());
    Ok(start(core, Task { id, ..task }, replay, Some(planned.title)))
}

/// Starts, or goes on with, a task that this process has taken.
pub(crate) fn start(core: &Arc<Core>, task: Task, replay: Replay, title: Option<String>) -> RunningTask {
    let log = EventLog::default();
    let cancel = Cancel::default();
    let id = task.id;
    let engine = Engine::new(core, task, log.clone(), replay, cancel.clone());
    let handle = tokio::spawn(async move {
        let result = engine.run(title).await;
        engine.log.close();
        result
    });
    RunningTask { id, log, cancel, handle }
}

struct Engine {
    core: Arc<Core>,
    task: Task,
    steps: Vec<Step>,
    log: EventLog,
    replay: Mutex<Replay>,
    cancel: Cancel,
}

impl Engine {
    fn new(core: &Arc<Core>, task: Task, log: EventLog, replay: Replay, cancel: Cancel) -> Self {
        let steps = task.plan.steps().into_iter().cloned().collect();
        Self { core: core.clone(), task, steps, log, replay: Mutex::new(replay), cancel }
    }

    async fn run(&self, title: Option<String>) -> Result<Outcome> {
        let beat = self.heartbeat();
        let work = self.work(title);
        tokio::pin!(beat, work);
        tokio::select! {
            outcome = &mut work => outcome,
            never = &mut beat => match never {},
        }
    }

    /// Extends the leases for as long as this process lives.
    async fn heartbeat(&self) -> std::convert::Infallible {
        let period = self.core.lease_time().to_std().unwrap_or_default() / 3;
        loop {
            tokio::time::sleep(period).await;
            // A missed beat is no failure: the next one, or the end of the lease, decides.
            let _ = self.core.inventory.extend(self.task.id, &self.core.worker, Utc::now() + self.core.lease_time()).await;
        }
    }

    async fn work(&self, title: Option<String>) -> Result<Outcome> {
        match title {
            Some(title) => {
                let steps = self.steps.iter().map(|s| StepInfo { server: s.server.clone(), action: s.action.clone(), summary: s.summary.clone() }).collect();
                self.say(&EventKind::TaskStarted { title, steps }, Entry::default()).await?;
            }
            None => {
                self.say(&EventKind::TaskResumed, Entry::default()).await?;
            }
        }
        if !self.replay.lock().await.unwinding {
            let Plan { forward, .. } = &self.task.plan;
            if self.forward(forward, 0).await.is_ok() {
                return self.commit().await;
            }
        }
        self.unwind().await
    }

    /// Runs a stage; on failure waits for what runs beside it, then stops.
    fn forward<'a>(&'a self, stage: &'a Stage, first: usize) -> BoxFuture<'a, Result<usize, ()>> {
        async move {
            match stage {
                Stage::Step(_) => self.step(first).await.map(|()| first + 1),
                Stage::Series(stages) => {
                    let mut next = first;
                    for stage in stages {
                        next = self.forward(stage, next).await?;
                    }
                    Ok(next)
                }
                Stage::Parallel(stages) => {
                    let mut starts = Vec::with_capacity(stages.len());
                    let mut next = first;
                    for stage in stages {
                        starts.push(next);
                        next += Plan { forward: stage.clone(), cleanup: Vec::new() }.steps().len();
                    }
                    let results = join_all(stages.iter().zip(starts).map(|(stage, start)| self.forward(stage, start))).await;
                    if results.iter().all(Result::is_ok) { Ok(next) } else { Err(()) }
                }
            }
        }
        .boxed()
    }

    async fn state(&self, step: usize) -> StepState {
        self.replay.lock().await.steps[step]
    }

    /// Runs one step and tells the journal; the error is in the journal.
    async fn step(&self, index: usize) -> Result<(), ()> {
        let retrying = match self.state(index).await {
            StepState::Succeeded => return Ok(()),
            StepState::Pending => false,
            _ => true,
        };
        let result = self.try_step(index, retrying).await;
        match result {
            Ok(()) => Ok(()),
            Err(error) => {
                let begun = self.state(index).await == StepState::Started;
                let report = error.context("step", &self.steps[index].summary).context("server", &self.steps[index].server).report();
                if begun {
                    // If even this cannot be stored, the journal says "started", and recovery takes it from there.
                    let _ = self.say(&EventKind::StepFailed { step: index, error: report }, Entry::default()).await;
                } else {
                    let mut replay = self.replay.lock().await;
                    replay.unwinding = true;
                    replay.failure.get_or_insert(report);
                }
                Err(())
            }
        }
    }

    async fn try_step(&self, index: usize, retrying: bool) -> Result<()> {
        if self.cancel.asked() {
            return Err(Error::new(ErrorKind::Interrupted, "stopped by the operator"));
        }
        let (action, cx) = self.prepare(index, retrying).await?;
        let before = if retrying {
            self.receipt(index).await?
        } else {
            let before = action.observe(&cx).await?;
            self.begin(index, &*action, &before).await?;
            before
        };
        let _permit = self.core.permit().await;
        let faults = &self.core.faults;
        faults.before_apply(index)?;
        action.apply(&cx, &before).await?;
        if faults.twice() {
            action.apply(&cx, &before).await?;
        }
        faults.after_apply(index)?;
        let release = action.claims(&self.steps[index].server).release;
        self.say(&EventKind::StepSucceeded { step: index }, Entry { release, ..Entry::default() }).await
    }

    async fn prepare(&self, index: usize, retrying: bool) -> Result<(Box<dyn ErasedAction>, Context)> {
        let step = &self.steps[index];
        let action = self.core.registry.actions().get(step)?;
        let server = self.core.connect(&step.server).await?;
        let running = Some((self.task.id, index, self.log.clone()));
        Ok((action, Context { core: self.core.clone(), server, owner: step.owner.clone(), running, retrying }))
    }

    /// Makes "started", what stood there before, and the new ownership durable, in one transaction.
    async fn begin(&self, index: usize, action: &dyn ErasedAction, before: &serde_json::Value) -> Result<()> {
        let step = &self.steps[index];
        let claims = action.claims(&step.server);
        for resource in claims.release.iter().filter(|r| !claims.acquire.contains(r)) {
            self.require_owner(resource, &step.owner).await?;
        }
        let mut acquired = Vec::new();
        for resource in claims.acquire {
            if self.core.inventory.owner(&resource).await?.is_none() {
                acquired.push(resource);
            } else {
                self.require_owner(&resource, &step.owner).await?;
            }
        }
        let receipt = Some(self.core.keyring.seal(&SecretString::from(before.to_string()))?);
        let acquire = acquired.iter().map(|r| (r.clone(), step.owner.clone())).collect();
        self.say(&EventKind::StepStarted { step: index, acquired }, Entry { receipt, acquire, ..Entry::default() }).await
    }

    async fn require_owner(&self, resource: &Resource, owner: &EntityRef) -> Result<()> {
        match self.core.inventory.owner(resource).await? {
            Some(found) if found == *owner => Ok(()),
            Some(other) => Err(Error::refused(format!("the {resource} belongs to {other}, not to {owner}")).context("server", &resource.server)),
            None => Err(Error::refused(format!("nothing says that the {resource} is Aegir's, so it is left alone")).context("server", &resource.server)),
        }
    }

    async fn receipt(&self, index: usize) -> Result<serde_json::Value> {
        let sealed: Option<Sealed> = self.replay.lock().await.receipts[index].clone();
        let sealed = sealed.ok_or_else(|| Error::internal(format!("the journal holds no receipt of step {index}")))?;
        let clear = self.core.keyring.open(&sealed)?;
        serde_json::from_str(clear.expose_secret()).map_err(|e| Error::internal(format!("the receipt of step {index} does not read")).because(e))
    }

    /// Everything that can fail succeeded: clean up, and end.
    async fn commit(&self) -> Result<Outcome> {
        if !self.replay.lock().await.committed {
            self.say(&EventKind::Committed, Entry::default()).await?;
        }
        let first = self.steps.len() - self.task.plan.cleanup.len();
        for index in first..self.steps.len() {
            if matches!(self.state(index).await, StepState::Failed | StepState::Succeeded) || self.step(index).await.is_ok() {
                continue;
            }
            let step = &self.steps[index];
            let by_hand = self.core.registry.actions().get(step)?.by_hand(&step.server);
            self.say(&EventKind::Warning { step: index, message: format!("“{}” failed and is left to you: {by_hand}", step.summary) }, Entry::default()).await?;
        }
        let changed = self.replay.lock().await.steps.iter().filter(|s| **s == StepState::Succeeded).count();
        self.finish(Verdict::Done, &format!("{changed} steps done")).await?;
        let warnings = self.replay.lock().await.warnings;
        Ok(Outcome::Done { changed, warnings })
    }

    /// Takes back every step that began, newest first.
    async fn unwind(&self) -> Result<Outcome> {
        let (order, failure) = {
            let replay = self.replay.lock().await;
            (replay.order.clone(), replay.failure.clone())
        };
        let failure = failure.unwrap_or_else(|| Error::new(ErrorKind::Interrupted, "the task was cut short").report());
        for index in order.into_iter().rev() {
            if self.state(index).await == StepState::Undone {
                continue;
            }
            if let Err(error) = self.take_back(index).await {
                let step = &self.steps[index];
                let by_hand = self.core.registry.actions().get(step).map(|a| a.by_hand(&step.server)).unwrap_or_default();
                let stuck = Error::new(ErrorKind::Stuck, format!("“{}” could not be taken back on {}", step.summary, step.server))
                    .context("server", &step.server)
                    .context("task", self.task.id)
                    .because(format!("{}; the task was being taken back because: {}", error.chain().join(": "), failure.message))
                    .hint(format!("by hand: {by_hand}"))
                    .hint(format!("then `aegir task retry {}` takes back the rest", self.task.id))
                    .report();
                self.finish(Verdict::Stuck, &stuck.message).await?;
                return Ok(Outcome::Stuck(stuck));
            }
        }
        self.finish(Verdict::RolledBack, &format!("everything was taken back: {}", failure.message)).await?;
        Ok(Outcome::RolledBack(failure))
    }

    async fn take_back(&self, index: usize) -> Result<()> {
        if self.state(index).await != StepState::Undoing {
            self.say(&EventKind::UndoStarted { step: index }, Entry::default()).await?;
        }
        let succeeded_before = self.task_released(index);
        let mut tries = 0;
        let result = loop {
            tries += 1;
            match self.try_undo(index).await {
                Ok(()) => break Ok(()),
                Err(error) if tries >= UNDO_TRIES => break Err(error),
                // A server that is busy restarting gets a moment.
                Err(_) => tokio::time::sleep(std::time::Duration::from_millis(250 * u64::from(tries))).await,
            }
        };
        match result {
            Ok(()) => {
                let release = self.replay.lock().await.acquired[index].clone();
                let entry = Entry { release, acquire: succeeded_before?, ..Entry::default() };
                self.say(&EventKind::UndoFinished { step: index }, entry).await
            }
            Err(error) => {
                self.say(&EventKind::UndoFailed { step: index, error: error.report() }, Entry::default()).await?;
                Err(error)
            }
        }
    }

    /// What the step gave up, to be recorded again: its owner is the one who had it.
    fn task_released(&self, index: usize) -> Result<Vec<(Resource, EntityRef)>> {
        let step = &self.steps[index];
        let action = self.core.registry.actions().get(step)?;
        let claims = action.claims(&step.server);
        Ok(claims.release.into_iter().filter(|r| !claims.acquire.contains(r)).map(|r| (r, step.owner.clone())).collect())
    }

    async fn try_undo(&self, index: usize) -> Result<()> {
        let before = self.receipt(index).await?;
        let (action, cx) = self.prepare(index, true).await?;
        self.core.faults.before_undo(index)?;
        action.undo(&cx, &before).await?;
        if self.core.faults.twice() {
            action.undo(&cx, &before).await?;
        }
        Ok(())
    }

    async fn finish(&self, verdict: Verdict, summary: &str) -> Result<()> {
        let state = match verdict {
            Verdict::Done => TaskState::Done,
            Verdict::RolledBack => TaskState::RolledBack,
            Verdict::Stuck => TaskState::Stuck,
        };
        self.say(&EventKind::TaskFinished { verdict, summary: summary.to_owned() }, Entry { state: Some(state), ..Entry::default() }).await?;
        // A stuck task lets go too: its world needs a person, and locks would keep that person out.
        self.core.inventory.release(self.task.id, None).await
    }

    /// Makes an event durable, takes it in, and lets followers see it.
    async fn say(&self, kind: &EventKind, entry: Entry) -> Result<()> {
        let mut replay = self.replay.lock().await;
        let receipt = entry.receipt.clone();
        let event = self.core.inventory.append(self.task.id, kind, &entry).await?;
        self.core.faults.after_event(event.seq);
        replay.take(kind, receipt.as_ref())?;
        self.log.push(event);
        Ok(())
    }
}
