//! Starts a system service and waits until it answers.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use camino::{Utf8Path, Utf8PathBuf};

use super::naming::{first, fits};
use super::run_detaching;
use crate::action::{Action, Context};
use crate::name::ServerName;
use crate::plan::{Change, Diff};
use crate::server::{Command, Server};
use crate::service::helper_command;
use crate::{Error, Result};

/// How long a started service may take until it listens.
const START: Duration = Duration::from_secs(60);

/// How to tell that a service runs: the kernel's own tables, whatever started it.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answers {
    /// Something listens on this TCP port.
    Port(u16),
    /// Something listens on a socket with this path; one `*` stands for anything.
    Socket(Utf8PathBuf),
    /// The process that a file names runs this program, or, where there is no such file, any process does: for a service whose
    /// ports and sockets are the operator's choice.
    Process {
        /// The file with its number; one `*` in its name stands for anything.
        pid_file: Utf8PathBuf,
        /// The program's name; one `*` stands for anything.
        program: String,
    },
}

impl Answers {
    /// Whether it does.
    pub(super) async fn observe(&self, cx: &Context) -> Result<bool> {
        match self {
            Self::Port(port) => {
                let suffix = format!(":{port:04X}");
                for table in ["/proc/net/tcp", "/proc/net/tcp6"] {
                    let text = table_text(cx.server(), table).await?;
                    // Fields 1 and 3 are the local address and the state; 0A is LISTEN (proc(5)).
                    if text
                        .lines()
                        .map(|l| l.split_whitespace().collect::<Vec<_>>())
                        .any(|f| f.len() > 3 && f[1].ends_with(&suffix) && f[3] == "0A")
                    {
                        return Ok(true);
                    }
                }
                Ok(false)
            }
            Self::Socket(path) => {
                let text = table_text(cx.server(), "/proc/net/unix").await?;
                // Field 3 holds __SO_ACCEPTCON for a listening socket, field 7 its path.
                Ok(text
                    .lines()
                    .map(|l| l.split_whitespace().collect::<Vec<_>>())
                    .any(|f| f.len() > 7 && f[3] == "00010000" && fits(path.as_str(), f[7])))
            }
            Self::Process { pid_file, program } => {
                let (Some(directory), Some(wanted)) = (pid_file.parent(), pid_file.file_name()) else { return Ok(false) };
                let files = cx.server().list(directory).await?.unwrap_or_default();
                let files: Vec<&String> = files.iter().filter(|name| fits(wanted, name)).collect();
                if files.is_empty() {
                    return runs(cx.server(), program).await;
                }
                for name in files {
                    let number = table_text(cx.server(), directory.join(name).as_str()).await?;
                    // A server that was killed leaves its file, and the number may be somebody else's by now.
                    let Ok(number) = number.trim().parse::<u32>() else { continue };
                    if fits(program, table_text(cx.server(), &format!("/proc/{number}/comm")).await?.trim()) {
                        return Ok(true);
                    }
                }
                Ok(false)
            }
        }
    }
}

/// Whether any process runs a program.
async fn runs(server: &dyn Server, program: &str) -> Result<bool> {
    let all = server.list(Utf8Path::new("/proc")).await?.unwrap_or_default();
    for number in all.iter().filter(|name| name.bytes().all(|b| b.is_ascii_digit())) {
        if fits(program, table_text(server, &format!("/proc/{number}/comm")).await?.trim()) {
            return Ok(true);
        }
    }
    Ok(false)
}

async fn table_text(server: &dyn Server, path: &str) -> Result<String> {
    Ok(server.read(Utf8Path::new(path)).await?.map(|b| String::from_utf8_lossy(&b).into_owned()).unwrap_or_default())
}

/// Starts a service that does not answer. Undo stops it again.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
pub struct StartService {
    /// Its name for `service NAME start`, as in `php*-fpm` or `mariadb|mysql`.
    pub service: String,
    /// How to tell that it runs.
    pub answers: Answers,
    /// Ports that it needs.
    #[serde(default)]
    pub ports: Vec<u16>,
}

impl StartService {
    /// A service says little about a port that it does not get, and its package's scripts nothing.
    async fn refuse_taken(&self, cx: &Context) -> Result<()> {
        for port in &self.ports {
            let argv = helper_command(&["port", &port.to_string()]);
            let output = cx.server().run(&Command::new(&argv[0]).args(&argv[1..])).await?;
            let holder = output.text();
            if output.ok() && !holder.trim().is_empty() {
                let (name, holder) = (cx.server().name(), holder.trim());
                return Err(Error::refused(format!("{} cannot start on {name}: port {port} is taken by {holder}", first(&self.service)))
                    .context("server", name)
                    .context("port", port)
                    .hint("stop that program, or have it listen elsewhere; then try again"));
            }
        }
        Ok(())
    }
}

/// Runs `service NAME VERB` for each of the names that the machine has a script for, or where systemd runs, a unit.
pub(super) async fn each(cx: &Context, service: &str, verb: &str) -> Result<()> {
    let list = |directory: &'static str| cx.server().list(Utf8Path::new(directory));
    let mut scripts: BTreeSet<String> = list("/etc/init.d").await?.unwrap_or_default().into_iter().collect();
    if list("/run/systemd/system").await?.is_some() {
        let units = list("/lib/systemd/system").await?.unwrap_or_default();
        scripts.extend(units.iter().filter_map(|unit| unit.strip_suffix(".service")).map(str::to_owned));
    }
    let mut names: Vec<&str> = scripts.iter().map(String::as_str).filter(|n| fits(service, n)).collect();
    if names.is_empty() && !first(service).contains('*') {
        names.push(first(service));
    }
    for name in names {
        run_detaching(cx, &["service", name, verb], &format!("{verb} of {name}")).await?;
    }
    Ok(())
}

impl Action for StartService {
    const NAME: &'static str = "machine.start";
    /// Whether it answered.
    type Before = bool;
    type Output = ();

    fn summary(&self) -> String {
        format!("start {}", first(&self.service))
    }

    async fn observe(&self, cx: &Context) -> Result<bool> {
        self.answers.observe(cx).await
    }

    fn diff(&self, _cx: &Context, before: &bool) -> Result<Diff> {
        Ok(if *before { Diff::same() } else { Diff::new(Change::Run, format!("$ service {} start\n", first(&self.service))) })
    }

    async fn apply(&self, cx: &Context, _before: &bool) -> Result<()> {
        if self.answers.observe(cx).await? {
            return Ok(());
        }
        self.refuse_taken(cx).await?;
        each(cx, &self.service, "start").await?;
        let deadline = Instant::now() + START;
        while !self.answers.observe(cx).await? {
            if Instant::now() > deadline {
                return Err(Error::failed(format!("{} was started on {} and does not listen", first(&self.service), cx.server().name()))
                    .context("server", cx.server().name())
                    .hint(format!("as root: `service {} status`, and its log", first(&self.service))));
            }
            // Between two looks at the kernel's table; the deadline decides.
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        Ok(())
    }

    async fn undo(&self, cx: &Context, before: &bool) -> Result<()> {
        if *before || !self.answers.observe(cx).await? { Ok(()) } else { each(cx, &self.service, "stop").await }
    }

    fn by_hand(&self, server: &ServerName) -> String {
        format!("on {server}, as root: `service {} stop` if it did not run before", first(&self.service))
    }
}
