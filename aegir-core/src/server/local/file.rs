//! What is done to files and directories of this machine, each at a [`Place`] that was reached without a doubtful link.

use std::fs::File;
use std::io::{self, Read as _, Write as _};

use camino::{Utf8Path, Utf8PathBuf};
use rustix::fs::{AtFlags, Dir, FileType, Gid, Mode, OFlags, RenameFlags, Stat, Uid};
use rustix::io::Errno;

use super::place::{Place, draft_name, set_mode};
use crate::server::fetch::{Intake, too_large, too_many};
use crate::server::{Fetched, FileKind, FileSpec, MOST_NAMES, MOST_READ};

/// What stands there is nothing, also where the way to it ends early.
fn missing<T>(error: &io::Error) -> Option<io::Result<Option<T>>> {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory).then_some(Ok(None))
}

fn present<T>(found: io::Result<T>) -> io::Result<Option<T>> {
    match found {
        Err(error) => missing(&error).unwrap_or(Err(error)),
        Ok(found) => Ok(Some(found)),
    }
}

pub(super) fn stat(path: &Utf8Path) -> io::Result<Option<(FileKind, Stat)>> {
    present(Place::at(path).and_then(|place| {
        let stat = place.stat()?;
        let kind = match FileType::from_raw_mode(stat.st_mode) {
            FileType::RegularFile => FileKind::File,
            FileType::Directory => FileKind::Dir,
            FileType::Symlink => {
                let target = rustix::fs::readlinkat(&place.dir, &place.name, Vec::new())?.into_string();
                FileKind::Link(Utf8PathBuf::from(target.map_err(|_| io::Error::other("it points to a name that is not UTF-8"))?))
            }
            _ => FileKind::Other,
        };
        Ok((kind, stat))
    }))
}

/// Opens a file to read it; a pipe would keep us until somebody writes into it, and whoever owns a site could put one there.
fn open(path: &Utf8Path) -> io::Result<(File, u64)> {
    let place = Place::of_file(path)?;
    let plain = |stat: &Stat| FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile;
    let refused = || io::Error::other("it is no file");
    if !plain(&place.stat()?) {
        return Err(refused());
    }
    let fd = place.open(OFlags::RDONLY, Mode::empty())?;
    let stat = rustix::fs::fstat(&fd)?;
    if plain(&stat) { Ok((fd.into(), u64::try_from(stat.st_size).unwrap_or(0))) } else { Err(refused()) }
}

pub(super) fn read(path: &Utf8Path) -> io::Result<Option<Vec<u8>>> {
    let Some((file, size)) = present(open(path))? else { return Ok(None) };
    // Files of the kernel say that they are empty, and others grow while they are read.
    let mut bytes = Vec::with_capacity(usize::try_from(size).unwrap_or(0).min(MOST_READ));
    file.take(MOST_READ as u64 + 1).read_to_end(&mut bytes)?;
    if size > MOST_READ as u64 || bytes.len() > MOST_READ {
        return Err(io::Error::other(too_large()));
    }
    Ok(Some(bytes))
}

/// Copies a file to a new one, in pieces.
pub(super) async fn fetch(path: &Utf8Path, into: &Utf8Path) -> io::Result<Fetched> {
    use tokio::io::AsyncReadExt as _;
    let owned = path.to_owned();
    let (file, size) = tokio::task::spawn_blocking(move || open(&owned)).await.map_err(io::Error::other)??;
    let mut file = tokio::fs::File::from_std(file);
    let mut intake = Intake::new(into).await?;
    intake.expect(size)?;
    let mut piece = vec![0; 256 * 1024];
    loop {
        match file.read(&mut piece).await? {
            0 => return intake.finish().await,
            read => intake.take(&piece[..read]).await?,
        }
    }
}

pub(super) fn list(path: &Utf8Path) -> io::Result<Option<Vec<String>>> {
    let opened = Place::at(path).and_then(|place| match place.open(OFlags::RDONLY | OFlags::DIRECTORY, Mode::empty()) {
        // A link to a directory is none.
        Err(Errno::LOOP) => Err(Errno::NOTDIR.into()),
        other => Ok(other?),
    });
    let Some(dir) = present(opened)? else { return Ok(None) };
    let (mut names, mut bytes) = (Vec::new(), 0);
    for entry in Dir::new(dir)? {
        let entry = entry?;
        let name = entry.file_name();
        if matches!(name.to_bytes(), b"." | b"..") {
            continue;
        }
        let name = name.to_str().map_err(|_| io::Error::other(format!("{} is not UTF-8", name.to_string_lossy())))?;
        bytes += name.len();
        if names.len() >= MOST_NAMES.0 || bytes > MOST_NAMES.1 {
            return Err(io::Error::other(too_many()));
        }
        names.push(name.to_owned());
    }
    names.sort_unstable();
    Ok(Some(names))
}

