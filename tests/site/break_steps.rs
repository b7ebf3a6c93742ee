//! Every step of every task broken, before and after it acts: rolled back, and the world as it was.

use aegir_testkit::breaking;
use aegir_testkit::installation::Installation;

use crate::{BINARY, with_site, with_wordpress};

fn break_every_step(aegir: &Installation, args: &[&str]) {
    breaking::break_every_step(aegir, &[], args);
}

#[test]
fn of_a_platform_that_is_added() {
    let aegir = Installation::prepared(BINARY);
    let from = aegir_testkit::lab::Base::WORDPRESS;
    break_every_step(&aegir, &["platform", "add", "wp", "--path", "/var/aegir/platforms/wp", "--server", "server_master", "--from", from]);
    break_every_step(&aegir, &["platform", "delete", "wp"]);
}

#[test]
fn of_an_installation() {
    let aegir = with_wordpress();
    break_every_step(&aegir, &["site", "install", "two.example.com", "--platform", "wp", "--title", "Two"]);
    assert_eq!(aegir.page("two.example.com").status, 200);
}

#[test]
fn of_a_deletion() {
    let aegir = with_site();
    break_every_step(&aegir, &["site", "delete", "one.example.com"]);
    assert_eq!(aegir.page("one.example.com").status, 404);
}

#[test]
fn of_verifies_that_mend() {
    let aegir = with_site();
    let config = "/var/aegir/config/server_master";
    aegir.host.exec(["chmod", "0777", "/var/aegir/platforms/wp/sites/one.example.com/files"]).ok();
    aegir.host.exec(["sh", "-c", &format!("for f in {config}/vhost.d/one.example.com.conf {config}/platform.d/wp.conf {config}/apache.conf; do echo '# by hand' >> $f; done; /usr/local/lib/aegir/helper apache apply")]).ok();
    aegir.host.exec(["mariadb", "-e", "DELETE FROM mysql.db WHERE User = 'oneexamplecom'; FLUSH PRIVILEGES"]).ok();
    break_every_step(&aegir, &["server", "verify", "server_master"]);
    break_every_step(&aegir, &["platform", "verify", "wp"]);
    break_every_step(&aegir, &["site", "verify", "one.example.com"]);
    break_every_step(&aegir, &["site", "disable", "one.example.com"]);
    assert_eq!(aegir.page("one.example.com").status, 503);
}
