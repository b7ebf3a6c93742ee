//! Break every step, before and after its work: the world, the ledger and the locks are as they were.

use aegir_core::engine::{Fails, Faults, Outcome};

use crate::world::{CLEANUP, FORWARD, KINDS, World};

#[tokio::test]
async fn a_broken_step_leaves_no_trace() {
    for kind in KINDS {
        for twice in [false, true] {
            for fail in (0..FORWARD).flat_map(|step| [Fails::Before(step), Fails::After(step)]) {
                let world = World::new(kind).await;
                let before = world.picture().await;
                let outcome = world.run(Faults { fail: Some(fail), twice, ..Faults::default() }).await;
                let Outcome::RolledBack(report) = outcome else { panic!("{fail:?}: {outcome:?}") };
                assert!(report.message.contains("a test ordered it"), "{report:?}");
                assert_eq!(world.picture().await, before, "{kind:?} {fail:?} twice: {twice}");
                // And nothing stands in the way of doing it right.
                let outcome = world.run(Faults::default()).await;
                assert!(matches!(outcome, Outcome::Done { warnings: 0, .. }), "{outcome:?}");
                assert_eq!(world.picture().await, World::done(kind).await);
            }
        }
    }
}

#[tokio::test]
async fn a_broken_clean_up_is_a_warning() {
    for kind in KINDS {
        for fail in (FORWARD..FORWARD + CLEANUP).flat_map(|step| [Fails::Before(step), Fails::After(step)]) {
            let world = World::new(kind).await;
            let outcome = world.run(Faults { fail: Some(fail), ..Faults::default() }).await;
            assert!(matches!(outcome, Outcome::Done { changed, warnings: 1 } if changed == FORWARD + CLEANUP - 1), "{outcome:?}");
            let left = world.toy.world().iter().any(|line| line.contains("gone.trash"));
            assert_eq!(left, fail == Fails::Before(FORWARD));
            assert_eq!(world.toy.inventory.leases().await.unwrap(), []);
        }
    }
}
