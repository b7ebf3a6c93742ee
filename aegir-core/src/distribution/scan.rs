//! Reads what stands in a directory of the master: by several threads, and once for all who ask at the same time.

use std::collections::HashMap;
use std::os::fd::OwnedFd;
use std::sync::{Arc, Condvar, Mutex, OnceLock, PoisonError, Weak};
use std::time::{Duration, Instant};

use camino::{Utf8Path, Utf8PathBuf};
use rustix::fs::{Access, AtFlags, CWD, Dir, FileType, Mode, OFlags};

use super::listing::Found;
use super::{Keep, Kind, Listing, State, TreePath};
use crate::name::ServerName;
use crate::text::word;
use crate::{Error, Result};

/// How old a scan may be for those who only compare.
const MOMENT: Duration = Duration::from_secs(1);
/// Threads of one scan, at most: enough to keep a disk busy.
const THREADS: usize = 4;

/// A finished scan, for as long as somebody needs it, and when it began.
type Slot = Arc<tokio::sync::Mutex<Option<(Instant, Weak<Listing>)>>>;

/// What stands in a directory, as it was not longer than a moment ago: pushes to many servers share one look.
pub(crate) async fn recent(source: &Utf8Path, keep: &Keep) -> Result<Arc<Listing>> {
    let now = Instant::now();
    since(source, keep, now.checked_sub(MOMENT).unwrap_or(now)).await
}

/// What stands in a directory now; those who ask while others wait for the same share one look.
pub(crate) async fn fresh(source: &Utf8Path, keep: &Keep) -> Result<Arc<Listing>> {
    since(source, keep, Instant::now()).await
}

async fn since(source: &Utf8Path, keep: &Keep, earliest: Instant) -> Result<Arc<Listing>> {
    static SCANS: OnceLock<Mutex<HashMap<(Utf8PathBuf, Keep), Slot>>> = OnceLock::new();
    let slot = {
        let mut scans = SCANS.get_or_init(Mutex::default).lock().unwrap_or_else(PoisonError::into_inner);
        // Whoever works with a slot holds it; the others hold nothing any more.
        scans.retain(|_, slot| {
            Arc::strong_count(slot) > 1 || slot.try_lock().is_ok_and(|s| s.as_ref().is_some_and(|s| s.1.strong_count() > 0))
        });
        scans.entry((source.to_owned(), keep.clone())).or_default().clone()
    };
    let mut slot = slot.lock_owned().await;
    if let Some((began, listing)) = &*slot
        && *began >= earliest
        && let Some(listing) = listing.upgrade()
    {
        return Ok(listing);
    }
    let began = Instant::now();
    let (path, keep) = (source.to_owned(), keep.clone());
    let scanned = tokio::task::spawn_blocking(move || scan(&path, &keep)).await;
    let listing = Arc::new(scanned.map_err(|e| Error::internal(format!("reading {source}")).because(e))??);
    *slot = Some((began, Arc::downgrade(&listing)));
    let held = listing.clone();
    tokio::spawn(async move {
        tokio::time::sleep(MOMENT).await;
        drop(held);
    });
    Ok(listing)
}

/// Reads a whole tree. Refuses one that is missing, empty or no directory, and things that cannot be sent.
fn scan(source: &Utf8Path, keep: &Keep) -> Result<Listing> {
    let refused = |what: &str| Error::refused(format!("{source} on the master {what}")).context("file", source);
    let meta = match std::fs::symlink_metadata(source) {
        Ok(meta) if meta.is_symlink() => return Err(refused("is a link; give the directory itself")),
        Ok(meta) if !meta.is_dir() => return Err(refused("is no directory")),
        Ok(meta) => meta,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => {
            return Err(refused("does not exist, so nothing is sent, and nothing is removed elsewhere").hint("is something not mounted?"));
        }
        Err(e) => return Err(unreadable(source, &TreePath::root(), e)),
    };
    let root = state_of_root(&meta);
    let found = Walk::new(source, keep).run()?;
    if let Some(special) = found.iter().find(|f| f.state.kind == Kind::Special && !keep.covers(&f.path)) {
        return Err(Error::refused(format!("{source}/{} is a socket, device or pipe, which cannot be sent", special.path))
            .context("file", source)
            .hint(format!("remove it: `ls -l {}`", word(&format!("{source}/{}", special.path)))));
    }
    if found.is_empty() {
        return Err(refused("is empty, so nothing is sent, and nothing is removed elsewhere").hint("is something not mounted?"));
    }
    Listing::new(root, found, keep).ok_or_else(|| Error::failed(format!("{source} was changed while it was read")).context("file", source))
}

