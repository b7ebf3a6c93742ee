//! A lab host that lets Aegir's account in, and a root of Aegir's on this machine with key and pins.

use std::sync::Arc;
use std::time::Duration;

use aegir_core::server::{HostKey, SshConfig, SshServer, pin_host_keys, scan_host_keys};
use aegir_testkit::lab::{Host, Lab, Service};
use aegir_testkit::machine::program;
use camino::{Utf8Path, Utf8PathBuf};

/// Long enough for a busy machine, short enough to wait for.
pub(crate) const CONNECT: Duration = Duration::from_secs(3);
pub(crate) const SILENCE: Duration = Duration::from_secs(3);

/// Hosts of one lab, and one Aegir that may log in to all of them.
pub(crate) struct Remote {
    pub(crate) host: Host,
    pub(crate) lab: Lab,
    root: tempfile::TempDir,
}

impl Remote {
    pub(crate) fn new(name: &str) -> Self {
        let lab = Lab::new();
        let host = lab.host(name);
        let root = tempfile::tempdir().unwrap();
        let remote = Self { host, lab, root };
        std::fs::create_dir(remote.root().join("keys")).unwrap();
        make_key(&remote.root().join("keys/id_ed25519"));
        remote.let_in(&remote.host);
        remote
    }

    pub(crate) fn root(&self) -> &Utf8Path {
        Utf8Path::from_path(self.root.path()).unwrap()
    }

    pub(crate) fn known_hosts(&self) -> Utf8PathBuf {
        self.root().join("keys/known_hosts")
    }

    /// What the bootstrap script does: account, key, directory; and sshd runs.
    pub(crate) fn let_in(&self, host: &Host) {
        let key = std::fs::read_to_string(self.root().join("keys/id_ed25519.pub")).unwrap();
        host.exec(["useradd", "-m", "-s", "/bin/bash", "-G", "www-data", "aegir"]).ok();
        host.exec(["install", "-d", "-m", "700", "-o", "aegir", "-g", "aegir", "/home/aegir/.ssh"]).ok();
        host.write("/home/aegir/.ssh/authorized_keys", key);
        host.exec(["install", "-d", "-m", "755", "-o", "aegir", "-g", "aegir", "/var/aegir"]).ok();
        host.start(Service::Sshd);
    }

    pub(crate) fn config(&self, host: &Host) -> SshConfig {
        let mut config = SshConfig::new(host.v4().to_string(), self.root()).user(Some("aegir".into()));
        (config.connect_timeout, config.silence, config.persist) = (CONNECT, SILENCE, Duration::from_secs(20));
        config
    }

    /// Pins what the host offers, as enrolment does when the operator has agreed.
    pub(crate) async fn pin(&self, host: &Host) -> Vec<HostKey> {
        let address = host.v4().to_string();
        let keys = scan_host_keys(&address, None, CONNECT).await.unwrap();
        let before = std::fs::read_to_string(self.known_hosts()).unwrap_or_default();
        std::fs::write(self.known_hosts(), pin_host_keys(&before, &address, None, &keys)).unwrap();
        keys
    }

    /// A handle of its own, as another process would have; the key of the host is pinned already.
    pub(crate) fn another(&self, host: &Host) -> Arc<SshServer> {
        Arc::new(SshServer::new(host.name().parse().unwrap(), "/var/aegir".into(), self.config(host)))
    }

    /// A handle on the first host, which is pinned now.
    pub(crate) fn server(&self) -> Arc<SshServer> {
        tokio::task::block_in_place(|| tokio::runtime::Handle::current().block_on(self.pin(&self.host)));
        self.another(&self.host)
    }

    /// How many connections the account has open.
    pub(crate) fn sessions(&self) -> usize {
        self.host.exec(["pgrep", "-u", "aegir", "-x", "sshd"]).stdout.lines().count()
    }

    pub(crate) fn runs(&self, pattern: &str) -> bool {
        self.host.exec(["pgrep", "-f", pattern]).success()
    }
}

pub(crate) fn make_key(path: &Utf8Path) {
    let made = program("ssh-keygen").args(["-q", "-t", "ed25519", "-N", "", "-C", "aegir", "-f", path.as_str()]).status();
    assert!(made.unwrap().success());
}

/// Waits for what happens on another machine.
pub(crate) async fn until(what: &str, limit: Duration, mut holds: impl FnMut() -> bool) {
    let begun = std::time::Instant::now();
    while !holds() {
        assert!(begun.elapsed() < limit, "not within {limit:?}: {what}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
