//! A lab: hosts that belong together, from the first to the last.

use std::fs::{self, File};
use std::io;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::base;
use super::boot;
use super::host::Host;
use super::kind::Kind;
use super::network::Subnet;
use super::process::Process;
use super::reap;
use super::state::{self, HostState, LabState};

/// A network of hosts; dropping it takes all of them down.
///
/// When the process that made it dies, in whatever way, its hosts die with it, and the next lab on this
/// machine removes what is left.
#[derive(Debug)]
pub struct Lab {
    state: LabState,
    hosts: Mutex<Vec<Host>>,
    taken: Mutex<Vec<u8>>,
    /// Two commands at once would give out the same address; held until the lab is dropped.
    by_hand: Option<File>,
}

impl Lab {
    /// A new, empty lab with a network of its own.
    ///
    /// # Panics
    /// When this machine cannot run labs; the message says why.
    #[must_use]
    pub fn new() -> Self {
        Self::create().unwrap_or_else(|e| panic!("failed to make a lab: {e}"))
    }

    /// Like [`Lab::new`], for callers that handle the error.
    ///
    /// # Errors
    /// When this machine cannot run labs.
    pub fn create() -> io::Result<Self> {
        let _lock = prepare()?;
        Self::make(false)
    }

    /// The lab of the hosts made by hand: it has no owner and stays until its last host is taken down.
    ///
    /// # Errors
    /// When this machine cannot run labs.
    pub fn by_hand() -> io::Result<Self> {
        let by_hand = state::lock_by_hand()?;
        let _lock = prepare()?;
        let mut lab = match state::labs().into_iter().find(|lab| lab.stays) {
            Some(state) => Self::attach(state),
            None => Self::make(true)?,
        };
        lab.by_hand = Some(by_hand);
        Ok(lab)
    }

    /// A host made by hand, with its lab.
    ///
    /// # Errors
    /// When there is none of that name.
    pub fn made_by_hand(name: &str) -> io::Result<(Self, Host)> {
        let by_hand = state::lock_by_hand()?;
        let _lock = prepare()?;
        let lab = state::labs().into_iter().find(|lab| lab.stays);
        let mut lab = lab.map(Self::attach);
        if let Some(lab) = &mut lab {
            lab.by_hand = Some(by_hand);
        }
        lab.and_then(|lab| lab.find(name).map(|host| (lab, host)))
            .ok_or_else(|| io::Error::other(format!("there is no host {name}; see aegir-lab list")))
    }

    /// Every lab of this machine with its hosts, also those of other processes: id, and one line per host.
    ///
    /// # Errors
    /// When the lock cannot be taken.
    pub fn list() -> io::Result<Vec<(String, Vec<String>)>> {
        let _lock = state::lock()?;
        let line = |h: HostState| {
            let dead = if h.init.is_alive() { "" } else { " (down)" };
            let (name, v4, pid) = (h.fqdn, h.v4, h.init.pid());
            format!("{name} {v4} pid {pid}{dead}")
        };
        let labs = state::labs().into_iter();
        Ok(labs.map(|lab| (lab.subnet.id(), lab.hosts().into_iter().map(line).collect())).collect())
    }

    /// Names this lab on this machine.
    #[must_use]
    pub fn id(&self) -> String {
        self.state.subnet.id()
    }

    /// Brings up a host of Debian 12. A short name becomes `NAME.example.com`; both names work on every host.
    ///
    /// # Panics
    /// When it does not come up, or a host of that name is up already.
    #[must_use]
    pub fn host(&self, name: &str) -> Host {
        self.host_of(name, Kind::default())
    }

    /// Like [`Lab::host`], with a choice of the Debian release or of where it keeps what it writes.
    ///
    /// ```no_run
    /// # use aegir_testkit::lab::{Lab, Storage, Suite};
    /// # let lab = Lab::new();
    /// let (web, db) = (lab.host_of("web1", Suite::Trixie), lab.host_of("db1", Storage::Disk));
    /// ```
    ///
    /// # Panics
    /// When it does not come up, or a host of that name is up already.
    #[must_use]
    pub fn host_of(&self, name: &str, kind: impl Into<Kind>) -> Host {
        self.bring_up(name, kind).unwrap_or_else(|e| panic!("{e}"))
    }

