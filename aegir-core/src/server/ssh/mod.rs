//! A machine over SSH: commands by sessions, files by SFTP, both on one shared OpenSSH connection.
//!
//! The connection is made by the operator's own `ssh`, so `~/.ssh/config`, agents and jump hosts work, and it
//! outlives this process for a while: the next command finds it open. Nothing is asked, no host key is
//! accepted that was not pinned, and everything has an end:
//!
//! * a connection is there after [`SshConfig::connect_timeout`] or the server is unreachable;
//! * a server that says nothing for [`SshConfig::silence`] is gone;
//! * a command has its own limit; a file request has one of its own, too.
//!
//! A connection that broke is made again once, and only for what does no harm twice.

mod config;
mod failure;
mod forward;
mod host_key;
mod ids;
mod link;
mod place;
mod refusal;
mod run;
mod sftp;

pub use config::SshConfig;
pub(crate) use failure::Talk;
pub(in crate::server) use failure::first_lines;
use failure::words;
pub(crate) use host_key::agreed_file;
pub use host_key::{HostKey, pin_host_keys, pinned_host_keys, scan_host_keys};

use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use camino::{Utf8Path, Utf8PathBuf};
use openssh::Stdio;
use tokio::sync::{Mutex, Semaphore};

use self::link::Link;
use self::sftp::{Fault, Sftp, Way, Ways};
use super::fetch::Intake;
use super::{Command, DirSpec, Facts, Fetched, FileSpec, FileStat, Inquiry, Output, OwnedPath, Reply, Server, Stream, Tunnel};
use crate::name::ServerName;
use crate::server::inquiry::by_script;
use crate::text::word;
use crate::{Error, Result};

/// File operations at a time: they share one session, so this bounds memory and open handles only.
const FILES_AT_ONCE: usize = 32;
/// How long removing a tree may take.
const REMOVAL: Duration = Duration::from_secs(900);
/// Gives us back the directories that installers made read-only, then removes; follows no link.
const REMOVE_TREE: &str = r#"find "$1" -type d ! -perm -0700 -execdir chmod u+rwx {} \; 2>/dev/null; rm -rf -- "$1""#;

/// A machine reached over SSH. Making one does nothing; the first use connects.
#[derive(Debug)]
pub struct SshServer {
    root: Utf8PathBuf,
    link: Link,
    sftp: Mutex<Option<Arc<Sftp>>>,
    commands: Semaphore,
    files: Semaphore,
    ids: ids::Ids,
    ways: Ways,
}

impl SshServer {
    /// A machine under a name; `root` is Aegir's directory there.
    pub fn new(name: ServerName, root: &Utf8Path, config: SshConfig) -> Self {
        let commands = Semaphore::new(config.sessions.max(1));
        Self {
            root: root.to_owned(),
            link: Link::new(name, config),
            sftp: Mutex::default(),
            commands,
            files: Semaphore::new(FILES_AT_ONCE),
            ids: ids::Ids::default(),
            ways: Ways::default(),
        }
    }

    /// How it is reached.
    pub fn config(&self) -> &SshConfig {
        &self.link.config
    }

    /// Connects now, where the first use would; whoever asks for nothing else learns whether it can be reached.
    pub async fn connect(&self) -> Result<()> {
        self.link.session(Instant::now()).await.map(drop)
    }

    /// Closes the shared connection, also for other processes; the next use opens a new one.
    pub async fn disconnect(&self) -> Result<()> {
        *self.sftp.lock().await = None;
        if self.link.is_held().await {
            let session = self.link.session(Instant::now()).await?;
            session.close().await.map_err(|e| Error::failed(format!("closing the connection to {}", self.link.name)).because(e))?;
        }
        Ok(())
    }

    async fn sftp(&self) -> Result<Arc<Sftp>> {
        let asked = Instant::now();
        let mut open = self.sftp.lock().await;
        if let Some(sftp) = open.as_ref().filter(|sftp| sftp.is_alive()) {
            return Ok(sftp.clone());
        }
        *open = None;
        let session = Arc::new(self.link.session(asked).await?);
        let mut remote = openssh::Session::to_subsystem(session, "sftp");
        // sshd passes on no standard error of a subsystem.
        remote.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = match tokio::time::timeout(self.link.patience(), remote.spawn()).await {
            Ok(Ok(child)) => child,
            Ok(Err(error)) if run::refused(&error) => {
                return Err(self.no_files("it gives no session for files beside that for commands").because(error).hint(
                    "sshd_config there needs the line `MaxSessions 10`, or any number above 1, and a `Subsystem sftp internal-sftp`; \
                     what is connected already keeps what it came with",
                ));
            }
            Ok(Err(error)) => return Err(self.link.lost().because(error)),
            Err(_) => return Err(self.link.lost().because("a new session was not answered")),
        };
        let (Some(input), Some(output)) = (child.stdin().take(), child.stdout().take()) else {
            return Err(Error::internal("an SFTP session without streams"));
        };
        match Sftp::open(input, output, child, self.link.patience()).await {
            Ok(sftp) => Ok(open.insert(Arc::new(sftp)).clone()),
            Err(Fault::Because(why)) => {
                Err(Error::new(crate::ErrorKind::Unsupported, format!("working with files on {}", self.link.name)).because(why))
            }
            // A server without SFTP ends the session at once, and the connection lives on.
            Err(Fault::Lost(why)) if self.link.is_held().await => {
                Err(self
                    .no_files("it offers no SFTP")
                    .because(why)
                    .hint("sshd_config there needs the line `Subsystem sftp internal-sftp`")
                    .hint("where it has one for sftp-server, that says as Aegir's account what is wrong: `/usr/lib/openssh/sftp-server </dev/null`"))
            }
            Err(Fault::Talk(said)) => Err(self
                .no_files("something prints where SFTP should begin")
                .because(Talk(first_lines(&said)))
                .hint(format!("`aegir doctor {}` says which file prints it", self.link.name))),
            Err(fault) => Err(self.link.lost().because(words(&fault))),
        }
    }

