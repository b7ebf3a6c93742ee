//! The bootstrap script on a machine that never heard of Aegir: once, twice, and for databases.

use aegir_testkit::fleet::Fleet;
use aegir_testkit::lab::{Host, Service, World};

use crate::BINARY;

/// Everything that the script could touch.
fn world(host: &Host) -> World {
    World::of(host, &["/etc", "/var/aegir", "/root", "/run/mysqld", "/tmp"])
}

#[test]
fn a_second_run_changes_nothing_and_says_so() {
    let fleet = Fleet::bare(BINARY, &["web1"]);
    let web1 = &fleet.remotes[0];
    let first = fleet.bootstrap(web1, &[]).ok();
    assert!(first.contains("things changed") && first.contains(&Fleet::fingerprint(web1)), "{first}");
    assert!(web1.runs(Service::Apache) && web1.runs(Service::PhpFpm));
    let before = world(web1);
    let second = fleet.bootstrap(web1, &[]).ok();
    assert!(second.contains("nothing was changed") && !second.contains("changed  "), "{second}");
    let changes = before.diff(&world(web1));
    assert!(changes.is_empty(), "{}", changes.join("\n"));
}
