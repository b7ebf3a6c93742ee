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
    let typed = |what: &str| {
        let line = format!("aegir server delete {WEB1} --yes");
        fleet.host.command(["script", "-qefc", &line, "/dev/null"]).user("aegir").stdin(what).run()
    };
    let yes = typed("yes\n");
    assert_eq!(yes.status, 130, "a plain yes is not enough: {}", yes.stdout);
    assert_eq!(typed(&format!("{WEB1}\n")).status, 0);
    assert_eq!(fleet.aegir(["server", "show", WEB1]).status, 5);
}
