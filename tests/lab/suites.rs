//! Hosts of different Debian releases side by side, and that each is what it says it is.

use aegir_testkit::lab::{Base, Host, Lab, Service, Suite};

/// Every service starts, and the application is there.
fn works(host: &Host) {
    for service in [Service::MariaDb, Service::PhpFpm, Service::Apache, Service::Sshd] {
        host.start(service);
        assert!(host.runs(service), "{service:?} on {}", host.name());
    }
    assert!(host.exists(&format!("{}/wp-load.php", Base::WORDPRESS)));
    for service in [Service::MariaDb, Service::Sshd] {
        host.kill(service);
        host.start(service);
        host.stop(service);
        assert!(!host.runs(service));
    }
}

fn versions(host: &Host) -> [String; 4] {
    let said = |argv: &[&str]| {
        let run = host.exec(argv);
        run.stdout + &run.stderr
    };
    let wordpress = host.read(&format!("{}/wp-includes/version.php", Base::WORDPRESS));
    let wordpress = wordpress.lines().find_map(|l| l.strip_prefix("$wp_version = '")).unwrap_or_default().to_owned();
    [said(&["php", "-r", "echo PHP_VERSION;"]), said(&["ssh", "-V"]), said(&["mariadbd", "--version"]), wordpress]
}

#[test]
fn debian_12_and_13_run_side_by_side() {
    let lab = Lab::new();
    let (old, new) = (lab.host("old"), lab.host_of("new", Suite::Trixie));
    works(&old);
    works(&new);
    for (host, expected) in [(&old, ["8.2.", "OpenSSH_9.2", "10.11.", "6.1"]), (&new, ["8.4.", "OpenSSH_10.", "11.8.", "6.8"])] {
        let found = versions(host);
        assert!(found.iter().zip(expected).all(|(f, e)| f.contains(e)), "{}: {found:?}", host.name());
    }
    let ping = old.exec(["bash", "-c", "getent hosts new.example.com"]).ok();
    assert!(ping.contains(&new.v4().to_string()), "{ping}");
}
