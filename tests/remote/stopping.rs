//! Every kind of task that changes something on a remote server, stopped by two signals and a kill: never forward.

use aegir_testkit::fleet::Fleet as Servers;
use aegir_testkit::lab::Base;
use aegir_testkit::stopping::{Events, stop_at};

use crate::BINARY;

const WEB1: &str = "web1.example.com";
const ONE: &str = "one.example.com";

/// From a server that is added to one that is deleted; each kind begins where the one before it is done.
fn every_kind(events: Events) {
    let servers = Servers::bare(BINARY, &["web1"]);
    let web1 = &servers.remotes[0];
    servers.bootstrap(web1, &[]).ok();
    let key = Servers::fingerprint(web1);
    let stop = |args: &[&str]| stop_at(events, &servers.master, &servers.remotes, args);
    let by_hand = |script: &str| drop(web1.exec(["sh", "-c", script]).ok());
    let spoilt = |file: &str| {
        by_hand(&format!("echo '# by hand' >> /var/aegir/config/{WEB1}/{file} && /usr/local/lib/aegir/helper apache apply"));
    };

    stop(&["server", "add", WEB1, "--stage", "test", "--host-key", &key]);
    spoilt("apache.conf");
    stop(&["server", "verify", WEB1]);
    stop(&["server", "edit", WEB1, "--stage", "dev", "--set", "web.port=8080"]);
    servers.aegir(["server", "edit", WEB1, "--set", "web.port=80"]).ok();

    let path = "/var/aegir/platforms/wp";
    stop(&["platform", "add", "wp", "--path", path, "--server", WEB1, "--from", Base::WORDPRESS]);
    by_hand(&format!("echo '// new' >> {path}/index.php"));
    spoilt("platform.d/wp.conf");
    stop(&["platform", "verify", "wp"]);

    stop(&["site", "install", ONE, "--platform", "wp", "--title", "One"]);
    spoilt(&format!("vhost.d/{ONE}.conf"));
    by_hand(&format!("chmod 0700 {path}/sites/{ONE}/files"));
    stop(&["site", "verify", ONE]);
    stop(&["site", "edit", ONE, "--add-alias", "www.one.example.com"]);
    stop(&["site", "disable", ONE]);
    assert_eq!(web1.http(80, ONE, "/").status, 503);
    stop(&["site", "enable", ONE]);
    assert_eq!(web1.http(80, ONE, "/").status, 200);
    stop(&["site", "delete", ONE]);
    stop(&["platform", "delete", "wp"]);
    stop(&["server", "delete", WEB1]);
}

/// A1: at some events of each kind.
#[test]
fn a1_two_signals_and_a_kill_never_go_forward() {
    every_kind(Events::Some);
}

/// A1: at each event of each kind.
#[test]
#[ignore = "takes many minutes: .ci/run-long"]
fn a1_two_signals_and_a_kill_at_each_event_never_go_forward() {
    every_kind(Events::Each);
}
