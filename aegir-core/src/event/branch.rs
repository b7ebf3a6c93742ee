//! Where the branches of a task stand: which failed and go back alone, and whether enough are left.

use std::ops::Range;

use super::{Standing, StepState};

/// Branches of which some must succeed, as the plan announces them.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct BranchGroup {
    /// How many must succeed.
    pub need: usize,
    /// Which there are.
    pub branches: Vec<BranchInfo>,
}

/// A branch, as the plan announces it.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct BranchInfo {
    /// Its name.
    pub name: String,
    /// The index of its first step.
    pub first: usize,
    /// How many steps it has; none where there is nothing to do in it.
    pub count: usize,
}

impl BranchInfo {
    /// Its steps.
    pub(crate) fn steps(&self) -> Range<usize> {
        self.first..self.first.saturating_add(self.count)
    }
}

/// The same without names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Group {
    pub(super) need: usize,
    pub(super) branches: Vec<Range<usize>>,
}

impl From<&BranchGroup> for Group {
    fn from(group: &BranchGroup) -> Self {
        Self { need: group.need, branches: group.branches.iter().map(BranchInfo::steps).collect() }
    }
}

impl Group {
    /// Reads what [`std::fmt::Display`] wrote.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (need, branches) = text.split_once(':')?;
        let range = |text: &str| {
            let (first, end) = text.split_once('-')?;
            Some(first.parse().ok()?..end.parse().ok()?)
        };
        Some(Self { need: need.parse().ok()?, branches: branches.split(',').filter(|b| !b.is_empty()).map(range).collect::<Option<_>>()? })
    }
}

impl std::fmt::Display for Group {
    /// What is needed, and from which step up to which each branch goes: `1:0-2,2-5`.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let branches: Vec<String> = self.branches.iter().map(|b| format!("{}-{}", b.start, b.end)).collect();
        write!(f, "{}:{}", self.need, branches.join(","))
    }
}

impl StepState {
    /// Whether it tells that its branch failed.
    fn is_failure(self) -> bool {
        !matches!(self, Self::Pending | Self::Started | Self::Succeeded)
    }
}

impl Standing {
    /// Whether groups fit the steps: one behind the other, each need possible.
    pub(super) fn fits(groups: &[Group], steps: usize) -> bool {
        let mut last = 0;
        groups.iter().all(|group| {
            group.need <= group.branches.len()
                && group.branches.iter().all(|branch| {
                    let follows = last <= branch.start && branch.start <= branch.end && branch.end <= steps;
                    last = branch.end;
                    follows
                })
        })
    }

    /// The group and the branch of a step.
    fn branch_of(&self, step: usize) -> Option<(&Group, &Range<usize>)> {
        self.groups.iter().find_map(|group| Some((group, group.branches.iter().find(|branch| branch.contains(&step))?)))
    }

    /// Whether a branch failed, and so goes back or is taken back.
    pub(crate) fn has_failed(&self, branch: &Range<usize>) -> bool {
        self.steps.get(branch.clone()).is_some_and(|steps| steps.iter().any(|state| state.is_failure()))
    }

    /// Whether the branch of a step failed.
    pub(crate) fn branch_failed(&self, step: usize) -> bool {
        self.branch_of(step).is_some_and(|(_, branch)| self.has_failed(branch))
    }

    /// Whether a failed step lets the task go on: its branch goes back alone, and enough others are left.
    pub(super) fn bears_failure(&self, step: usize) -> bool {
        self.branch_of(step).is_some_and(|(group, _)| {
            let failed = group.branches.iter().filter(|branch| self.has_failed(branch)).count();
            group.branches.len() - failed >= group.need
        })
    }

    /// Whether any branch failed.
    pub(crate) fn any_branch_failed(&self) -> bool {
        self.groups.iter().flat_map(|group| &group.branches).any(|branch| self.has_failed(branch))
    }

    /// Whether enough branches of each group are done, and the others failed.
    pub(super) fn branches_suffice(&self) -> bool {
        let done = |branch: &Range<usize>| self.steps[branch.clone()].iter().all(|state| *state == StepState::Succeeded);
        self.groups.iter().all(|group| {
            group.branches.iter().filter(|branch| done(branch)).count() >= group.need
                && group.branches.iter().all(|branch| done(branch) || self.has_failed(branch))
        })
    }

    /// Whether nothing more begins of what a step belongs to: its task goes back, or its branch.
    pub(crate) fn goes_back(&self, step: usize) -> bool {
        self.branch_failed(step) || (self.unwinding && !self.committed)
    }

    /// Whether a step is yet to be taken back when the task goes back from here: of what is committed only failed branches are.
    pub(crate) fn is_due(&self, step: usize) -> bool {
        self.steps.get(step).is_some_and(|state| state.is_open()) && (!self.committed || self.branch_failed(step))
    }

    /// Whether anything is.
    pub(super) fn any_due(&self) -> bool {
        (0..self.steps.len()).any(|step| self.is_due(step))
    }
}
