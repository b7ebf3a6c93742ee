//! Branches: one that fails is taken back alone, and whatever the engine dies at, each ends whole or not at all.

use aegir_core::action::{MOST_OUTPUT, MakeDir, WriteFile};
use aegir_core::engine::{Fails, Faults, Outcome, Part, PartState, Replay};
use aegir_core::event::EventKind;
use aegir_core::inventory::{Task, TaskFilter, TaskState};
use aegir_core::name::ServerName;
use aegir_core::plan::{Need, Plan, Planned};
use aegir_core::server::Permissions;
use aegir_core::template::Content;
use aegir_core::testing::{Hear, Tell, Toy};

use crate::meddler::{At, Meddler};
use crate::world::{KINDS, Kind, Picture, World};

const NAMES: [&str; 3] = ["a", "b", "c"];
/// One step before the branches, three in each, one behind them, and a clean-up for each.
const FORWARD: usize = 11;

/// The branch of a step, by index.
fn branch_of(step: usize) -> Option<usize> {
    (1..10).contains(&step).then(|| (step - 1) / 3)
}

fn directory(path: String) -> MakeDir {
    MakeDir { path: path.into(), permissions: Permissions::mode(0o750) }
}

fn file(path: String) -> WriteFile {
    WriteFile { path: path.into(), content: Content::plain("x\n"), permissions: Permissions::mode(0o640) }
}

/// What a branch does; `long` ones always fail.
fn branch(name: &str, long: bool) -> Plan {
    let (master, owner) = (ServerName::master(), Toy::owner());
    let text = if long { "x".repeat(MOST_OUTPUT) } else { format!("{name}\n") };
    let (tell, told) = (Tell { path: format!("/srv/{name}/told").into(), text, kept: false }, format!("told {name}"));
    let hear = Hear { from: told.clone(), path: format!("/srv/{name}/heard").into() };
    let plan = Plan::empty().then(&master, &owner, &directory(format!("/srv/{name}"))).unwrap();
    let plan = plan.then_named(told, &master, &owner, &tell).unwrap().then(&master, &owner, &hear).unwrap();
    plan.finally(&master, &owner, &file(format!("/srv/{name}.done"))).unwrap()
}

fn plan(need: Need, long: &[&str]) -> Plan {
    let (master, owner) = (ServerName::master(), Toy::owner());
    let branches = Plan::branches(need, NAMES.map(|name| (name, branch(name, long.contains(&name))))).unwrap();
    let before = Plan::empty().then(&master, &owner, &directory("/srv/all".into())).unwrap();
    before.and_then(branches).then(&master, &owner, &file("/srv/all/after".into())).unwrap()
}

async fn planned(world: &World, need: Need, long: &[&str]) -> Planned {
    Toy::settled(&world.toy.aegir(Faults::default()).unwrap(), plan(need, long)).await.unwrap()
}

async fn run(world: &World, need: Need, long: &[&str], faults: Faults) -> Outcome {
    let planned = planned(world, need, long).await;
    world.toy.aegir(faults).unwrap().submit(planned).await.unwrap().outcome().await.unwrap()
}

async fn last(world: &World) -> Task {
    world.toy.inventory.tasks(&TaskFilter { limit: 1, ..TaskFilter::default() }).await.unwrap().remove(0)
}

async fn parts(world: &World) -> Vec<Part> {
    let entries = world.toy.inventory.entries(last(world).await.id, 0).await.unwrap();
    Replay::of(&entries).unwrap().parts()
}

fn states(parts: &[Part]) -> Vec<PartState> {
    parts.iter().map(|part| part.state).collect()
}

/// The world, the ledger and the locks are what the task's end says: each branch whole, or nothing of it.
async fn is_as_told(world: &World, initial: &Picture, story: &str) -> TaskState {
    let task = last(world).await;
    let parts = parts(world).await;
    let there = |path: String| world.toy.world().iter().any(|line| line.starts_with(&format!("{path} ")));
    match task.state {
        TaskState::RolledBack => assert_eq!(world.picture().await, *initial, "{story}"),
        TaskState::Done | TaskState::Partly => {
            assert!(there("/srv/all/after".into()), "{story}");
            for part in &parts {
                let done = part.state == PartState::Done;
                assert!(done || (part.state == PartState::TakenBack && part.error.is_some()), "{story}: {part:?}");
                for path in ["", "/told", "/heard", ".done"] {
                    assert_eq!(there(format!("/srv/{}{path}", part.name)), done, "{story}: {path} of {part:?}");
                }
            }
            assert_eq!(task.state == TaskState::Done, parts.iter().all(|part| part.state == PartState::Done), "{story}");
        }
        other => panic!("{story}: {other:?}"),
    }
    for resource in world.toy.inventory.owned_by(&Toy::owner()).await.unwrap() {
        assert!(there(resource.name.clone()), "{story}: the ledger has {resource}");
    }
    assert_eq!(world.toy.inventory.leases().await.unwrap(), [], "{story}");
    task.state
}

