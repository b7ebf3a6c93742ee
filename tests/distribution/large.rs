//! A hundred thousand files: a push of them, and one of the few that change.

use std::fs;
use std::time::Duration;

use crate::place::Place;

const DIRS: usize = 500;
const IN_EACH: usize = 200;

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_thousand_files() {
    let place = Place::local();
    for dir in 0..DIRS {
        let path = place.source().join(format!("m{}/d{dir}", dir % 20));
        fs::create_dir_all(&path).unwrap();
        for file in 0..IN_EACH {
            fs::write(path.join(format!("f{file}")), dir.to_string()).unwrap();
        }
    }
    let before = place.sync().await.unwrap();
    assert_eq!(before.files, (DIRS * IN_EACH) as u64);
    assert!(place.look().await.unwrap().is_same());

    for dir in 0..DIRS {
        let path = place.source().join(format!("m{}/d{dir}", dir % 20));
        fs::write(path.join("f0"), "changed").unwrap();
        fs::remove_file(path.join("f1")).unwrap();
        fs::write(path.join("new"), "new").unwrap();
    }
    tokio::time::sleep(Duration::from_millis(1100)).await;
    let before = place.sync().await.unwrap();
    assert_eq!(before.files, 2 * DIRS as u64);
    let after = place.look().await.unwrap();
    assert!(after.is_same(), "{}", after.summary(&place.target));
    place.assert_clean();
}
