//! A live handle on one machine: this one, one over SSH, or a fake in memory.
//!
//! All transports pass one conformance kit. Paths come from validated names; commands are argument vectors.

mod account;
mod command;
mod drain;
mod facts;
mod fenced;
mod fetch;
mod file;
mod fpm;
mod gone;
mod inquiry;
mod local;
mod observer;
mod resolve;
mod ssh;
mod tunnel;

pub use command::{Command, Input, LineSink, Output};
pub use facts::{Disk, Facts, Php};
pub use fetch::Fetched;
pub use file::{DirSpec, FileKind, FileSpec, FileStat, Id, OwnedPath, Permissions};
pub use fpm::Fpm;
pub use inquiry::{Inquiry, Reply};
pub use local::LocalServer;
pub use observer::Observer;
pub use ssh::{HostKey, SshConfig, SshServer, pin_host_keys, pinned_host_keys, scan_host_keys};
pub(crate) use ssh::{Talk, agreed_file};
pub use tunnel::Tunnel;

pub(crate) use command::PATH;
pub(crate) use fenced::{FencedServer, Gate};
pub(crate) use gone::GoneServer;
pub(crate) use inquiry::Silence;
pub(crate) use resolve::{forward as resolve_forward, reverse as resolve_reverse};

use std::sync::Arc;

use async_trait::async_trait;
use camino::Utf8Path;

use crate::Result;
use crate::distribution::{self, Keep, Op, Package, Packing, Progress, Survey};
use crate::name::ServerName;

/// What a command reads as it comes: pieces, or why there are no more. Whoever makes them is kept at the pace of who takes them.
pub type Stream = tokio::sync::mpsc::Receiver<std::io::Result<Vec<u8>>>;

/// Bytes of a file that is read as one.
pub const MOST_READ: usize = 32 << 20;
/// Names in a directory that is listed, and the bytes of all of them.
pub const MOST_NAMES: (usize, usize) = (200_000, 8 << 20);

/// A live handle on one machine.
///
/// * Every method is bounded in time; one that cannot reach the machine fails with [`crate::ErrorKind::Unreachable`].
/// * Nothing follows a symbolic link in the last component, except [`Server::read`].
/// * A failed method leaves what was there before.
/// * What is read is bounded: [`Command::most`] of what is printed, [`MOST_READ`] of a file, [`MOST_NAMES`] of a directory.
///   What is beyond is refused, by name, and never kept in memory.
#[async_trait]
pub trait Server: std::fmt::Debug + Send + Sync {
    /// Its name in Aegir.
    fn name(&self) -> &ServerName;
    /// What the machine is, gathered on it, in one round trip.
    async fn facts(&self) -> Result<Facts>;
    /// Makes sure that it can be reached, in bounded time; costs next to nothing where a connection stands.
    async fn reach(&self) -> Result<()> {
        Ok(())
    }
    /// The facts and the answers to many questions; in one round trip where the transport can.
    async fn inquire(&self, inquiry: &Inquiry) -> Result<Reply> {
        inquiry::one_by_one(self, inquiry).await
    }
    /// Runs a command; a status other than 0 is no error here.
    async fn run(&self, command: &Command) -> Result<Output>;
    /// What stands at a path; `None` when nothing does.
    async fn stat(&self, path: &Utf8Path) -> Result<Option<FileStat>>;
    /// A file's content; `None` when nothing stands there.
    async fn read(&self, path: &Utf8Path) -> Result<Option<Vec<u8>>>;
    /// The names in a directory, sorted; `None` when there is no such directory. Names that are not UTF-8 are an error.
    async fn list(&self, path: &Utf8Path) -> Result<Option<Vec<String>>>;
    /// Writes a file at once: temporary name, mode and owner, fsync, rename.
    async fn write(&self, file: &FileSpec) -> Result<()>;
    /// Makes a directory or changes its mode and owner; its parent must exist.
    async fn make_dir(&self, dir: &DirSpec) -> Result<()>;
    /// Makes or replaces a symbolic link, at once.
    async fn link(&self, path: &Utf8Path, target: &Utf8Path) -> Result<()>;
    /// Moves a file or directory within one file system; refuses to replace.
    async fn rename(&self, from: &Utf8Path, to: &Utf8Path) -> Result<()>;
    /// Copies a file to a new file of mode 0600 on the machine this runs on, in pieces; follows links, replaces nothing.
    async fn fetch(&self, path: &Utf8Path, into: &Utf8Path) -> Result<Fetched>;
    /// A local way to a Unix socket there, open for as long as the connection. Whether anybody listens there shows on use.
    async fn forward(&self, socket: &Utf8Path) -> Result<Tunnel>;
    /// Runs a command that reads a stream to its end. Its limit is silence: how long it may take nothing of the stream, or
    /// go on when that has ended; a stream may last as long as it needs. What ends with an error ends the command.
    async fn feed(&self, command: &Command, stream: Stream) -> Result<Output>;
    /// What stands in a tree, but for what is kept. No link is followed.
    async fn survey(&self, root: &Utf8Path, keep: &Keep) -> Result<Survey> {
        distribution::survey(self, root, keep).await
    }
    /// Unpacks in a directory; packed only where [`Survey::zstd`] says that it can.
    async fn unpack(&self, into: &Utf8Path, package: &Arc<Package>, packing: Packing, progress: &Arc<Progress>) -> Result<()> {
        distribution::unpack(self, into, package, packing, progress).await
    }
    /// Makes small changes to a tree, in order; stops at the first that fails. `late`: what finds nothing in its place counts as done.
    async fn amend(&self, tree: &Utf8Path, ops: &[Op], late: bool) -> Result<()> {
        distribution::amend(self, tree, ops, late).await
    }
    /// Removes a file, link or whole directory. Only the ledger gives out an [`OwnedPath`].
    async fn remove(&self, path: &OwnedPath) -> Result<()>;
}
