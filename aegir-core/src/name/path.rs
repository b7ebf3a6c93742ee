//! Paths that are absolute, and paths that cannot leave their root.

use camino::{Utf8Component, Utf8Path, Utf8PathBuf};

use super::shown;
use crate::{Error, Result};

/// Checks that a path is absolute, has no `..`, no control characters, and is not `/`; returns it normalised.
pub fn absolute_path(what: &str, input: &str) -> Result<Utf8PathBuf> {
    let problem = |why: &str| Error::invalid(format!("the {what} {} {why}", shown(input)));
    if input.len() > 4000 {
        return Err(problem("is too long"));
    }
    if input.chars().any(char::is_control) {
        return Err(problem("holds a control character"));
    }
    // Both would end or change a quoted string in some grammar that a path reaches.
    if input.contains(['"', '\\', '$', '`', '\u{E000}', '\u{E001}']) {
        return Err(problem("holds one of \" \\ $ `, which web server configurations cannot carry safely"));
    }
    let path = Utf8Path::new(input);
    if !path.is_absolute() {
        return Err(problem("is not absolute").hint("give the path from the root, starting with ‘/’"));
    }
    let mut clean = Utf8PathBuf::from("/");
    for component in path.components() {
        match component {
            Utf8Component::Normal(part) => clean.push(part),
            Utf8Component::ParentDir => return Err(problem("holds ‘..’")),
            Utf8Component::RootDir | Utf8Component::CurDir | Utf8Component::Prefix(_) => {}
        }
    }
    if clean == "/" {
        return Err(problem("is the root of the file system"));
    }
    Ok(clean)
}

/// A path below a root that it cannot leave.
#[derive(Clone, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub struct RootedPath {
    root: Utf8PathBuf,
    relative: Utf8PathBuf,
}

impl RootedPath {
    /// Joins; refuses an absolute `relative`, `..`, an empty path and control characters.
    pub fn new(root: &Utf8Path, relative: &str) -> Result<Self> {
        let joined = absolute_path("path", &format!("{root}/{relative}"))?;
        let inside = joined.strip_prefix(root).ok().filter(|rest| !rest.as_str().is_empty() && !relative.starts_with('/'));
        match inside {
            Some(rest) => Ok(Self { root: root.to_owned(), relative: rest.to_owned() }),
            None => Err(Error::invalid(format!("the path {} leaves {root}", shown(relative)))),
        }
    }

    /// The whole path.
    pub fn full(&self) -> Utf8PathBuf {
        self.root.join(&self.relative)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rooted_path_stays_below_its_root() {
        let root = Utf8Path::new("/var/aegir");
        assert_eq!(RootedPath::new(root, "a/./b").unwrap().full(), "/var/aegir/a/b");
        for bad in ["", "..", "a/../../b", "/etc/passwd", "a\nb", "."] {
            assert!(RootedPath::new(root, bad).is_err(), "{bad:?}");
        }
    }
}
