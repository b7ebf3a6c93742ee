//! A process that cannot be mistaken for another one that got its number later.

use std::fs;
use std::io;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fd::AsFd;
use rustix::process::{Pid, PidfdFlags, Signal, kill_process, pidfd_open};
use serde::{Deserialize, Serialize};

/// A process id together with when it started.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Process {
    pid: i32,
    start: u64,
}

impl Process {
    /// The process that has this id now.
    ///
    /// # Errors
    /// When there is none.
    pub fn of(pid: i32) -> io::Result<Self> {
        match state(pid) {
            Some((_, start)) => Ok(Self { pid, start }),
            None => Err(io::Error::other(format!("there is no process {pid}"))),
        }
    }

    /// This process.
    pub(crate) fn own() -> io::Result<Self> {
        Self::of(i32::try_from(std::process::id()).map_err(io::Error::other)?)
    }

    /// Its id as seen from outside the hosts.
    #[must_use]
    pub fn pid(self) -> i32 {
        self.pid
    }

    /// Whether it still runs; a zombie does not.
    #[must_use]
    pub fn is_alive(self) -> bool {
        state(self.pid).is_some_and(|(state, start)| start == self.start && !"ZX".contains(state))
    }

    /// Sends a signal; a process that is gone already is no error.
    pub fn signal(self, signal: Signal) {
        if self.is_alive()
            && let Some(pid) = Pid::from_raw(self.pid)
        {
            // It may end between the question and the signal, and that is what was wanted.
            let _ = kill_process(pid, signal);
        }
    }

    /// Waits until it is gone; false when it is not after that time.
    #[must_use]
    pub fn gone_within(self, patience: Duration) -> bool {
        self.is_alive()
            .then(|| Pid::from_raw(self.pid).map(|pid| pidfd_open(pid, PidfdFlags::empty())))
            .flatten()
            .is_none_or(|fd| fd.is_ok_and(|fd| readable(&fd, patience)))
            || !self.is_alive()
    }
}

/// Waits for an end: a pidfd becomes readable when its process ends.
pub(crate) fn readable(fd: &impl AsFd, patience: Duration) -> bool {
    let timeout = Timespec::try_from(patience).ok();
    loop {
        match poll(&mut [PollFd::new(fd, PollFlags::IN)], timeout.as_ref()) {
            Err(rustix::io::Errno::INTR) => {}
            ready => return ready.is_ok_and(|n| n > 0),
        }
    }
}

/// State letter and start time, from `/proc/PID/stat`.
fn state(pid: i32) -> Option<(char, u64)> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name before the last parenthesis may hold anything, spaces and parentheses too.
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace();
    let state = fields.next()?.chars().next()?;
    Some((state, fields.nth(18)?.parse().ok()?))
}
