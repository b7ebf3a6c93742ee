//! Whole files: read in pieces that follow each other closely, written at once.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use camino::Utf8Path;

use super::wire::{self, Body, Reply};
use super::{Ask, Fault, Handle, Sftp};
use crate::server::fetch::{Intake, too_large};
use crate::server::{FileSpec, MOST_READ};

/// What every server takes in one request.
const PIECE: usize = wire::LONGEST_DATA;
/// Pieces in flight: two megabytes, enough for 100 Mbit/s at 160 ms.
const AHEAD: usize = 64;
/// What comes slower than this many bytes in a second, after a while of grace, does not come.
const SLOWEST: u64 = 20_000;
const GRACE: Duration = Duration::from_secs(300);
const END_OF_FILE: u32 = 1;

/// Takes the pieces of a file, in order.
pub(in super::super) trait Sink: Send {
    /// What the server says that will come; refuses what is too much.
    fn expect(&mut self, size: u64) -> Result<(), Fault>;
    /// One more piece.
    fn take(&mut self, bytes: Vec<u8>) -> impl Future<Output = Result<(), Fault>> + Send;
}

impl Sink for Vec<u8> {
    fn expect(&mut self, size: u64) -> Result<(), Fault> {
        if size > MOST_READ as u64 { Err(Fault::Because(too_large())) } else { Ok(()) }
    }

    async fn take(&mut self, bytes: Vec<u8>) -> Result<(), Fault> {
        if self.len() + bytes.len() > MOST_READ {
            return Err(Fault::Because(too_large()));
        }
        self.extend(bytes);
        Ok(())
    }
}

impl Sink for Intake {
    fn expect(&mut self, size: u64) -> Result<(), Fault> {
        self.expect(size).map_err(|e| Fault::Because(e.to_string()))
    }

    async fn take(&mut self, bytes: Vec<u8>) -> Result<(), Fault> {
        self.take(&bytes).await.map_err(|e| Fault::Because(format!("writing it here: {e}")))
    }
}

/// A file's content.
pub(in super::super) async fn read(sftp: Arc<Sftp>, path: &Utf8Path) -> Result<Option<Vec<u8>>, Fault> {
    let mut all = Vec::new();
    Ok(stream(sftp, path, &mut all).await?.then_some(all))
}

/// Passes a file's content on; `false` when nothing stands there. Three round trips up to 32 KiB; of bigger files many
/// pieces are under way at once.
///
/// It looks before it opens: opening a pipe would stop the server's whole session until somebody writes into
/// it. What was looked at is what is opened only where nobody else can exchange a name on the way; elsewhere nothing
/// is read by its path.
pub(in super::super) async fn stream(sftp: Arc<Sftp>, path: &Utf8Path, sink: &mut impl Sink) -> Result<bool, Fault> {
    let Some(found) = super::tree::present(sftp.ask(Body::new(wire::STAT).text(path.as_str()))).await? else { return Ok(false) };
    if !found.is_file() {
        return Err(Fault::Because("it is no file".into()));
    }
    let size = found.size;
    sink.expect(size)?;
    let handle = match sftp.ask(Body::new(wire::OPEN).text(path.as_str()).number(wire::TO_READ).number(0)).handle().await {
        Err(fault) if fault.is_missing() => return Ok(false),
        other => other?,
    };
    let first = data(piece(&handle, 0)).await?.unwrap_or_default();
    let mut passed = first.len() as u64;
    let any = !first.is_empty();
    sink.take(first).await?;
    let mut flying = VecDeque::new();
    let mut next = passed;
    let begun = Instant::now();
    // Files of the kernel say size 0 and have content; nothing else does.
    while passed < size || size == 0 && any {
        if begun.elapsed() > GRACE + Duration::from_secs(passed / SLOWEST) {
            return Err(Fault::Because(format!("it came slower than {SLOWEST} bytes in a second, and was given up")));
        }
        while flying.len() < AHEAD && (next < size || flying.is_empty()) {
            flying.push_back((next, piece(&handle, next)));
            next += PIECE as u64;
        }
        let Some((offset, ask)) = flying.pop_front() else { break };
        if offset != passed {
            // A piece was short: what follows is asked for again from where it ended.
            flying.clear();
            next = passed;
            continue;
        }
        match data(ask).await? {
            Some(bytes) if bytes.is_empty() || bytes.len() > PIECE => {
                return Err(Fault::Lost("it sent a piece of another size than asked for".into()));
            }
            Some(bytes) => {
                passed += bytes.len() as u64;
                sink.take(bytes).await?;
            }
            None => break,
        }
    }
    Ok(true)
}

