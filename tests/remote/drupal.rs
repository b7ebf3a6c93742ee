//! Real Drupal trees on a remote server, where `AEGIR_TEST_DRUPAL` names some.

use aegir_testkit::drupal::{named_trees, visit};

use crate::fleet::Fleet;

/// Ignored where nobody asks for it, for the trees cannot be shipped; asked for without trees, it fails.
#[test]
#[ignore = "needs Drupal trees: AEGIR_TEST_DRUPAL=DIR[:DIR…] cargo test --test remote -- --ignored"]
fn every_tree_named_installs_and_serves_on_a_remote_or_is_refused() {
    let trees = named_trees();
    let fleet = Fleet::of(&["web1"]);
    for (index, tree) in trees.iter().enumerate() {
        let (name, source) = (format!("d{index}"), format!("/mnt/d{index}"));
        fleet.host.bind_mount(tree, &source);
        try_tree(&fleet, &name, &source);
    }
}

fn try_tree(fleet: &Fleet, name: &str, source: &str) {
    let (master, web1) = (&fleet.master, fleet.remote("web1"));
    let path = format!("/var/aegir/platforms/{name}");
    let before = fleet.worlds();
    let added = master.aegir(["platform", "add", name, "--path", &path, "--server", "web1.example.com", "--from", source]);
    if added.status == 8 {
        assert!(added.stderr.contains("runs on PHP"), "{}", added.stderr);
        fleet.assert_unchanged(&before, "a refused platform");
        return;
    }
    added.ok();
    let uri = format!("{name}.example.com");
    master.aegir(["site", "install", &uri, "--platform", name, "--profile", "standard", "--title", "Tried And True"]).ok();
    let page = fleet.page(&uri);
    assert!(page.status == 200 && page.body.contains("Tried And True"), "{name}: {} {}", page.status, page.body);
    for args in [["platform", "verify", name], ["site", "verify", &uri]] {
        let run = master.aegir(args);
        assert!(run.success() && run.stderr.contains("nothing to change"), "{name}: {args:?} changes: {}", run.stderr);
    }
    let link = master.aegir(["site", "login", &uri]).ok();
    let landed = visit(web1, &uri, &format!("/root/{name}.jar"), true, link.trim());
    assert!(landed.starts_with("200 ") && landed.contains("/user/1"), "{name}: the login link landed at {landed}");
    master.aegir(["site", "delete", &uri, "--yes"]).ok();
    assert_eq!(fleet.page(&uri).status, 404);
    master.aegir(["platform", "delete", name, "--yes"]).ok();
    master.host.exec(["sh", "-c", "rm -rf /var/aegir/backups/*"]).ok();
    fleet.assert_unchanged(&before, name);
}
