//! Ends what a dead worker or a dead server left: done or rolled back, without a person.

use std::collections::BTreeSet;
use std::sync::Arc;

use chrono::Utc;
use futures::future::join_all;

use super::outcome::Outcome;
use super::run::resume;
use super::state::Replay;
use super::worker::is_dead;
use crate::entity::EntityRef;
use crate::event::EventKind;
use crate::inventory::{LeaseMode, Task, TaskFilter, TaskId, TaskState};
use crate::name::ServerName;
use crate::reach::Reach;
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
            recovered.push(Recovered { id, outcome: go_on(core, task, &[]).await? });
        }
    }
    Ok(recovered)
}

/// Goes on with a task that this process has taken, and waits for its end.
async fn go_on(core: &Arc<Core>, mut task: Task, gone: &[ServerName]) -> Result<Outcome> {
    task.worker = Some(core.worker.clone());
    core.inventory.extend(task.id, &core.worker, Utc::now() + core.lease_time()).await?;
    let entries = core.inventory.entries(task.id, 0).await?;
    let mut replay = Replay::of(task.plan.steps().len(), &entries)?;
    // Cut off before its plan was held against the world: the world may be another one, so it does not begin.
    replay.unwinding |= !replay.begun;
    let gone = gone.iter().cloned().chain(forgotten(core, &task).await?).collect();
    resume(core, task, replay, gone).outcome().await
}

/// The servers of a task that nothing says any more how to reach: they were deleted meanwhile.
async fn forgotten(core: &Arc<Core>, task: &Task) -> Result<Vec<ServerName>> {
    let steps = task.plan.steps();
    let reach = Reach::of(steps.iter().copied())?;
    let mut forgotten = Vec::new();
    for server in steps.into_iter().map(|step| &step.server).collect::<BTreeSet<_>>() {
        match reach.work(core, server).await {
            Err(error) if error.kind() == ErrorKind::NotFound => forgotten.push(server.clone()),
            // Only a handle: whether it answers shows when something is done there.
            Err(error) => return Err(error),
            Ok(_) => {}
        }
    }
    Ok(forgotten)
}

/// Tries a stuck or waiting task again: what is not taken back yet is.
pub(crate) async fn retry(core: &Arc<Core>, id: TaskId) -> Result<Outcome> {
    retry_without(core, id, &[]).await
}

/// The same, giving up what needs servers that are gone for good.
pub(super) async fn retry_without(core: &Arc<Core>, id: TaskId, gone: &[ServerName]) -> Result<Outcome> {
    let task = core.inventory.task(id).await?.ok_or_else(|| Error::not_found(format!("there is no task {id}")))?;
    if !matches!(task.state, TaskState::Stuck | TaskState::Waiting) {
        return Err(Error::conflict(format!("task {id} is {}, not stuck or waiting", task.state.as_str())).context("task", id));
    }
    // Its locks were let go when it ended; nobody else may work on its subject meanwhile.
    core.inventory.acquire(&core.lease(task.subject.to_string(), LeaseMode::Exclusive, id)).await?;
    if !core.inventory.take_task(id, task.worker.as_ref(), &core.worker).await? {
        return Err(Error::new(ErrorKind::Locked, format!("somebody else works on task {id}")).context("task", id));
    }
    go_on(core, task, gone).await
}

/// Everything that can be ended: what dead workers left, and what waits for a server.
pub(crate) async fn recover_all(core: &Arc<Core>) -> Result<Vec<Recovered>> {
    let mut recovered = recover(core).await?;
    // Side by side: several dead servers are waited for at the same time.
    let tries = waiting(core).await?.into_iter().map(|task| async move { (task.id, retry(core, task.id).await) });
    for (id, result) in join_all(tries).await {
        recovered.push(Recovered { id, outcome: result? });
    }
    Ok(recovered)
}

/// Ends what waits for a server and stands in the way of work on these entities. What belongs to other entities on the
/// same servers is tried too, and left waiting where that does not help.
pub(crate) async fn make_way(core: &Arc<Core>, entities: &[EntityRef]) -> Result<Vec<Recovered>> {
    let mut recovered = Vec::new();
    for task in waiting(core).await? {
        let in_the_way = entities.contains(&task.subject);
        if !in_the_way && !awaited(core, &task).await?.is_some_and(|server| entities.contains(&EntityRef::Server(server))) {
            continue;
        }
        let (id, subject) = (task.id, task.subject);
        match retry(core, id).await {
            Ok(outcome @ Outcome::Waiting(_)) if !in_the_way => recovered.push(Recovered { id, outcome }),
            Ok(Outcome::Waiting(report) | Outcome::Stuck(report)) if in_the_way => {
                let blocked = Error::new(report.kind, format!("{subject} is not as it should be: task {id} is not taken back yet"));
                let blocked = report.hints.iter().cloned().fold(blocked, Error::hint);
                return Err(blocked
                    .context("task", id)
                    .because(report.to_error())
                    .hint(format!("`aegir task show {id}` shows what is left")));
            }
            Ok(outcome) => recovered.push(Recovered { id, outcome }),
            Err(error) if in_the_way => return Err(error),
            // Another process is at it, or something of it is gone: no business of this work.
            Err(_) => {}
        }
    }
    Ok(recovered)
}

async fn waiting(core: &Arc<Core>) -> Result<Vec<Task>> {
    core.inventory.tasks(&TaskFilter { state: Some(TaskState::Waiting), ..TaskFilter::default() }).await
}

/// The server whose answer a waiting task waits for.
async fn awaited(core: &Arc<Core>, task: &Task) -> Result<Option<ServerName>> {
    let entries = core.inventory.entries(task.id, 0).await?;
    let step = entries.iter().rev().find_map(|entry| match &entry.event.kind {
        EventKind::UndoFailed { step, .. } => Some(*step),
        _ => None,
    });
    Ok(step.and_then(|step| task.plan.steps().get(step).map(|s| s.server.clone())))
}
