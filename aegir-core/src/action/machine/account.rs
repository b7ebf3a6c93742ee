//! Makes the system account that Aegir works as.

use camino::Utf8PathBuf;

use crate::action::Action;
use crate::action::Context;
use crate::name::ServerName;
use crate::plan::{Change, Diff};
use crate::server::Command;
use crate::{Error, Result};

/// Makes a system account with a group of its name, in further groups. Its home is made by another step.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
pub struct MakeAccount {
    /// Its name.
    pub name: String,
    /// Its home.
    pub home: Utf8PathBuf,
    /// Its shell.
    pub shell: Utf8PathBuf,
    /// Groups it must be in.
    pub groups: Vec<String>,
}

/// What was there: whether the account was, and which wanted groups it was not in.
#[derive(Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct AccountBefore {
    exists: bool,
    lacks: Vec<String>,
}

impl MakeAccount {
    async fn look(&self, cx: &Context) -> Result<AccountBefore> {
        let output = cx.server().run(&Command::new("id").args(["-Gn", "--", &self.name])).await?;
        let text = output.text();
        let has: Vec<&str> = text.split_whitespace().collect();
        Ok(AccountBefore { exists: output.ok(), lacks: self.groups.iter().filter(|g| !has.contains(&g.as_str())).cloned().collect() })
    }

    async fn tool(&self, cx: &Context, command: Command) -> Result<()> {
        let doing = format!("setting up the account {} on {}", self.name, cx.server().name());
        cx.server().run(&command).await?.require_ok(&command, &doing).map(drop)
    }

    /// An account that somebody made for another purpose must not become ours by accident.
    async fn refuse_foreign(&self, cx: &Context) -> Result<()> {
        let entry = cx.server().run(&Command::new("getent").args(["passwd", &self.name])).await?.text();
        let home = entry.trim_end().split(':').nth(5).unwrap_or_default().to_owned();
        if entry.is_empty() || home == self.home {
            return Ok(());
        }
        Err(Error::refused(format!("there is an account {} with the home {home}, not {}", self.name, self.home))
            .context("server", cx.server().name())
            .hint(format!(
                "`usermod --home {} {}` if it is Aegir's, else choose another one with the setting `user`",
                self.home, self.name
            )))
    }
}

impl Action for MakeAccount {
    const NAME: &'static str = "machine.account";
    type Before = AccountBefore;
    type Output = ();

    fn summary(&self) -> String {
        format!("account {} in {}", self.name, self.groups.join(", "))
    }

    async fn observe(&self, cx: &Context) -> Result<AccountBefore> {
        self.refuse_foreign(cx).await?;
        self.look(cx).await
    }

    fn diff(&self, _cx: &Context, before: &AccountBefore) -> Result<Diff> {
        Ok(match (before.exists, before.lacks.is_empty()) {
            (true, true) => Diff::same(),
            (true, false) => Diff::new(Change::Change, format!("  account {} joins {}\n", self.name, before.lacks.join(", "))),
            (false, _) => Diff::new(
                Change::Create,
                format!("+ account {} home {} shell {} groups {}\n", self.name, self.home, self.shell, self.groups.join(",")),
            ),
        })
    }

    async fn apply(&self, cx: &Context, _before: &AccountBefore) -> Result<()> {
        let now = self.look(cx).await?;
        if !now.exists {
            let make = Command::new("useradd").args([
                "--system",
                "--user-group",
                "--no-create-home",
                // No password opens it, and yet it is not locked: sshd without PAM lets nobody into a locked one.
                "--password",
                "*",
                "--home-dir",
                self.home.as_str(),
                "--shell",
                self.shell.as_str(),
                "--",
                &self.name,
            ]);
            self.tool(cx, make).await?;
        }
        if now.lacks.is_empty() {
            return Ok(());
        }
        self.tool(cx, Command::new("usermod").args(["--append", "--groups", &now.lacks.join(","), "--", &self.name])).await
    }

    async fn undo(&self, cx: &Context, before: &AccountBefore) -> Result<()> {
        let now = self.look(cx).await?;
        if !now.exists {
            return Ok(());
        }
        if !before.exists {
            return self.tool(cx, Command::new("userdel").args(["--", &self.name])).await;
        }
        for group in before.lacks.iter().filter(|g| !now.lacks.contains(g)) {
            self.tool(cx, Command::new("gpasswd").args(["--delete", &self.name, group])).await?;
        }
        Ok(())
    }

    fn by_hand(&self, server: &ServerName) -> String {
        format!("on {server}, as root: `userdel {}` if it was new", self.name)
    }
}
