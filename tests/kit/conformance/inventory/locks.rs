//! Leases: who keeps whom out, and for how long.

use aegir_core::ErrorKind;
use aegir_core::inventory::LeaseMode::{Exclusive, Shared};
use aegir_core::inventory::{Inventory, Lease, TaskId};
use chrono::{TimeDelta, Utc};

use super::sample::{lease, worker};

async fn refused(inventory: &dyn Inventory, wanted: &Lease, holder: i64) {
    let error = inventory.acquire(wanted).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Locked);
    assert!(error.message().contains(&format!("task {holder}")), "{error:?} does not name task {holder}");
}

async fn held(inventory: &dyn Inventory) -> Vec<(String, i64)> {
    let mut held: Vec<_> = inventory.leases().await.unwrap().into_iter().map(|l| (l.key, l.task.0)).collect();
    held.sort();
    held
}

pub(super) async fn exclusive_and_shared(inventory: &dyn Inventory) {
    let first = lease("site a.org", Exclusive, 1);
    inventory.acquire(&first).await.unwrap();
    assert_eq!(inventory.leases().await.unwrap(), [first]);
    refused(inventory, &lease("site a.org", Exclusive, 2), 1).await;
    refused(inventory, &lease("site a.org", Shared, 2), 1).await;
    inventory.acquire(&lease("site b.org", Exclusive, 2)).await.unwrap();
    inventory.acquire(&lease("server web1", Shared, 1)).await.unwrap();
    inventory.acquire(&lease("server web1", Shared, 2)).await.unwrap();
    inventory.release(TaskId(2), Some("server web1")).await.unwrap();
    refused(inventory, &lease("server web1", Exclusive, 2), 1).await;
    assert_eq!(held(inventory).await, [("server web1".into(), 1), ("site a.org".into(), 1), ("site b.org".into(), 2)]);
}

pub(super) async fn one_task_may_change_its_mode(inventory: &dyn Inventory) {
    inventory.acquire(&lease("server web1", Shared, 1)).await.unwrap();
    inventory.acquire(&lease("server web1", Exclusive, 1)).await.unwrap();
    refused(inventory, &lease("server web1", Shared, 2), 1).await;
    inventory.acquire(&lease("server web1", Shared, 1)).await.unwrap();
    inventory.acquire(&lease("server web1", Shared, 2)).await.unwrap();
    refused(inventory, &lease("server web1", Exclusive, 1), 2).await;
    assert_eq!(held(inventory).await, [("server web1".into(), 1), ("server web1".into(), 2)]);
    assert!(inventory.leases().await.unwrap().iter().all(|l| l.mode == Shared), "a refused change of mode was kept");
}

pub(super) async fn an_expired_lease_is_none(inventory: &dyn Inventory) {
    inventory.acquire(&Lease { expires: Utc::now() - TimeDelta::seconds(1), ..lease("site a.org", Exclusive, 1) }).await.unwrap();
    assert_eq!(inventory.leases().await.unwrap(), []);
    inventory.acquire(&lease("site a.org", Exclusive, 2)).await.unwrap();
    let soon = Utc::now() + TimeDelta::milliseconds(60);
    inventory.acquire(&Lease { expires: soon, ..lease("site b.org", Exclusive, 1) }).await.unwrap();
    while Utc::now() <= soon {
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    inventory.acquire(&lease("site b.org", Exclusive, 2)).await.unwrap();
    assert_eq!(held(inventory).await, [("site a.org".into(), 2), ("site b.org".into(), 2)]);
}

pub(super) async fn extend_and_release(inventory: &dyn Inventory) {
    for key in ["site a.org", "server web1"] {
        inventory.acquire(&lease(key, Exclusive, 1)).await.unwrap();
    }
    inventory.acquire(&lease("site b.org", Exclusive, 2)).await.unwrap();
    let later = Utc::now() + TimeDelta::hours(1);
    inventory.extend(TaskId(1), &worker(9), later).await.unwrap();
    for lease in inventory.leases().await.unwrap() {
        let moved = lease.expires == later && lease.worker == worker(9);
        assert_eq!(moved, lease.task == TaskId(1), "{lease:?}");
    }
    inventory.release(TaskId(1), Some("site a.org")).await.unwrap();
    inventory.release(TaskId(1), Some("site b.org")).await.unwrap();
    assert_eq!(held(inventory).await, [("server web1".into(), 1), ("site b.org".into(), 2)]);
    inventory.release(TaskId(1), None).await.unwrap();
    inventory.release(TaskId(77), None).await.unwrap();
    assert_eq!(held(inventory).await, [("site b.org".into(), 2)]);
}
