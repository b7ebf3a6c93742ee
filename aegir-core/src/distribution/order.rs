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
    use proptest::prelude::*;

    use super::super::{Kind, State, TreePath};
    use super::*;

    fn found(path: &str, kind: Kind) -> Found {
        let state = State { kind, mode: 0o755, size: 0, sec: 0, nsec: 0 };
        Found { path: TreePath::parse(path.as_bytes()).unwrap(), state, inode: None }
    }

    proptest! {
        #[test]
        fn it_is_the_order_of_paths(paths in proptest::collection::btree_set("[a-c !]{1,2}(/[a-c !]{1,2}){0,3}", 1..40), seed: u64) {
            let mut dirs = std::collections::BTreeSet::new();
            for path in &paths {
                let mut way = path.as_str();
                dirs.insert(way.to_owned());
                while let Some((above, _)) = way.rsplit_once('/') {
                    dirs.insert(above.to_owned());
                    way = above;
                }
            }
            let mut shuffled: Vec<&String> = dirs.iter().collect();
            let mut state = seed;
            for at in (1..shuffled.len()).rev() {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                shuffled.swap(at, (state >> 33) as usize % (at + 1));
            }
            let ordered = in_order(shuffled.iter().map(|p| found(p, Kind::Dir)).collect()).unwrap();
            prop_assert!(ordered.windows(2).all(|pair| pair[0].path < pair[1].path));
            prop_assert_eq!(ordered.len(), dirs.len());
        }
    }

    #[test]
    fn what_cannot_be_is_refused() {
        let none = |things: &[(&str, Kind)]| in_order(things.iter().map(|(p, k)| found(p, k.clone())).collect()).is_none();
        assert!(none(&[("a", Kind::Dir), ("a", Kind::File)]), "twice");
        assert!(none(&[("a/b", Kind::File)]), "in nothing");
        assert!(none(&[("a", Kind::File), ("a/b", Kind::File)]), "in a file");
        assert!(!none(&[("a/b", Kind::File), ("a", Kind::Dir)]));
    }
}
