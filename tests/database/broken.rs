//! Databases that cannot be dumped whole: refused with the cause, and gone when an operator types the name.

use aegir_testkit::database::sql;

use crate::{fleet, install_far};

/// B31: a view on a dropped table, and a table whose file is damaged.
#[test]
fn b31_a_broken_database_goes_with_what_can_be_saved_and_a_list() {
    let fleet = fleet();
    let host = &fleet.host;
    fleet.install("broken.example.com", "Broken").ok();
    sql(
        host,
        "USE brokenexamplecom; CREATE TABLE t (a INT); CREATE VIEW v AS SELECT a FROM t; DROP TABLE t; CREATE TABLE damaged (a INT) ENGINE=MyISAM; INSERT INTO damaged VALUES (1); FLUSH TABLES",
    );
    let refused = fleet.aegir(["site", "delete", "broken.example.com", "--yes"]);
    assert_eq!(refused.status, 8, "{}", refused.stderr);
    for word in ["view v: ", "aegir site delete broken.example.com --incomplete"] {
        assert!(refused.stderr.contains(word), "{word} is not in: {}", refused.stderr);
    }
    assert_eq!(fleet.page("broken.example.com").status, 200, "a refused deletion changes nothing");

    // A table shows that it is damaged only to who reads it.
    host.exec(["sh", "-c", ": >/var/lib/mysql/brokenexamplecom/damaged.MYI; mariadb -e 'DROP VIEW brokenexamplecom.v; FLUSH TABLES'"]).ok();
    let failed = fleet.aegir(["site", "delete", "broken.example.com", "--yes"]);
    assert!(!failed.success() && failed.stderr.contains("--incomplete"), "{}", failed.stderr);
    assert_eq!(fleet.page("broken.example.com").status, 200, "it lives on");

    let unnamed = fleet.aegir(["site", "delete", "broken.example.com", "--incomplete", "--yes"]);
    assert!(!unnamed.success() && unnamed.stderr.contains("--confirm broken.example.com"), "{}", unnamed.stderr);
    let gone = fleet.aegir(["site", "delete", "broken.example.com", "--incomplete", "--confirm", "broken.example.com"]);
    assert!(gone.success() && gone.stderr.contains("table damaged"), "{}", gone.stderr);
    assert_eq!(sql(host, "SHOW DATABASES LIKE 'broken%'"), "");
    let archive = host.exec(["sh", "-c", "ls /var/aegir/backups/broken.example.com-*"]).ok();
    let of = |member: &str| host.exec(["tar", "--zstd", "-xOf", archive.trim(), member]).ok();
    assert!(of("./database-left-out.sql").contains("table damaged"), "{}", of("./database-left-out.sql"));
    assert!(of("./database.sql").contains("CREATE TABLE `wp_posts`") && !of("./database.sql").contains("CREATE TABLE `damaged`"));
    host.exec(["rm", archive.trim()]).ok();
}

/// B32: a routine that root defined, in the database of a site on another web server, whose user cannot read it.
#[test]
fn b32_a_routine_of_root_is_saved_beside_the_dump() {
    let fleet = fleet();
    let host = &fleet.host;
    install_far(&fleet, "routine.example.com").ok();
    sql(host, "USE routineexamplecom; CREATE PROCEDURE of_root() SELECT 'of root'");
    let refused = fleet.aegir(["site", "delete", "routine.example.com", "--yes"]);
    assert_eq!(refused.status, 8, "{}", refused.stderr);
    assert!(
        refused.stderr.contains("procedure of_root: defined by root@localhost") && refused.stderr.contains("--incomplete"),
        "{}",
        refused.stderr
    );
    fleet.aegir(["site", "delete", "routine.example.com", "--incomplete", "--confirm", "routine.example.com"]).ok();
    let archive = host.exec(["sh", "-c", "ls /var/aegir/backups/routine.example.com-*"]).ok();
    let notes = host.exec(["tar", "--zstd", "-xOf", archive.trim(), "./database-left-out.sql"]).ok();
    assert!(notes.contains("SELECT 'of root'"), "{notes}");
    host.exec(["rm", archive.trim()]).ok();
}