fn state_of_root(meta: &std::fs::Metadata) -> State {
    use std::os::unix::fs::MetadataExt as _;
    let nsec = u32::try_from(meta.mtime_nsec()).unwrap_or(0);
    State { kind: Kind::Dir, mode: meta.mode() & 0o7777, size: 0, sec: meta.mtime(), nsec }
}

fn unreadable(source: &Utf8Path, dir: &TreePath, error: std::io::Error) -> Error {
    let file = error.get_ref().and_then(|inner| inner.downcast_ref::<Closed>()).map(|closed| closed.path.clone());
    let path = file.as_ref().unwrap_or(dir);
    let hint = format!("the account that Aegir works as must be able to read it: `ls -ld {}`", word(&format!("{source}/{path}")));
    let denied = error.kind() == std::io::ErrorKind::PermissionDenied;
    let error = Error::failed(format!("reading {source}/{path} on the master"))
        .context("server", ServerName::master())
        .context("file", source)
        .because(error);
    if denied { error.hint(hint) } else { error }
}

/// A file that may not be read.
#[derive(Debug)]
struct Closed {
    path: TreePath,
    why: String,
}

impl std::fmt::Display for Closed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.why)
    }
}

impl std::error::Error for Closed {}

/// Directories still to read, and how many are being read.
#[derive(Debug, Default)]
struct Todo {
    dirs: Vec<TreePath>,
    busy: usize,
    failed: bool,
}

/// One scan at work.
struct Walk<'a> {
    source: &'a Utf8Path,
    keep: &'a Keep,
    todo: Mutex<Todo>,
    more: Condvar,
}

impl<'a> Walk<'a> {
    fn new(source: &'a Utf8Path, keep: &'a Keep) -> Self {
        Self { source, keep, todo: Mutex::new(Todo { dirs: vec![TreePath::root()], ..Todo::default() }), more: Condvar::new() }
    }

    fn run(&self) -> Result<Vec<Found>> {
        let root =
            rustix::fs::openat(CWD, self.source.as_std_path(), OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC, Mode::empty())
                .map_err(|e| unreadable(self.source, &TreePath::root(), e.into()))?;
        // One core is left to those who ask the servers meanwhile: their answers take longer.
        let threads = std::thread::available_parallelism().map_or(1, |cores| cores.get() - 1).clamp(1, THREADS);
        let parts = std::thread::scope(|scope| {
            let workers: Vec<_> = (0..threads).map(|_| scope.spawn(|| self.work(&root))).collect();
            workers
                .into_iter()
                .map(|w| w.join().unwrap_or_else(|_| Err(Error::internal(format!("reading {}", self.source)))))
                .collect::<Vec<_>>()
        });
        let mut all = Vec::new();
        for part in parts {
            all.extend(part?);
        }
        Ok(all)
    }

