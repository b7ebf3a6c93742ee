//! Ends what has something on a machine that is gone for good: that is given up, the rest taken back.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::recover::retry_without;
use super::state::Replay;
use crate::Result;
use crate::entity::{Resource, Server};
use crate::inventory::{Task, TaskFilter, TaskState};
use crate::name::ServerName;
use crate::plan::Step;
use crate::reach::Reach;
use crate::shared::Core;

/// A task that waits or is stuck, with what of it is not taken back.
#[derive(Debug)]
pub(crate) struct Unfinished {
    /// The task.
    pub(crate) task: Task,
    /// The steps that began, and what the ledger has because of each.
    open: Vec<(Step, Vec<Resource>)>,
}

impl Unfinished {
    /// The servers that it has something on.
    pub(crate) fn servers(&self) -> BTreeSet<&ServerName> {
        self.open.iter().map(|(step, _)| &step.server).collect()
    }

    /// Its steps on a server, in words.
    pub(crate) fn steps_on<'a>(&'a self, server: &'a ServerName) -> impl Iterator<Item = &'a str> {
        self.open.iter().filter(move |(step, _)| step.server == *server).map(|(step, _)| step.summary.as_str())
    }

    /// What the ledger has because of its steps on a server; it is struck when they are given up.
    pub(crate) fn acquired_on<'a>(&'a self, server: &'a ServerName) -> impl Iterator<Item = &'a Resource> {
        self.open.iter().filter(move |(step, _)| step.server == *server).flat_map(|(_, acquired)| acquired)
    }
}

/// All of them, oldest first.
pub(crate) async fn unfinished(core: &Arc<Core>) -> Result<Vec<Unfinished>> {
    let mut tasks = Vec::new();
    for state in [TaskState::Waiting, TaskState::Stuck] {
        tasks.extend(core.inventory.tasks(&TaskFilter { state: Some(state), ..TaskFilter::default() }).await?);
    }
    tasks.sort_unstable_by_key(|task| task.id);
    let mut unfinished = Vec::new();
    for task in tasks {
        let steps = task.plan.steps();
        // One that cannot be read says so by itself, and has nothing here that could be named.
        let Ok(replay) = Replay::of(&core.inventory.entries(task.id, 0).await?) else { continue };
        let open = replay
            .open()
            .filter(|index| *index < steps.len())
            .map(|index| (steps[index].clone(), replay.acquired[index].clone()))
            .collect();
        unfinished.push(Unfinished { open, task });
    }
    Ok(unfinished)
}

/// Those that have something on a server.
pub(crate) async fn left_on(core: &Arc<Core>, server: &ServerName) -> Result<Vec<Unfinished>> {
    let mut unfinished = unfinished(core).await?;
    unfinished.retain(|left| left.servers().contains(server));
    Ok(unfinished)
}

/// How a server is reached: as the inventory says, or as an unfinished task does that was making or changing it.
pub(crate) async fn reached(core: &Arc<Core>, name: &ServerName) -> Result<Option<Server>> {
    if let Some(server) = core.inventory.server(name).await? {
        return Ok(Some(server));
    }
    for left in left_on(core, name).await? {
        if let Some(server) = Reach::of(left.task.plan.steps())?.server(name) {
            return Ok(Some(server.clone()));
        }
    }
    Ok(None)
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
