//! Brings one tree to one server: looks, sends, replaces.

use std::sync::Arc;

use camino::{Utf8Path, Utf8PathBuf};

use super::decide::{decide, suspicious};
use super::{Change, Deed, Keep, Listing, Op, Package, Packing, Progress, Standing, TreePath, scan};
use crate::server::{DirSpec, OwnedPath, Permissions, Server};
use crate::{Error, Result};

/// How many paths a summary names.
const SHOWN: usize = 50;

/// What is brought where.
#[derive(Clone, Copy, Debug)]
pub struct Push<'a> {
    /// The directory on the master.
    pub source: &'a Utf8Path,
    /// Where it goes.
    pub target: &'a Utf8Path,
    /// What stays as it is on either side.
    pub keep: &'a Keep,
}

/// What may be removed; proven by the ledger.
#[derive(Clone, Debug)]
pub struct Ground {
    /// The tree, where it is the push that makes it.
    pub target: OwnedPath,
    /// What was sent and is not in its place; `None` where there can be none.
    pub partial: Option<OwnedPath>,
    /// What was replaced.
    pub previous: OwnedPath,
}

/// What stood there before a push, enough to do it and to take it back.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Before {
    /// A mark of the tree on the master; empty where nothing differs.
    pub source: String,
    /// What differs; `None` where nothing stands yet.
    pub changes: Option<Vec<Change>>,
    /// How many files and links are sent.
    pub files: u64,
    /// And their bytes.
    pub bytes: u64,
    /// What a person should know.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
}

impl Before {
    /// Whether both sides are the same already.
    pub fn is_same(&self) -> bool {
        self.changes.as_ref().is_some_and(Vec::is_empty)
    }

    /// Lines for people: counts, then the first paths.
    pub fn summary(&self, target: &Utf8Path) -> String {
        let mut lines: Vec<String> = self.warnings.iter().map(|w| format!("! {w}")).collect();
        let sent = format!("{} files, {}", self.files, crate::distribution::bytes(self.bytes));
        let Some(changes) = &self.changes else {
            lines.push(format!("+ {target}/ ({sent})"));
            return lines.join("\n") + "\n";
        };
        let removed: u64 = changes.iter().filter(|c| c.deed == Deed::Remove).map(|c| c.files).sum();
        lines.push(format!("~ {target}/ ({sent} to send, {removed} to remove)"));
        let named: Vec<&Change> = changes.iter().filter(|c| c.deed != Deed::Set || !c.is_only_time()).collect();
        for change in named.iter().take(SHOWN) {
            let mark = match (&change.deed, &change.was) {
                (Deed::Put, None) => '+',
                (Deed::Remove, _) => '-',
                _ => '~',
            };
            let note = match change.was.as_ref().or(change.will.as_ref()).map(super::State::is_dir) {
                Some(true) if change.deed != Deed::Set => format!("/ ({} files)", change.files),
                _ if change.deed == Deed::Set => change.will.as_ref().map(|w| format!(" (mode {:04o})", w.mode)).unwrap_or_default(),
                _ => String::new(),
            };
            lines.push(format!("{mark} {}{note}", change.path));
        }
        match named.len().saturating_sub(SHOWN) {
            0 if named.is_empty() => lines.push("~ times of directories".to_owned()),
            0 => {}
            more => lines.push(format!("  and {more} more")),
        }
        lines.join("\n") + "\n"
    }
}

impl Change {
    /// Whether only the time of a directory is set.
    pub(crate) fn is_only_time(&self) -> bool {
        self.deed == Deed::Set && self.was.as_ref().map(|s| s.mode) == self.will.as_ref().map(|s| s.mode)
    }
}

impl<'a> Push<'a> {
    /// A companion beside the target, on the same file system; the name says whose it is.
    pub fn beside(target: &Utf8Path, what: &str) -> Utf8PathBuf {
        target.with_file_name(format!(".{}.aegir-{what}", target.file_name().unwrap_or_default()))
    }

    /// Where what was sent waits until it is whole.
    pub fn partial(target: &Utf8Path) -> Utf8PathBuf {
        Self::beside(target, "partial")
    }

    /// Where what was replaced waits until the commit.
    pub fn previous(target: &Utf8Path) -> Utf8PathBuf {
        Self::beside(target, "previous")
    }

