//! Reads files of the master and makes one stream of them, in bounded memory, at the pace of who takes it.
//!
//! A file that is not any more what it was when the tree was read ends the stream with an error: nothing torn arrives.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Read as _, Write};
use std::os::fd::OwnedFd;
use std::os::unix::fs::MetadataExt as _;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use camino::{Utf8Path, Utf8PathBuf};
use rustix::fs::{CWD, Mode, OFlags};
use tokio::sync::mpsc;

use super::tar::{self, Tagged};
use super::{Change, Deed, Entry, Kind, Listing, Packing, State, TreePath};
use crate::name::ServerName;
use crate::server::{Command, PATH, Server, Stream};
use crate::text::word;
use crate::{Error, Result};

/// A piece of the stream.
const PIECE: usize = 256 * 1024;
/// What each of its threads packs at once: the first of it is soon on its way, and little is left at the end.
const JOB: &str = "-B1MiB";
/// Pieces that wait to be taken.
const AHEAD: usize = 8;
/// How long nothing at all may get on: a server that takes nothing, or does not end when all is sent.
const SILENCE: std::time::Duration = std::time::Duration::from_secs(300);

/// How far a push is; counted where files are read.
#[derive(Debug, Default)]
pub struct Progress {
    /// Bytes of files read so far.
    pub bytes: AtomicU64,
    /// Files and links so far.
    pub files: AtomicU64,
}

/// One thing to send, and the name it has in the stream.
#[derive(Clone, Debug)]
pub struct Item {
    /// Where it is in the source.
    pub from: TreePath,
    /// Where it is unpacked, from the directory that is unpacked into; `.` for that itself.
    pub name: Vec<u8>,
    /// What it is.
    pub state: State,
    /// The name in the stream of the first name of the same file.
    pub twin: Option<Vec<u8>>,
}

/// What is sent in one stream.
#[derive(Debug)]
pub struct Package {
    source: Utf8PathBuf,
    items: Vec<Item>,
}

impl Package {
    /// A whole tree.
    pub(crate) fn whole(source: &Utf8Path, listing: &Listing) -> Self {
        let root = Item { from: TreePath::root(), name: b".".to_vec(), state: listing.root.clone(), twin: None };
        let mut package = Self { source: source.to_owned(), items: vec![root] };
        let mut first = HashMap::new();
        for (index, entry) in listing.entries.iter().enumerate() {
            package.add(index, entry, entry.path.as_bytes().to_vec(), &mut first);
        }
        package
    }

    /// What changes need: each under its number.
    pub(crate) fn of(source: &Utf8Path, listing: &Listing, changes: &[Change]) -> Self {
        let mut package = Self { source: source.to_owned(), items: Vec::new() };
        let mut first = HashMap::new();
        for (number, change) in changes.iter().enumerate().filter(|(_, c)| c.deed == Deed::Put) {
            let start = listing.entries.partition_point(|e| e.path < change.path);
            for (index, entry) in listing.entries.iter().enumerate().skip(start).take_while(|(_, e)| e.path.is_within(&change.path)) {
                let below = &entry.path.as_bytes()[change.path.as_bytes().len()..];
                let name = [number.to_string().as_bytes(), below].concat();
                let top = below.is_empty();
                package.add(index, entry, name, &mut first);
                if let Some(item) = package.items.last_mut().filter(|item| top && item.state.is_dir()) {
                    // To be moved into its place it has to be ours to write; it gets its mode there.
                    item.state.mode |= 0o700;
                }
            }
        }
        package
    }

    fn add(&mut self, index: usize, entry: &Entry, name: Vec<u8>, first: &mut HashMap<usize, Vec<u8>>) {
        let twin = entry.twin.and_then(|group| match first.get(&group) {
            Some(name) => Some(name.clone()),
            None => {
                first.insert(group, name.clone());
                None
            }
        });
        debug_assert!(entry.twin.is_none_or(|group| group <= index));
        self.items.push(Item { from: entry.path.clone(), name, state: entry.state.clone(), twin });
    }

    /// The directory on the master.
    pub fn source(&self) -> &Utf8Path {
        &self.source
    }

    /// Everything in it, directories before what is in them.
    pub fn items(&self) -> &[Item] {
        &self.items
    }

    /// Whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// The bytes of its files.
    pub fn bytes(&self) -> u64 {
        self.items.iter().filter(|i| i.twin.is_none()).map(|i| i.state.size).sum()
    }

