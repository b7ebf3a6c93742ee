//! Databases of sites: nothing lost, nobody else's rights, no false word. The kit runs on every kind of database server.

mod archive;
mod broken;
mod encrypted;
mod exact;
mod external;
mod hostile;
mod kinds;
mod locked;
mod remote;

use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};

use aegir_testkit::fleet::Fleet;
use aegir_testkit::installation::Installation;
use aegir_testkit::lab::{Base, Host, Service};

/// The command under test.
const BINARY: &str = env!("CARGO_BIN_EXE_aegir-on-trial");

/// A master with the site `one.example.com`, and a web server `web1` with the platform `far`; the databases are the
/// master's. One test at a time has them, and leaves them as they were.
static FLEET: LazyLock<Mutex<Fleet>> = LazyLock::new(|| {
    let fleet = Fleet::new(BINARY, &["web1"]);
    fleet
        .aegir(["platform", "add", "wp", "--path", "/var/aegir/platforms/wp", "--server", "server_master", "--from", Base::WORDPRESS])
        .ok();
    let far = "/var/aegir/platforms/far";
    fleet.aegir(["platform", "add", "far", "--path", far, "--server", "web1.example.com", "--from", Base::WORDPRESS]).ok();
    fleet.install("one.example.com", "One").ok();
    Mutex::new(fleet)
});

fn fleet() -> MutexGuard<'static, Fleet> {
    FLEET.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Installs a site on `web1`.
fn install_far(aegir: &Installation, uri: &str) -> aegir_testkit::lab::Run {
    aegir.aegir(["site", "install", uri, "--platform", "far", "--title", "Far"])
}

/// Gives a database server a certificate for its name from an authority of its own, in `/etc/mysql/ca.pem`; the settings.
fn certify(db: &Host) -> &'static str {
    let name = db.fqdn();
    let make = format!(
        "cd /etc/mysql && exec 2>/dev/null
        openssl req -x509 -newkey rsa:2048 -nodes -keyout ca.key -out ca.pem -days 30 -subj /CN=Ours &&
        openssl req -newkey rsa:2048 -nodes -keyout key.pem -out req.pem -subj /CN={name} -addext subjectAltName=DNS:{name} &&
        openssl x509 -req -in req.pem -CA ca.pem -CAkey ca.key -CAcreateserial -copy_extensions copy -days 30 -out cert.pem &&
        chown mysql key.pem cert.pem"
    );
    db.exec(["sh", "-c", &make]).ok();
    "ssl_cert=/etc/mysql/cert.pem\nssl_key=/etc/mysql/key.pem\n"
}

/// A database server with other settings.
fn restart_with(db: &Host, settings: &str) {
    db.stop(Service::MariaDb);
    db.write("/etc/mysql/mariadb.conf.d/98-test.cnf", format!("[mariadbd]\n{settings}"));
    db.start(Service::MariaDb);
}