    /// The way to a path, without links.
    async fn way(&self, doing: &str, path: &Utf8Path) -> Result<Way> {
        self.files(doing, path, true, |sftp, _| async move { sftp::go(&sftp, path, &self.root, &self.ways).await }).await
    }

    /// The way to what is changed by its path: nobody else can exchange a directory on it.
    async fn firm_way(&self, doing: &str, path: &Utf8Path) -> Result<Utf8PathBuf> {
        let way = self.way(doing, path).await?;
        if way.firm {
            return Ok(way.path);
        }
        let why = "a directory on the way can be exchanged by others than root and the account".to_owned();
        Err(self.file_error(doing, path, &Fault::Because(why)).hint(format!(
            "see who may write where on the way: `namei -l {}` on {}",
            word(path.as_str()),
            self.link.name
        )))
    }

    /// The error for a server that takes commands and not files.
    fn no_files(&self, why: &str) -> Error {
        Error::refused(format!("server {} lets nobody work with files: {why}", self.link.name)).context("check", "ssh.files")
    }

    /// Works with files; `work` gets the number of the attempt. Twice only where that does no harm and the first
    /// session broke.
    async fn files<T, F>(&self, doing: &str, path: &Utf8Path, again: bool, work: impl Fn(Arc<Sftp>, bool) -> F + Send) -> Result<T>
    where
        F: Future<Output = Result<T, Fault>> + Send,
    {
        if path.as_str().contains('\0') {
            return Err(Error::invalid(format!("{doing} {}: the path holds a NUL byte", crate::name::shown(path.as_str()))));
        }
        let _permit = self.files.acquire().await.map_err(|e| Error::internal("no permit for files").because(e))?;
        let mut second = false;
        loop {
            let sftp = self.sftp().await.map_err(|e| e.context("server", &self.link.name).context("file", path))?;
            match work(sftp, second).await {
                Ok(done) => return Ok(done),
                Err(Fault::Lost(_)) if again && !second => second = true,
                Err(fault) => return Err(self.file_error(doing, path, &fault)),
            }
        }
    }
}

fn temporary_name(path: &Utf8Path) -> Utf8PathBuf {
    let unique = uuid::Uuid::now_v7().simple().to_string();
    // A long name stays within the 255 bytes that a file system takes.
    let name: String = path.file_name().unwrap_or_default().chars().take(40).collect();
    path.with_file_name(format!(".{name}.aegir-{unique}"))
}

#[async_trait]
impl Server for SshServer {
    fn name(&self) -> &ServerName {
        &self.link.name
    }

    async fn facts(&self) -> Result<Facts> {
        let command = Facts::command(self.root.as_str());
        let output = self.run(&command).await?.require_ok(&command, &format!("gathering facts on {}", self.link.name))?;
        Facts::parse(&output.text())
    }

    async fn reach(&self) -> Result<()> {
        self.connect().await
    }

    async fn inquire(&self, inquiry: &Inquiry) -> Result<Reply> {
        by_script(self, self.root.as_str(), inquiry).await
    }

    async fn run(&self, command: &Command) -> Result<Output> {
        let _permit = self.commands.acquire().await.map_err(|e| Error::internal("no permit for a command").because(e))?;
        run::run(&self.link, command).await
    }

    async fn feed(&self, command: &Command, stream: Stream) -> Result<Output> {
        let _permit = self.commands.acquire().await.map_err(|e| Error::internal("no permit for a command").because(e))?;
        run::feed(&self.link, command, stream).await
    }

    async fn stat(&self, path: &Utf8Path) -> Result<Option<FileStat>> {
        let way = self.way("looking at", path).await?;
        let found = self.files("looking at", path, true, |sftp, _| sftp::look(sftp, &way.path)).await?;
        let Some(found) = found else { return Ok(None) };
        let group = self.group_name(found.gid).await?;
        Ok(Some(FileStat { kind: found.kind, mode: found.mode, uid: found.uid, gid: found.gid, group, size: found.size }))
    }

