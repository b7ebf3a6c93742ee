//! From a request to a running task: plan, let somebody agree, submit; again when the plan went stale in between.

use crate::aegir::Aegir;
use crate::engine::{Cancel, RunningTask};
use crate::plan::Planned;
use crate::task::Request;
use crate::{Error, ErrorKind, Result};

/// How often a plan that went stale between planning and locking is made again.
const TRIES: u32 = 3;

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

/// Asks `agree` about every plan that is made: an error stops here, `false` keeps the plan.
pub(crate) async fn start(
    aegir: &Aegir,
    request: &Request,
    cancel: &Cancel,
    mut agree: impl FnMut(&Planned) -> Result<bool>,
) -> Result<Start> {
    for tries in 1.. {
        if cancel.asked() {
            return Err(Error::new(ErrorKind::Interrupted, "stopped by the operator before anything was changed"));
        }
        let planned = aegir.plan_to_submit(request).await?;
        let agreed = agree(&planned)?;
        if planned.is_empty() {
            return Ok(Start::Nothing(planned));
        }
        if !agreed {
            return Ok(Start::Kept(planned));
        }
        match aegir.submit_with(planned, cancel.clone()).await {
            Ok(running) => return Ok(Start::Running(running)),
            // Somebody changed what it works on between the plan and its locks: plan again from what is there now.
            Err(stale) if stale.kind() == ErrorKind::Conflict && tries < TRIES => {}
            Err(error) => return Err(error),
        }
    }
    Err(Error::internal("the tries have no end"))
}
