//! A plan runs once, unedited, on the world it was made for.

use aegir_core::ErrorKind;
use aegir_core::engine::Faults;
use aegir_core::inventory::TaskFilter;

use crate::meddler::{At, Meddler};
use crate::world::{KINDS, Kind, World};

#[tokio::test]
async fn an_edit_makes_it_stale() {
    for kind in KINDS {
        for path in ["/srv/conf", "/srv/old", "/srv/dir"] {
            let world = World::new(kind).await;
            let aegir = world.toy.aegir(Faults::default()).unwrap();
            let planned = world.toy.plan(&aegir).await.unwrap();
            world.toy.server.put(path, "an editor was here\n");
            let edited = world.picture().await;
            let tasks = world.toy.inventory.tasks(&TaskFilter::default()).await.unwrap().len();
            assert_eq!(aegir.check_plan(&planned).await.unwrap_err().kind(), ErrorKind::Conflict);
            let error = aegir.submit(planned).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Conflict, "{path}: {error:?}");
            assert_eq!(world.picture().await, edited);
            let after = world.toy.inventory.tasks(&TaskFilter::default()).await.unwrap().len();
            assert_eq!(after, tasks, "a plan that was refused is no task");
        }
    }
}

#[tokio::test]
async fn an_edit_of_what_was_left_out_makes_it_stale_too() {
    for kind in KINDS {
        let world = World::new(kind).await;
        world.run(Faults::default()).await;
        world.toy.server.put("/srv/dir/b", "edited\n");
        let aegir = world.toy.aegir(Faults::default()).unwrap();
        let planned = world.toy.plan(&aegir).await.unwrap();
        assert_eq!(planned.steps.len() - planned.plan.cleanup.len(), 1, "only the edited file is written again");
        world.toy.server.put("/srv/dir/a", "edited\n");
        let edited = world.picture().await;
        assert_eq!(aegir.submit(planned).await.unwrap_err().kind(), ErrorKind::Conflict);
        assert_eq!(world.picture().await, edited);
    }
}

#[tokio::test]
async fn one_that_is_stale_once_its_locks_are_taken_leaves_no_trace() {
    for kind in KINDS {
        let mut world = World::new(kind).await;
        let real = world.toy.inventory.clone();
        let meddler = Meddler::new(real.clone(), At::DieBefore(1000));
        meddler.let_in(&world.toy.server, "/srv/conf");
        world.toy.inventory = meddler;
        let aegir = world.toy.aegir(Faults::default()).unwrap();
        let planned = world.toy.plan(&aegir).await.unwrap();
        let tasks = real.tasks(&TaskFilter::default()).await.unwrap().len();
        assert_eq!(aegir.submit(planned).await.unwrap_err().kind(), ErrorKind::Conflict);
        let edited = world.toy.world();
        world.toy.inventory = real.clone();
        assert!(world.toy.aegir(Faults::default()).unwrap().recover().await.unwrap().is_empty());
        assert_eq!((world.toy.world(), real.leases().await.unwrap()), (edited, Vec::new()));
        assert_eq!(real.tasks(&TaskFilter::default()).await.unwrap().len(), tasks);
    }
}

#[tokio::test]
async fn a_refused_one_may_be_applied_when_its_world_is_back() {
    let world = World::new(Kind::Memory).await;
    let aegir = world.toy.aegir(Faults::default()).unwrap();
    let text = aegir.save_plan(&world.toy.plan(&aegir).await.unwrap()).unwrap();
    world.toy.server.put("/srv/dir", "in the way\n");
    aegir.submit(aegir.load_plan(&text).unwrap()).await.unwrap_err();
    world.toy.server.take("/srv/dir");
    let outcome = aegir.submit(aegir.load_plan(&text).unwrap()).await.unwrap().outcome().await.unwrap();
    assert!(matches!(outcome, aegir_core::engine::Outcome::Done { .. }), "{outcome:?}");
}

#[tokio::test]
async fn a_saved_one_runs_once() {
    for kind in KINDS {
        let world = World::new(kind).await;
        let aegir = world.toy.aegir(Faults::default()).unwrap();
        let planned = world.toy.plan(&aegir).await.unwrap();
        let text = aegir.save_plan(&planned).unwrap();
        let loaded = aegir.load_plan(&text).unwrap();
        assert_eq!((&loaded.id, &loaded.plan, &loaded.basis), (&planned.id, &planned.plan, &planned.basis));
        // Another process of the same inventory reads it as well.
        world.toy.aegir(Faults::default()).unwrap().load_plan(&text).unwrap();

        let first = aegir.submit(loaded).await.unwrap();
        let id = first.id;
        first.outcome().await.unwrap();
        let after = world.picture().await;
        let error = aegir.submit(planned).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Conflict);
        assert!(error.message().contains(&format!("task {id}")), "{error:?}");
        assert_eq!(world.picture().await, after);
    }
}

#[tokio::test]
async fn an_edited_or_foreign_text_is_refused() {
    let world = World::new(Kind::Memory).await;
    let aegir = world.toy.aegir(Faults::default()).unwrap();
    let text = aegir.save_plan(&world.toy.plan(&aegir).await.unwrap()).unwrap();
    for (old, new) in [("/srv/dir/a", "/srv/dir/A"), ("640", "666"), ("\"toy\"", "\"boy\"")] {
        assert!(text.contains(old), "{text}");
        assert_eq!(aegir.load_plan(&text.replace(old, new)).unwrap_err().kind(), ErrorKind::Conflict);
    }
    let other = World::new(Kind::Memory).await;
    assert_eq!(other.toy.aegir(Faults::default()).unwrap().load_plan(&text).unwrap_err().kind(), ErrorKind::Conflict);
    for broken in ["", "{}", "[]", "{\"plan\":1}", &text[..text.len() / 2]] {
        assert!(aegir.load_plan(broken).is_err(), "{broken}");
    }
}
