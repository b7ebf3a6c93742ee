//! Twenty servers, of which three are dead, two slow and one silent: the healthy ones do not notice.

use std::time::Duration;

use aegir_testkit::fleet::Fleet;
use serde_json::Value;

use crate::BINARY;
use crate::fault::{Fault, impatient};

const HEALTHY: usize = 14;

#[test]
fn the_healthy_finish_while_the_others_are_waited_for() {
    let names: Vec<String> = (1..=20).map(|n| format!("web{n}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let fleet = Fleet::new(BINARY, &names);
    impatient(&fleet);
    // Everybody has a connection: what dies now dies behind an open one, but for the first, which is dialled.
    fleet.master.aegir(["server", "verify", "--all"]).ok();
    for (name, fault) in [("web1", Fault::Cut), ("web2", Fault::Killed), ("web3", Fault::HalfCut), ("web6", Fault::Silent)] {
        fault.strike(fleet.host(name));
    }
    for name in ["web4", "web5"] {
        // A kilobyte each second.
        fleet.host(name).slow(8, Duration::ZERO).unwrap();
    }
    let run = fleet.master.aegir(["server", "verify", "--all", "--json"]);
    assert_eq!(run.status, 3, "{run:?}");
    let list: Value = serde_json::from_str(&run.stdout).unwrap();
    let items = list["items"].as_array().unwrap();
    assert_eq!(items.len(), 21, "the master and twenty more: {list}");
    let place = |item: &Value| names.iter().position(|n| item["name"] == format!("{n}.example.com"));
    let (mut last_healthy, mut first_dead) = (0.0_f64, f64::MAX);
    for item in items {
        let seconds = item["seconds"].as_f64().unwrap();
        match place(item) {
            Some(0..=2 | 5) => {
                assert_eq!(item["error"]["kind"], "unreachable", "{item}");
                // Nobody listens on the second: that is known at once.
                if item["name"] != "web2.example.com" {
                    first_dead = first_dead.min(seconds);
                }
            }
            // The slow ones may or may not make it in time; whatever is said of them is so.
            Some(3 | 4) => assert!(item["result"] == "nothing_to_do" || item["error"]["kind"] == "unreachable", "{item}"),
            _ => {
                assert_eq!(item["result"], "nothing_to_do", "{item}");
                last_healthy = last_healthy.max(seconds);
            }
        }
    }
    assert!(items.iter().filter(|i| i["result"] == "nothing_to_do").count() > HEALTHY);
    assert!(last_healthy < first_dead, "the last healthy one ended after {last_healthy} s, the first dead one after {first_dead} s");
}
