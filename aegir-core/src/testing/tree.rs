//! What a machine in memory does with whole trees. It knows no second name of a file, and no name that is not UTF-8.

use std::collections::BTreeMap;
use std::io;

use camino::{Utf8Path, Utf8PathBuf};

use super::server::Node;
use crate::distribution::{Found, Keep, Kind, Listing, Op, Package, Push, Standing, State, Survey, TreePath};
use crate::server::FileKind;
use crate::{Error, Result};

type Nodes = BTreeMap<Utf8PathBuf, Node>;

pub(super) fn survey(nodes: &Nodes, root: &Utf8Path, keep: &Keep) -> Result<Survey> {
    let standing = match nodes.get(root) {
        None => Standing::Nothing,
        Some(node) if node.kind != FileKind::Dir => Standing::Other,
        Some(node) => {
            let below = nodes.iter().filter_map(|(path, node)| Some((path.strip_prefix(root).ok()?, node)));
            let found = below
                .filter_map(|(path, node)| {
                    Some(Found { path: TreePath::parse(path.as_str().as_bytes())?, state: state(node), inode: None })
                })
                .filter(|found| !found.path.is_root());
            let listing = Listing::new(state(node), found.collect(), keep);
            Standing::Tree(Box::new(listing.ok_or_else(|| Error::internal(format!("{root} has something twice")))?))
        }
    };
    Ok(Survey { standing, zstd: false })
}

fn state(node: &Node) -> State {
    let kind = match &node.kind {
        FileKind::File => Kind::File,
        FileKind::Dir => Kind::Dir,
        FileKind::Link(to) => Kind::Link(to.as_str().into()),
        FileKind::Other => Kind::Special,
    };
    State { kind, mode: node.mode, size: node.content.len() as u64, sec: node.time.0, nsec: node.time.1 }
}

pub(super) fn unpack(nodes: &mut Nodes, into: &Utf8Path, package: &Package) -> io::Result<()> {
    let odd = || io::Error::other("a name that is not UTF-8");
    for item in package.items() {
        let content = if item.state.kind == Kind::File { package.read(item)? } else { Vec::new() };
        let kind = match &item.state.kind {
            Kind::File => FileKind::File,
            Kind::Dir => FileKind::Dir,
            Kind::Link(to) => FileKind::Link(std::str::from_utf8(to).map_err(|_| odd())?.into()),
            Kind::Special => FileKind::Other,
        };
        let name = std::str::from_utf8(&item.name).map_err(|_| odd())?;
        let path = if name == "." { into.to_owned() } else { into.join(name) };
        let mut node = Node::new(kind, item.state.mode, "aegir", content);
        node.time = (item.state.sec, item.state.nsec);
        nodes.insert(path, node);
    }
    Ok(())
}

/// Moves a thing with all below it.
pub(super) fn move_all(nodes: &mut Nodes, from: &Utf8Path, to: &Utf8Path) {
    let moved: Vec<Utf8PathBuf> = nodes.keys().filter(|p| p.starts_with(from)).cloned().collect();
    for path in moved {
        if let (Some(node), Ok(rest)) = (nodes.remove(&path), path.strip_prefix(from)) {
            nodes.insert(if rest.as_str().is_empty() { to.to_owned() } else { to.join(rest) }, node);
        }
    }
}

pub(super) fn amend(nodes: &mut Nodes, tree: &Utf8Path, ops: &[Op], late: bool) -> Result<(), String> {
    let (partial, previous) = (Push::partial(tree), Push::previous(tree));
    let full = |path: &TreePath| match std::str::from_utf8(path.as_bytes()) {
        Ok("") => Ok(tree.to_owned()),
        Ok(path) => Ok(tree.join(path)),
        Err(_) => Err(format!("{path} is not UTF-8")),
    };
    let shift = |nodes: &mut Nodes, from: &Utf8Path, to: &Utf8Path| {
        if !nodes.contains_key(from) && !late {
            return Err(format!("there is no {from}"));
        }
        move_all(nodes, from, to);
        Ok(())
    };
    for op in ops {
        match op {
            Op::Save(path, number) => {
                let path = full(path)?;
                let node = nodes.get(&path).cloned().ok_or_else(|| format!("there is no {path}"))?;
                nodes.insert(previous.join(number.to_string()), node);
            }
            Op::Discard(path, number) => shift(nodes, &full(path)?, &previous.join(number.to_string()))?,
            Op::Clear(path, number) => shift(nodes, &full(path)?, &previous.join(format!("u{number}")))?,
            Op::Install(path, number) => {
                let from = partial.join(number.to_string());
                if !nodes.contains_key(&from) {
                    return Err(format!("there is no {from}"));
                }
                move_all(nodes, &from, &full(path)?);
            }
            Op::Return(path, number) => {
                let (path, old) = (full(path)?, previous.join(number.to_string()));
                if nodes.contains_key(&old) {
                    move_all(nodes, &path, &previous.join(format!("u{number}")));
                    move_all(nodes, &old, &path);
                }
            }
            Op::Unlock(_) => {}
            Op::Mode(path, mode) => nodes.get_mut(&full(path)?).into_iter().for_each(|node| node.mode = *mode),
            Op::Time(path, sec) => nodes.get_mut(&full(path)?).into_iter().for_each(|node| node.time = (*sec, 0)),
        }
    }
    Ok(())
}
