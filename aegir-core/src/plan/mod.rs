//! Plans as data: what will be done, where, in which order. Printing one is a dry run.

mod branch;
mod diff;
mod lookup;
mod planned;

pub use branch::{Branch, Need};
pub use diff::{Change, Diff};
pub use planned::{Basis, Confirm, Planned, PlannedStep};

use crate::action::Action;
use crate::entity::Owner;
use crate::name::ServerName;
use crate::{Error, Result};

/// One action on one server, for one owner.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Step {
    /// The server it changes.
    pub server: ServerName,
    /// Who owns what it makes, and must own what it removes.
    pub owner: Owner,
    /// The action's name in the registry; API from the day somebody has a journal.
    pub action: String,
    /// The action's own data; secrets in it are sealed.
    pub params: serde_json::Value,
    /// One line for people.
    pub summary: String,
    /// Its name within the plan, by which later steps read what it put out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Of what runs after the commit: the branch that it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub branch: Option<String>,
}

impl Step {
    /// A step from a typed action.
    pub fn new<A: Action>(server: &ServerName, owner: &Owner, action: &A) -> Result<Self> {
        let params =
            serde_json::to_value(action).map_err(|e| Error::internal(format!("the action {} does not serialise", A::NAME)).because(e))?;
        Ok(Self {
            server: server.clone(),
            owner: owner.clone(),
            action: A::NAME.to_owned(),
            params,
            summary: action.summary(),
            id: None,
            branch: None,
        })
    }

    /// With a name, by which later steps read what it puts out.
    #[must_use]
    pub fn named(mut self, id: impl Into<String>) -> Self {
        self.id = Some(id.into());
        self
    }

    fn of_branch(mut self, branch: &str) -> Self {
        self.branch = Some(branch.to_owned());
        self
    }
}

/// Steps in order, or side by side.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// One step.
    Step(Box<Step>),
    /// One after the other.
    Series(Vec<Self>),
    /// Side by side; all end before the next stage begins.
    Parallel(Vec<Self>),
    /// Side by side, each on its own: one that fails is taken back alone.
    Branches {
        /// Which.
        of: Vec<Branch>,
        /// How many of them must succeed.
        need: Need,
    },
}

impl Stage {
    fn collect<'a>(&'a self, steps: &mut Vec<&'a Step>) {
        match self {
            Self::Step(step) => steps.push(step),
            Self::Series(stages) | Self::Parallel(stages) => stages.iter().for_each(|s| s.collect(steps)),
            Self::Branches { of, .. } => of.iter().for_each(|branch| branch.stage.collect(steps)),
        }
    }

    /// How many steps it has.
    pub(crate) fn count(&self) -> usize {
        match self {
            Self::Step(_) => 1,
            Self::Series(stages) | Self::Parallel(stages) => stages.iter().map(Self::count).sum(),
            Self::Branches { of, .. } => of.iter().map(|branch| branch.stage.count()).sum(),
        }
    }

    /// The same shape with only the steps that `keep` wants; `index` counts them in order.
    fn retain(self, index: &mut usize, keep: &dyn Fn(usize) -> bool) -> Option<Self> {
        let children =
            |stages: Vec<Self>, index: &mut usize| -> Vec<Self> { stages.into_iter().filter_map(|s| s.retain(index, keep)).collect() };
        match self {
            Self::Step(step) => {
                *index += 1;
                keep(*index - 1).then_some(Self::Step(step))
            }
            Self::Series(stages) => Some(Self::Series(children(stages, index))).filter(|s| !s.is_empty()),
            Self::Parallel(stages) => Some(Self::Parallel(children(stages, index))).filter(|s| !s.is_empty()),
            Self::Branches { of, need } => {
                // One with nothing to do stays: it counts as done, and is reported.
                let of = of.into_iter().map(|branch| {
                    let stage = branch.stage.retain(index, keep).unwrap_or_else(|| Self::Series(Vec::new()));
                    Branch { name: branch.name, stage }
                });
                Some(Self::Branches { of: of.collect(), need }).filter(|s| !s.is_empty())
            }
        }
    }

    fn is_empty(&self) -> bool {
        match self {
            Self::Step(_) => false,
            Self::Series(stages) | Self::Parallel(stages) => stages.iter().all(Self::is_empty),
            Self::Branches { of, .. } => of.iter().all(|branch| branch.stage.is_empty()),
        }
    }
}

