//! Nothing goes wrong: the plan runs, and there is nothing left to plan.

use aegir_core::engine::{Faults, Outcome};
use aegir_core::event::{EventKind, Verdict};
use aegir_core::inventory::{TaskFilter, TaskState};

use crate::world::{CLEANUP, FORWARD, KINDS, World};

#[tokio::test]
async fn it_runs_and_a_second_plan_is_empty() {
    for kind in KINDS {
        let world = World::new(kind).await;
        let aegir = world.toy.aegir(Faults::default()).unwrap();
        let planned = world.toy.plan(&aegir).await.unwrap();
        assert_eq!(planned.steps.len(), FORWARD + CLEANUP);
        let before = world.picture().await;
        let running = aegir.submit(planned).await.unwrap();
        let (id, log) = (running.id, running.log.clone());
        let outcome = running.outcome().await.unwrap();
        assert!(matches!(outcome, Outcome::Done { changed, warnings: 0 } if changed == FORWARD + CLEANUP), "{outcome:?}");
        assert_ne!(world.picture().await.files, before.files);
        assert!(world.toy.plan(&aegir).await.unwrap().is_empty(), "{kind:?}");

        // What was followed is what was stored, but for what may be lost.
        let stored: Vec<_> = world.toy.inventory.entries(id, 0).await.unwrap().into_iter().map(|e| e.event).collect();
        let followed: Vec<_> = log.from(0).0.into_iter().filter(|e| !matches!(e.kind, EventKind::Progress { .. })).collect();
        assert_eq!(followed, stored);
        assert!(matches!(stored[0].kind, EventKind::TaskStarted { .. }));
        assert!(matches!(stored.last().unwrap().kind, EventKind::TaskFinished { verdict: Verdict::Done, .. }));
        let tasks = world.toy.inventory.tasks(&TaskFilter { state: Some(TaskState::Done), ..TaskFilter::default() }).await.unwrap();
        assert!(tasks.iter().all(|t| t.ended.is_some()) && tasks[0].id == id);
        assert_eq!(world.toy.inventory.leases().await.unwrap(), []);
    }
}

#[tokio::test]
async fn every_change_may_run_twice() {
    for kind in KINDS {
        let world = World::new(kind).await;
        let outcome = world.run(Faults { twice: true, ..Faults::default() }).await;
        assert!(matches!(outcome, Outcome::Done { .. }), "{outcome:?}");
        assert_eq!(world.picture().await, World::done(kind).await);
    }
}
