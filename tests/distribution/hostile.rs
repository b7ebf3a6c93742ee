//! Sources that must not delete, targets that lead elsewhere, files that change, disks that are full.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use aegir_core::distribution::{Op, TreePath};
use aegir_core::{Error, ErrorKind};
use aegir_testkit::machine::program;

use crate::oracle::copy;
use crate::place::Place;

/// A small tree on both sides.
async fn pushed() -> Place {
    let place = Place::local();
    for file in ["web/index.php", "web/core/a.php", "web/core/b.php", "web/mnt/data", "README"] {
        let path = place.source().join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, file).unwrap();
    }
    place.sync().await.unwrap();
    copy(&place.seen, &place.beside("before"));
    place
}

/// Mounts an empty disk over a directory for as long as it lives.
struct Mounted<'a>(&'a Path);

impl<'a> Mounted<'a> {
    fn over(path: &'a Path) -> Self {
        let mounted = program("mount").args(["-t", "tmpfs", "test"]).arg(path).status().unwrap();
        assert!(mounted.success());
        Self(path)
    }
}

impl Drop for Mounted<'_> {
    fn drop(&mut self) {
        assert!(program("umount").arg(self.0).status().unwrap().success());
    }
}

fn refused(place: &Place, error: &Error, says: &str) {
    assert!(matches!(error.kind(), ErrorKind::Refused | ErrorKind::Conflict), "{error:?}");
    assert!(error.message().contains(says), "{error:?}");
    place.judge.assert_same(&place.beside("before"), &place.seen);
    place.assert_clean();
}

/// What was read of a source is used for a moment.
async fn moment() {
    tokio::time::sleep(std::time::Duration::from_millis(1100)).await;
}

#[tokio::test]
async fn a_source_that_is_gone_never_deletes() {
    let place = pushed().await;
    let away = place.aside("away");
    fs::rename(place.source(), &away).unwrap();
    moment().await;
    refused(&place, &place.look().await.unwrap_err(), "does not exist");
    fs::create_dir(place.source()).unwrap();
    refused(&place, &place.look().await.unwrap_err(), "is empty");
    fs::remove_dir(place.source()).unwrap();
    fs::write(place.source(), "").unwrap();
    refused(&place, &place.look().await.unwrap_err(), "no directory");
    fs::remove_file(place.source()).unwrap();
    symlink(&away, place.source()).unwrap();
    refused(&place, &place.look().await.unwrap_err(), "is a link");
}

#[tokio::test]
async fn a_source_that_vanishes_after_the_plan_never_deletes() {
    let place = pushed().await;
    fs::write(place.source().join("README"), "new").unwrap();
    fs::remove_dir_all(place.source().join("web/core")).unwrap();
    moment().await;
    let before = place.look().await.unwrap();
    for (file, says) in
        [("web/mnt/data", "changed on the master"), ("web", "changed on the master"), ("README", "is empty"), ("", "does not exist")]
    {
        let path = place.source().join(file);
        if path.is_dir() {
            fs::remove_dir_all(&path).unwrap()
        } else {
            fs::remove_file(&path).unwrap()
        }
        if file == "README" {
            fs::create_dir_all(place.source()).unwrap();
        }
        let error = place.apply(&before).await.unwrap_err();
        place.undo(&before).await.unwrap();
        refused(&place, &error, says);
    }
}

#[tokio::test]
async fn a_source_that_is_not_mounted_never_deletes() {
    let place = Place::local();
    let before = {
        let _disk = Mounted::over(place.source());
        fs::write(place.source().join("x"), "x").unwrap();
        place.sync().await.unwrap();
        copy(&place.seen, &place.beside("before"));
        fs::write(place.source().join("y"), "y").unwrap();
        moment().await;
        place.look().await.unwrap()
    };
    moment().await;
    refused(&place, &place.look().await.unwrap_err(), "is empty");
    refused(&place, &place.apply(&before).await.unwrap_err(), "is empty");
}

#[tokio::test]
async fn a_directory_in_it_that_is_not_mounted_is_warned_of() {
    let place = pushed().await;
    let inner = place.source().join("web/core");
    let _disk = Mounted::over(&inner);
    moment().await;
    let before = place.look().await.unwrap();
    assert_eq!(before.warnings.len(), 1);
    assert!(before.warnings[0].contains("web/core is empty on the master, and 2 files"), "{:?}", before.warnings);
    assert!(before.summary(&place.target).starts_with("! "));
}

