//! A master and remote servers in one lab, enrolled by our own commands and nothing else.

use std::ops::Deref;
use std::time::Duration;

use crate::installation::Installation;
use crate::lab::{Host, Run, Service, Suite};

/// What installs or starts something may take.
const PATIENCE: Duration = Duration::from_secs(300);

/// A prepared master, and remote hosts in the same lab; each is reached as `NAME.example.com`, and so it is called in
/// Aegir. It derefs to the master's [`Installation`].
#[derive(Debug)]
pub struct Fleet {
    /// The master.
    pub master: Installation,
    /// The remote hosts, in the order they were named.
    pub remotes: Vec<Host>,
}

impl Fleet {
    /// Remote hosts that were bootstrapped and added as web servers, stage `test`.
    ///
    /// ```no_run
    /// # use aegir_testkit::fleet::Fleet;
    /// let fleet = Fleet::new("target/debug/aegir-on-trial", &["web1", "web2"]);
    /// fleet.aegir(["server", "verify", "web1.example.com"]).ok();
    /// assert!(fleet.remotes[0].exists("/var/aegir/config/web1.example.com/apache.conf"));
    /// ```
    #[must_use]
    pub fn new(binary: &str, names: &[&str]) -> Self {
        let fleet = Self::bare(binary, names);
        // A few at a time: they mostly wait for each other's processor.
        for few in fleet.remotes.chunks(4) {
            std::thread::scope(|scope| few.iter().for_each(|remote| drop(scope.spawn(|| fleet.enrol(remote, &[])))));
        }
        fleet
    }

    /// A remote host by its short name.
    ///
    /// # Panics
    /// When there is none.
    #[must_use]
    #[track_caller]
    pub fn host(&self, name: &str) -> &Host {
        self.remotes.iter().find(|h| h.name() == name).unwrap_or_else(|| panic!("there is no host {name}"))
    }

    /// Remote hosts on which only sshd runs; the master is prepared.
    #[must_use]
    pub fn bare(binary: &str, names: &[&str]) -> Self {
        let master = Installation::prepared(binary);
        let mut fleet = Self { master, remotes: Vec::new() };
        names.iter().for_each(|name| drop(fleet.join(name, Suite::default())));
        fleet
    }

    /// One more host, of any Debian release, on which only sshd runs.
    pub fn join(&mut self, name: &str, suite: Suite) -> Host {
        let host = self.master.lab().host_of(name, suite);
        host.start(Service::Sshd);
        self.remotes.push(host.clone());
        host
    }

    /// The script for a host, piped into `sh` there as root. `services` are flags such as `["--db", "mysql"]`.
    #[must_use]
    pub fn bootstrap(&self, remote: &Host, services: &[&str]) -> Run {
        let script = self.master.aegir(["server", "bootstrap", remote.fqdn()].into_iter().chain(services.iter().copied())).ok();
        remote.command(["sh"]).stdin(script + "\n").timeout(PATIENCE).run()
    }

    /// Bootstraps a host and adds it, with the host key that the script showed.
    pub fn enrol(&self, remote: &Host, services: &[&str]) {
        let said = self.bootstrap(remote, services).ok();
        let key = said.rsplit_once("--host-key ").map_or("", |(_, key)| key.trim());
        self.add(remote, &["--host-key", key].into_iter().chain(services.iter().copied()).collect::<Vec<_>>()).ok();
    }

    /// `aegir server add`, stage `test`.
    #[must_use]
    pub fn add(&self, remote: &Host, flags: &[&str]) -> Run {
        self.add_as(remote.fqdn(), flags)
    }

    /// The same for a host name as somebody writes it.
    #[must_use]
    pub fn add_as(&self, host: &str, flags: &[&str]) -> Run {
        let args = ["server", "add", host, "--stage", "test"];
        self.master.aegir(args.into_iter().chain(flags.iter().copied()))
    }

    /// The fingerprint of a host's key, as the host itself says.
    #[must_use]
    pub fn fingerprint(remote: &Host) -> String {
        let shown = remote.exec(["ssh-keygen", "-lf", "/etc/ssh/ssh_host_ed25519_key.pub"]).ok();
        shown.split_whitespace().nth(1).unwrap_or_default().to_owned()
    }
}

impl Deref for Fleet {
    type Target = Installation;

    fn deref(&self) -> &Installation {
        &self.master
    }
}
