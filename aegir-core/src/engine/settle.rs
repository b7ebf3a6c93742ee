//! Holds a plan against the world: leaves out what is so already, and tells when a plan no longer fits.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures::stream::{self, StreamExt as _, TryStreamExt as _};

use crate::action::Context;
use crate::entity::EntityRef;
use crate::plan::{Basis, Change, Diff, Plan, Planned, PlannedStep, Step};
use crate::reach::Reach;
use crate::secret::Domain;
use crate::shared::Core;
use crate::{Error, Result};

fn context(core: &Arc<Core>, step: &Step, server: Arc<dyn crate::server::Server>) -> Context {
    Context { core: core.clone(), server, owner: step.owner.clone(), running: None, retrying: false }
}

/// Looks at what one step would change; returns the diff and a mark of what stands there.
async fn look(core: &Arc<Core>, reach: &Reach, step: &Step) -> Result<(Diff, String)> {
    let action = core.registry.actions().get(step)?;
    let cx = context(core, step, reach.look(core, &step.server).await?);
    let before = action.observe(&cx).await?;
    let mark = core.keyring.mark(Domain::Observation, before.to_string().as_bytes());
    Ok((action.diff(&cx, &before)?, mark))
}

async fn look_all(core: &Arc<Core>, reach: &Reach, steps: impl Iterator<Item = Step>) -> Result<Vec<(Step, Diff, String)>> {
    let width = core.settings.parallel().max(1);
    stream::iter(steps)
        .map(|step| async move {
            let (diff, mark) = look(core, reach, &step).await?;
            Ok((step, diff, mark))
        })
        .buffered(width)
        .try_collect()
        .await
}

/// Fills in diffs and basis of a planned operation, and drops the steps that have nothing to do.
pub(crate) async fn settle(core: &Arc<Core>, mut planned: Planned, plan: Plan, entities: &[EntityRef]) -> Result<Planned> {
    let reach = Reach::of(plan.steps())?;
    let looked = look_all(core, &reach, plan.steps().into_iter().cloned()).await?;
    let actions = core.registry.actions();
    plan.check(actions)?;
    let differs: Vec<bool> = looked.iter().map(|(_, diff, _)| diff.change != Change::Same).collect();
    // What changes nothing runs all the same where a later step reads what it puts out.
    let keep: Vec<bool> = plan.read_by(actions, &differs)?.iter().zip(&differs).map(|(read, differs)| *read || *differs).collect();
    let forward = plan.steps().len() - plan.cleanup.len();
    // Clean-up serves the forward steps: without any of them there is nothing to clean up.
    let any_forward = keep[..forward].iter().any(|k| *k);
    planned.plan = plan.retain(&|i| keep[i] && (i < forward || any_forward));
    let mut basis = Basis { observed: Vec::with_capacity(looked.len()), revisions: revisions(core, entities).await? };
    for (index, (step, diff, mark)) in looked.into_iter().enumerate() {
        if keep[index] && (index < forward || any_forward) {
            planned.steps.push(PlannedStep { step: step.clone(), diff });
        }
        basis.observed.push((step, mark));
    }
    planned.basis = basis;
    Ok(planned)
}

async fn revisions(core: &Arc<Core>, entities: &[EntityRef]) -> Result<BTreeMap<String, u64>> {
    let mut revisions = BTreeMap::new();
    for entity in entities {
        revisions.insert(entity.to_string(), core.revision(entity).await?);
    }
    Ok(revisions)
}

/// Refuses a plan whose world has changed since it was made.
pub(crate) async fn check_basis(core: &Arc<Core>, planned: &Planned) -> Result<()> {
    let stale = |what: String| {
        Error::conflict(format!("the plan “{}” no longer fits: {what}", planned.title)).hint("plan again, and look at what changed")
    };
    for (name, revision) in &planned.basis.revisions {
        let entity = planned.touches.iter().map(|(e, _)| e).find(|e| e.to_string() == *name);
        let Some(entity) = entity else { continue };
        let now = core.revision(entity).await?;
        if now != *revision {
            return Err(stale(format!("{name} has changed in the inventory since")));
        }
    }
    let reach = Reach::of(planned.basis.observed.iter().map(|(step, _)| step))?;
    let marks: Vec<String> = planned.basis.observed.iter().map(|(_, mark)| mark.clone()).collect();
    let looks = stream::iter(planned.basis.observed.iter().map(|(step, _)| step.clone()).collect::<Vec<_>>())
        .map(|step| async {
            let seen = look(core, &reach, &step).await;
            (step, seen)
        })
        .buffered(core.settings.parallel().max(1));
    tokio::pin!(looks);
    for mark in marks {
        let Some((step, seen)) = looks.next().await else { break };
        let (_, now) = seen.map_err(|e| stale(format!("“{}” cannot be looked at any more", step.summary)).because(e.chain().join(": ")))?;
        if now != mark {
            return Err(stale(format!("what “{}” works on has changed since", step.summary)).context("server", &step.server));
        }
    }
    Ok(())
}
