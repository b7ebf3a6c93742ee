//! Installs Debian packages that are missing.

use super::naming::{each, first, fits};
use super::run_detaching;
use crate::action::{Action, Context};
use crate::name::ServerName;
use crate::plan::{Change, Diff};
use crate::server::Command;
use crate::{Error, Result};

/// Installs packages, without what they only recommend. Undo leaves them: other software may use them by then, and
/// a package that nobody configured does nothing.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
pub struct InstallPackages {
    /// Their names; of several between `|` one is enough, and the first is the one to install.
    pub packages: Vec<String>,
}

impl InstallPackages {
    /// These packages.
    pub fn new(packages: &[&str]) -> Self {
        Self { packages: packages.iter().map(|p| (*p).to_owned()).collect() }
    }

    async fn missing(&self, cx: &Context) -> Result<Vec<String>> {
        let command = Command::new("dpkg-query")
            .args(["--show", "--showformat=${Package} ${db:Status-Status}\\n", "--"])
            .args(self.packages.iter().flat_map(|names| each(names)));
        // It ends with status 1 when it knows nothing of one of them; what it prints counts.
        let text = cx.server().run(&command).await?.text();
        let installed: Vec<&str> = text.lines().filter_map(|line| line.strip_suffix(" installed")).collect();
        let missing = self.packages.iter().filter(|names| !installed.iter().any(|package| fits(names, package)));
        Ok(missing.map(|names| first(names).to_owned()).collect())
    }
}

impl Action for InstallPackages {
    const NAME: &'static str = "machine.packages";
    /// Those that were missing.
    type Before = Vec<String>;
    type Output = ();

    fn summary(&self) -> String {
        format!("install {}", self.packages.iter().map(|names| first(names)).collect::<Vec<_>>().join(", "))
    }

    async fn observe(&self, cx: &Context) -> Result<Vec<String>> {
        self.missing(cx).await
    }

    fn diff(&self, _cx: &Context, before: &Vec<String>) -> Result<Diff> {
        if before.is_empty() {
            return Ok(Diff::same());
        }
        Ok(Diff::new(Change::Run, format!("$ apt-get install -y --no-install-recommends --no-remove {}\n", before.join(" "))))
    }

    async fn apply(&self, cx: &Context, _before: &Vec<String>) -> Result<()> {
        let missing = self.missing(cx).await?;
        if missing.is_empty() {
            return Ok(());
        }
        let mut install = vec!["apt-get", "install", "-y", "-qq", "--no-install-recommends", "--no-remove"];
        // Whatever is there stays: another database server in its place would leave its data behind.
        // A machine that was just started may be upgrading itself.
        install.extend(["-o", "DPkg::Lock::Timeout=300", "-o", "Dpkg::Options::=--force-confold"]);
        install.extend(missing.iter().map(String::as_str));
        if run_detaching(cx, &install, "installing packages").await.is_err() {
            // A fresh machine has no package lists, and old lists name versions that are gone.
            run_detaching(cx, &["apt-get", "update", "-qq"], "fetching package lists").await?;
            run_detaching(cx, &install, "installing packages").await?;
        }
        let still = self.missing(cx).await?;
        if still.is_empty() {
            return Ok(());
        }
        Err(Error::failed(format!("installing packages on {}: {} still missing", cx.server().name(), still.join(", ")))
            .hint(format!("as root: `apt-get install {}`", still.join(" "))))
    }

    async fn undo(&self, _cx: &Context, _before: &Vec<String>) -> Result<()> {
        Ok(())
    }

    fn by_hand(&self, server: &ServerName) -> String {
        format!("on {server}: nothing, packages stay installed")
    }
}
