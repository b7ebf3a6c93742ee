//! B24: MariaDB's root has a password, so nobody is let in without it.

use aegir_testkit::database::sql;
use aegir_testkit::installation::Installation;
use aegir_testkit::lab::Service;

use crate::{BINARY, fleet};

const LOCK: &str = "ALTER USER root@localhost IDENTIFIED VIA mysql_native_password USING PASSWORD('theirs')";

#[test]
fn b24_init_says_what_to_do_and_that_works() {
    let aegir = Installation::bare(BINARY);
    sql(&aegir.host, LOCK);
    let refused = aegir.init();
    assert_eq!(refused.status, 8, "{}", refused.stderr);
    for word in ["unix_socket", "--db-url mysql://aegir@localhost --db-password-file"] {
        assert!(refused.stderr.contains(word), "{word} is not in: {}", refused.stderr);
    }
    let make =
        "CREATE USER 'aegir'@'localhost' IDENTIFIED BY 'Ours-22'; GRANT ALL PRIVILEGES ON *.* TO 'aegir'@'localhost' WITH GRANT OPTION";
    aegir.host.exec(["mysql", "-uroot", "-ptheirs", "-e", make]).ok();
    aegir.host.write("/root/password", "Ours-22\n");
    let url = ["--db-url", "mysql://aegir@localhost", "--db-password-file", "/root/password"];
    let init = ["/usr/local/bin/aegir", "init", "--hostname", "master.example.com", "--stage", "test"];
    aegir.host.command(init.into_iter().chain(url)).timeout(std::time::Duration::from_secs(300)).run().ok();
}

#[test]
fn b24_bootstrap_finds_it_before_it_opens_the_server_to_the_network() {
    let fleet = fleet();
    let db = fleet.lab().host("locked");
    db.start(Service::Sshd);
    db.start(Service::MariaDb);
    sql(&db, LOCK);
    let refused = fleet.bootstrap(&db, &["--db", "mysql"]);
    assert!(!refused.success() && refused.stderr.contains("unix_socket"), "{} {}", refused.stdout, refused.stderr);
    assert!(!db.exists("/etc/mysql/mariadb.conf.d/60-aegir.cnf"), "it listens for everybody");
    let unlock = "ALTER USER root@localhost IDENTIFIED VIA unix_socket OR mysql_native_password USING PASSWORD('theirs')";
    db.exec(["mysql", "-uroot", "-ptheirs", "-e", unlock]).ok();
    fleet.bootstrap(&db, &["--db", "mysql"]).ok();
    db.power_off();
}
