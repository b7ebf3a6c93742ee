//! What the original did under the same faults, and what we do; each test names its row.

use aegir_testkit::lab::Service;

use crate::{with_site, with_wordpress};

/// O1: there the whole installation was rolled back because a welcome mail could not be sent.
#[test]
fn o1_an_installation_does_not_depend_on_mail() {
    let aegir = with_wordpress();
    // No mail transport at all, and one that fails.
    aegir.host.write("/usr/sbin/sendmail", "#!/bin/sh\nexit 75\n");
    aegir.host.exec(["chmod", "0755", "/usr/sbin/sendmail"]).ok();
    aegir.install("one.example.com", "One").ok();
    assert_eq!(aegir.page("one.example.com").status, 200);
}

/// F2: there an unrelated broken file in `vhost.d` made install exit 0 while the site was 404.
#[test]
fn f2_an_unrelated_broken_file_is_a_truthful_failure() {
    let aegir = with_site();
    let broken = "/var/aegir/config/server_master/vhost.d/zz-broken.conf";
    aegir.host.write(broken, "NotADirective\n");
    let before = aegir.world();
    let run = aegir.install("two.example.com", "Two");
    assert_eq!(run.status, 8, "{}", run.stderr);
    assert!(
        run.stderr.contains("rolled back") && run.stderr.contains("zz-broken.conf") && run.stderr.contains("NotADirective"),
        "{}",
        run.stderr
    );
    aegir.assert_unchanged(&before, "an installation beside a broken file");
    assert_eq!(aegir.page("one.example.com").status, 200);
    aegir.host.exec(["rm", broken]).ok();
    aegir.install("two.example.com", "Two").ok();
    assert_eq!(aegir.page("two.example.com").status, 200);
}

/// F7: there verify, install and delete failed cleanly with MariaDB down, but for an alias that stayed.
#[test]
fn f7_with_mariadb_down_everything_fails_at_once_and_clean() {
    let aegir = with_site();
    let before = (aegir.world(), aegir.knowledge());
    aegir.host.stop(Service::MariaDb);
    for args in [
        &["site", "verify", "one.example.com"][..],
        &["site", "delete", "one.example.com", "--yes"],
        &["site", "install", "two.example.com", "--platform", "wp"],
        &["server", "verify", "server_master"],
    ] {
        let run = aegir.aegir(args.iter().copied());
        assert!(matches!(run.status, 8 | 9), "{args:?} ended with {}: {}", run.status, run.stderr);
        assert!(run.stderr.contains("server_master") && run.stderr.contains("hint:"), "{args:?} says {}", run.stderr);
    }
    aegir.host.start(Service::MariaDb);
    aegir.assert_unchanged(&before.0, "tasks without a database");
    assert_eq!(before.1, aegir.knowledge());
}

/// F8b: there an installation onto an existing site was refused; here too.
#[test]
fn f8b_an_installation_onto_an_existing_site_is_refused() {
    let aegir = with_site();
    let before = aegir.world();
    let run = aegir.install("one.example.com", "Again");
    assert_eq!(run.status, 6, "{}", run.stderr);
    assert!(run.stderr.contains("aegir site show one.example.com"), "{}", run.stderr);
    aegir.assert_unchanged(&before, "a refused installation");
}

/// F10: there a full backup disk made the backup fail cleanly; here a deletion, which archives first.
#[test]
fn f10_a_full_backup_disk_fails_clean_and_the_site_stays_up() {
    let aegir = with_site();
    aegir.host.small_disk("/var/aegir/backups", 4 << 20);
    aegir.host.exec(["chown", "aegir:aegir", "/var/aegir/backups"]).ok();
    aegir.host.exec(["chmod", "0700", "/var/aegir/backups"]).ok();
    aegir.host.fill_disk("/var/aegir/backups");
    let before = (aegir.world(), aegir.knowledge());
    let run = aegir.aegir(["site", "delete", "one.example.com", "--yes"]);
    assert_eq!(run.status, 1, "{}", run.stderr);
    assert!(run.stderr.contains("/var/aegir/backups"), "{}", run.stderr);
    aegir.assert_unchanged(&before.0, "a deletion onto a full disk");
    assert_eq!(before.1, aegir.knowledge());
    assert_eq!(aegir.page("one.example.com").status, 200);
}

/// F12: there a killed installation left a directory, a vhost and 58 tables, and could not be repeated.
#[test]
fn f12_a_killed_installation_is_finished_or_taken_back_by_the_next_command() {
    let aegir = with_wordpress();
    let install = ["site", "install", "one.example.com", "--platform", "wp", "--title", "One"];
    let killed = aegir.faulty("die-event:12", install);
    assert_ne!(killed.status, 0);
    // No special command: whatever changes something next ends what was left.
    let next = aegir.aegir(["platform", "verify", "wp"]);
    assert!(next.status == 0, "{}", next.stderr);
    let state = aegir.json(["task", "list"]);
    let installed = state["items"].as_array().and_then(|t| t.iter().find(|t| t["kind"] == "site.install")).expect("the task is known");
    assert!(matches!(installed["state"].as_str(), Some("done" | "rolled_back")), "{installed}");
    assert_eq!(aegir.page("one.example.com").status, if installed["state"] == "done" { 200 } else { 404 });
}

/// There a newline in an alias became a live Apache directive, and `../` in a URI made directories elsewhere.
#[test]
fn hostile_inputs_change_nothing() {
    let aegir = with_site();
    let before = (aegir.world(), aegir.knowledge());
    for args in [
        &["site", "edit", "one.example.com", "--alias", "x.example.com\n  ErrorLog /tmp/owned"][..],
        &["site", "install", "../../../run/trav", "--platform", "wp"],
        &["site", "edit", "one.example.com", "--redirect-to", "1"],
        &["platform", "add", "../up", "--path", "/var/aegir/platforms/wp2", "--server", "server_master"],
    ] {
        let run = aegir.aegir(args.iter().copied());
        assert_eq!(run.status, 64, "{args:?} ended with {}: {}", run.status, run.stderr);
    }
    aegir.assert_unchanged(&before.0, "hostile input");
    assert_eq!(before.1, aegir.knowledge());
}