#[test]
fn branches_that_are_none_are_refused() {
    let one = || branch("a", false);
    let refused = |plan: aegir_core::Result<Plan>| plan.unwrap_err().message().to_owned();
    let inner = Plan::branches(Need::All, [("x", one())]).unwrap();
    assert!(refused(Plan::branches(Need::All, [("y", inner)])).contains("has branches itself"));
    assert!(refused(Plan::branches(Need::All, [("x", one()), ("x", Plan::empty())])).contains("named “x”"));
    assert!(refused(Plan::branches(Need::AtLeast(2), [("x", one())])).contains("of 1 branches"));
}

/// What a branch puts out goes back with it, so nobody else reads it.
#[tokio::test]
async fn what_a_branch_puts_out_is_for_it_alone() {
    let world = World::new(Kind::Memory).await;
    let hear = Hear { from: "told a".into(), path: "/srv/heard".into() };
    let plan = plan(Need::All, &[]).then(&ServerName::master(), &Toy::owner(), &hear).unwrap();
    Toy::settled(&world.toy.aegir(Faults::default()).unwrap(), plan).await.unwrap_err();
}

#[tokio::test]
async fn a_broken_step_takes_its_branch_back_and_no_other() {
    for kind in KINDS {
        for twice in [false, true] {
            for fail in (0..FORWARD).flat_map(|step| [Fails::Before(step), Fails::After(step)]) {
                let (Fails::Before(step) | Fails::After(step)) = fail;
                let world = World::new(kind).await;
                let initial = world.picture().await;
                let outcome = run(&world, Need::AtLeast(2), &[], Faults { fail: Some(fail), twice, ..Faults::default() }).await;
                let state = is_as_told(&world, &initial, &format!("{kind:?} {fail:?}")).await;
                let Some(broken) = branch_of(step) else {
                    assert!(matches!(outcome, Outcome::RolledBack(_)), "{fail:?}: {outcome:?}");
                    continue;
                };
                let Outcome::Partly { changed, warnings: 0, parts } = outcome else { panic!("{fail:?}: {outcome:?}") };
                assert_eq!((changed, state), (1 + 2 * 3 + 1 + 2, TaskState::Partly));
                for (index, part) in parts.iter().enumerate() {
                    let wanted = if index == broken { PartState::TakenBack } else { PartState::Done };
                    assert_eq!((part.name.as_str(), part.state), (NAMES[index], wanted));
                    assert_eq!(part.error.as_ref().is_some_and(|e| e.message.contains("a test ordered it")), index == broken);
                }
                // And nothing stands in the way of doing the rest.
                let again = run(&world, Need::AtLeast(2), &[], Faults::default()).await;
                assert!(matches!(again, Outcome::Done { changed: 4, .. }), "{again:?}");
            }
        }
    }
}

#[tokio::test]
async fn too_few_take_everything_back_and_say_why() {
    for kind in KINDS {
        for (need, long, said) in [
            (Need::AtLeast(2), &["a", "c"][..], "2 of 3 failed, and 2 must succeed"),
            (Need::All, &["b"][..], "1 of 3 failed, and 3 must succeed"),
            (Need::AtLeast(1), &["a", "b", "c"][..], "3 of 3 failed, and 1 must succeed"),
        ] {
            let world = World::new(kind).await;
            let initial = world.picture().await;
            let Outcome::RolledBack(report) = run(&world, need, long, Faults::default()).await else { panic!("{need:?}") };
            assert_eq!((report.message.as_str(), report.causes.len()), (said, long.len()), "{report:?}");
            assert!(report.causes[0].starts_with(&format!("{}: ", long[0])), "{report:?}");
            assert_eq!(is_as_told(&world, &initial, said).await, TaskState::RolledBack);
        }
    }
}

/// Runs until the process dies; whether it did.
async fn run_and_die(world: &mut World, at: At, destroys: bool, faults: Faults) -> bool {
    let real = world.toy.inventory.clone();
    let planned = Planned { destroys, ..planned(world, Need::AtLeast(2), &[]).await };
    let mortal = Meddler::new(real.clone(), at);
    world.toy.inventory = mortal.clone();
    let result = world.toy.aegir(faults).unwrap().submit(planned).await.unwrap().outcome().await;
    assert_eq!(result.is_err(), mortal.is_dead(), "{at:?}: {result:?}");
    world.toy.inventory = real;
    mortal.is_dead()
}

async fn recover(world: &World) {
    world.toy.aegir(Faults::default()).unwrap().recover().await.unwrap();
}