    /// One file's content, for servers that take no stream.
    ///
    /// # Errors
    /// When it is not any more what it was.
    pub fn read(&self, item: &Item) -> io::Result<Vec<u8>> {
        let mut content = Vec::new();
        copy(&self.root()?, item, &mut content, &mut vec![0; PIECE])?;
        content.truncate(usize::try_from(item.state.size).unwrap_or(usize::MAX));
        Ok(content)
    }

    fn root(&self) -> io::Result<OwnedFd> {
        Ok(rustix::fs::openat(CWD, self.source.as_std_path(), OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC, Mode::empty())?)
    }

    /// Starts to read, in a thread of its own; ends when nobody takes it any more.
    pub(crate) fn stream(self: &Arc<Self>, packing: Packing, progress: &Arc<Progress>) -> Stream {
        let (sender, chunks) = mpsc::channel(AHEAD);
        let (package, progress) = (self.clone(), progress.clone());
        tokio::task::spawn_blocking(move || {
            let plain = Pieces { sender: sender.clone(), bytes: Vec::with_capacity(PIECE) };
            let written = match packing {
                Packing::Plain => package.write(plain, &progress).map(drop),
                Packing::Zstd(level) => package.write_packed(plain, level, &progress),
            };
            if let Err(error) = written {
                // Nobody need be taking it any more.
                let _ = sender.blocking_send(Err(error));
            }
        });
        chunks
    }

    fn write<W: Write>(&self, mut out: W, progress: &Progress) -> io::Result<W> {
        let root = self.root()?;
        let mut head = Vec::with_capacity(4096);
        let mut piece = vec![0; PIECE];
        for item in &self.items {
            let state = &item.state;
            let (tagged, size) = match (&item.twin, &state.kind) {
                (Some(of), _) => (Tagged::Twin(of), 0),
                (None, Kind::Dir) => (Tagged::Dir, 0),
                (None, Kind::Link(to)) => (Tagged::Link(to), 0),
                (None, Kind::File) => (Tagged::File, state.size),
                (None, Kind::Special) => continue,
            };
            head.clear();
            tar::header(&mut head, &item.name, tagged, state.mode, size, (state.sec, state.nsec));
            out.write_all(&head)?;
            if tagged == Tagged::File {
                copy(&root, item, &mut out, &mut piece)?;
                progress.bytes.fetch_add(size, Ordering::Relaxed);
            }
            if !state.is_dir() {
                progress.files.fetch_add(1, Ordering::Relaxed);
            }
        }
        out.write_all(&tar::END)?;
        out.flush()?;
        Ok(out)
    }

    /// Through `zstd`, which packs in threads of its own.
    fn write_packed(&self, mut plain: Pieces, level: u8, progress: &Progress) -> io::Result<()> {
        let mut zstd = std::process::Command::new("setpriv")
            .args(["--pdeathsig", "KILL", "--", "zstd", "-q", "-c", "-T0", JOB, &format!("-{level}")])
            .env("PATH", PATH)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()?;
        let (Some(input), Some(mut output)) = (zstd.stdin.take(), zstd.stdout.take()) else {
            return Err(io::Error::other("zstd without streams"));
        };
        let (written, passed) = std::thread::scope(|scope| {
            let passing = scope.spawn(move || {
                let mut piece = vec![0; PIECE];
                loop {
                    match output.read(&mut piece)? {
                        0 => return plain.flush(),
                        length => plain.write_all(&piece[..length])?,
                    }
                }
            });
            let written = self.write(io::BufWriter::with_capacity(PIECE, input), progress).map(drop);
            (written, passing.join().unwrap_or_else(|_| Err(io::Error::other("passing on what zstd packed"))))
        });
        let ended = zstd.wait()?;
        // A file that changed explains more than a pipe that broke after it; a taker that is gone explains the pipe.
        match (written, passed) {
            (Err(error), _) if error.kind() != io::ErrorKind::BrokenPipe => Err(error),
            (_, Err(error)) | (Err(error), _) => Err(error),
            _ if !ended.success() => Err(io::Error::other(format!("zstd ended with {ended}"))),
            _ => Ok(()),
        }
    }
}

/// Gathers small writes into pieces.
struct Pieces {
    sender: mpsc::Sender<io::Result<Vec<u8>>>,
    bytes: Vec<u8>,
}

