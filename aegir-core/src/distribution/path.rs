//! A path below a directory, as bytes: whatever a file system takes as a name, and nothing that leads out.
//!
//! Sorted like a walk through the tree: a directory, all below it, then its next neighbour.

use std::cmp::Ordering;
use std::ffi::OsStr;
use std::fmt;
use std::os::unix::ffi::OsStrExt as _;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Bytes that are compared at once.
const BLOCK: usize = 8;

/// A path below a directory. The empty one is the directory itself.
#[derive(Clone, Default, PartialEq, Eq, Hash)]
pub struct TreePath(Box<[u8]>);

impl TreePath {
    /// The directory itself.
    pub fn root() -> Self {
        Self::default()
    }

    /// A path from anybody; `None` for one that is absolute, empty in a component, or leads up.
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        (bytes.is_empty() || bytes.split(|b| *b == b'/').all(is_name)).then(|| Self(bytes.into()))
    }

    /// The path of something in this directory; the name comes from anybody.
    pub(crate) fn child(&self, name: &[u8]) -> Option<Self> {
        (is_name(name) && !name.contains(&b'/')).then(|| self.join(name))
    }

    /// The path of something in this directory; the name comes from a file system of ours.
    pub(crate) fn join(&self, name: &[u8]) -> Self {
        let mut bytes = Vec::with_capacity(self.0.len() + 1 + name.len());
        bytes.extend_from_slice(&self.0);
        if !bytes.is_empty() {
            bytes.push(b'/');
        }
        bytes.extend_from_slice(name);
        Self(bytes.into())
    }

    /// Its bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// For system calls.
    pub(crate) fn as_os(&self) -> &OsStr {
        OsStr::from_bytes(&self.0)
    }

    /// Whether it is the directory itself.
    pub fn is_root(&self) -> bool {
        self.0.is_empty()
    }

    /// Its directory and its name in it; `None` for the root.
    pub fn split(&self) -> Option<(Self, &[u8])> {
        if self.is_root() {
            return None;
        }
        Some(match self.0.iter().rposition(|b| *b == b'/') {
            Some(at) => (Self(self.0[..at].into()), &self.0[at + 1..]),
            None => (Self::root(), &self.0[..]),
        })
    }

    /// The directory it is in; `None` for the root.
    pub fn parent(&self) -> Option<Self> {
        self.split().map(|(parent, _)| parent)
    }

    /// Whether it lies below another, or is it.
    pub fn is_within(&self, other: &Self) -> bool {
        other.is_root() || self.0.strip_prefix(&other.0[..]).is_some_and(|rest| rest.first().is_none_or(|b| *b == b'/'))
    }

    /// Its names, from the top.
    pub fn components(&self) -> impl Iterator<Item = &[u8]> {
        self.0.split(|b| *b == b'/').filter(|name| !name.is_empty())
    }
}

fn is_name(bytes: &[u8]) -> bool {
    !bytes.is_empty() && bytes != b"." && bytes != b".." && !bytes.contains(&0)
}

impl Ord for TreePath {
    fn cmp(&self, other: &Self) -> Ordering {
        // No name holds a NUL, so as the lowest byte the slash keeps a directory together.
        let key = |b: &u8| if *b == b'/' { 0 } else { *b };
        // Neighbours share most of their way: what is equal is passed over in blocks.
        let blocks = self.0.chunks_exact(BLOCK).zip(other.0.chunks_exact(BLOCK));
        let equal = BLOCK * blocks.take_while(|(a, b)| a == b).count();
        self.0[equal..].iter().map(key).cmp(other.0[equal..].iter().map(key))
    }
}

impl PartialOrd for TreePath {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// Bytes as text that reads back: what is not UTF-8, and backslashes, as `\xNN`.
pub(crate) fn escape(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        text.push_str(&chunk.valid().replace('\\', "\\x5c"));
        chunk.invalid().iter().for_each(|b| text.push_str(&format!("\\x{b:02x}")));
    }
    text
}

/// The bytes behind such a text.
pub(crate) fn unescape(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut parts = text.split("\\x");
    bytes.extend_from_slice(parts.next()?.as_bytes());
    for part in parts {
        let (code, rest) = part.split_at_checked(2)?;
        bytes.push(u8::from_str_radix(code, 16).ok()?);
        bytes.extend_from_slice(rest.as_bytes());
    }
    Some(bytes)
}

impl fmt::Display for TreePath {
    /// For people: in one line, without control characters.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_root() {
            return f.write_str(".");
        }
        f.write_str(&escape(&self.0).replace(char::is_control, "?"))
    }
}

impl fmt::Debug for TreePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", escape(&self.0))
    }
}

impl Serialize for TreePath {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        escape(&self.0).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for TreePath {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        unescape(&text).and_then(|bytes| Self::parse(&bytes)).ok_or_else(|| serde::de::Error::custom("no path below a directory"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_leads_out() {
        for odd in [&b"/etc"[..], b"..", b"a/../b", b"a//b", b"a/", b".", b"a/.", b"a\0b"] {
            assert!(TreePath::parse(odd).is_none(), "{odd:?}");
        }
        for fine in [&b""[..], b"a", b"...", b"-rf", b"a\nb/\xff", b"..a/b.."] {
            let path = TreePath::parse(fine).unwrap();
            let text = serde_json::to_string(&path).unwrap();
            assert_eq!(serde_json::from_str::<TreePath>(&text).unwrap(), path, "{text}");
        }
        assert!(serde_json::from_str::<TreePath>("\"a/../b\"").is_err());
    }

    #[test]
    fn a_directory_stays_together() {
        let mut paths: Vec<_> = [&b"a.txt"[..], b"a/b", b"", b"a", b"a/b/c", b"a-", b"b"].map(|p| TreePath::parse(p).unwrap()).into();
        paths.sort();
        let shown: Vec<String> = paths.iter().map(ToString::to_string).collect();
        assert_eq!(shown, [".", "a", "a/b", "a/b/c", "a-", "a.txt", "b"]);
        assert!(paths[3].is_within(&paths[1]) && !paths[4].is_within(&paths[1]) && paths[1].is_within(&paths[1]));
    }
}
