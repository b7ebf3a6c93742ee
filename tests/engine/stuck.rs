//! An undo that cannot succeed: the report says where and what to do by hand, and a retry ends it.

use std::time::Duration;

use aegir_core::ErrorKind;
use aegir_core::action::MakeDir;
use aegir_core::engine::{Fails, Faults, Outcome, Replay};
use aegir_core::entity::{EntityRef, Resource};
use aegir_core::event::EventKind;
use aegir_core::inventory::{Entry, LeaseMode, NewTask, Pass, TaskFilter, TaskId, TaskState};
use aegir_core::name::ServerName;
use aegir_core::plan::{Plan, Planned};
use aegir_core::server::Permissions;
use aegir_core::testing::Toy;

use crate::meddler::{At, Meddler};
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
    let held: Vec<String> = world.toy.inventory.leases().await.unwrap().into_iter().map(|lease| lease.key).collect();
    assert_eq!(held, [Toy::subject().to_string()], "a stuck task holds its subject, and nothing else");
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

/// B28, A2: other work on what is not taken back yet would be built on sand, and be destroyed by a later undo.
#[tokio::test]
async fn b28_other_work_on_its_subject_is_refused_by_number() {
    for kind in KINDS {
        let world = World::new(kind).await;
        let id = stick(&world, 0).await;
        let between = world.picture().await;
        let aegir = world.toy.aegir(Faults::default()).unwrap();
        let planned = world.toy.plan(&aegir).await.unwrap();
        let refused = aegir.submit(planned).await.unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::Locked);
        assert!(refused.message().contains(&format!("task {id}, which is stuck")), "{refused:?}");
        assert!(refused.hints().iter().any(|hint| hint.contains(&format!("aegir task close {id}"))), "{refused:?}");
        assert_eq!(world.picture().await, between);
    }
}

/// A2: somebody cleaned up by hand and said so; what is made afterwards is another's, whatever its name.
#[tokio::test]
async fn a2_what_was_closed_by_hand_is_never_undone() {
    for kind in KINDS {
        let world = World::new(kind).await;
        let before = world.picture().await;
        let id = stick(&world, 0).await;
        let aegir = world.toy.aegir(Faults::default()).unwrap();
        // By hand: the undo that stuck is that of the first directory, and all others ran.
        world.toy.server.take("/srv/dir");
        aegir.close(id).await.unwrap();
        assert_eq!(world.toy.inventory.task(id).await.unwrap().unwrap().state, TaskState::Closed);
        assert_eq!(world.picture().await, before, "the ledger is as if the task had been taken back");
        // And now the same again, to the end.
        let outcome = world.run(Faults::default()).await;
        assert!(matches!(outcome, Outcome::Done { .. }), "{outcome:?}");
        let made = world.picture().await;
        assert_eq!(aegir.retry(id).await.unwrap_err().kind(), ErrorKind::Conflict);
        assert_eq!(aegir.close(id).await.unwrap_err().kind(), ErrorKind::Conflict);
        assert_eq!(aegir.cancel(id).await.unwrap_err().kind(), ErrorKind::Conflict);
        assert_eq!(world.picture().await, made);
    }
}

/// A2: the ledger says by now that another owns what the task made: its undo leaves that alone, and says so.
#[tokio::test]
async fn a2_an_undo_leaves_alone_what_is_not_its_own_any_more() {
    for kind in KINDS {
        let world = World::new(kind).await;
        let id = stick(&world, 0).await;
        let task = world.toy.inventory.task(id).await.unwrap().unwrap();
        // Another task records the directory anew, as one did that ran before stuck tasks held anything.
        let made = Resource::path(&ServerName::master(), "/srv/dir");
        let other = NewTask {
            kind: "toy".into(),
            subject: EntityRef::Server("web9".parse().unwrap()),
            touches: Vec::new(),
            request: None,
            by: "somebody".into(),
            parent: None,
            plan: uuid::Uuid::now_v7(),
            pass: Pass::Nobody,
        };
        let worker = task.worker.clone().unwrap();
        let claim = world.toy.inventory.open_task(&other, &worker, Duration::from_secs(60)).await.unwrap();
        let handed = Entry { release: vec![made.clone()], acquire: vec![(made.clone(), Toy::owner())], ..Entry::default() };
        world.toy.inventory.append(&claim, &EventKind::Warning { step: 0, message: "x".into() }, &handed).await.unwrap();
        world.toy.server.put("/srv/dir/upload", "precious\n");
        let outcome = world.toy.aegir(Faults::default()).unwrap().retry(id).await.unwrap();
        let Outcome::RolledBack(report) = outcome else { panic!("{outcome:?}") };
        assert!(report.context.iter().any(|(key, what)| key == "left alone" && what.contains("/srv/dir")), "{report:?}");
        assert!(world.toy.world().iter().any(|line| line.contains("/srv/dir/upload")), "{:?}", world.toy.world());
        assert_eq!(world.toy.inventory.holding(&made).await.unwrap().unwrap().task, claim.task);
    }
}

