//! What is in an archive is what was in the database; where that cannot be, or the database cannot go, that is said first.

use std::time::{Duration, Instant};

use aegir_testkit::database::{fail_after_drop, sql};

use crate::fleet;

/// F4: what an operator set for all sessions cuts nothing of what Aegir reads, and is named where it would cut the dump.
#[test]
fn f4_a_limit_of_the_server_cuts_no_archive() {
    let fleet = fleet();
    let host = &fleet.host;
    let before = fleet.world();
    sql(
        host,
        "SET GLOBAL sql_select_limit = 1, GLOBAL wait_timeout = 1, GLOBAL sql_mode = 'ANSI_QUOTES', GLOBAL autocommit = 0, GLOBAL completion_type = 2",
    );
    let verified = fleet.aegir(["site", "verify", "one.example.com"]);
    let doctor = fleet.aegir(["doctor", "server_master"]);
    let refused = fleet.aegir(["site", "delete", "one.example.com", "--yes"]);
    sql(host, "SET GLOBAL sql_select_limit = DEFAULT");
    // The rest of it the dump itself has to stand.
    let deleted = fleet.aegir(["site", "delete", "one.example.com", "--dry-run"]);
    let taken_back = fail_after_drop(&fleet, "one.example.com");
    sql(
        host,
        "SET GLOBAL wait_timeout = DEFAULT, GLOBAL sql_mode = DEFAULT, GLOBAL autocommit = DEFAULT, GLOBAL completion_type = DEFAULT",
    );
    assert!(verified.success() && verified.stderr.contains("nothing to change"), "{}", verified.stderr);
    assert!(doctor.stdout.contains("db.limits") && doctor.stdout.contains("sql_select_limit is 1"), "{}", doctor.stdout);
    assert_eq!(refused.status, 8, "{}", refused.stderr);
    assert!(refused.stderr.contains("SET GLOBAL sql_select_limit = DEFAULT"), "{}", refused.stderr);
    deleted.ok();
    assert_eq!(taken_back.status, 1, "{}", taken_back.stderr);
    fleet.assert_unchanged(&before, "a deletion that was taken back");
    assert_eq!(fleet.page("one.example.com").status, 200);
}

/// F4: a row that a dump lacks is missed, however large the dump is.
#[test]
fn f4_the_rows_of_a_large_dump_are_counted() {
    let fleet = fleet();
    let (host, fake) = (&fleet.host, "/usr/local/bin/mysqldump");
    sql(
        host,
        "USE oneexamplecom; CREATE TABLE big (id INT PRIMARY KEY, t TEXT); INSERT INTO big SELECT seq, REPEAT('(\\'', 5000) FROM seq_1_to_1200",
    );
    host.write(fake, "#!/bin/sh\n/usr/bin/mysqldump \"$@\" | sed '/^(7,/d'\n");
    host.exec(["chmod", "755", fake]).ok();
    let lacking = fleet.aegir(["site", "delete", "one.example.com", "--yes"]);
    host.exec(["rm", fake]).ok();
    assert_eq!(lacking.status, 1, "{}", lacking.stderr);
    assert!(lacking.stderr.contains("its table big has 1200 rows, the dump has 1199"), "{}", lacking.stderr);
    assert_eq!(fleet.page("one.example.com").status, 200);
    // Nothing is missing of a whole one.
    let whole = fail_after_drop(&fleet, "one.example.com");
    assert_eq!(whole.status, 1, "{}", whole.stderr);
    assert_eq!(sql(host, "SELECT COUNT(*) FROM oneexamplecom.big").trim(), "1200");
    sql(host, "DROP TABLE oneexamplecom.big");
}

