//! One host of a lab.

use std::ffi::OsStr;
use std::fs;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use super::boot::{self, Life};
use super::child::{Child, Run};
use super::exec::Invocation;
use super::layer::Layer;
use super::process::Process;
use super::state::HostState;
use super::suite::Suite;

/// A handle on a host; clones are handles on the same one. The [`Lab`](super::Lab) owns it.
#[derive(Debug, Clone)]
pub struct Host {
    state: Arc<HostState>,
    life: Arc<Mutex<Option<Life>>>,
    /// What it started from, which stays as long as it does: other programs remove layers that nobody uses.
    _layer: Option<Layer>,
}

/// An answer over HTTP.
#[derive(Debug, Clone)]
pub struct Page {
    /// The status code.
    pub status: u16,
    /// Header names in lower case and their values, in the order they came.
    pub headers: Vec<(String, String)>,
    /// The body; text that is not UTF-8 is replaced.
    pub body: String,
}

impl Page {
    /// The first header of that name, in lower case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut found = self.headers.iter().filter(|(n, _)| n == name);
        found.next().map(|(_, value)| value.as_str())
    }
}

impl Host {
    pub(crate) fn new(state: HostState, life: Option<Life>, layer: Option<Layer>) -> Self {
        Self { state: Arc::new(state), life: Arc::new(Mutex::new(life)), _layer: layer }
    }

    /// The short name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.state.name
    }

    /// The full name.
    #[must_use]
    pub fn fqdn(&self) -> &str {
        &self.state.fqdn
    }

    /// The IPv4 address, reachable from the other hosts and from this machine.
    #[must_use]
    pub fn v4(&self) -> Ipv4Addr {
        self.state.v4
    }

    /// The IPv6 address (a unique local one).
    #[must_use]
    pub fn v6(&self) -> Ipv6Addr {
        self.state.v6
    }

    /// The Debian release that it is of.
    #[must_use]
    pub fn suite(&self) -> Suite {
        self.state.suite
    }

    /// The first process; everything on the host dies with it.
    #[must_use]
    pub fn init(&self) -> Process {
        self.state.init
    }

    /// Its root directory, as seen from outside. An absolute symbolic link below it leads out of it:
    /// prefer [`read`](Self::read) and [`write`](Self::write).
    #[must_use]
    pub fn root(&self) -> PathBuf {
        PathBuf::from(format!("/proc/{}/root", self.init().pid()))
    }

    pub(crate) fn number(&self) -> u8 {
        self.state.number
    }

    /// The outer end of its network cable.
    pub(crate) fn cable(&self) -> &str {
        &self.state.cable
    }

    /// Whether it runs.
    #[must_use]
    pub fn is_up(&self) -> bool {
        self.init().is_alive()
    }

    /// Pulls the plug: everything on it is gone at once, and what it kept in memory, too.
    ///
    /// # Panics
    /// When it does not end.
    #[track_caller]
    pub fn power_off(&self) {
        self.end().unwrap_or_else(|e| panic!("failed to power off {}: {e}", self.name()));
    }

    pub(crate) fn end(&self) -> io::Result<()> {
        let life = self.life.lock().unwrap_or_else(PoisonError::into_inner).take();
        boot::power_off(self.init(), life)
    }

    /// A command to run on it, with choices: user, standard input, environment, directory, timeout.
    pub fn command<S: AsRef<OsStr>>(&self, argv: impl IntoIterator<Item = S>) -> Invocation<'_> {
        Invocation::new(self, argv)
    }

    /// Runs a command as root. A failure of the command is an answer: `.ok()` insists on success.
    ///
    /// # Panics
    /// When the host is down.
    #[track_caller]
    pub fn exec<S: AsRef<OsStr>>(&self, argv: impl IntoIterator<Item = S>) -> Run {
        self.command(argv).run()
    }

    /// Runs a command as a user of the host, with that user's groups and home.
    ///
    /// # Panics
    /// When the host is down or has no such user.
    #[track_caller]
    pub fn exec_as<S: AsRef<OsStr>>(&self, user: &str, argv: impl IntoIterator<Item = S>) -> Run {
        self.command(argv).user(user).run()
    }

    /// Starts a command as root and returns at once.
    ///
    /// # Panics
    /// When the host is down.
    #[must_use]
    #[track_caller]
    pub fn spawn<S: AsRef<OsStr>>(&self, argv: impl IntoIterator<Item = S>) -> Child {
        self.command(argv).spawn()
    }

    /// A real HTTP request, made on the host to its own address; TLS, unchecked, on port 443.
    /// Redirects are not followed.
    ///
    /// # Panics
    /// When there is no answer.
    #[must_use]
    #[track_caller]
    pub fn http(&self, port: u16, name: &str, path: &str) -> Page {
        let scheme = if port == 443 { "https" } else { "http" };
        let url = format!("{scheme}://{name}:{port}{path}");
        let (host, to) = (format!("Host: {name}"), format!("::{}:{port}", self.v4()));
        let quiet = ["curl", "-sSik", "--http1.1", "--path-as-is", "-m", "30"];
        let rest = ["-H", &host, "--connect-to", &to, "--", &url];
        let answer = self.exec(quiet.into_iter().chain(rest)).ok();
        parse(&answer).unwrap_or_else(|| panic!("{url} on {}: {answer}", self.name()))
    }

    /// Every living process on the host with its name and its parent's id, as seen from outside.
    pub(crate) fn processes(&self) -> Vec<(Process, String, i32)> {
        let namespace = |pid: i32| fs::read_link(format!("/proc/{pid}/ns/pid")).ok();
        let ours = namespace(self.init().pid());
        let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
        entries
            .filter_map(|e| e.file_name().to_str()?.parse().ok())
            .filter(|pid| ours.is_some() && namespace(*pid) == ours)
            .filter_map(|pid| {
                let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
                let field = |name| status.lines().find_map(|l| l.strip_prefix(name));
                let name = field("Name:")?.trim().to_owned();
                let parent = field("PPid:")?.trim().parse().ok()?;
                Some((Process::of(pid).ok()?, name, parent))
            })
            .filter(|(process, ..)| process.is_alive())
            .collect()
    }
}

fn parse(answer: &str) -> Option<Page> {
    let (head, body) = answer.split_once("\r\n\r\n")?;
    let mut lines = head.lines();
    let status: u16 = lines.next()?.split_whitespace().nth(1)?.parse().ok()?;
    if (100..200).contains(&status) {
        return parse(body);
    }
    let headers =
        lines.filter_map(|l| l.split_once(':')).map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned())).collect();
    Some(Page { status, headers, body: body.to_owned() })
}
