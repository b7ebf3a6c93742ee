//! Every transport against the kit, and SSH against real hosts with real faults.
#![expect(clippy::unwrap_used, reason = "a test may panic where it likes")]

mod bounds;
mod faults;
mod figures;
mod keys;
mod remote;
mod sharing;
mod ways;

use std::sync::Arc;

use aegir_core::server::{Facts, LocalServer};
use aegir_core::testing::FakeServer;
use aegir_testkit::conformance::transport::{Abilities, transport, transport_with};
use camino::Utf8Path;

use self::remote::Remote;

#[tokio::test(flavor = "multi_thread")]
async fn this_machine_conforms() {
    let dir = tempfile::tempdir().unwrap();
    let path = Utf8Path::from_path(dir.path()).unwrap();
    let server = LocalServer::new("server_master".parse().unwrap(), path);
    transport(Arc::new(server), path).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fake_conforms() {
    let server = FakeServer::new("fake".parse().unwrap(), Facts::default(), &["/var/aegir"]);
    let can = Abilities { commands: false, kernel: false, ..Abilities::default() };
    transport_with(Arc::new(server), "/var/aegir".into(), &can).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_machine_over_ssh_conforms() {
    let remote = Remote::new("web1");
    let server = remote.server();
    transport(server.clone(), "/var/aegir".into()).await;
    assert_eq!(remote.sessions(), 1, "one connection did it all");
    server.disconnect().await.unwrap();
}

/// The bootstrap makes the account with a POSIX shell; which one does not matter.
#[tokio::test(flavor = "multi_thread")]
async fn the_login_shell_may_be_dash() {
    let remote = Remote::new("web1");
    remote.host.exec(["usermod", "-s", "/bin/sh", "aegir"]).ok();
    transport(remote.server(), "/var/aegir".into()).await;
}
