//! Cleans up after labs whose owner died before it could.

use std::fs;
use std::io;
use std::path::Path;
use std::time::Duration;

use rustix::process::Signal;

use super::state::{self, LabState};

/// Removes every lab whose owner is dead and returns their ids; labs made by hand stay.
///
/// # Errors
/// When the lock cannot be taken.
pub fn reap() -> io::Result<Vec<String>> {
    let _lock = state::lock()?;
    Ok(reap_locked())
}

pub(crate) fn reap_locked() -> Vec<String> {
    let dead = |lab: &LabState| !lab.stays && !lab.owner.is_alive();
    let mut reaped = Vec::new();
    for lab in state::labs().into_iter().filter(dead) {
        remove(&lab);
        reaped.push(lab.subnet.id());
    }
    reaped
}

/// Takes down whatever there is of a lab. Every part may be gone already.
pub(crate) fn remove(lab: &LabState) {
    let hosts = lab.hosts();
    for host in &hosts {
        host.init.signal(Signal::KILL);
    }
    for host in &hosts {
        // The mounts of a host are in its own namespace: they are gone when it is.
        let _ = host.init.gone_within(Duration::from_secs(10));
    }
    lab.subnet.remove(hosts.iter().map(|h| h.number));
    remove_folder(&lab.disks);
    remove_folder(&lab.folder());
}

pub(crate) fn remove_folder(path: &Path) {
    // Overlay makes a work folder without any permission; root may remove it all the same.
    let _ = fs::remove_dir_all(path);
}
