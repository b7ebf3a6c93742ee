//! Whole trees: what stands there, what is sent, what is taken back.

use std::fs;
use std::sync::Arc;
use std::time::Duration;

use aegir_core::distribution::{Before, Ground, Keep, Progress, Push, Standing};
use aegir_core::server::OwnedPath;
use camino::{Utf8Path, Utf8PathBuf};

use super::Kit;

pub(super) async fn all(kit: &Kit, dir: &Utf8Path) {
    standing(kit, dir).await;
    a_tree_comes_changes_and_goes_back(kit, dir).await;
}

async fn standing(kit: &Kit, dir: &Utf8Path) {
    let look = async |path: &Utf8Path| kit.server.survey(path, &Keep::nothing()).await.unwrap().standing;
    assert_eq!(look(&dir.join("none")).await, Standing::Nothing);
    kit.put(&dir.join("file"), "x").await;
    assert_eq!(look(&dir.join("file")).await, Standing::Other);
    kit.server.link(&dir.join("link"), dir).await.unwrap();
    assert_eq!(look(&dir.join("link")).await, Standing::Other, "a link to a directory is none");
    let Standing::Tree(listing) = look(dir).await else { panic!("a directory") };
    let shown: Vec<String> = listing.entries.iter().map(|e| e.path.to_string()).collect();
    assert_eq!(shown, ["file", "link"]);
    kit.remove(&dir.join("file")).await;
    kit.remove(&dir.join("link")).await;
}

/// Pushes between a directory of this machine and one of the server.
struct Pair<'a> {
    kit: &'a Kit,
    source: Utf8PathBuf,
    target: Utf8PathBuf,
    keep: Keep,
}

impl Pair<'_> {
    fn push(&self) -> Push<'_> {
        Push { source: &self.source, target: &self.target, keep: &self.keep }
    }

    fn ground(&self) -> Ground {
        let owned = |path: &Utf8Path| OwnedPath::unchecked(path);
        let partial = Some(owned(&Push::partial(&self.target)));
        Ground { target: owned(&self.target), partial, previous: owned(&Push::previous(&self.target)) }
    }

    async fn look(&self) -> Before {
        // What was read of the source is used for a moment.
        tokio::time::sleep(Duration::from_millis(1050)).await;
        self.push().look(&*self.kit.server).await.unwrap()
    }

    async fn apply(&self, before: &Before) {
        let progress = Arc::new(Progress::default());
        self.push().apply(&*self.kit.server, before, &self.ground(), "task-1", &progress).await.unwrap();
    }

    async fn undo(&self, before: &Before) {
        self.push().take_back(&*self.kit.server, before, &self.ground(), "task-1").await.unwrap();
    }

    async fn text(&self, path: &str) -> Option<String> {
        self.kit.text(&self.target.join(path)).await
    }
}

async fn a_tree_comes_changes_and_goes_back(kit: &Kit, dir: &Utf8Path) {
    let here = tempfile::tempdir().unwrap();
    let source = Utf8PathBuf::from_path_buf(here.path().to_owned()).unwrap();
    let put = |path: &str, text: &str| {
        let path = source.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    };
    put("web/index.php", "one");
    put("web/core/new\nline", "odd");
    put("web/old/-rf", "old");
    fs::create_dir(source.join("empty")).unwrap();
    std::os::unix::fs::symlink("web/index.php", source.join("link")).unwrap();
    let keep = Keep::nothing().pattern("web/sites/*/files").unwrap();
    let pair = Pair { kit, source: source.clone(), target: dir.join("tree"), keep };

    let before = pair.look().await;
    assert!(before.changes.is_none() && before.files == 4, "{before:?}");
    pair.apply(&before).await;
    pair.apply(&before).await;
    assert_eq!(kit.names(dir).await, ["tree"], "no companions stay");
    assert_eq!(pair.text("web/core/new\nline").await.unwrap(), "odd");
    assert!(pair.look().await.is_same());

    for kept in ["web/sites", "web/sites/a", "web/sites/a/files"] {
        kit.dir(&pair.target.join(kept)).await;
    }
    kit.put(&pair.target.join("web/sites/a/files/upload"), "theirs").await;
    put("web/index.php", "two, and longer");
    put("web/sites/a/files/upload", "not ours to send");
    put("empty/any", "more");
    fs::remove_dir_all(source.join("web/old")).unwrap();
    fs::remove_file(source.join("link")).unwrap();
    fs::set_permissions(source.join("web/core/new\nline"), std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    let before = pair.look().await;
    assert!(before.changes.as_ref().is_some_and(|changes| !changes.is_empty()));
    for undone in [true, false] {
        pair.apply(&before).await;
        assert_eq!(pair.text("web/index.php").await.unwrap(), "two, and longer");
        assert_eq!(pair.text("empty/any").await.unwrap(), "more");
        assert_eq!(kit.server.stat(&pair.target.join("web/core/new\nline")).await.unwrap().unwrap().mode, 0o600);
        assert!(kit.server.stat(&pair.target.join("web/old")).await.unwrap().is_none());
        assert!(kit.server.stat(&pair.target.join("link")).await.unwrap().is_none());
        if undone {
            pair.undo(&before).await;
            pair.undo(&before).await;
            assert_eq!(kit.names(dir).await, ["tree"]);
            assert_eq!(pair.text("web/index.php").await.unwrap(), "one");
            assert_eq!(pair.text("web/old/-rf").await.unwrap(), "old");
            assert_eq!(kit.names(&pair.target.join("empty")).await, [""; 0]);
            assert_eq!(pair.look().await, before, "as it was");
        }
        assert_eq!(pair.text("web/sites/a/files/upload").await.unwrap(), "theirs");
    }
    kit.remove(&Push::previous(&pair.target)).await;
    assert!(pair.look().await.is_same());
    kit.remove(&pair.target).await;
}
