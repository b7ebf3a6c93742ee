//! What stands in a tree: kinds, modes, sizes, times, links, and which names are one file.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::OnceLock;

use super::order::in_order;
use super::path::{escape, unescape};
use super::{Keep, TreePath};

/// What kind of thing stands at a path.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A regular file.
    File,
    /// A directory.
    Dir,
    /// A symbolic link and the bytes it holds.
    Link(#[serde(with = "bytes")] Vec<u8>),
    /// A socket, device or pipe.
    Special,
}

/// What is compared of a thing, and put back.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct State {
    /// Its kind.
    pub kind: Kind,
    /// The mode's twelve bits; 0o777 for a link.
    pub mode: u32,
    /// A file's bytes; 0 for everything else.
    pub size: u64,
    /// When its content last changed, in seconds since 1970.
    pub sec: i64,
    /// And nanoseconds; 0 for a directory, whose time is set in whole seconds.
    pub nsec: u32,
}

impl State {
    /// Whether this, wanted, is on the other side; modes aside. A side that holds no fractions of a second is not asked for them.
    pub fn same_content(&self, there: &Self) -> bool {
        let time = || self.sec == there.sec && (self.nsec == there.nsec || there.nsec == 0);
        self.kind == there.kind && (self.kind == Kind::Dir || (self.kind != Kind::Special && self.size == there.size && time()))
    }

    /// Whether it is a directory.
    pub fn is_dir(&self) -> bool {
        self.kind == Kind::Dir
    }
}

/// One thing in a tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Where.
    pub path: TreePath,
    /// What.
    pub state: State,
    /// The index of the first name of the same file, where it has several in this tree.
    pub twin: Option<usize>,
}

/// A thing as found, with what tells whether two names are one file.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) path: TreePath,
    pub(crate) state: State,
    /// Device and inode, where it has several names.
    pub(crate) inode: Option<(u64, u64)>,
}

/// A whole tree but for what is kept, sorted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listing {
    /// The directory itself.
    pub root: State,
    /// Everything below it.
    pub entries: Vec<Entry>,
    /// The directories, also indirect ones, that hold something kept; those that hold it directly are `true`.
    holds: BTreeMap<TreePath, bool>,
    twins: HashMap<usize, usize>,
    mark: OnceLock<String>,
}

impl Listing {
    /// Puts what was found into order and leaves out what is kept. `None` when two have the same path, or one is in no directory.
    pub(crate) fn new(mut root: State, mut found: Vec<Found>, keep: &Keep) -> Option<Self> {
        for dir in std::iter::once(&mut root).chain(found.iter_mut().map(|f| &mut f.state)).filter(|s| s.is_dir()) {
            dir.nsec = 0;
        }
        let mut kept = BTreeSet::new();
        if !keep.is_empty() {
            found.retain(|f| {
                let stays = keep.covers(&f.path);
                if stays {
                    kept.insert(f.path.clone());
                }
                !stays
            });
        }
        let found = in_order(found)?;
        let mut holds = BTreeMap::new();
        for path in kept {
            let mut directly = true;
            let mut above = path.parent();
            while let Some(dir) = above {
                above = dir.parent();
                *holds.entry(dir).or_insert(directly) |= directly;
                directly = false;
            }
        }
        let mut first: HashMap<(u64, u64), usize> = HashMap::new();
        let mut twins: HashMap<usize, usize> = HashMap::new();
        for (index, one) in found.iter().enumerate() {
            if let Some(inode) = one.inode {
                *twins.entry(*first.entry(inode).or_insert(index)).or_insert(0) += 1;
            }
        }
        twins.retain(|_, names| *names > 1);
        let twin = |inode: Option<(u64, u64)>| inode.and_then(|i| first.get(&i).copied()).filter(|first| twins.contains_key(first));
        let entries = found.into_iter().map(|f| Entry { path: f.path, state: f.state, twin: twin(f.inode) }).collect();
        Some(Self { root, entries, holds, twins, mark: OnceLock::new() })
    }

    /// What stands at a path.
    pub fn find(&self, path: &TreePath) -> Option<&Entry> {
        self.entries.binary_search_by(|e| e.path.cmp(path)).ok().map(|at| &self.entries[at])
    }

    /// Whether a directory holds something kept, at any depth.
    pub fn holds_kept(&self, path: &TreePath) -> bool {
        self.holds.contains_key(path)
    }

    /// Whether something kept is directly in a directory: then its time is not ours alone.
    pub(crate) fn shares_time(&self, path: &TreePath) -> bool {
        self.holds.get(path) == Some(&true)
    }

    /// The first name of the same file, and how many names it has here.
    pub(crate) fn twins(&self, entry: &Entry) -> Option<(&TreePath, usize)> {
        let first = entry.twin?;
        Some((&self.entries[first].path, *self.twins.get(&first)?))
    }

    /// Files and links, and the bytes of the files; a file with several names once.
    pub fn size(&self) -> (u64, u64) {
        let once = |(index, e): &(usize, &Entry)| e.twin.is_none_or(|first| first == *index);
        let files = self.entries.iter().filter(|e| !e.state.is_dir()).count() as u64;
        (files, self.entries.iter().enumerate().filter(once).map(|(_, e)| e.state.size).sum())
    }

    /// A mark that changes whenever anything in it does.
    pub fn digest(&self) -> &str {
        self.mark.get_or_init(|| self.work_out_digest())
    }

    fn work_out_digest(&self) -> String {
        let mut hasher = blake3::Hasher::new();
        let mut add = |path: &TreePath, state: &State, twin: Option<usize>| {
            let (kind, link): (u8, &[u8]) = match &state.kind {
                Kind::File => (0, &[]),
                Kind::Dir => (1, &[]),
                Kind::Link(to) => (2, to),
                Kind::Special => (3, &[]),
            };
            let (sec, nsec) = if state.is_dir() && self.shares_time(path) { (0, 0) } else { (state.sec, state.nsec) };
            for part in [path.as_bytes(), link] {
                hasher.update(&part.len().to_le_bytes()).update(part);
            }
            hasher.update(&[kind]).update(&state.mode.to_le_bytes()).update(&state.size.to_le_bytes());
            hasher.update(&sec.to_le_bytes()).update(&nsec.to_le_bytes()).update(&twin.map_or(u64::MAX, |t| t as u64).to_le_bytes());
        };
        add(&TreePath::root(), &self.root, None);
        self.entries.iter().for_each(|e| add(&e.path, &e.state, e.twin));
        hasher.finalize().to_hex()[..32].to_owned()
    }
}

/// Link targets as text that reads back.
mod bytes {
    use serde::{Deserialize as _, Deserializer, Serialize as _, Serializer};

    pub(super) fn serialize<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
        super::escape(bytes).serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
        let text = String::deserialize(deserializer)?;
        super::unescape(&text).ok_or_else(|| serde::de::Error::custom("no escaped bytes"))
    }
}
