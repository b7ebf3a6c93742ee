//! Writes a file of root's, after a program has found it good where one can, and has it read where something does.

use camino::Utf8PathBuf;

use super::IntoUse;
use crate::Result;
use crate::action::Action;
use crate::action::{Claims, Context, WriteFile};
use crate::entity::Resource;
use crate::name::ServerName;
use crate::plan::Diff;
use crate::server::{Command, FileSpec};

/// Writes a file that a program must accept first: the candidate is tested beside its place and never used untested.
/// A service that reads it does so again in the same step.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
pub struct ValidatedFile {
    /// The file.
    pub file: WriteFile,
    /// The program and its arguments; the candidate's path comes behind them. Status 0 accepts. Empty: no test.
    pub test: Vec<String>,
    /// The service that reads it.
    #[serde(default)]
    pub into_use: Option<IntoUse>,
}

impl ValidatedFile {
    /// The dot keeps it out of `sudoers.d` and its like, which skip such names.
    fn candidate(&self) -> Utf8PathBuf {
        self.file.path.with_file_name(format!(".{}.aegir-candidate", self.file.path.file_name().unwrap_or_default()))
    }

    async fn read_again(&self, cx: &Context) -> Result<()> {
        match &self.into_use {
            Some(into_use) => into_use.bring(cx, false, self.file.path.as_str()).await,
            None => Ok(()),
        }
    }

    async fn tested(&self, cx: &Context) -> Result<()> {
        let Some((program, args)) = self.test.split_first() else { return Ok(()) };
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
    type Output = ();

    fn summary(&self) -> String {
        match self.test.first() {
            Some(program) => format!("write {} after {program} accepts it", self.file.path),
            None => format!("write {}", self.file.path),
        }
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
        self.file.apply(cx, before).await?;
        self.read_again(cx).await
    }

    async fn undo(&self, cx: &Context, before: &Self::Before) -> Result<()> {
        cx.remove(&self.candidate()).await?;
        if self.file.observe(cx).await? == *before {
            return Ok(());
        }
        self.file.undo(cx, before).await?;
        self.read_again(cx).await
    }

    fn by_hand(&self, server: &ServerName) -> String {
        self.file.by_hand(server)
    }
}
