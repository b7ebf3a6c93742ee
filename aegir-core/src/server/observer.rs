//! The half of a server that only looks: what planning gets to hold.

use std::sync::Arc;

use camino::Utf8Path;

use super::{Command, Facts, FileStat, Inquiry, Output, Reply, Server, Tunnel};
use crate::Result;

/// A server that can be read and not changed.
#[derive(Clone, Debug)]
pub struct Observer(Arc<dyn Server>);

impl Observer {
    /// Looks at a server.
    pub fn new(server: Arc<dyn Server>) -> Self {
        Self(server)
    }

    /// Its name in Aegir.
    pub fn name(&self) -> &crate::name::ServerName {
        self.0.name()
    }

    /// What the machine is.
    pub async fn facts(&self) -> Result<Facts> {
        self.0.facts().await
    }

    /// Makes sure that it can be reached.
    pub async fn reach(&self) -> Result<()> {
        self.0.reach().await
    }

    /// The facts and the answers to many questions that only read, in one round trip.
    pub async fn inquire(&self, inquiry: &Inquiry) -> Result<Reply> {
        self.0.inquire(inquiry).await
    }

    /// Runs a command that only reads; the caller vouches for that.
    pub async fn ask(&self, command: &Command) -> Result<Output> {
        self.0.run(command).await
    }

    /// What stands at a path.
    pub async fn stat(&self, path: &Utf8Path) -> Result<Option<FileStat>> {
        self.0.stat(path).await
    }

    /// A file's content.
    pub async fn read(&self, path: &Utf8Path) -> Result<Option<Vec<u8>>> {
        self.0.read(path).await
    }

    /// A file's content as text; bytes that are not UTF-8 are replaced.
    pub async fn read_text(&self, path: &Utf8Path) -> Result<Option<String>> {
        Ok(self.0.read(path).await?.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()))
    }

    /// A local way to a Unix socket there; whoever uses it vouches for changing nothing.
    pub async fn forward(&self, socket: &Utf8Path) -> Result<Tunnel> {
        self.0.forward(socket).await
    }

    /// The names in a directory, sorted.
    pub async fn list(&self, path: &Utf8Path) -> Result<Option<Vec<String>>> {
        self.0.list(path).await
    }
}
