//! Follows a task that runs in this process; Ctrl-C once takes it back, twice breaks it off.

use aegir_core::engine::{Cancel, Outcome, RunningTask};
use aegir_core::inventory::TaskId;
use aegir_core::{Error, ErrorKind, Result};
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::door;
use crate::ui::{Progress, Ui};

/// How following ended.
pub(crate) enum Followed {
    /// With the task.
    Ended(TaskId, Outcome),
    /// The operator did not want to wait for it to be taken back.
    Abandoned(TaskId),
}

/// Ctrl-C, an orderly kill, and a terminal that was closed: all of them ask for a stop.
#[derive(Debug)]
pub(crate) struct Signals([Signal; 3]);

impl Signals {
    /// From now on they are ours.
    pub(crate) fn listen() -> Result<Self> {
        let problem = |e| Error::internal("signals cannot be caught").because(e);
        let listen = |kind| signal(kind).map_err(problem);
        Ok(Self([listen(SignalKind::interrupt())?, listen(SignalKind::terminate())?, listen(SignalKind::hangup())?]))
    }

    pub(crate) async fn next(&mut self) {
        let [interrupt, terminate, hangup] = &mut self.0;
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
            _ = hangup.recv() => {}
        }
    }

    /// Does what waits for something, and stops it at once when a signal comes: nothing was changed yet.
    pub(crate) async fn unless<T>(&mut self, work: impl Future<Output = Result<T>>) -> Result<T> {
        tokio::select! {
            biased;
            () = self.next() => Err(Error::new(ErrorKind::Interrupted, "stopped before anything was changed")),
            done = work => done,
        }
    }

    /// Does what a [`Cancel`] stops, and asks it to at a signal.
    pub(crate) async fn asking<T>(&mut self, cancel: &Cancel, work: impl Future<Output = T>) -> Result<T> {
        tokio::pin!(work);
        tokio::select! {
            biased;
            () = self.next() => {}
            done = &mut work => return Ok(done),
        }
        // Side by side: what is not gone on with could hold the inventory, and asking would wait for it.
        let by = door::who();
        let (asked, done) = tokio::join!(cancel.ask(&by), work);
        asked.map(|()| done)
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
                // In the journal before it is said: whatever happens to this process, the task does not go on.
                task.cancel.ask(&door::who()).await?;
                progress.print("stopping: what was done is taken back as soon as the step at work ends; once more breaks it off".into());
            }
        }
    }
    progress.finish();
    let id = task.id;
    Ok(Followed::Ended(id, task.outcome().await?))
}
