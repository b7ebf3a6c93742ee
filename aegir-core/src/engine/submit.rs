//! From a request or a plan to a task: what is in its way ends first, then come its locks, then the world is looked at.

use std::sync::Arc;

use secrecy::SecretString;

use super::outcome::{Cancel, RunningTask};
use super::recover::Recovered;
use super::run::{Claimed, start};
use super::{check_basis, give_up, make_way, reached, recover};
use crate::entity::EntityRef;
use crate::inventory::{Begin, LeaseMode, NewTask, Pass, TaskId, ran_before};
use crate::plan::Planned;
use crate::shared::Core;
use crate::task::{self, Request};
use crate::{Error, Result};

/// What a request came to.
pub(crate) enum Begun {
    /// There is nothing to do, or whoever looked keeps the plan.
    Not(Box<Planned>),
    /// It runs.
    Running(RunningTask),
}

/// A request that nothing is in the way of: what dead workers left, and what waits for servers that it needs, is ended.
#[derive(Debug)]
#[must_use]
pub struct Way {
    pub(crate) request: Request,
    /// The batch that it is part of.
    pub(crate) parent: Option<TaskId>,
    /// What was ended, and how.
    pub recovered: Vec<Recovered>,
    scope: Vec<EntityRef>,
}

/// Ends what is in the way of a request.
pub(crate) async fn clear(core: &Arc<Core>, request: &Request) -> Result<Way> {
    let mut recovered = recover(core).await?;
    let scope = task::scope(core, request).await?;
    recovered.extend(make_way(core, &scope).await?);
    Ok(Way { request: request.clone(), parent: None, recovered, scope })
}

/// Locks what a request is about, plans it under the locks, and runs the plan. `see` sees the plan first, and decides; it
/// must not wait for anybody. What does not run leaves no trace.
pub(crate) async fn begin(core: &Arc<Core>, way: &Way, cancel: &Cancel, see: impl FnOnce(&Planned) -> Result<bool>) -> Result<Begun> {
    let (request, scope) = (&way.request, way.scope.clone());
    let subject = request.subject();
    let others = scope.into_iter().filter(|entity| *entity != subject).map(|entity| (entity, LeaseMode::Shared));
    let new = NewTask {
        kind: request.kind().to_owned(),
        touches: std::iter::once((subject.clone(), LeaseMode::Exclusive)).chain(others).collect(),
        subject,
        request: Some(seal(core, request)?),
        by: core.by.clone(),
        parent: way.parent,
        plan: uuid::Uuid::now_v7(),
        pass: if request.mends() { Pass::WaitsForServer } else { Pass::Nobody },
    };
    let claimed = open(core, &new).await?;
    let planned = cancel.unless_asked(task::plan(core, request)).await;
    let seen = planned.and_then(|planned| Ok((see(&planned)?, planned)));
    match seen {
        Ok((true, planned)) if !planned.is_empty() => Ok(Begun::Running(run(core, claimed, planned, &new.touches, cancel))),
        other => {
            core.inventory.discard(&claimed.claim).await?;
            other.map(|(_, planned)| Begun::Not(Box::new(planned)))
        }
    }
}

/// Runs a plan that was made before: locks what it touches, and refuses it when the world has changed since.
pub(crate) async fn submit(core: &Arc<Core>, planned: Planned, cancel: &Cancel) -> Result<RunningTask> {
    planned.plan.check(core.registry.actions())?;
    let free = cancel.unless_asked(async {
        recover(core).await?;
        if let Some(before) = core.inventory.task_of_plan(planned.id).await? {
            return Err(ran_before(before));
        }
        if !planned.gone.is_empty() {
            still_gone(core, &planned).await?;
            // A plan that is refused gives nothing up.
            check_basis(core, &planned).await?;
            give_up(core, &planned.gone).await?;
        }
        make_way(core, &stands_on(&planned)).await.map(drop)
    });
    free.await?;
    let new = NewTask {
        kind: planned.kind.clone(),
        subject: planned.subject.clone(),
        touches: planned.touches.clone(),
        request: None,
        by: core.by.clone(),
        parent: None,
        plan: planned.id,
        pass: pass(&planned),
    };
    let claimed = open(core, &new).await?;
    // Under the locks: nobody else can change it any more. A plan that is refused may be applied when its world is back.
    if let Err(stale) = cancel.unless_asked(check_basis(core, &planned)).await {
        core.inventory.discard(&claimed.claim).await?;
        return Err(stale);
    }
    Ok(run(core, claimed, planned, &new.touches, cancel))
}

async fn open(core: &Arc<Core>, new: &NewTask) -> Result<Claimed> {
    let claim = core.inventory.open_task(new, &core.worker, core.lease_time()).await?;
    let task = core
        .inventory
        .task(claim.task)
        .await?
        .ok_or_else(|| Error::internal(format!("task {} was opened, and is not there", claim.task)))?;
    Ok(Claimed::new(core, task, claim))
}

fn run(core: &Arc<Core>, claimed: Claimed, planned: Planned, locked: &[(EntityRef, LeaseMode)], cancel: &Cancel) -> RunningTask {
    let pass = pass(&planned);
    let mut touches = planned.touches;
    for (entity, mode) in locked {
        if !touches.iter().any(|(touched, _)| touched == entity) {
            touches.push((entity.clone(), *mode));
        }
    }
    let begin = Begin { plan: planned.plan, touches, destroys: planned.destroys, pass };
    start(core, claimed, begin, planned.title, cancel.clone())
}

/// Whom a plan passes: what waits for the server that it mends, and what is left where a machine is gone.
fn pass(planned: &Planned) -> Pass {
    match (planned.gone.is_empty(), planned.mends) {
        (false, _) => Pass::Unfinished,
        (true, true) => Pass::WaitsForServer,
        (true, false) => Pass::Nobody,
    }
}

/// A request as it is stored: sealed, for its settings may hold secrets.
fn seal(core: &Core, request: &Request) -> Result<crate::secret::Sealed> {
    let text = serde_json::to_string(request).map_err(|e| Error::internal("a request does not serialise").because(e))?;
    core.keyring.seal(&SecretString::from(text))
}

/// What must be in order before a plan runs: all it touches. But a server that is changed or deleted may be so because
/// of what waits for it.
fn stands_on(planned: &Planned) -> Vec<EntityRef> {
    let stands = |entity: &&EntityRef| !planned.mends || !matches!(entity, EntityRef::Server(_));
    planned.touches.iter().map(|(entity, _)| entity).filter(stands).cloned().collect()
}

/// An operator may have thought about it for a while: a machine that answers again is not given up.
async fn still_gone(core: &Arc<Core>, planned: &Planned) -> Result<()> {
    for name in &planned.gone {
        if let Some(server) = reached(core, name).await?
            && core.silence(&server).await?.is_none()
        {
            return Err(Error::conflict(format!("the plan “{}” no longer fits: {name} answers again", planned.title))
                .context("server", name)
                .hint("plan again, without `--offline`"));
        }
    }
    Ok(())
}
