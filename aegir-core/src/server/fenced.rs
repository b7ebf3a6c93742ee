//! A server that a worker may change only while its task is its own.

use std::sync::Arc;

use async_trait::async_trait;
use camino::Utf8Path;

use super::{Command, DirSpec, Facts, Fetched, FileSpec, FileStat, Inquiry, Output, OwnedPath, Reply, Server, Stream, Tunnel};
use crate::Result;
use crate::distribution::{Keep, Op, Package, Packing, Progress, Survey};
use crate::name::ServerName;

/// Whether a change may be made now.
#[async_trait]
pub(crate) trait Gate: std::fmt::Debug + Send + Sync {
    /// Lets through, or says why not.
    async fn pass(&self) -> Result<()>;
}

/// A server behind a gate: every call that may change something asks first.
#[derive(Debug)]
pub(crate) struct FencedServer {
    server: Arc<dyn Server>,
    gate: Arc<dyn Gate>,
}

impl FencedServer {
    /// Puts the gate before a server.
    pub(crate) fn new(server: Arc<dyn Server>, gate: Arc<dyn Gate>) -> Self {
        Self { server, gate }
    }
}

#[async_trait]
impl Server for FencedServer {
    fn name(&self) -> &ServerName {
        self.server.name()
    }

    async fn facts(&self) -> Result<Facts> {
        self.server.facts().await
    }

    async fn reach(&self) -> Result<()> {
        self.server.reach().await
    }

    async fn inquire(&self, inquiry: &Inquiry) -> Result<Reply> {
        self.server.inquire(inquiry).await
    }

    async fn run(&self, command: &Command) -> Result<Output> {
        self.gate.pass().await?;
        self.server.run(command).await
    }

    async fn stat(&self, path: &Utf8Path) -> Result<Option<FileStat>> {
        self.server.stat(path).await
    }

    async fn read(&self, path: &Utf8Path) -> Result<Option<Vec<u8>>> {
        self.server.read(path).await
    }

    async fn list(&self, path: &Utf8Path) -> Result<Option<Vec<String>>> {
        self.server.list(path).await
    }

    async fn write(&self, file: &FileSpec) -> Result<()> {
        self.gate.pass().await?;
        self.server.write(file).await
    }

    async fn make_dir(&self, dir: &DirSpec) -> Result<()> {
        self.gate.pass().await?;
        self.server.make_dir(dir).await
    }

    async fn link(&self, path: &Utf8Path, target: &Utf8Path) -> Result<()> {
        self.gate.pass().await?;
        self.server.link(path, target).await
    }

    async fn rename(&self, from: &Utf8Path, to: &Utf8Path) -> Result<()> {
        self.gate.pass().await?;
        self.server.rename(from, to).await
    }

    async fn fetch(&self, path: &Utf8Path, into: &Utf8Path) -> Result<Fetched> {
        self.gate.pass().await?;
        self.server.fetch(path, into).await
    }

    async fn forward(&self, socket: &Utf8Path) -> Result<Tunnel> {
        self.gate.pass().await?;
        self.server.forward(socket).await
    }

    async fn feed(&self, command: &Command, stream: Stream) -> Result<Output> {
        self.gate.pass().await?;
        self.server.feed(command, stream).await
    }

    async fn survey(&self, root: &Utf8Path, keep: &Keep) -> Result<Survey> {
        self.server.survey(root, keep).await
    }

    async fn unpack(&self, into: &Utf8Path, package: &Arc<Package>, packing: Packing, progress: &Arc<Progress>) -> Result<()> {
        self.gate.pass().await?;
        self.server.unpack(into, package, packing, progress).await
    }

    async fn amend(&self, tree: &Utf8Path, ops: &[Op], late: bool) -> Result<()> {
        self.gate.pass().await?;
        self.server.amend(tree, ops, late).await
    }

    async fn remove(&self, path: &OwnedPath) -> Result<()> {
        self.gate.pass().await?;
        self.server.remove(path).await
    }
}
