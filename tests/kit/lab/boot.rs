//! Starts the first process of a host, in namespaces of its own.
//!
//! The first process reads a pipe whose other end only the owner holds. However the owner ends, the
//! kernel closes that end, the first process sees it and ends, and with it the host: its processes,
//! mounts and network. (A parent-death signal would not do: it follows the *thread* that made the host.)

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Stdio};
use std::time::Duration;

use rustix::process::Signal;

use super::base::Base;
use super::kind::Kind;
use super::layer::Layer;
use super::process::Process;
use super::state::{HostState, LabState};
use crate::machine::{PATH, call};

const INIT: &str = include_str!("host-init.sh");
/// Far more than any test writes; memory is only used for what is written.
const MEMORY: &str = "3g";

/// Where a host keeps what it writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Storage {
    /// In memory: fast, gone with the host.
    #[default]
    Memory,
    /// On the machine's disk, removed with the lab.
    Disk,
}

/// What keeps a host alive; none for a host that stays without an owner.
#[derive(Debug)]
pub(crate) struct Life {
    shell: Child,
    _pipe: ChildStdin,
    /// What it stands on; other processes remove what nobody uses.
    _layer: Option<Layer>,
}

impl Life {
    /// Collects the ended process; kills it first where it did not end.
    pub(crate) fn end(mut self) {
        let _ = self.shell.kill();
        let _ = self.shell.wait();
    }
}

/// Starts `host` (whose `init` is not known yet) and fills that in.
pub(crate) fn boot(kind: &Kind, lab: &LabState, host: &mut HostState) -> io::Result<Option<Life>> {
    let base = Base::ensure(kind.suite)?;
    let layers = kind.layer.iter().flat_map(|layer| layer.folders()).map(PathBuf::as_path);
    let lower: Vec<&OsStr> = layers.chain([base.path()]).map(Path::as_os_str).collect();
    let folder = lab.host_folder(&host.name);
    fs::create_dir_all(&folder)?;
    let (storage, disk) = match kind.storage {
        Storage::Memory => ("memory", folder.join("disk")),
        Storage::Disk => ("disk", lab.disks.join(&host.name)),
    };
    fs::create_dir_all(&disk)?;
    let log = folder.join("boot.log");
    let mut shell = call("unshare")?
        .args(["--mount", "--uts", "--ipc", "--pid", "--net"])
        .args(["--fork", "--kill-child", "sh", "-c", INIT, "host"])
        .args([lower.join(OsStr::new(":")).as_os_str(), disk.as_os_str()])
        .args([storage, &host.name])
        .args([host.v4.to_string(), host.v6.to_string(), MEMORY.to_owned()])
        .env_clear()
        .env("PATH", PATH)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(File::create(&log)?)
        .spawn()?;
    let pipes = (shell.stdin.take(), shell.stdout.take());
    let (Some(mut pipe), Some(answers)) = pipes else {
        return Err(io::Error::other("a piped child has no pipes"));
    };
    let mut answers = BufReader::new(answers).lines();
    let mut started = || -> io::Result<Process> {
        let mut answer = || answers.next().unwrap_or(Ok(String::new()));
        let pid: i32 = answer()?.trim().parse().map_err(io::Error::other)?;
        let init = Process::of(pid)?;
        lab.subnet.plug(host.number, pid)?;
        pipe.write_all(if lab.stays { b"stay\n" } else { b"follow\n" })?;
        match answer()?.as_str() {
            "ready" => Ok(init),
            other => Err(io::Error::other(format!("said '{other}', not 'ready'"))),
        }
    };
    match started() {
        Ok(init) => {
            host.init = init;
            Ok((!lab.stays).then_some(Life { shell, _pipe: pipe, _layer: kind.layer.clone() }))
        }
        Err(e) => {
            let _ = shell.kill();
            let _ = shell.wait();
            let log = fs::read_to_string(&log).unwrap_or_default();
            Err(io::Error::other(format!("failed to start host {}: {e}\n{log}", host.name)))
        }
    }
}

/// Ends a host: when its first process is killed, the kernel kills the others.
pub(crate) fn power_off(init: Process, life: Option<Life>) -> io::Result<()> {
    init.signal(Signal::KILL);
    let gone = init.gone_within(Duration::from_secs(10));
    if let Some(life) = life {
        life.end();
    }
    if gone {
        Ok(())
    } else {
        let pid = init.pid();
        Err(io::Error::other(format!("the host of process {pid} does not end")))
    }
}
