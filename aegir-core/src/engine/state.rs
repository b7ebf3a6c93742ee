//! Where every step of a task stands, told from its events alone; impossible histories are refused.

use crate::entity::Resource;
use crate::event::{EventKind, Verdict};
use crate::inventory::StoredEntry;
use crate::secret::Sealed;
use crate::{Error, Result};

/// Where a step stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StepState {
    /// Not begun.
    Pending,
    /// Begun; whether it was done is unknown.
    Started,
    /// Done.
    Succeeded,
    /// Failed; whether anything is left of it is unknown until its undo.
    Failed,
    /// Its undo began.
    Undoing,
    /// Taken back.
    Undone,
    /// Its undo failed.
    UndoFailed,
    /// Its server is gone for good, and what was begun there with it.
    GivenUp,
}

/// Which event may follow which, for one step. Total: `None` is an impossible history.
fn next(state: StepState, kind: &EventKind) -> Option<StepState> {
    use StepState::{Failed, GivenUp, Pending, Started, Succeeded, UndoFailed, Undoing, Undone};
    match (state, kind) {
        (Pending, EventKind::StepStarted { .. }) => Some(Started),
        (Started, EventKind::StepSucceeded { .. }) => Some(Succeeded),
        (Started, EventKind::StepFailed { .. }) => Some(Failed),
        // A cut-off run that is being taken back never learns how its last step went.
        (Started | Succeeded | Failed | UndoFailed, EventKind::UndoStarted { .. }) => Some(Undoing),
        (Undoing, EventKind::UndoFinished { .. }) => Some(Undone),
        (Undoing, EventKind::UndoFailed { .. }) => Some(UndoFailed),
        (Undoing, EventKind::StepGivenUp { .. }) => Some(GivenUp),
        _ => None,
    }
}

/// A task's standing, replayed from its journal.
#[derive(Debug)]
pub struct Replay {
    /// Each step's state.
    pub steps: Vec<StepState>,
    pub(crate) receipts: Vec<Option<Sealed>>,
    pub(crate) acquired: Vec<Vec<Resource>>,
    pub(crate) released: Vec<Vec<Resource>>,
    /// The steps in the order they started; undo goes through it backwards.
    pub(crate) order: Vec<usize>,
    /// Its plan was held against the world, and it began.
    pub begun: bool,
    /// Everything that can fail succeeded.
    pub committed: bool,
    /// A step failed: the way is back.
    pub unwinding: bool,
    /// How it ended.
    pub verdict: Option<Verdict>,
    pub(crate) failure: Option<crate::ErrorReport>,
}

impl Replay {
    /// A task of which nothing was done yet.
    pub fn new(steps: usize) -> Self {
        Self {
            steps: vec![StepState::Pending; steps],
            receipts: vec![None; steps],
            acquired: vec![Vec::new(); steps],
            released: vec![Vec::new(); steps],
            order: Vec::new(),
            begun: false,
            committed: false,
            unwinding: false,
            verdict: None,
            failure: None,
        }
    }

    /// Takes in one event with its receipt.
    pub fn take(&mut self, kind: &EventKind, receipt: Option<&Sealed>) -> Result<()> {
        let impossible = || Error::internal(format!("the journal holds an impossible event: {kind:?}"));
        let step = match kind {
            EventKind::StepStarted { step, .. }
            | EventKind::StepSucceeded { step }
            | EventKind::StepFailed { step, .. }
            | EventKind::UndoStarted { step }
            | EventKind::UndoFinished { step }
            | EventKind::UndoFailed { step, .. }
            | EventKind::StepGivenUp { step, .. } => *step,
            EventKind::TaskStarted { .. } => {
                self.begun = true;
                return Ok(());
            }
            EventKind::Committed => {
                self.committed = true;
                return Ok(());
            }
            EventKind::TaskFinished { verdict, .. } => {
                self.verdict = Some(*verdict);
                return Ok(());
            }
            // A task that stuck or waited goes on from there.
            EventKind::TaskResumed => {
                self.verdict = None;
                return Ok(());
            }
            _ => return Ok(()),
        };
        let state = self.steps.get_mut(step).ok_or_else(impossible)?;
        *state = next(*state, kind).ok_or_else(impossible)?;
        match kind {
            EventKind::StepStarted { acquired, released, .. } => {
                self.order.push(step);
                self.acquired[step].clone_from(acquired);
                self.released[step].clone_from(released);
                self.receipts[step] = receipt.cloned();
            }
            EventKind::StepFailed { error, .. } if !self.committed => {
                self.unwinding = true;
                self.failure.get_or_insert_with(|| error.clone());
            }
            EventKind::UndoStarted { .. } => self.unwinding = true,
            _ => {}
        }
        Ok(())
    }

    /// The steps that began and are not taken back.
    pub(crate) fn open(&self) -> impl Iterator<Item = usize> {
        let over = |step: &usize| matches!(self.steps[*step], StepState::Undone | StepState::GivenUp);
        self.order.iter().copied().filter(move |step| !over(step))
    }

    /// Replays stored entries.
    pub fn of(steps: usize, entries: &[StoredEntry]) -> Result<Self> {
        let mut replay = Self::new(steps);
        for entry in entries {
            replay.take(&entry.event.kind, entry.receipt.as_ref())?;
        }
        Ok(replay)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn started(step: usize) -> EventKind {
        EventKind::StepStarted { step, acquired: Vec::new(), released: Vec::new() }
    }

    #[test]
    fn impossible_histories_are_refused() {
        let mut replay = Replay::new(2);
        assert!(replay.take(&EventKind::StepSucceeded { step: 0 }, None).is_err());
        replay.take(&started(0), None).unwrap();
        assert!(replay.take(&started(0), None).is_err());
        assert!(replay.take(&started(2), None).is_err());
        replay.take(&EventKind::StepSucceeded { step: 0 }, None).unwrap();
        replay.take(&EventKind::UndoStarted { step: 0 }, None).unwrap();
        assert!(replay.unwinding);
        assert!(replay.take(&EventKind::StepSucceeded { step: 0 }, None).is_err());
        assert_eq!(replay.open().collect::<Vec<_>>(), [0]);
        let given_up = EventKind::StepGivenUp { step: 0, why: String::new() };
        replay.take(&given_up, None).unwrap();
        assert!(replay.take(&given_up, None).is_err() && replay.take(&EventKind::UndoStarted { step: 0 }, None).is_err());
        assert_eq!(replay.open().count(), 0);
    }

    proptest::proptest! {
        /// Whatever a journal says, replay never panics, and an undone step was begun once.
        #[test]
        fn replay_is_total(kinds in proptest::collection::vec((0usize..3, 0usize..7), 0..20)) {
            let mut replay = Replay::new(3);
            for (step, kind) in kinds {
                let kind = match kind {
                    0 => started(step),
                    1 => EventKind::StepSucceeded { step },
                    2 => EventKind::UndoStarted { step },
                    3 => EventKind::UndoFinished { step },
                    4 => EventKind::Committed,
                    5 => EventKind::StepGivenUp { step, why: String::new() },
                    _ => EventKind::TaskResumed,
                };
                let _ = replay.take(&kind, None);
            }
            for (step, state) in replay.steps.iter().enumerate() {
                proptest::prop_assert_eq!(*state != StepState::Pending, replay.order.contains(&step));
            }
        }
    }
}
