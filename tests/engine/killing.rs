//! Kill the worker around every event, and the one that takes over too: the next start ends the task.

use aegir_core::engine::{Fails, Faults, Outcome};
use aegir_core::event::EventKind;
use aegir_core::inventory::{TaskFilter, TaskState};

use crate::meddler::{At, Meddler};
use crate::world::{CLEANUP, FORWARD, KINDS, Kind, Picture, World};

/// Runs the toy plan in a process that dies; whether it did. A process that lives to the end is no test.
async fn run_and_die(world: &mut World, at: At, faults: Faults) -> bool {
    let real = world.toy.inventory.clone();
    let mortal = Meddler::new(real.clone(), at);
    world.toy.inventory = mortal.clone();
    let aegir = world.toy.aegir(faults).unwrap();
    let planned = world.toy.plan(&aegir).await.unwrap();
    if let Ok(running) = aegir.submit(planned).await {
        let result = running.outcome().await;
        assert_eq!(result.is_err(), mortal.is_dead(), "{at:?}: {result:?}");
    }
    world.toy.inventory = real;
    mortal.is_dead()
}

/// Takes over in a process that dies as well; whether it did.
async fn recover_and_die(world: &mut World, at: At) -> bool {
    let real = world.toy.inventory.clone();
    let mortal = Meddler::new(real.clone(), at);
    world.toy.inventory = mortal.clone();
    let result = world.toy.aegir(Faults::default()).unwrap().recover().await;
    assert_eq!(result.is_err(), mortal.is_dead(), "{at:?}: {result:?}");
    world.toy.inventory = real;
    mortal.is_dead()
}

/// The next start ends everything, to the one world or the other, and a second start finds nothing to do.
async fn recovers(world: &World, initial: &Picture, done: &Picture, story: &str) {
    let aegir = world.toy.aegir(Faults::default()).unwrap();
    let recovered = aegir.recover().await.unwrap();
    let now = world.picture().await;
    let task = world.toy.inventory.tasks(&TaskFilter { limit: 1, ..TaskFilter::default() }).await.unwrap().remove(0);
    match task.state {
        TaskState::Done => assert_eq!(now, *done, "{story}"),
        TaskState::RolledBack => assert_eq!(now, *initial, "{story}"),
        other => panic!("{story}: {other:?}"),
    }
    assert!(task.ended.is_some(), "{story}");
    for one in recovered {
        let same =
            matches!((&one.outcome, task.state), (Outcome::Done { .. }, TaskState::Done) | (Outcome::RolledBack(_), TaskState::RolledBack));
        assert!(same && one.id == task.id, "{story}: {one:?}");
    }
    assert!(aegir.recover().await.unwrap().is_empty(), "{story}");
}

/// Both ways to die at each event, until the process lives to the end.
fn deaths(event: u64) -> [At; 2] {
    [At::DieBefore(event), At::DieAfter(event)]
}

async fn kill_at_every_event(kind: Kind, faults: &Faults) -> u64 {
    let done = World::done(kind).await;
    for event in 1.. {
        for at in deaths(event) {
            let mut world = World::new(kind).await;
            let initial = world.picture().await;
            if !run_and_die(&mut world, at, faults.clone()).await {
                return event;
            }
            recovers(&world, &initial, &done, &format!("{kind:?} {at:?}")).await;
        }
    }
    unreachable!("a task has an end")
}

#[tokio::test]
async fn at_every_event_on_the_way_forward() {
    for kind in KINDS {
        // Started, each step's two, committed, finished.
        assert_eq!(kill_at_every_event(kind, &Faults::default()).await, 1 + 2 * (FORWARD + CLEANUP) as u64 + 1 + 1 + 1);
    }
}

#[tokio::test]
async fn at_every_event_on_the_way_back() {
    for kind in KINDS {
        let faults = Faults { fail: Some(Fails::After(FORWARD - 1)), ..Faults::default() };
        assert_eq!(kill_at_every_event(kind, &faults).await, 1 + 2 * FORWARD as u64 + 2 * FORWARD as u64 + 1 + 1);
    }
}