/// What will be done.
///
/// Every forward step can be taken back. Once all succeeded the task is committed; then the clean-up steps
/// run, which destroy what nobody needs any more. One of those that fails is reported and taken back by nobody.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Plan {
    /// The steps that can be taken back.
    pub forward: Stage,
    /// What is destroyed after the commit.
    #[serde(default)]
    pub cleanup: Vec<Step>,
}

impl Default for Plan {
    fn default() -> Self {
        Self::empty()
    }
}

impl Plan {
    /// Nothing to do.
    pub fn empty() -> Self {
        Self { forward: Stage::Series(Vec::new()), cleanup: Vec::new() }
    }

    /// Adds a step behind all others.
    pub fn then<A: Action>(self, server: &ServerName, owner: &Owner, action: &A) -> Result<Self> {
        Ok(self.followed_by(Stage::Step(Box::new(Step::new(server, owner, action)?))))
    }

    /// Adds a step behind all others whose output later steps read by this name, which no other step of the plan has.
    pub fn then_named<A: Action>(self, id: impl Into<String>, server: &ServerName, owner: &Owner, action: &A) -> Result<Self> {
        Ok(self.followed_by(Stage::Step(Box::new(Step::new(server, owner, action)?.named(id)))))
    }

    /// Adds another plan behind all steps; clean-ups gather at the end.
    #[must_use]
    pub fn and_then(mut self, next: Self) -> Self {
        self.cleanup.extend(next.cleanup);
        if next.forward.is_empty() { self } else { self.followed_by(next.forward) }
    }

    /// Plans side by side.
    pub fn together(plans: impl IntoIterator<Item = Self>) -> Self {
        let mut stages = Vec::new();
        let mut cleanup = Vec::new();
        for plan in plans {
            cleanup.extend(plan.cleanup);
            if !plan.forward.is_empty() {
                stages.push(plan.forward);
            }
        }
        Self { forward: Stage::Parallel(stages), cleanup }
    }

    /// Adds a step for after the commit: from there on only forward.
    pub fn finally<A: Action>(mut self, server: &ServerName, owner: &Owner, action: &A) -> Result<Self> {
        self.cleanup.push(Step::new(server, owner, action)?);
        Ok(self)
    }

    fn followed_by(mut self, stage: Stage) -> Self {
        match &mut self.forward {
            Stage::Series(stages) => stages.push(stage),
            other => {
                let first = std::mem::replace(other, Stage::Series(Vec::new()));
                *other = Stage::Series(if first.is_empty() { vec![stage] } else { vec![first, stage] });
            }
        }
        self
    }

    /// All steps in plan order, clean-ups last. Events refer to them by this index.
    pub fn steps(&self) -> Vec<&Step> {
        let mut steps = Vec::new();
        self.forward.collect(&mut steps);
        steps.extend(&self.cleanup);
        steps
    }

    /// Whether there is nothing to do.
    pub fn is_empty(&self) -> bool {
        self.forward.is_empty() && self.cleanup.is_empty()
    }

    /// The same plan with only the steps whose index `keep` wants.
    pub(crate) fn retain(self, keep: &dyn Fn(usize) -> bool) -> Self {
        let mut index = 0;
        let forward = self.forward.retain(&mut index, keep).unwrap_or_else(|| Stage::Series(Vec::new()));
        let cleanup = self.cleanup.into_iter().enumerate().filter(|(i, _)| keep(index + i)).map(|(_, s)| s).collect();
        Self { forward, cleanup }
    }
}