#[tokio::test]
async fn links_on_the_target_lead_nowhere() {
    let place = pushed().await;
    let outside = place.aside("outside");
    fs::create_dir_all(outside.join("core")).unwrap();
    for file in ["index.php", "core/a.php", "core/z.php"] {
        fs::write(outside.join(file), "mine").unwrap();
    }
    copy(&outside, &place.aside("outside-before"));
    fs::remove_dir_all(place.seen.join("web")).unwrap();
    symlink(&outside, place.seen.join("web")).unwrap();
    // A companion that somebody put there is replaced and not followed.
    symlink(&outside, place.beside(".tree.aegir-partial")).unwrap();
    symlink(&outside, place.beside(".tree.aegir-previous")).unwrap();
    moment().await;
    place.sync().await.unwrap();
    assert_eq!(place.judge.differences(place.source(), &place.seen, &[]), [""; 0]);
    place.judge.assert_same(&place.aside("outside-before"), &outside);

    // A directory that becomes a link between two looks.
    fs::remove_dir_all(place.seen.join("web")).unwrap();
    symlink(&outside, place.seen.join("web")).unwrap();
    let path = |path: &str| TreePath::parse(path.as_bytes()).unwrap();
    fs::create_dir(place.beside(".tree.aegir-previous")).unwrap();
    for late in [false, true] {
        for op in [
            Op::Discard(path("web/core/z.php"), 0),
            Op::Mode(path("web/core/z.php"), 0o777),
            Op::Time(path("web"), 1),
            Op::Mode(path("web"), 0o700),
        ] {
            let result = place.server.amend(&place.target, std::slice::from_ref(&op), late).await;
            if matches!(op, Op::Discard(..)) {
                assert!(result.unwrap_err().chain().join(" ").contains("no directory any more"));
            }
        }
    }
    place.judge.assert_same(&place.aside("outside-before"), &outside);
    // And one that is a link itself.
    fs::remove_dir_all(&place.seen).unwrap();
    symlink(&outside, &place.seen).unwrap();
    assert!(place.look().await.unwrap_err().message().contains("no directory"));
    assert!(place.server.amend(&place.target, &[Op::Discard(path("index.php"), 0)], false).await.is_err());
    place.judge.assert_same(&place.aside("outside-before"), &outside);
}

#[tokio::test]
async fn a_change_on_the_target_since_the_plan_is_noticed() {
    let place = pushed().await;
    fs::write(place.source().join("README"), "new").unwrap();
    moment().await;
    let before = place.look().await.unwrap();
    fs::write(place.seen.join("by-hand"), "precious").unwrap();
    let error = place.apply(&before).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict);
    place.undo(&before).await.unwrap();
    assert_eq!(fs::read_to_string(place.seen.join("by-hand")).unwrap(), "precious");
    place.assert_clean();
}

/// A file that is written to while it is sent: either it was noticed, or it is sent again the next time.
#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_changes_while_it_is_sent_is_not_taken_for_current() {
    let place = Place::local();
    let big = place.source().join("big");
    fs::write(&big, vec![b'a'; 40_000_000]).unwrap();
    let mut noticed = 0;
    for _ in 0..3 {
        moment().await;
        let before = place.look().await.unwrap();
        let stop = std::sync::atomic::AtomicBool::new(false);
        let applied = std::thread::scope(|scope| {
            let writer = scope.spawn(|| {
                use std::os::unix::fs::FileExt as _;
                let file = fs::OpenOptions::new().write(true).open(&big).unwrap();
                for turn in 0_u8.. {
                    if stop.load(std::sync::atomic::Ordering::Relaxed) {
                        return;
                    }
                    file.write_at(&[turn; 16], 39_000_000).unwrap();
                    std::thread::sleep(std::time::Duration::from_millis(3));
                }
            });
            let applied = tokio::task::block_in_place(|| tokio::runtime::Handle::current().block_on(place.apply(&before)));
            stop.store(true, std::sync::atomic::Ordering::Relaxed);
            writer.join().unwrap();
            applied
        });
        if let Err(error) = applied {
            noticed += 1;
            let told = error.chain().join(": ");
            assert!(told.contains("changed while it was sent") || told.contains("changed on the master"), "{told}");
            place.undo(&before).await.unwrap();
            assert!(!place.seen.exists());
            place.assert_clean();
        } else {
            let differs = fs::read(&big).unwrap() != fs::read(place.seen.join("big")).unwrap();
            moment().await;
            assert_eq!(differs, !place.look().await.unwrap().is_same());
            fs::remove_dir_all(&place.seen).unwrap();
        }
    }
    assert!(noticed > 0);
    moment().await;
    place.sync().await.unwrap();
    assert_eq!(place.judge.differences(place.source(), &place.seen, &[]), [""; 0]);
}
