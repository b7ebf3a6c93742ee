//! The seed's page on remote servers, step by step: every manual step is a command of ours, and nobody answers a prompt.

use aegir_testkit::fleet::Fleet;
use aegir_testkit::lab::{Base, Host, Service};

use crate::BINARY;

#[test]
fn from_bare_machines_to_sites_on_remote_servers() {
    // "1. Build a server image on your network to become your Aegir Slave." Only sshd runs on it.
    // "2. Ensure that your new server image is resolved": the lab's names resolve everywhere.
    let mut fleet = Fleet::bare(BINARY, &["web1", "web2"]);
    let (web1, web2) = (fleet.remotes[0].clone(), fleet.remotes[1].clone());

    // "3. Follow the steps for setting up a remote web server carefully": one script, made by us, run there as root.
    let said = fleet.bootstrap(&web1, &["--name", "web1", "--web", "apache"]).ok();
    assert!(web1.runs(Service::Apache) && web1.runs(Service::PhpFpm) && !web1.runs(Service::MariaDb));

    // "4. You need to have the passphraseless ssh working and proven. You MUST log in manually the first time": nobody does.
    let key = said.rsplit_once("--host-key ").map(|(_, key)| key.trim().to_owned()).expect("the script shows the host key");

    // "5. Put in the server name, leave the Database set as None, under Web select apache": it verifies at once, and finds
    // the address by itself.
    fleet.aegir(["server", "add", "web1.example.com", "--name", "web1", "--web", "apache", "--stage", "test", "--host-key", &key]).ok();
    let shown = fleet.json(["server", "show", "web1"]).to_string();
    assert!(shown.contains(&web1.v4().to_string()), "{shown}");
    let verified = fleet.aegir(["server", "verify", "web1"]);
    assert!(verified.success() && verified.stderr.contains("nothing to change"), "{}", verified.stderr);
    assert!(web1.exists("/var/aegir/config/web1") && web1.exists("/var/aegir/platforms"));

    // "6. The platform choice." "7. Create that platform" on the master: the code comes there from wherever it is.
    // "8. Tell the Aegir Master about it so that it can distribute it to the new Aegir Remote Slave."
    let path = "/var/aegir/platforms/web1-wordpress";
    fleet.aegir(["platform", "add", "web1-wordpress", "--path", path, "--server", "web1", "--from", Base::WORDPRESS]).ok();
    for host in [&fleet.host, &web1] {
        assert!(host.exists(&format!("{path}/wp-includes/version.php")), "the path is the same on {}", host.name());
    }

    // "Creating sites on the remote: the only difference you will notice will be the choice of platform."
    fleet.aegir(["site", "install", "one.example.com", "--platform", "web1-wordpress", "--title", "The First"]).ok();
    serves(&web1, "one.example.com", "The First");
    assert_eq!(fleet.page("one.example.com").status, 404, "the master serves nothing of it");
    assert!(fleet.host.exec(["mariadb", "-BNe", "SHOW DATABASES LIKE 'oneexamplecom'"]).ok().contains("oneexamplecom"));

    // "9. Lather, rinse and repeat for each Aegir Remote Slave": this one with code that stands on the master already, and
    // its databases on a server that does nothing else.
    let db1 = fleet.lab().host("db1");
    db1.start(Service::Sshd);
    fleet.remotes.push(db1.clone());
    fleet.enrol(&db1, &["--web", "none", "--db", "mysql"]);
    fleet.enrol(&web2, &[]);
    fleet.host.exec_as("aegir", ["cp", "-r", Base::WORDPRESS, "/var/aegir/platforms/web2-wordpress"]).ok();
    let add = ["platform", "add", "web2-wordpress", "--path", "/var/aegir/platforms/web2-wordpress", "--server", "web2.example.com"];
    fleet.aegir(add).ok();
    let install = ["site", "install", "two.example.com", "--platform", "web2-wordpress", "--db-server", "db1.example.com"];
    fleet.aegir(install.into_iter().chain(["--title", "The Second"])).ok();
    serves(&web2, "two.example.com", "The Second");
    assert_eq!(web1.http(80, "two.example.com", "/").status, 404);
    assert!(db1.exec(["mariadb", "-BNe", "SHOW DATABASES LIKE 'twoexamplecom'"]).ok().contains("twoexamplecom"));

    for args in [["server", "verify", "web1"], ["platform", "verify", "web1-wordpress"], ["site", "verify", "two.example.com"]] {
        let run = fleet.aegir(args);
        assert!(run.success() && run.stderr.contains("nothing to change"), "{args:?}: {}", run.stderr);
    }
}

#[track_caller]
fn serves(host: &Host, uri: &str, title: &str) {
    let page = host.http(80, uri, "/");
    assert!(page.status == 200 && page.body.contains(title), "{uri} on {}: {} {}", host.name(), page.status, page.body);
}
