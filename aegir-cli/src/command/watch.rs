//! `aegir task watch ID`: follows a task of whichever process, by its journal.

use std::time::Duration;

use aegir_core::event::{EventKind, StepInfo, Verdict};
use aegir_core::inventory::{TaskId, TaskState};
use aegir_core::{Error, ErrorReport, Result};

use super::task::find;
use crate::exit;
use crate::follow::Signals;
use crate::session::Session;
use crate::ui::{Progress, to_json};

/// The inventory has no way to call us; between two looks at the journal.
const PAUSE: Duration = Duration::from_millis(150);

/// Shows events until the task ends; its exit code is the task's.
pub(super) async fn watch(id: TaskId, session: &Session) -> Result<u8> {
    let ui = &session.ui;
    let task = find(id, session).await?;
    let steps = task
        .plan
        .steps()
        .into_iter()
        .map(|s| StepInfo { server: s.server.clone(), action: s.action.clone(), summary: s.summary.clone() })
        .collect();
    let mut progress = Progress::with_steps(ui, steps);
    let mut signals = Signals::listen()?;
    let mut seen = 0;
    let mut failure: Option<ErrorReport> = None;
    loop {
        // Asked before the events: those of an ended task are complete then.
        let state = find(id, session).await?.state;
        for entry in session.aegir.inventory().entries(id, seen).await? {
            seen = entry.event.seq;
            if ui.json {
                ui.event("Event", to_json(&entry.event));
            } else {
                progress.show(&entry.event);
            }
            match &entry.event.kind {
                EventKind::StepFailed { error, .. } => drop(failure.get_or_insert_with(|| error.clone())),
                EventKind::TaskFinished { verdict, summary } => {
                    progress.print(format!("task {id} {}: {summary}", word(*verdict)).into());
                }
                EventKind::TaskClosed { by } => progress.print(format!("task {id} closed by {by}").into()),
                _ => {}
            }
        }
        if !matches!(state, TaskState::Queued | TaskState::Running) {
            progress.finish();
            return Ok(code(state, failure.as_ref()));
        }
        tokio::select! {
            () = tokio::time::sleep(PAUSE) => {}
            () = signals.next() => {
                progress.finish();
                return Err(Error::new(aegir_core::ErrorKind::Interrupted, format!("no longer watching task {id}; it goes on")).hint(format!("`aegir task watch {id}` comes back to it")));
            }
        }
    }
}

fn word(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Done => "done",
        Verdict::Partly => "partly done",
        Verdict::RolledBack => "rolled back",
        Verdict::Stuck => "stuck",
        Verdict::Waiting => "waits",
        Verdict::Closed => "closed",
        Verdict::Unknown => "ended",
    }
}

fn code(state: TaskState, failure: Option<&ErrorReport>) -> u8 {
    match (state, failure) {
        (TaskState::Done | TaskState::Closed, _) => exit::DONE,
        (TaskState::Partly, _) => exit::PARTLY,
        (TaskState::Stuck, _) => exit::STUCK,
        (TaskState::Waiting, _) => exit::UNREACHABLE,
        (_, Some(report)) => exit::of_rolled_back(report),
        (_, None) => exit::FAILED,
    }
}
