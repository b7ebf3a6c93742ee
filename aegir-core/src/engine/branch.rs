//! Branches at work: side by side, each taken back alone when it fails, and what became of each.

use std::ops::Range;

use futures::future::join_all;

use super::outcome::Outcome;
use super::run::Engine;
use super::state::Replay;
use crate::event::{BranchGroup, BranchInfo, Part, PartState, StepState, Verdict};
use crate::plan::Branch;
use crate::{Error, ErrorReport, Result};

impl Engine {
    /// Runs branches; `Err` when the whole task goes back.
    pub(super) async fn branches(&self, of: &[Branch], first: usize) -> Result<usize, ()> {
        let (mut ranges, mut next) = (Vec::with_capacity(of.len()), first);
        for branch in of {
            let end = next + branch.stage.count();
            ranges.push(next..end);
            next = end;
        }
        let results = join_all(of.iter().zip(ranges).map(|(branch, steps)| self.branch(branch, steps))).await;
        let stopped = self.stopped().await.map_err(drop)?;
        if stopped || results.iter().any(Result::is_err) { Err(()) } else { Ok(next) }
    }

    /// Runs one; when it fails and the task goes on, takes it back.
    async fn branch(&self, branch: &Branch, steps: Range<usize>) -> Result<(), ()> {
        if self.forward(&branch.stage, steps.start).await.is_ok() {
            return Ok(());
        }
        // Without a word of it in the journal nobody may go on.
        let failed = self.journal.replay().await.standing.has_failed(&steps);
        if !failed || self.stopped().await.map_err(drop)? {
            return Err(());
        }
        let due = self.journal.replay().await.open().filter(|step| steps.contains(step)).collect::<Vec<_>>();
        if let Some(halted) = self.take_back_all(due).await.map_err(drop)? {
            self.halted.lock().await.get_or_insert(halted);
        }
        Ok(())
    }

    /// How a committed task ends some of whose branches failed; nothing when none did.
    pub(super) async fn end_partly(&self, changed: usize, warnings: usize) -> Result<Option<Outcome>> {
        let parts = {
            let replay = self.journal.replay().await;
            if !replay.standing.any_branch_failed() {
                return Ok(None);
            }
            replay.parts()
        };
        let outcome = Outcome::Partly { changed, warnings, parts };
        let halted = self.halted.lock().await.take();
        match halted {
            None => {
                let summary = outcome.error().map(|report| report.message).unwrap_or_default();
                self.finish(Verdict::Partly, &summary).await?;
                Ok(Some(outcome))
            }
            Some((index, error)) => {
                let mut failure = outcome.error().unwrap_or_else(|| error.report());
                failure.message = format!("{}: {}", failure.message, failure.causes.join("; "));
                self.end_halted(index, &error, &failure).await.map(Some)
            }
        }
    }
}

impl Replay {
    /// What became of each branch.
    pub fn parts(&self) -> Vec<Part> {
        self.groups.iter().flat_map(|group| &group.branches).map(|branch| self.part(branch)).collect()
    }

    fn part(&self, branch: &BranchInfo) -> Part {
        let standing = &self.standing;
        let states = standing.steps.get(branch.steps()).unwrap_or_default();
        let halted = branch.steps().rev().find(|step| standing.steps.get(*step) == Some(&StepState::UndoFailed));
        let error = halted.or_else(|| branch.steps().find(|step| self.errors[*step].is_some())).and_then(|step| self.errors[step].clone());
        let over = standing.verdict.is_some() || standing.committed;
        let state = match halted {
            Some(_) if error.as_ref().is_some_and(|e| e.to_error().no_way_there()) => PartState::Waiting,
            Some(_) => PartState::Stuck,
            None if states.iter().all(|state| *state == StepState::Succeeded) => PartState::Done,
            None if states.iter().all(|state| *state == StepState::Pending) => PartState::NotBegun,
            None if states.iter().any(|state| state.is_open()) && !over => PartState::Running,
            None if states.iter().any(|state| state.is_open()) && standing.verdict == Some(Verdict::Waiting) => PartState::Waiting,
            None if states.iter().any(|state| state.is_open()) => PartState::Stuck,
            None => PartState::TakenBack,
        };
        Part { name: branch.name.clone(), task: None, state, error }
    }

    /// Why a group of branches takes the whole task back; nothing where a step is in none.
    pub(super) fn too_few(&self, step: usize) -> Option<ErrorReport> {
        let has = |group: &&BranchGroup| group.branches.iter().any(|branch| branch.steps().contains(&step));
        let group = self.groups.iter().find(has)?;
        let failed: Vec<&BranchInfo> = group.branches.iter().filter(|branch| self.standing.has_failed(&branch.steps())).collect();
        let last = self.errors.get(step)?.as_ref()?;
        let why = |branch: &&BranchInfo| {
            let error = branch.steps().find_map(|step| self.errors[step].as_ref());
            error.map(|error| format!("{}: {}", branch.name, error.to_error().chain().join(": ")))
        };
        let message = format!("{} of {} failed, and {} must succeed", failed.len(), group.branches.len(), group.need);
        let mut report = Error::new(last.kind, message).report();
        report.causes = failed.iter().filter_map(why).collect();
        report.context.clone_from(&last.context);
        report.hints.clone_from(&last.hints);
        Some(report)
    }
}
