//! A server that stops answering in the middle: the task waits, stands in the way of its own subject only, and ends by itself.

use aegir_core::ErrorKind;
use aegir_core::engine::{Fails, Faults, Outcome};
use aegir_core::inventory::{TaskFilter, TaskId, TaskState};
use aegir_core::name::ServerName;
use aegir_core::task::Request;
use aegir_core::testing::Toy;

use crate::world::{FORWARD, KINDS, World};

/// A step fails, and at the undo of another the server does not answer any more.
fn lost(step: usize) -> Faults {
    Faults { fail: Some(Fails::After(FORWARD - 1)), lose_undo: Some(step), ..Faults::default() }
}

async fn lose(world: &World, step: usize) -> TaskId {
    let outcome = world.run(lost(step)).await;
    let Outcome::Waiting(report) = outcome else { panic!("{outcome:?}") };
    assert_eq!(report.kind, ErrorKind::Unreachable);
    assert!(report.context.contains(&("server".into(), "server_master".into())), "{report:?}");
    let task = world.toy.inventory.tasks(&TaskFilter { limit: 1, ..TaskFilter::default() }).await.unwrap().remove(0);
    assert_eq!(task.state, TaskState::Waiting);
    let held: Vec<String> = world.toy.inventory.leases().await.unwrap().into_iter().map(|lease| lease.key).collect();
    assert_eq!(held, [Toy::subject().to_string()], "while a server is gone nobody builds on what is half-way");
    task.id
}

#[tokio::test]
async fn whoever_comes_next_takes_back_the_rest() {
    for (kind, step) in KINDS.into_iter().zip([0, 3]) {
        let world = World::new(kind).await;
        let before = world.picture().await;
        let id = lose(&world, step).await;
        assert_ne!(world.picture().await, before);
        let aegir = world.toy.aegir(Faults::default()).unwrap();
        let request = Request::VerifyServer { server: ServerName::master() };
        let ended = aegir.make_way(&request).await.unwrap().recovered;
        assert!(matches!(&ended[..], [one] if one.id == id && matches!(one.outcome, Outcome::RolledBack(_))), "{ended:?}");
        assert_eq!(world.picture().await, before);
        assert!(aegir.make_way(&request).await.unwrap().recovered.is_empty(), "what is over is over");
    }
}

#[tokio::test]
async fn while_the_server_is_gone_its_subject_is_left_alone() {
    for kind in KINDS {
        let world = World::new(kind).await;
        let healthy = world.toy.aegir(Faults::default()).unwrap();
        let id = lose(&world, 2).await;
        let between = world.picture().await;
        let aegir = world.toy.aegir(lost(2)).unwrap();
        let refused = aegir.make_way(&Request::VerifyServer { server: ServerName::master() }).await.unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::Unreachable);
        assert!(refused.message().contains(&format!("task {id} ")), "{refused:?}");
        let planned = world.toy.plan(&aegir).await.unwrap();
        let refused = aegir.submit(planned).await.unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::Unreachable, "{refused:?}");
        assert_eq!(world.picture().await, between);
        let other = Request::VerifyServer { server: "web1".parse().unwrap() };
        assert!(aegir.make_way(&other).await.unwrap().recovered.is_empty(), "another server is no business of this task");
        assert!(matches!(healthy.recover().await.unwrap()[..], [ref one] if matches!(one.outcome, Outcome::RolledBack(_))));
    }
}

#[tokio::test]
async fn a_plan_that_comes_after_runs_on_a_mended_world() {
    for kind in KINDS {
        let world = World::new(kind).await;
        lose(&world, 1).await;
        let aegir = world.toy.aegir(Faults::default()).unwrap();
        // Made while the world was half-way: submitting mends the world first, and then the plan no longer fits.
        let planned = world.toy.plan(&aegir).await.unwrap();
        assert_eq!(aegir.submit(planned).await.unwrap_err().kind(), ErrorKind::Conflict);
        let outcome = world.run(Faults::default()).await;
        assert!(matches!(outcome, Outcome::Done { .. }), "{outcome:?}");
        assert_eq!(world.picture().await, World::done(kind).await);
    }
}
