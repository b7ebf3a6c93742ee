//! Where a task and each of its steps stand, told from its events alone.
//!
//! Total: every event either leads from one standing to the next or is impossible. Inventories ask before they store an
//! event, so that an impossible one never gets into a journal; replay asks again.

use std::fmt;

use super::branch::Group;
use super::{EventKind, Verdict};
use crate::{Error, ErrorKind, Result};

/// Where a step stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StepState {
    /// Not begun.
    Pending,
    /// Failed before it began: nothing is there to be taken back.
    Declined,
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
    /// Not taken back: what it made is somebody else's now.
    LeftAlone,
    /// Done, and not taken back: its result outlives that.
    Kept,
}

const LETTERS: [(StepState, char); 11] = [
    (StepState::Pending, '.'),
    (StepState::Declined, 'd'),
    (StepState::Started, 's'),
    (StepState::Succeeded, 'S'),
    (StepState::Failed, 'F'),
    (StepState::Undoing, 'u'),
    (StepState::Undone, 'U'),
    (StepState::UndoFailed, 'X'),
    (StepState::GivenUp, 'G'),
    (StepState::LeftAlone, 'L'),
    (StepState::Kept, 'K'),
];

impl StepState {
    /// Whether it began and is not taken back.
    pub fn is_open(self) -> bool {
        matches!(self, Self::Started | Self::Succeeded | Self::Failed | Self::Undoing | Self::UndoFailed)
    }

    /// Which event may follow, for one step.
    fn next(self, kind: &EventKind) -> Option<Self> {
        match (self, kind) {
            (Self::Pending, EventKind::StepStarted { .. }) => Some(Self::Started),
            (Self::Pending, EventKind::StepFailed { .. }) => Some(Self::Declined),
            (Self::Started, EventKind::StepSucceeded { .. }) => Some(Self::Succeeded),
            (Self::Started, EventKind::StepFailed { .. }) => Some(Self::Failed),
            // A cut-off run that is being taken back never learns how its last step went.
            (Self::Started | Self::Succeeded | Self::Failed | Self::UndoFailed, EventKind::UndoStarted { .. }) => Some(Self::Undoing),
            // Only what is whole is worth keeping.
            (Self::Succeeded, EventKind::StepKept { .. }) => Some(Self::Kept),
            (Self::Undoing, EventKind::UndoFinished { .. }) => Some(Self::Undone),
            (Self::Undoing, EventKind::UndoFailed { .. }) => Some(Self::UndoFailed),
            (Self::Undoing, EventKind::StepGivenUp { .. }) => Some(Self::GivenUp),
            (Self::Undoing, EventKind::StepLeftAlone { .. }) => Some(Self::LeftAlone),
            _ => None,
        }
    }
}

/// Where a task stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    /// Each step's state; empty until the task begins.
    pub steps: Vec<StepState>,
    /// It has a plan, and began.
    pub begun: bool,
    /// Somebody asked for it to be stopped, in time.
    pub cancelled: bool,
    /// The way is back: a step failed, or it was cancelled, or its undo began.
    pub unwinding: bool,
    /// Everything that can fail succeeded: from here on only forward.
    pub committed: bool,
    /// How it ended; a task that is tried again has no end.
    pub verdict: Option<Verdict>,
    /// Its branches.
    pub(super) groups: Vec<Group>,
}

