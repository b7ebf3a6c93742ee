//! A toy world on either inventory, and a picture of all that a rolled back task must leave as it was.

use std::sync::Arc;

use aegir_core::engine::{Faults, Outcome};
use aegir_core::entity::Resource;
use aegir_core::inventory::Inventory;
use aegir_core::inventory::memory::MemoryInventory;
use aegir_core::inventory::orm::OrmInventory;
use aegir_core::testing::Toy;
use camino::Utf8Path;
use tempfile::TempDir;

/// How many steps the toy plan has before the commit, and after.
pub(crate) const FORWARD: usize = 10;
pub(crate) const CLEANUP: usize = 2;

/// Which inventory a test runs on.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Kind {
    Memory,
    Orm,
}

pub(crate) const KINDS: [Kind; 2] = [Kind::Memory, Kind::Orm];

/// An empty inventory, and the directory it is in.
pub(crate) async fn inventory(kind: Kind) -> (Arc<dyn Inventory>, TempDir) {
    let directory = TempDir::new().unwrap();
    let inventory: Arc<dyn Inventory> = match kind {
        Kind::Memory => Arc::new(MemoryInventory::default()),
        Kind::Orm => Arc::new(OrmInventory::open(&Utf8Path::from_path(directory.path()).unwrap().join("aegir.db")).await.unwrap()),
    };
    (inventory, directory)
}

/// A toy and the directory of its inventory.
pub(crate) struct World {
    pub(crate) toy: Toy,
    _directory: TempDir,
}

/// Files, ownership and locks.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Picture {
    pub(crate) files: Vec<String>,
    owned: Vec<Resource>,
    leases: usize,
}

impl World {
    pub(crate) async fn new(kind: Kind) -> Self {
        let (inventory, directory) = inventory(kind).await;
        Self { toy: Toy::new(inventory).await.unwrap(), _directory: directory }
    }

    pub(crate) async fn picture(&self) -> Picture {
        Picture {
            files: self.toy.world(),
            owned: self.toy.inventory.owned_by(&Toy::owner()).await.unwrap(),
            leases: self.toy.inventory.leases().await.unwrap().len(),
        }
    }

    /// Plans and runs the toy plan to its end.
    pub(crate) async fn run(&self, faults: Faults) -> Outcome {
        let aegir = self.toy.aegir(faults).unwrap();
        let planned = self.toy.plan(&aegir).await.unwrap();
        aegir.submit(planned).await.unwrap().outcome().await.unwrap()
    }

    /// What it looks like when the toy plan ran without failure.
    pub(crate) async fn done(kind: Kind) -> Picture {
        let world = Self::new(kind).await;
        let outcome = world.run(Faults::default()).await;
        assert!(matches!(outcome, Outcome::Done { .. }), "{outcome:?}");
        world.picture().await
    }
}
