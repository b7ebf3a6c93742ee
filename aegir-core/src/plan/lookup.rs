//! What a plan must hold to: no step reads what nothing before it put out, and branches are branches.

use std::collections::BTreeSet;

use super::{Plan, Stage, Step};
use crate::action::Actions;
use crate::{Error, Result};

impl Plan {
    /// Refuses a plan with two steps of one name, or in which a step reads what no step before it puts out; and branches that
    /// are none.
    pub(crate) fn check(&self, actions: &Actions) -> Result<()> {
        self.check_branches()?;
        let mut names = BTreeSet::new();
        for name in self.steps().iter().filter_map(|step| step.id.as_deref()) {
            if !names.insert(name) {
                return Err(Error::internal(format!("two steps of one plan are named “{name}”")));
            }
        }
        let mut known = BTreeSet::new();
        self.forward.check(actions, &mut known)?;
        self.cleanup.iter().try_for_each(|step| step.check(actions, &mut known))
    }

    /// For each step whether one of those that are kept reads what it puts out, directly or through others.
    pub(crate) fn read_by(&self, actions: &Actions, kept: &[bool]) -> Result<Vec<bool>> {
        let steps = self.steps();
        let mut wanted = BTreeSet::new();
        let mut read = vec![false; steps.len()];
        for (index, step) in steps.iter().enumerate().rev() {
            read[index] = step.id.as_ref().is_some_and(|id| wanted.contains(id));
            if read[index] || kept[index] {
                wanted.extend(actions.get(step)?.reads());
            }
        }
        Ok(read)
    }
}

impl Stage {
    /// `known` are the names of the steps that are over when this begins; then those when it ends.
    fn check<'a>(&'a self, actions: &Actions, known: &mut BTreeSet<&'a str>) -> Result<()> {
        match self {
            Self::Step(step) => step.check(actions, known),
            Self::Series(stages) => stages.iter().try_for_each(|stage| stage.check(actions, known)),
            Self::Parallel(stages) => {
                let mut after = known.clone();
                for stage in stages {
                    let mut beside = known.clone();
                    stage.check(actions, &mut beside)?;
                    after.append(&mut beside);
                }
                *known = after;
                Ok(())
            }
            // What a branch puts out may be taken back with it, so it is for that branch alone.
            Self::Branches { of, .. } => of.iter().try_for_each(|branch| branch.stage.check(actions, &mut known.clone())),
        }
    }
}

impl Step {
    fn check<'a>(&'a self, actions: &Actions, known: &mut BTreeSet<&'a str>) -> Result<()> {
        let reads = actions.get(self)?.reads();
        if let Some(missing) = reads.iter().find(|name| !known.contains(name.as_str())) {
            return Err(Error::internal(format!("“{}” reads what “{missing}” puts out, and no step before it is named so", self.summary)));
        }
        known.extend(self.id.as_deref());
        Ok(())
    }
}
