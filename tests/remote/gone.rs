//! Machines that are gone for good: what stood on them can be deleted, and what lives elsewhere is archived first.

use std::time::{Duration, Instant};

use aegir_testkit::breaking::break_every_step;

use crate::fleet::Fleet;

const WEB1: &str = "web1.example.com";
const DB1: &str = "db1.example.com";

/// Short patience, so that what is gone is noticed while a test waits.
fn impatient(fleet: &Fleet) {
    fleet.host.write("/etc/aegir/aegir.toml", "connect_seconds = 2\nsilence_seconds = 2\n");
    fleet.host.exec(["pkill", "-u", "aegir", "-x", "ssh"]);
}

/// Must fail with this status and say this; nothing may change on the master.
#[track_caller]
fn refuse(fleet: &Fleet, args: &[&str], status: i32, says: &[&str]) {
    let before = (fleet.world(), fleet.rows());
    let run = fleet.aegir(args.iter().copied());
    assert_eq!(run.status, status, "{args:?}: {}", run.stderr);
    for word in says {
        assert!(run.stderr.contains(word), "{args:?} should say “{word}”: {}", run.stderr);
    }
    fleet.master.assert_unchanged(&before.0, "what was refused");
    assert_eq!(before.1, fleet.rows(), "the inventory");
}

/// Rows of the ledger that name a server.
fn ledger(fleet: &Fleet, server: &str) -> Vec<String> {
    fleet.rows().lines().filter(|row| row.starts_with("ledger ") && row.contains(&format!("\"{server}\""))).map(str::to_owned).collect()
}

/// Databases and users of a site, on a machine.
fn databases(host: &aegir_testkit::lab::Host, site: &str) -> String {
    let sql = format!(
        "SELECT SCHEMA_NAME FROM information_schema.SCHEMATA WHERE SCHEMA_NAME LIKE '{site}%' UNION ALL SELECT User FROM mysql.user WHERE User LIKE '{site}%' UNION ALL SELECT User FROM mysql.db WHERE User LIKE '{site}%'"
    );
    host.exec(["mariadb", "-BNe", &sql]).ok()
}

/// The members of the one archive of a site, and the tables in the dump in it.
#[track_caller]
fn archive(fleet: &Fleet, site: &str) -> (String, usize) {
    let found = fleet.host.exec(["sh", "-c", &format!("stat -c '%a %U %n' /var/aegir/backups/{site}*")]).ok();
    assert!(found.starts_with("600 aegir ") && found.lines().count() == 1, "{found}");
    let path = found.trim().rsplit(' ').next().expect("a path");
    let members = fleet.host.exec(["tar", "--zstd", "-tf", path]).ok();
    let tables = format!("tar --zstd -xOf {path} ./database.sql | grep -c '^CREATE TABLE'");
    (members, fleet.host.exec(["sh", "-c", &tables]).stdout.trim().parse().unwrap_or(0))
}

/// The commands that an error names, as words.
fn commands(stderr: &str) -> Vec<Vec<String>> {
    let quoted = stderr.lines().filter_map(|line| line.trim().strip_prefix("hint: `aegir ")?.strip_suffix('`'));
    quoted.map(|command| command.split(' ').map(str::to_owned).collect()).collect()
}

#[track_caller]
fn nothing_waits(fleet: &Fleet) {
    for state in ["waiting", "stuck", "running"] {
        assert_eq!(fleet.json(["task", "list", "--state", state])["items"], serde_json::json!([]), "{state}");
    }
}

