//! Size and checksum of a file: what the step that made it puts out, so that a later one knows it again.

use std::time::Duration;

use camino::Utf8Path;

use crate::Result;
use crate::server::{Command, Server};

/// How long summing up a large file may take.
const LIMIT: Duration = Duration::from_secs(6 * 3600);

/// Size and checksum of a file.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct FileSum {
    /// How many bytes it has.
    pub size: u64,
    /// Its SHA-256, as `sha256sum` prints it.
    pub sha256: String,
}

impl FileSum {
    /// Reads a file, all of it; nothing where there is none.
    pub async fn of(server: &dyn Server, path: &Utf8Path) -> Result<Option<Self>> {
        let output = server.run(&Command::new("sha256sum").arg("--").arg(path).timeout(LIMIT).idempotent()).await?;
        if output.ok() { Self::printed(server, path, &output.text()).await } else { Ok(None) }
    }

    /// What `sha256sum` printed while a file was written, with the size that it has; nothing where it printed something else.
    pub async fn printed(server: &dyn Server, path: &Utf8Path, said: &str) -> Result<Option<Self>> {
        // A name with a line break or a backslash makes it begin the line with one.
        let sha256 = said.trim_start_matches('\\').split(' ').next().unwrap_or_default();
        if sha256.len() != 64 || !sha256.bytes().all(|b| b.is_ascii_hexdigit()) {
            return Ok(None);
        }
        Ok(server.stat(path).await?.map(|stat| Self { size: stat.size, sha256: sha256.to_owned() }))
    }
}