    /// Looks at both sides. What was read of the master may be a moment old: several servers share it.
    pub async fn look(&self, server: &dyn Server) -> Result<Before> {
        let (listing, survey) = tokio::join!(scan::recent(self.source, self.keep), server.survey(self.target, self.keep));
        self.compare(server, &*listing?, &survey?.standing)
    }

    fn compare(&self, server: &dyn Server, listing: &Listing, standing: &Standing) -> Result<Before> {
        let source = || listing.digest().to_owned();
        let refused = |what: String| {
            Error::refused(format!("{} on {} {what}", self.target, server.name()))
                .context("server", server.name())
                .context("file", self.target)
        };
        let there = match standing {
            Standing::Nothing => {
                let (files, bytes) = listing.size();
                return Ok(Before { source: source(), changes: None, files, bytes, warnings: Vec::new() });
            }
            Standing::Other => {
                return Err(refused("is no directory".to_owned()).hint(format!("move it away: `mv {0} {0}.old`", self.target)));
            }
            Standing::Tree(there) => there,
        };
        let changes = decide(listing, there).map_err(|why| refused(format!("cannot become as on the master: {why}")))?;
        let sent = || changes.iter().filter(|c| c.deed == Deed::Put);
        let (files, bytes) = (sent().map(|c| c.files).sum(), sent().map(|c| c.bytes).sum());
        let warnings = suspicious(listing, &changes)
            .into_iter()
            .map(|(dir, files)| {
                format!(
                    "{}/{dir} is empty on the master, and {files} files in it on {} would go: is something not mounted?",
                    self.source,
                    server.name()
                )
            })
            .collect();
        let source = if changes.is_empty() { String::new() } else { source() };
        Ok(Before { source, changes: Some(changes), files, bytes, warnings })
    }

    /// Does what `before` says. Again after a failure, or twice, it comes to the same end; `mark` names this one push.
    pub async fn apply(&self, server: &dyn Server, before: &Before, ground: &Ground, mark: &str, progress: &Arc<Progress>) -> Result<()> {
        match &before.changes {
            None => self.build(server, before, ground, progress).await,
            Some(changes) => {
                let begun = ground.previous.as_path().join(mark);
                if server.stat(&begun).await?.is_some() {
                    if server.stat(&begun.join("done")).await?.is_some() {
                        return Ok(());
                    }
                    self.take_back(server, before, ground, mark).await?;
                }
                self.update(server, before, changes, ground, mark, progress).await
            }
        }
    }

    /// The master's tree, which must be what it was when the push was planned.
    fn unchanged(&self, before: &Before, listing: Result<Arc<Listing>>) -> Result<Arc<Listing>> {
        let listing = listing?;
        if listing.digest() == before.source {
            return Ok(listing);
        }
        Err(Error::conflict(format!("{} was changed on the master since it was compared", self.source))
            .context("file", self.source)
            .hint("run it again when nobody changes it"))
    }

    /// A tree that is not there yet: whole beside its place, then one rename.
    async fn build(&self, server: &dyn Server, before: &Before, ground: &Ground, progress: &Arc<Progress>) -> Result<()> {
        // A look that is a moment old will do where nothing can be lost: a file that changes later ends the stream, and one
        // that comes later is for the next push.
        let (listing, survey) = tokio::join!(scan::recent(self.source, self.keep), server.survey(self.target, self.keep));
        let (listing, survey) = (self.unchanged(before, listing)?, survey?);
        if survey.standing != Standing::Nothing {
            // Only a whole tree ever gets that name.
            return Ok(());
        }
        self.stage(server, ground, &Arc::new(Package::whole(self.source, &listing)), survey.zstd, progress).await?;
        server.rename(&Self::partial(self.target), self.target).await
    }

    async fn stage(
        &self,
        server: &dyn Server,
        ground: &Ground,
        package: &Arc<Package>,
        zstd: bool,
        progress: &Arc<Progress>,
    ) -> Result<()> {
        let Some(partial) = &ground.partial else {
            return Err(Error::internal(format!("the place where {} is built is not ours", self.target)));
        };
        server.remove(partial).await?;
        make_dir(server, partial.as_path()).await?;
        if package.is_empty() {
            return Ok(());
        }
        let packing = Packing::choose(server, package.bytes(), zstd).await?;
        server.unpack(partial.as_path(), package, packing, progress).await
    }