#[tokio::test]
async fn a_retry_waits_for_nobody_and_disturbs_nobody() {
    let mut world = World::new(Kind::Memory).await;
    let id = stick(&world, 0).await;
    // Somebody else retries it, and is not done yet.
    let real = world.toy.inventory.clone();
    let slow = Meddler::new(real.clone(), At::WaitBefore(2));
    world.toy.inventory = slow.clone();
    let other = world.toy.aegir(Faults::default()).unwrap();
    let first = tokio::spawn(async move { other.retry(id).await });
    slow.reached().await;
    world.toy.inventory = real;
    let error = world.toy.aegir(Faults::default()).unwrap().retry(id).await.unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Locked | ErrorKind::Conflict), "{error:?}");
    assert!(error.message().contains(&format!("task {id}")), "{error:?}");
    slow.go_on();
    assert!(matches!(first.await.unwrap().unwrap(), Outcome::RolledBack(_)));
}

/// A7: two retries at once, in one process: one runs, and no journal is broken by it.
#[tokio::test(flavor = "multi_thread")]
async fn a7_concurrent_retries_are_one() {
    for kind in KINDS {
        for _ in 0..20 {
            let world = World::new(kind).await;
            let before = world.picture().await;
            let id = stick(&world, 0).await;
            let aegir = world.toy.aegir(Faults::default()).unwrap();
            let tries = futures::future::join_all((0..4).map(|_| aegir.retry(id))).await;
            let done = tries.iter().filter(|result| matches!(result, Ok(Outcome::RolledBack(_)))).count();
            assert_eq!(done, 1, "{tries:?}");
            let refused = |error: &aegir_core::Error| matches!(error.kind(), ErrorKind::Locked | ErrorKind::Conflict);
            assert!(tries.iter().all(|result| result.as_ref().err().is_none_or(refused)), "{tries:?}");
            assert_eq!(world.picture().await, before);
            let entries = world.toy.inventory.entries(id, 0).await.unwrap();
            Replay::of(&entries).unwrap();
        }
    }
}

/// A7: a task that cannot be read is stuck, by its number, and stops nobody else.
#[tokio::test]
async fn a7_an_unreadable_task_stops_nobody_else() {
    for kind in KINDS {
        let mut world = World::new(kind).await;
        let real = world.toy.inventory.clone();
        world.toy.inventory = Meddler::new(real.clone(), At::DieAfter(4));
        let aegir = world.toy.aegir(Faults::default()).unwrap();
        aegir.submit(world.toy.plan(&aegir).await.unwrap()).await.unwrap().outcome().await.unwrap_err();
        let id = real.tasks(&TaskFilter { limit: 1, ..TaskFilter::default() }).await.unwrap()[0].id;

        let garbler = Meddler::new(real.clone(), At::WaitBefore(1000));
        garbler.garble(id);
        world.toy.inventory = garbler;
        let aegir = world.toy.aegir(Faults::default()).unwrap();
        let made = MakeDir { path: "/srv/other".into(), permissions: Permissions::mode(0o750) };
        let plan = Plan::empty().then(&ServerName::master(), &Toy::owner(), &made).unwrap();
        let elsewhere = EntityRef::Server("web9".parse().unwrap());
        let planned = Toy::settled(&aegir, plan).await.unwrap();
        let planned = Planned { touches: vec![(elsewhere.clone(), LeaseMode::Exclusive)], subject: elsewhere, ..planned };
        let outcome = aegir.submit(planned).await.unwrap().outcome().await.unwrap();
        assert!(matches!(outcome, Outcome::Done { .. }), "{outcome:?}");
        let task = real.task(id).await.unwrap().unwrap();
        assert!(task.state == TaskState::Stuck && task.unreadable.is_some_and(|why| why.contains("impossible")));
        let error = aegir.retry(id).await.unwrap_err();
        assert!(error.kind() == ErrorKind::Stuck && error.message().contains(&format!("task {id} ")), "{error:?}");
        let refused = aegir.submit(world.toy.plan(&aegir).await.unwrap()).await.unwrap_err();
        assert!(refused.message().contains(&format!("task {id}, which is stuck")), "{refused:?}");
        // The build that can read it takes it back.
        world.toy.inventory = real.clone();
        let outcome = world.toy.aegir(Faults::default()).unwrap().retry(id).await.unwrap();
        assert!(matches!(outcome, Outcome::RolledBack(_)), "{outcome:?}");
    }
}
