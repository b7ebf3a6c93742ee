//! Waits until a directory is left alone: whoever still wrote to what was moved away is done.

use std::time::Duration;

use camino::Utf8PathBuf;

use super::{Action, Context};
use crate::plan::{Change, Diff};
use crate::server::Command;
use crate::{Error, Result};

/// How long somebody may go on writing to what was open.
const PATIENCE: Duration = Duration::from_secs(60);

/// Prints a file that was changed after `$2`, or in the last second where that is empty; nothing when there is none.
const CHANGED: &str = r#"if [ "$2" ]; then exec find "$1" -type f -newer "$2" -print -quit; fi
now=$(date +%s.%N) && exec find "$1" -type f -newerct "@$((${now%.*} - 1)).${now#*.}" -print -quit"#;

/// Waits until no file below a directory changes any more; with `since`, fails when one did after that file was written.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
pub struct RequireStill {
    /// The directory.
    pub path: Utf8PathBuf,
    /// A file on the same server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<Utf8PathBuf>,
}

impl RequireStill {
    async fn changed(&self, cx: &Context) -> Result<Option<String>> {
        let since = self.since.as_ref().map_or("", |file| file.as_str());
        let command = Command::new("sh").args(["-c", CHANGED, "changed"]).arg(&self.path).arg(since).timeout(PATIENCE * 10).idempotent();
        let doing = format!("looking whether {} still changes on {}", self.path, cx.server().name());
        let found = cx.server().run(&command).await?.require_ok(&command, &doing)?.text();
        Ok(Some(found.trim_end().to_owned()).filter(|file| !file.is_empty()))
    }
}

impl Action for RequireStill {
    const NAME: &'static str = "tree.still";
    type Before = ();

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
        loop {
            let Some(file) = self.changed(cx).await? else { return Ok(()) };
            if self.since.is_some() || begun.elapsed() > PATIENCE {
                return Err(Error::failed(format!("{file} on {} is still written to, so not all of it can be kept", cx.server().name()))
                    .context("server", cx.server().name())
                    .context("file", &file)
                    .hint(format!("as root there, while it happens: `fuser -v {file}` shows who it is; end that, then try again")));
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }

    async fn undo(&self, _cx: &Context, (): &()) -> Result<()> {
        // It only looks.
        Ok(())
    }
}
