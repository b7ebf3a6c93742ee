//! `World` sees what an operator would care about, and nothing else.

use aegir_testkit::lab::{Host, Lab, Service, World};

const PATHS: &[&str] = &["/srv", "/etc/hosts", "/etc/none"];

fn sql(host: &Host, statements: &str) {
    host.command(["mariadb"]).stdin(statements).run().ok();
}

/// What `change` made different.
fn after(host: &Host, change: impl FnOnce()) -> Vec<String> {
    let before = World::of(host, PATHS);
    change();
    before.diff(&World::of(host, PATHS))
}

#[test]
fn it_sees_each_change_of_a_file_and_nothing_else() {
    let lab = Lab::new();
    let host = lab.host("web1");
    host.write("/srv/a/file", "content");
    host.exec(["ln", "-s", "a/file", "/srv/link"]).ok();
    let run = |argv: &[&str]| after(&host, || drop(host.exec(argv).ok()));

    assert!(run(&["touch", "-d", "2001-01-01", "/srv/a/file"]).is_empty());
    assert!(run(&["touch", "/elsewhere"]).is_empty());
    let seen = |argv: &[&str]| run(argv).join("; ");
    assert_eq!(seen(&["chmod", "600", "/srv/a/file"]), "/srv/a/file: mode 0644 → 0600");
    assert_eq!(seen(&["chmod", "2755", "/srv/a"]), "/srv/a: mode 0755 → 2755");
    assert_eq!(seen(&["chown", "33:4", "/srv/a/file"]), "/srv/a/file: owner 0:0 → 33:4");
    assert!(seen(&["cp", "/dev/null", "/srv/a/file"]).starts_with("/srv/a/file: 7 bytes "));
    assert_eq!(seen(&["ln", "-sfn", "b", "/srv/link"]), "/srv/link: to a/file → to b");
    assert_eq!(seen(&["touch", "/srv/new"]), "/srv/new: file is new");
    assert_eq!(seen(&["rm", "/srv/link"]), "/srv/link: link is gone");
    assert_eq!(seen(&["mkdir", "/etc/none"]), "/etc/none: directory is new");

    let before = World::without(&host, PATHS, &["*/cache", "*.log"]);
    host.write("/srv/cache/deep/file", "x");
    host.write("/srv/x.log", "x");
    assert!(before.diff(&World::without(&host, PATHS, &["*/cache", "*.log"])).is_empty());
}

#[test]
fn it_sees_rows_tables_databases_users_and_grants() {
    let lab = Lab::new();
    let host = lab.host("db1");
    host.start(Service::MariaDb);
    let change = |statements: &str| after(&host, || sql(&host, statements));

    let created = "CREATE DATABASE d; CREATE TABLE d.t (id INT AUTO_INCREMENT PRIMARY KEY, v TEXT);";
    assert_eq!(change(created), ["database d: new"]);
    let inserted = change("INSERT INTO d.t (v) VALUES ('added')");
    assert_eq!(inserted, ["database d: + INSERT INTO `t` VALUES (1,'added');"]);
    // The next number moves on, but nothing that anybody stored.
    assert!(change("INSERT INTO d.t (v) VALUES ('x'); DELETE FROM d.t WHERE v = 'x'").is_empty());
    assert!(!change("CREATE TRIGGER d.r BEFORE INSERT ON d.t FOR EACH ROW SET NEW.v = 'r'").is_empty());
    assert!(!change("ALTER DATABASE d CHARACTER SET latin1").is_empty());

    assert_eq!(change("CREATE USER u@'%' IDENTIFIED BY 'p'"), ["grants of 'u'@'%': new"]);
    let granted = change("GRANT SELECT ON d.* TO u@'%'");
    assert_eq!(granted, ["grants of 'u'@'%': + GRANT SELECT ON `d`.* TO `u`@`%`"]);
    assert_eq!(change("SET PASSWORD FOR u@'%' = PASSWORD('q')").len(), 2);
    assert!(change("SELECT 1").is_empty());
    assert_eq!(change("DROP USER u@'%'"), ["grants of 'u'@'%': gone"]);
    assert_eq!(change("DROP DATABASE d"), ["database d: gone"]);

    let stopped = after(&host, || host.stop(Service::MariaDb));
    assert_eq!(stopped, ["MariaDB ran, then did not run: databases not compared"]);
}
