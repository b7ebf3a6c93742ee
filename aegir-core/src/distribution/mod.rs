//! Brings trees from the master to servers: compares both sides, sends what differs, and can put it back.
//!
//! * Comparing is one listing of each side ([`Listing`]) and pure. Content is not read for it: what has the same size,
//!   time and links is the same.
//! * A tree that is not there yet is built beside its place and renamed once. In one that is there, every file is replaced by one
//!   rename; what it replaces waits in `.NAME.aegir-previous` until the commit, so that undo is the same renames back.
//! * What a server says is compared and never believed: a path of its own leads nowhere but down, and no link in a tree is
//!   followed, neither by names nor between two looks.
//! * Each server's stream reads the files for itself. They come from memory after the first one; a stream shared by
//!   all would be as slow as the slowest of them.

mod amend;
mod decide;
mod keep;
mod listing;
mod order;
mod pack;
mod packing;
mod path;
mod push;
mod remote;
mod scan;
mod tar;
mod undo;

pub use amend::Op;
pub use decide::{Change, Deed};
pub use keep::Keep;
pub use listing::{Entry, Kind, Listing, State};
pub use pack::{Package, Progress};
pub use packing::Packing;
pub use path::TreePath;
pub use push::{Before, Ground, Push};
pub use remote::{Standing, Survey};

pub(crate) use amend::amend;
#[cfg(feature = "testing")]
pub(crate) use listing::Found;
pub(crate) use pack::unpack;
pub(crate) use remote::survey;

use std::os::fd::{AsFd, OwnedFd};

use rustix::fs::{Mode, OFlags, ResolveFlags};

use crate::Result;
use crate::action::{PurgeTree, PushTree};
use crate::entity::Owner;
use crate::name::ServerName;
use crate::plan::Plan;

/// Adds to a plan that a tree is brought to a server, and that what it replaces is destroyed after the commit.
pub fn push(plan: Plan, server: &ServerName, owner: &Owner, tree: &PushTree) -> Result<Plan> {
    let previous = tree.previous();
    plan.then(server, owner, tree)?.finally(server, owner, &PurgeTree { path: previous })
}

/// Opens something below a directory for reading, without following a link anywhere on the way.
fn open_beneath(root: &OwnedFd, path: &TreePath, flags: OFlags) -> std::io::Result<OwnedFd> {
    if path.is_root() {
        return rustix::io::fcntl_dupfd_cloexec(root.as_fd(), 0).map_err(Into::into);
    }
    let flags = flags | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS;
    rustix::fs::openat2(root, path.as_os(), flags, Mode::empty(), resolve).map_err(Into::into)
}

/// A size for people.
pub(crate) fn bytes(count: u64) -> String {
    const UNITS: [&str; 5] = ["bytes", "KB", "MB", "GB", "TB"];
    let mut unit = 0;
    let (mut whole, mut rest) = (count, 0);
    while whole >= 1000 && unit + 1 < UNITS.len() {
        (whole, rest, unit) = (whole / 1000, whole % 1000, unit + 1);
    }
    if unit == 0 || whole >= 10 { format!("{whole} {}", UNITS[unit]) } else { format!("{whole}.{} {}", rest / 100, UNITS[unit]) }
}
