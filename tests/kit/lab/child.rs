//! A command that was started inside a host, and how it ended.

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::FileExt;
use std::os::unix::process::ExitStatusExt;
use std::time::Duration;

use rustix::process::{Pid, PidfdFlags, Signal, kill_process_group, pidfd_open};

use super::process::{Process, readable};
use super::tool::until;

/// A command that runs inside a host; killed with all it started when dropped.
#[derive(Debug)]
pub struct Child {
    shown: String,
    child: std::process::Child,
    stdout: File,
    stderr: File,
}

impl Child {
    pub(crate) fn new(shown: String, child: std::process::Child, stdout: File, stderr: File) -> Self {
        Self { shown, child, stdout, stderr }
    }

    /// The command's own process, as seen from outside; none once it has ended.
    #[must_use]
    pub fn process(&self) -> Option<Process> {
        let id = self.child.id();
        let children = format!("/proc/{id}/task/{id}/children");
        let mut found = None;
        // nsenter makes it a moment after nsenter itself is there.
        let _ = until("the command runs", Duration::from_secs(5), || {
            let Ok(children) = std::fs::read_to_string(&children) else {
                return true;
            };
            found = children.split_whitespace().next().map(str::to_owned);
            found.is_some() || !Process::of(id.cast_signed()).is_ok_and(Process::is_alive)
        });
        Process::of(found?.parse().ok()?).ok()
    }

    /// Sends a signal to the command's own process, and to nothing it started.
    pub fn signal(&self, signal: Signal) {
        if let Some(process) = self.process() {
            process.signal(signal);
        }
    }

    /// Lets a command go on that a signal stopped; what it runs in stopped with it.
    pub fn resume(&self) {
        if let Some(group) = Pid::from_raw(self.child.id().cast_signed()) {
            let _ = kill_process_group(group, Signal::CONT);
        }
        self.signal(Signal::CONT);
    }

    /// `kill -9`, as a crash does it: the command itself dies, what it started lives on.
    pub fn kill(&self) {
        self.signal(Signal::KILL);
    }

    /// `kill -9` for the command and everything it started, except what left its process group.
    pub fn kill_all(&self) {
        if let Some(group) = Pid::from_raw(self.child.id().cast_signed()) {
            let _ = kill_process_group(group, Signal::KILL);
        }
    }

    /// What it has written to standard output up to now.
    #[must_use]
    pub fn stdout(&self) -> String {
        read_all(&self.stdout)
    }

    /// What it has written to standard error up to now.
    #[must_use]
    pub fn stderr(&self) -> String {
        read_all(&self.stderr)
    }

    /// Waits for its end; after `patience` it is killed with all it started.
    #[must_use]
    pub fn wait(mut self, patience: Duration) -> Run {
        let in_time = Pid::from_raw(self.child.id().cast_signed())
            .and_then(|pid| pidfd_open(pid, PidfdFlags::empty()).ok())
            .is_some_and(|fd| readable(&fd, patience));
        if !in_time {
            self.kill_all();
        }
        let status = self.child.wait().ok();
        let code = status.and_then(|s| s.code().or_else(|| s.signal().map(|n| 128 + n)));
        Run {
            status: if in_time { code.unwrap_or(-1) } else { 124 },
            timed_out: !in_time,
            stdout: self.stdout(),
            stderr: self.stderr(),
            shown: std::mem::take(&mut self.shown),
        }
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            self.kill_all();
            let _ = self.child.wait();
        }
    }
}

/// The file's offset is the writer's, too, so it must not be moved.
fn read_all(file: &File) -> String {
    struct At<'f>(&'f File, u64);
    impl Read for At<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let read = self.0.read_at(buffer, self.1)?;
            self.1 += read as u64;
            Ok(read)
        }
    }
    let mut bytes = Vec::new();
    let _ = At(file, 0).read_to_end(&mut bytes);
    String::from_utf8_lossy(&bytes).into_owned()
}

/// How a command ended and what it said.
#[derive(Debug, Clone)]
pub struct Run {
    /// The exit status; 128 + the signal that killed it; 124 when it took too long.
    pub status: i32,
    /// Whether it was killed because it took too long.
    pub timed_out: bool,
    /// Its standard output.
    pub stdout: String,
    /// Its standard error.
    pub stderr: String,
    shown: String,
}

impl Run {
    /// Whether it ended with status 0.
    #[must_use]
    pub fn success(&self) -> bool {
        self.status == 0
    }

    /// Its standard output, without the newline at the end.
    ///
    /// # Panics
    /// When it failed; the message holds everything it said.
    #[track_caller]
    pub fn ok(self) -> String {
        assert!(
            self.success(),
            "{} ended with {}{}\n{}{}",
            self.shown,
            self.status,
            if self.timed_out { " (timed out)" } else { "" },
            self.stdout,
            self.stderr
        );
        self.stdout.trim_end_matches('\n').to_owned()
    }
}
