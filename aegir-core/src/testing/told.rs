//! Toy actions for what steps put out, and for what outlives a rollback.

use camino::{Utf8Path, Utf8PathBuf};

use crate::Result;
use crate::action::{Action, Claims, Context};
use crate::entity::Resource;
use crate::name::ServerName;
use crate::plan::{Change, Diff};
use crate::server::{FileSpec, Permissions};

/// What a file holds; nothing where there is none.
async fn content(cx: &Context, path: &Utf8Path) -> Result<Option<String>> {
    Ok(cx.server().read(path).await?.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()))
}

async fn write(cx: &Context, path: &Utf8Path, text: &str) -> Result<()> {
    let permissions = Permissions::mode(0o640);
    cx.server().write(&FileSpec { path: path.to_owned(), content: text.as_bytes().to_vec(), permissions }).await
}

async fn restore(cx: &Context, path: &Utf8Path, before: Option<&str>) -> Result<()> {
    match before {
        Some(text) => write(cx, path, text).await,
        None => cx.remove(path).await,
    }
}

/// Makes a file, and puts out what is in it.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
pub struct Tell {
    /// The file.
    pub path: Utf8PathBuf,
    /// What it says.
    pub text: String,
    /// It outlives a rollback.
    pub kept: bool,
}

impl Action for Tell {
    const NAME: &'static str = "toy.tell";
    /// What it held.
    type Before = Option<String>;
    type Output = String;

    fn summary(&self) -> String {
        format!("tell {}", self.path)
    }

    fn claims(&self, server: &ServerName) -> Claims {
        Claims::acquire(Resource::path(server, &self.path))
    }

    async fn observe(&self, cx: &Context) -> Result<Option<String>> {
        content(cx, &self.path).await
    }

    fn diff(&self, _cx: &Context, before: &Option<String>) -> Result<Diff> {
        Ok(Diff::text(self.path.as_str(), before.as_deref(), Some(&self.text)))
    }

    async fn apply(&self, cx: &Context, _before: &Option<String>) -> Result<String> {
        write(cx, &self.path, &self.text).await?;
        Ok(self.text.clone())
    }

    fn kept(&self) -> Option<String> {
        self.kept.then(|| format!("{} is kept", self.path))
    }

    async fn undo(&self, cx: &Context, before: &Option<String>) -> Result<()> {
        restore(cx, &self.path, before.as_deref()).await
    }
}

/// Makes a file of what an earlier step put out, and needs that to take it back too.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
pub struct Hear {
    /// The named step.
    pub from: String,
    /// The file.
    pub path: Utf8PathBuf,
}

impl Action for Hear {
    const NAME: &'static str = "toy.hear";
    /// What it held.
    type Before = Option<String>;
    type Output = ();

    fn summary(&self) -> String {
        format!("hear {}", self.path)
    }

    fn claims(&self, server: &ServerName) -> Claims {
        Claims::acquire(Resource::path(server, &self.path))
    }

    fn reads(&self) -> Vec<String> {
        vec![self.from.clone()]
    }

    async fn observe(&self, cx: &Context) -> Result<Option<String>> {
        content(cx, &self.path).await
    }

    fn diff(&self, _cx: &Context, before: &Option<String>) -> Result<Diff> {
        Ok(if before.is_some() { Diff::same() } else { Diff::new(Change::Create, format!("+ {}\n", self.path)) })
    }

    async fn apply(&self, cx: &Context, _before: &Option<String>) -> Result<()> {
        let heard: String = cx.lookup(&self.from).await?;
        write(cx, &self.path, &heard).await
    }

    async fn undo(&self, cx: &Context, before: &Option<String>) -> Result<()> {
        let _: String = cx.lookup(&self.from).await?;
        restore(cx, &self.path, before.as_deref()).await
    }
}
