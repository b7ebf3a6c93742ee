//! Files as data: what to write, what was found, what may be removed.

use camino::{Utf8Path, Utf8PathBuf};

/// An account or group, by name or number.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(untagged)]
pub enum Id {
    /// By number.
    Number(u32),
    /// By name, resolved on the machine.
    Name(String),
}

/// Mode and ownership. What is `None` stays with the account that writes.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Permissions {
    /// The mode's twelve bits.
    pub mode: u32,
    /// Owner.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<Id>,
    /// Group.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<Id>,
}

impl Permissions {
    /// A mode; owner and group stay.
    pub fn mode(mode: u32) -> Self {
        Self { mode, owner: None, group: None }
    }

    /// With a group.
    #[must_use]
    pub fn group(mut self, group: &str) -> Self {
        self.group = Some(Id::Name(group.to_owned()));
        self
    }
}

/// A file to write.
#[derive(Clone, PartialEq, Eq)]
pub struct FileSpec {
    /// Where.
    pub path: Utf8PathBuf,
    /// Its whole content; may hold secrets, so it has no `Debug` and no serde.
    pub content: Vec<u8>,
    /// Mode and ownership, set before the content is visible.
    pub permissions: Permissions,
}

impl std::fmt::Debug for FileSpec {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "FileSpec({}, {} bytes, {:o})", self.path, self.content.len(), self.permissions.mode)
    }
}

/// A directory to make.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct DirSpec {
    /// Where.
    pub path: Utf8PathBuf,
    /// Mode and ownership.
    pub permissions: Permissions,
}

/// What kind of thing stands at a path.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FileKind {
    /// A regular file.
    File,
    /// A directory.
    Dir,
    /// A symbolic link and where it points.
    Link(Utf8PathBuf),
    /// A socket, device or pipe.
    Other,
}

/// What stands at a path.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct FileStat {
    /// Its kind.
    pub kind: FileKind,
    /// The mode's twelve bits.
    pub mode: u32,
    /// Owner's number.
    pub uid: u32,
    /// Group's number.
    pub gid: u32,
    /// The group's name, where it has one.
    pub group: String,
    /// A file's bytes; 0 for everything else, whose size says nothing.
    pub size: u64,
}

impl FileStat {
    /// Its permissions, by number, to put them back.
    pub fn permissions(&self) -> Permissions {
        Permissions { mode: self.mode, owner: Some(Id::Number(self.uid)), group: Some(Id::Number(self.gid)) }
    }

    /// Whether mode and group are as wanted. Owners other than ours cannot be given away and are not compared.
    pub fn satisfies(&self, wanted: &Permissions) -> bool {
        let group_fits = match &wanted.group {
            None => true,
            Some(Id::Name(name)) => *name == self.group,
            Some(Id::Number(gid)) => *gid == self.gid,
        };
        self.mode == wanted.mode && group_fits
    }
}

/// A path that the ledger says is ours. Made only by the engine's context, after asking.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnedPath(Utf8PathBuf);

impl OwnedPath {
    pub(crate) fn proven(path: &Utf8Path) -> Self {
        Self(path.to_owned())
    }

    /// For tests of transports, which have no ledger.
    #[cfg(feature = "testing")]
    pub fn unchecked(path: &Utf8Path) -> Self {
        Self(path.to_owned())
    }

    /// The path.
    pub fn as_path(&self) -> &Utf8Path {
        &self.0
    }
}
