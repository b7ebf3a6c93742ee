//! `server verify` of several while one is struck: what is so is said, the other is done, and a second run mends.

use aegir_testkit::fleet::Fleet;
use serde_json::Value;

use crate::BINARY;
use crate::fault::{Fault, UNREACHABLE, impatient};

fn item<'a>(list: &'a Value, name: &str) -> &'a Value {
    list["items"]
        .as_array()
        .unwrap()
        .iter()
        .find(|i| i["name"] == format!("{name}.example.com"))
        .unwrap_or_else(|| panic!("nothing of {name} in {list}"))
}

#[test]
fn a_struck_server_is_named_and_the_other_is_done() {
    let fleet = Fleet::new(BINARY, &["web1", "web2"]);
    impatient(&fleet);
    let web1 = fleet.host("web1");
    for fault in UNREACHABLE.into_iter().chain([Fault::OtherKey, Fault::NoPhp, Fault::Full]) {
        // Something to do on both, so that "done" is not "nothing to do".
        for host in [web1, fleet.host("web2")] {
            host.exec(["rmdir", "/var/aegir/platforms"]).ok();
        }
        if fault == Fault::OtherKey {
            fleet.master.host.exec(["pkill", "-u", "aegir", "-x", "ssh"]);
        }
        fault.prepare(web1);
        fault.strike(web1);
        let run = fleet.master.aegir(["server", "verify", "web1.example.com", "web2.example.com", "--json"]);
        assert_eq!(run.status, 3, "{fault:?}: {run:?}");
        let list: Value = serde_json::from_str(&run.stdout).unwrap();
        assert_eq!(item(&list, "web2")["result"], "done", "{fault:?}: {list}");
        let failed = item(&list, "web1");
        assert_eq!(failed["result"], "failed", "{fault:?}: {list}");
        let error = failed["error"].to_string();
        let (kind, word) = match fault {
            Fault::OtherKey => ("refused", "another host key"),
            Fault::NoPhp => ("refused", "php"),
            Fault::Full => ("refused", "free"),
            _ => ("unreachable", "web1"),
        };
        assert_eq!(failed["error"]["kind"], kind, "{fault:?}: {error}");
        assert!(error.to_lowercase().contains(word), "{fault:?}: {error}");
        let alone = fleet.master.aegir(["server", "verify", "web1.example.com"]);
        assert_eq!(alone.status, if kind == "unreachable" { 9 } else { 8 }, "{fault:?}: {alone:?}");
        fault.mend(web1);
        fleet.master.aegir(["server", "verify", "--all"]).ok();
        assert!(web1.exists("/var/aegir/platforms"), "{fault:?}");
    }
    let lists = fleet.master.aegir(["server", "verify", "--all", "--json"]).ok();
    let list: Value = serde_json::from_str(&lists).unwrap();
    assert!(list["items"].as_array().unwrap().iter().all(|i| i["result"] == "nothing_to_do"), "{list}");
}
