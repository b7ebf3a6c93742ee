//! Takes back what a task did, newest first, from the receipts alone.

use super::run::{Engine, Outcome};
use super::state::StepState;
use crate::event::{EventKind, Verdict};
use crate::inventory::Entry;
use crate::{Error, ErrorKind, ErrorReport, Result};

/// How often an undo is tried before the task is stuck.
const UNDO_TRIES: u32 = 3;

impl Engine {
    /// Takes back every step that began, newest first.
    pub(super) async fn unwind(&self) -> Result<Outcome> {
        let (order, failure) = {
            let replay = self.replay.lock().await;
            (replay.order.clone(), replay.failure.clone())
        };
        let failure = failure.unwrap_or_else(|| Error::new(ErrorKind::Interrupted, "the task was cut short").report());
        for index in order.into_iter().rev() {
            if self.state(index).await == StepState::Undone {
                continue;
            }
            if let Err(error) = self.take_back(index).await {
                if no_way_there(&error) {
                    return self.wait(index, &error, &failure).await;
                }
                let step = &self.steps[index];
                let by_hand = self.core.registry.actions().get(step).map(|a| a.by_hand(&step.server)).unwrap_or_default();
                let stuck = Error::new(ErrorKind::Stuck, format!("“{}” could not be taken back on {}", step.summary, step.server))
                    .context("server", &step.server)
                    .context("task", self.task.id)
                    .because(format!("{}; the task was being taken back because: {}", error.chain().join(": "), failure.message))
                    .hint(format!("by hand: {by_hand}"))
                    .hint(format!("then `aegir task retry {}` takes back the rest", self.task.id))
                    .report();
                self.finish(Verdict::Stuck, &stuck.message).await?;
                return Ok(Outcome::Stuck(stuck));
            }
        }
        self.finish(Verdict::RolledBack, &format!("everything was taken back: {}", failure.message)).await?;
        Ok(Outcome::RolledBack(failure))
    }

    /// Ends for now: what a server holds that does not answer cannot be taken back, and is not lost either.
    async fn wait(&self, index: usize, error: &Error, failure: &ErrorReport) -> Result<Outcome> {
        let step = &self.steps[index];
        let waiting = Error::unreachable(format!("“{}” is yet to be taken back on {}, which cannot be reached", step.summary, step.server))
            .context("server", &step.server)
            .context("task", self.task.id)
            .because(format!("{}; the task was being taken back because: {}", error.chain().join(": "), failure.message))
            .hint(format!("`aegir doctor {}` shows what is wrong with it", step.server))
            .hint(format!("the next command that works with {} takes back the rest; so does `aegir task recover`", step.server))
            .report();
        self.finish(Verdict::Waiting, &waiting.message).await?;
        Ok(Outcome::Waiting(waiting))
    }

    async fn take_back(&self, index: usize) -> Result<()> {
        if self.state(index).await != StepState::Undoing {
            self.say(&EventKind::UndoStarted { step: index }, Entry::default()).await?;
        }
        let mut tries = 0;
        let result = loop {
            tries += 1;
            match self.try_undo(index).await {
                Ok(()) => break Ok(()),
                // Its own patience is over: that was long enough for a restart.
                Err(error) if tries >= UNDO_TRIES || no_way_there(&error) => break Err(error),
                // A server that is busy restarting gets a moment.
                Err(_) => tokio::time::sleep(std::time::Duration::from_millis(250 * u64::from(tries))).await,
            }
        };
        match result {
            Ok(()) => {
                let entry = self.given_back(index).await;
                self.say(&EventKind::UndoFinished { step: index }, entry).await
            }
            Err(error) => {
                self.say(&EventKind::UndoFailed { step: index, error: error.report() }, Entry::default()).await?;
                Err(error)
            }
        }
    }

    /// The ledger as it was before the step.
    async fn given_back(&self, index: usize) -> Entry {
        let replay = self.replay.lock().await;
        let owner = &self.steps[index].owner;
        let acquire = replay.released[index].iter().map(|r| (r.clone(), owner.clone())).collect();
        Entry { release: replay.acquired[index].clone(), acquire, ..Entry::default() }
    }

    async fn try_undo(&self, index: usize) -> Result<()> {
        let before = self.receipt(index).await?;
        let (action, cx) = self.prepare(index, true).await?;
        self.core.faults.before_undo(index)?;
        action.undo(&cx, &before).await?;
        if self.core.faults.twice() {
            action.undo(&cx, &before).await?;
        }
        Ok(())
    }
}

/// Whether the server was not reached at all: it does not answer, shows another host key, or does not let us in. What was
/// begun there is neither mended nor lost by that.
fn no_way_there(error: &Error) -> bool {
    error.kind() == ErrorKind::Unreachable || error.contexts().iter().any(|(key, _)| *key == "check")
}
