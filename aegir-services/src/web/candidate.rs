//! The new configuration beside the old one, where the web server can test it and nobody serves it.

use aegir_core::action::Context;
use aegir_core::server::{Command, DirSpec, Permissions};
use aegir_core::{Error, Result};
use camino::{Utf8Path, Utf8PathBuf};

use super::change::FileChange;
use super::refusal::Refusal;

/// The candidate's name in its configuration directory; the installed include file names it, too.
const NAME: &str = ".candidate";

/// What the web server never reads. Names that start with a dot are left out, too.
const NOT_CONFIGURATION: &[&str] = &["credentials.d", "acme.d"];

/// A copy of the live configuration with the changes in it.
#[derive(Debug)]
pub(super) struct Candidate<'a> {
    cx: &'a Context,
    live: &'a Utf8Path,
    changes: &'a [FileChange],
}

impl<'a> Candidate<'a> {
    pub(super) fn new(cx: &'a Context, live: &'a Utf8Path, changes: &'a [FileChange]) -> Self {
        Self { cx, live, changes }
    }

    fn path(&self) -> Utf8PathBuf {
        self.live.join(NAME)
    }

    /// Makes it, lets the server test it, and removes it when the test says no.
    pub(super) async fn test(&self, argv: &[String]) -> Result<()> {
        self.remove().await?;
        let tested = match self.make().await {
            Ok(()) => self.run_test(argv).await,
            Err(error) => Err(error),
        };
        if tested.is_err() {
            self.remove().await?;
        }
        tested
    }

    /// Whether one is left, by a run that was cut short.
    pub(super) async fn is_left(&self) -> Result<bool> {
        Ok(self.cx.server().stat(&self.path()).await?.is_some())
    }

    /// Removes it.
    pub(super) async fn remove(&self) -> Result<()> {
        if self.is_left().await? { self.cx.server().remove(&self.cx.scratch(&self.path())?).await } else { Ok(()) }
    }

    /// Links to the live files, not copies: an operator's own file may be readable by root alone. Each changed
    /// file then takes the place of its link by a rename, so no live file is touched.
    async fn make(&self) -> Result<()> {
        let server = self.cx.server();
        let path = self.path();
        server.make_dir(&DirSpec { path: path.clone(), permissions: Permissions::mode(0o700) }).await?;
        let names = server.list(self.live).await?.unwrap_or_default();
        let copied: Vec<Utf8PathBuf> =
            names.iter().filter(|n| !n.starts_with('.') && !NOT_CONFIGURATION.contains(&n.as_str())).map(|n| self.live.join(n)).collect();
        if !copied.is_empty() {
            let command = Command::new("cp").args(["--recursive", "--symbolic-link", "--"]).args(&copied).arg(&path);
            server.run(&command).await?.require_ok(&command, &format!("preparing the new configuration on {}", server.name()))?;
        }
        for change in self.changes {
            let file = change.at(&path);
            match change.writing(&path) {
                Some(write) => {
                    if let Some(parent) = file.parent().filter(|p| **p != path) {
                        server.make_dir(&DirSpec { path: parent.to_owned(), permissions: Permissions::mode(0o700) }).await?;
                    }
                    let content = write.content.materialise(self.cx.keyring())?;
                    server.write(&aegir_core::server::FileSpec { path: file, content, permissions: write.permissions }).await?;
                }
                None => server.remove(&self.cx.scratch(&file)?).await?,
            }
        }
        Ok(())
    }

    async fn run_test(&self, argv: &[String]) -> Result<()> {
        let command = sudo(argv)?;
        let output = self.cx.server().run(&command).await?;
        if output.ok() {
            return Ok(());
        }
        let mut said = format!("{}\n{}", output.error_text(), output.text());
        for change in self.changes {
            said = change.hide(&said, self.cx);
        }
        if output.status == 1 && said.contains("sudo: ") {
            return Err(Error::refused(format!("testing the configuration on {}: sudo does not allow {command}", self.cx.server().name()))
                .because(said.trim().to_owned())
                .hint("as root: `aegir init`, which writes the sudo rule"));
        }
        let refusal = Refusal::read(&said, &self.path(), self.live);
        let files: Vec<Utf8PathBuf> = self.changes.iter().map(|c| c.at(self.live)).collect();
        let name = self.cx.server().name();
        let error = match &refusal.file {
            Some(file) if !refusal.is_about(&files) => Error::refused(format!(
                "the web server on {name} refuses its configuration because of another file, {file}, which this task does not change"
            ))
            .hint(format!("mend or remove {file} on {name}, then try again")),
            _ => Error::failed(format!("the web server on {name} refuses the new configuration; the old one serves on"))
                .hint("if a template of yours is in use, compare it: `aegir template diff`"),
        };
        let error = error.context("server", name).because(refusal.message);
        let error = refusal.file.iter().fold(error, |e, file| e.context("file", file));
        Err(refusal.line.iter().fold(error, |e, line| e.context("line", line)))
    }
}

/// A command that the server's sudo rule names.
pub(super) fn sudo(argv: &[String]) -> Result<Command> {
    let (program, args) = argv.split_first().ok_or_else(|| Error::internal("a web service type gave an empty command"))?;
    Ok(Command::new(program).args(args).sudo())
}
