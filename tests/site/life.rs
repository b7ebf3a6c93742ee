//! The ordinary life of a site: install, serve, verify, change, log in, delete.

use crate::{with_site, with_wordpress};

#[test]
fn a_site_is_served_with_its_title_and_verified_without_change() {
    let aegir = with_wordpress();
    aegir.install("one.example.com", "The First One").ok();
    let page = aegir.page("one.example.com");
    assert_eq!(page.status, 200);
    assert!(page.body.contains("The First One"), "{}", page.body);

    let before = aegir.world();
    for args in [["server", "verify", "server_master"], ["platform", "verify", "wp"], ["site", "verify", "one.example.com"]] {
        let run = aegir.aegir(args);
        assert!(run.success(), "{}", run.stderr);
        assert!(run.stderr.contains("nothing to change"), "{args:?} says: {}", run.stderr);
    }
    aegir.assert_unchanged(&before, "a second verify");
}

#[test]
fn verify_mends_what_was_changed_by_hand() {
    let aegir = with_site();
    let before = aegir.world();
    let dir = "/var/aegir/platforms/wp/sites/one.example.com";
    aegir.host.exec(["chmod", "0777", &format!("{dir}/files")]).ok();
    aegir.host.exec(["sh", "-c", "echo '# by hand' >> /var/aegir/config/server_master/vhost.d/one.example.com.conf"]).ok();
    aegir.host.exec(["mariadb", "-e", "REVOKE ALL PRIVILEGES ON `oneexamplecom`.* FROM 'oneexamplecom'@'localhost'"]);
    aegir.aegir(["site", "verify", "one.example.com"]).ok();
    aegir.assert_unchanged(&before, "verify after a hand edit");
}

#[test]
fn a_login_link_works_once() {
    let aegir = with_site();
    let link = aegir.aegir(["site", "login", "one.example.com"]).ok();
    let follow = |jar: &str| {
        let resolve = "one.example.com:80:127.0.0.1";
        aegir.host.exec([
            "curl",
            "-sSL",
            "--resolve",
            resolve,
            "-c",
            jar,
            "-b",
            jar,
            "-o",
            "/tmp/page",
            "-w",
            "%{http_code} %{url_effective}",
            link.trim(),
        ])
    };
    let landed = follow("/tmp/jar1").ok();
    assert!(landed.starts_with("200 ") && landed.contains("/wp-admin"), "{landed}");
    let again = follow("/tmp/jar2").stdout;
    assert!(!again.contains("/wp-admin/") || again.starts_with("403"), "a link that was used logged somebody in again: {again}");
}

#[test]
fn aliases_redirect_and_a_disabled_site_says_so() {
    let aegir = with_site();
    aegir.aegir(["site", "edit", "one.example.com", "--alias", "www.one.example.com", "--redirect-to", "www.one.example.com"]).ok();
    let page = aegir.page("one.example.com");
    assert_eq!((page.status, page.header("location")), (301, Some("http://www.one.example.com/")));
    assert_eq!(aegir.page("www.one.example.com").status, 200);

    aegir.aegir(["site", "disable", "one.example.com"]).ok();
    assert_eq!(aegir.page("www.one.example.com").status, 503);
    aegir.aegir(["site", "enable", "one.example.com"]).ok();
    assert_eq!(aegir.page("www.one.example.com").status, 200);
}

#[test]
fn a_deleted_site_leaves_an_archive_and_nothing_else() {
    let aegir = with_wordpress();
    aegir.install("keep.example.com", "Keep").ok();
    let before = aegir.world();
    let knowledge = aegir.knowledge();
    aegir.install("gone.example.com", "Gone").ok();
    aegir.aegir(["site", "delete", "gone.example.com", "--yes"]).ok();
    assert_eq!(aegir.page("gone.example.com").status, 404);
    assert_eq!(aegir.page("keep.example.com").status, 200);
    let archives = aegir.host.exec(["find", "/var/aegir/backups", "-type", "f"]).ok();
    assert_eq!(archives.lines().count(), 1, "{archives}");
    let members = aegir.host.exec(["tar", "--zstd", "-tf", archives.trim()]).ok();
    assert!(members.contains("./database.sql") && members.contains("./wp-config.php"), "{members}");
    aegir.host.exec(["rm", archives.trim()]).ok();
    aegir.assert_unchanged(&before, "a site that came and went");
    assert_eq!(knowledge, aegir.knowledge());
}

#[test]
fn init_can_be_run_again() {
    let aegir = with_site();
    let before = aegir.world();
    let run = aegir.init();
    assert!(run.success(), "{}", run.stderr);
    assert!(run.stderr.contains("nothing to change"), "{}", run.stderr);
    aegir.assert_unchanged(&before, "a second init");
    assert_eq!(aegir.page("one.example.com").status, 200);
}
