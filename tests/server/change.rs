//! Editing a server: how it is reached, what it offers, what it is for.

use aegir_testkit::breaking::break_every_step;
use aegir_testkit::fleet::Fleet;
use aegir_testkit::lab::Service;

use crate::{BINARY, WEB1, add_platform, pins, refuse};

#[test]
fn settings_and_stage_are_changed_and_verified() {
    let fleet = Fleet::new(BINARY, &["web1"]);
    break_every_step(&fleet, &fleet.remotes, &["server", "edit", WEB1, "--set", "web.port=8080", "--stage", "dev"]);
    let shown = fleet.json(["server", "show", WEB1]);
    assert_eq!((&shown["item"]["stage"], &shown["item"]["services"]["web"]["config"]["port"]), (&"dev".into(), &8080.into()));
    assert!(fleet.remotes[0].listens(8080));
    let again = fleet.aegir(["server", "edit", WEB1, "--stage", "dev"]);
    assert!(again.success() && again.stderr.contains("nothing to change"), "{}", again.stderr);
    // A plan made before somebody else's change no longer fits.
    fleet.aegir(["server", "edit", WEB1, "--stage", "test", "--plan-out", "/run/lock/edit.plan"]).ok();
    fleet.aegir(["server", "edit", WEB1, "--stage", "acceptance"]).ok();
    assert_eq!(fleet.aegir(["apply", "/run/lock/edit.plan"]).status, 6);
}

#[test]
fn another_way_to_the_same_machine() {
    let fleet = Fleet::new(BINARY, &["web1"]);
    let web1 = &fleet.remotes[0];
    web1.exec(["sh", "-c", "echo 'Port 22\nPort 2222' > /etc/ssh/sshd_config.d/ports.conf"]).ok();
    web1.kill(Service::Sshd);
    web1.start(Service::Sshd);
    let ssh = format!("aegir@{}:2222", web1.v4());
    let key = Fleet::fingerprint(web1);
    refuse(&fleet, &[(&["server", "edit", WEB1, "--ssh", &ssh], 8, &key), (&["server", "edit", WEB1, "--ssh", "a b"], 64, "no host")]);
    break_every_step(&fleet, &fleet.remotes, &["server", "edit", WEB1, "--ssh", &ssh, "--host-key", &key]);
    let pinned = pins(&fleet);
    assert!(pinned.starts_with(&format!("[{}]:2222 ", web1.v4())) && pinned.lines().count() == 1, "{pinned}");
    assert!(fleet.aegir(["server", "verify", WEB1]).success());
    assert_eq!(fleet.json(["server", "show", WEB1])["item"]["transport"]["port"], 2222);
}

#[test]
fn a_service_goes_only_when_nothing_stands_on_it() {
    let fleet = Fleet::new(BINARY, &["web1"]);
    add_platform(&fleet, "wp", WEB1);
    refuse(
        &fleet,
        &[
            (&["server", "edit", WEB1, "--web", "none"], 8, "platform wp"),
            (&["server", "edit", WEB1, "--web", "none", "--set", "web.port=80"], 64, "taken away"),
            (&["server", "edit", WEB1, "--set", "db.port=1"], 8, "offers no db"),
            (&["server", "edit", WEB1, "--hostname", "master.example.com"], 6, "server_master"),
            (&["server", "edit", "server_master", "--ssh", "aegir@web1"], 8, "stays so"),
            (&["server", "edit", "nobody", "--stage", "dev"], 5, "no server"),
        ],
    );
    fleet.aegir(["platform", "delete", "wp", "--yes"]).ok();
    break_every_step(&fleet, &fleet.remotes, &["server", "edit", WEB1, "--web", "none"]);
    assert!(!fleet.remotes[0].exists("/var/aegir/config/web1.example.com/apache.conf"));
    assert_eq!(fleet.remotes[0].http(80, "x.example.com", "/").status, 200, "Debian's own page");
    fleet.aegir(["server", "edit", WEB1, "--web", "apache"]).ok();
    assert_eq!(fleet.remotes[0].http(80, "x.example.com", "/").status, 404, "a name that no site has");
}
