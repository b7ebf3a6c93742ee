//! The inventories that ship with Aegir, against the kit; and SQLite's under several processes.
#![expect(clippy::unwrap_used, reason = "a test may panic where it likes")]

mod crowd;
mod file;

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use aegir_core::inventory::Inventory;
use aegir_core::inventory::memory::MemoryInventory;
use aegir_core::inventory::orm::OrmInventory;
use aegir_testkit::conformance;
use camino::Utf8PathBuf;
use tempfile::TempDir;

fn path(directory: &TempDir, name: &str) -> Utf8PathBuf {
    Utf8PathBuf::from_path_buf(directory.path().join(name)).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn memory_inventory_conforms() {
    conformance::inventory(async || Arc::new(MemoryInventory::default()) as Arc<dyn Inventory>).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn orm_inventory_conforms() {
    let directory = TempDir::new().unwrap();
    let count = AtomicU32::new(0);
    let make = async || {
        let name = format!("{}.db", count.fetch_add(1, Ordering::Relaxed));
        Arc::new(OrmInventory::open(&path(&directory, &name)).await.unwrap()) as Arc<dyn Inventory>
    };
    conformance::inventory(make).await;
}
