//! Links, moves, and removal of whole trees.

use std::time::Duration;

use aegir_core::server::{Command, DirSpec, FileKind, Permissions};
use camino::Utf8Path;

use super::{Kit, ODD, tells};

pub(super) async fn all(kit: &Kit, dir: &Utf8Path) {
    links(kit, dir).await;
    moves(kit, dir).await;
    trees(kit, dir).await;
    if kit.can.commands {
        strange_entries(kit, dir).await;
    }
}

async fn links(kit: &Kit, dir: &Utf8Path) {
    let (link, one, two) = (dir.join("link"), dir.join("one"), dir.join("two"));
    kit.put(&one, "1").await;
    kit.put(&two, "2").await;
    kit.server.link(&link, &one).await.unwrap();
    assert_eq!(kit.server.stat(&link).await.unwrap().unwrap().kind, FileKind::Link(one.clone()), "stat looks at the link itself");
    if kit.can.kernel {
        assert_eq!(kit.text(&link).await.unwrap(), "1", "read follows");
    }
    kit.server.link(&link, &two).await.unwrap();
    assert_eq!(kit.server.stat(&link).await.unwrap().unwrap().kind, FileKind::Link(two.clone()), "a link is replaced");
    kit.put(&link, "file").await;
    assert_eq!(kit.server.stat(&link).await.unwrap().unwrap().kind, FileKind::File, "a write replaces the link");
    assert_eq!(kit.text(&two).await.unwrap(), "2", "and does not write through it");
    kit.remove(&link).await;
    for odd in ODD {
        kit.server.link(&link, Utf8Path::new(odd)).await.unwrap();
        assert_eq!(kit.server.stat(&link).await.unwrap().unwrap().kind, FileKind::Link(odd.into()));
    }
    kit.server.link(&link, dir).await.unwrap();
    assert!(kit.server.list(&link).await.unwrap().is_none(), "a link to a directory is no directory");
    let error = kit.server.make_dir(&DirSpec { path: link.clone(), permissions: Permissions::mode(0o700) }).await.unwrap_err();
    tells(&error, &link);
    kit.remove(&link).await;
    assert_eq!(kit.names(dir).await, ["one", "two"], "what a link pointed to stays when it goes; no temporaries");
    if kit.can.kernel {
        let sub = dir.join("sub");
        kit.dir(&sub).await;
        tells(&kit.server.link(&sub, &one).await.unwrap_err(), &sub);
        kit.remove(&sub).await;
    }
    kit.remove(&one).await;
    kit.remove(&two).await;
    assert!(kit.names(dir).await.is_empty());
}

async fn moves(kit: &Kit, dir: &Utf8Path) {
    let path = |name: &str| dir.join(name);
    kit.put(&path("a"), "a").await;
    kit.put(&path("b"), "b").await;
    kit.dir(&path("d")).await;
    kit.put(&path("d/in"), "in").await;
    kit.dir(&path("empty")).await;
    kit.server.link(&path("dangling"), Utf8Path::new("/nowhere")).await.unwrap();
    let all = ["a", "b", "d", "dangling", "empty"];
    for (from, to) in [
        ("a", "b"),
        ("a", "a"),
        ("a", "empty"),
        ("a", "dangling"),
        ("d", "empty"),
        ("d", "a"),
        ("dangling", "a"),
        ("d", "dangling"),
        ("none", "new"),
        ("a", "none/new"),
    ] {
        let error = kit.server.rename(&path(from), &path(to)).await;
        assert!(error.is_err(), "moving {from} to {to} replaces nothing");
        assert_eq!(kit.names(dir).await, all, "{from} to {to}");
    }
    assert_eq!((kit.text(&path("a")).await.unwrap(), kit.text(&path("b")).await.unwrap()), ("a".into(), "b".into()));
    for (from, to) in [("a", "new\n'file"), ("d", "-new dir"), ("dangling", "new link")] {
        kit.server.rename(&path(from), &path(to)).await.unwrap();
        assert!(kit.server.stat(&path(from)).await.unwrap().is_none());
    }
    assert_eq!(kit.text(&path("new\n'file")).await.unwrap(), "a");
    assert_eq!(kit.text(&path("-new dir/in")).await.unwrap(), "in");
    assert_eq!(kit.server.stat(&path("new link")).await.unwrap().unwrap().kind, FileKind::Link("/nowhere".into()));
    for name in kit.names(dir).await {
        kit.remove(&path(&name)).await;
    }
    assert!(kit.names(dir).await.is_empty());
}

async fn trees(kit: &Kit, dir: &Utf8Path) {
    let (tree, outside) = (dir.join("-tree of 'mine'"), dir.join("outside"));
    kit.dir(&outside).await;
    kit.put(&outside.join("keep"), "x").await;
    let mut below = tree.clone();
    kit.dir(&below).await;
    for name in ODD {
        below = below.join(name);
        kit.dir(&below).await;
        kit.put(&below.join("file"), "x").await;
        kit.server.link(&below.join("link"), &outside).await.unwrap();
    }
    // Read-only ones, as installers leave them, from the inside out.
    for path in below.ancestors().take_while(|p| *p != dir) {
        kit.server.make_dir(&DirSpec { path: path.to_owned(), permissions: Permissions::mode(0o555) }).await.unwrap();
    }
    kit.remove(&tree).await;
    assert_eq!(kit.names(dir).await, ["outside"]);
    assert_eq!(kit.text(&outside.join("keep")).await.unwrap(), "x", "removal follows no link");
    kit.remove(&tree).await;
    kit.remove(&outside).await;
}

/// What only a machine can make: pipes, names that are no text, names that are commands.
async fn strange_entries(kit: &Kit, dir: &Utf8Path) {
    let script = r#"cd "$1" && mkfifo pipe && mkdir bytes && : > "bytes/$(printf 'a\377')""#;
    let output = kit.server.run(&Command::new("sh").args(["-c", script, "sh", dir.as_str()])).await.unwrap();
    assert!(output.ok(), "{}", output.error_text());
    let pipe = dir.join("pipe");
    assert_eq!(kit.server.stat(&pipe).await.unwrap().unwrap().kind, FileKind::Other);
    let read = tokio::time::timeout(Duration::from_secs(5), kit.server.read(&pipe)).await;
    assert!(read.unwrap().is_err(), "nobody waits for what may never come out of a pipe");
    assert!(kit.server.list(&dir.join("bytes")).await.is_err(), "a name that is no text is an error, never another name");
    kit.remove(&dir.join("bytes")).await;
    kit.remove(&dir.join("pipe")).await;
    assert!(kit.names(dir).await.is_empty());
}