/// F2, F5, F9: a history that no dump can hold, a lock that outlives its connection, a database that is gone.
#[test]
fn f2_f5_f9_what_stands_in_the_way_of_a_deletion_is_named_before_anything_goes() {
    let fleet = fleet();
    let host = &fleet.host;
    fleet.install("stays.example.com", "Stays").ok();
    let delete = || {
        let begun = Instant::now();
        let run = fleet.aegir(["site", "delete", "stays.example.com", "--yes"]);
        assert!(begun.elapsed().as_secs() < 60, "{:?}: {}", begun.elapsed(), run.stderr);
        assert!(!run.success(), "{}", run.stderr);
        // Workers of before a graceful reload answer for a moment.
        let served = (0..50).any(|_| {
            std::thread::sleep(Duration::from_millis(100));
            fleet.page("stays.example.com").status == 200
        });
        assert!(served, "{}", run.stderr);
        run
    };
    sql(
        host,
        "USE staysexamplecom; CREATE TABLE counted (a INT, since BIGINT UNSIGNED GENERATED ALWAYS AS ROW START, till BIGINT UNSIGNED GENERATED ALWAYS AS ROW END, PERIOD FOR SYSTEM_TIME (since, till)) WITH SYSTEM VERSIONING",
    );
    let refused = delete();
    assert_eq!(refused.status, 8, "{}", refused.stderr);
    assert!(refused.stderr.contains("history counted: ") && refused.stderr.contains("--incomplete"), "{}", refused.stderr);
    sql(host, "DROP TABLE staysexamplecom.counted");

    // What it is called is the site's choice; what is printed can be pasted into a shell.
    sql(
        host,
        "USE staysexamplecom; CREATE TABLE held (i INT PRIMARY KEY); XA START '$(id)'; INSERT INTO held VALUES (42); XA END '$(id)'; XA PREPARE '$(id)'",
    );
    let held = delete();
    assert_eq!(held.status, 1, "{}", held.stderr);
    assert!(held.stderr.contains(r#"`mysql -e "XA ROLLBACK 0x24286964292c"#.trim_end_matches("2c")), "{}", held.stderr);
    assert!(!held.stderr.contains("$(id)"), "{}", held.stderr);
    let (_, command) = held.stderr.split_once("`mysql -e \"XA COMMIT").expect("the other way");
    let (command, _) = command.split_once('`').expect("its end");
    host.exec(["sh", "-c", &format!("mysql -e \"XA COMMIT{command}")]).ok();
    assert_eq!(sql(host, "SELECT * FROM staysexamplecom.held").trim(), "42");

    // Somebody who reads and does not end.
    let reader = host.spawn(["mysql", "staysexamplecom", "-e", "BEGIN; SELECT * FROM held; SELECT SLEEP(100)"]);
    std::thread::sleep(Duration::from_millis(500));
    let read = delete();
    assert!(read.stderr.contains("of root from localhost") && read.stderr.contains("`mysql -e 'KILL "), "{}", read.stderr);
    reader.kill();

    sql(host, "DROP DATABASE staysexamplecom");
    let gone = fleet.aegir(["site", "delete", "stays.example.com", "--yes"]);
    assert_eq!(gone.status, 8, "{}", gone.stderr);
    assert!(gone.stderr.contains("database staysexamplecom: there is none on server_master"), "{}", gone.stderr);
    fleet.aegir(["site", "delete", "stays.example.com", "--incomplete", "--confirm", "stays.example.com"]).ok();
    let archive = host.exec(["sh", "-c", "ls /var/aegir/backups/stays.example.com-*"]).ok();
    let notes = host.exec(["tar", "--zstd", "-xOf", archive.trim(), "./database-left-out.sql"]).ok();
    assert!(notes.contains("database staysexamplecom: there is none"), "{notes}");
    assert_eq!(sql(host, "SELECT COUNT(*) FROM mysql.user WHERE User = 'staysexamplecom'").trim(), "0");
    host.exec(["rm", archive.trim()]).ok();
}

/// F22: whoever else may write there is named before anything is done, and what was written after the dump is not dropped.
#[test]
fn f22_what_others_write_is_not_lost() {
    let fleet = fleet();
    let (host, fake) = (&fleet.host, "/usr/local/bin/zstd");
    sql(host, "CREATE TABLE oneexamplecom.rows_of_crm (id INT PRIMARY KEY AUTO_INCREMENT) AUTO_INCREMENT = 5");
    sql(
        host,
        "CREATE USER crm@localhost; GRANT SELECT, INSERT ON oneexamplecom.* TO crm@localhost; GRANT UPDATE ON oneexamplecom.wp_posts TO crm@localhost; CREATE USER sees@localhost; GRANT SELECT ON oneexamplecom.* TO sees@localhost",
    );
    let refused = fleet.aegir(["site", "delete", "one.example.com", "--yes"]);
    assert_eq!(refused.status, 8, "{}", refused.stderr);
    assert!(
        refused.stderr.contains("crm@localhost may write to oneexamplecom.wp_posts") && !refused.stderr.contains("sees@"),
        "{}",
        refused.stderr
    );
    let hints = refused.stderr.lines().filter_map(|line| line.split_once("in mysql: REVOKE ").map(|(_, rest)| format!("REVOKE {rest};")));
    sql(host, &hints.collect::<String>());
    // One with rights everywhere writes while the archive is packed.
    sql(host, "CREATE USER late@localhost; GRANT INSERT ON *.* TO late@localhost");
    host.write(fake, "#!/bin/sh\nmysql -ulate -e 'INSERT INTO oneexamplecom.rows_of_crm VALUES ()'\nexec /usr/bin/zstd \"$@\"\n");
    host.exec(["chmod", "755", fake]).ok();
    let late = fleet.aegir(["site", "delete", "one.example.com", "--yes"]);
    host.exec(["rm", fake]).ok();
    assert_eq!(late.status, 1, "{}", late.stderr);
    assert!(late.stderr.contains("rows, the dump has 0"), "{}", late.stderr);
    sql(host, "DROP TABLE oneexamplecom.rows_of_crm; DROP USER crm@localhost, sees@localhost, late@localhost");
}

/// F32: neither the dump nor its proof fills a disk.
#[test]
fn f32_a_disk_is_not_filled_by_an_archive() {
    let fleet = fleet();
    let (host, fake) = (&fleet.host, "/usr/local/bin/stat");
    sql(
        host,
        "USE oneexamplecom; CREATE TABLE wide (id INT PRIMARY KEY, t TEXT); INSERT INTO wide SELECT seq, REPEAT('x', 9000) FROM seq_1_to_1200; ANALYZE TABLE wide",
    );
    host.write(fake, "#!/bin/sh\ncase $* in *--file-system*/var/lib/mysql*) echo 1000 4096 ;; *--file-system*backups*) cat /tmp/free ;; *) exec /usr/bin/stat \"$@\" ;; esac\n");
    host.write("/tmp/free", "1000 4096\n");
    host.exec(["chmod", "755", fake]).ok();
    let refused = fleet.aegir(["site", "delete", "one.example.com", "--yes"]);
    host.write("/tmp/free", "100000 4096\n");
    sql(host, "SET GLOBAL general_log_file = '/tmp/statements', GLOBAL general_log = 1");
    let taken_back = fail_after_drop(&fleet, "one.example.com");
    sql(host, "SET GLOBAL general_log = 0; DROP TABLE oneexamplecom.wide");
    let statements = host.read("/tmp/statements");
    host.exec(["rm", fake, "/tmp/free", "/tmp/statements"]).ok();
    assert_eq!(refused.status, 8, "{}", refused.stderr);
    assert!(refused.stderr.contains("no room for the dump") && refused.stderr.contains("3 MiB are free"), "{}", refused.stderr);
    assert_eq!(taken_back.status, 1, "{}", taken_back.stderr);
    assert!(
        statements.contains("DROP DATABASE") && !statements.contains("CREATE DATABASE `oneexamplecom_proof`"),
        "a second copy was made"
    );
}

/// F24: accounts that are locked, or whose password has expired.
#[test]
fn f24_an_account_that_is_locked_is_named_or_mended() {
    let fleet = fleet();
    let host = &fleet.host;
    for state in ["ACCOUNT LOCK", "PASSWORD EXPIRE"] {
        sql(host, &format!("ALTER USER oneexamplecom@localhost {state}"));
        let verified = fleet.aegir(["site", "verify", "one.example.com"]);
        assert!(verified.success() && !verified.stderr.contains("nothing to change"), "{state}: {}", verified.stderr);
        assert_eq!(fleet.page("one.example.com").status, 200, "{state}");
        let again = fleet.aegir(["site", "verify", "one.example.com"]);
        assert!(again.stderr.contains("nothing to change"), "{state}: {}", again.stderr);
        // The administrator itself.
        let made = sql(host, "SHOW CREATE USER aegir@localhost");
        sql(host, &format!("ALTER USER aegir@localhost {state}"));
        let (refused, doctor) = (fleet.aegir(["site", "verify", "one.example.com"]), fleet.aegir(["doctor", "server_master"]));
        sql(host, &made.replacen("CREATE USER", "ALTER USER", 1));
        sql(host, "ALTER USER aegir@localhost ACCOUNT UNLOCK");
        assert_eq!(refused.status, 8, "{state}: {}", refused.stderr);
        let hint = if state == "ACCOUNT LOCK" { "ACCOUNT UNLOCK" } else { "aegir init" };
        assert!(refused.stderr.contains(hint), "{state}: {}", refused.stderr);
        assert!(doctor.stdout.contains("db.reachable") && doctor.stdout.contains("web."), "{state}: {} {}", doctor.stdout, doctor.stderr);
        fleet.aegir(["site", "verify", "one.example.com"]).ok();
    }
}

/// F6: a server that takes no changes is told before a site is begun there.
#[test]
fn f6_a_read_only_server_is_named() {
    let fleet = fleet();
    sql(&fleet.host, "SET GLOBAL read_only = 1");
    let installed = fleet.install("closed.example.com", "Closed");
    let deleted = fleet.aegir(["site", "delete", "one.example.com", "--yes"]);
    let doctor = fleet.aegir(["doctor", "server_master"]);
    sql(&fleet.host, "SET GLOBAL read_only = 0");
    for run in [installed, deleted] {
        assert_eq!(run.status, 8, "{}", run.stderr);
        assert!(run.stderr.contains("is read-only") && run.stderr.contains("SET GLOBAL read_only = 0"), "{}", run.stderr);
    }
    assert!(doctor.stdout.contains("db.writable"), "{}", doctor.stdout);
}
