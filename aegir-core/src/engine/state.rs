//! A task replayed from its journal: where it stands, and what its undo needs.

use crate::entity::{Recorded, Resource};
use crate::event::{BranchGroup, EventKind, Part, Standing, StepState};
use crate::inventory::StoredEntry;
use crate::secret::Sealed;
use crate::{ErrorReport, Result};

/// A task's standing with what each step's undo needs, replayed from its journal.
#[derive(Debug, Default)]
pub struct Replay {
    /// Where it stands.
    pub standing: Standing,
    /// The number of the last event taken in.
    pub(crate) seq: u64,
    pub(crate) receipts: Vec<Option<Sealed>>,
    /// What each step put out for later ones.
    pub(crate) outputs: Vec<Option<Sealed>>,
    pub(crate) acquired: Vec<Vec<Resource>>,
    pub(crate) released: Vec<Vec<Recorded>>,
    /// The steps in the order they started; undo goes through it backwards.
    order: Vec<usize>,
    /// What is kept of what is taken back, in words.
    pub(crate) kept: Vec<String>,
    /// The branches, by name.
    pub(super) groups: Vec<BranchGroup>,
    /// What a batch noted of its requests.
    pub(super) noted: Vec<Part>,
    /// What went wrong last with each step.
    pub(super) errors: Vec<Option<ErrorReport>>,
    /// Why the way is back.
    pub(crate) failure: Option<ErrorReport>,
}

impl Replay {
    /// Takes in one event with what is stored beside it; refuses an impossible one.
    pub(crate) fn take(&mut self, seq: u64, kind: &EventKind, receipt: Option<&Sealed>) -> Result<()> {
        let was_back = self.standing.unwinding;
        self.standing.apply(kind)?;
        self.seq = seq;
        let steps = self.standing.steps.len();
        self.receipts.resize(steps, None);
        self.outputs.resize(steps, None);
        self.errors.resize(steps, None);
        self.acquired.resize(steps, Vec::new());
        self.released.resize(steps, Vec::new());
        if let EventKind::StepFailed { step, error } | EventKind::UndoFailed { step, error } = kind {
            self.errors[*step] = Some(error.clone());
        }
        match kind {
            EventKind::TaskStarted { branches, .. } => self.groups.clone_from(branches),
            EventKind::StepStarted { step, acquired, released } => {
                self.order.push(*step);
                self.acquired[*step].clone_from(acquired);
                self.released[*step].clone_from(released);
                self.receipts[*step] = receipt.cloned();
            }
            EventKind::Parts { parts } => self.noted.clone_from(parts),
            EventKind::StepKept { what, .. } => self.kept.push(what.clone()),
            EventKind::StepSucceeded { step } => self.outputs[*step] = receipt.cloned(),
            // One that only its branch goes back for is no reason.
            EventKind::StepFailed { step, error } if self.standing.unwinding && !was_back => {
                let reason = self.too_few(*step).unwrap_or_else(|| error.clone());
                self.failure.get_or_insert(reason);
            }
            EventKind::CancelAsked { by } => {
                let stopped = crate::Error::new(crate::ErrorKind::Interrupted, format!("stopped by {by}"));
                self.failure.get_or_insert_with(|| stopped.report());
            }
            _ => {}
        }
        Ok(())
    }

    /// The steps that began and are to be taken back when the way is back, in the order they began.
    pub(crate) fn open(&self) -> impl Iterator<Item = usize> {
        self.order.iter().copied().filter(|step| self.standing.is_due(*step))
    }

    /// The steps in that state.
    pub(crate) fn in_state(&self, wanted: StepState) -> impl Iterator<Item = usize> {
        self.standing.steps.iter().enumerate().filter(move |(_, state)| **state == wanted).map(|(step, _)| step)
    }

    /// Replays stored entries.
    pub fn of(entries: &[StoredEntry]) -> Result<Self> {
        let mut replay = Self::default();
        for entry in entries {
            replay.take(entry.event.seq, &entry.event.kind, entry.receipt.as_ref())?;
        }
        Ok(replay)
    }
}
