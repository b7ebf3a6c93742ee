//! Connections that end at any moment: what was begun is taken back or done again, and nothing is left half.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use aegir_core::distribution::Before;
use aegir_core::{ErrorKind, Result};

use crate::oracle::copy;
use crate::place::Place;

/// A tree of some megabytes.
fn plant(root: &Path, files: usize, salt: &str) {
    for file in 0..files {
        let dir = root.join(format!("d{}", file % 20));
        fs::create_dir_all(&dir).unwrap();
        fs::write(dir.join(format!("f{file}{}", if file % 3 == 0 { salt } else { "" })), format!("{salt}{file}").repeat(300)).unwrap();
    }
}

/// Pushes, and after a while kills every session of the account, as a network that resets does.
async fn cut(place: &Place, before: &Before, after: Duration) -> Result<()> {
    let host = place.remote.as_ref().unwrap().host.clone();
    let killing = tokio::task::spawn_blocking(move || {
        std::thread::sleep(after);
        host.exec(["pkill", "-KILL", "-u", "aegir", "-x", "sshd"]);
    });
    let applied = place.apply(before).await;
    killing.await.unwrap();
    applied
}

#[tokio::test(flavor = "multi_thread")]
async fn a_push_that_is_cut_is_taken_back_and_done_again() {
    const ROUNDS: u32 = 8;
    let mut place = Place::remote();
    plant(place.source(), 400, "v");
    let before = place.look().await.unwrap();
    let begun = Instant::now();
    place.apply(&before).await.unwrap();
    let whole = begun.elapsed();
    let mut cuts = 0;
    for round in 0..ROUNDS {
        // By turns a tree that is new there, and one that changes in every file.
        let fresh = round % 2 == 0;
        place.source = place.source.with_file_name(format!("source{round}"));
        plant(place.source(), 400, &format!("v{round}"));
        let _ = fs::remove_dir_all(place.beside("before"));
        if fresh {
            fs::remove_dir_all(&place.seen).unwrap();
        } else {
            copy(&place.seen, &place.beside("before"));
        }
        let before = place.look().await.unwrap();
        let after = whole.mul_f64(f64::from(round) / f64::from(ROUNDS));
        cuts += u32::from(cut(&place, &before, after).await.is_err());
        place.undo(&before).await.unwrap();
        if fresh {
            assert!(!place.seen.exists())
        } else {
            place.judge.assert_same(&place.beside("before"), &place.seen)
        }
        place.assert_clean();
        // The connection dies once more, and this time nobody takes back what it left.
        cuts += u32::from(cut(&place, &before, after / 2).await.is_err());
        place.apply(&before).await.unwrap();
        place.purge().await;
        assert_eq!(place.judge.differences(place.source(), &place.seen, &[]), [""; 0]);
        assert!(place.look().await.unwrap().is_same());
        place.assert_clean();
    }
    assert!(cuts >= 4, "{cuts} cuts");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cable_that_is_pulled_ends_a_push_in_time() {
    let place = Place::remote();
    plant(place.source(), 800, "v");
    let host = &place.remote.as_ref().unwrap().host;
    let before = place.look().await.unwrap();
    host.slow(2_000, Duration::ZERO).unwrap();
    let begun = Instant::now();
    let (applied, ()) = tokio::join!(place.apply(&before), async {
        tokio::time::sleep(Duration::from_millis(400)).await;
        host.cut();
    });
    let error = applied.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unreachable, "{error:?}");
    assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", begun.elapsed());
    assert!(place.undo(&before).await.is_err(), "nobody can take anything back there now");
    host.full_speed();
    host.heal();
    // The kernel takes a moment to ask again who has the address.
    let healed = Instant::now();
    while let Err(error) = place.undo(&before).await {
        assert!(error.kind() == ErrorKind::Unreachable && healed.elapsed() < Duration::from_secs(20), "{error:?}");
    }
    assert!(!place.seen.exists());
    place.assert_clean();
    place.sync().await.unwrap();
    assert_eq!(place.judge.differences(place.source(), &place.seen, &[]), [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_is_named_and_everything_taken_back() {
    let place = Place::remote();
    plant(place.source(), 100, "v");
    place.sync().await.unwrap();
    copy(&place.seen, &place.beside("before"));
    let host = &place.remote.as_ref().unwrap().host;
    fs::write(place.source().join("big"), vec![7; 8_000_000]).unwrap();
    fs::remove_dir_all(place.source().join("d1")).unwrap();
    tokio::time::sleep(Duration::from_millis(1100)).await;
    let before = place.look().await.unwrap();
    host.fill_disk("/var/aegir");
    let error = place.apply(&before).await.unwrap_err();
    let told = format!("{error:?}");
    assert!(error.contexts().iter().any(|(key, value)| *key == "server" && value == "web1"), "{told}");
    assert!(told.contains("No space left on device") || told.contains("df -h"), "{told}");
    place.undo(&before).await.unwrap();
    host.free_disk("/var/aegir", 100_000_000);
    place.judge.assert_same(&place.beside("before"), &place.seen);
    place.assert_clean();
    place.sync().await.unwrap();
    assert_eq!(place.judge.differences(place.source(), &place.seen, &[]), [""; 0]);
}
