//! Databases on a third machine: administered through its socket, used from one web server and from nowhere else.

use aegir_testkit::lab::Service;

use crate::fleet::Fleet;

#[test]
fn a_site_uses_a_database_on_a_third_server() {
    let mut fleet = Fleet::of(&["web1", "web2"]);
    let db = fleet.join_database("db1");
    fleet.add_platform("wp", "web1.example.com").ok();
    let before = fleet.worlds();
    fleet.aegir(["site", "install", "far.example.com", "--platform", "wp", "--db-server", "db1.example.com", "--title", "Far Away"]).ok();
    let page = fleet.page("far.example.com");
    assert!(page.status == 200 && page.body.contains("Far Away"), "{} {}", page.status, page.body);

    // Only for the web server's address, as the database server sees it, and recorded so.
    let hosts = db.exec(["mariadb", "-BNe", "SELECT Host FROM mysql.user WHERE User = 'farexamplecom'"]).ok();
    assert_eq!(hosts.lines().collect::<Vec<_>>(), ["web1.example.com"]);
    let site = fleet.json(["site", "show", "far.example.com"]);
    assert_eq!(site["item"]["database"]["grants"], serde_json::json!(["web1.example.com"]), "{site}");
    assert!(fleet.host.exec(["mariadb", "-BNe", "SHOW DATABASES LIKE 'far%'"]).ok().is_empty());

    // The same credentials open nothing from elsewhere, not from the master either.
    let web1 = fleet.remote("web1");
    let credentials = web1.read("/var/aegir/config/web1.example.com/credentials.d/far.example.com.php");
    let password = credentials.lines().find(|l| l.contains("pass")).and_then(|l| l.split('\'').nth(3)).expect("a password").to_owned();
    let options = format!("[client]\nuser=farexamplecom\npassword=\"{password}\"\nhost=db1.example.com\nprotocol=tcp\n");
    for (host, opens) in [(web1, true), (fleet.remote("web2"), false), (&fleet.host, false)] {
        host.write("/tmp/login.cnf", &options);
        let run = host.exec(["mysql", "--defaults-file=/tmp/login.cnf", "-BNe", "SHOW TABLES", "farexamplecom"]);
        assert_eq!(run.success(), opens, "{} {}", host.name(), run.stderr);
        host.exec(["rm", "/tmp/login.cnf"]).ok();
    }

    let again = fleet.aegir(["site", "verify", "far.example.com"]);
    assert!(again.success() && again.stderr.contains("nothing to change"), "{}", again.stderr);

    // A deletion that fails after the database is gone brings it back, through the master.
    fail_after_drop(&fleet, "far.example.com");
    let page = fleet.page("far.example.com");
    assert!(page.status == 200 && page.body.contains("Far Away"), "{} {}", page.status, page.body);

    fleet.aegir(["site", "delete", "far.example.com", "--yes"]).ok();
    let archives = fleet.host.exec(["sh", "-c", "stat -c '%a %n' /var/aegir/backups/*"]).ok();
    assert!(archives.starts_with("600 ") && archives.lines().count() == 1, "{archives}");
    fleet.host.exec(["sh", "-c", "rm /var/aegir/backups/far*"]).ok();
    fleet.assert_unchanged(&before, "a site with a far database");
}

#[test]
fn a_database_that_cannot_be_reached_is_refused_and_nothing_is_granted() {
    let mut fleet = Fleet::with_wordpress();
    let db = fleet.join_database("db1");
    db.stop(Service::MariaDb);
    // As Debian has it; the lab's own base listens for everybody.
    db.write("/etc/mysql/mariadb.conf.d/99-listen.cnf", "[mysqld]\nbind-address=127.0.0.1\n");
    db.start(Service::MariaDb);
    let before = (fleet.worlds(), fleet.rows());
    let install = || fleet.aegir(["site", "install", "x.example.com", "--platform", "wp", "--db-server", "db1.example.com"]);
    let refused = install();
    assert_eq!(refused.status, 8, "{}", refused.stderr);
    for word in ["cannot be used from web1.example.com", "listens on 127.0.0.1 only", "db.listen="] {
        assert!(refused.stderr.contains(word), "{word} is not in: {}", refused.stderr);
    }
    db.stop(Service::MariaDb);
    let dead = install();
    assert_eq!(dead.status, 9, "{}", dead.stderr);
    db.start(Service::MariaDb);
    assert_eq!(before.1, fleet.rows(), "a refusal changed the inventory");
    fleet.assert_unchanged(&before.0, "a refused installation");
}