    fn work(&self, root: &OwnedFd) -> Result<Vec<Found>> {
        let mut found = Vec::new();
        let mut todo = self.todo.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            if todo.failed || (todo.dirs.is_empty() && todo.busy == 0) {
                self.more.notify_all();
                return Ok(found);
            }
            let Some(dir) = todo.dirs.pop() else {
                todo = self.more.wait(todo).unwrap_or_else(PoisonError::into_inner);
                continue;
            };
            todo.busy += 1;
            drop(todo);
            let read = self.read(root, &dir, &mut found);
            todo = self.todo.lock().unwrap_or_else(PoisonError::into_inner);
            todo.busy -= 1;
            match read {
                Ok(dirs) => todo.dirs.extend(dirs),
                Err(error) => {
                    todo.failed = true;
                    self.more.notify_all();
                    return Err(unreadable(self.source, &dir, error));
                }
            }
            self.more.notify_all();
        }
    }

    /// Reads one directory; returns those in it. No link is followed on the way.
    fn read(&self, root: &OwnedFd, path: &TreePath, found: &mut Vec<Found>) -> std::io::Result<Vec<TreePath>> {
        let fd = super::open_beneath(root, path, OFlags::DIRECTORY)?;
        let mut below = Vec::new();
        for entry in Dir::read_from(&fd)? {
            let entry = entry?;
            let name = entry.file_name();
            if matches!(name.to_bytes(), b"." | b"..") {
                continue;
            }
            let path = path.join(name.to_bytes());
            let stat = match rustix::fs::statat(&fd, name, AtFlags::SYMLINK_NOFOLLOW) {
                // Gone between being named and being looked at.
                Err(rustix::io::Errno::NOENT) => continue,
                other => other?,
            };
            let kind = match FileType::from_raw_mode(stat.st_mode) {
                FileType::RegularFile => Kind::File,
                FileType::Directory => Kind::Dir,
                FileType::Symlink => Kind::Link(rustix::fs::readlinkat(&fd, name, Vec::new())?.into_bytes()),
                _ => Kind::Special,
            };
            if kind == Kind::Dir && !self.keep.names(&path) {
                below.push(path.clone());
            }
            // Told before anything is sent; most files can be read by everybody, and need not be asked.
            if kind == Kind::File && stat.st_mode & 0o004 == 0 && !self.keep.covers(&path) {
                let asked = rustix::fs::accessat(&fd, name, Access::READ_OK, AtFlags::EACCESS).map_err(std::io::Error::from);
                asked.map_err(|e| std::io::Error::new(e.kind(), Closed { path: path.clone(), why: e.to_string() }))?;
            }
            let several = stat.st_nlink > 1 && kind != Kind::Dir;
            let mode = if matches!(kind, Kind::Link(_)) { 0o777 } else { stat.st_mode & 0o7777 };
            let size = if kind == Kind::File { u64::try_from(stat.st_size).unwrap_or(0) } else { 0 };
            let state = State { kind, mode, size, sec: stat.st_mtime, nsec: u32::try_from(stat.st_mtime_nsec).unwrap_or(0) };
            found.push(Found { path, state, inode: several.then_some((stat.st_dev, stat.st_ino)) });
        }
        Ok(below)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place() -> (tempfile::TempDir, Utf8PathBuf) {
        let dir = tempfile::tempdir().unwrap();
        let path = Utf8PathBuf::from_path_buf(dir.path().to_owned()).unwrap();
        (dir, path)
    }

    #[test]
    fn sees_everything_but_what_is_kept() {
        let (_guard, dir) = place();
        std::fs::create_dir_all(dir.join("a/files/deep")).unwrap();
        std::fs::write(dir.join("a/x"), "12345").unwrap();
        std::fs::hard_link(dir.join("a/x"), dir.join("y")).unwrap();
        std::os::unix::fs::symlink("/etc", dir.join("z")).unwrap();
        let keep = Keep::nothing().pattern("*/files").unwrap();
        let listing = scan(&dir, &keep).unwrap();
        let shown: Vec<String> = listing.entries.iter().map(|e| e.path.to_string()).collect();
        assert_eq!(shown, ["a", "a/x", "y", "z"]);
        assert_eq!(listing.entries[2].twin, Some(1));
        assert_eq!(listing.size(), (3, 5));
        assert!(listing.holds_kept(&TreePath::root()) && listing.shares_time(&listing.entries[0].path));
        assert!(!listing.shares_time(&TreePath::root()));
    }

    #[test]
    fn refuses_what_must_never_delete_elsewhere() {
        let (_guard, dir) = place();
        assert!(scan(&dir, &Keep::nothing()).unwrap_err().message().contains("is empty"));
        assert!(scan(&dir.join("none"), &Keep::nothing()).unwrap_err().message().contains("does not exist"));
        rustix::fs::mknodat(CWD, dir.join("pipe").as_std_path(), FileType::Fifo, Mode::RUSR, 0).unwrap();
        assert!(scan(&dir, &Keep::nothing()).unwrap_err().message().contains("/pipe is a socket"));
        assert!(scan(&dir.join("pipe"), &Keep::nothing()).unwrap_err().message().contains("no directory"));
    }

    #[tokio::test]
    async fn those_who_ask_together_share_one_look() {
        let (_guard, dir) = place();
        std::fs::write(dir.join("x"), "").unwrap();
        let one = recent(&dir, &Keep::nothing()).await.unwrap();
        std::fs::write(dir.join("y"), "").unwrap();
        assert!(Arc::ptr_eq(&one, &recent(&dir, &Keep::nothing()).await.unwrap()));
        let now = fresh(&dir, &Keep::nothing()).await.unwrap();
        assert_eq!((one.entries.len(), now.entries.len()), (1, 2));
    }
}