impl Write for Pieces {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.bytes.extend_from_slice(bytes);
        if self.bytes.len() >= PIECE {
            self.flush()?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        let full = std::mem::replace(&mut self.bytes, Vec::with_capacity(PIECE + 64 * 1024));
        if full.is_empty() {
            return Ok(());
        }
        self.sender.blocking_send(Ok(full)).map_err(|_| io::Error::new(io::ErrorKind::BrokenPipe, "nobody takes the stream"))
    }
}

/// Writes a file's content and what fills its last block.
fn copy(root: &OwnedFd, item: &Item, out: &mut impl Write, piece: &mut [u8]) -> io::Result<()> {
    let changed = || io::Error::other(format!("{} changed while it was sent", item.from));
    let gone = |e: io::Error| if e.kind() == io::ErrorKind::NotFound { changed() } else { named(&item.from, &e) };
    let mut file = File::from(super::open_beneath(root, &item.from, OFlags::empty()).map_err(gone)?);
    let same = |file: &File| -> io::Result<bool> {
        let meta = file.metadata()?;
        let nsec = u32::try_from(meta.mtime_nsec()).unwrap_or(0);
        Ok(meta.is_file() && meta.len() == item.state.size && meta.mtime() == item.state.sec && nsec == item.state.nsec)
    };
    if !same(&file).map_err(|e| named(&item.from, &e))? {
        return Err(changed());
    }
    let mut left = item.state.size;
    while left > 0 {
        let most = usize::try_from(left).unwrap_or(usize::MAX).min(piece.len());
        match file.read(&mut piece[..most]).map_err(|e| named(&item.from, &e))? {
            0 => return Err(changed()),
            length => {
                out.write_all(&piece[..length])?;
                left -= length as u64;
            }
        }
    }
    if !same(&file).map_err(|e| named(&item.from, &e))? {
        return Err(changed());
    }
    out.write_all(&tar::END[..tar::padding(item.state.size)])
}

fn named(path: &TreePath, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), Unreadable { path: path.to_string(), why: error.to_string() })
}

/// A file of the master that could not be read: nothing that a server did.
#[derive(Debug)]
struct Unreadable {
    path: String,
    why: String,
}

impl std::fmt::Display for Unreadable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.path, self.why)
    }
}

impl std::error::Error for Unreadable {}

/// The error of a stream, told of whose file it is where the master's own could not be read.
fn of_the_master(error: Error, source: &Utf8Path, doing: &str) -> Error {
    let io = std::error::Error::source(&error).and_then(|cause| cause.downcast_ref::<io::Error>());
    let Some(unreadable) = io.and_then(io::Error::get_ref).and_then(|inner| inner.downcast_ref::<Unreadable>()) else { return error };
    let file = source.join(&unreadable.path);
    Error::failed(format!("{doing}: the master's own file {file} could not be read"))
        .context("server", ServerName::master())
        .context("file", &file)
        .because(unreadable.why.clone())
        .hint(format!("on the master, the account that Aegir works as must be able to read it: `ls -l {}`", word(file.as_str())))
}

/// Unpacks a package in a directory of the server.
pub(crate) async fn unpack<S: Server + ?Sized>(
    server: &S,
    into: &Utf8Path,
    package: &Arc<Package>,
    packing: Packing,
    progress: &Arc<Progress>,
) -> Result<()> {
    let mut command =
        Command::new("tar").args(["-x", "-p", "--no-same-owner", "--delay-directory-restore", "--warning=no-timestamp", "-f", "-"]);
    if packing != Packing::Plain {
        command = command.arg("--zstd");
    }
    let command = command.args(["-C", into.as_str()]).timeout(SILENCE);
    let doing = format!("sending {} to {into} on {}", package.source, server.name());
    let problem = |e: Error| e.context("server", server.name()).context("file", into);
    let fed = server.feed(&command, package.stream(packing, progress)).await;
    let output = fed.map_err(|error| problem(of_the_master(error, &package.source, &doing)))?;
    let full = output.stderr.windows(22).any(|w| w == b"No space left on devic") || output.error_text().contains("Disk quota exceeded");
    output.require_ok(&command, &doing).map_err(|error| {
        let error = problem(error);
        if full { error.hint(format!("free some space on {}: `df -h {into}`", server.name())) } else { error }
    })?;
    // A journal that says it is there must not outlive it.
    let sync = Command::new("sync").args(["--file-system", "--", into.as_str()]).timeout(SILENCE).idempotent();
    server.run(&sync).await.map_err(problem)?.require_ok(&sync, &doing).map(drop).map_err(problem)
}
