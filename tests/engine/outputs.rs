//! What steps put out is read by name, by later ones alone, and survives whoever asked for it; what is kept outlives a rollback.

use aegir_core::ErrorKind;
use aegir_core::action::{Action, MOST_OUTPUT, MakeDir};
use aegir_core::engine::{Fails, Faults, Outcome, Replay};
use aegir_core::entity::Resource;
use aegir_core::event::{EventKind, StepState};
use aegir_core::inventory::{TaskFilter, TaskState};
use aegir_core::name::ServerName;
use aegir_core::plan::{Plan, Planned};
use aegir_core::server::Permissions;
use aegir_core::testing::{Hear, Tell, Toy};

use crate::meddler::{At, Meddler};
use crate::world::{KINDS, Kind, World};

fn tell(path: &str, kept: bool) -> Tell {
    Tell { path: path.into(), text: "precious\n".to_owned(), kept }
}

fn hear(from: &str, path: &str) -> Hear {
    Hear { from: from.to_owned(), path: path.into() }
}

fn then<A: Action>(plan: Plan, action: &A) -> Plan {
    plan.then(&ServerName::master(), &Toy::owner(), action).unwrap()
}

fn named<A: Action>(plan: Plan, name: &str, action: &A) -> Plan {
    plan.then_named(name, &ServerName::master(), &Toy::owner(), action).unwrap()
}

async fn settled(world: &World, plan: Plan) -> aegir_core::Result<Planned> {
    Toy::settled(&world.toy.aegir(Faults::default()).unwrap(), plan).await
}

#[tokio::test]
async fn a_plan_that_reads_what_nobody_put_out_is_refused() {
    let world = World::new(Kind::Memory).await;
    let (told, heard) = (tell("/srv/told", false), hear("told", "/srv/heard"));
    let reads = |plan| then(plan, &heard);
    for plan in [
        reads(Plan::empty()),
        reads(named(Plan::empty(), "other", &told)),
        // Later, and beside, is not before.
        named(reads(Plan::empty()), "told", &told),
        Plan::together([named(Plan::empty(), "told", &told), reads(Plan::empty())]),
        named(named(Plan::empty(), "told", &told), "told", &tell("/srv/again", false)),
    ] {
        let refused = settled(&world, plan.clone()).await.unwrap_err();
        assert!(refused.kind() == ErrorKind::Internal && refused.message().contains("told"), "{refused:?}");
        // The same for one that was made in some other way.
        let planned = Planned { plan, ..settled(&world, Plan::empty()).await.unwrap() };
        world.toy.aegir(Faults::default()).unwrap().submit(planned).await.unwrap_err();
    }
    let after = reads(Plan::together([named(Plan::empty(), "told", &told)]));
    assert_eq!(settled(&world, after).await.unwrap().steps.len(), 2);
}

#[tokio::test]
async fn what_is_there_already_still_says_what_it_knows() {
    let world = World::new(Kind::Memory).await;
    let aegir = world.toy.aegir(Faults::default()).unwrap();
    let told = named(Plan::empty(), "told", &tell("/srv/told", false));
    aegir.submit(settled(&world, told.clone()).await.unwrap()).await.unwrap().outcome().await.unwrap();
    assert!(settled(&world, told.clone()).await.unwrap().is_empty());
    let plan = then(told, &hear("told", "/srv/heard"));
    // Clean-up reads, too.
    let plan = plan.finally(&ServerName::master(), &Toy::owner(), &hear("told", "/srv/last")).unwrap();
    let planned = settled(&world, plan).await.unwrap();
    assert_eq!(planned.steps.len(), 3, "it changes nothing, and is read");
    let outcome = aegir.submit(planned).await.unwrap().outcome().await.unwrap();
    assert!(matches!(outcome, Outcome::Done { changed: 3, warnings: 0 }), "{outcome:?}");
}

