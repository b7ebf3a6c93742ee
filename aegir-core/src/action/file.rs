//! Writes and removes files, and puts them back.

use camino::Utf8PathBuf;
use data_encoding::BASE64;

use super::{Action, Claims, Context};
use crate::entity::Resource;
use crate::name::ServerName;
use crate::plan::{Change, Diff};
use crate::server::{FileKind, FileSpec, FileStat, Permissions};
use crate::template::Content;
use crate::{Error, Result};

/// What stood at a path: nothing, or a file with its permissions and bytes.
#[derive(Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct FileBefore {
    stat: Option<FileStat>,
    /// Base64; the receipt is sealed as a whole.
    content: Option<String>,
}

impl FileBefore {
    async fn at(cx: &Context, path: &camino::Utf8Path) -> Result<Self> {
        let stat = cx.server().stat(path).await?;
        match &stat {
            None => Ok(Self { stat, content: None }),
            Some(FileStat { kind: FileKind::File, .. }) => {
                let bytes = cx.server().read(path).await?.unwrap_or_default();
                Ok(Self { stat, content: Some(BASE64.encode(&bytes)) })
            }
            Some(other) => {
                let kind = match &other.kind {
                    FileKind::Dir => "a directory",
                    FileKind::Link(_) => "a symbolic link",
                    _ => "no regular file",
                };
                Err(Error::refused(format!("{path} on {} is {kind} where a file belongs", cx.server().name()))
                    .context("server", cx.server().name())
                    .context("file", path)
                    .hint(format!("move it away: `mv {0} {0}.old`", crate::text::word(path.as_str()))))
            }
        }
    }

    /// Whether a file stood there.
    pub fn is_there(&self) -> bool {
        self.stat.is_some()
    }

    fn bytes(&self) -> Option<Vec<u8>> {
        self.content.as_ref().and_then(|c| BASE64.decode(c.as_bytes()).ok())
    }

    async fn restore(&self, cx: &Context, path: &camino::Utf8Path) -> Result<()> {
        match (&self.stat, self.bytes()) {
            (Some(stat), Some(content)) => {
                let now = Self::at(cx, path).await?;
                if now == *self {
                    return Ok(());
                }
                cx.server().write(&FileSpec { path: path.to_owned(), content, permissions: stat.permissions() }).await
            }
            _ => cx.remove(path).await,
        }
    }
}

/// Writes a file; nothing to do when content, mode and group are as wanted.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
pub struct WriteFile {
    /// Where.
    pub path: Utf8PathBuf,
    /// What; secrets in it are sealed.
    pub content: Content,
    /// Mode and group.
    pub permissions: Permissions,
}

impl Action for WriteFile {
    const NAME: &'static str = "file.write";
    type Before = FileBefore;
    type Output = ();

    fn summary(&self) -> String {
        format!("write {}", self.path)
    }

    fn claims(&self, server: &ServerName) -> Claims {
        Claims::acquire(Resource::path(server, &self.path))
    }

    async fn observe(&self, cx: &Context) -> Result<FileBefore> {
        FileBefore::at(cx, &self.path).await
    }

    fn diff(&self, cx: &Context, before: &FileBefore) -> Result<Diff> {
        let wanted = self.content.materialise(cx.keyring())?;
        let old = before.bytes();
        let mut diff = if old.as_deref() == Some(&wanted) {
            Diff::same()
        } else {
            let private = before.stat.as_ref().is_some_and(|stat| stat.mode & 0o004 == 0);
            let shown = |bytes: Vec<u8>| match String::from_utf8_lossy(&bytes) {
                text if private && !self.content.has_secret() => Ok(self.content.cover(&text)),
                text => self.content.redact(&text, cx.keyring()),
            };
            let old_shown = old.map(shown).transpose()?;
            let text = Diff::text(self.path.as_str(), old_shown.as_deref(), Some(&self.content.shown()));
            // Equal once redacted: only a secret differs.
            if text.change == Change::Same { Diff::new(Change::Change, format!("{}: a secret changes\n", self.path)) } else { text }
        };
        if let Some(stat) = before.stat.as_ref().filter(|s| !s.satisfies(&self.permissions)) {
            diff = diff.also(format!("mode {:04o} {} → {}", stat.mode, stat.group, shown(&self.permissions)));
        } else if diff.change == Change::Create {
            diff = diff.also(format!("mode {}", shown(&self.permissions)));
        }
        Ok(diff)
    }

    async fn apply(&self, cx: &Context, _before: &FileBefore) -> Result<()> {
        let content = self.content.materialise(cx.keyring())?;
        cx.server().write(&FileSpec { path: self.path.clone(), content, permissions: self.permissions.clone() }).await
    }

    async fn undo(&self, cx: &Context, before: &FileBefore) -> Result<()> {
        before.restore(cx, &self.path).await
    }

    fn by_hand(&self, server: &ServerName) -> String {
        format!("on {server}: restore {} as it was, or remove it with `rm {}` if it was new", self.path, self.path)
    }
}

pub(super) fn shown(permissions: &Permissions) -> String {
    let mut text = format!("{:04o}", permissions.mode);
    if let Some(crate::server::Id::Name(group)) = &permissions.group {
        text = format!("{text} {group}");
    }
    text
}

/// Removes a file that the ledger says is the owner's.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
pub struct RemoveFile {
    /// Which.
    pub path: Utf8PathBuf,
}

impl Action for RemoveFile {
    const NAME: &'static str = "file.remove";
    type Before = FileBefore;
    type Output = ();

    fn summary(&self) -> String {
        format!("remove {}", self.path)
    }

    fn claims(&self, server: &ServerName) -> Claims {
        Claims::release(Resource::path(server, &self.path))
    }

    async fn observe(&self, cx: &Context) -> Result<FileBefore> {
        FileBefore::at(cx, &self.path).await
    }

    fn diff(&self, _cx: &Context, before: &FileBefore) -> Result<Diff> {
        // The content may hold secrets, and it is going away: the name is enough.
        Ok(if before.stat.is_some() { Diff::new(Change::Remove, format!("- {}\n", self.path)) } else { Diff::same() })
    }

    async fn apply(&self, cx: &Context, _before: &FileBefore) -> Result<()> {
        cx.remove(&self.path).await
    }

    async fn undo(&self, cx: &Context, before: &FileBefore) -> Result<()> {
        if before.stat.is_some() { before.restore(cx, &self.path).await } else { Ok(()) }
    }
}