#[tokio::test]
async fn killed_or_stopped_at_any_event_each_branch_is_whole_or_gone() {
    let broken = Faults { fail: Some(Fails::After(5)), ..Faults::default() };
    for kind in KINDS {
        let kinds = [(broken.clone(), false), (Faults::default(), false), (broken.clone(), true)];
        for (faults, destroys) in kinds.into_iter().take(if matches!(kind, Kind::Orm) { 1 } else { 3 }) {
            let mut ends = std::collections::BTreeSet::new();
            'events: for event in 1.. {
                // A file's every sync takes its time; what differs from memory is what is read back.
                let ways = [At::DieBefore(event), At::DieAfter(event), At::CancelAfter(event)];
                for at in ways.into_iter().skip(usize::from(matches!(kind, Kind::Orm))) {
                    let mut world = World::new(kind).await;
                    let initial = world.picture().await;
                    if !run_and_die(&mut world, at, destroys, faults.clone()).await {
                        break 'events;
                    }
                    recover(&world).await;
                    let story = format!("{kind:?} {at:?} destroys: {destroys}");
                    let state = is_as_told(&world, &initial, &story).await;
                    let entries = world.toy.inventory.entries(last(&world).await.id, 0).await.unwrap();
                    let committed = entries.iter().any(|entry| entry.event.kind == EventKind::Committed);
                    assert_eq!(committed, state != TaskState::RolledBack, "{story}");
                    if destroys || matches!(at, At::CancelAfter(_)) {
                        let before =
                            entries.iter().position(|e| e.event.kind == EventKind::Committed).is_some_and(|p| p as u64 + 1 > event);
                        assert!(!before, "{story}: committed by somebody else");
                    }
                    ends.insert(state);
                }
            }
            let failed = if faults.fail.is_some() { TaskState::Partly } else { TaskState::Done };
            assert!(ends.contains(&TaskState::RolledBack) && ends.contains(&failed), "{ends:?}");
        }
    }
}

/// A branch that cannot be taken back holds its subject, and lets the others be done.
#[tokio::test]
async fn a_stuck_branch_is_taken_back_later_and_alone() {
    for kind in KINDS {
        for lost in [false, true] {
            let world = World::new(kind).await;
            let initial = world.picture().await;
            let faults = Faults { fail: Some(Fails::After(6)), ..Faults::default() };
            let faults = match lost {
                true => Faults { lose_undo: Some(5), ..faults },
                false => Faults { fail_undo: Some(5), ..faults },
            };
            let outcome = run(&world, Need::AtLeast(2), &[], faults).await;
            let (state, part) = if lost { (TaskState::Waiting, PartState::Waiting) } else { (TaskState::Stuck, PartState::Stuck) };
            assert!(matches!((&outcome, lost), (Outcome::Waiting(_), true) | (Outcome::Stuck(_), false)), "{outcome:?}");
            assert_eq!(last(&world).await.state, state);
            assert_eq!(states(&parts(&world).await), [PartState::Done, part, PartState::Done]);
            assert_eq!(world.toy.inventory.leases().await.unwrap().len(), 1, "its subject");
            let aegir = world.toy.aegir(Faults::default()).unwrap();
            assert!(aegir.cancel(last(&world).await.id).await.is_err());
            let outcome = aegir.retry(last(&world).await.id).await.unwrap();
            assert!(matches!(outcome, Outcome::Partly { .. }), "{outcome:?}");
            assert_eq!(is_as_told(&world, &initial, "after a retry").await, TaskState::Partly);
        }
    }
}

/// The same, with whoever takes it over dying at any event, too.
#[tokio::test]
async fn a_stuck_branch_survives_who_takes_it_back() {
    for event in 1.. {
        for at in [At::DieBefore(event), At::DieAfter(event)] {
            let mut world = World::new(Kind::Memory).await;
            let initial = world.picture().await;
            run(&world, Need::AtLeast(2), &[], Faults { fail: Some(Fails::After(6)), fail_undo: Some(4), ..Faults::default() }).await;
            let real = world.toy.inventory.clone();
            let mortal = Meddler::new(real.clone(), at);
            world.toy.inventory = mortal.clone();
            let id = last(&world).await.id;
            let _ = world.toy.aegir(Faults::default()).unwrap().retry(id).await;
            world.toy.inventory = real;
            recover(&world).await;
            assert_eq!(is_as_told(&world, &initial, &format!("{at:?}")).await, TaskState::Partly);
            if !mortal.is_dead() {
                return;
            }
        }
    }
}

/// Closed by hand: the ledger keeps what is committed, and nothing of the branch.
#[tokio::test]
async fn a_stuck_branch_is_closed_without_the_others() {
    for kind in KINDS {
        let world = World::new(kind).await;
        run(&world, Need::AtLeast(2), &[], Faults { fail: Some(Fails::After(6)), fail_undo: Some(4), ..Faults::default() }).await;
        world.toy.server.take("/srv/b");
        world.toy.aegir(Faults::default()).unwrap().close(last(&world).await.id).await.unwrap();
        let owned = world.toy.inventory.owned_by(&Toy::owner()).await.unwrap();
        let has = |path: &str| owned.iter().any(|resource| resource.name == path);
        assert!(has("/srv/a/heard") && has("/srv/c") && has("/srv/all/after") && !has("/srv/b"), "{owned:?}");
        let again = run(&world, Need::AtLeast(2), &[], Faults::default()).await;
        assert!(matches!(again, Outcome::Done { .. }), "{again:?}");
    }
}
