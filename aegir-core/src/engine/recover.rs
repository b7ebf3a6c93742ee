//! Ends what a dead worker or a dead server left: done or rolled back, without a person.

use std::collections::BTreeSet;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use futures::future::join_all;

use super::batch;
use super::outcome::Outcome;
use super::run::{Claimed, resume};
use super::state::Replay;
use super::unwind::given_back;
use super::worker::{is_dead, is_stopped};
use crate::entity::EntityRef;
use crate::event::EventKind;
use crate::inventory::{Entry, Task, TaskFilter, TaskId, TaskState, no_task};
use crate::name::ServerName;
use crate::reach::Reach;
use crate::shared::Core;
use crate::{Error, ErrorKind, ErrorReport, Result};

/// A task that was taken over, and how it ended.
#[derive(Debug)]
pub struct Recovered {
    /// Its number.
    pub id: TaskId,
    /// How it ended.
    pub outcome: Outcome,
}

/// Takes over and ends every running task whose worker is lost, oldest first. One that cannot be read or gone on with is
/// stuck from then on, and stops nobody else.
pub(crate) async fn recover(core: &Arc<Core>) -> Result<Vec<Recovered>> {
    let mut lost = orphans(core).await?;
    lost.reverse();
    // What a batch came to, its tasks tell: they end first.
    lost.sort_by_key(Task::is_batch);
    let mut recovered = Vec::new();
    for task in lost {
        let (id, seen) = (task.id, task.epoch);
        match take_over(core, task, &[]).await {
            Ok(Some(outcome)) => recovered.push(Recovered { id, outcome }),
            // Somebody else was quicker, or works on what it touches: it is ended by whoever comes next.
            Ok(None) => {}
            Err(error) if matches!(error.kind(), ErrorKind::Locked | ErrorKind::Superseded) => {}
            Err(error) if matches!(error.kind(), ErrorKind::Internal | ErrorKind::Unsupported) => {
                if let Some(stuck) = condemn(core, id, seen, &error).await? {
                    recovered.push(Recovered { id, outcome: Outcome::Stuck(stuck) });
                }
            }
            Err(error) => return Err(error),
        }
    }
    Ok(recovered)
}

/// Returns the running tasks whose worker is lost, newest first; changes nothing.
pub(crate) async fn orphans(core: &Arc<Core>) -> Result<Vec<Task>> {
    let filter = TaskFilter { state: Some(TaskState::Running), ..TaskFilter::default() };
    let running = core.inventory.tasks(&filter).await?;
    if running.is_empty() {
        return Ok(Vec::new());
    }
    let now = core.inventory.now().await?;
    Ok(running.into_iter().filter(|task| is_lost(core, task, now)).collect())
}

/// Whether the worker of a running task is dead, or was silent for too long. One on this machine that lives is busy,
/// whatever a clock says; one that was stopped is silent.
pub(super) fn is_lost(core: &Core, task: &Task, now: DateTime<Utc>) -> bool {
    // One engine for a task in a process: whoever took it over from this one, this one ends first.
    if core.at_work(task.id) {
        return false;
    }
    let expired = task.expires <= now;
    match &task.worker {
        None => true,
        Some(worker) if *worker == core.worker => true,
        Some(worker) if worker.machine == core.worker.machine => is_dead(worker, &core.worker) || (expired && is_stopped(worker)),
        Some(_) => expired,
    }
}

/// Marks a task as stuck that this build cannot go on with; `None` when somebody else has it by now.
async fn condemn(core: &Arc<Core>, id: TaskId, seen: u64, error: &Error) -> Result<Option<ErrorReport>> {
    // Claimed once when it was taken over, and once more now.
    let why = error.chain().join(": ");
    let marked = core.inventory.set_unreadable(id, seen + 1, &why).await? || core.inventory.set_unreadable(id, seen, &why).await?;
    Ok(marked.then(|| unreadable(id, &why).report()))
}

/// The error for a task that this build cannot go on with.
fn unreadable(id: TaskId, why: &str) -> Error {
    Error::new(ErrorKind::Stuck, format!("task {id} cannot be read, so nothing of it is taken back"))
        .context("task", id)
        .because(why.to_owned())
        .hint(format!("with the build of aegir that began it: `aegir task retry {id}`"))
        .hint(format!("or take it back by hand, and end it with `aegir task close {id} --yes`"))
}

/// Makes this process the task's worker and goes on with it; `None` when somebody else was quicker.
async fn take_over(core: &Arc<Core>, task: Task, gone: &[ServerName]) -> Result<Option<Outcome>> {
    if task.is_batch() {
        return batch::recover(core, task).await.map(Some);
    }
    let retried = task.state.holds_subject();
    let Some(claim) = core.inventory.claim(task.id, task.epoch, &core.worker, core.lease_time()).await? else { return Ok(None) };
    // Read again: what another build could not read, this one perhaps can.
    let task = find(core, claim.task).await?;
    go_on(core, Claimed::new(core, task, claim), gone, retried).await.map(Some)
}

