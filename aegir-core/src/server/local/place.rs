//! Where something stands on this machine: its directory, held by a descriptor, and its name in there.
//!
//! A path says where to go only for as long as nobody changes what it leads through, and web servers write below Aegir's
//! directories. So a way is gone once, from the root of all, and everything is done to what was reached. A link on the way
//! is followed only where nobody but root and this account could have made it: it is theirs, in a directory of theirs that
//! nobody else writes to. Anybody else's may lead to what is their own: they could have put that itself there.

use std::ffi::{OsStr, OsString};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::{Component, Path, PathBuf};

use camino::Utf8Path;
use rustix::fs::{AtFlags, CWD, FileType, Mode, OFlags, ResolveFlags, Stat};
use rustix::io::Errno;

/// As the kernel: more links than this on one way are a circle.
const MOST_LINKS: usize = 40;
const HOLD: OFlags = OFlags::PATH.union(OFlags::DIRECTORY).union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);

/// A directory and a name in it; whether anything has the name is another question.
#[derive(Debug)]
pub(super) struct Place {
    pub(super) dir: OwnedFd,
    pub(super) name: OsString,
}

impl Place {
    /// The place at the end of a path. Its last name is not looked at.
    pub(super) fn at(path: &Utf8Path) -> io::Result<Self> {
        let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else {
            return Ok(Self { dir: start(path.as_std_path())?, name: ".".into() });
        };
        // Nearly always there is no link at all, and the kernel says so in one go.
        let from = start(parent.as_std_path())?;
        let rest = parent.as_str().trim_start_matches('/');
        let rest = if rest.is_empty() { "." } else { rest };
        let dir = match rustix::fs::openat2(&from, rest, HOLD, Mode::empty(), ResolveFlags::NO_SYMLINKS) {
            Err(Errno::LOOP | Errno::NOSYS | Errno::PERM | Errno::AGAIN) => Way::from(from).directory_at(parent.as_std_path())?,
            other => other?,
        };
        Ok(Self { dir, name: name.into() })
    }

    /// The place of a file to read: where the last name is a link, where that leads.
    pub(super) fn of_file(path: &Utf8Path) -> io::Result<Self> {
        match Self::at(path) {
            Ok(place) if place.stat().is_ok_and(|s| FileType::from_raw_mode(s.st_mode) != FileType::Symlink) => Ok(place),
            _ => Way::from(start(path.as_std_path())?).place_at(path.as_std_path()),
        }
    }

    /// What stands there itself, if it is a link.
    pub(super) fn stat(&self) -> Result<Stat, Errno> {
        rustix::fs::statat(&self.dir, &self.name, AtFlags::SYMLINK_NOFOLLOW)
    }

    /// Opens what stands there; never through a link, and never waiting for the other end of a pipe.
    pub(super) fn open(&self, flags: OFlags, mode: Mode) -> Result<OwnedFd, Errno> {
        let flags = flags | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        rustix::fs::openat(&self.dir, &self.name, flags, mode)
    }

    /// Brings the directory's entries to the disk. One that we may write to but not read cannot be synced; that is no
    /// reason to fail.
    pub(super) fn sync_dir(&self) -> io::Result<()> {
        match rustix::fs::openat(&self.dir, ".", OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty()) {
            Err(Errno::ACCESS) => Ok(()),
            other => Ok(rustix::fs::fsync(other?)?),
        }
    }
}

/// Where a path begins.
fn start(path: &Path) -> io::Result<OwnedFd> {
    Ok(rustix::fs::openat(CWD, if path.is_absolute() { "/" } else { "." }, HOLD, Mode::empty())?)
}

/// A way being gone.
struct Way {
    /// The directories from the start to here, to go back on `..`; never empty.
    held: Vec<OwnedFd>,
    links: usize,
}

/// A link, and whose the thing must be that it leads to; `None` where the link itself is to be believed.
struct Lead {
    target: PathBuf,
    maker: Option<u32>,
    link: String,
}

impl Lead {
    fn allows(&self, end: &Stat) -> io::Result<()> {
        match self.maker {
            Some(maker) if maker != end.st_uid => Err(io::Error::other(format!(
                "{} on the way is a symbolic link of the account {maker} to something that is not its own",
                self.link
            ))),
            _ => Ok(()),
        }
    }
}