impl Standing {
    /// Takes in one event, or says why it cannot follow. A refused event leaves everything as it was.
    pub fn apply(&mut self, kind: &EventKind) -> Result<()> {
        if matches!(kind, EventKind::CancelAsked { .. }) {
            return self.cancel();
        }
        let impossible = || Error::internal(format!("the journal holds an impossible event: {kind:?}"));
        let held = matches!(self.verdict, Some(Verdict::Stuck | Verdict::Waiting));
        let allowed = match kind {
            EventKind::TaskStarted { steps, branches, .. } => {
                let groups: Vec<Group> = branches.iter().map(Group::from).collect();
                self.verdict.is_none() && !self.begun && !self.unwinding && Self::fits(&groups, steps.len())
            }
            EventKind::TaskResumed => self.verdict.is_none() || held,
            EventKind::TaskClosed { .. } => held,
            EventKind::Parts { .. } => self.verdict.is_none(),
            EventKind::TaskFinished { verdict, .. } => self.verdict.is_none() && self.may_end(*verdict),
            EventKind::Committed => self.verdict.is_none() && self.begun && !self.unwinding && !self.committed && self.branches_suffice(),
            // A step of clean-up, or one on the way forward.
            EventKind::StepStarted { .. } if self.unwinding && self.verdict.is_none() => {
                return Err(Error::new(ErrorKind::Interrupted, "the task is being taken back: no further step begins"));
            }
            EventKind::StepStarted { step, .. } if self.branch_failed(*step) && self.verdict.is_none() => {
                return Err(Error::new(ErrorKind::Interrupted, "its branch is being taken back: no further step of it begins"));
            }
            EventKind::StepStarted { .. } | EventKind::StepSucceeded { .. } | EventKind::StepFailed { .. } => {
                self.verdict.is_none() && self.begun
            }
            // Of what is committed, a branch that failed is still taken back.
            EventKind::UndoStarted { step } | EventKind::StepKept { step, .. } => {
                self.verdict.is_none() && (!self.committed || self.branch_failed(*step))
            }
            EventKind::UndoFinished { .. }
            | EventKind::UndoFailed { .. }
            | EventKind::StepGivenUp { .. }
            | EventKind::StepLeftAlone { .. } => self.verdict.is_none(),
            _ => true,
        };
        if !allowed {
            return Err(impossible());
        }
        match kind {
            EventKind::TaskStarted { steps, branches, .. } => {
                self.begun = true;
                self.groups = branches.iter().map(Group::from).collect();
                self.steps = vec![StepState::Pending; steps.len()];
            }
            EventKind::Committed => self.committed = true,
            EventKind::TaskFinished { verdict, .. } => self.verdict = Some(*verdict),
            EventKind::TaskClosed { .. } => self.verdict = Some(Verdict::Closed),
            // A task that stuck or waited goes on from there.
            EventKind::TaskResumed => self.verdict = None,
            _ => {}
        }
        let Some(step) = kind.of_step() else { return Ok(()) };
        let alone = self.branch_failed(step);
        let state = self.steps.get_mut(step).ok_or_else(impossible)?;
        *state = state.next(kind).ok_or_else(impossible)?;
        self.unwinding |= match kind {
            EventKind::StepFailed { .. } => !self.committed && !self.bears_failure(step),
            // Of a branch that failed before: it goes back alone.
            EventKind::UndoStarted { .. } | EventKind::StepKept { .. } => !alone,
            _ => false,
        };
        Ok(())
    }

    /// Nothing stops a task that is committed, and nobody need stop one that is over or on its way back for good.
    fn cancel(&mut self) -> Result<()> {
        let why = match (self.verdict, self.committed) {
            (Some(Verdict::Done), _) => "it is done",
            (Some(Verdict::Partly | Verdict::Unknown), _) => "it is over",
            (Some(Verdict::RolledBack | Verdict::Closed), _) => "it is over, and nothing of it is left",
            (Some(Verdict::Stuck), _) => "it is being taken back already, and is stuck",
            (Some(Verdict::Waiting), _) => "it is being taken back already, and waits for a server",
            (None, true) => "everything in it that can fail has succeeded, and it ends in a moment",
            (None, false) => {
                (self.cancelled, self.unwinding) = (true, true);
                return Ok(());
            }
        };
        Err(Error::conflict(format!("the task cannot be cancelled: {why}")))
    }

    /// Whether a task may end so.
    fn may_end(&self, verdict: Verdict) -> bool {
        match verdict {
            // A batch has no steps of its own, and nothing to commit.
            Verdict::Done | Verdict::Partly if self.steps.is_empty() && (self.begun || self.cancelled) => true,
            Verdict::Done => self.committed && !self.any_branch_failed(),
            Verdict::Partly => self.committed && self.any_branch_failed() && !self.any_due(),
            Verdict::RolledBack => !self.committed && !self.steps.iter().any(|state| state.is_open()),
            Verdict::Stuck | Verdict::Waiting => !self.committed || self.any_due(),
            Verdict::Closed => false,
            // Whoever wrote it knew.
            Verdict::Unknown => true,
        }
    }

    /// Reads what [`fmt::Display`] wrote; `None` for anything else.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split('/');
        let (flags, verdict, steps) = (parts.next()?, parts.next()?, parts.next()?);
        let letter = |c: char| LETTERS.iter().find(|(_, letter)| *letter == c).map(|(state, _)| *state);
        let verdict = match verdict {
            "" => None,
            word => Some(Verdict::parse(word)),
        };
        let groups: Vec<Group> = match parts.next() {
            None => Vec::new(),
            Some(text) => text.split(';').map(Group::parse).collect::<Option<_>>()?,
        };
        (parts.next().is_none() && Self::fits(&groups, steps.chars().count()) && flags.chars().all(|c| "bxuc".contains(c))).then_some(())?;
        Some(Self {
            steps: steps.chars().map(letter).collect::<Option<_>>()?,
            begun: flags.contains('b'),
            cancelled: flags.contains('x'),
            unwinding: flags.contains('u'),
            committed: flags.contains('c'),
            verdict,
            groups,
        })
    }
}