#[test]
fn the_masters_database_server_listens_when_it_is_told_to() {
    let fleet = Fleet::with_wordpress();
    // As Debian has it; the lab's own base listens for everybody.
    fleet.host.stop(Service::MariaDb);
    fleet.host.exec(["sed", "-i", "/bind-address/d", "/etc/mysql/mariadb.conf.d/99-lab.cnf"]).ok();
    fleet.host.start(Service::MariaDb);
    let refused = fleet.install("one.example.com", "One");
    let address = fleet.host.v4().to_string();
    assert_eq!(refused.status, 8, "{}", refused.stderr);
    assert!(refused.stderr.contains(&format!("aegir init --db-listen {address}")), "{}", refused.stderr);

    let init = || fleet.host.exec(["/usr/local/bin/aegir", "init", "--db-listen", &address]);
    init().ok();
    fleet.install("one.example.com", "One").ok();
    assert_eq!(fleet.page("one.example.com").status, 200);
    assert_eq!(fleet.host.exec(["mariadb", "-BNe", "SELECT @@bind_address"]).ok().trim(), address);
    let process = fleet.host.exec(["pgrep", "-x", "mariadbd"]).ok();
    let again = init();
    assert!(again.success() && again.stderr.contains("nothing to change"), "{}", again.stderr);
    assert_eq!(process, fleet.host.exec(["pgrep", "-x", "mariadbd"]).ok(), "restarted only when something changed");
    assert_eq!(fleet.host.exec(["/usr/local/bin/aegir", "init", "--db-listen", "0.0.0.0;x"]).status, 64);
}

#[test]
fn a_remote_web_server_may_have_databases_of_its_own() {
    let fleet = Fleet::of_both(&["web1"]);
    fleet.add_platform("wp", "web1.example.com").ok();
    let before = fleet.worlds();
    fleet.install("near.example.com", "Near It").ok();
    let works = || {
        let page = fleet.page("near.example.com");
        assert!(page.status == 200 && page.body.contains("Near It"), "{} {}", page.status, page.body);
    };
    works();
    let hosts = fleet.remote("web1").exec(["mariadb", "-BNe", "SELECT Host FROM mysql.user WHERE User = 'nearexamplecom'"]).ok();
    assert_eq!(hosts.trim(), "localhost");
    assert!(fleet.host.exec(["mariadb", "-BNe", "SHOW DATABASES LIKE 'near%'"]).ok().is_empty(), "not on the master");
    let again = fleet.aegir(["site", "verify", "near.example.com"]);
    assert!(again.success() && again.stderr.contains("nothing to change"), "{}", again.stderr);
    fail_after_drop(&fleet, "near.example.com");
    works();
    fleet.aegir(["site", "delete", "near.example.com", "--yes"]).ok();
    fleet.host.exec(["sh", "-c", "rm /var/aegir/backups/near*"]).ok();
    fleet.assert_unchanged(&before, "a site with a database beside it");
}

/// A deletion that fails after the database is gone; it must bring everything back.
fn fail_after_drop(fleet: &Fleet, uri: &str) {
    let steps = fleet.json(["site", "delete", uri, "--dry-run"])["item"]["steps"].clone();
    let drop = steps.as_array().and_then(|s| s.iter().position(|s| s["action"] == "mysql.database.drop")).expect("a step that drops it");
    let run = fleet.faulty(&format!("fail-after:{drop},twice"), ["site", "delete", uri, "--yes"]);
    assert_eq!(run.status, 1, "{}", run.stderr);
}
