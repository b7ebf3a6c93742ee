//! Apply forward, undo backward: the life of one task.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use futures::future::{BoxFuture, FutureExt as _, join_all};
use secrecy::{ExposeSecret as _, SecretString};

use super::journal::TaskJournal;
use super::outcome::{Cancel, Outcome, RunningTask};
use super::pulse::Pulse;
use super::state::Replay;
use crate::action::{Context, ErasedAction, MOST_OUTPUT, RunningStep};
use crate::entity::{Owner, Recorded, Resource};
use crate::event::{EventKind, StepInfo, StepState, Verdict};
use crate::inventory::{Begin, Claim, Entry, Task, superseded};
use crate::name::ServerName;
use crate::plan::{Plan, Stage, Step};
use crate::reach::Reach;
use crate::secret::Sealed;
use crate::server::{FencedServer, Gate as _, GoneServer, Server};
use crate::shared::{AtWork, Core};
use crate::{Error, ErrorKind, ErrorReport, Result};

/// A task that this process has claimed, ready to run.
#[derive(Debug)]
pub(super) struct Claimed {
    pub(super) task: Task,
    pub(super) claim: Claim,
    pub(super) pulse: Arc<Pulse>,
    /// One engine for a task in a process.
    _at_work: AtWork,
}

impl Claimed {
    /// Begins to beat for a claim that was taken just now.
    pub(super) fn new(core: &Arc<Core>, task: Task, claim: Claim) -> Self {
        Self { _at_work: core.note_work(claim.task), pulse: core.heart.beat_for(&core.inventory, claim, core.lease_time()), task, claim }
    }
}

/// Starts a task that was never begun, with the plan that it begins with.
pub(super) fn start(core: &Arc<Core>, mut claimed: Claimed, begin: Begin, title: String, cancel: Cancel) -> RunningTask {
    claimed.task.plan.clone_from(&begin.plan);
    spawn(Engine::new(core, claimed, Replay::default(), cancel, BTreeSet::new()), Some((title, begin)))
}

/// Goes on with a task that this process has taken over. What needs one of the servers that are `gone` is given up.
pub(super) fn resume(core: &Arc<Core>, claimed: Claimed, replay: Replay, gone: BTreeSet<ServerName>, back: bool) -> RunningTask {
    spawn(Engine { back, ..Engine::new(core, claimed, replay, Cancel::default(), gone) }, None)
}

fn spawn(engine: Engine, begin: Option<(String, Begin)>) -> RunningTask {
    let (id, log, cancel) = (engine.task.id, engine.journal.log.clone(), engine.cancel.clone());
    let handle = tokio::spawn(async move {
        let result = engine.run(begin).await;
        engine.journal.log.close();
        result
    });
    RunningTask { id, log, cancel, handle }
}

/// One task at work.
pub(super) struct Engine {
    pub(super) core: Arc<Core>,
    pub(super) task: Task,
    pub(super) steps: Vec<Step>,
    named: Arc<BTreeMap<String, usize>>,
    reach: Result<Reach, ErrorReport>,
    pub(super) journal: Arc<TaskJournal>,
    cancel: Cancel,
    /// Servers that nothing can be taken back on, ever.
    gone: BTreeSet<ServerName>,
    _at_work: AtWork,
    /// It is a taken-over task that goes back, though its journal says no reason: it had not begun, or it destroys.
    back: bool,
    /// The first step of a failed branch that could not be taken back.
    pub(super) halted: tokio::sync::Mutex<Option<(usize, Error)>>,
}

impl Engine {
    fn new(core: &Arc<Core>, claimed: Claimed, replay: Replay, cancel: Cancel, gone: BTreeSet<ServerName>) -> Self {
        let Claimed { task, claim, pulse, _at_work } = claimed;
        let steps: Vec<Step> = task.plan.steps().into_iter().cloned().collect();
        let named = steps.iter().enumerate().filter_map(|(index, step)| Some((step.id.clone()?, index))).collect();
        let reach = Reach::of(&steps).map_err(|e| e.report());
        let journal = Arc::new(TaskJournal::new(&core.inventory, claim, pulse, replay, &core.faults));
        Self {
            core: core.clone(),
            task,
            steps,
            named: Arc::new(named),
            reach,
            journal,
            cancel,
            gone,
            _at_work,
            back: false,
            halted: tokio::sync::Mutex::default(),
        }
    }

    /// Works until the end, or until another worker has the task: then at once, in the middle of whatever it is.
    async fn run(&self, begin: Option<(String, Begin)>) -> Result<Outcome> {
        tokio::select! {
            biased;
            () = self.journal.pulse.lost() => Err(superseded(&self.journal.claim)),
            outcome = self.work(begin) => outcome,
        }
    }

