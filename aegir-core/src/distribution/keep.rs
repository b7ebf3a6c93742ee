//! Which paths of a tree have another authority, and so are neither sent nor removed.

use std::collections::BTreeSet;

use super::TreePath;
use crate::{Error, Result};

/// Paths below a tree's root that stay as they are, with all below them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
pub struct Keep {
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    paths: BTreeSet<TreePath>,
    /// A `*` stands for any characters within one name.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    patterns: BTreeSet<TreePath>,
    /// Single names, at any depth.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    anywhere: BTreeSet<TreePath>,
}

impl Keep {
    /// Nothing stays.
    pub fn nothing() -> Self {
        Self::default()
    }

    /// Keeps one path, taken literally.
    pub fn path(mut self, path: impl AsRef<str>) -> Result<Self> {
        self.paths.insert(checked(path.as_ref())?);
        Ok(self)
    }

    /// Keeps what fits a pattern, such as `web/sites/*/files`: from the root, `*` within one name only.
    pub fn pattern(mut self, pattern: impl AsRef<str>) -> Result<Self> {
        self.patterns.insert(checked(pattern.as_ref())?);
        Ok(self)
    }

    /// Keeps what has this name, such as `.git`, at any depth.
    pub fn anywhere(mut self, name: impl AsRef<str>) -> Result<Self> {
        let name = name.as_ref();
        self.anywhere.insert(checked(name)?);
        if name.contains('/') { Err(Error::invalid(format!("{} is no single name", crate::name::shown(name)))) } else { Ok(self) }
    }

    /// Whether it keeps nothing.
    pub fn is_empty(&self) -> bool {
        self.paths.is_empty() && self.patterns.is_empty() && self.anywhere.is_empty()
    }

    /// Whether exactly this path is kept, and not only something above it.
    pub fn names(&self, path: &TreePath) -> bool {
        let own = || path.as_bytes().rsplit(|b| *b == b'/').next().unwrap_or_default();
        self.paths.contains(path)
            || self.patterns.iter().any(|pattern| fits(pattern, path))
            || self.anywhere.iter().any(|name| name.as_bytes() == own())
    }

    /// Whether a path stays: it or something above it is kept.
    pub fn covers(&self, path: &TreePath) -> bool {
        if self.is_empty() {
            return false;
        }
        let mut path = path.clone();
        loop {
            if self.names(&path) {
                return true;
            }
            match path.parent() {
                Some(parent) if !parent.is_root() => path = parent,
                _ => return false,
            }
        }
    }

    /// As an extended regular expression over `./PATH`, for `find`; `None` where nothing is kept. It only saves work:
    /// [`Keep::covers`] decides.
    pub(crate) fn regex(&self) -> Option<String> {
        let each = self.paths.iter().map(|p| (p, false)).chain(self.patterns.iter().map(|p| (p, true)));
        let mut words: Vec<String> = each.filter_map(|(path, wild)| expression(path, wild)).collect();
        words.extend(self.anywhere.iter().filter_map(|name| Some(format!("(.*/)?{}", expression(name, false)?))));
        (!words.is_empty()).then(|| format!(r"\./({})", words.join("|")))
    }
}

fn checked(text: &str) -> Result<TreePath> {
    TreePath::parse(text.as_bytes())
        .filter(|path| !path.is_root())
        .ok_or_else(|| Error::invalid(format!("{} is no path below a tree", crate::name::shown(text))))
}

fn expression(path: &TreePath, wild: bool) -> Option<String> {
    let text = std::str::from_utf8(path.as_bytes()).ok()?;
    let mut word = String::new();
    for c in text.chars() {
        match c {
            '*' if wild => word.push_str("[^/]*"),
            c if c.is_ascii_alphanumeric() || "/_-".contains(c) || !c.is_ascii() => word.push(c),
            '\n' => return None,
            // In brackets nothing is special but these two.
            '^' | '\\' => word.extend(['\\', c]),
            c => word.extend(['[', c, ']']),
        }
    }
    Some(word)
}

fn fits(pattern: &TreePath, path: &TreePath) -> bool {
    let (mut names, mut wanted) = (path.components(), pattern.components());
    loop {
        match (wanted.next(), names.next()) {
            (None, None) => return true,
            (Some(wanted), Some(name)) if name_fits(wanted, name) => {}
            _ => return false,
        }
    }
}

/// Without recursion and without going back further than the last `*`, so that no name costs much.
fn name_fits(pattern: &[u8], name: &[u8]) -> bool {
    let (mut p, mut n, mut star) = (0, 0, None);
    while n < name.len() {
        if pattern.get(p) == Some(&b'*') {
            star = Some((p, n));
            p += 1;
        } else if pattern.get(p) == Some(&name[n]) {
            (p, n) = (p + 1, n + 1);
        } else if let Some((at, from)) = star {
            star = Some((at, from + 1));
            (p, n) = (at + 1, from + 1);
        } else {
            return false;
        }
    }
    pattern[p..].iter().all(|b| *b == b'*')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn covers(keep: &Keep, path: &str) -> bool {
        keep.covers(&TreePath::parse(path.as_bytes()).unwrap())
    }

    #[test]
    fn patterns_stay_within_a_name_and_at_the_root() {
        let keep = Keep::nothing().path("web/a*b").unwrap().pattern("web/sites/*/files").unwrap().pattern("*.sq*e").unwrap();
        for kept in ["web/sites/x/files", "web/sites/x.org/files/a/b", "web/a*b", "web/a*b/c", "db.sqlite", ".sqe/x"] {
            assert!(covers(&keep, kept), "{kept}");
        }
        for other in ["web/sites/files", "web/sites/x/y/files", "x/web/sites/x/files", "web/axb", "web/sites/x/files2", "a/db.sqlite"] {
            assert!(!covers(&keep, other), "{other}");
        }
        let keep = Keep::nothing().anywhere(".git").unwrap();
        assert!(covers(&keep, ".git") && covers(&keep, "a/b/.git") && covers(&keep, "a/.git/config"));
        assert!(!covers(&keep, "a/.github") && !covers(&keep, "x.git") && Keep::nothing().anywhere("a/b").is_err());
        assert!(Keep::nothing().path("../x").is_err() && Keep::nothing().pattern("").is_err());
    }

    #[test]
    fn the_expression_for_find_escapes_what_is_special() {
        let keep = Keep::nothing().path("a.b+c").unwrap().pattern("w/*/f(").unwrap();
        assert_eq!(keep.regex().unwrap(), r"\./(a[.]b[+]c|w/[^/]*/f[(])");
        assert_eq!(keep.anywhere(".git").unwrap().regex().unwrap(), r"\./(a[.]b[+]c|w/[^/]*/f[(]|(.*/)?[.]git)");
    }
}
