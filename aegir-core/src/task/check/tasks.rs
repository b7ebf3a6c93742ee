//! What tasks left half-way: one check for each, for each holds its subject until somebody ends it.

use std::sync::Arc;

use crate::Result;
use crate::engine;
use crate::inventory::{Task, TaskFilter, TaskState};
use crate::service::Check;
use crate::shared::Core;

/// The name of the check.
const NAME: &str = "tasks";

/// Finds the tasks that are not taken back, or that there are none.
pub(super) async fn unfinished(core: &Arc<Core>) -> Result<Vec<Check>> {
    let in_state = async |state| core.inventory.tasks(&TaskFilter { state: Some(state), ..TaskFilter::default() }).await;
    let mut checks: Vec<Check> = in_state(TaskState::Stuck).await?.iter().map(stuck).collect();
    checks.extend(in_state(TaskState::Waiting).await?.iter().map(waiting));
    checks.extend(engine::orphans(core).await?.iter().map(orphan));
    if checks.is_empty() {
        checks.push(Check::pass(NAME, "no task is left half-way"));
    }
    Ok(checks)
}

fn stuck(task: &Task) -> Check {
    let (id, why) = (task.id, if task.unreadable.is_some() { "cannot be read" } else { "could not be taken back" });
    let evidence = format!("task {id} ({}) {why}, and {} is locked by it", task.kind, task.subject);
    Check::fail(
        NAME,
        evidence,
        format!("`aegir task show {id}` says what is left; `aegir task retry {id}`, or by hand and `aegir task close {id} --yes`"),
    )
}

fn orphan(task: &Task) -> Check {
    let id = task.id;
    let evidence =
        format!("task {id} ({}) was left in the middle by a worker that is gone, and {} is locked by it", task.kind, task.subject);
    Check::warn(NAME, evidence, "`aegir task recover` ends it; so does every changing command")
}

fn waiting(task: &Task) -> Check {
    let id = task.id;
    let evidence = format!("task {id} ({}) waits for a server that did not answer, and {} is locked by it", task.kind, task.subject);
    Check::warn(NAME, evidence, format!("`aegir task show {id}` says which; `aegir task recover` when it answers again"))
}
