//! Whether a path leads where it says for as long as it is used, on a server whose web server writes below it.
//!
//! SFTP knows paths and nothing else. So every directory on the way is looked at first: in one that nobody but root and our
//! account writes to, nobody else can exchange what has a name there. A link is followed only in such a directory, and what
//! comes behind one that others write to is not changed by its path.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use camino::{Utf8Path, Utf8PathBuf};

use super::wire::{self, Attributes, Body};
use super::{Fault, Sftp};

/// As the kernel: more links than this on one way are a circle.
const MOST_LINKS: usize = 40;
/// How long it is believed that a directory is what it was; only root and our account can change that.
const BELIEVED: Duration = Duration::from_secs(60);

/// Who writes in a directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Writers {
    /// Root and our account.
    Ours,
    /// Others, each for what is their own: `/tmp`.
    Each,
    /// Others.
    Others,
}

/// A path without a link on the way to its last name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in super::super) struct Way {
    pub(in super::super) path: Utf8PathBuf,
    /// Whether nobody else can exchange a directory on the way.
    pub(in super::super) firm: bool,
    /// Whether nobody else can exchange what has the last name.
    pub(in super::super) own: bool,
}

/// What is known of directories that nobody else can exchange.
#[derive(Debug, Default)]
pub(in super::super) struct Ways {
    known: Mutex<HashMap<Utf8PathBuf, (Writers, Instant)>>,
    /// Our account's number and that of its group, as Aegir's directory has them.
    account: Mutex<Option<(u32, u32)>>,
}

impl Ways {
    fn get(&self, path: &Utf8Path) -> Option<Writers> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.get(path).filter(|(_, at)| at.elapsed() < BELIEVED).map(|(writers, _)| *writers)
    }

    fn put(&self, path: &Utf8Path, writers: Writers) {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).insert(path.to_owned(), (writers, Instant::now()));
    }

    /// Forgets what is changed now, and all below it.
    pub(in super::super) fn forget(&self, path: &Utf8Path) {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).retain(|known, _| !known.starts_with(path));
    }

    /// Whose Aegir's directory there is.
    async fn account(&self, sftp: &Arc<Sftp>, root: &Utf8Path) -> Result<Option<(u32, u32)>, Fault> {
        let known = *self.account.lock().unwrap_or_else(PoisonError::into_inner);
        if known.is_some() {
            return Ok(known);
        }
        let found = match sftp.ask(Body::new(wire::STAT).text(root.as_str())).attributes().await {
            Ok(found) => Some((found.uid, found.gid)),
            Err(Fault::Status(..)) => None,
            Err(fault) => return Err(fault),
        };
        *self.account.lock().unwrap_or_else(PoisonError::into_inner) = found;
        Ok(found)
    }
}

/// Goes the way to a path. `root` is Aegir's directory.
pub(in super::super) async fn go(sftp: &Arc<Sftp>, path: &Utf8Path, root: &Utf8Path, ways: &Ways) -> Result<Way, Fault> {
    let account = ways.account(sftp, root).await?;
    let mut path = path.to_owned();
    for _ in 0..MOST_LINKS {
        match walk(sftp, &path, account, ways).await? {
            Step::There(way) => return Ok(way),
            // What is above the link is firm, so it leads where it led now; and that way is looked at, too.
            Step::Link(link) => {
                let rest = path.strip_prefix(&link).unwrap_or("".into()).to_owned();
                path = real(sftp, &link).await?.join(rest);
            }
        }
    }
    Err(Fault::Because("there are too many symbolic links on the way".into()))
}

/// Where a link leads in the end.
pub(super) async fn real(sftp: &Arc<Sftp>, path: &Utf8Path) -> Result<Utf8PathBuf, Fault> {
    let names = sftp.ask(Body::new(wire::REALPATH).text(path.as_str())).names().await?;
    let name = names.into_iter().next().and_then(|name| String::from_utf8(name).ok()).map(Utf8PathBuf::from);
    name.filter(|p| p.is_absolute()).ok_or_else(|| Fault::Because(format!("the server does not say where {path} leads")))
}

enum Step {
    There(Way),
    Link(Utf8PathBuf),
}

async fn walk(sftp: &Arc<Sftp>, path: &Utf8Path, account: Option<(u32, u32)>, ways: &Ways) -> Result<Step, Fault> {
    if path.components().any(|c| c.as_str() == "..") || !path.is_absolute() {
        return Err(Fault::Because("it is no plain path from the root".into()));
    }
    let mut dirs: Vec<&Utf8Path> = path.ancestors().skip(1).collect();
    dirs.reverse();
    let asked: Vec<_> =
        dirs.iter().map(|dir| (*dir, ways.get(dir).ok_or_else(|| sftp.ask(Body::new(wire::LSTAT).text(dir.as_str()))))).collect();
    let ours = |found: &Attributes| found.uid == 0 || account.is_some_and(|(uid, _)| uid == found.uid);
    let (mut firm, mut writers) = (true, Writers::Ours);
    for (dir, answer) in asked {
        let found = match answer {
            Ok(known) => {
                writers = known;
                continue;
            }
            Err(ask) => match super::tree::present(ask).await? {
                // Nothing there is for whoever wants something there to say.
                None => break,
                Some(found) => found,
            },
        };
        // Whether nobody else can exchange what has this name.
        let held = firm && (writers == Writers::Ours || writers == Writers::Each && ours(&found));
        if found.is_link() {
            if held && ours(&found) {
                return Ok(Step::Link(dir.to_owned()));
            }
            return Err(Fault::Because(format!("{dir} is a symbolic link that others than root and the account could have made")));
        }
        firm = held;
        writers = who(&found, ours(&found), account);
        if firm && found.is_dir() {
            ways.put(dir, writers);
        }
    }
    Ok(Step::There(Way { path: path.to_owned(), firm, own: firm && writers == Writers::Ours }))
}

/// The group of our account has nobody else in it.
fn who(found: &Attributes, ours: bool, account: Option<(u32, u32)>) -> Writers {
    let group = found.bits() & 0o020 != 0 && account.is_none_or(|(_, gid)| gid != found.gid) && found.gid != 0;
    match (ours, group || found.bits() & 0o002 != 0) {
        (true, false) => Writers::Ours,
        (true, true) if found.bits() & 0o1000 != 0 => Writers::Each,
        _ => Writers::Others,
    }
}