    async fn update(
        &self,
        server: &dyn Server,
        before: &Before,
        changes: &[Change],
        ground: &Ground,
        mark: &str,
        progress: &Arc<Progress>,
    ) -> Result<()> {
        let (listing, survey) = tokio::join!(scan::fresh(self.source, self.keep), server.survey(self.target, self.keep));
        let (listing, survey) = (self.unchanged(before, listing)?, survey?);
        if self.compare(server, &listing, &survey.standing)?.changes.as_deref() != Some(changes) {
            return Err(Error::conflict(format!("{} on {} was changed since it was compared", self.target, server.name()))
                .context("server", server.name())
                .context("file", self.target)
                .hint("run it again when nobody changes it"));
        }
        let previous = ground.previous.as_path();
        // What an earlier push left there was committed, or it would have been taken back.
        server.remove(&ground.previous).await?;
        let package = Arc::new(Package::of(self.source, &listing, changes));
        self.stage(server, ground, &package, survey.zstd, progress).await?;
        // It comes into being with its mark: without that, nothing was replaced.
        let draft = Self::partial(self.target).join("previous");
        make_dir(server, &draft).await?;
        make_dir(server, &draft.join(mark)).await?;
        server.rename(&draft, previous).await?;
        server.amend(self.target, &replace(changes), false).await?;
        make_dir(server, &previous.join(mark).join("done")).await?;
        match &ground.partial {
            Some(partial) => server.remove(partial).await,
            None => Ok(()),
        }
    }
}

async fn make_dir(server: &dyn Server, path: &Utf8Path) -> Result<()> {
    server.make_dir(&DirSpec { path: path.to_owned(), permissions: Permissions::mode(0o700) }).await
}

/// The steps of a push: nothing is destroyed, what is new comes first, what goes comes last.
fn replace(changes: &[Change]) -> Vec<Op> {
    let mut ops = unlocks(changes);
    for (number, change) in changes.iter().enumerate() {
        let path = || change.path.clone();
        match (change.deed, &change.was, &change.will) {
            (Deed::Put, was, Some(will)) => {
                match was {
                    // What becomes another kind of thing has to make room.
                    Some(was) if was.is_dir() || will.is_dir() => ops.extend([Op::Unlock(path()), Op::Discard(path(), number)]),
                    Some(_) => ops.push(Op::Save(path(), number)),
                    None => {}
                }
                ops.push(Op::Install(path(), number));
                if will.is_dir() {
                    ops.push(Op::Mode(path(), will.mode));
                }
            }
            (Deed::Remove, ..) => ops.extend([Op::Unlock(path()), Op::Discard(path(), number)]),
            (Deed::Set, _, Some(will)) if !will.is_dir() => ops.push(Op::Mode(path(), will.mode)),
            _ => {}
        }
    }
    ops.extend(settle(changes, |c| c.will.as_ref()));
    ops
}

/// Directories in which something changes are made ours to write.
pub(super) fn unlocks(changes: &[Change]) -> Vec<Op> {
    let dirs = changes.iter().filter(|c| c.deed == Deed::Set && c.was.as_ref().is_some_and(super::State::is_dir));
    dirs.filter(|c| [&c.was, &c.will].into_iter().flatten().any(|s| s.mode & 0o700 != 0o700)).map(|c| Op::Unlock(c.path.clone())).collect()
}

/// Modes and times of directories, the deepest first: nothing in them changes any more.
pub(super) fn settle<'c>(changes: &'c [Change], state: impl Fn(&'c Change) -> Option<&'c super::State>) -> Vec<Op> {
    let mut dirs: Vec<(&TreePath, &super::State)> =
        changes.iter().filter(|c| c.deed == Deed::Set).filter_map(|c| Some((&c.path, state(c)?))).filter(|(_, s)| s.is_dir()).collect();
    dirs.sort_by(|a, b| b.0.cmp(a.0));
    dirs.into_iter().flat_map(|(path, state)| [Op::Time(path.clone(), state.sec), Op::Mode(path.clone(), state.mode)]).collect()
}
