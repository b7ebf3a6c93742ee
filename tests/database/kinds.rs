//! The kit on every kind of database server, on the master and elsewhere, over the socket, the tunnel and TLS.

use std::time::Duration;

use aegir_testkit::database::{Bed, all, sql};
use aegir_testkit::fleet::Fleet;
use aegir_testkit::installation::Installation;
use aegir_testkit::lab::{Base, Host, Service, Suite};

use crate::BINARY;

const SITE: &str = "kind.example.com";
const DATABASE: &str = "kindexamplecom";

/// A platform and a site in it; its database is where the arguments say.
fn install(aegir: &Installation, more: &[&str]) {
    let path = "/var/aegir/platforms/kind";
    aegir.aegir(["platform", "add", "kind", "--path", path, "--server", "server_master", "--from", Base::WORDPRESS]).ok();
    aegir.aegir(["site", "install", SITE, "--platform", "kind", "--title", "Kind"].into_iter().chain(more.iter().copied())).ok();
    let page = aegir.page(SITE);
    assert!(page.status == 200 && page.body.contains("Kind"), "{} {}", page.status, page.body);
}

fn kit(aegir: &Installation, db: &Host) {
    all(&Bed { aegir, db, uri: SITE, platform: "kind", name: DATABASE });
}

/// The database server of a release on a master of that release.
fn on_the_master(suite: Suite) {
    let aegir = Installation::prepared_of(BINARY, suite);
    install(&aegir, &[]);
    kit(&aegir, &aegir.host);
}

/// The same on a machine that Aegir manages; the master is of Debian 12.
fn elsewhere(suite: Suite) {
    let mut fleet = Fleet::bare(BINARY, &[]);
    let db = fleet.join("db1", suite);
    fleet.enrol(&db, &["--web", "none", "--db", "mysql"]);
    install(&fleet, &["--db-server", db.fqdn()]);
    kit(&fleet, &db);
    let again = fleet.bootstrap(&db, &["--db", "mysql"]).ok();
    assert!(again.contains("nothing was changed"), "{again}");
}

/// The same on a machine that somebody else looks after.
fn of_somebody_else(suite: Suite) {
    let aegir = Installation::bare(BINARY);
    let db = aegir.lab().host_of("db9", suite);
    db.start(Service::MariaDb);
    sql(
        &db,
        "CREATE USER 'admin'@'master.example.com' IDENTIFIED BY 'Ours-22' REQUIRE SSL; GRANT ALL PRIVILEGES ON *.* TO 'admin'@'master.example.com' WITH GRANT OPTION",
    );
    aegir.host.write("/root/password", "Ours-22\n");
    let url = ["--db-url", "mysql://admin@db9.example.com", "--db-password-file", "/root/password"];
    let init = ["/usr/local/bin/aegir", "init", "--hostname", "master.example.com", "--stage", "test"];
    aegir.host.command(init.into_iter().chain(url)).timeout(Duration::from_secs(300)).run().ok();
    install(&aegir, &[]);
    kit(&aegir, &db);
}

#[test]
#[ignore = "takes long: .ci/run-long"]
fn every_kind_mariadb_of_debian_13_on_the_master() {
    on_the_master(Suite::Trixie);
}

#[test]
#[ignore = "takes long: .ci/run-long"]
fn every_kind_mariadb_of_debian_12_elsewhere() {
    elsewhere(Suite::Bookworm);
}

#[test]
#[ignore = "takes long: .ci/run-long"]
fn every_kind_mariadb_of_debian_13_elsewhere() {
    elsewhere(Suite::Trixie);
}

#[test]
#[ignore = "takes long: .ci/run-long"]
fn every_kind_mariadb_of_debian_13_of_somebody_else() {
    of_somebody_else(Suite::Trixie);
}

#[test]
#[ignore = "depends on Debian's unstable suite, which moves: .ci/run-long"]
fn every_kind_moving_mysql_on_the_master() {
    on_the_master(Suite::Sid);
}

#[test]
#[ignore = "depends on Debian's unstable suite, which moves: .ci/run-long"]
fn every_kind_moving_mysql_elsewhere() {
    elsewhere(Suite::Sid);
}

#[test]
#[ignore = "depends on Debian's unstable suite, which moves: .ci/run-long"]
fn every_kind_moving_mysql_of_somebody_else() {
    of_somebody_else(Suite::Sid);
}
