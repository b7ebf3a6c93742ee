//! From a plan to a task: what is in its way ends first, then its locks, and the world looked at once more.

use std::sync::Arc;

use chrono::Utc;

use super::outcome::{Cancel, RunningTask};
use super::run::{Engine, start};
use super::state::Replay;
use super::{check_basis, give_up, make_way, reached, recover};
use crate::entity::EntityRef;
use crate::event::Verdict;
use crate::inventory::{Lease, Task, TaskId, TaskState, ran_before};
use crate::plan::Planned;
use crate::shared::Core;
use crate::{Error, Result};

/// Stores a planned operation as a task, takes its locks, and starts it.
pub(crate) async fn submit(core: &Arc<Core>, planned: Planned, cancel: Cancel) -> Result<RunningTask> {
    recover(core).await?;
    if let Some(before) = core.inventory.task_of_plan(planned.id).await? {
        return Err(ran_before(before));
    }
    still_gone(core, &planned).await?;
    give_up(core, &planned.gone).await?;
    make_way(core, &stands_on(&planned)).await?;
    // Before anything is stored: a plan that is refused here may still be applied when its world is back.
    check_basis(core, &planned).await?;
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
    let leases: Vec<Lease> = planned.touches.iter().map(|(entity, mode)| core.lease(entity.to_string(), *mode, TaskId(0))).collect();
    let id = core.inventory.create_task(&task, planned.id, &leases).await?;
    // Held against the world once more now that the locks are ours: nobody else can change it any more.
    if let Err(stale) = check_basis(core, &planned).await {
        let engine = Engine::new(core, Task { id, ..task }, Replay::new(0), Cancel::default());
        engine.finish(Verdict::RolledBack, &format!("nothing was done: {stale}")).await?;
        return Err(stale);
    }
    let replay = Replay::new(task.plan.steps().len());
    Ok(start(core, Task { id, ..task }, replay, planned.title, cancel))
}

/// What must be in order before a plan runs: all it touches. But a server that is changed or deleted may be so because
/// of what waits for it.
fn stands_on(planned: &Planned) -> Vec<EntityRef> {
    let mends = matches!(planned.kind.as_str(), "server.change" | "server.delete");
    let stands = |entity: &&EntityRef| !mends || !matches!(entity, EntityRef::Server(_));
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
