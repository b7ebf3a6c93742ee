//! What is live is destroyed only by somebody who types its name.

use aegir_testkit::fleet::Fleet;

use crate::{BINARY, WEB1, refuse};

#[test]
fn production_wants_the_name() {
    let fleet = Fleet::new(BINARY, &["web1"]);
    fleet.aegir(["server", "edit", WEB1, "--stage", "production"]).ok();
    refuse(
        &fleet,
        &[
            (&["server", "delete", WEB1], 64, "--confirm web1.example.com"),
            (&["server", "delete", WEB1, "--yes"], 64, "--confirm web1.example.com"),
            (&["server", "delete", WEB1, "--yes", "--confirm", "web1"], 64, "not web1.example.com"),
        ],
    );
    assert_eq!(fleet.json(["server", "delete", WEB1, "--dry-run"])["item"]["confirm"], WEB1);
    // A plan that was saved does not forget that it is about what is live.
    fleet.aegir(["server", "delete", WEB1, "--plan-out", "/var/aegir/delete.plan"]).ok();
    refuse(
        &fleet,
        &[
            (&["apply", "/var/aegir/delete.plan"], 64, "--confirm web1.example.com"),
            (&["apply", "/var/aegir/delete.plan", "--confirm", "web1"], 64, "not web1.example.com"),
        ],
    );
    let typed = |what: &str| {
        let line = format!("aegir server delete {WEB1} --yes");
        fleet.host.command(["script", "-qefc", &line, "/dev/null"]).user("aegir").stdin(what).run()
    };
    let yes = typed("yes\n");
    assert_eq!(yes.status, 130, "a plain yes is not enough: {}", yes.stdout);
    assert_eq!(typed(&format!("{WEB1}\n")).status, 0);
    assert_eq!(fleet.aegir(["server", "show", WEB1]).status, 5);
}

#[test]
fn a_saved_plan_with_the_name_is_applied() {
    let fleet = Fleet::new(BINARY, &["web1"]);
    fleet.aegir(["server", "edit", WEB1, "--stage", "production"]).ok();
    fleet.aegir(["server", "delete", WEB1, "--plan-out", "/var/aegir/delete.plan"]).ok();
    fleet.aegir(["apply", "/var/aegir/delete.plan", "--confirm", WEB1]).ok();
    assert_eq!(fleet.aegir(["server", "show", WEB1]).status, 5);
}
