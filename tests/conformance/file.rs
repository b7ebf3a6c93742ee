//! The inventory's file: who may read it, what is said when it is missing, foreign, damaged or of a later build.

use std::os::unix::fs::PermissionsExt as _;

use aegir_core::ErrorKind;
use aegir_core::inventory::orm::OrmInventory;
use aegir_core::inventory::{SiteFilter, Sites as _};
use tempfile::TempDir;

use super::path;

#[tokio::test]
async fn it_is_its_owners_alone() {
    let directory = TempDir::new().unwrap();
    let path = path(&directory, "it's 100% odd?#.db");
    let inventory = OrmInventory::open(&path).await.unwrap();
    assert!(inventory.sites(&SiteFilter::default()).await.unwrap().is_empty());
    for entry in directory.path().read_dir().unwrap() {
        let entry = entry.unwrap();
        assert_eq!(entry.metadata().unwrap().permissions().mode() & 0o777, 0o600, "{entry:?}");
    }
    inventory.close().await.unwrap();
    assert_eq!(directory.path().read_dir().unwrap().count(), 1, "SQLite folds its log into the file");
}

#[tokio::test]
async fn a_missing_one_says_init() {
    let directory = TempDir::new().unwrap();
    let path = path(&directory, "aegir.db");
    let error = OrmInventory::open_existing(&path).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert!(error.message().contains(path.as_str()) && error.hints()[0].contains("aegir init"), "{error:?}");
    assert!(!path.exists(), "looking for it made it");
    let nowhere = path.join("below").join("nothing.db");
    assert_eq!(OrmInventory::open(&nowhere).await.unwrap_err().kind(), ErrorKind::NotFound);
}

#[tokio::test]
async fn a_foreign_or_damaged_one_is_named() {
    let directory = TempDir::new().unwrap();
    let path = path(&directory, "aegir.db");
    std::fs::write(&path, "this is a letter, not a database, and it is long enough to be taken for one\n".repeat(100)).unwrap();
    let error = OrmInventory::open(&path).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Failed);
    assert!(error.message().contains(path.as_str()) && error.hints()[0].contains("backup"), "{error:?}");
    let error = OrmInventory::open(directory.path().try_into().unwrap()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Refused, "{error:?}");
}

#[tokio::test]
async fn a_later_builds_is_refused() {
    let directory = TempDir::new().unwrap();
    let path = path(&directory, "aegir.db");
    OrmInventory::open(&path).await.unwrap().close().await.unwrap();
    // SQLite keeps `user_version` in bytes 60 to 63 of the file (https://sqlite.org/fileformat2.html).
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[60..64].copy_from_slice(&99u32.to_be_bytes());
    std::fs::write(&path, bytes).unwrap();
    let error = OrmInventory::open(&path).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    assert!(error.message().contains("99"), "{error:?}");
}

/// A full disk or half a restore leaves an empty file; it was taken for a new inventory, and there were "no sites".
#[tokio::test]
async fn an_empty_one_is_damaged_and_never_a_new_one() {
    let directory = TempDir::new().unwrap();
    let path = path(&directory, "aegir.db");
    // A database without a table, as `sqlite3 aegir.db vacuum` leaves it, in the journal mode of ours.
    let mut header = b"SQLite format 3\0\x10\x00\x02\x02\x00\x40\x20\x20\0\0\0\x01\0\0\0\x01".to_vec();
    header.resize(100, 0);
    header[47] = 4;
    header[59] = 1;
    header.extend([0x0d, 0, 0, 0, 0, 0x10, 0, 0]);
    header.resize(4096, 0);
    for content in [Vec::new(), header] {
        std::fs::write(&path, &content).unwrap();
        for opened in [OrmInventory::open(&path).await, OrmInventory::open_existing(&path).await] {
            let error = opened.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Failed, "{error:?}");
            assert!(error.message().contains("nothing in it") && error.hints()[0].contains("backup"), "{error:?}");
        }
        assert_eq!(std::fs::read(&path).unwrap(), content, "it was written to");
    }
}

/// A process that is killed while it makes one leaves nothing under its name.
#[tokio::test]
async fn one_that_is_being_made_has_another_name() {
    let directory = TempDir::new().unwrap();
    let path = path(&directory, "aegir.db");
    let both = futures::future::join_all((0..8).map(|_| OrmInventory::open(&path))).await;
    both.into_iter().for_each(|opened| drop(opened.unwrap()));
    let names: Vec<String> = directory.path().read_dir().unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    assert!(names.iter().all(|name| name.starts_with("aegir.db")), "{names:?}");
}
