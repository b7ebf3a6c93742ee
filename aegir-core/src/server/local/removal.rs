//! Removes a tree of this machine by descriptors: no link is followed, and no path is too long.

use std::ffi::{CStr, CString};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt as _;

use camino::Utf8Path;
use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags};
use rustix::io::Errno;

use super::place::{Place, set_mode};

/// So deep it goes with a descriptor for each level. What lies deeper is brought up to the top first.
const DEEPEST: usize = 48;
/// How often a directory is looked at again into which somebody puts things meanwhile.
const ROUNDS: usize = 32;

/// Removes what stands there, if anything does.
pub(super) fn remove(path: &Utf8Path) -> io::Result<()> {
    let place = match Place::at(path) {
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => return Ok(()),
        place => place?,
    };
    let name = CString::new(place.name.as_bytes())?;
    let mut removal = Removal { top: None, brought: 0 };
    match place.stat() {
        Err(Errno::NOENT | Errno::NOTDIR) => Ok(()),
        Err(error) => Err(error.into()),
        Ok(stat) if FileType::from_raw_mode(stat.st_mode) == FileType::Directory => gone(removal.directory(&place.dir, &name, 0)),
        Ok(_) => gone(rustix::fs::unlinkat(&place.dir, &*name, AtFlags::empty())),
    }
}

fn gone(removed: Result<(), Errno>) -> io::Result<()> {
    match removed {
        Ok(()) | Err(Errno::NOENT) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

struct Removal {
    top: Option<OwnedFd>,
    brought: usize,
}

impl Removal {
    fn directory(&mut self, parent: &OwnedFd, name: &CStr, depth: usize) -> Result<(), Errno> {
        let held = open(parent, name)?;
        if self.top.is_none() {
            self.top = Some(rustix::io::fcntl_dupfd_cloexec(&held, 0)?);
        }
        let mut rounds = 0;
        loop {
            let brought = self.brought;
            self.empty(&held, depth)?;
            match rustix::fs::unlinkat(parent, name, AtFlags::REMOVEDIR) {
                // What was deeper came up here.
                Err(Errno::NOTEMPTY | Errno::EXIST) if self.brought > brought => {}
                // Somebody puts something in.
                Err(Errno::NOTEMPTY | Errno::EXIST) if rounds < ROUNDS => rounds += 1,
                removed => return removed,
            }
        }
    }

    fn empty(&mut self, held: &OwnedFd, depth: usize) -> Result<(), Errno> {
        let stream = rustix::fs::openat(held, ".", OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?;
        let mut entries = Dir::new(stream)?;
        while let Some(entry) = entries.read() {
            let entry = entry?;
            let name = entry.file_name();
            if matches!(name.to_bytes(), b"." | b"..") {
                continue;
            }
            let is_dir = match entry.file_type() {
                FileType::Unknown => match rustix::fs::statat(held, name, AtFlags::SYMLINK_NOFOLLOW) {
                    Err(Errno::NOENT) => continue,
                    stat => FileType::from_raw_mode(stat?.st_mode) == FileType::Directory,
                },
                kind => kind == FileType::Directory,
            };
            let removed = if !is_dir {
                rustix::fs::unlinkat(held, name, AtFlags::empty())
            } else if depth < DEEPEST {
                self.directory(held, name, depth + 1)
            } else {
                self.bring_up(held, name)
            };
            match removed {
                // It is something else by now: that shows at the next round.
                Ok(()) | Err(Errno::NOENT | Errno::ISDIR | Errno::NOTDIR | Errno::LOOP) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Moves a directory to the top, from where it is soon removed.
    fn bring_up(&mut self, held: &OwnedFd, name: &CStr) -> Result<(), Errno> {
        // It is to be ours to write, as its own way up changes.
        drop(open(held, name)?);
        let Some(top) = &self.top else { return Err(Errno::NOENT) };
        self.brought += 1;
        let up = format!(".aegir-removed-{}-{}", std::process::id(), self.brought);
        rustix::fs::renameat(held, name, top, up)
    }
}

/// Opens a directory, and makes it ours to work in: installers make some read-only (Drupal's `sites/URI` is 0555).
fn open(parent: &OwnedFd, name: &CStr) -> Result<OwnedFd, Errno> {
    let held = rustix::fs::openat(parent, name, OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC, Mode::empty())?;
    let stat = rustix::fs::fstat(&held)?;
    if stat.st_mode & 0o700 != 0o700 && stat.st_uid == rustix::process::geteuid().as_raw() {
        set_mode(&held, stat.st_mode & 0o7777 | 0o700).map_err(|e| Errno::from_io_error(&e).unwrap_or(Errno::ACCESS))?;
    }
    Ok(held)
}
