//! A push as a step of a task: broken before and after its work, run twice, refused where the tree is not ours.

use std::fs;
use std::sync::Arc;

use aegir_core::action::PushTree;
use aegir_core::distribution::{self, Keep};
use aegir_core::engine::{Fails, Faults, Outcome};
use aegir_core::inventory::memory::MemoryInventory;
use aegir_core::name::ServerName;
use aegir_core::plan::{Change, Plan, Planned};
use aegir_core::secret::Keyring;
use aegir_core::service::Registry;
use aegir_core::testing::Toy;
use aegir_core::{Aegir, Error, ErrorKind, Result};

use crate::oracle::copy;
use crate::place::Place;

/// An engine that pushes the trees of a place.
struct World {
    place: Place,
    inventory: Arc<MemoryInventory>,
    key: secrecy::SecretString,
}

impl World {
    fn new() -> Self {
        let place = Place::local();
        fs::create_dir_all(place.source().join("web/sites/a/files")).unwrap();
        fs::write(place.source().join("web/index.php"), "one").unwrap();
        Self { place, inventory: Arc::default(), key: Keyring::generate().unwrap().to_file_text() }
    }

    fn aegir(&self, faults: Faults) -> Aegir {
        let keyring = Keyring::from_text(&self.key).unwrap();
        Aegir::builder(self.inventory.clone(), Registry::new(), keyring).server(self.place.server.clone()).faults(faults).build()
    }

    async fn plan(&self, aegir: &Aegir) -> Result<Planned> {
        let (source, target) = (self.place.source.clone(), self.place.target.clone());
        let keep = Keep::nothing().pattern("web/sites/*/files")?;
        let tree = PushTree { until: None, source, target, keep };
        Toy::settled(aegir, distribution::push(Plan::empty(), &ServerName::master(), &Toy::owner(), &tree)?).await
    }

    async fn run(&self, faults: Faults) -> Result<Outcome> {
        let aegir = self.aegir(faults);
        let planned = self.plan(&aegir).await?;
        aegir.submit(planned).await?.outcome().await
    }

    fn same(&self) -> bool {
        self.place.judge.differences(self.place.source(), &self.place.seen, &["/web/sites/*/files"]).is_empty()
    }
}

async fn broken(world: &World, check: impl Fn()) {
    for twice in [false, true] {
        for fail in [Fails::Before(0), Fails::After(0)] {
            let outcome = world.run(Faults { fail: Some(fail), twice, ..Faults::default() }).await.unwrap();
            assert!(matches!(outcome, Outcome::RolledBack(_)), "{outcome:?}");
            check();
            world.place.assert_clean();
        }
    }
    let outcome = world.run(Faults { twice: true, ..Faults::default() }).await.unwrap();
    assert!(matches!(outcome, Outcome::Done { warnings: 0, .. }), "{outcome:?}");
    assert!(world.same());
    world.place.assert_clean();
    assert!(world.plan(&world.aegir(Faults::default())).await.unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_push_that_breaks_leaves_no_trace() {
    let world = World::new();
    let there = &world.place.seen;
    broken(&world, || assert!(!there.exists())).await;

    fs::create_dir_all(there.join("web/sites/a/files")).unwrap();
    fs::write(there.join("web/sites/a/files/upload"), "theirs").unwrap();
    fs::write(there.join("web/old.php"), "old").unwrap();
    fs::write(world.place.source().join("web/index.php"), "two").unwrap();
    fs::write(world.place.source().join("web/new.php"), "new").unwrap();
    copy(there, &world.place.beside("before"));
    tokio::time::sleep(std::time::Duration::from_millis(1100)).await;
    let planned = world.plan(&world.aegir(Faults::default())).await.unwrap();
    let diff = &planned.steps[0].diff;
    assert_eq!(diff.change, Change::Change);
    for line in ["~ web/index.php\n", "+ web/new.php\n", "- web/old.php\n"] {
        assert!(diff.detail.contains(line), "{}", diff.detail);
    }
    broken(&world, || world.place.judge.assert_same(&world.place.beside("before"), there)).await;
    assert_eq!(fs::read_to_string(there.join("web/sites/a/files/upload")).unwrap(), "theirs");
}

#[tokio::test]
async fn a_tree_that_is_not_ours_is_not_taken_over() {
    let world = World::new();
    fs::create_dir_all(world.place.seen.join("theirs")).unwrap();
    let error: Error = world.run(Faults::default()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Refused, "{error:?}");
    assert!(world.place.seen.join("theirs").exists());
}