impl fmt::Display for Standing {
    /// Flags, verdict, a letter for each step, and branches where there are any: `bu//SSF.`, `b//SUF/1:0-1,1-3`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (set, letter) in [(self.begun, 'b'), (self.cancelled, 'x'), (self.unwinding, 'u'), (self.committed, 'c')] {
            if set {
                write!(f, "{letter}")?;
            }
        }
        write!(f, "/{}/", self.verdict.map_or("", Verdict::as_str))?;
        for state in &self.steps {
            let letter = LETTERS.iter().find(|(s, _)| s == state).map_or('?', |(_, letter)| *letter);
            write!(f, "{letter}")?;
        }
        for (index, group) in self.groups.iter().enumerate() {
            write!(f, "{}{group}", if index == 0 { '/' } else { ';' })?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{BranchGroup, BranchInfo, StepInfo};

    fn begun(steps: usize) -> Standing {
        branched(steps, Vec::new())
    }

    /// Branches of so many steps each, from the step on.
    fn group(need: usize, mut first: usize, counts: &[usize]) -> BranchGroup {
        let info = |count: &usize| {
            first += count;
            BranchInfo { name: String::new(), first: first - count, count: *count }
        };
        BranchGroup { need, branches: counts.iter().map(info).collect() }
    }

    fn branched(steps: usize, branches: Vec<BranchGroup>) -> Standing {
        let info = StepInfo { server: crate::name::ServerName::master(), action: String::new(), summary: String::new() };
        let mut standing = Standing::default();
        standing.apply(&EventKind::TaskStarted { title: String::new(), steps: vec![info; steps], branches }).unwrap();
        standing
    }

    fn started(step: usize) -> EventKind {
        EventKind::StepStarted { step, acquired: Vec::new(), released: Vec::new() }
    }

    fn cancel() -> EventKind {
        EventKind::CancelAsked { by: "somebody".into() }
    }

    fn finished(verdict: Verdict) -> EventKind {
        EventKind::TaskFinished { verdict, summary: String::new() }
    }

    fn every_kind(step: usize) -> Vec<EventKind> {
        let error = Error::failed("x").report();
        let why = String::new();
        vec![
            started(step),
            EventKind::StepSucceeded { step },
            EventKind::StepFailed { step, error: error.clone() },
            EventKind::UndoStarted { step },
            EventKind::UndoFinished { step },
            EventKind::UndoFailed { step, error },
            EventKind::StepGivenUp { step, why: why.clone() },
            EventKind::StepLeftAlone { step, why: why.clone() },
            EventKind::StepKept { step, what: why },
            EventKind::Committed,
            EventKind::TaskResumed,
            cancel(),
            EventKind::TaskClosed { by: "somebody".into() },
            finished(Verdict::Done),
            finished(Verdict::RolledBack),
            finished(Verdict::Stuck),
            finished(Verdict::Waiting),
            finished(Verdict::Partly),
        ]
    }

    #[test]
    fn impossible_histories_are_refused_and_change_nothing() {
        let mut standing = begun(2);
        for kind in [EventKind::StepSucceeded { step: 0 }, started(2), EventKind::UndoStarted { step: 1 }, finished(Verdict::Done)] {
            let before = standing.clone();
            assert!(standing.apply(&kind).is_err(), "{kind:?}");
            assert_eq!(standing, before);
        }
        standing.apply(&started(0)).unwrap();
        assert!(standing.apply(&started(0)).is_err());
        assert!(standing.apply(&finished(Verdict::RolledBack)).is_err(), "something is open");
        standing.apply(&EventKind::UndoStarted { step: 0 }).unwrap();
        assert!(standing.unwinding && standing.apply(&EventKind::StepSucceeded { step: 0 }).is_err());
        assert!(standing.apply(&EventKind::Committed).is_err());
        standing.apply(&EventKind::UndoFinished { step: 0 }).unwrap();
        standing.apply(&finished(Verdict::RolledBack)).unwrap();
        assert!(standing.apply(&EventKind::TaskResumed).is_err(), "what is over is over");
    }

    #[test]
    fn nothing_begins_after_a_cancel_and_nothing_cancels_a_commit() {
        let mut standing = begun(2);
        standing.apply(&started(0)).unwrap();
        standing.apply(&cancel()).unwrap();
        standing.apply(&EventKind::StepSucceeded { step: 0 }).unwrap();
        assert_eq!(standing.apply(&started(1)).unwrap_err().kind(), ErrorKind::Interrupted);
        assert!(standing.apply(&EventKind::Committed).is_err());
        standing.apply(&cancel()).unwrap();
        let mut standing = begun(0);
        standing.apply(&EventKind::Committed).unwrap();
        assert_eq!(standing.apply(&cancel()).unwrap_err().kind(), ErrorKind::Conflict);
    }

    fn failed(step: usize) -> EventKind {
        EventKind::StepFailed { step, error: Error::failed("x").report() }
    }

    #[test]
    fn a_failed_branch_goes_back_alone_while_enough_are_left() {
        // One step before, and two of three branches of two steps each.
        let mut standing = branched(7, vec![group(2, 1, &[2, 2, 2])]);
        let all = |standing: &mut Standing, kinds: &[EventKind]| kinds.iter().for_each(|kind| standing.apply(kind).unwrap());
        let done = |step| [started(step), EventKind::StepSucceeded { step }];
        all(&mut standing, &[done(0), done(1), done(3)].concat());
        all(&mut standing, &[started(2), failed(2)]);
        assert!(!standing.unwinding && standing.goes_back(1) && !standing.goes_back(4));
        assert_eq!(standing.apply(&started(4)).map_err(|e| e.kind()), Ok(()));
        assert!(standing.apply(&EventKind::Committed).is_err(), "another branch is at work");
        all(&mut standing, &[EventKind::UndoStarted { step: 2 }, EventKind::StepSucceeded { step: 4 }]);
        assert!(standing.apply(&EventKind::UndoStarted { step: 7 }).is_err());
        all(&mut standing, &[done(5), done(6)].concat());
        let lost = &mut standing.clone();
        all(lost, &[EventKind::Committed]);
        assert!(lost.apply(&finished(Verdict::Done)).is_err() && lost.apply(&finished(Verdict::Partly)).is_err());
        assert!(lost.apply(&EventKind::UndoStarted { step: 3 }).is_err(), "what is committed stays");
        all(lost, &[EventKind::UndoFinished { step: 2 }, EventKind::UndoStarted { step: 1 }, EventKind::UndoFinished { step: 1 }]);
        assert!(lost.apply(&finished(Verdict::Stuck)).is_err() && lost.apply(&finished(Verdict::Done)).is_err());
        all(lost, &[finished(Verdict::Partly)]);
    }

    #[test]
    fn too_few_branches_take_the_task_back() {
        let mut standing = branched(3, vec![group(2, 0, &[1, 1, 1])]);
        for kind in [started(0), started(1), failed(0)] {
            standing.apply(&kind).unwrap();
        }
        assert!(!standing.unwinding);
        standing.apply(&failed(1)).unwrap();
        assert!(standing.unwinding && standing.apply(&started(2)).is_err());
    }

    #[test]
    fn branches_that_fit_no_plan_are_impossible() {
        for groups in [vec![group(1, 2, &[2])], vec![group(3, 0, &[1, 1])], vec![group(1, 1, &[1]), group(1, 0, &[1])]] {
            let info = StepInfo { server: crate::name::ServerName::master(), action: String::new(), summary: String::new() };
            let kind = EventKind::TaskStarted { title: String::new(), steps: vec![info; 3], branches: groups };
            assert!(Standing::default().apply(&kind).is_err(), "{kind:?}");
        }
    }

    proptest::proptest! {
        /// Whatever comes, nothing panics, a cancel holds, and the short form reads back.
        #[test]
        fn is_total(events in proptest::collection::vec((0usize..4, 0usize..18), 0..40), need in 0usize..3) {
            let mut standing = if need == 0 { begun(3) } else { branched(4, vec![group(need, 1, &[1, 2])]) };
            for (step, kind) in events {
                let was = standing.clone();
                if standing.apply(&every_kind(step)[kind]).is_err() {
                    proptest::prop_assert_eq!(&standing, &was);
                }
                proptest::prop_assert_eq!(Standing::parse(&standing.to_string()), Some(standing.clone()));
                proptest::prop_assert!(!(was.unwinding && standing.committed && !was.committed), "forward after the way was back");
            }
        }
    }
}
