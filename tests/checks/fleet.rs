//! Many servers at once: the dead delay nobody, the order is stable, what was found is remembered.

use std::time::Instant;

use aegir_testkit::lab::Service;

use crate::pair::{Pair, remote};

#[test]
fn a_dead_server_delays_nobody_and_the_last_checks_are_remembered() {
    let pair = Pair::new();
    let web2 = remote(&pair.master, "web2");
    pair.enrol("web2");
    let notes = |server: &str| pair.master.json(["server", "show", server])["item"]["checks"].clone();
    let named = |notes: &serde_json::Value, name: &str| notes.as_array().unwrap().iter().find(|n| n["name"] == name).cloned();
    // Enrolment looked, so there is something to show.
    assert_eq!(named(&notes("web2"), "web.php").unwrap()["finding"], "pass");
    let shown = pair.master.aegir(["server", "show", "web2"]).ok();
    assert!(shown.contains("Last checks") && shown.contains("just now"), "{shown}");

    let (all, status) = pair.ask(&["doctor"]);
    assert_eq!(status, 0, "{all:?}");
    let order: Vec<String> = pair.master.aegir(["doctor"]).ok().lines().skip(1).map(|l| l.split(' ').next().unwrap().to_owned()).collect();
    assert!(order.is_sorted() && order.len() == all.len(), "{order:?}");

    // Two of three are gone; the third is looked at meanwhile.
    pair.disconnect(&pair.web1);
    web2.power_off();
    pair.web1.cut();
    let begun = Instant::now();
    let (all, status) = pair.ask(&["doctor"]);
    assert_eq!(status, 3, "{all:?}");
    assert!(begun.elapsed().as_secs() < 25, "{:?}", begun.elapsed());
    let finding = |server: &str, check: &str| all[&(server.to_owned(), check.to_owned())].finding.clone();
    assert_eq!([finding("web1", "reachable"), finding("web2", "reachable"), finding("web1", "web")], ["fail", "fail", "skipped"]);
    assert_eq!(finding("server_master", "web.answers"), "pass");
    // What could not be looked at keeps what it was found to be.
    let kept = notes("web1");
    assert_eq!(named(&kept, "reachable").unwrap()["finding"], "fail");
    assert_eq!(named(&kept, "web.php").unwrap()["finding"], "pass");
    assert!(named(&kept, "reachable").unwrap()["at"].as_str() > named(&kept, "web.php").unwrap()["at"].as_str());
    pair.web1.heal();

    // One check alone changes only its own note; a dry run notes nothing; a refused verify notes what refused it.
    pair.disconnect(&pair.web1);
    pair.ask(&["doctor", "web1"]);
    let before = notes("web1");
    pair.web1.kill(Service::PhpFpm);
    let rows = pair.master.rows();
    let dry = pair.master.aegir(["server", "verify", "web1", "--dry-run"]);
    assert_eq!(dry.status, 8, "{}", dry.stderr);
    assert_eq!(rows, pair.master.rows());
    let (some, status) = pair.ask(&["server", "verify", "web1", "--check", "php", "--check", "sudo"]);
    assert_eq!((some.len(), status), (2, 8), "{some:?}");
    let after = notes("web1");
    assert_eq!(named(&after, "web.php").unwrap()["finding"], "fail");
    assert_eq!(named(&after, "disk"), named(&before, "disk"));
    pair.web1.exec(["apache2ctl", "stop"]).ok();
    let refused = pair.master.aegir(["server", "verify", "web1"]);
    assert_eq!(refused.status, 8, "{}", refused.stderr);
    assert_eq!(named(&notes("web1"), "web.answers").unwrap()["finding"], "fail");
    let unknown = pair.master.aegir(["server", "verify", "web1", "--check", "nonsense"]);
    assert!(unknown.status == 5 && unknown.stderr.contains("web.php"), "{}", unknown.stderr);
}
