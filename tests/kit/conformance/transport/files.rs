//! Files and directories: modes, atomicity, odd names, what is there and what is not.

use aegir_core::ErrorKind;
use aegir_core::server::{DirSpec, FileKind, FileSpec, Permissions};
use camino::Utf8Path;

use super::{Kit, ODD, spec, tells};

pub(super) async fn all(kit: &Kit, dir: &Utf8Path) {
    writes(kit, dir).await;
    nothing_there(kit, dir).await;
    groups(kit, dir).await;
    odd_names(kit, dir).await;
    sizes(kit, dir).await;
    failures_leave_no_trace(kit, dir).await;
    directories(kit, dir).await;
    a_reader_sees_one_or_the_other(kit, dir).await;
}

async fn writes(kit: &Kit, dir: &Utf8Path) {
    let path = dir.join("file");
    for mode in [0o600, 0o640, 0o444, 0o400, 0o755, 0o666] {
        let file = FileSpec { path: path.clone(), content: format!("{mode:o}").into(), permissions: Permissions::mode(mode) };
        kit.server.write(&file).await.unwrap();
        let found = kit.server.stat(&path).await.unwrap().unwrap();
        assert_eq!((found.mode, &found.kind, found.size), (mode, &FileKind::File, 3), "a read-only file is replaced, too");
        assert_eq!(kit.text(&path).await.unwrap(), format!("{mode:o}"));
    }
    assert_eq!(kit.names(dir).await, ["file"], "no temporaries");
    kit.put(&path, "").await;
    assert_eq!(kit.text(&path).await.unwrap(), "");
    kit.remove(&path).await;
}

async fn nothing_there(kit: &Kit, dir: &Utf8Path) {
    let file = dir.join("file");
    kit.put(&file, "x").await;
    for missing in [dir.join("none"), dir.join("none/below")] {
        assert!(kit.server.stat(&missing).await.unwrap().is_none());
        assert!(kit.server.read(&missing).await.unwrap().is_none());
        assert!(kit.server.list(&missing).await.unwrap().is_none());
        kit.remove(&missing).await;
    }
    assert!(kit.server.stat(&file.join("below")).await.unwrap().is_none(), "below a file there is nothing");
    assert!(kit.server.list(&file).await.unwrap().is_none(), "a file is no directory");
    assert!(kit.server.read(dir).await.is_err(), "a directory is no file");
    kit.remove(&file).await;
}

async fn groups(kit: &Kit, dir: &Utf8Path) {
    let (path, group) = (dir.join("grouped"), kit.can.group.as_str());
    // Set-group-id must survive the change of group.
    for mode in [0o640, 0o2750] {
        let wanted = Permissions::mode(mode).group(group);
        kit.server.write(&FileSpec { path: path.clone(), content: b"x".to_vec(), permissions: wanted.clone() }).await.unwrap();
        let found = kit.server.stat(&path).await.unwrap().unwrap();
        assert!(found.satisfies(&wanted), "{found:?}");
        let shared = dir.join(format!("shared{mode}"));
        kit.server.make_dir(&DirSpec { path: shared.clone(), permissions: wanted.clone() }).await.unwrap();
        let found = kit.server.stat(&shared).await.unwrap().unwrap();
        assert!(found.satisfies(&wanted), "{found:?}");
        if kit.can.kernel {
            let same = DirSpec { path: shared.clone(), permissions: found.permissions() };
            kit.server.make_dir(&same).await.unwrap();
        }
        kit.remove(&shared).await;
    }
    if kit.can.kernel {
        let wanted = Permissions::mode(0o600).group("no-such-group");
        let error = kit.server.write(&FileSpec { path: path.clone(), content: b"new".to_vec(), permissions: wanted }).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Refused, "{error:?}");
        assert_eq!(kit.text(&path).await.unwrap(), "x");
    }
    kit.remove(&path).await;
    assert!(kit.names(dir).await.is_empty());
}