    async fn work(&self, begin: Option<(String, Begin)>) -> Result<Outcome> {
        self.cancel.covers(&self.core.inventory, self.task.id, &self.journal.pulse).await?;
        match begin {
            Some((title, begin)) => {
                let steps =
                    self.steps.iter().map(|s| StepInfo { server: s.server.clone(), action: s.action.clone(), summary: s.summary.clone() });
                let branches = self.task.plan.groups();
                let started = EventKind::TaskStarted { title, steps: steps.collect(), branches };
                match self.say(&started, Entry { begin: Some(Box::new(begin)), ..Entry::default() }).await {
                    // Stopped before it began.
                    Err(error) if self.was_stopped(&error).await? => {}
                    other => other?,
                }
            }
            None => self.say(&EventKind::TaskResumed, Entry::default()).await?,
        }
        // What is committed goes on to its end, also when somebody tries to take back the branches that failed.
        if self.journal.replay().await.standing.committed || (!self.back && !self.stopped().await?) {
            let Plan { forward, .. } = &self.task.plan;
            if self.forward(forward, 0).await.is_ok() {
                match self.commit().await {
                    Err(error) if self.was_stopped(&error).await? => {}
                    ended => return ended,
                }
            }
        }
        self.unwind().await
    }

    /// Whether the way is back: a step failed, or somebody stopped the task in time.
    pub(super) async fn stopped(&self) -> Result<bool> {
        if self.journal.pulse.is_cancelled() {
            self.journal.catch_up().await?;
        }
        let replay = self.journal.replay().await;
        Ok(replay.standing.unwinding && !replay.standing.committed)
    }

    /// Whether the journal refused something because somebody stopped the task.
    async fn was_stopped(&self, error: &Error) -> Result<bool> {
        if error.kind() == ErrorKind::Superseded {
            return Ok(false);
        }
        self.journal.catch_up().await?;
        let replay = self.journal.replay().await;
        Ok(replay.standing.cancelled && !replay.standing.committed)
    }

