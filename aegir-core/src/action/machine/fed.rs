//! Feeds a program on its standard input, as statements to a database server, unless its answer says it is so already.

use crate::Result;
use crate::action::{Action, Context};
use crate::name::ServerName;
use crate::plan::{Change, Diff};
use crate::server::{Command, Input};
use crate::service::Fed;

/// Feeds what is missing; undo feeds what takes it away again.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
pub struct Feed {
    /// What, and how to see whether it is so.
    pub fed: Fed,
}

impl Feed {
    async fn run(&self, cx: &Context, text: &str) -> Result<String> {
        let (program, args) = self.fed.program.split_first().map_or(("true", &[][..]), |(p, a)| (p.as_str(), a));
        let command = Command::new(program).args(args).input(Input::Bytes(text.as_bytes().to_vec()));
        let doing = format!("setting up {} on {}", self.fed.what, cx.server().name());
        let output = cx.server().run(&command).await?.require_ok(&command, &doing);
        Ok(output.map_err(|e| e.context("server", cx.server().name()))?.text())
    }

    async fn is_so(&self, cx: &Context) -> Result<bool> {
        Ok(self.run(cx, &self.fed.ask).await?.trim() == self.fed.answer.trim())
    }
}

impl Action for Feed {
    const NAME: &'static str = "machine.feed";
    /// Whether it was so.
    type Before = bool;
    type Output = ();

    fn summary(&self) -> String {
        format!("set up {}", self.fed.what)
    }

    async fn observe(&self, cx: &Context) -> Result<bool> {
        // A program that is not installed yet, or a server that does not run yet, has nothing set up.
        Ok(self.is_so(cx).await.unwrap_or(false))
    }

    fn diff(&self, _cx: &Context, before: &bool) -> Result<Diff> {
        let lines: String = self.fed.make.lines().map(|line| format!("  < {line}\n")).collect();
        Ok(if *before { Diff::same() } else { Diff::new(Change::Run, format!("$ {}\n{lines}", self.fed.program.join(" "))) })
    }

    async fn apply(&self, cx: &Context, _before: &bool) -> Result<()> {
        if self.is_so(cx).await? { Ok(()) } else { self.run(cx, &self.fed.make).await.map(drop) }
    }

    async fn undo(&self, cx: &Context, before: &bool) -> Result<()> {
        // Nothing was fed to a program that does not answer; half of it may be there in one that does.
        if *before || self.is_so(cx).await.is_err() { Ok(()) } else { self.run(cx, &self.fed.unmake).await.map(drop) }
    }

    fn by_hand(&self, server: &ServerName) -> String {
        format!("on {server}, as root: feed {} to `{}` if it was new", self.fed.unmake.trim(), self.fed.program.join(" "))
    }
}