fn piece(handle: &Handle, offset: u64) -> Ask {
    handle.sftp.ask(Body::new(wire::READ).text(&handle.bytes).offset(offset).number(PIECE as u32))
}

async fn data(ask: Ask) -> Result<Option<Vec<u8>>, Fault> {
    match ask.reply().await {
        Ok(Reply::Data(bytes)) => Ok(Some(bytes)),
        Ok(other) => Err(super::unexpected(&other)),
        Err(Fault::Status(END_OF_FILE, _)) => Ok(None),
        Err(fault) => Err(fault),
    }
}

/// Removes what was written so far when the writing does not come to its end, however that happens.
struct Temporary<'a> {
    sftp: &'a Arc<Sftp>,
    path: &'a str,
    renamed: bool,
}

impl Drop for Temporary<'_> {
    fn drop(&mut self) {
        if !self.renamed {
            drop(self.sftp.ask(Body::new(wire::REMOVE).text(self.path)));
        }
    }
}

/// Writes a file at once, in three round trips: make it under another name, fill it, rename it.
/// Nobody but its owner can open it before it has its owner, content and mode, in this order: a change of owner
/// and every write take setuid and setgid away. It is on the disk before it has its name.
/// `leftover`: an earlier attempt may have left the temporary file.
pub(in super::super) async fn write(
    sftp: Arc<Sftp>,
    file: &FileSpec,
    path: &Utf8Path,
    ids: (Option<u32>, Option<u32>),
    temporary: &Utf8Path,
    leftover: bool,
) -> Result<(), Fault> {
    let syncs = sftp.knows("fsync@openssh.com");
    let sync = |handle: &Handle| sftp.ask(Body::new(wire::EXTENDED).text("fsync@openssh.com").text(&handle.bytes));
    if leftover {
        drop(sftp.ask(Body::new(wire::REMOVE).text(temporary.as_str())));
    }
    let made = sftp.ask(Body::new(wire::OPEN).text(temporary.as_str()).number(wire::TO_MAKE).mode(0o600));
    let dir = super::tree::open_parent(&sftp, path);
    let handle = made.handle().await?;
    let mut guard = Temporary { sftp: &sftp, path: temporary.as_str(), renamed: false };
    let dir = super::tree::opened(dir).await?;

    let mut flying = VecDeque::new();
    if ids.0.is_some() || ids.1.is_some() {
        flying.push_back(sftp.ask(Body::new(wire::FSETSTAT).text(&handle.bytes).owner(ids.0, ids.1)));
    }
    for (index, bytes) in file.content.chunks(PIECE).enumerate() {
        while flying.len() >= AHEAD
            && let Some(oldest) = flying.pop_front()
        {
            oldest.done().await?;
        }
        flying.push_back(sftp.ask(Body::new(wire::WRITE).text(&handle.bytes).offset((index * PIECE) as u64).text(bytes)));
    }
    flying.push_back(sftp.ask(Body::new(wire::FSETSTAT).text(&handle.bytes).mode(file.permissions.mode)));
    if syncs {
        flying.push_back(sync(&handle));
    }
    while let Some(oldest) = flying.pop_front() {
        oldest.done().await?;
    }

    drop(handle);
    let renamed = sftp.ask(Body::new(wire::EXTENDED).text("posix-rename@openssh.com").text(temporary.as_str()).text(path.as_str()));
    let synced = dir.as_ref().map(sync);
    renamed.done().await?;
    guard.renamed = true;
    super::tree::settled(synced).await
}
