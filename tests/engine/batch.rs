//! A batch: what was asked for outlives its process, what ended stays, and the rest begins when somebody asks for it.

use std::sync::Arc;

use aegir_core::engine::{Cancel, Faults, Outcome, Part, PartState};
use aegir_core::entity::{Codebase, EntityId, Platform};
use aegir_core::inventory::{Inventory, Task, TaskFilter, TaskId, TaskState};
use aegir_core::settings::{Provenance, Settings};
use aegir_core::task::{ChangePlatform, Request};
use aegir_core::{Aegir, ErrorKind, News};
use aegir_testkit::entity;
use futures::stream::StreamExt as _;

use crate::meddler::{At, Meddler};
use crate::world::{KINDS, Kind, World};

const NAMES: [&str; 4] = ["p0", "p1", "p2", "p3"];

fn platform(name: &str) -> Platform {
    let codebase = Codebase {
        application: "plain".into(),
        version: "1".into(),
        docroot: "web".into(),
        php_min: (8, 1),
        php_max: None,
        own_tool: None,
        profiles: Vec::new(),
        extensions: Vec::new(),
    };
    Platform {
        id: EntityId::generate(),
        name: name.parse().unwrap(),
        path: format!("/srv/{name}").into(),
        server: "server_master".parse().unwrap(),
        codebase,
        locked: false,
        php: None,
        created: false,
        revision: 0,
    }
}

/// A world with four platforms, none of which is locked.
async fn world(kind: Kind) -> World {
    let world = World::new(kind).await;
    world.toy.inventory.save_server(&entity::server("server_master")).await.unwrap();
    for name in NAMES {
        world.toy.inventory.save_platform(&platform(name)).await.unwrap();
    }
    world
}

fn lock(name: &str) -> Request {
    Request::ChangePlatform(ChangePlatform { platform: name.parse().unwrap(), locked: Some(true) })
}

/// One at a time, in a process of its own.
fn aegir(world: &World, inventory: Arc<dyn Inventory>) -> Aegir {
    let mut settings = Settings::default();
    settings.set("parallel", "1", Provenance::Default).unwrap();
    world.toy.through(inventory).builder(Faults::default()).unwrap().settings(settings).build()
}

async fn carry_out(aegir: &Aegir, names: &[&str]) -> Vec<News> {
    aegir.carry_out(names.iter().map(|name| lock(name)).collect(), &Cancel::default()).collect().await
}

async fn tasks(world: &World) -> Vec<Task> {
    world.toy.inventory.tasks(&TaskFilter::default()).await.unwrap()
}

async fn batch(world: &World) -> Option<Task> {
    tasks(world).await.into_iter().find(Task::is_batch)
}

async fn locked(world: &World, name: &str) -> bool {
    world.toy.inventory.platform(&name.parse().unwrap()).await.unwrap().unwrap().locked
}

/// What became of each, held against the world.
async fn parts(world: &World, aegir: &Aegir) -> Vec<Part> {
    let batch = batch(world).await.unwrap();
    let parts = aegir.parts(&batch).await.unwrap();
    assert_eq!(parts.iter().map(|part| part.name.as_str()).collect::<Vec<_>>(), NAMES.map(|name| format!("platform {name}")));
    for (part, name) in parts.iter().zip(NAMES) {
        assert_eq!(locked(world, name).await, part.state.is_done(), "{part:?}");
        if let Some(task) = part.task {
            assert_eq!(world.toy.inventory.task(TaskId(task)).await.unwrap().unwrap().parent, Some(batch.id));
        }
    }
    parts
}

fn is(parts: &[Part], state: PartState) -> usize {
    parts.iter().filter(|part| part.state == state).count()
}

#[tokio::test]
async fn all_done_is_done_and_nothing_to_do_leaves_no_trace() {
    for kind in KINDS {
        let world = world(kind).await;
        let aegir = aegir(&world, world.toy.inventory.clone());
        let news = carry_out(&aegir, &NAMES).await;
        assert_eq!(news.iter().filter(|news| matches!(news, News::Batch { .. })).count(), 1, "{news:?}");
        assert_eq!(batch(&world).await.unwrap().state, TaskState::Done);
        assert_eq!(is(&parts(&world, &aegir).await, PartState::Done), 4);
        let before = tasks(&world).await.len();
        let news = carry_out(&aegir, &NAMES).await;
        assert!(news.iter().all(|n| matches!(n, News::Ended { task: None, result: Ok(Outcome::Done { changed: 0, .. }), .. })), "{news:?}");
        assert_eq!(tasks(&world).await.len(), before);
        assert_eq!(world.toy.inventory.leases().await.unwrap(), []);
        // One thing is no batch.
        carry_out(&aegir, &["p0"]).await;
        assert_eq!(tasks(&world).await.len(), before);
    }
}

