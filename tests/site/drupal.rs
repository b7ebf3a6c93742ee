//! Real Drupal trees, where `AEGIR_TEST_DRUPAL` names some.

use aegir_testkit::drupal::{named_trees, visit};
use aegir_testkit::installation::Installation;
use aegir_testkit::lab::Suite;

use crate::BINARY;

/// Ignored where nobody asks for it, for the trees cannot be shipped; asked for without trees, it fails.
#[test]
#[ignore = "needs Drupal trees: AEGIR_TEST_DRUPAL=DIR[:DIR…] cargo test --test site -- --ignored"]
fn every_tree_named_installs_serves_and_logs_in_or_is_refused() {
    let trees = named_trees();
    for suite in [Suite::Bookworm, Suite::Trixie] {
        let aegir = Installation::prepared_of(BINARY, suite);
        let mut served = 0;
        for (index, tree) in trees.iter().enumerate() {
            let name = format!("d{index}");
            let source = format!("/mnt/{name}");
            aegir.host.bind_mount(tree, &source);
            served += u32::from(try_tree(&aegir, &name, &source));
        }
        assert!(served > 0, "Debian {suite} refused every tree");
    }
}

/// Whether it was served; otherwise it was refused.
fn try_tree(aegir: &Installation, name: &str, source: &str) -> bool {
    let path = format!("/var/aegir/platforms/{name}");
    let before = aegir.world();
    let added = aegir.aegir(["platform", "add", name, "--path", &path, "--server", "server_master", "--from", source]);
    if added.status == 8 {
        // Code that this host's PHP cannot run: refused before anything is made.
        assert!(added.stderr.contains("runs on PHP"), "{}", added.stderr);
        aegir.assert_unchanged(&before, "a refused platform");
        return false;
    }
    added.ok();
    let uri = format!("{name}.example.com");
    aegir.aegir(["site", "install", &uri, "--platform", name, "--profile", "standard", "--title", "Tried And True"]).ok();
    let page = aegir.page(&uri);
    assert_eq!(page.status, 200, "{name}: {}", page.body);
    assert!(page.body.contains("Tried And True"), "{name}: the title is missing");

    let version = aegir.json(["platform", "show", name])["item"]["codebase"]["docroot"].as_str().unwrap_or_default().to_owned();
    let settings = format!("{path}/{version}/sites/{uri}/settings.php");
    let vhost = aegir.host.read(&format!("/var/aegir/config/server_master/vhost.d/{uri}.conf"));
    let line = vhost.lines().find(|l| l.contains("db_passwd")).expect("a vhost holds the password");
    let password = line.split_whitespace().last().expect("a value").trim_matches('"');
    assert!(!aegir.host.read(&settings).contains(password), "{name}: settings.php holds the password");

    let run = aegir.aegir(["site", "verify", &uri]);
    assert!(run.success(), "{}", run.stderr);
    assert!(run.stderr.contains("nothing to change"), "{name}: a second verify changes: {}", run.stderr);

    let link = aegir.aegir(["site", "login", &uri]).ok();
    let jar = format!("/tmp/{name}.jar");
    let landed = visit(&aegir.host, &uri, &jar, true, link.trim());
    assert!(landed.starts_with("200 ") && landed.contains("/user/1"), "{name}: the login link landed at {landed}");
    let people = format!("http://{uri}/admin/people");
    let admin = visit(&aegir.host, &uri, &jar, false, &people);
    assert_eq!(admin, format!("200 {people}"), "{name}: not logged in");

    aegir.aegir(["site", "delete", &uri, "--yes"]).ok();
    assert_eq!(aegir.page(&uri).status, 404);
    aegir.aegir(["platform", "delete", name, "--yes"]).ok();
    aegir.host.exec(["sh", "-c", "rm -rf /var/aegir/backups/* /tmp/*"]).ok();
    aegir.assert_unchanged(&before, name);
    true
}
