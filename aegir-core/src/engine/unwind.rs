//! Takes back what a task did, newest first, from the receipts alone.

use std::collections::BTreeSet;

use super::outcome::Outcome;
use super::run::Engine;
use super::state::Replay;
use crate::event::{EventKind, StepState, Verdict};
use crate::inventory::Entry;
use crate::name::ServerName;
use crate::plan::Step;
use crate::server::Gate as _;
use crate::{Error, ErrorKind, ErrorReport, Result};

/// How often an undo is tried before the task is stuck.
const UNDO_TRIES: u32 = 3;

impl Engine {
    /// Takes back every step that began, newest first.
    pub(super) async fn unwind(&self) -> Result<Outcome> {
        let (order, failure) = {
            let replay = self.journal.replay().await;
            (replay.open().collect::<Vec<_>>(), replay.failure.clone())
        };
        let failure = failure.unwrap_or_else(|| Error::new(ErrorKind::Interrupted, "the task was cut short").report());
        match self.take_back_all(order).await? {
            None => self.rolled_back(failure).await,
            Some((index, error)) => self.end_halted(index, &error, &failure).await,
        }
    }

    /// Takes back steps, the last one first; returns the first that could not be, after which only those go on whose server
    /// is gone.
    pub(super) async fn take_back_all(&self, order: Vec<usize>) -> Result<Option<(usize, Error)>> {
        let mut halted: Option<(usize, Error)> = None;
        for index in order.into_iter().rev() {
            // What a server held that is gone waits for nobody.
            if halted.is_some() && !self.is_gone(&self.steps[index].server) {
                continue;
            }
            if let Err(error) = self.take_back(index).await {
                if error.kind() == ErrorKind::Superseded {
                    return Err(error);
                }
                halted.get_or_insert((index, error));
            }
        }
        Ok(halted)
    }

    /// Ends, because a step could not be taken back, until somebody comes who can.
    pub(super) async fn end_halted(&self, index: usize, error: &Error, failure: &ErrorReport) -> Result<Outcome> {
        match error.no_way_there() && !self.needs_gone(error) {
            true => self.wait(index, error, failure).await,
            false => self.stick(index, error, failure).await,
        }
    }

    /// Whether what did not answer is a server that never will.
    fn needs_gone(&self, error: &Error) -> bool {
        error.contexts().iter().any(|(key, value)| *key == "server" && value.parse().is_ok_and(|server| self.is_gone(&server)))
    }

    async fn rolled_back(&self, mut failure: ErrorReport) -> Result<Outcome> {
        let replay = self.journal.replay().await;
        let steps = |state| replay.in_state(state).map(|index| &self.steps[index]).collect::<Vec<_>>();
        let (given_up, left_alone) = (steps(StepState::GivenUp), steps(StepState::LeftAlone));
        let kept = replay.kept.join("; ");
        drop(replay);
        let servers: BTreeSet<&str> = given_up.iter().map(|step| step.server.as_str()).collect();
        let servers = servers.into_iter().collect::<Vec<_>>().join(", ");
        let mut except = Vec::new();
        if !given_up.is_empty() {
            failure.context.push(("given up".to_owned(), format!("{} on {servers}", in_words(&given_up))));
            except.push(format!("{} went with {servers}, which is gone", in_words(&given_up)));
        }
        if !left_alone.is_empty() {
            failure.context.push(("left alone".to_owned(), in_words(&left_alone)));
            except.push(format!("{} was left alone, for what it made is not this task's any more", in_words(&left_alone)));
        }
        if !kept.is_empty() {
            failure.context.push(("kept".to_owned(), kept.clone()));
            except.push(kept);
        }
        let summary = match except.is_empty() {
            true => format!("everything was taken back: {}", failure.message),
            false => format!("{}; everything else was taken back: {}", except.join("; "), failure.message),
        };
        self.finish(Verdict::RolledBack, &summary).await?;
        Ok(Outcome::RolledBack(failure))
    }

