//! `kill -9` in the middle of adding and deleting: recovery gets to a server that the inventory does not have.

use aegir_testkit::fleet::Fleet;

use crate::{BINARY, WEB1, pins};

/// Kills a task when a step has acted and nothing says so yet, for the first step of each of these kinds; recovery must
/// end it.
fn kill_after_steps(fleet: &Fleet, args: &[&str], kinds: &[&str], again: &[&str]) {
    for kind in kinds {
        let plan = fleet.json(args.iter().copied().chain(["--dry-run"]));
        let steps = plan["item"]["steps"].as_array().expect("a plan has steps");
        let step = steps.iter().position(|s| s["action"] == *kind).unwrap_or_else(|| panic!("{args:?} has no step {kind}"));
        let killed = fleet.faulty(&format!("die-apply:{step}"), args.iter().copied());
        assert!(matches!(killed.status, 137 | -9 | 9), "{kind} of {args:?}: {} {}", killed.status, killed.stderr);
        fleet.aegir(["task", "recover"]).ok();
        let task = &fleet.json(["task", "list"])["items"][0];
        match task["state"].as_str() {
            Some("done") => drop(fleet.aegir(again.iter().copied()).ok()),
            Some("rolled_back") => {}
            other => panic!("{kind} of {args:?} ended {other:?}: {}", fleet.aegir(["task", "list"]).stdout),
        }
    }
    fleet.aegir(args.iter().copied()).ok();
}

#[test]
fn of_adding_and_deleting() {
    let fleet = Fleet::bare(BINARY, &["web1"]);
    let web1 = &fleet.remotes[0];
    fleet.bootstrap(web1, &[]).ok();
    let key = Fleet::fingerprint(web1);
    let add = ["server", "add", WEB1, "--stage", "test", "--host-key", &key];
    let delete = ["server", "delete", WEB1, "--yes"];
    kill_after_steps(&fleet, &add, &["server.pin", "web.configure", "record.server"], &delete);
    assert!(fleet.aegir(["server", "verify", WEB1]).stderr.contains("nothing to change"));
    kill_after_steps(&fleet, &delete, &["web.configure", "tree.trash", "forget.server", "tree.purge", "server.pin"], &add);
    assert_eq!(pins(&fleet), "");
    assert_eq!(web1.exec(["ls", "-A", "/var/aegir/config"]).ok(), "includes");
}
