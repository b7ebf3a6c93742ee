//! Real Drupal trees in one fleet of Debian 12 and 13, where `AEGIR_TEST_DRUPAL` names some.

use aegir_testkit::drupal::{named_trees, visit};
use aegir_testkit::fleet::Fleet as Servers;
use aegir_testkit::installation::Installation;
use aegir_testkit::lab::{Host, Service, Suite};

use crate::BINARY;
use crate::fleet::Fleet;

/// A master of one release, and a web server and a database server of each; what goes to the databases of Debian 13 must
/// be encrypted.
fn fleet(suite: Suite) -> Fleet {
    let master = Installation::prepared_of(BINARY, suite);
    let mut fleet = Fleet::from(Servers { master, remotes: Vec::new() });
    for (web, suite) in [("web12", Suite::Bookworm), ("web13", Suite::Trixie)] {
        let web = fleet.join(web, suite);
        fleet.enrol(&web, &[]);
    }
    let db = fleet.join_database_of("db13", Suite::Trixie);
    db.exec(["mariadb", "-e", "SET GLOBAL require_secure_transport = 1"]).ok();
    fleet
}

/// Ignored where nobody asks for it, for the trees cannot be shipped; asked for without trees, it fails.
#[test]
#[ignore = "needs Drupal trees: AEGIR_TEST_DRUPAL=DIR[:DIR…] cargo test --test remote every_tree_named -- --ignored"]
fn every_tree_named_lives_on_master_and_remotes_of_debian_12() {
    every_tree(&fleet(Suite::Bookworm));
}

/// The same with the newer master, for code that only runs there.
#[test]
#[ignore = "needs Drupal trees: AEGIR_TEST_DRUPAL=DIR[:DIR…] cargo test --test remote every_tree_named -- --ignored"]
fn every_tree_named_lives_on_master_and_remotes_of_debian_13() {
    every_tree(&fleet(Suite::Trixie));
}

/// Each tree is served by every machine whose PHP runs it, and refused by the others before anything is made.
fn every_tree(fleet: &Fleet) {
    let trees = named_trees();
    let web: Vec<&Host> = [&fleet.master.host].into_iter().chain(fleet.remotes.iter().filter(|host| host.runs(Service::Apache))).collect();
    assert_eq!(web.len(), 3, "a master and two web servers");
    let mut served = vec![Vec::new(); web.len()];
    for (index, tree) in trees.iter().enumerate() {
        let source = format!("/mnt/d{index}");
        fleet.host.bind_mount(tree, &source);
        for (host, served) in web.iter().zip(&mut served) {
            let name = format!("d{index}-{}", host.name());
            if try_tree(fleet, host, &name, &source) {
                served.push(tree.clone());
            }
        }
    }
    assert!(served.iter().all(|served| !served.is_empty()), "a machine refused every tree: {served:?}");
    assert!(trees.iter().all(|tree| served.iter().any(|served| served.contains(tree))), "a tree was served nowhere: {served:?}");
}

/// Whether it was served; otherwise it was refused.
fn try_tree(fleet: &Fleet, host: &Host, name: &str, source: &str) -> bool {
    let master = &fleet.master;
    let itself = host.name() == master.host.name();
    let server = if itself { "server_master" } else { host.fqdn() };
    let path = format!("/var/aegir/platforms/{name}");
    let before = fleet.worlds();
    let added = master.command(["platform", "add", name, "--path", &path, "--server", server, "--from", source]).timeout(PATIENCE).run();
    if added.status == 8 {
        assert!(added.stderr.contains("runs on PHP"), "{}", added.stderr);
        fleet.assert_unchanged(&before, "a refused platform");
        return false;
    }
    added.ok();
    // One beside the master's database server, one with a database elsewhere.
    for (number, database) in ["server_master", "db13.example.com"].into_iter().enumerate() {
        lives(fleet, host, name, &format!("{name}-{number}.example.com"), database);
    }
    let again = master.aegir(["platform", "verify", name]);
    assert!(again.success() && again.stderr.contains("nothing to change"), "{name}: a second verify changes: {}", again.stderr);
    master.aegir(["platform", "delete", name, "--yes"]).ok();
    fleet.assert_unchanged(&before, name);
    true
}

fn lives(fleet: &Fleet, host: &Host, platform: &str, uri: &str, database: &str) {
    let master = &fleet.master;
    let install =
        ["site", "install", uri, "--platform", platform, "--db-server", database, "--profile", "standard", "--title", "Tried And True"];
    master.command(install).timeout(PATIENCE).run().ok();
    let page = host.http(80, uri, "/");
    assert!(page.status == 200 && page.body.contains("Tried And True"), "{uri}: {} {}", page.status, page.body);
    let settings = host.exec(["sh", "-c", &format!("cat /var/aegir/platforms/{platform}/*/sites/{uri}/settings.php /var/aegir/platforms/{platform}/sites/{uri}/settings.php 2>/dev/null; true")]).ok();
    let vhost = host.exec(["sh", "-c", &format!("cat /var/aegir/config/*/vhost.d/{uri}.conf")]).ok();
    let line = vhost.lines().find(|l| l.contains("db_passwd")).expect("a vhost holds the password");
    let password = line.split_whitespace().last().expect("a value").trim_matches('"');
    assert!(settings.contains("aegir_db") && !settings.contains(password), "{uri}: settings.php holds the password");
    let again = master.aegir(["site", "verify", uri]);
    assert!(again.success() && again.stderr.contains("nothing to change"), "{uri}: a second verify changes: {}", again.stderr);
    // Drupal 7 answers from its page cache before it has read what is wanted of it; nobody may be answered so but visitors.
    let root = format!("/var/aegir/platforms/{platform}");
    if host.exists(&format!("{root}/includes/bootstrap.inc")) {
        host.write(&format!("{root}/sites/{uri}/local.settings.php"), "<?php\n$conf['cache'] = 1;\n");
        assert_eq!(host.http(80, uri, "/").status, 200);
        let cached = host.http(80, uri, "/");
        assert_eq!(cached.header("x-drupal-cache"), Some("HIT"), "{uri}: nothing is cached");
    }
    let link = master.aegir(["site", "login", uri]).ok();
    let jar = format!("/root/{uri}.jar");
    let landed = visit(host, uri, &jar, true, link.trim());
    assert!(landed.starts_with("200 ") && landed.contains("/user/1"), "{uri}: the login link landed at {landed}");
    let people = format!("http://{uri}/admin/people");
    assert_eq!(visit(host, uri, &jar, false, &people), format!("200 {people}"), "{uri}: not logged in");
    host.exec(["rm", "-f", &format!("{root}/sites/{uri}/local.settings.php")]).ok();
    master.aegir(["site", "delete", uri, "--yes"]).ok();
    assert_ne!(host.http(80, uri, "/").status, 200, "{uri}");
    master.host.exec(["sh", "-c", "rm -rf /var/aegir/backups/*"]).ok();
}

/// Two minutes are little for a large tree on its way, and an installer on a slow machine.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(600);