#[tokio::test]
async fn twice_at_any_two_events() {
    let done = World::done(Kind::Memory).await;
    for faults in [Faults::default(), Faults { fail: Some(Fails::After(FORWARD - 1)), ..Faults::default() }] {
        'first: for first in 1.. {
            for at in deaths(first) {
                'second: for second in 1.. {
                    for again in deaths(second) {
                        let mut world = World::new(Kind::Memory).await;
                        let initial = world.picture().await;
                        if !run_and_die(&mut world, at, faults.clone()).await {
                            break 'first;
                        }
                        let died = recover_and_die(&mut world, again).await;
                        recovers(&world, &initial, &done, &format!("{at:?}, then {again:?}")).await;
                        if !died {
                            break 'second;
                        }
                    }
                }
            }
        }
    }
}

#[tokio::test]
async fn a_task_that_never_began_is_not_begun() {
    // Its plan was not held against the world yet, and the world may have changed by now.
    for kind in KINDS {
        let mut world = World::new(kind).await;
        let initial = world.picture().await;
        assert!(run_and_die(&mut world, At::DieBefore(1), Faults::default()).await);
        assert!(recover_and_die(&mut world, At::DieAfter(1)).await);
        let recovered = world.toy.aegir(Faults::default()).unwrap().recover().await.unwrap();
        assert!(matches!(recovered[0].outcome, Outcome::RolledBack(_)), "{recovered:?}");
        assert_eq!(world.picture().await, initial);
    }
}

/// A1: stopped at any event, killed right after: whoever comes next takes it back, and never goes on.
#[tokio::test]
async fn a1_a_cancel_outlives_the_process() {
    for kind in KINDS {
        let (initial, done) = (World::new(kind).await.picture().await, World::done(kind).await);
        let mut taken_back = 0;
        for event in 1.. {
            let mut world = World::new(kind).await;
            if !run_and_die(&mut world, At::CancelAfter(event), Faults::default()).await {
                break;
            }
            world.toy.aegir(Faults::default()).unwrap().recover().await.unwrap();
            let task = world.toy.inventory.tasks(&TaskFilter { limit: 1, ..TaskFilter::default() }).await.unwrap().remove(0);
            let entries = world.toy.inventory.entries(task.id, 0).await.unwrap();
            let committed = entries.iter().any(|entry| entry.event.kind == EventKind::Committed);
            let (state, wanted) = if committed { (TaskState::Done, &done) } else { (TaskState::RolledBack, &initial) };
            assert_eq!(task.state, state, "{kind:?}, event {event}");
            assert_eq!(world.picture().await, *wanted, "{kind:?}, event {event}");
            taken_back += usize::from(!committed);
        }
        assert_eq!(taken_back, 1 + 2 * FORWARD, "begun, and twice for each step");
    }
}

/// A1: what destroys is not finished by somebody else, who never saw it begin.
#[tokio::test]
async fn a1_what_destroys_goes_back_until_it_is_committed() {
    for kind in KINDS {
        for event in [1, 2, 6, 2 * FORWARD as u64 + 1] {
            let mut world = World::new(kind).await;
            let before = world.picture().await;
            let real = world.toy.inventory.clone();
            world.toy.inventory = Meddler::new(real.clone(), At::DieAfter(event));
            let aegir = world.toy.aegir(Faults::default()).unwrap();
            let mut planned = world.toy.plan(&aegir).await.unwrap();
            planned.destroys = true;
            aegir.submit(planned).await.unwrap().outcome().await.unwrap_err();
            world.toy.inventory = real;
            let recovered = world.toy.aegir(Faults::default()).unwrap().recover().await.unwrap();
            assert!(matches!(&recovered[..], [one] if matches!(one.outcome, Outcome::RolledBack(_))), "event {event}: {recovered:?}");
            assert_eq!(world.picture().await, before, "event {event}");
        }
    }
}
