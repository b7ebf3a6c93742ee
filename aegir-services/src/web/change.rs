//! One file of a configuration as it should be: written, or gone.

use aegir_core::Result;
use aegir_core::action::{Action as _, Context, RemoveFile, WriteFile};
use aegir_core::name::ServerName;
use aegir_core::plan::{Change, Diff};
use aegir_core::server::Permissions;
use aegir_core::template::Content;
use camino::{Utf8Path, Utf8PathBuf};

/// What stood at a file's path.
pub(super) type Before = <WriteFile as aegir_core::action::Action>::Before;

/// A file below a configuration directory as it should be.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
pub struct FileChange {
    /// Where, relative to the directory.
    pub path: Utf8PathBuf,
    /// What; `None` removes the file.
    pub content: Option<Content>,
    /// Mode and group.
    pub permissions: Permissions,
    /// A file of the operator's that stands in it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub embeds: Option<Embedded>,
}

/// A file whose lines stand in a configuration file, each on a line of its own.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Embedded {
    /// The file.
    pub file: Utf8PathBuf,
    /// Where it is.
    pub server: ServerName,
    /// How many lines stand before its first one.
    pub after: u32,
    /// How many it has.
    pub lines: u32,
}

impl Embedded {
    /// The line of the operator's file that stands on a line of the configuration file.
    pub(super) fn line(&self, number: u32) -> Option<u32> {
        number.checked_sub(self.after).filter(|line| (1..=self.lines).contains(line))
    }
}

impl FileChange {
    /// A file that only its owner reads: it may hold credentials, and the web server's parent process is root.
    pub fn write(path: impl Into<Utf8PathBuf>, content: Content) -> Self {
        Self { path: path.into(), content: Some(content), permissions: Permissions::mode(0o600), embeds: None }
    }

    /// A file that should be gone.
    pub fn remove(path: impl Into<Utf8PathBuf>) -> Self {
        Self { path: path.into(), content: None, permissions: Permissions::mode(0o600), embeds: None }
    }

    /// The file in a directory: the live one or the candidate.
    pub(super) fn at(&self, directory: &Utf8Path) -> Utf8PathBuf {
        directory.join(&self.path)
    }

    /// The step that writes it there, where it is written.
    pub(super) fn writing(&self, directory: &Utf8Path) -> Option<WriteFile> {
        let content = self.content.clone()?;
        Some(WriteFile { path: self.at(directory), content, permissions: self.permissions.clone() })
    }

    fn removing(&self, directory: &Utf8Path) -> RemoveFile {
        RemoveFile { path: self.at(directory) }
    }

    pub(super) async fn observe(&self, cx: &Context, directory: &Utf8Path) -> Result<Before> {
        self.removing(directory).observe(cx).await
    }

    pub(super) fn diff(&self, cx: &Context, directory: &Utf8Path, before: &Before) -> Result<Diff> {
        match self.writing(directory) {
            Some(write) => write.diff(cx, before),
            None => self.removing(directory).diff(cx, before),
        }
    }

    pub(super) async fn apply(&self, cx: &Context, directory: &Utf8Path, before: &Before) -> Result<()> {
        match self.writing(directory) {
            Some(write) => write.apply(cx, before).await,
            None => self.removing(directory).apply(cx, before).await,
        }
    }

    /// Puts back what stood there.
    pub(super) async fn restore(&self, cx: &Context, directory: &Utf8Path, before: &Before) -> Result<()> {
        match self.writing(directory) {
            Some(write) => write.undo(cx, before).await,
            None => self.removing(directory).undo(cx, before).await,
        }
    }

    /// Text in which our own secrets are hidden.
    pub(super) fn hide(&self, text: &str, cx: &Context) -> String {
        match &self.content {
            // When it cannot be made safe it is not shown.
            Some(content) => content.redact(text, cx.keyring()).unwrap_or_else(|_| "(not shown: it may hold a secret)".to_owned()),
            None => text.to_owned(),
        }
    }
}

/// One diff of several: the same only when all are.
pub(super) fn joined(diffs: Vec<Diff>) -> Diff {
    let mut kinds: Vec<Change> = diffs.iter().map(|d| d.change).filter(|c| *c != Change::Same).collect();
    kinds.dedup();
    match kinds.as_slice() {
        [] => Diff::same(),
        [one] => Diff::new(*one, diffs.into_iter().map(|d| d.detail).collect::<String>()),
        _ => Diff::new(Change::Change, diffs.into_iter().map(|d| d.detail).collect::<String>()),
    }
}
