//! Adding a server: shown first, done in one go or from a saved plan, refused whole.

use aegir_testkit::breaking::break_every_step;
use aegir_testkit::fleet::Fleet;
use aegir_testkit::installation::world_of;

use crate::{BINARY, WEB1, pins, refuse};

/// A fleet whose one host is bootstrapped, and the flags that believe its key.
fn bootstrapped() -> (Fleet, String) {
    let fleet = Fleet::bare(BINARY, &["web1"]);
    fleet.bootstrap(&fleet.remotes[0], &[]).ok();
    let key = Fleet::fingerprint(&fleet.remotes[0]);
    (fleet, key)
}

#[test]
fn from_a_bare_machine_to_a_web_server() {
    let fleet = Fleet::new(BINARY, &["web1"]);
    let shown = fleet.json(["server", "show", WEB1]);
    let web1 = &fleet.remotes[0];
    assert_eq!(shown["item"]["host_keys"][0]["fingerprint"], Fleet::fingerprint(web1).as_str());
    assert_eq!(shown["item"]["transport"]["host"], WEB1);
    assert_eq!(shown["item"]["stage"], "test");
    assert!(shown["item"]["addresses"].to_string().contains(&web1.v4().to_string()), "{shown}");
    assert!(web1.exists("/var/aegir/config/web1.example.com/apache.conf"));
    // B20: host names have no case, and may be written in full.
    for same in ["WEB1.example.com", "web1.example.com.", "Web1.Example.Com."] {
        fleet.aegir(["server", "show", same]).ok();
        let twin = fleet.add_as(same, &["--host-key", &Fleet::fingerprint(web1)]);
        assert!(twin.status == 6 && twin.stderr.contains("there is a server web1.example.com already"), "{same}: {}", twin.stderr);
        let script = fleet.aegir(["server", "bootstrap", "--web", "apache", &same.replace("eb1", "eb9").replace("EB1", "EB9")]).ok();
        assert!(script.contains("aegir server add web9.example.com --ssh aegir@web9.example.com"), "{same}");
    }
    let again = fleet.aegir(["server", "verify", WEB1]);
    assert!(again.success() && again.stderr.contains("nothing to change"), "{}", again.stderr);
    let list = fleet.aegir(["server", "list"]).ok();
    assert!(list.contains("ssh aegir@web1.example.com") && list.contains("web=apache"), "{list}");
    let bootstrapped = fleet.bootstrap(web1, &[]).ok();
    assert!(
        bootstrapped.contains("nothing was changed") && bootstrapped.ends_with("aegir server verify web1.example.com"),
        "{bootstrapped}"
    );
    let text = fleet.aegir(["server", "show", "@server_web1.example.com"]).ok();
    assert!(text.contains(&Fleet::fingerprint(web1)), "{text}");
}

#[test]
fn a_dry_run_and_a_saved_plan_change_nothing_and_the_plan_can_be_applied() {
    let (fleet, key) = bootstrapped();
    let web1 = &fleet.remotes[0];
    let before = (fleet.world(), fleet.rows(), world_of(web1));
    let unchanged = |what: &str| {
        fleet.assert_unchanged(&before.0, what);
        assert_eq!(before.1, fleet.rows(), "{what} changed the inventory");
        let there = before.2.diff(&world_of(web1));
        assert!(there.is_empty(), "{what} changed on the server: {}", there.join("\n"));
    };
    let plan = fleet.add(web1, &["--host-key", &key, "--dry-run"]).ok();
    assert!(plan.contains("pin the host keys of web1.example.com") && plan.contains("on server_master"), "{plan}");
    unchanged("a dry run");
    fleet.add(web1, &["--host-key", &key, "--plan-out", "/run/lock/web1.plan"]).ok();
    unchanged("a saved plan");
    assert!(fleet.host.exec(["sh", "-c", "ls /var/aegir/run/ssh | grep -c agreed"]).stdout.trim() == "0", "agreed keys stay behind");
    fleet.aegir(["apply", "/run/lock/web1.plan"]).ok();
    assert!(pins(&fleet).contains("web1.example.com ssh-ed25519 "));
    assert!(fleet.aegir(["server", "verify", WEB1]).ok().is_empty());
}