    /// Like [`Lab::host_of`], for callers that handle the error.
    ///
    /// # Errors
    /// When it does not come up, or a host of that name is up already.
    pub fn bring_up(&self, name: &str, kind: impl Into<Kind>) -> io::Result<Host> {
        let kind = kind.into();
        let short = name.split('.').next().unwrap_or(name);
        let valid = |c: char| c.is_ascii_alphanumeric() || c == '-';
        if short.is_empty() || !short.chars().all(valid) {
            return Err(io::Error::other(format!("'{name}' is no host name")));
        }
        if self.find(short).is_some() {
            return Err(io::Error::other(format!("host {short} is up already")));
        }
        let number = self.next_number()?;
        let domain = if name.contains('.') { "" } else { ".example.com" };
        let subnet = self.state.subnet;
        let mut state = HostState {
            name: short.to_owned(),
            fqdn: format!("{name}{domain}"),
            number,
            v4: subnet.v4(number),
            v6: subnet.v6(number),
            cable: subnet.cable(number),
            init: self.state.owner,
            suite: kind.suite,
        };
        let life = boot::boot(&kind, &self.state, &mut state)?;
        self.state.save_host(&state)?;
        let host = Host::new(state, life, kind.layer);
        let mut hosts = self.hosts();
        hosts.push(host.clone());
        introduce(&hosts)?;
        Ok(host)
    }

    /// The host of that name, short or full, where it is up.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<Host> {
        let same = |h: &&Host| h.name() == name || h.fqdn() == name;
        self.hosts().iter().find(same).cloned()
    }

    /// Takes one host down for good; a lab made by hand ends with its last host.
    ///
    /// # Errors
    /// When it does not end.
    pub fn take_down(&self, host: &Host) -> io::Result<()> {
        host.end()?;
        self.state.subnet.unplug(host.number());
        reap::remove_folder(&self.state.host_folder(host.name()));
        reap::remove_folder(&self.state.disks.join(host.name()));
        let mut hosts = self.hosts();
        hosts.retain(|h| h.name() != host.name());
        if self.state.stays && hosts.is_empty() {
            let _lock = state::lock()?;
            reap::remove(&self.state);
            return Ok(());
        }
        introduce(&hosts)
    }

    /// Powers off a host on disk, and moves what it wrote to `folder`.
    pub(crate) fn power_off_and_keep(&self, host: &Host, folder: &Path) -> io::Result<()> {
        host.end()?;
        fs::rename(self.state.disks.join(host.name()).join("upper"), folder)
    }

    fn make(stays: bool) -> io::Result<Self> {
        let taken: Vec<Subnet> = state::labs().iter().map(|lab| lab.subnet).collect();
        let subnet = Subnet::free(&taken)?;
        let state = LabState { subnet, owner: Process::own()?, stays, disks: base::cache().join("disks").join(subnet.id()) };
        // First the record, then the thing: whatever happens in between can be cleaned up.
        state.save()?;
        subnet.create().inspect_err(|_| reap::remove(&state))?;
        Ok(Self::attach(state))
    }

    fn attach(state: LabState) -> Self {
        let up = |h: &HostState| h.init.is_alive();
        let hosts = state.hosts().into_iter().filter(up);
        let hosts: Vec<Host> = hosts.map(|h| Host::new(h, None, None)).collect();
        Self { taken: Mutex::new(hosts.iter().map(Host::number).collect()), hosts: Mutex::new(hosts), state, by_hand: None }
    }

    fn hosts(&self) -> MutexGuard<'_, Vec<Host>> {
        self.hosts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Addresses are not given out again in a lab: nobody should meet a new host at an old address.
    fn next_number(&self) -> io::Result<u8> {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let next = taken.iter().max().copied().unwrap_or(9) + 1;
        if next > 254 {
            return Err(io::Error::other("a lab has room for 245 hosts"));
        }
        taken.push(next);
        Ok(next)
    }
}

impl Default for Lab {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        if self.state.stays {
            return;
        }
        for host in self.hosts().iter() {
            // What does not end here is killed and reported nowhere: a panic in drop would hide the test's.
            let _ = host.end();
        }
        if let Ok(_lock) = state::lock() {
            reap::remove(&self.state);
        }
    }
}

/// What every lab needs first; the lock is returned held.
fn prepare() -> io::Result<File> {
    if !rustix::process::geteuid().is_root() {
        return Err(io::Error::other(
            "the lab needs root: it makes namespaces, mounts and bridges. Run it as root; \
             apart from the tools it may install, it touches only /run/aegir-lab, its cache and its own interfaces",
        ));
    }
    let lock = state::lock()?;
    reap::reap_locked();
    Ok(lock)
}

/// Tells every host the names of all.
fn introduce(hosts: &[Host]) -> io::Result<()> {
    let mut names = String::from("127.0.0.1 localhost\n::1 localhost ip6-localhost ip6-loopback\n\n");
    for host in hosts {
        names += &format!("{} {} {}\n", host.v4(), host.fqdn(), host.name());
    }
    for host in hosts.iter().filter(|h| h.is_up()) {
        host.put("/etc/hosts", names.as_bytes(), 0o644)?;
    }
    Ok(())
}
