//! Writes a file only after a program has found it good, as `visudo` does with sudo rules.

use camino::Utf8PathBuf;

use crate::action::Action;
use crate::action::{Claims, Context, WriteFile};
use crate::entity::Resource;
use crate::name::ServerName;
use crate::plan::Diff;
use crate::server::{Command, FileSpec};
use crate::{Error, Result};

/// Writes a file that a program must accept first: the candidate is tested beside its place and never used untested.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
pub struct ValidatedFile {
    /// The file.
    pub file: WriteFile,
    /// The program and its arguments; the candidate's path comes behind them. Status 0 accepts.
    pub test: Vec<String>,
}

impl ValidatedFile {
    /// The dot keeps it out of `sudoers.d` and its like, which skip such names.
    fn candidate(&self) -> Utf8PathBuf {
        self.file.path.with_file_name(format!(".{}.aegir-candidate", self.file.path.file_name().unwrap_or_default()))
    }

    async fn tested(&self, cx: &Context) -> Result<()> {
        let (program, args) = self.test.split_first().ok_or_else(|| Error::internal(format!("{} has no test program", self.file.path)))?;
        let candidate = self.candidate();
        let content = self.file.content.materialise(cx.keyring())?;
        cx.server().write(&FileSpec { path: candidate.clone(), content, permissions: self.file.permissions.clone() }).await?;
        let command = Command::new(program).args(args).arg(&candidate);
        let doing = format!("testing the new {} on {}", self.file.path, cx.server().name());
        cx.server()
            .run(&command)
            .await?
            .require_ok(&command, &doing)
            .map(drop)
            .map_err(|e| e.context("server", cx.server().name()).context("file", &self.file.path))
    }
}

impl Action for ValidatedFile {
    const NAME: &'static str = "machine.validated_file";
    type Before = <WriteFile as Action>::Before;

    fn summary(&self) -> String {
        format!("write {} after {} accepts it", self.file.path, self.test.first().map_or("its test", String::as_str))
    }

    fn claims(&self, server: &ServerName) -> Claims {
        let candidate = Resource::path(server, self.candidate());
        Claims { acquire: vec![Resource::path(server, &self.file.path), candidate.clone()], release: vec![candidate] }
    }

    async fn observe(&self, cx: &Context) -> Result<Self::Before> {
        self.file.observe(cx).await
    }

    fn diff(&self, cx: &Context, before: &Self::Before) -> Result<Diff> {
        self.file.diff(cx, before)
    }

    async fn apply(&self, cx: &Context, before: &Self::Before) -> Result<()> {
        let tested = self.tested(cx).await;
        cx.remove(&self.candidate()).await?;
        tested?;
        self.file.apply(cx, before).await
    }

    async fn undo(&self, cx: &Context, before: &Self::Before) -> Result<()> {
        cx.remove(&self.candidate()).await?;
        self.file.undo(cx, before).await
    }

    fn by_hand(&self, server: &ServerName) -> String {
        self.file.by_hand(server)
    }
}
