//! An undo that cannot succeed: the report says where and what to do by hand, and a retry ends it.

use aegir_core::ErrorKind;
use aegir_core::engine::{Fails, Faults, Outcome};
use aegir_core::inventory::{Lease, LeaseMode, TaskFilter, TaskId, TaskState, Worker};
use aegir_core::testing::Toy;
use chrono::{TimeDelta, Utc};

use crate::world::{FORWARD, KINDS, Kind, World};

async fn stick(world: &World, step: usize) -> TaskId {
    let outcome = world.run(Faults { fail: Some(Fails::After(FORWARD - 1)), fail_undo: Some(step), ..Faults::default() }).await;
    let Outcome::Stuck(report) = outcome else { panic!("{outcome:?}") };
    assert_eq!(report.kind, ErrorKind::Stuck);
    assert!(report.message.contains("server_master"), "{report:?}");
    assert!(report.context.contains(&("server".into(), "server_master".into())), "{report:?}");
    assert!(report.hints[0].starts_with("by hand: on server_master:"), "{report:?}");
    let task = world.toy.inventory.tasks(&TaskFilter { limit: 1, ..TaskFilter::default() }).await.unwrap().remove(0);
    assert!(report.hints[1].contains(&format!("aegir task retry {}", task.id)), "{report:?}");
    assert_eq!(task.state, TaskState::Stuck);
    assert_eq!(world.toy.inventory.leases().await.unwrap(), [], "a stuck task keeps nobody out");
    task.id
}

#[tokio::test]
async fn a_retry_takes_back_the_rest() {
    for (kind, step) in KINDS.into_iter().zip([0, 2]) {
        let world = World::new(kind).await;
        let before = world.picture().await;
        let id = stick(&world, step).await;
        assert_ne!(world.picture().await, before);
        let outcome = world.toy.aegir(Faults::default()).unwrap().retry(id).await.unwrap();
        assert!(matches!(outcome, Outcome::RolledBack(_)), "{outcome:?}");
        assert_eq!(world.picture().await, before);
        let again = world.toy.aegir(Faults::default()).unwrap().retry(id).await.unwrap_err();
        assert_eq!(again.kind(), ErrorKind::Conflict, "what is rolled back is not tried again");
    }
}

#[tokio::test]
async fn a_retry_waits_for_nobody_and_disturbs_nobody() {
    let world = World::new(Kind::Memory).await;
    let id = stick(&world, 0).await;
    let worker = Worker { machine: "elsewhere".into(), pid: 1, started: 1 };
    let lease = Lease {
        key: Toy::owner().to_string(),
        mode: LeaseMode::Exclusive,
        worker,
        task: TaskId(77),
        expires: Utc::now() + TimeDelta::minutes(5),
    };
    world.toy.inventory.acquire(&lease).await.unwrap();
    let error = world.toy.aegir(Faults::default()).unwrap().retry(id).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Locked);
    assert!(error.message().contains("task 77"), "{error:?}");
    assert_eq!(world.toy.inventory.task(id).await.unwrap().unwrap().state, TaskState::Stuck);
}
