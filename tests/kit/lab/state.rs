//! What is written down about a lab, so that another process can find it and clean up after it.
//!
//! One folder per lab under `/run/aegir-lab`: `lab.json`, and `hosts/NAME/` with `host.json`.

use std::fs::{self, File};
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::network::Subnet;
use super::process::Process;
use super::suite::Suite;

const ROOT: &str = "/run/aegir-lab";

/// A lab as written down.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct LabState {
    pub(crate) subnet: Subnet,
    pub(crate) owner: Process,
    /// Made by hand: lives until somebody takes it down.
    pub(crate) stays: bool,
    /// Where its hosts with a real disk keep it.
    pub(crate) disks: PathBuf,
}

/// A host as written down.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct HostState {
    pub(crate) name: String,
    pub(crate) fqdn: String,
    pub(crate) number: u8,
    pub(crate) v4: Ipv4Addr,
    pub(crate) v6: Ipv6Addr,
    pub(crate) cable: String,
    pub(crate) init: Process,
    /// What was written down before there were several is of the first.
    #[serde(default)]
    pub(crate) suite: Suite,
}

impl LabState {
    pub(crate) fn folder(&self) -> PathBuf {
        Path::new(ROOT).join(self.subnet.id())
    }

    pub(crate) fn save(&self) -> io::Result<()> {
        fs::create_dir_all(self.folder().join("hosts"))?;
        save(&self.folder().join("lab.json"), self)
    }

    pub(crate) fn host_folder(&self, name: &str) -> PathBuf {
        self.folder().join("hosts").join(name)
    }

    pub(crate) fn save_host(&self, host: &HostState) -> io::Result<()> {
        save(&self.host_folder(&host.name).join("host.json"), host)
    }

    pub(crate) fn hosts(&self) -> Vec<HostState> {
        read_all(&self.folder().join("hosts"), "host.json")
    }
}

/// Every lab of this machine.
pub(crate) fn labs() -> Vec<LabState> {
    read_all(Path::new(ROOT), "lab.json")
}

/// Held while labs are made, listed or cleaned up; released when dropped.
pub(crate) fn lock() -> io::Result<File> {
    locked("lock")
}

/// Held as long as somebody works on the lab made by hand, which can take longer. Take it first.
pub(crate) fn lock_by_hand() -> io::Result<File> {
    locked("lock-by-hand")
}

fn locked(name: &str) -> io::Result<File> {
    fs::create_dir_all(ROOT)?;
    let file = File::create(Path::new(ROOT).join(name))?;
    file.lock()?;
    Ok(file)
}

fn save(path: &Path, value: &impl Serialize) -> io::Result<()> {
    let draft = path.with_extension("draft");
    fs::write(&draft, serde_json::to_vec(value)?)?;
    fs::rename(draft, path)
}

fn read_all<T: DeserializeOwned>(folder: &Path, file: &str) -> Vec<T> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries.filter_map(|e| serde_json::from_slice(&fs::read(e.path().join(file)).ok()?).ok()).collect()
}
