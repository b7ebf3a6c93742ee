//! A web server that was broken into, against the master and the databases of others: its dump is data.

use aegir_testkit::database::{fail_after_drop, sql};

use crate::{fleet, install_far};

/// Lines that such a server puts in front of a dump.
const ATTACKS: [&str; 10] = [
    "\\! id >/tmp/owned",
    "system id >/tmp/owned",
    "source /tmp/evil.sql",
    "GRANT ALL PRIVILEGES ON *.* TO evil@'%' IDENTIFIED BY 'x' WITH GRANT OPTION;",
    "USE oneexamplecom; DROP TABLE wp_posts;",
    "CREATE TABLE leak (t TEXT); LOAD DATA LOCAL INFILE '/var/aegir/.ssh/authorized_keys' INTO TABLE leak;",
    "SELECT 'x' INTO OUTFILE '/tmp/owned';",
    "CREATE DEFINER=root@localhost PROCEDURE p() SQL SECURITY DEFINER DROP DATABASE oneexamplecom;",
    "SET GLOBAL general_log_file = '/tmp/owned', GLOBAL general_log = 1;",
    "tee /tmp/owned",
];

/// Tells the truth about a dump once, and keeps it; then, its database being gone, puts the attack in front of it. Lies
/// later on when it is told to.
const SUM: &str = r#"#!/bin/sh
for file; do :; done
case $file in */database.sql) ;; *) exec /usr/bin/sha256sum "$@" ;; esac
[ -f "$file" ] || exec /usr/bin/sha256sum "$@"
if [ ! -e /tmp/sum ]; then
  /usr/bin/sha256sum "$@" | tee /tmp/sum
  cp "$file" /tmp/good.sql
elif [ -e /tmp/lie ]; then cat /tmp/sum
else
  { cat /tmp/attack; cat /tmp/good.sql; } >"$file"
  exec /usr/bin/sha256sum "$@"
fi
"#;

/// Changes a dump while it is packed.
const ZSTD: &str = r#"#!/bin/sh
for dump in /var/aegir/backups/.a5.example.com-*/database.sql; do echo "-- mine" >>"$dump"; done
exec /usr/bin/zstd "$@"
"#;

/// Notes which files are read to be summed up.
const NOTED: &str = r#"#!/bin/sh
for file; do case $file in /*) echo "$file" >>/tmp/summed ;; esac; done
exec /usr/bin/sha256sum "$@"
"#;

/// A5: ten attempts, none has an effect on the master or on another database.
#[test]
fn a5_a_dump_is_loaded_with_the_rights_of_its_site_and_never_on_the_master() {
    let fleet = fleet();
    let (host, web) = (&fleet.host, fleet.host("web1"));
    install_far(&fleet, "a5.example.com").ok();
    web.write("/tmp/evil.sql", "CREATE TABLE evil (a INT);\n");
    web.write("/tmp/attack", format!("{}\n", ATTACKS[0]));
    web.write("/usr/local/bin/sha256sum", SUM);
    web.exec(["chmod", "755", "/usr/local/bin/sha256sum"]).ok();
    let before = sql(host, "SELECT COUNT(*) FROM oneexamplecom.wp_posts");
    let world = fleet.world();
    let harmless = |attack: &str| {
        for machine in [host, web] {
            assert!(!machine.exists("/tmp/owned"), "{attack} ran on {}", machine.name());
        }
        assert_eq!(sql(host, "SELECT COUNT(*) FROM mysql.user WHERE User = 'evil'").trim(), "0", "{attack}");
        assert_eq!(sql(host, "SELECT @@GLOBAL.general_log").trim(), "0", "{attack}");
        assert_eq!(sql(host, "SELECT COUNT(*) FROM oneexamplecom.wp_posts"), before, "{attack}");
    };

    // Told by its sum: it is not the dump that was made.
    let stuck = fail_after_drop(&fleet, "a5.example.com");
    assert_eq!(stuck.status, 10, "{}", stuck.stderr);
    assert!(stuck.stderr.contains("is not the dump of a5examplecom that was made"), "{}", stuck.stderr);
    assert!(
        stuck.stderr.contains("--binary-mode") && stuck.stderr.contains("on web1.example.com: `mysql --no-defaults"),
        "{}",
        stuck.stderr
    );
    harmless(ATTACKS[0]);

    // Nothing that such a server says about its own files can be relied on.
    let dump = web.exec(["sh", "-c", "ls /var/aegir/backups/.a5.example.com-*/database.sql"]).ok();
    let put = |attack: &str| {
        web.write("/tmp/attack", format!("{attack}\n"));
        web.exec(["sh", "-c", &format!("touch /tmp/lie; {{ cat /tmp/attack; cat /tmp/good.sql; }} >{}", dump.trim())]).ok();
    };
    let tasks = fleet.json(["task", "list"]);
    let id = tasks["items"].as_array().and_then(|t| t.iter().find(|t| t["state"] == "stuck")).expect("a stuck task")["id"].to_string();
    for attack in ATTACKS {
        put(attack);
        let again = fleet.aegir(["task", "retry", &id]);
        assert_eq!(again.status, 10, "{attack}: {}", again.stderr);
        assert!(again.stderr.contains("ERROR "), "{attack}: what was refused is not said: {}", again.stderr);
        harmless(attack);
    }
    web.exec(["sh", "-c", &format!("cat /tmp/good.sql >{}", dump.trim())]).ok();
    fleet.aegir(["task", "retry", &id]).ok();
    assert_eq!(web.http(80, "a5.example.com", "/").status, 200);
    fleet.assert_unchanged(&world, "ten attempts");
    web.exec(["rm", "/usr/local/bin/sha256sum"]).ok();

    // Changed between making and dropping: nothing is dropped for it.
    web.write("/usr/local/bin/zstd", ZSTD);
    web.exec(["chmod", "755", "/usr/local/bin/zstd"]).ok();
    let kept = fleet.aegir(["site", "delete", "a5.example.com", "--yes"]);
    assert_eq!(kept.status, 8, "{}", kept.stderr);
    assert!(kept.stderr.contains("is not the dump of a5examplecom that was made, so the database is not dropped"), "{}", kept.stderr);
    web.exec(["rm", "/usr/local/bin/zstd"]).ok();
    assert_eq!(web.http(80, "a5.example.com", "/").status, 200);
    fleet.assert_unchanged(&world, "a dump that was changed on its way");

    // A dump is read once to be summed up, before its database is dropped; an archive is summed up while it is made.
    web.write("/usr/local/bin/sha256sum", NOTED);
    web.exec(["chmod", "755", "/usr/local/bin/sha256sum"]).ok();
    fleet.aegir(["site", "delete", "a5.example.com", "--yes"]).ok();
    let summed = web.exec(["cat", "/tmp/summed"]).ok();
    assert!(summed.lines().count() == 1 && summed.trim().ends_with("/database.sql"), "{summed}");
    web.exec(["rm", "/usr/local/bin/sha256sum"]).ok();
    host.exec(["sh", "-c", "rm /var/aegir/backups/a5*"]).ok();
}