impl Way {
    fn from(start: OwnedFd) -> Self {
        Self { held: vec![start], links: 0 }
    }

    fn here(&self) -> io::Result<&OwnedFd> {
        self.held.last().ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn directory_at(mut self, path: &Path) -> io::Result<OwnedFd> {
        self.walk(path)?;
        self.held.pop().ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    /// Follows links also at the end, to the place of what is no link.
    fn place_at(mut self, path: &Path) -> io::Result<Place> {
        let mut path = path.to_owned();
        let mut leads: Vec<Lead> = Vec::new();
        loop {
            let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else { return Err(io::ErrorKind::InvalidInput.into()) };
            self.walk(parent)?;
            let stat = rustix::fs::statat(self.here()?, name, AtFlags::SYMLINK_NOFOLLOW)?;
            if FileType::from_raw_mode(stat.st_mode) != FileType::Symlink {
                leads.iter().try_for_each(|lead| lead.allows(&stat))?;
                let dir = rustix::io::fcntl_dupfd_cloexec(self.here()?, 0)?;
                return Ok(Place { dir, name: name.to_owned() });
            }
            let lead = self.lead(name, &stat)?;
            path.clone_from(&lead.target);
            leads.push(lead);
        }
    }

    fn walk(&mut self, path: &Path) -> io::Result<()> {
        for component in path.components() {
            match component {
                Component::RootDir => self.held = vec![start(path)?],
                Component::CurDir | Component::Prefix(_) => {}
                // Above the root there is the root.
                Component::ParentDir if self.held.len() > 1 => drop(self.held.pop()),
                Component::ParentDir => {}
                Component::Normal(name) => self.step(name)?,
            }
        }
        Ok(())
    }

    fn step(&mut self, name: &OsStr) -> io::Result<()> {
        match rustix::fs::openat(self.here()?, name, HOLD, Mode::empty()) {
            Ok(next) => {
                self.held.push(next);
                Ok(())
            }
            Err(Errno::NOTDIR | Errno::LOOP) => {
                let stat = rustix::fs::statat(self.here()?, name, AtFlags::SYMLINK_NOFOLLOW)?;
                if FileType::from_raw_mode(stat.st_mode) != FileType::Symlink {
                    return Err(Errno::NOTDIR.into());
                }
                let lead = self.lead(name, &stat)?;
                self.walk(&lead.target)?;
                lead.allows(&rustix::fs::fstat(self.here()?)?)
            }
            Err(error) => Err(error.into()),
        }
    }

    fn lead(&mut self, name: &OsStr, link: &Stat) -> io::Result<Lead> {
        self.links += 1;
        if self.links > MOST_LINKS {
            return Err(Errno::LOOP.into());
        }
        let dir = rustix::fs::fstat(self.here()?)?;
        let firm = is_ours(dir.st_uid) && dir.st_mode & 0o022 == 0;
        let maker = match (firm, is_ours(link.st_uid)) {
            (true, true) => None,
            (_, false) => Some(link.st_uid),
            (false, true) => {
                let what = format!("{} on the way is a symbolic link in a directory that others may write to", name.to_string_lossy());
                return Err(io::Error::other(what));
            }
        };
        let target = rustix::fs::readlinkat(self.here()?, name, Vec::new())?.into_bytes();
        let link_name = name.to_string_lossy().into_owned();
        Ok(Lead { target: OsString::from_vec(target).into(), maker, link: link_name })
    }
}

fn is_ours(uid: u32) -> bool {
    uid == 0 || uid == rustix::process::geteuid().as_raw()
}

/// Sets the mode of what a descriptor holds, also of one that only holds a place.
pub(super) fn set_mode(held: &impl AsFd, mode: u32) -> io::Result<()> {
    use std::os::fd::AsRawFd as _;
    use std::os::unix::fs::PermissionsExt as _;
    let path = format!("/proc/self/fd/{}", held.as_fd().as_raw_fd());
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode))
}

/// A name for a draft beside a name; a long one stays within the 255 bytes that a file system takes.
pub(super) fn draft_name(name: &OsStr) -> OsString {
    let begin = &name.as_bytes()[..name.len().min(200)];
    let mut draft = OsString::from(".");
    draft.push(OsStr::from_bytes(begin));
    draft.push(format!(".aegir-{}", uuid::Uuid::now_v7().simple()));
    draft
}
