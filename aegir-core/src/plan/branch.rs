//! Branches of a plan: side by side, each taken back alone, and how many of them must succeed.

use std::collections::BTreeSet;

use super::{Plan, Stage};
use crate::event::{BranchGroup, BranchInfo};
use crate::{Error, Result};

/// How many branches must succeed; with fewer, the whole task goes back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Need {
    /// Each of them.
    All,
    /// So many; those that fail are taken back alone.
    AtLeast(usize),
}

impl Need {
    /// Of so many.
    fn of(self, branches: usize) -> usize {
        match self {
            Self::All => branches,
            Self::AtLeast(need) => need,
        }
    }
}

/// One of several branches.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Branch {
    /// Its name in reports, such as its server's; no other branch of the plan has it.
    pub name: String,
    /// What it does.
    pub stage: Stage,
}

impl Plan {
    /// Branches side by side: one that fails is taken back alone, and the others go on while enough of them may succeed. What
    /// a branch cleans up after the commit is left out when the branch failed. Branches have no branches in them.
    pub fn branches<N: Into<String>>(need: Need, branches: impl IntoIterator<Item = (N, Self)>) -> Result<Self> {
        let (mut of, mut cleanup) = (Vec::new(), Vec::new());
        for (name, plan) in branches {
            let name = name.into();
            cleanup.extend(plan.cleanup.into_iter().map(|step| step.of_branch(&name)));
            of.push(Branch { name, stage: plan.forward });
        }
        let plan = Self { forward: Stage::Branches { of, need }, cleanup };
        plan.check_branches()?;
        Ok(plan)
    }

    /// Refuses branches in branches, two of one name, and a need that cannot be met.
    pub(super) fn check_branches(&self) -> Result<()> {
        let mut names = BTreeSet::new();
        self.forward.check_branches(false, &mut names)?;
        match self.cleanup.iter().filter_map(|step| step.branch.as_deref()).find(|branch| !names.contains(branch)) {
            Some(missing) => Err(Error::internal(format!("a plan cleans up after a branch “{missing}” that it does not have"))),
            None => Ok(()),
        }
    }

    /// Its branches, as an event announces them.
    pub(crate) fn groups(&self) -> Vec<BranchGroup> {
        let (mut groups, mut first) = (Vec::new(), 0);
        self.forward.groups(&mut first, &mut groups);
        groups
    }
}

impl Stage {
    fn check_branches<'a>(&'a self, inside: bool, names: &mut BTreeSet<&'a str>) -> Result<()> {
        match self {
            Self::Step(_) => Ok(()),
            Self::Series(stages) | Self::Parallel(stages) => stages.iter().try_for_each(|stage| stage.check_branches(inside, names)),
            Self::Branches { .. } if inside => Err(Error::internal("a branch of a plan has branches itself")),
            Self::Branches { of, need } => {
                if need.of(of.len()) > of.len() {
                    return Err(Error::internal(format!("a plan needs {need:?} of {} branches", of.len())));
                }
                of.iter().try_for_each(|branch| {
                    if !names.insert(&branch.name) {
                        return Err(Error::internal(format!("two branches of a plan are named “{}”", branch.name)));
                    }
                    branch.stage.check_branches(true, names)
                })
            }
        }
    }

    fn groups(&self, first: &mut usize, groups: &mut Vec<BranchGroup>) {
        match self {
            Self::Step(_) => *first += 1,
            Self::Series(stages) | Self::Parallel(stages) => stages.iter().for_each(|stage| stage.groups(first, groups)),
            Self::Branches { of, need } => {
                let branch = |branch: &Branch| {
                    let info = BranchInfo { name: branch.name.clone(), first: *first, count: branch.stage.count() };
                    *first += info.count;
                    info
                };
                let branches: Vec<BranchInfo> = of.iter().map(branch).collect();
                groups.push(BranchGroup { need: need.of(of.len()), branches });
            }
        }
    }
}
