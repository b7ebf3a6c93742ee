//! Packs directories and files into a compressed archive.

use std::time::Duration;

use camino::Utf8PathBuf;

use super::{Action, Claims, Context, FileSum, on_disk};
use crate::entity::Resource;
use crate::name::ServerName;
use crate::plan::{Change, Diff};
use crate::server::{Command, FileSpec, Permissions};
use crate::{Error, Result};

/// Packs and tests; a constant script, whose arguments are names.
const PACK: &str = include_str!("pack.sh");

/// Packs directories (their contents at the archive's root) and files into a `.tar.zst` of mode 0600.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
pub struct PackArchive {
    /// The archive; must not exist.
    pub archive: Utf8PathBuf,
    /// Directories whose contents go in.
    pub directories: Vec<Utf8PathBuf>,
    /// Single files, by their name.
    pub files: Vec<Utf8PathBuf>,
    /// The account that packs what lies in directories that it writes to: it may read what it made.
    #[serde(default)]
    pub account: Option<String>,
}

impl PackArchive {
    fn partial(&self) -> Utf8PathBuf {
        self.archive.with_extension("partial")
    }

    fn unsummed(&self, cx: &Context) -> Error {
        Error::failed(format!("{} has no checksum", self.archive)).context("server", cx.server().name()).context("file", &self.archive)
    }
}

impl Action for PackArchive {
    const NAME: &'static str = "archive.pack";
    /// Whether the archive stood there; never, once the step began.
    type Before = bool;
    type Output = FileSum;

    fn summary(&self) -> String {
        format!("archive to {}", self.archive)
    }

    fn claims(&self, server: &ServerName) -> Claims {
        Claims {
            acquire: vec![Resource::path(server, &self.archive), Resource::path(server, self.partial())],
            release: vec![Resource::path(server, self.partial())],
        }
    }

    async fn observe(&self, cx: &Context) -> Result<bool> {
        Ok(cx.server().stat(&self.archive).await?.is_some())
    }

    fn diff(&self, _cx: &Context, before: &bool) -> Result<Diff> {
        if *before {
            return Err(Error::conflict(format!("{} exists already", self.archive)).context("file", &self.archive));
        }
        let parts: Vec<&str> = self.directories.iter().chain(&self.files).map(|p| p.as_str()).collect();
        Ok(Diff::new(Change::Create, format!("+ {} of {}\n", self.archive, parts.join(", "))))
    }

    async fn apply(&self, cx: &Context, before: &bool) -> Result<FileSum> {
        if *before {
            return Err(Error::conflict(format!("{} exists already", self.archive))
                .context("server", cx.server().name())
                .context("file", &self.archive));
        }
        if cx.server().stat(&self.archive).await?.is_some() {
            // Only a whole archive ever gets that name.
            return FileSum::of(cx.server(), &self.archive).await?.ok_or_else(|| self.unsummed(cx));
        }
        let partial = self.partial();
        cx.remove(&partial).await?;
        // Made empty first, with its mode: an archive holds dumps and must never be readable by others.
        cx.server().write(&FileSpec { path: partial.clone(), content: Vec::new(), permissions: Permissions::mode(0o600) }).await?;
        let command = Command::new("bash")
            .args(["-c", PACK, "pack", self.account.as_deref().unwrap_or_default(), partial.as_str()])
            .arg(self.directories.len().to_string())
            .args(&self.directories)
            .args(&self.files)
            .timeout(Duration::from_secs(6 * 3600));
        let output = cx.server().run(&command).await?;
        let said = output.error_text();
        let output = output.require_ok(&command, &format!("packing {} on {}", self.archive, cx.server().name())).map_err(|error| {
            let error = error.context("server", cx.server().name()).context("file", &self.archive);
            match said.lines().find_map(|line| line.strip_prefix("tar: ")?.strip_suffix(": Cannot open: Permission denied")) {
                // Who packs a directory is its owner; so it is made the file's, too.
                Some(file) => {
                    let directory = file.rsplit_once('/').map_or(".", |(directory, _)| directory);
                    error.hint(format!(
                        "as root, in the directory that is packed: `chown --reference={directory} {file} && chmod u+r {file}`"
                    ))
                }
                None => error,
            }
        })?;
        // A socket is no data. What changed while it was read is in the archive as it was read.
        let changed: Vec<&str> = said.lines().filter(|l| !l.ends_with("socket ignored")).take(3).collect();
        if !changed.is_empty() {
            cx.warn(format!("while {} was packed: {}", self.archive, changed.join("; "))).await?;
        }
        let sum = FileSum::printed(cx.server(), &partial, &output.text()).await?.ok_or_else(|| self.unsummed(cx))?;
        on_disk::file(cx, &partial).await?;
        cx.server().rename(&partial, &self.archive).await?;
        Ok(sum)
    }

    async fn undo(&self, cx: &Context, before: &bool) -> Result<()> {
        cx.remove(&self.partial()).await?;
        if *before { Ok(()) } else { cx.remove(&self.archive).await }
    }

    fn by_hand(&self, server: &ServerName) -> String {
        format!("on {server}: `rm {} {}`", self.archive, self.partial())
    }
}
