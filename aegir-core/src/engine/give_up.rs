//! Ends what has something on a machine that is gone for good: that is given up, the rest taken back.

use std::sync::Arc;

use super::recover::retry_without;
use super::state::Replay;
use crate::Result;
use crate::entity::Resource;
use crate::inventory::{Task, TaskFilter, TaskState};
use crate::name::ServerName;
use crate::shared::Core;

/// What an unfinished task has on a server.
#[derive(Debug)]
pub(crate) struct Left {
    /// The task; it is waiting or stuck.
    pub(crate) task: Task,
    /// Its steps there that are not taken back, in words.
    pub(crate) steps: Vec<String>,
    /// What the ledger has because of them; it is struck when they are given up.
    pub(crate) acquired: Vec<Resource>,
}

/// What unfinished tasks have on a server, oldest first.
pub(crate) async fn left_on(core: &Arc<Core>, server: &ServerName) -> Result<Vec<Left>> {
    let mut tasks = Vec::new();
    for state in [TaskState::Waiting, TaskState::Stuck] {
        tasks.extend(core.inventory.tasks(&TaskFilter { state: Some(state), ..TaskFilter::default() }).await?);
    }
    tasks.sort_unstable_by_key(|task| task.id);
    let mut left = Vec::new();
    for task in tasks {
        let steps = task.plan.steps();
        let replay = Replay::of(steps.len(), &core.inventory.entries(task.id, 0).await?)?;
        let open: Vec<usize> = replay.open().filter(|step| steps[*step].server == *server).collect();
        if !open.is_empty() {
            let acquired = open.iter().flat_map(|step| replay.acquired[*step].clone()).collect();
            left.push(Left { steps: open.iter().map(|step| steps[*step].summary.clone()).collect(), task, acquired });
        }
    }
    Ok(left)
}

/// Ends the tasks that have something on these servers, as far as the other servers answer.
pub(crate) async fn give_up(core: &Arc<Core>, gone: &[ServerName]) -> Result<()> {
    for server in gone {
        for left in left_on(core, server).await? {
            // What is left of it now is on other servers, and in nobody's way but its own subject's.
            retry_without(core, left.task.id, gone).await?;
        }
    }
    Ok(())
}