#[tokio::test]
async fn an_output_is_bounded_and_sealed() {
    for kind in KINDS {
        let world = World::new(kind).await;
        let before = world.picture().await;
        let aegir = world.toy.aegir(Faults::default()).unwrap();
        let long = Tell { text: "x".repeat(MOST_OUTPUT), ..tell("/srv/told", false) };
        let planned = settled(&world, then(Plan::empty(), &long)).await.unwrap();
        let outcome = aegir.submit(planned).await.unwrap().outcome().await.unwrap();
        assert!(matches!(outcome, Outcome::RolledBack(_)), "{outcome:?}");
        assert_eq!(world.picture().await, before);

        let running = aegir.submit(settled(&world, then(Plan::empty(), &tell("/srv/told", false))).await.unwrap()).await.unwrap();
        let id = running.id;
        running.outcome().await.unwrap();
        let entries = world.toy.inventory.entries(id, 0).await.unwrap();
        let stored = entries.iter().find(|e| matches!(e.event.kind, EventKind::StepSucceeded { .. })).unwrap();
        assert!(!format!("{:?}", stored.event).contains("precious"));
        assert!(stored.receipt.as_ref().is_some_and(|sealed| !sealed.as_str().contains("precious")));
    }
}

/// A directory, something kept beside it, and a step that comes after.
fn keeping() -> Plan {
    let directory = MakeDir { path: "/srv/work".into(), permissions: Permissions::mode(0o750) };
    let plan = named(then(Plan::empty(), &directory), "told", &tell("/srv/backup", true));
    then(plan, &hear("told", "/srv/work/heard"))
}

/// Whatever the engine dies at on the way, what was whole is kept, still the owner's, and named; the rest is as it was.
#[tokio::test]
async fn what_is_kept_outlives_a_rollback_and_every_death_in_it() {
    for kind in KINDS {
        for twice in [false, true] {
            for event in 1.. {
                let mut world = World::new(kind).await;
                let before = world.toy.world();
                let real = world.toy.inventory.clone();
                let mortal = Meddler::new(real.clone(), At::DieAfter(event));
                world.toy.inventory = mortal.clone();
                let aegir = world.toy.aegir(Faults { fail: Some(Fails::After(2)), twice, ..Faults::default() }).unwrap();
                let planned = Planned { destroys: true, ..settled(&world, keeping()).await.unwrap() };
                let lived = aegir.submit(planned).await.unwrap().outcome().await;
                world.toy.inventory = real.clone();
                let aegir = world.toy.aegir(Faults::default()).unwrap();
                let ended = aegir.recover().await.unwrap();
                let task = real.tasks(&TaskFilter { limit: 1, ..TaskFilter::default() }).await.unwrap().remove(0);
                assert_eq!(task.state, TaskState::RolledBack, "event {event}");
                let standing = Replay::of(&real.entries(task.id, 0).await.unwrap()).unwrap().standing;
                // The step had succeeded, and the journal knew.
                let kept = event >= 5;
                assert_eq!(standing.steps.get(1) == Some(&StepState::Kept), kept, "event {event}: {standing}");
                let new: Vec<_> = world.toy.world().into_iter().filter(|line| !before.contains(line)).collect();
                assert!(if kept { new.len() == 1 && new[0].contains("/srv/backup") } else { new.is_empty() }, "event {event}: {new:?}");
                let resource = Resource::path(&ServerName::master(), "/srv/backup");
                assert_eq!(real.owner(&resource).await.unwrap(), kept.then(Toy::owner), "event {event}");
                let outcome = ended.into_iter().map(|one| one.outcome).next().or(lived.ok());
                if let Some(Outcome::RolledBack(report)) = &outcome {
                    let named = report.context.iter().any(|(key, what)| key == "kept" && what == "/srv/backup is kept");
                    assert_eq!(named, kept, "event {event}: {report:?}");
                } else if outcome.is_some() || !mortal.is_dead() {
                    panic!("event {event}: {outcome:?}");
                }
                if !mortal.is_dead() {
                    break;
                }
            }
        }
    }
}
