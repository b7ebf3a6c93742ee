//! The master's database server as sites on other machines see it.

use aegir_testkit::database::sql;

use crate::{fleet, install_far, restart_with};

/// B25: with `skip-name-resolve` a verify fails with the cause, and the account stays.
#[test]
fn b25_skip_name_resolve_is_named_and_takes_no_account() {
    let fleet = fleet();
    let host = &fleet.host;
    install_far(&fleet, "named.example.com").ok();
    let accounts = || sql(host, "SELECT User, Host, Priv FROM mysql.global_priv ORDER BY 1, 2");
    let before = accounts();
    assert!(before.contains("namedexamplecom\tweb1.example.com"), "{before}");
    restart_with(host, "skip-name-resolve\n");
    for args in [["site", "verify", "named.example.com"].as_slice(), &["site", "delete", "named.example.com", "--yes"]] {
        let run = fleet.aegir(args.iter().copied());
        assert!(!run.success() && run.stderr.contains("skip-name-resolve"), "{args:?}: {}", run.stderr);
        assert_eq!(before, accounts(), "{args:?}");
    }
    let doctor = fleet.aegir(["doctor", "server_master"]);
    assert!(doctor.stdout.contains("db.names") && doctor.stdout.contains("named.example.com"), "{}", doctor.stdout);
    restart_with(host, "");
    let again = fleet.aegir(["site", "verify", "named.example.com"]);
    assert!(again.success() && again.stderr.contains("nothing to change"), "{}", again.stderr);
    assert_eq!(fleet.host("web1").http(80, "named.example.com", "/").status, 200);
    fleet.aegir(["site", "delete", "named.example.com", "--yes"]).ok();
}

/// B33: a server that speaks French, to who may connect and to who may not.
#[test]
fn b33_errors_are_told_by_number() {
    let fleet = fleet();
    sql(&fleet.host, "SET GLOBAL lc_messages = 'fr_FR'");
    install_far(&fleet, "fr.example.com").ok();
    fleet.aegir(["site", "verify", "fr.example.com"]).ok();
    fleet.aegir(["site", "delete", "fr.example.com", "--yes"]).ok();
    sql(&fleet.host, "SET GLOBAL lc_messages = 'en_US'");
}

/// B35: a server that takes only encrypted connections, and has no certificate to encrypt with, is no server for sites
/// elsewhere, and that is said; over its socket nothing changes.
#[test]
fn b35_a_server_that_demands_tls_without_a_certificate_is_told_from_a_wrong_password() {
    let fleet = fleet();
    sql(&fleet.host, "SET GLOBAL require_secure_transport = 1");
    let far = install_far(&fleet, "tls.example.com");
    let near = fleet.aegir(["site", "verify", "one.example.com"]);
    sql(&fleet.host, "SET GLOBAL require_secure_transport = 0");
    assert_eq!(far.status, 8, "{}", far.stderr);
    assert!(
        far.stderr.contains("takes encrypted connections only, and has no certificate") && !far.stderr.contains("denied"),
        "{}",
        far.stderr
    );
    assert!(near.success(), "{}", near.stderr);
}
