//! Runs a command inside a host.
//!
//! `nsenter` stays outside and waits for the command, which is its child *inside* the host. Both are in a
//! process group of their own, so that one signal reaches the command and what it started, too.

use std::ffi::{OsStr, OsString};
use std::io::{self, Seek, SeekFrom, Write};
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt;
use std::process::Stdio;
use std::time::Duration;

use super::child::{Child, Run};
use super::host::Host;
use crate::machine::{PATH, Program, call};

/// A command to be run inside a host, as root where nothing else is said.
#[derive(Debug)]
#[must_use = "it does nothing until it is run or spawned"]
pub struct Invocation<'h> {
    host: &'h Host,
    argv: Vec<OsString>,
    user: String,
    cwd: Option<String>,
    env: Vec<(String, String)>,
    stdin: Stdin,
    patience: Duration,
}

#[derive(Debug)]
enum Stdin {
    Bytes(Vec<u8>),
    Descriptor(OwnedFd),
}

impl<'h> Invocation<'h> {
    pub(crate) fn new<S: AsRef<OsStr>>(host: &'h Host, argv: impl IntoIterator<Item = S>) -> Self {
        Self {
            host,
            argv: argv.into_iter().map(|a| a.as_ref().to_owned()).collect(),
            user: "root".to_owned(),
            cwd: None,
            env: Vec::new(),
            stdin: Stdin::Bytes(Vec::new()),
            patience: Duration::from_secs(60),
        }
    }

    /// Runs it as that user of the host, with the groups and home of that user.
    pub fn user(mut self, name: &str) -> Self {
        name.clone_into(&mut self.user);
        self
    }

    /// What it reads from standard input; nothing where this is not called.
    pub fn stdin(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.stdin = Stdin::Bytes(bytes.into());
        self
    }

    pub(crate) fn stdin_fd(mut self, fd: OwnedFd) -> Self {
        self.stdin = Stdin::Descriptor(fd);
        self
    }

    /// Adds an environment variable to the few that every command gets.
    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.env.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The directory it starts in; `/` where this is not called.
    pub fn cwd(mut self, path: &str) -> Self {
        self.cwd = Some(path.to_owned());
        self
    }

    /// After that time it is killed, with all it started; a minute where this is not called.
    pub fn timeout(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// Runs it to its end.
    ///
    /// # Panics
    /// When the host is down or has no such user.
    #[must_use]
    #[track_caller]
    pub fn run(self) -> Run {
        let patience = self.patience;
        self.spawn().wait(patience)
    }

    /// Starts it and returns at once.
    ///
    /// # Panics
    /// When the host is down or has no such user.
    #[must_use]
    #[track_caller]
    pub fn spawn(self) -> Child {
        let shown: Vec<_> = self.argv.iter().map(|a| a.to_string_lossy()).collect();
        let shown = format!("{} on {}", shown.join(" "), self.host.name());
        self.start(shown.clone()).unwrap_or_else(|e| panic!("failed to start {shown}: {e}"))
    }

    fn start(self, shown: String) -> io::Result<Child> {
        let mut command = self.command()?;
        // Files, not pipes: a daemon that keeps them open delays nobody, and nothing blocks when they fill.
        let (stdout, stderr) = (tempfile::tempfile()?, tempfile::tempfile()?);
        let stdin = match self.stdin {
            Stdin::Descriptor(fd) => Stdio::from(fd),
            Stdin::Bytes(bytes) if bytes.is_empty() => Stdio::null(),
            Stdin::Bytes(bytes) => {
                let mut file = tempfile::tempfile()?;
                file.write_all(&bytes)?;
                file.seek(SeekFrom::Start(0))?;
                file.into()
            }
        };
        let child = command.stdin(stdin).stdout(stdout.try_clone()?).stderr(stderr.try_clone()?).process_group(0).spawn()?;
        Ok(Child::new(shown, child, stdout, stderr))
    }

    /// The command that enters the host; standard input and output are the caller's.
    ///
    /// # Errors
    /// When the host is down or has no such user.
    pub fn command(&self) -> io::Result<Program> {
        if !self.host.is_up() {
            return Err(io::Error::other(format!("{} is down", self.host.name())));
        }
        let user = User::of(self.host, &self.user)?;
        let mut command = call("nsenter")?;
        command
            .args(["-t", &self.host.init().pid().to_string()])
            .args(["-m", "-u", "-i", "-n", "-p", "-r", "-w", "--"])
            .args(["setpriv", "--reuid", &user.uid, "--regid", &user.gid])
            .args(["--init-groups", "--"])
            .args(self.cwd.iter().flat_map(|d| ["env", "-C", d]))
            .args(&self.argv)
            .env_clear()
            .envs([("PATH", PATH), ("LANG", "C.UTF-8"), ("HOME", &user.home)])
            .envs([("USER", &self.user), ("LOGNAME", &self.user)])
            .envs(self.env.iter().map(|(k, v)| (k, v)));
        Ok(command)
    }
}

struct User {
    uid: String,
    gid: String,
    home: String,
}

impl User {
    fn of(host: &Host, name: &str) -> io::Result<Self> {
        let passwd = host.get("/etc/passwd")?;
        let passwd = String::from_utf8_lossy(&passwd);
        let mut lines = passwd.lines().map(|l| l.split(':').collect::<Vec<_>>());
        match lines.find(|f| f.len() > 5 && f[0] == name) {
            Some(f) => Ok(Self { uid: f[2].to_owned(), gid: f[3].to_owned(), home: f[5].to_owned() }),
            None => Err(io::Error::other(format!("there is no user {name}"))),
        }
    }
}
