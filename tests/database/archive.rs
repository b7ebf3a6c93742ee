//! What a deletion keeps: all that the site acknowledged, on the disk, before anything is removed.

use std::time::Duration;

use aegir_testkit::database::{Bed, sql};

use crate::fleet;

/// Acknowledges a row and a file; slowly, there is a third of a second between the two.
const WRITER: &str = r#"<?php
mysqli_report(MYSQLI_REPORT_ERROR | MYSQLI_REPORT_STRICT);
$id = (int) $_GET['id'];
$db = new mysqli('localhost', $_SERVER['db_user'], $_SERVER['db_passwd'], $_SERVER['db_name']);
$db->query("INSERT INTO acknowledged VALUES ($id)");
if (isset($_GET['slow'])) usleep(300000);
if (file_put_contents("sites/one.example.com/files/acknowledged-$id", $id) === false) exit;
echo "acknowledged $id\n";
"#;

/// A9: a site that writes all the time can be deleted, and what it acknowledged is in the archive.
#[test]
fn a9_what_a_busy_site_acknowledged_is_in_its_archive() {
    let fleet = fleet();
    let host = &fleet.host;
    sql(host, "USE oneexamplecom; CREATE TABLE acknowledged (id INT PRIMARY KEY)");
    host.write("/var/aegir/platforms/wp/write.php", WRITER);
    let ask = |range: &str, more: &str| {
        let url = format!("http://one.example.com/write.php?id=[{range}]{more}");
        host.spawn(["curl", "-s", "--connect-to", "::127.0.0.1:80", &url])
    };
    let busy = [ask("1-100000", ""), ask("100001-200000", ""), ask("200001-300000", "&slow"), ask("300001-400000", "&slow")];
    std::thread::sleep(Duration::from_millis(700));
    let deleted = fleet.aegir(["site", "delete", "one.example.com", "--yes"]);
    let mut acknowledged = Vec::new();
    for writer in busy {
        writer.kill();
        let said = writer.wait(Duration::from_secs(10)).stdout;
        acknowledged.extend(said.lines().filter_map(|l| l.strip_prefix("acknowledged ")).filter_map(|n| n.parse::<u32>().ok()));
    }
    assert!(deleted.success(), "{}", deleted.stderr);
    let of = |range: std::ops::Range<u32>| acknowledged.iter().filter(|id| range.contains(id)).count();
    assert!(of(1..200_001) > 50 && of(200_001..400_001) > 1, "the site was not busy: {acknowledged:?}");
    let archive = host.exec(["sh", "-c", "ls /var/aegir/backups/one.example.com-*"]).ok();
    let files = host.exec(["tar", "--zstd", "-tf", archive.trim()]).ok();
    let dump = host.exec(["tar", "--zstd", "-xOf", archive.trim(), "./database.sql"]).ok();
    let rows: std::collections::BTreeSet<u32> = dump
        .lines()
        .skip_while(|l| !l.starts_with("INSERT INTO `acknowledged`"))
        .take_while(|l| !l.starts_with("/*!"))
        .flat_map(|l| l.split(['(', ')', ',', ';']).filter_map(|n| n.trim().parse().ok()))
        .collect();
    let names: std::collections::BTreeSet<&str> = files.lines().collect();
    for id in &acknowledged {
        assert!(rows.contains(id), "row {id} was acknowledged and is lost");
        assert!(names.contains(format!("./files/acknowledged-{id}").as_str()), "file {id} was acknowledged and is lost");
    }
    host.exec(["rm", archive.trim(), "/var/aegir/platforms/wp/write.php"]).ok();
    fleet.install("one.example.com", "One").ok();
}

/// A9: whatever fails after the site was brought to rest, it is awake again.
#[test]
fn a9_a_deletion_that_fails_wakes_the_site() {
    let fleet = fleet();
    let bed = Bed { aegir: &fleet, db: &fleet.host, uri: "one.example.com", platform: "wp", name: "oneexamplecom" };
    let rights = || bed.sql("SHOW GRANTS FOR oneexamplecom@localhost");
    let before = (rights(), fleet.world());
    bed.fail_after_drop();
    assert_eq!(before.0, rights());
    fleet.assert_unchanged(&before.1, "a deletion that was taken back");
    assert_eq!(fleet.page("one.example.com").status, 200);
}

/// A17: dump and archive are on the disk before the database goes, and a disk that does not take them ends the deletion.
#[test]
fn a17_what_is_kept_is_on_the_disk_before_its_original_goes() {
    let fleet = fleet();
    let (host, fake) = (&fleet.host, "/usr/local/bin/sync");
    let wrap = |end: &str| {
        host.write(fake, format!("#!/bin/sh\nfor last; do :; done\nd=$(test -d /var/lib/mysql/oneexamplecom && echo there)\ns=$(stat -c %s \"$last\")\necho \"$last $s $d\" >>/tmp/synced\n{end}\n"));
        host.exec(["chmod", "755", fake]).ok();
        host.exec(["sh", "-c", ": >/tmp/synced; chmod 666 /tmp/synced"]).ok();
    };
    let before = fleet.world();
    for (file, end) in
        [("database.sql", "case $* in *database.sql*) exit 1 ;; esac"), (".partial", "case $last in *.partial) exit 1 ;; esac")]
    {
        wrap(end);
        let run = fleet.aegir(["site", "delete", "one.example.com", "--yes"]);
        assert_eq!(run.status, 1, "{file}: {}", run.stderr);
        host.exec(["rm", "/tmp/synced"]).ok();
        fleet.assert_unchanged(&before, "a disk that takes nothing");
    }
    wrap("exec /usr/bin/sync \"$@\"");
    fleet.aegir(["site", "delete", "one.example.com", "--yes"]).ok();
    let synced = host.read("/tmp/synced");
    let archive = synced.lines().find(|l| l.contains(".partial ")).unwrap_or_else(|| panic!("no archive was synced: {synced}"));
    assert!(archive.ends_with(" there"), "the database was gone before: {synced}");
    let kept = host.exec(["sh", "-c", "stat -c %s /var/aegir/backups/one.example.com-*"]).ok();
    assert_eq!(archive.split(' ').nth(1), Some(kept.trim()), "it was synced before it was whole: {synced}");
    host.exec(["sh", "-c", &format!("rm {fake} /tmp/synced /var/aegir/backups/one.example.com-*")]).ok();
    fleet.install("one.example.com", "One").ok();
}
