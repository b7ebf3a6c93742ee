//! Two tasks on one subject, and one that is stopped.

use std::time::Duration;

use aegir_core::ErrorKind;
use aegir_core::engine::{Faults, Outcome};

use crate::meddler::{At, Meddler};
use crate::world::{KINDS, World};

#[tokio::test]
async fn a_second_task_is_refused_by_name() {
    for kind in KINDS {
        let mut world = World::new(kind).await;
        let real = world.toy.inventory.clone();
        let slow = Meddler::new(real.clone(), At::WaitBefore(4));
        world.toy.inventory = slow.clone();
        let aegir = world.toy.aegir(Faults::default()).unwrap();
        let running = aegir.submit(world.toy.plan(&aegir).await.unwrap()).await.unwrap();
        slow.reached().await;

        world.toy.inventory = real;
        let other = world.toy.aegir(Faults::default()).unwrap();
        let now = world.toy.world();
        let planned = world.toy.plan(&other).await.unwrap();
        let error = other.submit(planned.clone()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Locked);
        assert!(error.message().contains(&format!("task {}", running.id)), "{error:?}");
        assert_eq!(world.toy.world(), now);

        slow.go_on();
        let outcome = running.outcome().await.unwrap();
        assert!(matches!(outcome, Outcome::Done { .. }), "{outcome:?}");
        // The lock is free, but the world is another: the refused plan was made half-way.
        assert_eq!(other.submit(planned).await.unwrap_err().kind(), ErrorKind::Conflict);
        assert_eq!(world.picture().await, World::done(kind).await);
    }
}

#[tokio::test]
async fn a_stopped_task_is_taken_back() {
    for kind in KINDS {
        for event in [1, 2, 5, 9, 14] {
            let mut world = World::new(kind).await;
            let before = world.picture().await;
            let real = world.toy.inventory.clone();
            let slow = Meddler::new(real.clone(), At::WaitBefore(event));
            world.toy.inventory = slow.clone();
            let aegir = world.toy.aegir(Faults::default()).unwrap();
            let running = aegir.submit(world.toy.plan(&aegir).await.unwrap()).await.unwrap();
            tokio::time::timeout(Duration::from_secs(10), slow.reached()).await.unwrap();
            running.cancel.ask("somebody").await.unwrap();
            slow.go_on();
            let outcome = running.outcome().await.unwrap();
            let Outcome::RolledBack(report) = outcome else { panic!("{event}: {outcome:?}") };
            assert_eq!(report.kind, ErrorKind::Interrupted);
            world.toy.inventory = real;
            assert_eq!(world.picture().await, before, "{kind:?} {event}");
        }
    }
}
