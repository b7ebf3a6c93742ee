//! What stands where: looking, listing, making, linking, moving, removing.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use camino::{Utf8Path, Utf8PathBuf};

use super::wire::{self, Attributes, Body, Reader, Reply};
use super::{Ask, Fault, Handle, Sftp};
use crate::server::fetch::too_many;
use crate::server::{FileKind, MOST_NAMES};

const END: u32 = 1;
/// How long a directory may take to be listed.
const LONGEST_LIST: Duration = Duration::from_secs(120);
const SET_ITSELF: &str = "lsetstat@openssh.com";
const GROUP_NAMES: &str = "users-groups-by-id@openssh.com";

/// What stands at a path.
#[derive(Debug)]
pub(in super::super) struct Found {
    pub(in super::super) kind: FileKind,
    pub(in super::super) mode: u32,
    pub(in super::super) uid: u32,
    pub(in super::super) gid: u32,
    pub(in super::super) size: u64,
}

fn lstat(sftp: &Arc<Sftp>, path: &Utf8Path) -> Ask {
    sftp.ask(Body::new(wire::LSTAT).text(path.as_str()))
}

pub(super) async fn present(ask: Ask) -> Result<Option<Attributes>, Fault> {
    match ask.attributes().await {
        Err(fault) if fault.is_missing() => Ok(None),
        other => other.map(Some),
    }
}

/// What stands at a path; a link's target comes in the same round trip.
pub(in super::super) async fn look(sftp: Arc<Sftp>, path: &Utf8Path) -> Result<Option<Found>, Fault> {
    let found = lstat(&sftp, path);
    let target = sftp.ask(Body::new(wire::READLINK).text(path.as_str()));
    let Some(found) = present(found).await? else { return Ok(None) };
    let kind = if found.is_file() {
        FileKind::File
    } else if found.is_dir() {
        FileKind::Dir
    } else if found.is_link() {
        let target = target.names().await?.into_iter().next().unwrap_or_default();
        FileKind::Link(Utf8PathBuf::from(
            String::from_utf8(target).map_err(|_| Fault::Because("it points to a name that is not UTF-8".into()))?,
        ))
    } else {
        FileKind::Other
    };
    Ok(Some(Found { kind, mode: found.bits(), uid: found.uid, gid: found.gid, size: found.size }))
}

/// The name of a group, where the server can say it this way: OpenSSH 9.0 and later.
pub(in super::super) async fn group_name(sftp: Arc<Sftp>, gid: u32) -> Result<Option<String>, Fault> {
    if !sftp.knows(GROUP_NAMES) {
        return Ok(None);
    }
    match sftp.ask(Body::new(wire::EXTENDED).text(GROUP_NAMES).text([]).text(gid.to_be_bytes())).reply().await? {
        Reply::Extended(bytes) => {
            let mut reader = Reader(&bytes);
            reader.text()?;
            let mut names = Reader(reader.text()?);
            Ok(Some(String::from_utf8_lossy(names.text()?).into_owned()))
        }
        other => Err(super::unexpected(&other)),
    }
}

/// The names in a directory, sorted. A link to a directory is none.
pub(in super::super) async fn list(sftp: Arc<Sftp>, path: &Utf8Path) -> Result<Option<Vec<String>>, Fault> {
    let found = lstat(&sftp, path);
    let opened = sftp.ask(Body::new(wire::OPENDIR).text(path.as_str()));
    let handle = match (present(found).await?, opened.handle().await) {
        (Some(found), opened) if found.is_dir() => opened?,
        _ => return Ok(None),
    };
    let more = || sftp.ask(Body::new(wire::READDIR).text(&handle.bytes));
    // Two questions at once: nearly every directory is read by the first, and the second says that it was all.
    let mut flying = VecDeque::from([more(), more()]);
    let (mut names, mut bytes, mut answers, begun) = (Vec::new(), 0, 0, Instant::now());
    while let Some(next) = flying.pop_front() {
        match next.names().await {
            Ok(found) => {
                // An answer without a name is one, too: there could be any number of them.
                answers += found.len().max(1);
                bytes += found.iter().map(Vec::len).sum::<usize>();
                if answers > MOST_NAMES.0 || bytes > MOST_NAMES.1 || begun.elapsed() > LONGEST_LIST {
                    return Err(Fault::Because(too_many()));
                }
                for name in found {
                    names.extend(checked(name)?);
                }
                flying.push_back(more());
            }
            Err(Fault::Status(END, _)) => break,
            Err(fault) => return Err(fault),
        }
    }
    names.sort_unstable();
    Ok(Some(names))
}

/// A name from the other side is a name and no path, or nothing is done with it.
fn checked(name: Vec<u8>) -> Result<Option<String>, Fault> {
    let name = String::from_utf8(name).map_err(|e| Fault::Because(format!("{} is not UTF-8", String::from_utf8_lossy(e.as_bytes()))))?;
    match name.as_str() {
        "." | ".." => Ok(None),
        odd if odd.is_empty() || odd.contains(['/', '\0']) => Err(Fault::Because(format!("the server says that {odd:?} is a name in it"))),
        _ => Ok(Some(name)),
    }
}

/// Whether the server can set the mode of what has a name, and never that of what a link leads to: OpenSSH 8.0 and later.
pub(in super::super) fn sets_itself(sftp: &Sftp) -> bool {
    sftp.knows(SET_ITSELF)
}

