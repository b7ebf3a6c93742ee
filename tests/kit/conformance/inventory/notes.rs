//! What checks found: the last look counts, and goes with its server.

use aegir_core::inventory::{Inventory, NotedCheck};
use aegir_core::service::Check;
use chrono::DateTime;

use super::sample::{server, server_name};

fn noted(name: &str, seconds: i64) -> NotedCheck {
    NotedCheck {
        at: DateTime::from_timestamp(seconds, 123_456_789).unwrap(), check: Check::warn(name, "Ünïcode “evidence”", "`mend it`")
    }
}

pub(super) async fn the_last_look_replaces_the_one_before(inventory: &dyn Inventory) {
    let (web1, web2) = (server_name("web1"), server_name("web2"));
    assert_eq!(inventory.noted_checks(&web1).await.unwrap(), []);
    // A server is looked at before it is enrolled.
    let first = [noted("user", 1), noted("disk", 2), noted("clock", 3)];
    inventory.note_checks(&web1, &first).await.unwrap();
    inventory.note_checks(&web2, &[noted("other", 1)]).await.unwrap();
    assert_eq!(inventory.noted_checks(&web1).await.unwrap(), first, "in the order in which they were noted");
    let second = [noted("disk", 5), noted("user", 4)];
    inventory.note_checks(&web1, &second).await.unwrap();
    assert_eq!(inventory.noted_checks(&web1).await.unwrap(), second);
    assert_eq!(inventory.noted_checks(&web2).await.unwrap(), [noted("other", 1)]);
    inventory.note_checks(&web1, &[]).await.unwrap();
    assert_eq!(inventory.noted_checks(&web1).await.unwrap(), []);
}

pub(super) async fn a_server_takes_its_notes_with_it(inventory: &dyn Inventory) {
    let web1 = server("web1");
    inventory.save_server(&web1).await.unwrap();
    inventory.note_checks(&web1.name, &[noted("user", 1)]).await.unwrap();
    let stored = inventory.server(&web1.name).await.unwrap().unwrap();
    inventory.save_server(&stored).await.unwrap();
    assert_eq!(inventory.noted_checks(&web1.name).await.unwrap().len(), 1, "a saved server keeps them");
    inventory.delete_server(&web1.name).await.unwrap();
    assert_eq!(inventory.noted_checks(&web1.name).await.unwrap(), []);
}
