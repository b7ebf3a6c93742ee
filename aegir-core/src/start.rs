//! From a request to a running task: clear its way, lock, plan under the locks, run; or plan, let somebody agree, submit.

use crate::Result;
use crate::aegir::Aegir;
use crate::engine::{self, Begun, Cancel, RunningTask, Way};
use crate::plan::Planned;
use crate::task::Request;

/// What became of a request.
#[derive(Debug)]
#[must_use]
pub enum Start {
    /// There is nothing to do.
    Nothing(Planned),
    /// Whoever was asked keeps the plan, to run it otherwise.
    Kept(Planned),
    /// It runs.
    Running(RunningTask),
}

/// Shows `see` the plan before it runs: an error stops here, `false` keeps the plan.
pub(crate) async fn start(aegir: &Aegir, way: &Way, cancel: &Cancel, see: impl FnOnce(&Planned) -> Result<bool>) -> Result<Start> {
    let (core, request) = (&aegir.core, &way.request);
    if request.is_offline() {
        // What unfinished tasks hold is given up first, and that only once the plan is agreed to.
        let planned = cancel.unless_asked(aegir.plan_to_submit(request)).await?;
        let go = see(&planned)?;
        return Ok(match go && !planned.is_empty() {
            true => Start::Running(engine::submit(core, planned, cancel).await?),
            false => of(planned),
        });
    }
    let begun = engine::begin(core, way, cancel, see).await;
    // What was found on a server that is not known, and came to nothing, is about nothing.
    if matches!(request, Request::VerifyServer { .. }) || matches!(begun, Ok(Begun::Running(_))) {
        aegir.note_checks_of(request).await;
    }
    Ok(match begun? {
        Begun::Running(task) => Start::Running(task),
        Begun::Not(planned) => of(*planned),
    })
}

fn of(planned: Planned) -> Start {
    if planned.is_empty() { Start::Nothing(planned) } else { Start::Kept(planned) }
}
