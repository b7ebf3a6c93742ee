//! Apply forward, undo backward: the life of one task.

use std::collections::BTreeSet;
use std::sync::Arc;

use chrono::Utc;
use futures::future::{BoxFuture, FutureExt as _, join_all};
use secrecy::{ExposeSecret as _, SecretString};
use tokio::sync::Mutex;

use super::outcome::{Cancel, Outcome, RunningTask};
use super::state::{Replay, StepState};
use crate::action::{Context, ErasedAction};
use crate::entity::{Owner, Resource};
use crate::event::{EventKind, EventLog, StepInfo, Verdict};
use crate::inventory::{Entry, Task, TaskState};
use crate::name::ServerName;
use crate::plan::{Plan, Stage, Step};
use crate::reach::Reach;
use crate::secret::Sealed;
use crate::server::{GoneServer, Server};
use crate::shared::Core;
use crate::{Error, ErrorKind, ErrorReport, Result};

/// Starts a task that this process has stored.
pub(super) fn start(core: &Arc<Core>, task: Task, replay: Replay, title: String, cancel: Cancel) -> RunningTask {
    spawn(Engine::new(core, task, replay, cancel), Some(title))
}

/// Goes on with a task that this process has taken. What needs one of the servers that are `gone` is given up.
pub(super) fn resume(core: &Arc<Core>, task: Task, replay: Replay, gone: BTreeSet<ServerName>) -> RunningTask {
    spawn(Engine { gone, ..Engine::new(core, task, replay, Cancel::default()) }, None)
}

fn spawn(engine: Engine, title: Option<String>) -> RunningTask {
    let (id, log, cancel) = (engine.task.id, engine.log.clone(), engine.cancel.clone());
    let handle = tokio::spawn(async move {
        let result = engine.run(title).await;
        engine.log.close();
        result
    });
    RunningTask { id, log, cancel, handle }
}

/// One task at work.
pub(super) struct Engine {
    pub(super) core: Arc<Core>,
    pub(super) task: Task,
    pub(super) steps: Vec<Step>,
    reach: Result<Reach, ErrorReport>,
    log: EventLog,
    pub(super) replay: Mutex<Replay>,
    cancel: Cancel,
    /// Servers that nothing can be taken back on, ever.
    gone: BTreeSet<ServerName>,
}

