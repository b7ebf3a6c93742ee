//! Waits until a directory is left alone: whoever still wrote to what was moved away is done.

use std::time::Duration;

use camino::Utf8PathBuf;

use super::{Action, Context};
use crate::plan::{Change, Diff};
use crate::server::Command;
use crate::text::word;
use crate::{Error, Result};

/// How long somebody may go on writing to what was open.
const PATIENCE: Duration = Duration::from_secs(60);

/// How long before what its account still runs there is ended.
const GRACE: Duration = Duration::from_secs(10);

/// Prints a file below the directory it runs in that was changed after `$1`, or in the last second where that is empty;
/// nothing when there is none. What its account cannot look into, it cannot write to.
const CHANGED: &str = r#"now=$(date +%s.%N)
if [ "$1" ]; then find . -type f -newermt "@$1" -print -quit
else find . -type f -newerct "@$((${now%.*} - 1)).${now#*.}" -print -quit; fi 2>/dev/null
exit 0"#;

/// Ends what its account runs in the directory it runs in, or with a file in it open.
const END: &str = r#"here=$(pwd -P)
for process in $(find /proc/[0-9]*/cwd /proc/[0-9]*/fd -maxdepth 1 -lname "$here/*" 2>/dev/null | cut -d / -f 3 | sort -u); do
  [ "$process" = $$ ] || kill -s KILL "$process" 2>/dev/null
done; exit 0"#;

/// Waits until no file below a directory changes any more; with `since`, fails when one did after that file was written.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
pub struct RequireStill {
    /// The directory.
    pub path: Utf8PathBuf,
    /// The account that wrote there, and may look into all of it.
    pub account: String,
    /// A file on the same server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<Utf8PathBuf>,
}

impl RequireStill {
    async fn ask(&self, cx: &Context, script: &str, argument: &str) -> Result<String> {
        let command = Command::new("sh")
            .args(["-c", script, "changed", argument])
            .account(&self.account)
            .cwd(&self.path)
            .timeout(PATIENCE * 10)
            .idempotent();
        let doing = format!("looking whether {} still changes on {}", self.path, cx.server().name());
        Ok(cx.server().run(&command).await?.require_ok(&command, &doing)?.text())
    }

    async fn changed(&self, cx: &Context) -> Result<Option<String>> {
        let mut since = String::new();
        if let Some(file) = &self.since {
            let command = Command::new("date").args(["+%s.%N", "-r"]).arg(file).idempotent();
            let doing = format!("looking when {file} was written on {}", cx.server().name());
            cx.server().run(&command).await?.require_ok(&command, &doing)?.text().trim().clone_into(&mut since);
        }
        let found = self.ask(cx, CHANGED, &since).await?;
        let found = found.trim_end();
        Ok(if found.is_empty() { None } else { Some(self.path.join(found.trim_start_matches("./")).into_string()) })
    }
}

impl Action for RequireStill {
    const NAME: &'static str = "tree.still";
    type Before = ();
    type Output = ();

    fn summary(&self) -> String {
        format!("see that nobody writes to {}", self.path)
    }

    async fn observe(&self, _cx: &Context) -> Result<()> {
        Ok(())
    }

    fn diff(&self, _cx: &Context, (): &()) -> Result<Diff> {
        Ok(Diff::new(Change::Run, format!("? nobody writes to {}\n", self.path)))
    }

    async fn apply(&self, cx: &Context, (): &()) -> Result<()> {
        let begun = tokio::time::Instant::now();
        let mut ended = false;
        loop {
            let Some(file) = self.changed(cx).await? else { return Ok(()) };
            // A site's own processes do not keep it from being deleted.
            if !ended && self.since.is_none() && begun.elapsed() > GRACE {
                self.ask(cx, END, "").await?;
                ended = true;
            }
            if self.since.is_some() || begun.elapsed() > PATIENCE {
                return Err(Error::failed(format!("{file} on {} is still written to, so not all of it can be kept", cx.server().name()))
                    .context("server", cx.server().name())
                    .context("file", &file)
                    .hint(format!(
                        "as root there, while it happens: `fuser -v {}` shows who it is; end that, then try again",
                        word(file.as_str())
                    )));
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }

    async fn undo(&self, _cx: &Context, (): &()) -> Result<()> {
        // It only looks.
        Ok(())
    }
}
