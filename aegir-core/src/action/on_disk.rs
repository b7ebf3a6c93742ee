//! Puts what a program wrote on the disk: a journal that says it is there must not outlive it.

use std::time::Duration;

use camino::Utf8Path;

use super::Context;
use crate::Result;
use crate::server::Command;

/// Writing back what waits may take as long as the disk is slow.
const LIMIT: Duration = Duration::from_secs(3600);

/// A file: its content, and all about it.
pub(super) async fn file(cx: &Context, path: &Utf8Path) -> Result<()> {
    sync(cx, Command::new("sync").arg("--").arg(path), path).await
}

/// A directory with everything below it, and what else waits on its file system.
pub(super) async fn tree(cx: &Context, path: &Utf8Path) -> Result<()> {
    sync(cx, Command::new("sync").arg("--file-system").arg("--").arg(path), path).await
}

async fn sync(cx: &Context, command: Command, path: &Utf8Path) -> Result<()> {
    let command = command.timeout(LIMIT).idempotent();
    let doing = format!("bringing {path} to the disk of {}", cx.server().name());
    cx.server().run(&command).await?.require_ok(&command, &doing).map(drop).map_err(|e| e.context("file", path))
}