    async fn read(&self, path: &Utf8Path) -> Result<Option<Vec<u8>>> {
        let way = self.way("reading", path).await?;
        if way.own {
            self.files("reading", path, true, |sftp, _| sftp::read(sftp, &way.path)).await
        } else {
            self.read_at_place(&way).await
        }
    }

    async fn list(&self, path: &Utf8Path) -> Result<Option<Vec<String>>> {
        let way = self.way("listing", path).await?;
        self.files("listing", path, true, |sftp, _| sftp::list(sftp, &way.path)).await
    }

    async fn write(&self, file: &FileSpec) -> Result<()> {
        let ids = self.owner_ids(&file.permissions).await?;
        let path = self.firm_way("writing", &file.path).await?;
        let (path, temporary) = (&path, &temporary_name(&path));
        self.files("writing", &file.path, true, |sftp, second| sftp::write(sftp, file, path, ids, temporary, second)).await
    }

    async fn make_dir(&self, dir: &DirSpec) -> Result<()> {
        let ids = self.owner_ids(&dir.permissions).await?;
        let way = self.way("making directory", &dir.path).await?;
        self.ways.forget(&way.path);
        let mode = dir.permissions.mode;
        if way.firm {
            let made = self.files("making directory", &dir.path, true, |sftp, _| {
                let path = &way.path;
                async move {
                    match sftp::sets_itself(&sftp) {
                        true => sftp::make_dir(sftp, path, mode, ids).await.map(|()| true),
                        false => Ok(false),
                    }
                }
            });
            if made.await? {
                return Ok(());
            }
        }
        let id = |id: Option<u32>| id.map_or("-1".to_owned(), |id| id.to_string());
        self.at_place("making directory", &way, &["make", &format!("{mode:o}"), &id(ids.0), &id(ids.1)]).await
    }

    async fn link(&self, path: &Utf8Path, target: &Utf8Path) -> Result<()> {
        let way = self.firm_way("linking", path).await?;
        self.ways.forget(&way);
        self.files("linking", path, true, |sftp, _| {
            let (way, temporary) = (&way, temporary_name(&way));
            async move { sftp::link(sftp, way, target, &temporary).await }
        })
        .await
    }

    async fn rename(&self, from: &Utf8Path, to: &Utf8Path) -> Result<()> {
        let (source, target) = (&self.firm_way("moving", from).await?, &self.firm_way("moving", to).await?);
        self.ways.forget(source);
        let denied = self.files("moving", from, false, |sftp, _| async move {
            match sftp::rename(sftp, source, target).await {
                Err(fault) if fault.is_denied() => Ok(Some(fault)),
                other => other.map(|()| None),
            }
        });
        let Some(fault) = denied.await? else { return Ok(()) };
        // A kernel may forbid links to files of other accounts, and OpenSSH moves files by linking. `mv` asks the
        // kernel not to replace; whether it moved is seen, as its status says different things in different versions.
        let moved = Command::new("mv").args(["-n", "-T", "--", source.as_str(), target.as_str()]);
        if self.run(&moved).await?.ok() && self.stat(from).await?.is_none() { Ok(()) } else { Err(self.file_error("moving", from, &fault)) }
    }

    async fn fetch(&self, path: &Utf8Path, into: &Utf8Path) -> Result<Fetched> {
        let way = self.way("fetching", path).await?;
        if !way.own {
            let why = "others than root and the account can exchange it while it is read".to_owned();
            return Err(self.file_error("fetching", path, &Fault::Because(why)));
        }
        let way = &way.path;
        self.files("fetching", path, true, |sftp, _| async move {
            let here = |e: std::io::Error| Fault::Because(format!("writing {into} here: {e}"));
            let mut intake = Intake::new(into).await.map_err(here)?;
            if !sftp::stream(sftp, way, &mut intake).await? {
                return Err(Fault::Because("there is no such file".into()));
            }
            intake.finish().await.map_err(here)
        })
        .await
    }

    async fn forward(&self, socket: &Utf8Path) -> Result<Tunnel> {
        forward::open(&self.link, socket).await.map(Tunnel::leading)
    }

    async fn remove(&self, path: &OwnedPath) -> Result<()> {
        let path = path.as_path();
        let way = self.way("removing", path).await?;
        self.ways.forget(&way.path);
        if !way.firm {
            return match self.stat(path).await? {
                Some(_) => self.at_place("removing", &way, &["remove", REMOVE_TREE]).await,
                None => Ok(()),
            };
        }
        let is_dir = self.files("removing", path, true, |sftp, _| sftp::remove_one(sftp, &way.path)).await?;
        if is_dir {
            let command = Command::new("sh").args(["-c", REMOVE_TREE, "sh", way.path.as_str()]).timeout(REMOVAL).idempotent();
            self.run(&command)
                .await?
                .require_ok(&command, &format!("removing {path} on {}", self.link.name))
                .map_err(|e| e.context("server", &self.link.name).context("file", path))?;
        }
        Ok(())
    }
}
