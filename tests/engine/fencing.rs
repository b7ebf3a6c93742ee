//! A worker that slept for longer than it may: its task is another's by then, and it changes nothing any more.

use std::time::Duration;

use aegir_core::engine::{Faults, Outcome};
use aegir_core::inventory::TaskState;
use aegir_core::settings::{Provenance, Settings};
use aegir_core::{Aegir, ErrorKind};

use crate::meddler::{At, Meddler};
use crate::world::{KINDS, World};

fn impatient() -> Settings {
    let mut settings = Settings::default();
    settings.set("lease_seconds", "1", Provenance::Default).unwrap();
    settings
}

fn aegir(world: &World) -> Aegir {
    world.toy.builder(Faults::default()).unwrap().settings(impatient()).build()
}

/// A6: stopped at every event; another takes over and works on the same subject; then the first one wakes up.
#[tokio::test(flavor = "multi_thread")]
async fn a6_a_sleeper_changes_nothing_any_more() {
    for kind in KINDS {
        for event in [1, 2, 3, 7, 12, 19, 20] {
            let mut world = World::new(kind).await;
            let real = world.toy.inventory.clone();
            let sleeper = Meddler::new(real.clone(), At::SleepBefore(event));
            world.toy.inventory = sleeper.clone();
            let first = aegir(&world);
            let running = first.submit(world.toy.plan(&first).await.unwrap()).await.unwrap();
            let id = running.id;
            sleeper.reached().await;

            world.toy.inventory = real.clone();
            let second = aegir(&world);
            // Not before its time is over.
            let early = second.recover().await.unwrap();
            assert!(early.is_empty(), "{early:?}");
            tokio::time::sleep(Duration::from_millis(1100)).await;
            let recovered = second.recover().await.unwrap();
            assert!(recovered.len() == 1 && recovered[0].id == id, "{recovered:?}");
            let state = real.task(id).await.unwrap().unwrap().state;
            assert!(matches!(state, TaskState::Done | TaskState::RolledBack), "{state:?}");
            // Somebody works there as if nothing had been.
            let planned = world.toy.plan(&second).await.unwrap();
            if !planned.is_empty() {
                let outcome = second.submit(planned).await.unwrap().outcome().await.unwrap();
                assert!(matches!(outcome, Outcome::Done { .. }), "{outcome:?}");
            }
            let (picture, entries) = (world.picture().await, real.entries(id, 0).await.unwrap().len());
            sleeper.go_on();
            let error = running.outcome().await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Superseded, "{event}: {error:?}");
            assert_eq!((world.picture().await, real.entries(id, 0).await.unwrap().len()), (picture, entries), "{kind:?}, event {event}");
        }
    }
}

/// A6: one that lives keeps its task for as long as it works.
#[tokio::test(flavor = "multi_thread")]
async fn a6_who_lives_is_not_taken_over() {
    for kind in KINDS {
        let mut world = World::new(kind).await;
        let real = world.toy.inventory.clone();
        let slow = Meddler::new(real.clone(), At::WaitBefore(5));
        world.toy.inventory = slow.clone();
        let first = aegir(&world);
        let running = first.submit(world.toy.plan(&first).await.unwrap()).await.unwrap();
        slow.reached().await;
        tokio::time::sleep(Duration::from_millis(2500)).await;
        world.toy.inventory = real.clone();
        assert!(aegir(&world).recover().await.unwrap().is_empty());
        let task = real.task(running.id).await.unwrap().unwrap();
        assert!(task.expires > real.now().await.unwrap(), "it says that it lives");
        slow.go_on();
        assert!(matches!(running.outcome().await.unwrap(), Outcome::Done { .. }));
    }
}

/// A cancel by another process is seen without a step in between, and the prompt is over at once.
#[tokio::test(flavor = "multi_thread")]
async fn a1_another_process_cancels() {
    for kind in KINDS {
        let mut world = World::new(kind).await;
        let before = world.picture().await;
        let real = world.toy.inventory.clone();
        let slow = Meddler::new(real.clone(), At::WaitBefore(6));
        world.toy.inventory = slow.clone();
        let first = aegir(&world);
        let running = first.submit(world.toy.plan(&first).await.unwrap()).await.unwrap();
        slow.reached().await;
        world.toy.inventory = real.clone();
        assert!(aegir(&world).cancel(running.id).await.unwrap().is_none(), "somebody is at it, and takes it back");
        slow.go_on();
        let Outcome::RolledBack(report) = running.outcome().await.unwrap() else { panic!("it went on") };
        assert_eq!(report.kind, ErrorKind::Interrupted);
        assert!(report.message.contains("the library"), "who asked: {report:?}");
        assert_eq!(world.picture().await, before);
    }
}
