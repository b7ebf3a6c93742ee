//! Takes back what a task did, newest first, from the receipts alone.

use std::collections::BTreeSet;

use super::outcome::Outcome;
use super::run::Engine;
use super::state::StepState;
use crate::event::{EventKind, Verdict};
use crate::inventory::Entry;
use crate::plan::Step;
use crate::{Error, ErrorKind, ErrorReport, Result};

/// How often an undo is tried before the task is stuck.
const UNDO_TRIES: u32 = 3;

impl Engine {
    /// Takes back every step that began, newest first.
    pub(super) async fn unwind(&self) -> Result<Outcome> {
        let (order, failure) = {
            let replay = self.replay.lock().await;
            (replay.open().collect::<Vec<_>>(), replay.failure.clone())
        };
        let failure = failure.unwrap_or_else(|| Error::new(ErrorKind::Interrupted, "the task was cut short").report());
        let mut halted: Option<(usize, Error)> = None;
        for index in order.into_iter().rev() {
            // What a server held that is gone waits for nobody.
            if halted.is_some() && !self.is_gone(&self.steps[index].server) {
                continue;
            }
            if let Err(error) = self.take_back(index).await {
                halted.get_or_insert((index, error));
            }
        }
        match halted {
            None => self.rolled_back(failure).await,
            Some((index, error)) if error.no_way_there() && !self.needs_gone(&error) => self.wait(index, &error, &failure).await,
            Some((index, error)) => self.stick(index, &error, &failure).await,
        }
    }

    /// Whether what did not answer is a server that never will.
    fn needs_gone(&self, error: &Error) -> bool {
        error.contexts().iter().any(|(key, value)| *key == "server" && value.parse().is_ok_and(|server| self.is_gone(&server)))
    }

    async fn rolled_back(&self, mut failure: ErrorReport) -> Result<Outcome> {
        let replay = self.replay.lock().await;
        let given_up: Vec<&Step> =
            self.steps.iter().zip(&replay.steps).filter(|(_, s)| **s == StepState::GivenUp).map(|(s, _)| s).collect();
        let servers: BTreeSet<&str> = given_up.iter().map(|step| step.server.as_str()).collect();
        let servers = servers.into_iter().collect::<Vec<_>>().join(", ");
        drop(replay);
        let mut summary = format!("everything was taken back: {}", failure.message);
        if !given_up.is_empty() {
            let steps = given_up.iter().map(|step| format!("“{}”", step.summary)).collect::<Vec<_>>().join(", ");
            summary = format!("{steps} went with {servers}, which is gone; everything else was taken back: {}", failure.message);
            failure.context.push(("given up".to_owned(), format!("{steps} on {servers}")));
        }
        self.finish(Verdict::RolledBack, &summary).await?;
        Ok(Outcome::RolledBack(failure))
    }

    async fn stick(&self, index: usize, error: &Error, failure: &ErrorReport) -> Result<Outcome> {
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
        Ok(Outcome::Stuck(stuck))
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
            .hint(format!("if that machine is gone for good: `aegir server delete {} --offline`", step.server))
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
                Err(error) if tries >= UNDO_TRIES || error.no_way_there() => break Err(error),
                // A server that is busy restarting gets a moment.
                Err(_) => tokio::time::sleep(std::time::Duration::from_millis(250 * u64::from(tries))).await,
            }
        };
        match result {
            Ok(()) => {
                let entry = self.given_back(index).await;
                self.say(&EventKind::UndoFinished { step: index }, entry).await
            }
            Err(error) if error.no_way_there() && self.is_gone(&self.steps[index].server) => self.give_up(index, &error).await,
            Err(error) => {
                self.say(&EventKind::UndoFailed { step: index, error: error.report() }, Entry::default()).await?;
                Err(error)
            }
        }
    }

    /// Nothing was taken back: the ledger forgets what the step made, and learns nothing of what stood there before.
    async fn give_up(&self, index: usize, error: &Error) -> Result<()> {
        let release = self.replay.lock().await.acquired[index].clone();
        self.say(&EventKind::StepGivenUp { step: index, why: error.message().to_owned() }, Entry { release, ..Entry::default() }).await
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
