//! Puts what was found into the order of a walk: names are sorted within their directory, never whole paths.
//!
//! Paths share most of their bytes with their neighbours, so that sorting them costs several times what this does.

use std::collections::HashMap;

use super::listing::Found;

/// Each directory, then all below it, then its next neighbour; as [`super::TreePath`] compares. `None` when two have the
/// same path, or one is in no directory.
pub(super) fn in_order(found: Vec<Found>) -> Option<Vec<Found>> {
    let order = order(&found)?;
    let mut found: Vec<Option<Found>> = found.into_iter().map(Some).collect();
    order.into_iter().map(|index| found[index].take()).collect()
}

fn order(found: &[Found]) -> Option<Vec<usize>> {
    let mut dirs: HashMap<&[u8], Vec<usize>> = HashMap::new();
    for (index, one) in found.iter().enumerate() {
        dirs.entry(directory(one)).or_default().push(index);
    }
    for (dir, names) in &mut dirs {
        let name = |index: usize| &found[index].path.as_bytes()[dir.len()..];
        names.sort_unstable_by(|a, b| name(*a).cmp(name(*b)));
        if names.windows(2).any(|pair| name(pair[0]) == name(pair[1])) {
            return None;
        }
    }
    let mut order = Vec::with_capacity(found.len());
    let mut open: Vec<_> = dirs.remove(&b""[..]).into_iter().map(Vec::into_iter).collect();
    while let Some(names) = open.last_mut() {
        let Some(index) = names.next() else {
            open.pop();
            continue;
        };
        order.push(index);
        if found[index].state.is_dir() {
            open.extend(dirs.remove(found[index].path.as_bytes()).map(Vec::into_iter));
        }
    }
    (order.len() == found.len()).then_some(order)
}

fn directory(found: &Found) -> &[u8] {
    let path = found.path.as_bytes();
    &path[..path.iter().rposition(|b| *b == b'/').unwrap_or(0)]
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::super::{Kind, State, TreePath};
    use super::*;

    fn found(path: TreePath, kind: Kind) -> Found {
        Found { path, state: State { kind, mode: 0o755, size: 0, sec: 0, nsec: 0 }, inode: None }
    }

    /// Directories with all above them, in any order.
    fn directories() -> impl Strategy<Value = Vec<TreePath>> {
        proptest::collection::btree_set("[a-c !]{1,2}(/[a-c !]{1,2}){0,3}", 1..40)
            .prop_map(|paths| {
                let path = |text: &String| TreePath::parse(text.as_bytes()).unwrap();
                let above = |path| std::iter::successors(Some(path), TreePath::parent).filter(|path| !path.is_root());
                paths.iter().map(path).flat_map(above).collect::<BTreeSet<_>>().into_iter().collect::<Vec<_>>()
            })
            .prop_shuffle()
    }

    proptest! {
        #[test]
        fn it_is_the_order_of_paths(directories in directories()) {
            let ordered = in_order(directories.iter().map(|path| found(path.clone(), Kind::Dir)).collect()).unwrap();
            prop_assert!(ordered.windows(2).all(|pair| pair[0].path < pair[1].path));
            prop_assert_eq!(ordered.len(), directories.len());
        }
    }

    #[test]
    fn what_cannot_be_is_refused() {
        let thing = |(path, kind): &(&str, Kind)| found(TreePath::parse(path.as_bytes()).unwrap(), kind.clone());
        let none = |things: &[(&str, Kind)]| in_order(things.iter().map(thing).collect()).is_none();
        assert!(none(&[("a", Kind::Dir), ("a", Kind::File)]), "twice");
        assert!(none(&[("a/b", Kind::File)]), "in nothing");
        assert!(none(&[("a", Kind::File), ("a/b", Kind::File)]), "in a file");
        assert!(!none(&[("a/b", Kind::File), ("a", Kind::Dir)]));
    }
}
