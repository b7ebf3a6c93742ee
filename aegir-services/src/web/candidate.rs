//! The new configuration beside the old one, where the web server can test it and nobody serves it.

use std::time::Duration;

use aegir_core::action::Context;
use aegir_core::server::{Command, DirSpec, FileSpec, Permissions};
use aegir_core::{Error, Result};
use camino::{Utf8Path, Utf8PathBuf};

use super::change::FileChange;
use super::refusal::Refusal;

/// The candidate's name in its configuration directory; the helper knows it, too.
const NAME: &str = ".candidate";

/// How long testing or loading thousands of virtual hosts may take.
const HELPER: Duration = Duration::from_secs(300);

/// The files that change, as they should be.
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

    /// Only what changes stands in it: the helper lays it over the live files.
    async fn make(&self) -> Result<()> {
        let server = self.cx.server();
        let path = self.path();
        server.make_dir(&DirSpec { path: path.clone(), permissions: Permissions::mode(0o700) }).await?;
        for (change, write) in self.changes.iter().filter_map(|c| Some((c, c.writing(&path)?))) {
            let file = change.at(&path);
            if let Some(parent) = file.parent().filter(|p| **p != path) {
                server.make_dir(&DirSpec { path: parent.to_owned(), permissions: Permissions::mode(0o700) }).await?;
            }
            let content = write.content.materialise(self.cx.keyring())?;
            server.write(&FileSpec { path: file, content, permissions: write.permissions }).await?;
        }
        Ok(())
    }

    async fn run_test(&self, argv: &[String]) -> Result<()> {
        let gone = self.changes.iter().filter(|c| c.content.is_none()).map(|c| &c.path);
        ask_helper(self.cx, &sudo(argv)?.args(gone), self.live, self.changes).await
    }
}

/// Has the helper do something, and says in an operator's words what it found wrong.
pub(super) async fn ask_helper(cx: &Context, command: &Command, live: &Utf8Path, changes: &[FileChange]) -> Result<()> {
    let output = cx.server().run(&command.clone().timeout(HELPER)).await?;
    if output.ok() {
        return Ok(());
    }
    Err(Refusal::of(&output, live, |said| changes.iter().fold(said, |said, change| change.hide(&said, cx))).into_error(
        cx.server().name(),
        command,
        live,
        changes,
    ))
}

/// The helper's command.
pub(super) fn sudo(argv: &[String]) -> Result<Command> {
    let (program, args) = argv.split_first().ok_or_else(|| Error::internal("a web service type gave an empty command"))?;
    Ok(Command::new(program).args(args).sudo())
}
