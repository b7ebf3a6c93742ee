//! Deleting a server: only when nothing is on it; or forgetting a machine that is gone.

use aegir_testkit::breaking::break_every_step;
use aegir_testkit::fleet::Fleet;

use crate::{BINARY, WEB1, add_platform, pins, refuse};

/// Short patience, so that what is gone is noticed while a test waits.
fn impatient(fleet: &Fleet) {
    fleet.master.host.write("/etc/aegir/aegir.toml", "connect_seconds = 2\nsilence_seconds = 2\n");
}

#[test]
fn it_leaves_the_machine_as_the_bootstrap_left_it() {
    let fleet = Fleet::bare(BINARY, &["web1"]);
    let web1 = &fleet.remotes[0];
    fleet.bootstrap(web1, &[]).ok();
    let knowledge = fleet.knowledge();
    fleet.add(web1, &["--host-key", &Fleet::fingerprint(web1)]).ok();
    refuse(&fleet, &[(&["server", "delete", WEB1], 64, "--yes"), (&["server", "delete", "server_master", "--yes"], 8, "runs on")]);
    break_every_step(&fleet, &fleet.remotes, &["server", "delete", WEB1]);
    assert_eq!(knowledge, fleet.knowledge());
    assert_eq!(pins(&fleet), "");
    assert_eq!(web1.exec(["ls", "-A", "/var/aegir/config"]).ok(), "includes");
    assert_eq!(web1.http(80, "x.example.com", "/").status, 200, "Debian's own page");
    assert!(!fleet.rows().lines().any(|row| row.starts_with("ledger ") && row.contains(WEB1)), "{}", fleet.rows());
    // And back again.
    fleet.add(web1, &["--host-key", &Fleet::fingerprint(web1)]).ok();
    assert!(fleet.aegir(["server", "verify", WEB1]).success());
}

#[test]
fn not_while_anything_is_on_it() {
    let fleet = Fleet::new(BINARY, &["web1"]);
    add_platform(&fleet, "wp", WEB1);
    refuse(&fleet, &[(&["server", "delete", WEB1, "--yes"], 8, "platform wp")]);
    // Each hint is a command that helps.
    refuse(&fleet, &[(&["server", "delete", WEB1, "--yes", "--offline"], 8, "`aegir platform delete wp --offline`")]);
    fleet.aegir(["platform", "delete", "wp", "--yes"]).ok();
    refuse(&fleet, &[(&["server", "delete", WEB1, "--yes", "--offline"], 8, "`aegir server delete web1.example.com`")]);
}

#[test]
fn one_that_went_while_it_was_enrolled_is_forgotten() {
    let fleet = Fleet::bare(BINARY, &["web1"]);
    impatient(&fleet);
    let web1 = &fleet.remotes[0];
    fleet.bootstrap(web1, &[]).ok();
    let key = Fleet::fingerprint(web1);
    let add = ["server", "add", WEB1, "--stage", "test", "--host-key", &key];
    // Pinned, and the first directory is made.
    let killed = fleet.faulty("die-event:6", add);
    assert!(matches!(killed.status, 137 | -9 | 9), "{killed:?}");
    web1.power_off();
    assert_eq!(fleet.aegir(["task", "recover"]).status, 9);
    let again = fleet.aegir(add);
    assert!(again.status == 9 && again.stderr.contains("`aegir server delete web1.example.com --offline`"), "{}", again.stderr);
    let run = fleet.aegir(["server", "delete", WEB1, "--offline", "--yes"]);
    assert!(run.success() && run.stderr.contains("is given up"), "{}", run.stderr);
    assert_eq!(fleet.json(["task", "list", "--state", "waiting"])["items"], serde_json::json!([]));
    assert!(!fleet.rows().lines().any(|row| row.starts_with("ledger ") && row.contains(WEB1)), "{}", fleet.rows());
    assert_eq!(pins(&fleet), "");
    refuse(&fleet, &[(&["server", "delete", WEB1, "--offline", "--yes"], 5, WEB1)]);
}

#[test]
fn a_machine_that_is_gone_is_forgotten() {
    let fleet = Fleet::new(BINARY, &["web1", "web2"]);
    impatient(&fleet);
    fleet.remotes[0].power_off();
    let before = (fleet.world(), fleet.knowledge());
    let run = fleet.aegir(["server", "delete", WEB1, "--yes"]);
    assert_eq!(run.status, 9, "{}", run.stderr);
    fleet.assert_unchanged(&before.0, "a deletion that reached nobody");
    assert_eq!(before.1, fleet.knowledge());
    break_every_step(&fleet, &[], &["server", "delete", WEB1, "--offline"]);
    let left = fleet.rows();
    assert!(!left.lines().any(|row| row.starts_with("ledger ") && row.contains(WEB1)), "{left}");
    assert!(!pins(&fleet).contains(WEB1) && pins(&fleet).contains("web2.example.com"));
    assert_eq!(fleet.aegir(["server", "show", WEB1]).status, 5);
    assert!(fleet.aegir(["server", "verify", "web2.example.com"]).success());
}