fn ids(uid: Option<u32>, gid: Option<u32>) -> (Option<Uid>, Option<Gid>) {
    (uid.map(Uid::from_raw), gid.map(Gid::from_raw))
}

pub(super) fn write(path: &Utf8Path, file: &FileSpec, (uid, gid): (Option<u32>, Option<u32>)) -> io::Result<()> {
    let place = Place::at(path)?;
    let draft = draft_name(&place.name);
    let made = rustix::fs::openat(
        &place.dir,
        &draft,
        OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC,
        Mode::from_raw_mode(0o600),
    )?;
    let fill = || -> io::Result<()> {
        if uid.is_some() || gid.is_some() {
            let (uid, gid) = ids(uid, gid);
            rustix::fs::fchown(&made, uid, gid)?;
        }
        let mut handle = File::from(made.try_clone()?);
        handle.write_all(&file.content)?;
        // Last: a change of owner and every write take setuid and setgid away. Until here only its owner can open it.
        rustix::fs::fchmod(&made, Mode::from_raw_mode(file.permissions.mode))?;
        rustix::fs::fsync(&made)?;
        rustix::fs::renameat(&place.dir, &draft, &place.dir, &place.name)?;
        Ok(())
    };
    if let Err(error) = fill() {
        let _ = rustix::fs::unlinkat(&place.dir, &draft, AtFlags::empty());
        return Err(error);
    }
    place.sync_dir()
}

pub(super) fn make_dir(path: &Utf8Path, mode: u32, (uid, gid): (Option<u32>, Option<u32>)) -> io::Result<()> {
    let place = Place::at(path)?;
    // Nobody else gets in before mode and owner are what they should be.
    let made = match rustix::fs::mkdirat(&place.dir, &place.name, Mode::from_raw_mode(mode & 0o700)) {
        Ok(()) => true,
        Err(Errno::EXIST) => false,
        Err(error) => return Err(error.into()),
    };
    let set = || -> io::Result<()> {
        // From here on it is this directory, whatever its name leads to by now.
        let held = match place.open(OFlags::PATH | OFlags::DIRECTORY, Mode::empty()) {
            Err(Errno::NOTDIR | Errno::LOOP) => return Err(Errno::EXIST.into()),
            other => other?,
        };
        let is = rustix::fs::fstat(&held)?;
        let fits = |id: Option<u32>, is: u32| id.is_none_or(|id| id == is);
        let owned = fits(uid, is.st_uid) && fits(gid, is.st_gid);
        if !owned {
            let (uid, gid) = ids(uid, gid);
            rustix::fs::chownat(&held, "", uid, gid, AtFlags::EMPTY_PATH)?;
        }
        if owned && is.st_mode & 0o7777 == mode { Ok(()) } else { set_mode(&held, mode) }
    };
    set().inspect_err(|_| {
        if made {
            let _ = rustix::fs::unlinkat(&place.dir, &place.name, AtFlags::REMOVEDIR);
        }
    })
}

pub(super) fn link(path: &Utf8Path, target: &Utf8Path) -> io::Result<()> {
    let place = Place::at(path)?;
    let draft = draft_name(&place.name);
    rustix::fs::symlinkat(target.as_std_path(), &place.dir, &draft)?;
    rustix::fs::renameat(&place.dir, &draft, &place.dir, &place.name).map_err(|error| {
        let _ = rustix::fs::unlinkat(&place.dir, &draft, AtFlags::empty());
        error.into()
    })
}

pub(super) fn rename(from: &Utf8Path, to: &Utf8Path) -> io::Result<()> {
    let (from, to) = (Place::at(from)?, Place::at(to)?);
    rustix::fs::renameat_with(&from.dir, &from.name, &to.dir, &to.name, RenameFlags::NOREPLACE)?;
    to.sync_dir()
}
