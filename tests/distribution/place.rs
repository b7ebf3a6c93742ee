//! A source, a server and a target on it, and pushing between them.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use aegir_core::Result;
use aegir_core::distribution::{Before, Ground, Keep, Progress, Push};
use aegir_core::server::{LocalServer, OwnedPath, Server, SshServer};
use camino::{Utf8Path, Utf8PathBuf};

use crate::oracle::Judge;
use crate::remote::Remote;

/// What names a push, as a task does.
const MARK: &str = "task-1";

/// One pair of trees.
pub(crate) struct Place {
    pub(crate) server: Arc<dyn Server>,
    pub(crate) source: Utf8PathBuf,
    /// As the server calls it.
    pub(crate) target: Utf8PathBuf,
    /// The same, as this machine can look at it.
    pub(crate) seen: PathBuf,
    pub(crate) keep: Keep,
    pub(crate) remote: Option<Remote>,
    pub(crate) judge: Judge,
    dir: tempfile::TempDir,
}

impl Place {
    /// Both on this machine.
    pub(crate) fn local() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let root = Utf8PathBuf::from_path_buf(dir.path().to_owned()).unwrap();
        let target = root.join("there/tree");
        std::fs::create_dir_all(root.join("there")).unwrap();
        std::fs::create_dir_all(root.join("source")).unwrap();
        let server = Arc::new(LocalServer::new("server_master".parse().unwrap(), &root));
        let seen = target.as_std_path().to_owned();
        Self { server, source: root.join("source"), target, seen, keep: Keep::nothing(), remote: None, judge: Judge::here(), dir }
    }

    /// The target on a lab host.
    pub(crate) fn remote() -> Self {
        let remote = Remote::new("web1");
        let server: Arc<SshServer> = remote.server();
        let target = Utf8PathBuf::from("/var/aegir/tree");
        let seen = remote.host.root().join("var/aegir/tree");
        let here = Self::local();
        let judge = Judge::on(&remote.host, here.dir.path());
        Self { server, target, seen, remote: Some(remote), judge, ..here }
    }

    /// A place for more on this machine.
    pub(crate) fn aside(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Beside the target, so that a copy keeps everything.
    pub(crate) fn beside(&self, name: &str) -> PathBuf {
        self.seen.with_file_name(name)
    }

    /// Who has to own the target.
    pub(crate) fn owner(&self) -> Option<u32> {
        use std::os::unix::fs::MetadataExt as _;
        self.remote.as_ref().map(|r| r.host.root().join("home/aegir").metadata().unwrap().uid())
    }

    pub(crate) fn push(&self) -> Push<'_> {
        Push { source: &self.source, target: &self.target, keep: &self.keep }
    }

    pub(crate) fn ground(&self) -> Ground {
        let owned = |path: &Utf8Path| OwnedPath::unchecked(path);
        Ground {
            target: owned(&self.target),
            partial: Some(owned(&Push::partial(&self.target))),
            previous: owned(&Push::previous(&self.target)),
        }
    }

    pub(crate) async fn look(&self) -> Result<Before> {
        self.push().look(&*self.server).await
    }

    pub(crate) async fn apply(&self, before: &Before) -> Result<()> {
        let progress = Arc::new(Progress::default());
        self.push().apply(&*self.server, before, &self.ground(), MARK, &progress).await
    }

    pub(crate) async fn undo(&self, before: &Before) -> Result<()> {
        self.push().take_back(&*self.server, before, &self.ground(), MARK).await
    }

    /// After the commit.
    pub(crate) async fn purge(&self) {
        self.server.remove(&self.ground().previous).await.unwrap();
    }

    /// Looks, pushes, cleans up.
    pub(crate) async fn sync(&self) -> Result<Before> {
        let before = self.look().await?;
        if !before.is_same() {
            self.apply(&before).await?;
            self.purge().await;
        }
        Ok(before)
    }

    /// Nothing but trees stands where trees stand.
    pub(crate) fn assert_clean(&self) {
        let names = std::fs::read_dir(self.seen.parent().unwrap()).unwrap().map(|e| e.unwrap().file_name().to_string_lossy().into_owned());
        let left: Vec<String> = names.filter(|n| n.contains(".aegir-")).collect();
        assert_eq!(left, [""; 0]);
    }

    pub(crate) fn source(&self) -> &Path {
        self.source.as_std_path()
    }
}
