//! Servers and platforms: revisions, order, deletes.

use aegir_core::ErrorKind;
use aegir_core::entity::{Platform, Server};
use aegir_core::inventory::Inventory;

use super::sample::{platform, platform_name, server, server_name};

pub(super) async fn revisions_count_saves(inventory: &dyn Inventory) {
    let first = server("web1");
    assert_eq!(inventory.server(&first.name).await.unwrap(), None);
    assert_eq!(inventory.save_server(&first).await.unwrap(), 1);
    let stored = inventory.server(&first.name).await.unwrap().unwrap();
    assert_eq!(stored, Server { revision: 1, ..first.clone() });
    let again = inventory.save_server(&first).await.unwrap_err();
    assert_eq!(again.kind(), ErrorKind::Conflict, "a server that exists was saved as new");
    let changed = Server { user: "other".into(), ..stored };
    assert_eq!(inventory.save_server(&changed).await.unwrap(), 2);
    assert_eq!(inventory.save_server(&changed).await.unwrap_err().kind(), ErrorKind::Conflict);
    assert_eq!(inventory.server(&first.name).await.unwrap().unwrap(), Server { revision: 2, ..changed });

    let first = platform("d10", "web1");
    assert_eq!(inventory.save_platform(&first).await.unwrap(), 1);
    let stored = inventory.platform(&first.name).await.unwrap().unwrap();
    assert_eq!(stored, Platform { revision: 1, ..first.clone() });
    assert_eq!(inventory.save_platform(&first).await.unwrap_err().kind(), ErrorKind::Conflict);
    assert_eq!(inventory.save_platform(&stored).await.unwrap(), 2);
    let ahead = Platform { revision: 9, ..first };
    assert_eq!(inventory.save_platform(&ahead).await.unwrap_err().kind(), ErrorKind::Conflict, "a revision that never was");
}

pub(super) async fn lists_are_sorted(inventory: &dyn Inventory) {
    for name in ["web2", "web10", "db-1", "web1"] {
        inventory.save_server(&server(name)).await.unwrap();
    }
    let names: Vec<_> = inventory.servers().await.unwrap().into_iter().map(|s| s.name.to_string()).collect();
    assert_eq!(names, ["db-1", "web1", "web10", "web2"]);
    for name in ["b", "C", "a"] {
        inventory.save_platform(&platform(name, "web1")).await.unwrap();
    }
    let names: Vec<_> = inventory.platforms().await.unwrap().into_iter().map(|p| p.name.to_string()).collect();
    assert_eq!(names, ["C", "a", "b"]);
}

pub(super) async fn deletes_are_quiet(inventory: &dyn Inventory) {
    inventory.delete_server(&server_name("nobody")).await.unwrap();
    inventory.delete_platform(&platform_name("nothing")).await.unwrap();
    inventory.save_server(&server("web1")).await.unwrap();
    inventory.save_platform(&platform("d10", "web1")).await.unwrap();
    inventory.delete_server(&server_name("web1")).await.unwrap();
    inventory.delete_platform(&platform_name("d10")).await.unwrap();
    assert_eq!(inventory.server(&server_name("web1")).await.unwrap(), None);
    assert_eq!(inventory.platform(&platform_name("d10")).await.unwrap(), None);
    assert_eq!(inventory.save_server(&server("web1")).await.unwrap(), 1, "a deleted name begins anew");
}