/// Goes on with a task that this process has taken, and waits for its end.
async fn go_on(core: &Arc<Core>, claimed: Claimed, gone: &[ServerName], retried: bool) -> Result<Outcome> {
    let task = &claimed.task;
    if let Some(why) = &task.unreadable {
        return Err(Error::new(ErrorKind::Unsupported, why.clone()));
    }
    let replay = Replay::of(&core.inventory.entries(task.id, 0).await?)?;
    let standing = &replay.standing;
    // A retry takes back. Cut off before it began: the world may be another one by now, so it does not begin. And what
    // destroys does so only to the end of a run that somebody sees.
    let back = retried || standing.unwinding || !standing.begun || (task.destroys && !standing.committed);
    let gone = gone.iter().cloned().chain(forgotten(core, task).await?).collect();
    resume(core, claimed, replay, gone, back).outcome().await
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
    let task = find(core, id).await?;
    if !task.state.holds_subject() {
        return Err(Error::conflict(format!("task {id} is {}, not stuck or waiting", task.state.in_words())).context("task", id));
    }
    let seen = task.epoch;
    match take_over(core, task, gone).await {
        Ok(Some(outcome)) => Ok(outcome),
        Ok(None) => Err(Error::new(ErrorKind::Locked, format!("somebody else works on task {id}"))
            .context("task", id)
            .hint(format!("`aegir task watch {id}` follows it"))),
        Err(error) if matches!(error.kind(), ErrorKind::Internal | ErrorKind::Unsupported) => {
            condemn(core, id, seen, &error).await?;
            Err(unreadable(id, &error.chain().join(": ")))
        }
        Err(error) => Err(error),
    }
}

pub(super) async fn find(core: &Arc<Core>, id: TaskId) -> Result<Task> {
    core.inventory.task(id).await?.ok_or_else(|| no_task(id))
}

/// Stops a task, whoever works on it: durably first. One that nobody works on any more is taken back here.
pub(crate) async fn cancel(core: &Arc<Core>, id: TaskId, by: &str) -> Result<Option<Outcome>> {
    let task = find(core, id).await?;
    if task.is_batch() {
        return batch::cancel(core, task, by).await;
    }
    core.inventory.ask_cancel(id, by).await?;
    let now = core.inventory.now().await?;
    if task.state == TaskState::Running && is_lost(core, &task, now) {
        return take_over(core, task, &[]).await;
    }
    Ok(None)
}

/// Ends a task that is stuck or waits, on the word of a person who took the rest back by hand. Nothing is changed but the
/// ledger, which is as if the task had been taken back.
pub(crate) async fn close(core: &Arc<Core>, id: TaskId, by: &str) -> Result<()> {
    let task = find(core, id).await?;
    if !task.state.holds_subject() {
        return Err(Error::conflict(format!("task {id} is {}, not stuck or waiting", task.state.in_words()))
            .context("task", id)
            .hint(format!("`aegir task show {id}` says how it ended")));
    }
    let mut entry = Entry::default();
    if task.unreadable.is_none() {
        let replay = Replay::of(&core.inventory.entries(id, 0).await?)?;
        let steps = task.plan.steps();
        let open: Vec<usize> = replay.open().collect();
        for index in open.into_iter().rev() {
            let Some(step) = steps.get(index) else { continue };
            let back = given_back(&replay, index, step);
            for resource in back.release {
                if core.inventory.holding(&resource).await?.is_some_and(|held| held.task == id && held.owner == step.owner) {
                    entry.release.push(resource);
                }
            }
            entry.restore.extend(back.restore);
        }
        let struck = entry.release.clone();
        entry.restore.retain(|(recorded, _)| !struck.contains(&recorded.resource));
    }
    if core.inventory.close_task(id, task.epoch, by, &entry).await? {
        return Ok(());
    }
    Err(Error::new(ErrorKind::Locked, format!("somebody else works on task {id}")).context("task", id))
}

/// Everything that can be ended: what dead workers left, and what waits for a server.
pub(crate) async fn recover_all(core: &Arc<Core>) -> Result<Vec<Recovered>> {
    let mut recovered = recover(core).await?;
    // Side by side: several dead servers are waited for at the same time.
    let tries = waiting(core).await?.into_iter().map(|task| async move { (task.id, retry(core, task.id).await) });
    for (id, result) in join_all(tries).await {
        match result {
            Ok(outcome) => recovered.push(Recovered { id, outcome }),
            // Somebody is at it already, or it says itself why it cannot be read.
            Err(error) if matches!(error.kind(), ErrorKind::Locked | ErrorKind::Conflict) => {}
            Err(error) if error.kind() == ErrorKind::Stuck => recovered.push(Recovered { id, outcome: Outcome::Stuck(error.report()) }),
            Err(error) => return Err(error),
        }
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

/// The tasks that wait for a server. A batch waits for a person who wants the rest of it begun.
async fn waiting(core: &Arc<Core>) -> Result<Vec<Task>> {
    let mut waiting = core.inventory.tasks(&TaskFilter { state: Some(TaskState::Waiting), ..TaskFilter::default() }).await?;
    waiting.retain(|task| !task.is_batch());
    Ok(waiting)
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
