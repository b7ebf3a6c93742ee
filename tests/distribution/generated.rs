//! Generated trees: after a push `rsync` finds nothing to do, and after its undo nothing has happened.

use std::path::Path;

use aegir_core::distribution::Keep;
use proptest::prelude::*;
use proptest::test_runner::{Config, FileFailurePersistence, TestRunner};

use crate::oracle::copy;
use crate::place::Place;
use crate::tree::{Step, make, mutations, steps};

/// What is kept, in our words and in those of `rsync`.
fn keep() -> (Keep, Vec<&'static str>) {
    let keep = Keep::nothing().path("b").unwrap().pattern("web/*/files").unwrap().path("sites/a").unwrap();
    (keep, vec!["/b", "/web/*/files", "/sites/a"])
}

#[derive(Clone, Debug)]
struct Case {
    source: Vec<Step>,
    /// The target begins as the source, and not from nothing.
    related: bool,
    target: Option<Vec<Step>>,
    kept: bool,
}

fn cases() -> impl Strategy<Value = Case> {
    let target = prop::option::weighted(0.9, mutations(25));
    (steps(40), prop::bool::weighted(0.7), target, any::<bool>()).prop_map(|(source, related, target, kept)| Case {
        source,
        related,
        target,
        kept,
    })
}

fn run(count: u32, place: &mut Place) {
    let runtime = tokio::runtime::Handle::current();
    let persistence = Some(Box::new(FileFailurePersistence::Off) as _);
    let mut runner =
        TestRunner::new(Config { cases: count, failure_persistence: persistence, max_shrink_time: 60_000, ..Config::default() });
    let place = std::cell::RefCell::new(place);
    let outcome = runner.run(&cases(), |case| {
        let mut place = place.borrow_mut();
        std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| runtime.block_on(one(&case, &mut place))))
            .map_err(|panic| TestCaseError::fail(panic.downcast_ref::<String>().cloned().unwrap_or_default()))
    });
    outcome.unwrap_or_else(|e| panic!("{e}"));
}

async fn one(case: &Case, place: &mut Place) {
    let copies = [place.seen.clone(), place.beside("before")];
    for path in
        copies.iter().chain([&place.source().to_owned(), &place.beside(".tree.aegir-partial"), &place.beside(".tree.aegir-previous")])
    {
        let _ = std::fs::remove_dir_all(path);
    }
    // What was read of the last one's source is a moment old and not this one's.
    place.source = place.source.with_file_name(uuid::Uuid::now_v7().to_string());
    std::fs::create_dir(place.source()).unwrap();
    make(place.source(), &case.source, None);
    if std::fs::read_dir(place.source()).unwrap().next().is_none() {
        return;
    }
    let (keep, excludes) = if case.kept { keep() } else { (Keep::nothing(), Vec::new()) };
    place.keep = keep;
    if let Some(target) = &case.target {
        if case.related {
            copy(place.source(), &place.seen);
        } else {
            std::fs::create_dir(&place.seen).unwrap();
        }
        make(&place.seen, target, None);
        if let Some(owner) = place.owner() {
            chown(&place.seen, owner);
        }
        copy(&place.seen, &place.beside("before"));
    }
    let before = match place.look().await {
        // A file of the master cannot stand where something kept has a directory; then nothing happens.
        Err(error) if error.kind() == aegir_core::ErrorKind::Refused => return,
        before => before.unwrap(),
    };
    if before.is_same() {
        assert_eq!(place.judge.differences(place.source(), &place.seen, &excludes), [""; 0], "taken for the same");
        return;
    }
    place.apply(&before).await.unwrap();
    assert_eq!(place.judge.differences(place.source(), &place.seen, &excludes), [""; 0]);
    place.undo(&before).await.unwrap();
    match case.target {
        Some(_) => place.judge.assert_same(&place.beside("before"), &place.seen),
        None => assert!(!place.seen.exists()),
    }
    place.assert_clean();
    place.apply(&before).await.unwrap();
    place.apply(&before).await.unwrap();
    assert_eq!(place.judge.differences(place.source(), &place.seen, &excludes), [""; 0]);
    place.purge().await;
    let after = place.look().await.unwrap();
    assert!(after.is_same(), "{after:?}");
    place.assert_clean();
}

/// Without losing the bits that a change of owner takes away.
fn chown(path: &Path, owner: u32) {
    let meta = path.symlink_metadata().unwrap();
    std::os::unix::fs::lchown(path, Some(owner), Some(owner)).unwrap();
    if !meta.is_symlink() {
        std::fs::set_permissions(path, meta.permissions()).unwrap();
    }
    if meta.is_dir() {
        std::fs::read_dir(path).unwrap().for_each(|entry| chown(&entry.unwrap().path(), owner));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn generated_trees_on_this_machine() {
    tokio::task::block_in_place(|| run(60, &mut Place::local()));
}

#[tokio::test(flavor = "multi_thread")]
async fn generated_trees_over_ssh() {
    tokio::task::block_in_place(|| run(12, &mut Place::remote()));
}
