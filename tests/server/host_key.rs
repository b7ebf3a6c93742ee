//! No host key is believed that nobody vouched for, and a changed one only when somebody says so again.

use aegir_testkit::fleet::Fleet;
use aegir_testkit::lab::{Host, Run, Service};

use crate::{BINARY, WEB1, pins, refuse};

/// Another key, as after a machine was set up anew, or when somebody is in between.
fn change_key(host: &Host) {
    // The sessions, too.
    host.kill(Service::Sshd);
    host.exec(["sh", "-c", "rm /etc/ssh/ssh_host_*"]).ok();
    host.start(Service::Sshd);
}

/// Runs a command of the operator's at a terminal, who types this.
fn at_terminal(fleet: &Fleet, typed: &str, command: &str) -> Run {
    let line = format!("aegir {command}");
    fleet.host.command(["script", "-qefc", &line, "/dev/null"]).user("aegir").stdin(typed).run()
}

#[test]
fn a_key_that_nobody_vouched_for_is_shown_and_refused() {
    let fleet = Fleet::bare(BINARY, &["web1"]);
    let web1 = &fleet.remotes[0];
    fleet.bootstrap(web1, &[]).ok();
    let key = Fleet::fingerprint(web1);
    let wrong = format!("SHA256:{}", "a".repeat(43));
    refuse(
        &fleet,
        &[
            (&["server", "add", WEB1], 8, &key),
            (&["server", "add", WEB1], 8, &format!("aegir server add {WEB1} --host-key {key}")),
            (&["server", "add", WEB1, "--json"], 8, &key),
            (&["server", "add", WEB1, "--host-key", &wrong], 8, &key),
            (&["server", "add", WEB1, "--host-key", &key, "--host-key", &wrong], 8, &wrong),
            (&["server", "add", WEB1, "--host-key", "SHA256:x"], 64, "fingerprint"),
            (&["server", "add", WEB1, "--host-key", "MD5:00"], 64, "fingerprint"),
            (&["server", "add", WEB1, "--host-key", &key, "--accept-new-host-key"], 64, "cannot be used with"),
        ],
    );
    // At a terminal they are shown, and a person decides.
    let before = fleet.world();
    let no = at_terminal(&fleet, "no\n", "server add web1.example.com --stage test");
    assert_eq!(no.status, 130, "{}", no.stdout);
    assert!(no.stdout.contains(&key), "{}", no.stdout);
    fleet.assert_unchanged(&before, "a no");
    let yes = at_terminal(&fleet, "yes\n", "server add web1.example.com --stage test");
    assert_eq!(yes.status, 0, "{}", yes.stdout);
    assert!(pins(&fleet).contains("web1.example.com ssh-ed25519"));
}

#[test]
fn a_new_key_may_be_accepted_a_changed_one_never_is_by_itself() {
    let fleet = Fleet::bare(BINARY, &["web1"]);
    let web1 = &fleet.remotes[0];
    fleet.bootstrap(web1, &[]).ok();
    let old = Fleet::fingerprint(web1);
    fleet.add(web1, &["--accept-new-host-key"]).ok();
    let pinned = pins(&fleet);
    change_key(web1);
    let new = Fleet::fingerprint(web1);
    assert_ne!(old, new);
    for args in [
        &["server", "verify", WEB1][..],
        &["server", "edit", WEB1, "--accept-new-host-key"],
        &["server", "edit", WEB1, "--stage", "dev"],
        &["server", "delete", WEB1, "--yes"],
    ] {
        let run = fleet.aegir(args.iter().copied());
        assert_eq!(run.status, 8, "{args:?}: {}", run.stderr);
        assert!(run.stderr.contains(&old) && run.stderr.contains(&new), "both fingerprints: {}", run.stderr);
        assert!(run.stderr.contains(&format!("aegir server edit {WEB1} --host-key {new}")), "{}", run.stderr);
    }
    assert_eq!(pinned, pins(&fleet), "a changed key was pinned");
    let still = fleet.aegir(["server", "edit", WEB1, "--host-key", &old]);
    assert_eq!(still.status, 8, "a key that it does not show: {}", still.stderr);

    fleet.aegir(["server", "edit", WEB1, "--host-key", &new]).ok();
    assert_eq!(pins(&fleet).lines().count(), 1, "{}", pins(&fleet));
    fleet.aegir(["server", "verify", WEB1]).ok();
    let shown = fleet.json(["server", "show", WEB1]);
    assert_eq!(shown["item"]["host_keys"][0]["fingerprint"], new.as_str());
}

#[test]
fn a_key_that_changes_back_in_the_middle_is_put_back_too() {
    let fleet = Fleet::new(BINARY, &["web1"]);
    change_key(&fleet.remotes[0]);
    let new = Fleet::fingerprint(&fleet.remotes[0]);
    let args = ["server", "edit", WEB1, "--host-key", &new, "--set", "web.port=8080"];
    aegir_testkit::breaking::break_every_step(&fleet, &fleet.remotes, &args);
    assert!(fleet.aegir(["server", "verify", WEB1]).success());
}
