//! Turns parts of a program on, as `a2enmod` and `a2enconf` do, and reloads it.

use super::{IntoUse, run_detaching};
use crate::Result;
use crate::action::{Action, Context};
use crate::name::ServerName;
use crate::plan::{Change, Diff};
use crate::service::Switches;

/// Turns named parts of a program on. What is on shows as files in a directory; the program's own tools change it,
/// because they know what each part needs. A running program is tested and reloaded in the same step, so that a second
/// run finds nothing to do only when the parts are really in use.
///
/// What stands in their way is turned off first.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
pub struct TurnOn {
    /// The parts.
    pub parts: Switches,
    /// The program that reads them.
    pub into_use: IntoUse,
}

/// What to turn off, what to turn on, and whether only a restart brings it into use.
struct Wanted {
    off: Vec<String>,
    on: Vec<String>,
    restart: bool,
}

impl TurnOn {
    async fn look(&self, cx: &Context) -> Result<Vec<String>> {
        let names = cx.server().list(&self.parts.directory).await?.unwrap_or_default();
        Ok(names.into_iter().filter_map(|n| n.strip_suffix(&self.parts.suffix).map(str::to_owned)).collect())
    }

    fn wanted(&self, on: &[String]) -> Wanted {
        let parts = &self.parts;
        let exchanged: Vec<&(String, String)> = parts.exchange.iter().filter(|(old, _)| on.contains(old)).collect();
        let off = parts.without.iter().filter(|n| on.contains(n)).cloned().chain(exchanged.iter().map(|(old, _)| old.clone()));
        let instead = exchanged.iter().map(|(_, new)| new);
        Wanted {
            off: off.collect(),
            on: parts.names.iter().chain(instead).filter(|n| !on.contains(n)).cloned().collect(),
            restart: !exchanged.is_empty(),
        }
    }

    async fn switch(&self, cx: &Context, wanted: &Wanted) -> Result<()> {
        for (tool, names) in [(&self.parts.off, &wanted.off), (&self.parts.on, &wanted.on)] {
            if !names.is_empty() {
                let argv: Vec<&str> = tool.iter().chain(names).map(String::as_str).collect();
                run_detaching(cx, &argv, &format!("switching {}", self.parts.what)).await?;
            }
        }
        if wanted.off.is_empty() && wanted.on.is_empty() {
            return Ok(());
        }
        self.into_use.bring(cx, wanted.restart, &self.parts.what).await
    }
}

impl Action for TurnOn {
    const NAME: &'static str = "machine.turn_on";
    /// The parts that were on.
    type Before = Vec<String>;
    type Output = ();

    fn summary(&self) -> String {
        format!("turn on {} {}", self.parts.what, self.parts.names.join(", "))
    }

    async fn observe(&self, cx: &Context) -> Result<Vec<String>> {
        self.look(cx).await
    }

    fn diff(&self, _cx: &Context, before: &Vec<String>) -> Result<Diff> {
        let Wanted { off, on, .. } = self.wanted(before);
        let line = |tool: &[String], names: &[String]| {
            if names.is_empty() { String::new() } else { format!("$ {} {}\n", tool.join(" "), names.join(" ")) }
        };
        if off.is_empty() && on.is_empty() {
            return Ok(Diff::same());
        }
        Ok(Diff::new(Change::Run, line(&self.parts.off, &off) + &line(&self.parts.on, &on)))
    }

    async fn apply(&self, cx: &Context, before: &Vec<String>) -> Result<()> {
        let now = self.wanted(&self.look(cx).await?);
        self.switch(cx, &Wanted { restart: self.wanted(before).restart, ..now }).await
    }

    async fn undo(&self, cx: &Context, before: &Vec<String>) -> Result<()> {
        let now = self.look(cx).await?;
        let Wanted { off, restart, .. } = self.wanted(before);
        // Also what the tool turned on because the named parts need it.
        let back = Wanted {
            off: now.iter().filter(|n| !before.contains(n)).cloned().collect(),
            on: off.into_iter().filter(|n| !now.contains(n)).collect(),
            restart,
        };
        self.switch(cx, &back).await
    }

    fn by_hand(&self, server: &ServerName) -> String {
        format!("on {server}, as root: `{} {}` for those that were off", self.parts.off.join(" "), self.parts.names.join(" "))
    }
}
