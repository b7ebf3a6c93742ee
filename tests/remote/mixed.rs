//! Machines of different Debian releases in one fleet: old and new PHP, OpenSSH, MariaDB and WordPress with each other.

use aegir_testkit::lab::{Base, Service, Suite, World};

use crate::fleet::Fleet;

const WEB: &str = "web1.example.com";
const DB: &str = "db1.example.com";

/// A master of Debian 12, and a web server and a database server of another release.
fn fleet(suite: Suite) -> Fleet {
    let mut fleet = Fleet::of(&[]);
    let web = fleet.join("web1", suite);
    fleet.enrol(&web, &[]);
    fleet.join_database_of("db1", suite);
    fleet
}

/// The WordPress that a release packages, as the master sees it.
fn wordpress(fleet: &Fleet, suite: Suite) -> String {
    let base = Base::ensure(suite).expect("the base is there");
    let inside = format!("/mnt/wordpress-{suite}");
    fleet.host.bind_mount(base.path().join(Base::WORDPRESS.trim_start_matches('/')), &inside);
    inside
}

/// Installs, shows, verifies and deletes a site: nothing of it is left anywhere.
fn lives(fleet: &Fleet, before: &[World], uri: &str, platform: &str, server: &str, database: &str) {
    let title = format!("At home in {platform}");
    let install = ["site", "install", uri, "--platform", platform, "--db-server", database, "--title", &title];
    fleet.aegir(install).ok();
    let host = if server == WEB { fleet.remote("web1") } else { &fleet.master.host };
    let page = host.http(80, uri, "/");
    assert!(page.status == 200 && page.body.contains(&title), "{uri}: {} {}", page.status, page.body);
    let again = fleet.aegir(["site", "verify", uri]);
    assert!(again.success() && again.stderr.contains("nothing to change"), "{uri}: {}", again.stderr);
    assert!(fleet.aegir(["site", "login", uri]).ok().contains(uri));
    fleet.aegir(["site", "delete", uri, "--yes"]).ok();
    assert_ne!(host.http(80, uri, "/").status, 200, "{uri}");
    fleet.host.exec(["sh", "-c", "rm -rf /var/aegir/backups/*"]).ok();
    fleet.assert_unchanged(before, uri);
}

/// Old and new WordPress on the old master and the new web server, with databases on both.
fn every_wordpress_lives_everywhere(fleet: &Fleet, newest: Suite) {
    for (release, source) in [("old", wordpress(fleet, Suite::Bookworm)), ("new", wordpress(fleet, newest))] {
        for (place, server) in [("master", "server_master"), ("web", WEB)] {
            let platform = format!("{release}-{place}");
            let path = format!("/var/aegir/platforms/{platform}");
            let before = fleet.worlds();
            fleet.aegir(["platform", "add", &platform, "--path", &path, "--server", server, "--from", &source]).ok();
            let with_platform = fleet.worlds();
            for (number, database) in ["server_master", DB].into_iter().enumerate() {
                lives(fleet, &with_platform, &format!("{platform}{number}.example.com"), &platform, server, database);
            }
            let again = fleet.aegir(["platform", "verify", &platform]);
            assert!(again.success() && again.stderr.contains("nothing to change"), "{platform}: {}", again.stderr);
            fleet.aegir(["platform", "delete", &platform, "--yes"]).ok();
            fleet.assert_unchanged(&before, &platform);
        }
    }
    let verified = fleet.aegir(["server", "verify", "--all"]);
    assert!(verified.success(), "{}", verified.stderr);
}

#[test]
fn debian_12_manages_debian_13_with_both_wordpresses() {
    let fleet = fleet(Suite::Trixie);
    assert!(fleet.remote("web1").runs(Service::PhpFpm) && fleet.remote("db1").runs(Service::MariaDb));
    every_wordpress_lives_everywhere(&fleet, Suite::Trixie);
}

/// The same with what Debian has not released: Oracle's MySQL, and the newest WordPress and PHP.
#[test]
#[ignore = "depends on Debian's unstable suite, which moves: .ci/run-long"]
fn a_moving_suite_has_mysql_and_the_newest_wordpress() {
    let fleet = fleet(Suite::Sid);
    let version = fleet.remote("db1").exec(["mysql", "-BNe", "SELECT @@version_comment"]).ok();
    assert!(version.contains("MySQL") || version.contains("Debian"), "{version}");
    every_wordpress_lives_everywhere(&fleet, Suite::Sid);
}
