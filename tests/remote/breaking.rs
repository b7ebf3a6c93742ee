//! Every step of every task on a remote server broken: rolled back, and all worlds as they were.

use aegir_testkit::lab::Base;

use crate::fleet::Fleet;

/// Breaks each step of a task in both ways, every apply and undo run twice; the task must roll back on every machine.
fn break_every_step(fleet: &Fleet, args: &[&str]) {
    let plan = fleet.master.json(args.iter().copied().chain(["--dry-run"]));
    let steps = plan["item"]["steps"].as_array().map_or(0, |steps| steps.iter().filter(|s| s["after_commit"] == false).count());
    assert!(steps > 0, "{args:?} has no steps to break");
    let before = (fleet.worlds(), fleet.master.knowledge());
    for step in 0..steps {
        for fault in ["fail-before", "fail-after"] {
            let what = format!("{args:?} with {fault}:{step},twice");
            let run = fleet.master.faulty(&format!("{fault}:{step},twice"), args.iter().copied().chain(["--yes"]));
            assert_eq!(run.status, 1, "{what} ended with {}: {}", run.status, run.stderr);
            fleet.assert_unchanged(&before.0, &what);
            assert_eq!(before.1, fleet.master.knowledge(), "{what} changed the inventory");
        }
    }
    fleet.master.faulty("twice", args.iter().copied().chain(["--yes"])).ok();
}

#[test]
fn of_a_platform() {
    let fleet = Fleet::of(&["web1"]);
    let path = "/var/aegir/platforms/wp";
    let before = fleet.worlds();
    break_every_step(&fleet, &["platform", "add", "wp", "--path", path, "--server", "web1.example.com", "--from", Base::WORDPRESS]);
    fleet.master.host.exec(["sh", "-c", &format!("cd {path} && echo '// new' >> index.php && rm readme.html && echo x > new.txt")]).ok();
    fleet.host("web1").exec(["sh", "-c", "echo '# by hand' >> /var/aegir/config/web1.example.com/platform.d/wp.conf"]).ok();
    break_every_step(&fleet, &["platform", "verify", "wp"]);
    break_every_step(&fleet, &["platform", "delete", "wp"]);
    fleet.assert_unchanged(&before, "a platform that came and went");
}

#[test]
fn of_a_site() {
    let fleet = Fleet::with_wordpress();
    let before = fleet.worlds();
    break_every_step(&fleet, &["site", "install", "two.example.com", "--platform", "wp", "--title", "Two"]);
    assert_eq!(fleet.page("two.example.com").status, 200);
    break_every_step(&fleet, &["site", "delete", "two.example.com"]);
    assert_eq!(fleet.page("two.example.com").status, 404);
    fleet.master.host.exec(["sh", "-c", "rm /var/aegir/backups/two*.tar.zst"]).ok();
    fleet.assert_unchanged(&before, "a site that came and went");
}