    /// Runs a stage; on failure waits for what runs beside it, then stops.
    pub(super) fn forward<'a>(&'a self, stage: &'a Stage, first: usize) -> BoxFuture<'a, Result<usize, ()>> {
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
                        next += stage.count();
                    }
                    let results = join_all(stages.iter().zip(starts).map(|(stage, start)| self.forward(stage, start))).await;
                    if results.iter().all(Result::is_ok) { Ok(next) } else { Err(()) }
                }
                Stage::Branches { of, .. } => self.branches(of, first).await,
            }
        }
        .boxed()
    }

    pub(super) async fn state(&self, step: usize) -> StepState {
        self.journal.replay().await.standing.steps.get(step).copied().unwrap_or(StepState::Pending)
    }

    /// Runs one step and tells the journal; the error is in the journal.
    async fn step(&self, index: usize) -> Result<(), ()> {
        let retrying = match self.state(index).await {
            StepState::Succeeded => return Ok(()),
            StepState::Pending => false,
            _ => true,
        };
        if self.stopped().await.map_err(drop)? || self.journal.replay().await.standing.goes_back(index) {
            return Err(());
        }
        let Err(error) = self.try_step(index, retrying).await else { return Ok(()) };
        if self.state(index).await != StepState::Started && self.was_stopped(&error).await.map_err(drop)? {
            return Err(());
        }
        let report = error.context("step", &self.steps[index].summary).context("server", &self.steps[index].server).report();
        // If even this cannot be stored, the journal says "started", and recovery takes it from there.
        let _ = self.say(&EventKind::StepFailed { step: index, error: report }, Entry::default()).await;
        Err(())
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
        self.journal.pulse.pass().await?;
        let mut output = self.core.steps.work(self.in_time(&*action, action.apply(&cx, &before))).await?;
        if faults.twice() {
            output = action.apply(&cx, &before).await?;
        }
        faults.after_apply(index)?;
        let receipt = self.seal_output(index, &output)?;
        let release = action.claims(&self.steps[index].server).release;
        self.say(&EventKind::StepSucceeded { step: index }, Entry { receipt, release, ..Entry::default() }).await
    }

    /// What a step put out, as it is stored; nothing for most.
    fn seal_output(&self, index: usize, output: &serde_json::Value) -> Result<Option<Sealed>> {
        if output.is_null() {
            return Ok(None);
        }
        let text = output.to_string();
        if text.len() > MOST_OUTPUT {
            return Err(Error::internal(format!("step {index} puts out {} bytes, and {MOST_OUTPUT} are the most", text.len())));
        }
        self.core.keyring.seal(&SecretString::from(text)).map(Some)
    }

    pub(super) async fn prepare(&self, index: usize, retrying: bool) -> Result<(Box<dyn ErasedAction>, Context)> {
        let step = &self.steps[index];
        let action = self.core.registry.actions().get(step)?;
        let reach = self.reach.as_ref().map_err(ErrorReport::to_error)?;
        let server: Arc<dyn Server> = match self.is_gone(&step.server) {
            true => Arc::new(GoneServer::new(step.server.clone())),
            false => reach.work(&self.core, &step.server).await?,
        };
        let server: Arc<dyn Server> = Arc::new(FencedServer::new(server, self.journal.pulse.clone()));
        let running = Some(RunningStep { journal: self.journal.clone(), step: index, named: self.named.clone() });
        Ok((action, Context { core: self.core.clone(), server, owner: step.owner.clone(), running, retrying }))
    }

    /// Gives up on what takes longer than the action says it may.
    pub(super) async fn in_time<T>(&self, action: &dyn ErasedAction, work: impl Future<Output = Result<T>>) -> Result<T> {
        let limit = action.limit();
        tokio::time::timeout(limit, work).await.unwrap_or_else(|_| {
            Err(Error::new(ErrorKind::Timeout, format!("it took longer than {} minutes, and was ended", limit.as_secs().div_ceil(60))))
        })
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

    /// What the ledger has of these resources and below them.
    async fn struck(&self, resources: impl Iterator<Item = &Resource> + Clone, owner: &Owner) -> Result<Vec<Recorded>> {
        if resources.clone().next().is_none() {
            return Ok(Vec::new());
        }
        let mut struck = Vec::new();
        for resource in self.core.inventory.owned_by(owner).await? {
            if resources.clone().any(|r| r.covers(&resource)) {
                let task = self.core.inventory.holding(&resource).await?.map_or(0, |held| held.task.0);
                struck.push(Recorded { resource, task });
            }
        }
        Ok(struck)
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
        let sealed: Option<Sealed> = self.journal.replay().await.receipts.get(index).cloned().flatten();
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

    /// Whether a clean-up step is for a branch that failed.
    async fn is_of_failed_branch(&self, index: usize) -> bool {
        let Some(branch) = &self.steps[index].branch else { return false };
        let replay = self.journal.replay().await;
        replay.groups.iter().flat_map(|group| &group.branches).any(|b| b.name == *branch && replay.standing.has_failed(&b.steps()))
    }

    /// Everything that can fail succeeded: clean up, and end.
    async fn commit(&self) -> Result<Outcome> {
        if !self.journal.replay().await.standing.committed {
            self.say(&EventKind::Committed, Entry::default()).await?;
        }
        let first = self.steps.len() - self.task.plan.cleanup.len();
        for index in first..self.steps.len() {
            let ended = matches!(self.state(index).await, StepState::Failed | StepState::Succeeded);
            if ended || self.is_of_failed_branch(index).await || self.was_never_made(index).await? || self.step(index).await.is_ok() {
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
        let changed = self.journal.replay().await.in_state(StepState::Succeeded).count();
        let warnings = self.journal.log.from(0).0.iter().filter(|e| matches!(e.kind, EventKind::Warning { .. })).count();
        if let Some(partly) = self.end_partly(changed, warnings).await? {
            return Ok(partly);
        }
        self.finish(Verdict::Done, &format!("{changed} steps done")).await?;
        Ok(Outcome::Done { changed, warnings })
    }

    /// Ends the task. One that is stuck or waits lets go of all locks but the one on its subject: its world needs a person,
    /// or a server, and nobody else may build on it until then.
    pub(super) async fn finish(&self, verdict: Verdict, summary: &str) -> Result<()> {
        self.say(&EventKind::TaskFinished { verdict, summary: summary.to_owned() }, Entry::default()).await?;
        self.prune().await;
        Ok(())
    }

    /// Drops what nobody needs of old tasks. This task's end does not depend on it.
    async fn prune(&self) {
        if let Ok(now) = self.core.inventory.now().await
            && let Some(before) = now.checked_sub_signed(self.core.settings.journal_time())
        {
            let _ = self.core.inventory.prune(before).await;
        }
    }

    pub(super) async fn say(&self, kind: &EventKind, entry: Entry) -> Result<()> {
        self.journal.say(kind, entry).await
    }
}
