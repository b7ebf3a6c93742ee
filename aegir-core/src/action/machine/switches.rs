//! Turns parts of a program on, as `a2enmod` and `a2enconf` do, and reloads it.

use camino::Utf8PathBuf;

use super::{Answers, run_detaching};
use crate::Result;
use crate::action::{Action, Context};
use crate::name::ServerName;
use crate::plan::{Change, Diff};

/// Turns named parts of a program on. What is on shows as files `NAME SUFFIX` in a directory; the program's own tools
/// change it, because they know what each part needs. A running program is tested and reloaded in the same step, so
/// that a second run finds nothing to do only when the parts are really in use.
///
/// What stands in their way is turned off first.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
pub struct TurnOn {
    /// In words: `Apache modules`.
    pub what: String,
    /// The parts.
    pub names: Vec<String>,
    /// Parts that must be off.
    pub without: Vec<String>,
    /// Where what is on shows.
    pub directory: Utf8PathBuf,
    /// The ending of the files there: `.load`.
    pub suffix: String,
    /// Turns on the names behind it: `a2enmod -q`.
    pub on: Vec<String>,
    /// Turns off the names behind it: `a2dismod -q -f`.
    pub off: Vec<String>,
    /// How to tell that the program runs.
    pub answers: Answers,
    /// Tests, then reloads a running one, in order.
    pub reload: Vec<Vec<String>>,
}

impl TurnOn {
    async fn look(&self, cx: &Context) -> Result<Vec<String>> {
        let names = cx.server().list(&self.directory).await?.unwrap_or_default();
        Ok(names.into_iter().filter_map(|n| n.strip_suffix(&self.suffix).map(str::to_owned)).collect())
    }

    /// The parts to turn off, and those to turn on.
    fn wanted(&self, on: &[String]) -> (Vec<String>, Vec<String>) {
        let off = self.without.iter().filter(|n| on.contains(n)).cloned().collect();
        (off, self.names.iter().filter(|n| !on.contains(n)).cloned().collect())
    }

    async fn switch(&self, cx: &Context, off: &[String], on: &[String]) -> Result<()> {
        for (tool, names) in [(&self.off, off), (&self.on, on)] {
            if !names.is_empty() {
                let argv: Vec<&str> = tool.iter().chain(names).map(String::as_str).collect();
                run_detaching(cx, &argv, &format!("switching {}", self.what)).await?;
            }
        }
        if (off.is_empty() && on.is_empty()) || !self.answers.observe(cx).await? {
            return Ok(());
        }
        for command in &self.reload {
            let argv: Vec<&str> = command.iter().map(String::as_str).collect();
            run_detaching(cx, &argv, &format!("reloading after switching {}", self.what)).await?;
        }
        Ok(())
    }
}

impl Action for TurnOn {
    const NAME: &'static str = "machine.turn_on";
    /// The parts that were on.
    type Before = Vec<String>;

    fn summary(&self) -> String {
        format!("turn on {} {}", self.what, self.names.join(", "))
    }

    async fn observe(&self, cx: &Context) -> Result<Vec<String>> {
        self.look(cx).await
    }

    fn diff(&self, _cx: &Context, before: &Vec<String>) -> Result<Diff> {
        let (off, on) = self.wanted(before);
        let line = |tool: &[String], names: &[String]| {
            if names.is_empty() { String::new() } else { format!("$ {} {}\n", tool.join(" "), names.join(" ")) }
        };
        if off.is_empty() && on.is_empty() {
            return Ok(Diff::same());
        }
        Ok(Diff::new(Change::Run, line(&self.off, &off) + &line(&self.on, &on)))
    }

    async fn apply(&self, cx: &Context, _before: &Vec<String>) -> Result<()> {
        let (off, on) = self.wanted(&self.look(cx).await?);
        self.switch(cx, &off, &on).await
    }

    async fn undo(&self, cx: &Context, before: &Vec<String>) -> Result<()> {
        let now = self.look(cx).await?;
        // Also what the tool turned on because the named parts need it.
        let off: Vec<String> = now.iter().filter(|n| !before.contains(n)).cloned().collect();
        let on: Vec<String> = self.without.iter().filter(|n| before.contains(n) && !now.contains(n)).cloned().collect();
        self.switch(cx, &off, &on).await
    }

    fn by_hand(&self, server: &ServerName) -> String {
        format!("on {server}, as root: `{} {}` for those that were off", self.off.join(" "), self.names.join(" "))
    }
}