#[test]
fn a_site_and_all_below_it_are_deleted_step_by_step() {
    let fleet = Fleet::with_site();
    impatient(&fleet);
    refuse(&fleet, &["site", "delete", "one.example.com", "--offline", "--yes"], 8, &["answers", "`aegir site delete one.example.com`"]);
    fleet.install("two.example.com", "Two").ok();
    fleet.aegir(["site", "delete", "two.example.com", "--yes"]).ok();
    fleet.add_platform("bare", WEB1).ok();
    refuse(&fleet, &["platform", "delete", "bare", "--offline", "--yes"], 8, &["answers", "`aegir platform delete bare`"]);
    fleet.aegir(["platform", "delete", "bare", "--yes"]).ok();
    // Nothing below this line is asked for less than it is worth.
    fleet.aegir(["server", "edit", WEB1, "--stage", "production"]).ok();

    fleet.remote("web1").power_off();
    refuse(
        &fleet,
        &["site", "delete", "one.example.com", "--confirm", "one.example.com"],
        9,
        &["`aegir site delete one.example.com --offline`"],
    );
    refuse(&fleet, &["site", "delete", "one.example.com", "--offline", "--yes"], 64, &["--confirm one.example.com"]);
    refuse(&fleet, &["platform", "delete", "wp", "--offline", "--confirm", "wp"], 8, &["one.example.com"]);
    let hints = ["`aegir site delete one.example.com --offline`", "`aegir platform delete wp --offline`"];
    refuse(&fleet, &["server", "delete", WEB1, "--offline", "--confirm", WEB1], 8, &hints);

    fleet.host.stop(aegir_testkit::lab::Service::MariaDb);
    refuse(&fleet, &["site", "delete", "one.example.com", "--offline", "--confirm", "one.example.com"], 9, &[]);
    fleet.host.start(aegir_testkit::lab::Service::MariaDb);

    assert_eq!(databases(&fleet.host, "oneexample").lines().count(), 3);
    let said = fleet.aegir(["site", "delete", "one.example.com", "--offline", "--dry-run"]).stdout;
    for warning in [
        "web1.example.com counts as gone: ",
        "nothing is done on web1.example.com",
        "files and uploads of one.example.com were on web1.example.com alone",
    ] {
        assert!(said.contains(warning), "{said}");
    }
    break_every_step(&fleet, &[], &["site", "delete", "one.example.com", "--offline", "--confirm", "one.example.com"]);
    assert_eq!(databases(&fleet.host, "oneexample"), "");
    let (members, tables) = archive(&fleet, "one.example.com");
    assert_eq!(members.trim(), "./database.sql");
    assert!(tables > 10, "{tables} tables");
    assert!(!ledger(&fleet, WEB1).iter().any(|row| row.contains("one.example.com")), "{:?}", ledger(&fleet, WEB1));

    break_every_step(&fleet, &[], &["platform", "delete", "wp", "--offline", "--confirm", "wp"]);
    assert!(!fleet.host.exists("/var/aegir/platforms/wp"), "Aegir put it there");
    break_every_step(&fleet, &[], &["server", "delete", WEB1, "--offline", "--confirm", WEB1]);
    assert_eq!(ledger(&fleet, WEB1), [""; 0]);
    nothing_waits(&fleet);
    let left = fleet
        .host
        .exec(["sh", "-c", "ls -A /var/aegir/platforms /var/aegir/run | grep -v ':$' | grep .; ls -A /var/aegir/backups | wc -l"])
        .ok();
    assert!(left.trim().ends_with('2'), "the archives of two sites, and nothing else of theirs: {left}");
}

#[test]
fn databases_on_other_machines_are_archived_and_those_that_were_lost_are_forgotten() {
    let mut fleet = Fleet::of_both(&["web1"]);
    let db1 = fleet.join_database("db1");
    impatient(&fleet);
    fleet.add_platform("wp", WEB1).ok();
    fleet.add_platform("home", "server_master").ok();
    for (uri, platform, db) in [("near", "wp", WEB1), ("far", "wp", DB1), ("lost", "wp", DB1), ("local", "home", DB1)] {
        fleet.aegir(["site", "install", &format!("{uri}.example.com"), "--platform", platform, "--db-server", db, "--title", uri]).ok();
    }
    fleet.host.exec_as("aegir", ["sh", "-c", "echo kept > /var/aegir/platforms/home/sites/local.example.com/files/kept.txt"]);
    refuse(&fleet, &["site", "delete", "local.example.com", "--offline", "--yes"], 8, &["server_master answers, and so does db1"]);
    fleet.remote("web1").power_off();

    // Both of its machines are silent: nobody deletes the last of it by mistake.
    db1.cut();
    refuse(&fleet, &["site", "delete", "far.example.com", "--offline", "--yes"], 64, &["--confirm far.example.com"]);
    db1.heal();
    break_every_step(&fleet, std::slice::from_ref(&db1), &["site", "delete", "far.example.com", "--offline"]);
    assert_eq!(databases(&db1, "farexample"), "");
    assert_eq!(archive(&fleet, "far.example.com").0.trim(), "./database.sql");
    assert!(archive(&fleet, "far.example.com").1 > 10);
    assert_eq!(db1.exec(["ls", "-A", "/var/aegir/backups"]).ok(), "", "the dump was only passing there");

    refuse(&fleet, &["site", "delete", "near.example.com", "--offline", "--yes"], 64, &["--confirm near.example.com"]);
    let near = fleet.aegir(["site", "delete", "near.example.com", "--offline", "--confirm", "near.example.com"]);
    near.clone().ok();
    assert!(near.stderr.contains("nothing of near.example.com is archived"), "{}", near.stderr);

    // A machine that had databases and nothing else.
    db1.power_off();
    let hints = commands(&fleet.aegir(["server", "delete", DB1, "--offline", "--yes"]).stderr);
    assert_eq!(hints.len(), 2, "{hints:?}");
    for command in &hints {
        let command: Vec<&str> = command.iter().map(String::as_str).collect();
        if command == ["site", "delete", "lost.example.com", "--offline"] {
            fleet.aegir(command.into_iter().chain(["--confirm", "lost.example.com"])).ok();
        } else {
            assert_eq!(command, ["site", "delete", "local.example.com", "--offline"]);
            break_every_step(&fleet, &[], &command);
        }
    }
    assert_eq!(fleet.host.exec(["sh", "-c", "ls /var/aegir/backups | grep lost"]).stdout, "");
    let members = archive(&fleet, "local.example.com").0;
    assert!(members.contains("./wp-config.php") && !members.contains("database.sql"), "{members}");
    assert_eq!(fleet.master.page("local.example.com").status, 404);

    for server in [DB1, WEB1] {
        let refused = fleet.aegir(["server", "delete", server, "--offline", "--yes"]);
        for command in commands(&refused.stderr) {
            fleet.aegir(command.iter().map(String::as_str).chain(["--yes"])).ok();
        }
        if !refused.success() {
            fleet.aegir(["server", "delete", server, "--offline", "--yes"]).ok();
        }
        assert_eq!(ledger(&fleet, server), [""; 0]);
    }
    nothing_waits(&fleet);
    assert!(fleet.aegir(["platform", "verify", "home"]).success(), "what lives goes on living");
}

