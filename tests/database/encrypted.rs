//! A18: what a site says to a database on another machine is encrypted, and so is what Aegir dumps and loads there.

use std::time::Duration;

use aegir_testkit::database::{fail_after_drop, sql};
use aegir_testkit::fleet::Fleet;
use aegir_testkit::lab::Host;

use crate::{certify, fleet, install_far, restart_with};

const SITE: &str = "tls.example.com";

/// What WordPress' own session is encrypted with.
const CIPHER: &str = r#"<?php
require 'wp-load.php';
echo 'cipher=', $wpdb->get_row("SHOW SESSION STATUS LIKE 'Ssl_cipher'", ARRAY_N)[1], ".\n";
"#;

/// Passes connections on to a database server, and hides that it could encrypt them: what a machine on the way can do.
const MEDDLER: &str = r#"use IO::Socket::INET; $SIG{CHLD} = 'IGNORE';
    my $l = IO::Socket::INET->new(LocalAddr => '127.0.0.9:3306', Listen => 50, ReuseAddr => 1) or die;
    while (my $c = $l->accept) {
        next if fork;
        my $s = IO::Socket::INET->new("$ARGV[0]:3306") or exit;
        sysread $s, my $b, 65536;
        my $at = index($b, "\0", 5) + 14;
        substr($b, $at, 2) = pack 'v', unpack('v', substr $b, $at, 2) & ~0x800 if length $b > $at + 2;
        syswrite $c, $b;
        if (fork) { syswrite $s, $b while sysread $c, $b, 65536; shutdown $s, 1 }
        else { syswrite $c, $b while sysread $s, $b, 65536; shutdown $c, 1 }
        exit;
    }"#;

fn cipher(web: &Host) -> String {
    web.write("/var/aegir/platforms/far/cipher.php", CIPHER);
    let page = web.http(80, SITE, "/cipher.php");
    web.exec(["rm", "/var/aegir/platforms/far/cipher.php"]).ok();
    page.body.split_once("cipher=").and_then(|(_, rest)| rest.split_once('.')).map(|(cipher, _)| cipher.to_owned()).unwrap_or(page.body)
}

fn verify(fleet: &Fleet) {
    fleet.aegir(["site", "verify", SITE]).ok();
    let again = fleet.aegir(["site", "verify", SITE]);
    assert!(again.success() && again.stderr.contains("nothing to change"), "{}", again.stderr);
}

#[test]
fn a18_a_site_lives_on_a_server_that_takes_encrypted_connections_only() {
    let fleet = fleet();
    let (db, web) = (&fleet.host, fleet.host("web1"));
    let before = (fleet.world(), aegir_testkit::installation::world_of(web));
    let certificate = certify(db);
    restart_with(db, &format!("{certificate}require_secure_transport = ON\n"));
    install_far(&fleet, SITE).ok();
    assert_eq!(web.http(80, SITE, "/").status, 200);
    assert!(cipher(web).starts_with("TLS_"), "{}", cipher(web));
    verify(&fleet);
    assert!(fleet.aegir(["site", "login", SITE]).ok().contains(SITE));

    // An authority that is known proves the server to the site, too; a wrong one does not.
    db.exec(["install", "-m", "644", "/etc/mysql/ca.pem", "/etc/ssl/db.pem"]).ok();
    fleet.aegir(["server", "edit", "server_master", "--set", "db.ca=/etc/ssl/db.pem"]).ok();
    verify(&fleet);
    assert!(cipher(web).starts_with("TLS_"), "{}", cipher(web));
    let other = "openssl req -x509 -newkey rsa:2048 -nodes -keyout /dev/null -out /etc/ssl/other.pem -subj /CN=Theirs 2>/dev/null";
    db.exec(["sh", "-c", other]).ok();
    fleet.aegir(["server", "edit", "server_master", "--set", "db.ca=/etc/ssl/other.pem"]).ok();
    let stranger = fleet.aegir(["site", "verify", SITE]);
    assert!(!stranger.success() && stranger.stderr.contains("does not prove to web1"), "it was believed: {}", stranger.stderr);
    assert_eq!(web.http(80, SITE, "/").status, 200, "it is as it was before");
    fleet.aegir(["server", "edit", "server_master", "--set", "db.ca=/etc/ssl/db.pem"]).ok();

    // Dumped and loaded over such connections.
    let taken_back = fail_after_drop(&fleet, SITE);
    assert_eq!(taken_back.status, 1, "{}", taken_back.stderr);
    assert_eq!(web.http(80, SITE, "/").status, 200);
    verify(&fleet);
    fleet.aegir(["site", "delete", SITE, "--yes"]).ok();
    fleet.aegir(["server", "edit", "server_master", "--set", "db.ca="]).ok();
    restart_with(db, "");
    db.exec(["sh", "-c", "rm -f /var/aegir/backups/tls.example.com-*"]).ok();
    fleet.assert_unchanged(&before.0, "a site with an encrypted connection");
    let changes = before.1.diff(&aegir_testkit::installation::world_of(web));
    assert!(changes.is_empty(), "a site with an encrypted connection left {changes:?}");
}

#[test]
fn a18_who_hides_that_the_server_encrypts_hears_nothing() {
    let fleet = fleet();
    let (db, web) = (&fleet.host, fleet.host("web1"));
    let certificate = certify(db);
    restart_with(db, certificate);
    install_far(&fleet, SITE).ok();
    let address = db.v4().to_string();
    let meddler = web.spawn(["perl", "-e", MEDDLER, &address]);
    let begun = std::time::Instant::now();
    while !web.listens(3306) {
        assert!(begun.elapsed() < Duration::from_secs(20), "nobody stands in the middle");
        std::thread::sleep(Duration::from_millis(20));
    }
    let hosts = web.read("/etc/hosts");
    let others: String = hosts.lines().filter(|line| !line.contains(db.fqdn())).map(|line| format!("{line}\n")).collect();
    web.write("/etc/hosts", format!("{others}127.0.0.9 {}\n", db.fqdn()));
    // A client that is content with less is heard, with this very account.
    let credentials = web.read("/var/aegir/config/web1.example.com/credentials.d/tls.example.com.php");
    let password = credentials.lines().find(|l| l.contains("pass")).and_then(|l| l.split('\'').nth(3)).expect("a password");
    let options = "[client]\nloose-ssl\nloose-ssl-verify-server-cert=0\n";
    web.write("/tmp/plain.cnf", format!("{options}host={}\nuser=tlsexamplecom\npassword=\"{password}\"\n", db.fqdn()));
    let said = web.exec(["mysql", "--defaults-file=/tmp/plain.cnf", "-BNe", "SHOW SESSION STATUS LIKE 'Ssl_cipher'"]).ok();
    assert_eq!(said.trim(), "Ssl_cipher", "nobody stands in the middle");
    web.exec(["rm", "/tmp/plain.cnf"]).ok();
    assert_ne!(web.http(80, SITE, "/").status, 200, "the site spoke in the clear");
    let deleted = fleet.aegir(["site", "delete", SITE, "--yes"]);
    assert!(!deleted.success() && deleted.stderr.contains("encrypts nothing"), "{}", deleted.stderr);
    web.write("/etc/hosts", hosts);
    meddler.kill();
    assert_eq!(web.http(80, SITE, "/").status, 200, "it is as it was before");
    fleet.aegir(["site", "delete", SITE, "--yes"]).ok();
    restart_with(db, "");
    db.exec(["sh", "-c", "rm -f /var/aegir/backups/tls.example.com-*"]).ok();
    assert_eq!(sql(db, "SHOW DATABASES LIKE 'tls%'"), "");
}
