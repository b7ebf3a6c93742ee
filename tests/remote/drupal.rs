//! Real Drupal trees on a remote server, where `AEGIR_TEST_DRUPAL` names some.

use aegir_testkit::drupal::{named_trees, visit};
use aegir_testkit::lab::{Host, Suite};

use crate::fleet::Fleet;

/// Ignored where nobody asks for it, for the trees cannot be shipped; asked for without trees, it fails.
#[test]
#[ignore = "needs Drupal trees: AEGIR_TEST_DRUPAL=DIR[:DIR…] cargo test --test remote -- --ignored"]
fn every_tree_named_installs_and_serves_on_a_remote_or_is_refused() {
    let trees = named_trees();
    let mut fleet = Fleet::of(&["web1"]);
    let web2 = fleet.join("web2", Suite::Trixie);
    fleet.enrol(&web2, &[]);
    let mut served = [0, 0];
    for (index, tree) in trees.iter().enumerate() {
        let source = format!("/mnt/d{index}");
        fleet.host.bind_mount(tree, &source);
        for (host, served) in fleet.remotes.iter().zip(&mut served) {
            *served += u32::from(try_tree(&fleet, host, &format!("d{index}-{}", host.name()), &source));
        }
    }
    assert!(served.iter().all(|served| *served > 0), "a Debian release refused every tree: {served:?}");
}

/// Whether it was served; otherwise it was refused.
fn try_tree(fleet: &Fleet, host: &Host, name: &str, source: &str) -> bool {
    let master = &fleet.master;
    let path = format!("/var/aegir/platforms/{name}");
    let before = fleet.worlds();
    let added = master.aegir(["platform", "add", name, "--path", &path, "--server", host.fqdn(), "--from", source]);
    if added.status == 8 {
        assert!(added.stderr.contains("runs on PHP"), "{}", added.stderr);
        fleet.assert_unchanged(&before, "a refused platform");
        return false;
    }
    added.ok();
    let uri = format!("{name}.example.com");
    master.aegir(["site", "install", &uri, "--platform", name, "--profile", "standard", "--title", "Tried And True"]).ok();
    let page = host.http(80, &uri, "/");
    assert!(page.status == 200 && page.body.contains("Tried And True"), "{name}: {} {}", page.status, page.body);
    for args in [["platform", "verify", name], ["site", "verify", &uri]] {
        let run = master.aegir(args);
        assert!(run.success() && run.stderr.contains("nothing to change"), "{name}: {args:?} changes: {}", run.stderr);
    }
    let link = master.aegir(["site", "login", &uri]).ok();
    let landed = visit(host, &uri, &format!("/root/{name}.jar"), true, link.trim());
    assert!(landed.starts_with("200 ") && landed.contains("/user/1"), "{name}: the login link landed at {landed}");
    master.aegir(["site", "delete", &uri, "--yes"]).ok();
    assert_eq!(host.http(80, &uri, "/").status, 404);
    master.aegir(["platform", "delete", name, "--yes"]).ok();
    master.host.exec(["sh", "-c", "rm -rf /var/aegir/backups/*"]).ok();
    fleet.assert_unchanged(&before, name);
    true
}
