//! The errors every inventory gives, in the same words.

use super::{Claim, TaskId, TaskState};
use crate::entity::{Owner, Resource};
use crate::name::SiteUri;
use crate::{Error, ErrorKind, Result};

/// Refuses a save that was made from another revision than the stored one; gives the next.
pub(super) fn check_revision(what: &str, wanted: u64, stored: u64) -> Result<u64> {
    if wanted == stored {
        return Ok(stored + 1);
    }
    Err(Error::conflict(format!("{what} was changed by somebody else in the meantime")).hint("look at it again, then repeat the command"))
}

/// A lease that another task holds, and where that task stands.
pub(super) fn locked(key: &str, held_by: TaskId, state: TaskState) -> Error {
    let held = |why: &str| Error::new(ErrorKind::Locked, format!("{key} is locked by task {held_by}{why}")).context("task", held_by);
    let show = format!("`aegir task show {held_by}` says what is left of it");
    match state {
        TaskState::Stuck => held(", which is stuck")
            .hint(show)
            .hint(format!("`aegir task retry {held_by}` takes back the rest; after doing it by hand, `aegir task close {held_by} --yes`")),
        TaskState::Waiting => held(", which waits for a server").hint(show).hint("`aegir task recover` tries again to take back the rest"),
        _ => held("").hint(format!("wait for it with `aegir task watch {held_by}`, or stop it with `aegir task cancel {held_by}`")),
    }
}

/// A worker that lost its claim.
pub(crate) fn superseded(claim: &Claim) -> Error {
    let task = claim.task;
    Error::new(ErrorKind::Superseded, format!("task {task} was taken over by another process while this one did not answer"))
        .context("task", task)
        .hint(format!("`aegir task show {task}` says how it ended; nothing more is changed from here"))
}

/// An address that another site has.
pub(super) fn taken(address: &SiteUri, holder: &SiteUri) -> Error {
    Error::conflict(format!("{address} is taken by the site {holder}")).context("site", holder)
}

/// A plan that a task has already.
pub(crate) fn ran_before(task: TaskId) -> Error {
    Error::conflict(format!("this plan was applied already, by task {task}")).context("task", task).hint("a plan runs once; plan again")
}

/// A resource that somebody else owns.
pub(super) fn owned_by_other(resource: &Resource, other: &Owner) -> Error {
    Error::refused(format!("the {resource} belongs to {other}"))
        .context("server", &resource.server)
        .hint("if that task took it just now, try again: a new plan sees what is taken, and goes around a name that it may choose")
}

/// A number that no task has.
pub(crate) fn no_task(task: TaskId) -> Error {
    Error::not_found(format!("there is no task {task}")).context("task", task).hint("`aegir task list` shows what there is")
}