    async fn stick(&self, index: usize, error: &Error, failure: &ErrorReport) -> Result<Outcome> {
        let step = &self.steps[index];
        let by_hand = self.core.registry.actions().get(step).map(|a| a.by_hand(&step.server)).unwrap_or_default();
        let stuck = Error::new(ErrorKind::Stuck, format!("“{}” could not be taken back on {}", step.summary, step.server))
            .context("server", &step.server)
            .context("task", self.task.id)
            .because(format!("{}; it was being taken back because: {}", error.chain().join(": "), failure.message))
            .hint(format!("by hand: {by_hand}"))
            .hint(format!("then `aegir task retry {}` takes back the rest", self.task.id))
            .hint(format!("or do all of the rest by hand, and end it with `aegir task close {} --yes`", self.task.id))
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
            .because(format!("{}; it was being taken back because: {}", error.chain().join(": "), failure.message))
            .hint(format!("`aegir doctor {}` shows what is wrong with it", step.server))
            .hint(format!("the next command that works with {} takes back the rest; so does `aegir task recover`", step.server));
        // The machine that says this is not gone.
        let waiting = if step.server == ServerName::master() {
            waiting.report()
        } else {
            waiting.hint(format!("if that machine is gone for good: `aegir server delete {} --offline`", step.server)).report()
        };
        self.finish(Verdict::Waiting, &waiting.message).await?;
        Ok(Outcome::Waiting(waiting))
    }

    async fn take_back(&self, index: usize) -> Result<()> {
        if self.state(index).await == StepState::Succeeded
            && let Some(what) = self.core.registry.actions().get(&self.steps[index])?.kept()
        {
            return self.say(&EventKind::StepKept { step: index, what }, Entry::default()).await;
        }
        if self.state(index).await != StepState::Undoing {
            self.say(&EventKind::UndoStarted { step: index }, Entry::default()).await?;
        }
        if let Some(why) = self.not_its_own(index).await? {
            return self.say(&EventKind::StepLeftAlone { step: index, why }, Entry::default()).await;
        }
        let mut tries = 0;
        let result = loop {
            tries += 1;
            match self.try_undo(index).await {
                Ok(()) => break Ok(()),
                // Its own patience is over: that was long enough for a restart.
                Err(error) if tries >= UNDO_TRIES || error.no_way_there() || error.kind() == ErrorKind::Superseded => break Err(error),
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
            Err(error) if error.kind() == ErrorKind::Superseded => Err(error),
            Err(error) => {
                self.say(&EventKind::UndoFailed { step: index, error: error.report() }, Entry::default()).await?;
                Err(error)
            }
        }
    }

    /// Nothing was taken back: the ledger forgets what the step made, and learns nothing of what stood there before.
    async fn give_up(&self, index: usize, error: &Error) -> Result<()> {
        let release = self.journal.replay().await.acquired[index].clone();
        self.say(&EventKind::StepGivenUp { step: index, why: error.message().to_owned() }, Entry { release, ..Entry::default() }).await
    }

    /// The ledger as it was before the step.
    async fn given_back(&self, index: usize) -> Entry {
        let replay = self.journal.replay().await;
        given_back(&replay, index, &self.steps[index])
    }

    /// Returns why what a step made is not to be touched: by now it is another's, or nobody's; `None` when it is still
    /// what this task recorded.
    async fn not_its_own(&self, index: usize) -> Result<Option<String>> {
        let acquired = self.journal.replay().await.acquired[index].clone();
        // What a step gives up itself, such as a partial copy, is struck when it succeeded.
        let step = &self.steps[index];
        let given_up = self.core.registry.actions().get(step).map(|action| action.claims(&step.server).release).unwrap_or_default();
        for resource in acquired.into_iter().filter(|resource| !given_up.contains(resource)) {
            match self.core.inventory.holding(&resource).await? {
                Some(held) if held.owner == step.owner && held.task == self.task.id => {}
                Some(held) => return Ok(Some(format!("the {resource} belongs to {} since task {}", held.owner, held.task))),
                None => return Ok(Some(format!("the {resource} is recorded as nobody's any more"))),
            }
        }
        Ok(None)
    }

    async fn try_undo(&self, index: usize) -> Result<()> {
        let before = self.receipt(index).await?;
        let (action, cx) = self.prepare(index, true).await?;
        self.core.faults.before_undo(index)?;
        self.journal.pulse.pass().await?;
        self.in_time(&*action, action.undo(&cx, &before)).await?;
        if self.core.faults.twice() {
            action.undo(&cx, &before).await?;
        }
        Ok(())
    }
}

fn in_words(steps: &[&Step]) -> String {
    steps.iter().map(|step| format!("“{}”", step.summary)).collect::<Vec<_>>().join(", ")
}

/// What the ledger strikes and records when a step is taken back.
pub(super) fn given_back(replay: &Replay, index: usize, step: &Step) -> Entry {
    let restore = replay.released[index].iter().map(|r| (r.clone(), step.owner.clone())).collect();
    Entry { release: replay.acquired[index].clone(), restore, ..Entry::default() }
}
