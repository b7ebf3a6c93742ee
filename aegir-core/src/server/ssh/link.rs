//! The one connection to a server: opened when first needed, shared by everything, left for later commands.

use std::fs::File;
use std::io::Read as _;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, PermissionsExt as _};
use std::process::Stdio;
use std::time::{Duration, Instant};

use camino::Utf8Path;
use openssh::Session;

use super::config::SshConfig;
use super::refusal;
use crate::error::ErrorReport;
use crate::name::ServerName;
use crate::{Error, Result};

/// How long the process that holds the connection may take to answer on its own machine.
const LOCAL_ANSWER: Duration = Duration::from_secs(5);

/// Bytes of what `ssh` says that are read.
const LONGEST_REASON: u64 = 64 * 1024;

/// The shared connection, held by an `ssh` of its own behind a control socket.
#[derive(Debug)]
pub(super) struct Link {
    pub(super) name: ServerName,
    pub(super) config: SshConfig,
    /// Held while connecting; keeps the last failure for those who waited meanwhile.
    opening: tokio::sync::Mutex<Option<(Instant, ErrorReport)>>,
}

impl Link {
    pub(super) fn new(name: ServerName, config: SshConfig) -> Self {
        Self { name, config, opening: tokio::sync::Mutex::default() }
    }

    /// The connection, opened now where there is none. Whoever asked before an attempt failed shares its
    /// failure: ten steps on a dead server wait once, not ten times in a row.
    pub(super) async fn session(&self, asked: Instant) -> Result<Session> {
        let socket = self.config.socket()?;
        if let Some(session) = resume(&socket).await {
            return Ok(session);
        }
        let mut last = self.opening.lock().await;
        if let Some(session) = resume(&socket).await {
            return Ok(session);
        }
        if let Some((at, report)) = &*last
            && *at >= asked
        {
            return Err(report.to_error());
        }
        let opened = self.open(&socket).await;
        if let Err(error) = &opened {
            *last = Some((Instant::now(), error.report()));
        }
        opened
    }

    /// Whether the process that holds the connection still does.
    pub(super) async fn is_held(&self) -> bool {
        match self.config.socket() {
            Ok(socket) => resume(&socket).await.is_some(),
            Err(_) => false,
        }
    }

    /// The longest that anything may take of which the connection's own questions decide whether it lives.
    pub(super) fn patience(&self) -> Duration {
        self.config.silence.max(Duration::from_secs(2)) * 2 + LOCAL_ANSWER
    }

    pub(super) fn lost(&self) -> Error {
        refusal::unreachable(&self.name, &self.config)
    }

    async fn open(&self, socket: &Utf8Path) -> Result<Session> {
        let here = |what: &str| Error::refused(format!("connecting to server {}: {what}", self.name)).context("server", &self.name);
        let args = self.config.master_options(socket)?;
        make_control_dir(&self.config.control_dir)?;
        let limit = self.config.connect_timeout + Duration::from_secs(1);
        // Another process of ours may be at it: one connects, the other uses what it opened.
        let (lock, directory) = (socket.with_extension("lock"), &self.config.control_dir);
        let lock = exclusive(lock.clone(), limit * 2).await.map_err(|e| {
            let error = here("the lock of its control socket").context("file", &lock);
            let denied = e.kind() == std::io::ErrorKind::PermissionDenied;
            let error = error.because(e);
            if denied {
                error.hint(format!("`chmod 700 {directory}`, and `ls -la {directory}`: all in it is this account's"))
            } else {
                error
            }
        })?;
        if let Some(session) = resume(socket).await {
            return Ok(session);
        }
        // Nobody answers behind it: a socket that a killed process left. With it `ssh` would not multiplex.
        let _ = std::fs::remove_file(socket);
        let memory = rustix::fs::memfd_create("ssh", rustix::fs::MemfdFlags::CLOEXEC).map(File::from);
        let said = memory.map_err(|e| here("no memory for its messages").because(std::io::Error::from(e)))?;
        // A file and no pipe: a proxy that `ssh` started would keep a pipe open for as long as it lives.
        let stderr = said.try_clone().map_err(|e| here("no memory for its messages").because(e))?;
        let mut ssh = tokio::process::Command::new("ssh");
        ssh.args(args)
            .args(["-f", "-N", "--", &self.config.host])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(stderr)
            .kill_on_drop(true);
        let mut child =
            ssh.spawn().map_err(|e| here("OpenSSH's client does not start").because(e).hint("install openssh-client on this machine"))?;
        // It goes to the background, and so comes back here, when it is logged in.
        let ended = tokio::time::timeout(limit, child.wait()).await;
        drop(lock);
        match ended {
            Ok(Ok(status)) if status.success() => match resume(socket).await {
                Some(session) => Ok(session),
                None => Err(self.lost().because("the connection was closed at once")),
            },
            Ok(Ok(_)) => Err(refusal::explain(&self.name, &self.config, &text(said)).await),
            Ok(Err(error)) => Err(here("waiting for OpenSSH's client").because(error)),
            Err(_) => {
                let _ = child.kill().await;
                Err(self.lost().because(format!("no connection after {} s", self.config.connect_timeout.as_secs())))
            }
        }
    }
}

/// The connection behind a socket, where the process that holds it answers.
async fn resume(socket: &Utf8Path) -> Option<Session> {
    if !socket.exists() {
        return None;
    }
    let session = Session::resume_mux(socket.as_std_path().into(), None);
    matches!(tokio::time::timeout(LOCAL_ANSWER, session.check()).await, Ok(Ok(()))).then_some(session)
}

/// Whoever can use a socket can use the connection: the directory is ours alone.
pub(super) fn make_control_dir(dir: &Utf8Path) -> Result<()> {
    let make = || -> std::io::Result<()> {
        if let Some(parent) = dir.parent() {
            std::fs::create_dir_all(parent)?;
        }
        match std::fs::DirBuilder::new().mode(0o700).create(dir) {
            Err(e) if e.kind() == std::io::ErrorKind::AlreadyExists => {}
            other => other?,
        }
        let meta = std::fs::symlink_metadata(dir)?;
        if !meta.is_dir() || meta.uid() != rustix::process::geteuid().as_raw() {
            return Err(std::io::Error::other("it is no directory of this account"));
        }
        if meta.mode() & 0o077 != 0 {
            std::fs::set_permissions(dir, std::fs::Permissions::from_mode(0o700))?;
        }
        Ok(())
    };
    make().map_err(|e| {
        Error::refused(format!("making the directory of control sockets {dir}"))
            .context("file", dir)
            .because(e)
            .hint("run the command as the account that owns Aegir's directory")
    })
}

pub(super) async fn exclusive(path: camino::Utf8PathBuf, limit: Duration) -> std::io::Result<File> {
    let waiting = tokio::task::spawn_blocking(move || {
        let file = File::options().create(true).append(true).open(path)?;
        rustix::fs::flock(&file, rustix::fs::FlockOperation::LockExclusive)?;
        Ok(file)
    });
    match tokio::time::timeout(limit, waiting).await {
        Ok(Ok(locked)) => locked,
        Ok(Err(join)) => Err(std::io::Error::other(join)),
        Err(_) => Err(std::io::Error::other("another process holds it and does not get on")),
    }
}

fn text(mut said: File) -> String {
    use std::io::Seek as _;
    let mut bytes = Vec::new();
    // Without its reasons a failure is still a failure.
    let _ = said.rewind().and_then(|()| said.take(LONGEST_REASON).read_to_end(&mut bytes));
    String::from_utf8_lossy(&bytes).into_owned()
}
