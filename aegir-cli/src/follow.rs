//! Follows a task that runs in this process; Ctrl-C once takes it back, twice breaks it off.

use aegir_core::engine::{Outcome, RunningTask};
use aegir_core::inventory::TaskId;
use aegir_core::{Error, Result};
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::ui::{Progress, Ui};

/// How following ended.
pub(crate) enum Followed {
    /// With the task.
    Ended(TaskId, Outcome),
    /// The operator did not want to wait for it to be taken back.
    Abandoned(TaskId),
}

/// Ctrl-C and an orderly kill.
#[derive(Debug)]
pub(crate) struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    /// From now on both are ours.
    pub(crate) fn listen() -> Result<Self> {
        let problem = |e| Error::internal("signals cannot be caught").because(e);
        Ok(Self {
            interrupt: signal(SignalKind::interrupt()).map_err(problem)?,
            terminate: signal(SignalKind::terminate()).map_err(problem)?,
        })
    }

    pub(crate) async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

/// Shows a task's events until it ends.
pub(crate) async fn follow(task: RunningTask, signals: &mut Signals, ui: &Ui) -> Result<Followed> {
    let mut progress = Progress::new(ui);
    let mut position = 0;
    let mut asked = false;
    loop {
        tokio::select! {
            (events, next) = task.log.wait(position) => {
                if events.is_empty() {
                    break;
                }
                position = next;
                events.iter().for_each(|event| progress.show(event));
            }
            () = signals.next() => {
                if asked {
                    progress.finish();
                    return Ok(Followed::Abandoned(task.id));
                }
                asked = true;
                task.cancel.cancel();
                progress.print("stopping: what was done is taken back as soon as the step at work ends; once more breaks it off".into());
            }
        }
    }
    progress.finish();
    let id = task.id;
    Ok(Followed::Ended(id, task.outcome().await?))
}
