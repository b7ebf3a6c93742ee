//! What has to change on a server so that its tree is as the master's. Pure.
//!
//! A change is about the topmost path that differs: a directory that is new, or gone, is one change with all below it.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use super::{Entry, Listing, State, TreePath};

/// What happens to a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Deed {
    /// It is sent whole, and takes the place of what stands there, if anything does.
    Put,
    /// It goes, with all below it.
    Remove,
    /// Its mode is set and, where it is a directory, its time.
    Set,
}

/// One difference, with what stood there and what will.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Change {
    /// Where.
    pub path: TreePath,
    /// What happens.
    pub deed: Deed,
    /// What stands there; `None` for nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub was: Option<State>,
    /// What will; `None` for nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub will: Option<State>,
    /// How many files and links it is about.
    pub files: u64,
    /// How many bytes are sent.
    pub bytes: u64,
}

/// Where a tree cannot become like the other one, in words.
pub(crate) type Obstacle = String;

/// Compares two trees; what is kept stays on either side. Puts come first, then removals, then modes and times.
pub(crate) fn decide(source: &Listing, target: &Listing) -> Result<Vec<Change>, Obstacle> {
    let mut run =
        Run { source, target, broken: broken_twins(source, target), puts: Vec::new(), removals: Vec::new(), touched: HashSet::new() };
    run.merge()?;
    let sets = run.sets();
    Ok(run.puts.into_iter().chain(run.removals).chain(sets).collect())
}

/// Files whose names are not tied together in the same way on both sides, by their first name in the source.
fn broken_twins(source: &Listing, target: &Listing) -> HashSet<usize> {
    let mut broken = HashSet::new();
    for entry in &source.entries {
        if let Some(first) = entry.twin
            && target.find(&entry.path).is_none_or(|there| target.twins(there) != source.twins(entry))
        {
            broken.insert(first);
        }
    }
    broken
}

struct Run<'a> {
    source: &'a Listing,
    target: &'a Listing,
    broken: HashSet<usize>,
    puts: Vec<Change>,
    removals: Vec<Change>,
    /// Directories in which something comes or goes, so that their time changes.
    touched: HashSet<TreePath>,
}

impl Run<'_> {
    fn merge(&mut self) -> Result<(), Obstacle> {
        let (source, target) = (&self.source.entries[..], &self.target.entries[..]);
        let (mut here, mut there) = (0, 0);
        loop {
            match (source.get(here), target.get(there)) {
                (None, None) => return Ok(()),
                (Some(new), old) if old.is_none_or(|old| new.path < old.path) => {
                    let end = end_of(source, here);
                    self.put(here..end, None);
                    here = end;
                }
                (new, Some(old)) if new.is_none_or(|new| old.path < new.path) => {
                    // A directory that holds something kept stays, and what is not kept in it goes by itself.
                    let end = if self.target.holds_kept(&old.path) { there + 1 } else { end_of(target, there) };
                    if !self.target.holds_kept(&old.path) {
                        self.remove(there..end);
                    }
                    there = end;
                }
                (Some(new), Some(old)) if new.state.is_dir() && old.state.is_dir() => (here, there) = (here + 1, there + 1),
                (Some(new), Some(old)) => {
                    if self.target.holds_kept(&old.path) {
                        return Err(format!(
                            "{} is a directory with something in it that is to stay, and on the master it is none",
                            old.path
                        ));
                    }
                    let ends = (end_of(source, here), end_of(target, there));
                    let tied = new.twin.is_some_and(|first| self.broken.contains(&first)) || (new.twin.is_none() && old.twin.is_some());
                    if tied || !new.state.same_content(&old.state) {
                        self.put(here..ends.0, Some(&old.state));
                    } else if new.state.mode != old.state.mode {
                        self.puts.push(Change { files: 1, ..set(new.path.clone(), &old.state, &new.state) });
                    }
                    (here, there) = ends;
                }
                (None, Some(_)) | (Some(_), None) => return Ok(()),
            }
        }
    }

    fn put(&mut self, range: std::ops::Range<usize>, was: Option<&State>) {
        let (unit, source) = (&self.source.entries[range.clone()], self.source);
        let once = |(index, entry): &(usize, &Entry)| entry.twin.is_none_or(|first| first == *index);
        let bytes = range.zip(unit).filter(once).map(|(_, e)| e.state.size).sum();
        let top = &unit[0];
        debug_assert!(source.find(&top.path).is_some());
        self.touched.extend(top.path.parent());
        let files = unit.iter().filter(|e| !e.state.is_dir()).count() as u64;
        self.puts.push(Change { path: top.path.clone(), deed: Deed::Put, was: was.cloned(), will: Some(top.state.clone()), files, bytes });
    }

    fn remove(&mut self, range: std::ops::Range<usize>) {
        let unit = &self.target.entries[range];
        let top = &unit[0];
        self.touched.extend(top.path.parent());
        let files = unit.iter().filter(|e| !e.state.is_dir()).count() as u64;
        let was = Some(top.state.clone());
        self.removals.push(Change { path: top.path.clone(), deed: Deed::Remove, was, will: None, files, bytes: 0 });
    }

    /// Directories on both sides whose mode or time differs, or will because something in them changes.
    fn sets(&self) -> Vec<Change> {
        let mut sets = BTreeMap::new();
        let mut shared = BTreeMap::new();
        let root = TreePath::root();
        let both = self.target.entries.iter().map(|e| (&e.path, &e.state)).chain([(&root, &self.target.root)]);
        for (path, was) in both.filter(|(_, was)| was.is_dir()) {
            let will = if path.is_root() { Some(&self.source.root) } else { self.source.find(path).map(|e| &e.state) };
            let touched = self.touched.contains(path);
            match will {
                Some(will) if will.is_dir() => {
                    let change = set(path.clone(), was, will);
                    if was.mode != will.mode || touched {
                        sets.insert(path.clone(), change);
                    } else if was.sec != will.sec {
                        // Where something kept comes and goes, the time alone is no reason to do anything.
                        let also_others = self.source.shares_time(path) || self.target.shares_time(path);
                        if also_others { &mut shared } else { &mut sets }.insert(path.clone(), change);
                    }
                }
                // Not on the master; it is here because it holds something kept.
                None if touched => drop(sets.insert(path.clone(), set(path.clone(), was, was))),
                _ => {}
            }
        }
        if !(sets.is_empty() && self.puts.is_empty() && self.removals.is_empty()) {
            sets.append(&mut shared);
        }
        sets.into_values().collect()
    }
}

