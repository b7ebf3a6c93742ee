//! Servers as things: bootstrapped, added, shown, edited, deleted, by our own commands on real hosts.

mod add;
mod bootstrap;
mod change;
mod confirm;
mod crash;
mod delete;
mod host_key;

use aegir_testkit::fleet::Fleet;

/// The command under test.
const BINARY: &str = env!("CARGO_BIN_EXE_aegir-on-trial");
/// The remote server of most tests.
const WEB1: &str = "web1.example.com";

/// Each must fail with this status and say this; nothing may change on the master.
fn refuse(fleet: &Fleet, cases: &[(&[&str], i32, &str)]) {
    let before = (fleet.world(), fleet.rows());
    for (args, status, says) in cases {
        let run = fleet.aegir(args.iter().copied());
        assert_eq!(run.status, *status, "{args:?}: {}", run.stderr);
        assert!(run.stderr.contains(says), "{args:?} should say “{says}”: {}", run.stderr);
        assert!(run.stdout.is_empty(), "{args:?} printed data: {}", run.stdout);
    }
    fleet.assert_unchanged(&before.0, "what was refused");
    assert_eq!(before.1, fleet.rows(), "the inventory");
}

/// The pins as they stand in Aegir's file.
fn pins(fleet: &Fleet) -> String {
    fleet.host.read("/var/aegir/keys/known_hosts")
}

/// A platform on a remote server, made where the server is.
fn add_platform(fleet: &Fleet, name: &str, server: &str) {
    let (path, from) = (format!("/var/aegir/platforms/{name}"), aegir_testkit::lab::Base::WORDPRESS);
    fleet.aegir(["platform", "add", name, "--path", &path, "--server", server, "--from", from]).ok();
}