/// Makes a directory or changes its mode and owner.
pub(in super::super) async fn make_dir(sftp: Arc<Sftp>, path: &Utf8Path, mode: u32, ids: (Option<u32>, Option<u32>)) -> Result<(), Fault> {
    // Nobody else gets in before mode and owner are what they should be.
    let making = sftp.ask(Body::new(wire::MKDIR).text(path.as_str()).mode(mode & 0o700));
    let found = lstat(&sftp, path);
    let made = making.done().await;
    let found = present(found).await?;
    let fresh = made.is_ok();
    let fits = |id: Option<u32>, is: u32| id.is_none_or(|id| id == is);
    match found {
        Some(found) if found.is_dir() && found.bits() == mode && fits(ids.0, found.uid) && fits(ids.1, found.gid) => return Ok(()),
        Some(found) if found.is_dir() => {}
        Some(_) => return Err(Fault::Because("something else is there".into())),
        None => made?,
    }
    let set = || Body::new(wire::EXTENDED).text(SET_ITSELF).text(path.as_str());
    let owner = (ids.0.is_some() || ids.1.is_some()).then(|| sftp.ask(set().owner(ids.0, ids.1)));
    let bits = sftp.ask(set().mode(mode));
    let set = async {
        if let Some(owner) = owner {
            owner.done().await?;
        }
        bits.done().await
    };
    let set = set.await;
    if set.is_err() && fresh {
        drop(sftp.ask(Body::new(wire::RMDIR).text(path.as_str())));
    }
    set
}

/// Makes or replaces a link at once: both requests go together, and without the first the second finds nothing.
pub(in super::super) async fn link(sftp: Arc<Sftp>, path: &Utf8Path, target: &Utf8Path, temporary: &Utf8Path) -> Result<(), Fault> {
    // OpenSSH has the two the other way round than the draft.
    let made = sftp.ask(Body::new(wire::SYMLINK).text(target.as_str()).text(temporary.as_str()));
    let renamed = sftp.ask(Body::new(wire::EXTENDED).text("posix-rename@openssh.com").text(temporary.as_str()).text(path.as_str()));
    made.done().await?;
    let renamed = renamed.done().await;
    if renamed.is_err() {
        drop(sftp.ask(Body::new(wire::REMOVE).text(temporary.as_str())));
    }
    renamed
}

/// Moves, and refuses to replace: OpenSSH moves files by linking and unlinking, and looks before it
/// moves anything else. We look first as well, so that a dangling link counts as something, too.
pub(in super::super) async fn rename(sftp: Arc<Sftp>, from: &Utf8Path, to: &Utf8Path) -> Result<(), Fault> {
    let there = lstat(&sftp, to);
    let dir = open_parent(&sftp, to);
    if present(there).await?.is_some() {
        return Err(Fault::Because(format!("{to} exists")));
    }
    let dir = opened(dir).await?;
    let renamed = sftp.ask(Body::new(wire::RENAME).text(from.as_str()).text(to.as_str()));
    let synced = dir.as_ref().map(|dir| sftp.ask(Body::new(wire::EXTENDED).text("fsync@openssh.com").text(&dir.bytes)));
    renamed.done().await?;
    settled(synced).await
}

/// Removes anything but a directory; says whether it is one.
pub(in super::super) async fn remove_one(sftp: Arc<Sftp>, path: &Utf8Path) -> Result<bool, Fault> {
    match present(lstat(&sftp, path)).await? {
        None => Ok(false),
        Some(found) if found.is_dir() => Ok(true),
        Some(_) => match sftp.ask(Body::new(wire::REMOVE).text(path.as_str())).done().await {
            Err(fault) if !fault.is_missing() => Err(fault),
            _ => Ok(false),
        },
    }
}

/// Opens the directory a path is in, to sync it when its entries have changed.
pub(super) fn open_parent(sftp: &Arc<Sftp>, path: &Utf8Path) -> Option<Ask> {
    let parent = path.parent().filter(|_| sftp.knows("fsync@openssh.com"))?;
    Some(sftp.ask(Body::new(wire::OPEN).text(parent.as_str()).number(wire::TO_READ).number(0)))
}

/// A directory that we may write to but not read cannot be synced; that is no reason to fail.
pub(super) async fn opened(dir: Option<Ask>) -> Result<Option<Handle>, Fault> {
    match dir {
        None => Ok(None),
        Some(dir) => match dir.handle().await {
            Err(Fault::Status(..)) => Ok(None),
            other => other.map(Some),
        },
    }
}

/// Some file systems do not sync directories; a lost connection is still one.
pub(super) async fn settled(synced: Option<Ask>) -> Result<(), Fault> {
    match synced {
        None => Ok(()),
        Some(synced) => match synced.done().await {
            Err(Fault::Status(..)) => Ok(()),
            other => other,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_from_the_other_side_is_never_a_path() {
        for odd in ["", "a/b", "/etc/passwd", "../x", "a\0b"] {
            assert!(checked(odd.into()).is_err(), "{odd}");
        }
        assert!(checked(vec![0xff]).is_err());
        assert_eq!(checked(b"..".to_vec()).unwrap(), None);
        assert_eq!(checked(b"-rf\n $x".to_vec()).unwrap().unwrap(), "-rf\n $x");
    }
}
