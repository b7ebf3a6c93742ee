//! What every [`Server`] must do: this machine, one over SSH, one in memory, one of your own.

mod commands;
mod feeds;
mod files;
mod moves;
mod trees;
mod ways;

use std::sync::Arc;

use aegir_core::server::{DirSpec, FileSpec, OwnedPath, Permissions, Server};
use camino::{Utf8Path, Utf8PathBuf};

/// Names that a shell, a parser or a careless join would trip over.
const ODD: [&str; 12] = [" ", "a b", "new\nline", "it's", "\"", "-rf", "$(touch pwned)", "`touch pwned`", "*", "é漢", "\\", "~"];

/// What an implementation can be asked for; a fake has no commands, no kernel, no groups of its own.
#[derive(Clone, Debug)]
pub struct Abilities {
    /// It runs real commands.
    pub commands: bool,
    /// Its files are real: links lead somewhere, directories are not replaced by files.
    pub kernel: bool,
    /// A group that its account may give files to.
    pub group: String,
}

impl Default for Abilities {
    fn default() -> Self {
        Self { commands: true, kernel: true, group: "www-data".into() }
    }
}

/// Every rule, on a real machine; `dir` is an empty directory that its account owns.
pub async fn transport(server: Arc<dyn Server>, dir: &Utf8Path) {
    transport_with(server, dir, &Abilities::default()).await;
}

/// Every rule that fits what it can do.
pub async fn transport_with(server: Arc<dyn Server>, dir: &Utf8Path, can: &Abilities) {
    let kit = Kit { server, can: can.clone() };
    let place = kit.place(dir, "files").await;
    files::all(&kit, &place).await;
    kit.clear(&place).await;
    let place = kit.place(dir, "moves").await;
    moves::all(&kit, &place).await;
    kit.clear(&place).await;
    let place = kit.place(dir, "trees").await;
    trees::all(&kit, &place).await;
    kit.clear(&place).await;
    let place = kit.place(dir, "ways").await;
    ways::all(&kit, &place).await;
    kit.clear(&place).await;
    if can.commands {
        let place = kit.place(dir, "commands").await;
        commands::all(&kit, &place).await;
        feeds::all(&kit).await;
        kit.clear(&place).await;
    }
}

/// An implementation and short words for what the rules do with it.
struct Kit {
    server: Arc<dyn Server>,
    can: Abilities,
}

impl Kit {
    async fn place(&self, dir: &Utf8Path, name: &str) -> Utf8PathBuf {
        let place = dir.join(name);
        self.dir(&place).await;
        place
    }

    async fn clear(&self, place: &Utf8Path) {
        self.remove(place).await;
        assert!(self.server.stat(place).await.unwrap().is_none(), "{place}: nothing stays");
    }

    async fn dir(&self, path: &Utf8Path) {
        self.server.make_dir(&DirSpec { path: path.to_owned(), permissions: Permissions::mode(0o755) }).await.unwrap();
    }

    async fn put(&self, path: &Utf8Path, content: &str) {
        self.server.write(&spec(path, content)).await.unwrap();
    }

    async fn text(&self, path: &Utf8Path) -> Option<String> {
        self.server.read(path).await.unwrap().map(|bytes| String::from_utf8(bytes).unwrap())
    }

    async fn names(&self, path: &Utf8Path) -> Vec<String> {
        self.server.list(path).await.unwrap().unwrap()
    }

    async fn remove(&self, path: &Utf8Path) {
        self.server.remove(&OwnedPath::unchecked(path)).await.unwrap();
    }
}

fn spec(path: &Utf8Path, content: &str) -> FileSpec {
    FileSpec { path: path.to_owned(), content: content.into(), permissions: Permissions::mode(0o640) }
}

/// The error names the machine and the file, and is no panic.
fn tells(error: &aegir_core::Error, path: &Utf8PathBuf) {
    assert!(error.contexts().iter().any(|(key, _)| *key == "server"), "{error:?}");
    assert!(error.contexts().iter().any(|(key, value)| *key == "file" && value == path.as_str()), "{error:?}");
}
