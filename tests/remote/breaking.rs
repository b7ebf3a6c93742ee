//! Every step of every task on a remote server broken: rolled back, and all worlds as they were.

use aegir_testkit::lab::Base;

use crate::fleet::Fleet;

/// Breaks each step of a task in both ways, every apply and undo run twice; the task must roll back on every machine.
fn break_every_step(fleet: &Fleet, args: &[&str]) {
    let plan = fleet.json(args.iter().copied().chain(["--dry-run"]));
    let steps = plan["item"]["steps"].as_array().map_or(0, |steps| steps.iter().filter(|s| s["after_commit"] == false).count());
    assert!(steps > 0, "{args:?} has no steps to break");
    let before = (fleet.worlds(), fleet.knowledge());
    for step in 0..steps {
        for fault in ["fail-before", "fail-after"] {
            let what = format!("{args:?} with {fault}:{step},twice");
            let run = fleet.faulty(&format!("{fault}:{step},twice"), args.iter().copied().chain(["--yes"]));
            assert_eq!(run.status, 1, "{what} ended with {}: {}", run.status, run.stderr);
            fleet.assert_unchanged(&before.0, &what);
            assert_eq!(before.1, fleet.knowledge(), "{what} changed the inventory");
        }
    }
    fleet.faulty("twice", args.iter().copied().chain(["--yes"])).ok();
}

#[test]
fn of_a_platform() {
    let fleet = Fleet::of(&["web1"]);
    // All that is looked at while planning, and little to copy and to compare.
    let (path, from) = ("/var/aegir/platforms/wp", "/var/aegir/small");
    let needed = "index.php readme.html wp-includes/version.php wp-content/themes/twentytwentythree/style.css";
    let copy = format!("mkdir {from} && cd {} && cp --parents {needed} {from}", Base::WORDPRESS);
    fleet.host.exec_as("aegir", ["sh", "-c", &copy]).ok();
    let before = fleet.worlds();
    break_every_step(&fleet, &["platform", "add", "wp", "--path", path, "--server", "web1.example.com", "--from", from]);
    fleet
        .host
        .exec_as("aegir", ["sh", "-c", &format!("cd {path} && echo '// new' >> index.php && rm readme.html && echo x > new.txt")])
        .ok();
    fleet
        .remote("web1")
        .exec([
            "sh",
            "-c",
            "echo '# by hand' >> /var/aegir/config/web1.example.com/platform.d/wp.conf && /usr/local/lib/aegir/helper apache apply",
        ])
        .ok();
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
    fleet.host.exec(["sh", "-c", "rm /var/aegir/backups/two*.tar.zst"]).ok();
    fleet.assert_unchanged(&before, "a site that came and went");
}