async fn odd_names(kit: &Kit, dir: &Utf8Path) {
    for name in ODD {
        let sub = dir.join(name);
        kit.dir(&sub).await;
        let path = sub.join(name);
        kit.put(&path, name).await;
        assert_eq!(kit.text(&path).await.unwrap(), name);
        assert_eq!(kit.names(&sub).await, [name]);
        assert_eq!(kit.server.stat(&path).await.unwrap().unwrap().size, name.len() as u64);
    }
    let mut sorted = ODD.map(str::to_owned).to_vec();
    sorted.sort();
    assert_eq!(kit.names(dir).await, sorted);
    for name in ODD {
        kit.remove(&dir.join(name)).await;
    }
    assert!(kit.names(dir).await.is_empty(), "nothing of it reached a shell");
    let long = dir.join("n".repeat(250));
    if kit.server.write(&spec(&long, "x")).await.is_ok() {
        kit.remove(&long).await;
    }
    assert!(kit.names(dir).await.is_empty());
}

/// Around the limits of pieces and packets, and far beyond them.
async fn sizes(kit: &Kit, dir: &Utf8Path) {
    let path = dir.join("big");
    for size in [1, 32_767, 32_768, 32_769, 65_536, 300_001, 5_000_000] {
        let content: Vec<u8> = (0..size).map(|i: u32| (i.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
        kit.server.write(&FileSpec { path: path.clone(), content: content.clone(), permissions: Permissions::mode(0o600) }).await.unwrap();
        assert!(kit.server.read(&path).await.unwrap().unwrap() == content, "{size} bytes come back");
    }
    kit.remove(&path).await;
    for number in 0..250 {
        kit.put(&dir.join(format!("f{number:03}")), "x").await;
    }
    let names = kit.names(dir).await;
    assert_eq!((names.len(), names.is_sorted()), (250, true));
    for name in names {
        kit.remove(&dir.join(name)).await;
    }
}

async fn failures_leave_no_trace(kit: &Kit, dir: &Utf8Path) {
    let nowhere = dir.join("none/file");
    tells(&kit.server.write(&spec(&nowhere, "x")).await.unwrap_err(), &nowhere);
    let sub = dir.join("sub");
    kit.dir(&sub).await;
    tells(&kit.server.write(&spec(&sub, "x")).await.unwrap_err(), &sub);
    assert_eq!(kit.server.stat(&sub).await.unwrap().unwrap().kind, FileKind::Dir);
    let orphan = DirSpec { path: dir.join("none/sub"), permissions: Permissions::mode(0o755) };
    tells(&kit.server.make_dir(&orphan).await.unwrap_err(), &orphan.path);
    kit.remove(&sub).await;
    assert!(kit.names(dir).await.is_empty(), "no temporaries");
}

async fn directories(kit: &Kit, dir: &Utf8Path) {
    let path = dir.join("sub");
    for mode in [0o755, 0o700, 0o555, 0o1777] {
        kit.server.make_dir(&DirSpec { path: path.clone(), permissions: Permissions::mode(mode) }).await.unwrap();
        let found = kit.server.stat(&path).await.unwrap().unwrap();
        assert_eq!((found.mode, found.kind), (mode, FileKind::Dir));
    }
    kit.remove(&path).await;
    kit.put(&path, "x").await;
    let error = kit.server.make_dir(&DirSpec { path: path.clone(), permissions: Permissions::mode(0o755) }).await.unwrap_err();
    tells(&error, &path);
    assert_eq!(kit.text(&path).await.unwrap(), "x");
    kit.remove(&path).await;
}

async fn a_reader_sees_one_or_the_other(kit: &Kit, dir: &Utf8Path) {
    let path = dir.join("changing");
    kit.put(&path, &"a".repeat(200_000)).await;
    let (server, read) = (kit.server.clone(), path.clone());
    let reader = tokio::spawn(async move {
        for _ in 0..40 {
            let bytes = server.read(&read).await.unwrap().unwrap();
            assert_eq!(bytes.len(), 200_000);
            assert!(bytes.iter().all(|b| *b == bytes[0]));
            assert_eq!(server.stat(&read).await.unwrap().unwrap().mode, 0o640);
        }
    });
    let mut letters = ["b", "a"].into_iter().cycle();
    while !reader.is_finished() {
        kit.put(&path, &letters.next().unwrap().repeat(200_000)).await;
        tokio::task::yield_now().await;
    }
    reader.await.unwrap();
    assert_eq!(kit.names(dir).await, ["changing"]);
    kit.remove(&path).await;
}
