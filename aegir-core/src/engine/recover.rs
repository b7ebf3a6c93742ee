//! Ends what a dead worker left: every unfinished task becomes done or rolled back, without a person.

use std::sync::Arc;

use chrono::Utc;

use super::run::{Outcome, start};
use super::state::Replay;
use super::worker::is_dead;
use crate::inventory::{LeaseMode, Task, TaskFilter, TaskId, TaskState};
use crate::shared::Core;
use crate::{Error, ErrorKind, Result};

/// A task that was taken over, and how it ended.
#[derive(Debug)]
pub struct Recovered {
    /// Its number.
    pub id: TaskId,
    /// How it ended.
    pub outcome: Outcome,
}

/// Takes over and ends every running task whose worker is dead, oldest first.
pub(crate) async fn recover(core: &Arc<Core>) -> Result<Vec<Recovered>> {
    let filter = TaskFilter { state: Some(TaskState::Running), ..TaskFilter::default() };
    let mut orphans = core.inventory.tasks(&filter).await?;
    if orphans.is_empty() {
        return Ok(Vec::new());
    }
    let leases = core.inventory.leases().await?;
    orphans.reverse();
    let mut recovered = Vec::new();
    for task in orphans {
        let held = leases.iter().any(|l| l.task == task.id && l.expires > Utc::now());
        let dead = task
            .worker
            .as_ref()
            .is_none_or(|w| *w != core.worker && (is_dead(w, &core.worker) || (!held && w.machine != core.worker.machine)));
        if dead && core.inventory.take_task(task.id, task.worker.as_ref(), &core.worker).await? {
            let id = task.id;
            recovered.push(Recovered { id, outcome: go_on(core, task).await? });
        }
    }
    Ok(recovered)
}

/// Goes on with a task that this process has taken, and waits for its end.
pub(crate) async fn go_on(core: &Arc<Core>, mut task: Task) -> Result<Outcome> {
    task.worker = Some(core.worker.clone());
    core.inventory.extend(task.id, &core.worker, Utc::now() + core.lease_time()).await?;
    let entries = core.inventory.entries(task.id, 0).await?;
    let mut replay = Replay::of(task.plan.steps().len(), &entries)?;
    // Cut off before its plan was held against the world: the world may be another one, so it does not begin.
    replay.unwinding |= !replay.begun;
    start(core, task, replay, None).outcome().await
}

/// Tries a stuck task again: what is not taken back yet is.
pub(crate) async fn retry(core: &Arc<Core>, id: TaskId) -> Result<Outcome> {
    let task = core.inventory.task(id).await?.ok_or_else(|| Error::not_found(format!("there is no task {id}")))?;
    if task.state != TaskState::Stuck {
        return Err(Error::conflict(format!("task {id} is {}, not stuck", task.state.as_str())).context("task", id));
    }
    // Its locks were let go when it stuck; nobody else may work on its subject meanwhile.
    core.inventory.acquire(&core.lease(task.subject.to_string(), LeaseMode::Exclusive, id)).await?;
    if !core.inventory.take_task(id, task.worker.as_ref(), &core.worker).await? {
        return Err(Error::new(ErrorKind::Locked, format!("somebody else works on task {id}")).context("task", id));
    }
    go_on(core, task).await
}
