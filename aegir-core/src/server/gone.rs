//! A machine that is gone for good, and says so at once.

use async_trait::async_trait;
use camino::Utf8Path;

use super::{Command, DirSpec, Facts, Fetched, FileSpec, FileStat, Output, OwnedPath, Server, Stream, Tunnel};
use crate::name::ServerName;
use crate::{Error, Result};

/// Whoever undoes something there learns it without waiting for a connection.
#[derive(Debug)]
pub(crate) struct GoneServer(ServerName);

impl GoneServer {
    pub(crate) fn new(name: ServerName) -> Self {
        Self(name)
    }

    fn gone<T>(&self) -> Result<T> {
        Err(Error::unreachable(format!("server {} is gone", self.0)).context("server", &self.0))
    }
}

#[async_trait]
impl Server for GoneServer {
    fn name(&self) -> &ServerName {
        &self.0
    }

    async fn facts(&self) -> Result<Facts> {
        self.gone()
    }

    async fn reach(&self) -> Result<()> {
        self.gone()
    }

    async fn run(&self, _command: &Command) -> Result<Output> {
        self.gone()
    }

    async fn stat(&self, _path: &Utf8Path) -> Result<Option<FileStat>> {
        self.gone()
    }

    async fn read(&self, _path: &Utf8Path) -> Result<Option<Vec<u8>>> {
        self.gone()
    }

    async fn list(&self, _path: &Utf8Path) -> Result<Option<Vec<String>>> {
        self.gone()
    }

    async fn write(&self, _file: &FileSpec) -> Result<()> {
        self.gone()
    }

    async fn make_dir(&self, _dir: &DirSpec) -> Result<()> {
        self.gone()
    }

    async fn link(&self, _path: &Utf8Path, _target: &Utf8Path) -> Result<()> {
        self.gone()
    }

    async fn rename(&self, _from: &Utf8Path, _to: &Utf8Path) -> Result<()> {
        self.gone()
    }

    async fn fetch(&self, _path: &Utf8Path, _into: &Utf8Path) -> Result<Fetched> {
        self.gone()
    }

    async fn forward(&self, _socket: &Utf8Path) -> Result<Tunnel> {
        self.gone()
    }

    async fn feed(&self, _command: &Command, _stream: Stream) -> Result<Output> {
        self.gone()
    }

    async fn remove(&self, _path: &OwnedPath) -> Result<()> {
        self.gone()
    }
}