#[tokio::test]
async fn some_done_is_partly_done_and_says_which() {
    for kind in KINDS {
        let world = world(kind).await;
        let aegir = aegir(&world, world.toy.inventory.clone());
        carry_out(&aegir, &["p0", "nowhere", "p1"]).await;
        let batch = batch(&world).await.unwrap();
        assert_eq!(batch.state, TaskState::Partly);
        let parts = aegir.parts(&batch).await.unwrap();
        assert_eq!(parts.iter().map(|p| p.state).collect::<Vec<_>>(), [PartState::Done, PartState::Refused, PartState::Done]);
        assert_eq!(parts[1].error.as_ref().unwrap().kind, ErrorKind::NotFound);
        assert_eq!(aegir.retry(batch.id).await.unwrap_err().kind(), ErrorKind::Conflict);
    }
}

#[tokio::test]
async fn killed_at_any_event_the_rest_begins_at_a_retry() {
    for kind in KINDS {
        let mut waited = 0;
        'events: for event in 1.. {
            for at in [At::DieBefore(event), At::DieAfter(event)] {
                let world = world(kind).await;
                let mortal = Meddler::new(world.toy.inventory.clone(), at);
                let _ = carry_out(&aegir(&world, mortal.clone()), &NAMES).await;
                if !mortal.is_dead() {
                    break 'events;
                }
                let next = aegir(&world, world.toy.inventory.clone());
                next.recover().await.unwrap();
                assert!(next.recover().await.unwrap().is_empty(), "{at:?}");
                let story = tasks(&world).await;
                assert!(story.iter().all(|task| task.state.is_end()), "{at:?}: {story:?}");
                let before = parts(&world, &next).await;
                let ended = batch(&world).await.unwrap();
                let left = is(&before, PartState::NotBegun);
                assert_eq!(ended.state == TaskState::Waiting, left > 0, "{at:?}: {before:?}");
                if left > 0 {
                    waited += 1;
                    // Nobody begins it unasked, and it bars nobody.
                    let other = carry_out(&next, &["p0"]).await;
                    assert!(matches!(other.last(), Some(News::Ended { result: Ok(Outcome::Done { .. }), .. })), "{at:?}: {other:?}");
                    next.retry(ended.id).await.unwrap();
                }
                let after = next.parts(&batch(&world).await.unwrap()).await.unwrap();
                assert_eq!(is(&after, PartState::NotBegun), 0, "{at:?}: {after:?}");
                for (was, now) in before.iter().zip(&after) {
                    assert!(was.state == PartState::NotBegun || was == now, "what ended stays: {was:?}, {now:?}");
                }
                let state = batch(&world).await.unwrap().state;
                assert_eq!(state == TaskState::Done, after.iter().all(|part| part.state.is_done()), "{at:?}: {after:?}");
                assert_eq!(world.toy.inventory.leases().await.unwrap(), []);
            }
        }
        assert!(waited > 5, "{waited}");
    }
}

/// From another process: what is done stays, what is at work goes back, and nothing more begins.
#[tokio::test]
async fn a_cancel_stops_the_rest() {
    for kind in KINDS {
        let world = world(kind).await;
        // The second task, about to commit.
        let slow = Meddler::new(world.toy.inventory.clone(), At::WaitBefore(10));
        let running = aegir(&world, slow.clone());
        let run = tokio::spawn(async move { carry_out(&running, &NAMES).await });
        slow.reached().await;
        let other = aegir(&world, world.toy.inventory.clone());
        other.cancel(batch(&world).await.unwrap().id).await.unwrap();
        tokio::time::sleep(std::time::Duration::from_millis(900)).await;
        slow.go_on();
        run.await.unwrap();
        let parts = parts(&world, &other).await;
        assert!(is(&parts, PartState::Done) > 0 && is(&parts, PartState::NotBegun) == 0, "{parts:?}");
        assert!(is(&parts, PartState::TakenBack) > 0 || is(&parts, PartState::Stopped) > 0, "{parts:?}");
        assert_eq!(batch(&world).await.unwrap().state, TaskState::Partly, "{parts:?}");
        assert_eq!(world.toy.inventory.leases().await.unwrap(), []);
    }
}

#[tokio::test]
async fn one_that_was_cut_off_is_cancelled_for_good() {
    for kind in KINDS {
        let world = world(kind).await;
        let mortal = Meddler::new(world.toy.inventory.clone(), At::DieAfter(8));
        let _ = carry_out(&aegir(&world, mortal), &NAMES).await;
        let next = aegir(&world, world.toy.inventory.clone());
        next.recover().await.unwrap();
        let id = batch(&world).await.unwrap().id;
        let outcome = next.cancel(id).await.unwrap();
        assert!(matches!(outcome, Some(Outcome::Partly { .. })), "{outcome:?}");
        let parts = parts(&world, &next).await;
        assert!(is(&parts, PartState::Done) > 0 && is(&parts, PartState::Stopped) > 0, "{parts:?}");
        assert_eq!(next.retry(id).await.unwrap_err().kind(), ErrorKind::Conflict);
    }
}