fn set(path: TreePath, was: &State, will: &State) -> Change {
    Change { path, deed: Deed::Set, was: Some(was.clone()), will: Some(will.clone()), files: 0, bytes: 0 }
}

/// The index behind an entry and all below it.
fn end_of(entries: &[Entry], at: usize) -> usize {
    let Entry { path: top, state, .. } = &entries[at];
    if !state.is_dir() {
        return at + 1;
    }
    at + entries[at..].partition_point(|e| e.path.is_within(top))
}

/// Directories that are empty on the master while files would be removed from them: something may not be mounted.
pub(crate) fn suspicious(source: &Listing, changes: &[Change]) -> Vec<(TreePath, u64)> {
    let mut lost: BTreeMap<TreePath, u64> = BTreeMap::new();
    for change in changes.iter().filter(|c| c.deed == Deed::Remove) {
        if let Some(dir) = change.path.parent().filter(|d| !d.is_root()) {
            *lost.entry(dir).or_default() += change.files;
        }
    }
    if lost.is_empty() {
        return Vec::new();
    }
    let full: BTreeSet<TreePath> = source.entries.iter().filter_map(|e| e.path.parent()).collect();
    lost.into_iter()
        .filter(|(dir, files)| *files > 0 && !full.contains(dir) && source.find(dir).is_some_and(|e| e.state.is_dir()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::listing::Found;
    use super::super::{Keep, Kind};
    use super::*;

    fn dir(mode: u32) -> State {
        State { kind: Kind::Dir, mode, size: 0, sec: 7, nsec: 0 }
    }

    fn tree(things: &[(&str, &str, u64)]) -> Listing {
        let found = things.iter().map(|(path, kind, inode)| {
            let state =
                if *kind == "dir" { dir(0o755) } else { State { kind: Kind::File, mode: 0o644, size: kind.len() as u64, sec: 9, nsec: 5 } };
            Found { path: TreePath::parse(path.as_bytes()).unwrap(), state, inode: (*inode > 0).then_some((1, *inode)) }
        });
        Listing::new(dir(0o755), found.collect(), &Keep::nothing().pattern("sites/*/files").unwrap()).unwrap()
    }

    fn words(source: &Listing, target: &Listing) -> Vec<String> {
        decide(source, target).unwrap().iter().map(|c| format!("{:?} {}", c.deed, c.path)).collect()
    }

    #[test]
    fn the_topmost_path_that_differs_is_the_change() {
        let source = tree(&[("a", "dir", 0), ("a/x", "xx", 0), ("new", "dir", 0), ("new/b", "x", 0), ("new/c", "x", 0)]);
        let target = tree(&[("a", "dir", 0), ("a/x", "xxx", 0), ("old", "dir", 0), ("old/b", "x", 0)]);
        assert_eq!(words(&source, &target), ["Put a/x", "Put new", "Remove old", "Set .", "Set a"]);
        assert_eq!(words(&source, &source), [""; 0]);
        assert_eq!(decide(&source, &target).unwrap()[1].files, 2);
    }

    #[test]
    fn what_is_kept_keeps_its_directory() {
        let source = tree(&[("sites", "dir", 0), ("x", "x", 0)]);
        let target =
            tree(&[("sites", "dir", 0), ("sites/s", "dir", 0), ("sites/s/files", "dir", 0), ("sites/s/other", "x", 0), ("x", "x", 0)]);
        assert_eq!(words(&source, &target), ["Remove sites/s/other", "Set sites/s"]);
        let blocked = tree(&[("sites", "file", 0)]);
        assert!(decide(&blocked, &target).unwrap_err().contains("to stay"));
    }

    #[test]
    fn names_of_one_file_are_tied_and_untied() {
        let (tied, loose) = (tree(&[("a", "x", 1), ("b", "x", 1)]), tree(&[("a", "x", 0), ("b", "x", 0)]));
        assert_eq!(words(&tied, &loose), ["Put a", "Put b", "Set ."]);
        assert_eq!(words(&loose, &tied), ["Put a", "Put b", "Set ."]);
        assert_eq!(words(&tied, &tied), [""; 0]);
        let other = tree(&[("a", "x", 1), ("b", "x", 2), ("c", "x", 2), ("d", "x", 1)]);
        assert_eq!(words(&tied, &other), ["Put a", "Put b", "Remove c", "Remove d", "Set ."]);
    }

    #[test]
    fn a_directory_that_is_empty_here_is_suspicious() {
        let source = tree(&[("mnt", "dir", 0), ("x", "x", 0)]);
        let target = tree(&[("mnt", "dir", 0), ("mnt/a", "x", 0), ("mnt/b", "x", 0), ("x", "x", 0), ("y", "x", 0)]);
        let changes = decide(&source, &target).unwrap();
        assert_eq!(suspicious(&source, &changes), [(TreePath::parse(b"mnt").unwrap(), 2)]);
    }
}
