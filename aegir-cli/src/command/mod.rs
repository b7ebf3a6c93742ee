//! What each command does, one file a noun.

mod completion;
mod doctor;
mod platform;
mod server;
mod service;
mod settings;
mod site;
mod task;
mod template;
mod watch;

pub(crate) use completion::completion;
pub(crate) use doctor::doctor;
pub(crate) use platform::platform;
pub(crate) use server::server;
pub(crate) use service::service;
pub(crate) use settings::settings;
pub(crate) use site::site;
pub(crate) use task::task;
pub(crate) use template::template;

use aegir_core::inventory::{TaskFilter, TaskState};

use crate::session::Session;

/// A look into the journal costs next to nothing, and nobody should find such a task a week later.
async fn warn_of_stuck(session: &Session) {
    if session.ui.json || session.ui.quiet {
        return;
    }
    for (state, what) in [(TaskState::Stuck, "is stuck and needs you"), (TaskState::Waiting, "waits for a server that did not answer")] {
        let filter = TaskFilter { state: Some(state), limit: 1, ..TaskFilter::default() };
        if let Some(task) = session.aegir.inventory().tasks(&filter).await.ok().and_then(|tasks| tasks.into_iter().next()) {
            session.ui.warn(&format!("task {} {what}: `aegir task show {}`", task.id, task.id));
        }
    }
}
