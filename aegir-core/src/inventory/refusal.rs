//! The errors every inventory gives, in the same words.

use super::{Lease, TaskId};
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

/// A lease that somebody holds.
pub(super) fn locked(wanted: &Lease, held: &Lease) -> Error {
    let end = held.expires.format("%H:%M:%S UTC");
    Error::new(ErrorKind::Locked, format!("{} is locked by task {}", wanted.key, held.task))
        .context("task", held.task)
        .hint(format!("wait for it with `aegir task watch {}`; its lock ends by itself at {end} if its worker dies", held.task))
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
    Error::refused(format!("the {resource} belongs to {other}")).context("server", &resource.server)
}

/// A number that no task has.
pub(super) fn no_task(task: TaskId) -> Error {
    Error::not_found(format!("there is no task {task}")).context("task", task).hint("`aegir task list` shows what there is")
}
