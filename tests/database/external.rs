//! A database server that somebody else looks after, reached over the network; and the kit on it.

use std::time::Duration;

use aegir_testkit::database::{Bed, all, sql};
use aegir_testkit::installation::Installation;
use aegir_testkit::lab::Service;

use crate::{BINARY, certify, restart_with};

/// A18: what crosses the network is encrypted, a server that cannot do that is refused with the cause, and an authority
/// that is named proves who answers.
#[test]
fn a18_an_external_server_is_reached_over_tls() {
    let aegir = Installation::bare(BINARY);
    let db = aegir.lab().host("db9");
    db.start(Service::MariaDb);
    let make = "CREATE USER 'admin'@'master.example.com' IDENTIFIED BY 'Ours-22' REQUIRE SSL; GRANT ALL PRIVILEGES ON *.* TO 'admin'@'master.example.com' WITH GRANT OPTION";
    sql(&db, make);
    aegir.host.write("/root/password", "Ours-22\n");
    let init = || {
        let url = ["--db-url", "mysql://admin@db9.example.com", "--db-password-file", "/root/password"];
        let init = ["/usr/local/bin/aegir", "init", "--hostname", "master.example.com", "--stage", "test"];
        aegir.host.command(init.into_iter().chain(url)).timeout(Duration::from_secs(300)).run()
    };
    let refused = init();
    assert!(!refused.success() && refused.stderr.contains("offers no encryption"), "{}", refused.stderr);
    assert!(refused.stderr.contains("ssl_cert"), "{}", refused.stderr);

    let settings = certify(&db);
    restart_with(&db, settings);
    init().ok();
    aegir
        .aegir([
            "platform",
            "add",
            "wp",
            "--path",
            "/var/aegir/platforms/wp",
            "--server",
            "server_master",
            "--from",
            aegir_testkit::lab::Base::WORDPRESS,
        ])
        .ok();
    aegir.install("one.example.com", "One").ok();
    assert_eq!(aegir.page("one.example.com").status, 200);
    let doctor = aegir.aegir(["doctor", "server_master"]);
    assert!(doctor.stdout.contains("db.tls") && doctor.stdout.contains("is believed"), "{}", doctor.stdout);

    aegir.host.write("/etc/ssl/db.pem", db.read("/etc/mysql/ca.pem"));
    aegir.aegir(["server", "edit", "server_master", "--set", "db.ca=/etc/ssl/db.pem"]).ok();
    aegir.aegir(["site", "verify", "one.example.com"]).ok();
    let stranger = aegir.aegir(["server", "edit", "server_master", "--set", "db.ca=system"]);
    assert!(!stranger.success() && stranger.stderr.contains("does not prove who it is"), "{}", stranger.stderr);

    all(&Bed { aegir: &aegir, db: &db, uri: "one.example.com", platform: "wp", name: "oneexamplecom" });
}

/// The same on the master's own.
#[test]
fn the_kit_on_the_masters_own_server() {
    let fleet = crate::fleet();
    all(&Bed { aegir: &fleet, db: &fleet.host, uri: "one.example.com", platform: "wp", name: "oneexamplecom" });
}