impl Engine {
    pub(super) fn new(core: &Arc<Core>, task: Task, replay: Replay, cancel: Cancel) -> Self {
        let steps: Vec<Step> = task.plan.steps().into_iter().cloned().collect();
        let reach = Reach::of(&steps).map_err(|e| e.report());
        let (log, gone) = (EventLog::default(), BTreeSet::new());
        Self { core: core.clone(), task, steps, reach, log, replay: Mutex::new(replay), cancel, gone }
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
                let steps = self
                    .steps
                    .iter()
                    .map(|s| StepInfo { server: s.server.clone(), action: s.action.clone(), summary: s.summary.clone() })
                    .collect();
                self.say(&EventKind::TaskStarted { title, steps }, Entry::default()).await?;
            }
            None => {
                self.say(&EventKind::TaskResumed, Entry::default()).await?;
            }
        }
        if !self.replay.lock().await.unwinding {
            let Plan { forward, .. } = &self.task.plan;
            if self.forward(forward, 0).await.is_ok() && !self.stopped().await {
                return self.commit().await;
            }
        }
        self.unwind().await
    }

    /// Whether the operator stopped it in time: once it is committed, nothing does.
    async fn stopped(&self) -> bool {
        let mut replay = self.replay.lock().await;
        let stopped = self.cancel.asked() && !replay.committed;
        if stopped {
            replay.unwinding = true;
            replay.failure.get_or_insert_with(|| Error::new(ErrorKind::Interrupted, "stopped by the operator").report());
        }
        stopped
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

    pub(super) async fn state(&self, step: usize) -> StepState {
        self.replay.lock().await.steps[step]
    }

    /// Runs one step and tells the journal; the error is in the journal.
    async fn step(&self, index: usize) -> Result<(), ()> {
        let retrying = match self.state(index).await {
            StepState::Succeeded => return Ok(()),
            StepState::Pending => false,
            _ => true,
        };
        if self.stopped().await {
            return Err(());
        }
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
        let (action, cx) = self.prepare(index, retrying).await?;
        let before = if retrying {
            self.receipt(index).await?
        } else {
            let before = action.observe(&cx).await?;
            self.begin(index, &*action, &before).await?;
            before
        };
        let faults = &self.core.faults;
        faults.before_apply(index)?;
        self.core.steps.work(action.apply(&cx, &before)).await?;
        if faults.twice() {
            action.apply(&cx, &before).await?;
        }
        faults.after_apply(index)?;
        let release = action.claims(&self.steps[index].server).release;
        self.say(&EventKind::StepSucceeded { step: index }, Entry { release, ..Entry::default() }).await
    }

    pub(super) async fn prepare(&self, index: usize, retrying: bool) -> Result<(Box<dyn ErasedAction>, Context)> {
        let step = &self.steps[index];
        let action = self.core.registry.actions().get(step)?;
        let reach = self.reach.as_ref().map_err(ErrorReport::to_error)?;
        let server: Arc<dyn Server> = match self.is_gone(&step.server) {
            true => Arc::new(GoneServer::new(step.server.clone())),
            false => reach.work(&self.core, &step.server).await?,
        };
        let running = Some((self.task.id, index, self.log.clone()));
        Ok((action, Context { core: self.core.clone(), server, owner: step.owner.clone(), running, retrying }))
    }

    pub(super) fn is_gone(&self, server: &ServerName) -> bool {
        self.gone.contains(server)
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
        let released = self.struck(claims.release.iter().chain(&acquired), &step.owner).await?;
        let receipt = Some(self.core.keyring.seal(&SecretString::from(before.to_string()))?);
        let acquire = acquired.iter().map(|r| (r.clone(), step.owner.clone())).collect();
        self.say(&EventKind::StepStarted { step: index, acquired, released }, Entry { receipt, acquire, ..Entry::default() }).await
    }

    /// What the ledger has of these resources and below them, but for what other steps of this task put there.
    async fn struck(&self, resources: impl Iterator<Item = &Resource> + Clone, owner: &Owner) -> Result<Vec<Resource>> {
        if resources.clone().next().is_none() {
            return Ok(Vec::new());
        }
        let mut owned = self.core.inventory.owned_by(owner).await?;
        let replay = self.replay.lock().await;
        owned.retain(|o| resources.clone().any(|r| r.covers(o)) && !replay.acquired.iter().flatten().any(|a| a == o));
        Ok(owned)
    }

    async fn require_owner(&self, resource: &Resource, owner: &Owner) -> Result<()> {
        match self.core.inventory.owner(resource).await? {
            Some(found) if found == *owner => Ok(()),
            Some(other) => {
                Err(Error::refused(format!("the {resource} belongs to {other}, not to {owner}")).context("server", &resource.server))
            }
            None => Err(Error::refused(format!("nothing says that the {resource} is Aegir's, so it is left alone"))
                .context("server", &resource.server)),
        }
    }

    pub(super) async fn receipt(&self, index: usize) -> Result<serde_json::Value> {
        let sealed: Option<Sealed> = self.replay.lock().await.receipts[index].clone();
        let sealed = sealed.ok_or_else(|| Error::internal(format!("the journal holds no receipt of step {index}")))?;
        let clear = self.core.keyring.open(&sealed)?;
        serde_json::from_str(clear.expose_secret())
            .map_err(|e| Error::internal(format!("the receipt of step {index} does not read")).because(e))
    }

    /// Whether a clean-up step would destroy what the plan had no need to make: the ledger knows nothing of it.
    async fn was_never_made(&self, index: usize) -> Result<bool> {
        let step = &self.steps[index];
        let release = self.core.registry.actions().get(step)?.claims(&step.server).release;
        for resource in &release {
            if self.core.inventory.owner(resource).await?.is_some() {
                return Ok(false);
            }
        }
        Ok(!release.is_empty() && self.state(index).await == StepState::Pending)
    }

    /// Everything that can fail succeeded: clean up, and end.
    async fn commit(&self) -> Result<Outcome> {
        if !self.replay.lock().await.committed {
            self.say(&EventKind::Committed, Entry::default()).await?;
        }
        let first = self.steps.len() - self.task.plan.cleanup.len();
        for index in first..self.steps.len() {
            let ended = matches!(self.state(index).await, StepState::Failed | StepState::Succeeded);
            if ended || self.was_never_made(index).await? || self.step(index).await.is_ok() {
                continue;
            }
            let step = &self.steps[index];
            let by_hand = self.core.registry.actions().get(step)?.by_hand(&step.server);
            self.say(
                &EventKind::Warning { step: index, message: format!("“{}” failed and is left to you: {by_hand}", step.summary) },
                Entry::default(),
            )
            .await?;
        }
        let changed = self.replay.lock().await.steps.iter().filter(|s| **s == StepState::Succeeded).count();
        self.finish(Verdict::Done, &format!("{changed} steps done")).await?;
        let warnings = self.log.from(0).0.iter().filter(|e| matches!(e.kind, EventKind::Warning { .. })).count();
        Ok(Outcome::Done { changed, warnings })
    }

    pub(super) async fn finish(&self, verdict: Verdict, summary: &str) -> Result<()> {
        let state = match verdict {
            Verdict::Done => TaskState::Done,
            Verdict::RolledBack => TaskState::RolledBack,
            Verdict::Stuck => TaskState::Stuck,
            Verdict::Waiting => TaskState::Waiting,
        };
        // A stuck task lets go of its locks too: its world needs a person, and they would keep that person out. One
        // that waits is in the way of whoever comes for the same things, see `make_way`.
        self.say(&EventKind::TaskFinished { verdict, summary: summary.to_owned() }, Entry { state: Some(state), ..Entry::default() }).await
    }

    /// Makes an event durable, takes it in, and lets followers see it.
    pub(super) async fn say(&self, kind: &EventKind, entry: Entry) -> Result<()> {
        let mut replay = self.replay.lock().await;
        let receipt = entry.receipt.clone();
        let event = self.core.inventory.append(self.task.id, kind, &entry).await?;
        self.core.faults.after_event(event.seq);
        replay.take(kind, receipt.as_ref())?;
        self.log.push(event);
        Ok(())
    }
}