#[test]
fn a_task_that_waits_for_it_ends_with_what_it_was_about() {
    let fleet = Fleet::with_site();
    impatient(&fleet);
    let before = databases(&fleet.host, "");
    let install = fleet.command(["site", "install", "two.example.com", "--platform", "wp", "--title", "Two"]).spawn();
    let begun = Instant::now();
    while !fleet.remote("web1").exists("/var/aegir/platforms/wp/sites/two.example.com") {
        assert!(begun.elapsed() < Duration::from_secs(60), "the installation never came to its directory");
        std::thread::sleep(Duration::from_millis(5));
    }
    fleet.remote("web1").power_off();
    let struck = install.wait(Duration::from_secs(120));
    assert_eq!(struck.status, 9, "{struck:?}");
    let waiting = fleet.json(["task", "list", "--state", "waiting"])["items"][0]["id"].to_string();
    assert_ne!(databases(&fleet.host, ""), before, "it waits before it comes to the database");

    let again = fleet.aegir(["site", "install", "two.example.com", "--platform", "wp"]);
    assert!(again.status == 9 && again.stderr.contains("`aegir server delete web1.example.com --offline`"), "{}", again.stderr);
    refuse(&fleet, &["site", "delete", "none.example.com", "--offline", "--yes"], 5, &["none.example.com"]);
    // Whatever is deleted from that machine first ends the task: it says so before.
    for uri in ["one.example.com", "two.example.com"] {
        let dry = fleet.aegir(["site", "delete", uri, "--offline", "--dry-run"]).ok();
        assert!(dry.contains(&format!("task {waiting} (site.install, site two.example.com)")), "{dry}");
    }
    refuse(&fleet, &["site", "delete", "two.example.com", "--offline"], 64, &["--yes"]);

    // It is not a site yet; what there is of it is its task.
    fleet.aegir(["site", "delete", "two.example.com", "--offline", "--yes"]).ok();
    nothing_waits(&fleet);
    assert_eq!(databases(&fleet.host, ""), before);
    refuse(&fleet, &["site", "delete", "two.example.com", "--offline", "--yes"], 5, &["two.example.com"]);
    fleet.aegir(["site", "delete", "one.example.com", "--offline", "--yes"]).ok();
    let shown = fleet.aegir(["task", "show", &waiting]).ok();
    assert!(shown.contains("rolled back") && shown.contains("given up") && shown.contains("web1.example.com, which is gone"), "{shown}");
    assert_eq!(databases(&fleet.host, "oneexample") + &databases(&fleet.host, "twoexample"), "");
    assert!(!fleet.rows().lines().any(|row| row.starts_with("ledger ") && row.contains("two.example.com")), "{}", fleet.rows());
    fleet.aegir(["platform", "delete", "wp", "--offline", "--yes"]).ok();
    fleet.aegir(["server", "delete", WEB1, "--offline", "--yes"]).ok();
    assert_eq!(ledger(&fleet, WEB1), [""; 0]);
}

#[test]
fn a_site_whose_own_task_waits_is_deleted_all_the_same() {
    let fleet = Fleet::with_site();
    impatient(&fleet);
    // Killed in the middle of its work on web1, which then goes, too.
    let disable = fleet.faulty("die-event:2", ["site", "disable", "one.example.com"]);
    assert!(matches!(disable.status, 137 | -9 | 9), "{disable:?}");
    fleet.remote("web1").power_off();
    assert_eq!(fleet.aegir(["task", "recover"]).status, 9);
    assert_eq!(fleet.aegir(["site", "delete", "one.example.com", "--yes"]).status, 9);
    let run = fleet.aegir(["site", "delete", "one.example.com", "--offline", "--yes"]);
    run.clone().ok();
    assert!(run.stderr.contains("is given up"), "{}", run.stderr);
    assert!(archive(&fleet, "one.example.com").1 > 10);
    nothing_waits(&fleet);
    fleet.aegir(["platform", "delete", "wp", "--offline", "--yes"]).ok();
    fleet.aegir(["server", "delete", WEB1, "--offline", "--yes"]).ok();
    assert_eq!(ledger(&fleet, WEB1), [""; 0]);
}