#[test]
fn without_waiting_it_goes_on_by_itself_also_under_another_name() {
    let fleet = Fleet::bare(BINARY, &["web1"]);
    let web1 = &fleet.remotes[0];
    assert!(fleet.bootstrap(web1, &["--name", "w1"]).ok().contains("--name w1 --host-key "));
    let key = Fleet::fingerprint(web1);
    let task = fleet.add(web1, &["--name", "w1", "--host-key", &key, "--no-wait", "--json"]).ok();
    let id = serde_json::from_str::<serde_json::Value>(&task).expect("a document")["item"]["id"].to_string();
    let watched = fleet.aegir(["task", "watch", &id]);
    assert_eq!(watched.status, 0, "{task} {}", watched.stderr);
    fleet.aegir(["server", "verify", "w1"]).ok();
    fleet.aegir(["server", "verify", WEB1]).ok();
    assert!(web1.exists("/var/aegir/config/w1/apache.conf"));
}

#[test]
fn every_step_broken() {
    let (fleet, key) = bootstrapped();
    let add = ["server", "add", WEB1, "--stage", "test", "--host-key", &key, "--set", "web.port=8080"];
    break_every_step(&fleet, &fleet.remotes, &add);
    assert_eq!(fleet.aegir(["server", "verify", WEB1]).status, 0);
}

#[test]
fn what_cannot_be_added() {
    let (fleet, key) = bootstrapped();
    let web1 = &fleet.remotes[0];
    let remote = world_of(web1);
    refuse(
        &fleet,
        &[
            (&["server", "add", "a b", "--host-key", &key], 64, "server name"),
            (&["server", "add", "a;b", "--name", "x"], 64, "no host to connect to"),
            (&["server", "add", "a'b", "--name", "x", "--ssh", "aegir@web1"], 64, "host name"),
            (&["server", "add", "10.0.0.1", "--ssh", "aegir@web1"], 64, "host name"),
            (&["server", "add", WEB1, "--ssh=-oProxyCommand=touch /tmp/owned"], 64, "no host to connect to"),
            (&["server", "add", WEB1, "--ssh", "a@-oProxyCommand=x"], 64, "no host to connect to"),
            (&["server", "add", WEB1, "--ssh", "aegir@web1\n ProxyCommand x"], 64, "no host to connect to"),
            (&["server", "add", WEB1, "--ssh", "aegir@web1:0"], 64, "no way to reach"),
            (&["server", "add", WEB1, "--name", "../x"], 64, "server name"),
            (&["server", "add", WEB1, "--web", "nginxx"], 64, "no service type"),
            (&["server", "add", WEB1, "--web", "mysql"], 64, "fills the db service"),
            (&["server", "add", WEB1, "--set", "web.port=eighty"], 64, "whole number"),
            (&["server", "add", WEB1, "--set", "web.port=0"], 64, "not valid"),
            (&["server", "add", WEB1, "--set", "port=80"], 64, "SERVICE.NAME=VALUE"),
            (&["server", "add", WEB1, "--set", "db.port=1"], 64, "no db service"),
            (&["server", "add", WEB1, "--name", "server_master"], 6, "already"),
            (&["server", "add", "master.example.com", "--name", "second"], 6, "server_master is that machine"),
            (&["server", "add", "other.example.com", "--local"], 6, "server_master is that machine"),
            (&["server", "add", "nowhere.example.com"], 9, "nowhere.example.com"),
        ],
    );
    assert!(!fleet.host.exists("/tmp/owned"));
    let changes = remote.diff(&world_of(web1));
    assert!(changes.is_empty(), "{}", changes.join("\n"));
}

#[test]
fn a_server_that_fails_a_check_is_not_added_and_its_key_is_not_pinned() {
    let fleet = Fleet::bare(BINARY, &["web1"]);
    let web1 = &fleet.remotes[0];
    let key = Fleet::fingerprint(web1);
    let before = (fleet.world(), fleet.rows());
    let add = |status: i32, says: &str| {
        let run = fleet.add(web1, &["--host-key", &key]);
        assert_eq!(run.status, status, "{}", run.stderr);
        assert!(run.stderr.contains(says), "should say “{says}”: {}", run.stderr);
        fleet.assert_unchanged(&before.0, says);
        assert_eq!(before.1, fleet.rows());
    };
    add(4, "aegir server bootstrap web1.example.com | ssh root@web1.example.com sh");
    fleet.bootstrap(web1, &[]).ok();
    web1.exec(["mv", "/etc/sudoers.d/aegir", "/root/rule"]).ok();
    add(8, "sudo");
    web1.exec(["mv", "/root/rule", "/etc/sudoers.d/aegir"]).ok();
    web1.exec(["rm", "/etc/apache2/conf-enabled/aegir.conf"]).ok();
    add(8, "include");
    fleet.bootstrap(web1, &[]).ok();
    fleet.add(web1, &["--host-key", &key]).ok();
}
