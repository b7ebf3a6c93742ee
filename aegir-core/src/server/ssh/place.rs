//! Work in directories that others write to, by a script that enters them name by name: SFTP takes paths alone.

use super::sftp::Way;
use super::{REMOVAL, SshServer};
use crate::Result;
use crate::server::{Command, MOST_READ, Output, Server as _};

/// Changes or reads what has a name in a directory that is entered name by name.
const SCRIPT: &str = include_str!("place.pl");
/// How that script ends where there is nothing.
const NOTHING_THERE: i32 = 5;

impl SshServer {
    /// Changes what has a name in a directory by a script, which enters the directory name by name.
    pub(super) async fn at_place(&self, doing: &str, way: &Way, change: &[&str]) -> Result<()> {
        let output = self.run(&Self::place(way, change).idempotent()).await;
        self.placed(doing, way, output).map(drop)
    }

    /// The content of a file in a directory that others write to: SFTP would open whatever has its name by then.
    pub(super) async fn read_at_place(&self, way: &Way) -> Result<Option<Vec<u8>>> {
        let command = Self::place(way, &["read", &MOST_READ.to_string()]).only_reads().most(MOST_READ);
        match self.run(&command).await {
            Ok(output) if output.status == NOTHING_THERE => Ok(None),
            output => self.placed("reading", way, output).map(|output| Some(output.stdout)),
        }
    }

    fn place(way: &Way, work: &[&str]) -> Command {
        let (dir, name) = (way.path.parent().unwrap_or("/".into()), way.path.file_name().unwrap_or("."));
        Command::new("perl").args(["-e", SCRIPT, "--", dir.as_str(), name]).args(work).timeout(REMOVAL)
    }

    fn placed(&self, doing: &str, way: &Way, output: Result<Output>) -> Result<Output> {
        let doing = format!("{doing} {} on {}", way.path, self.link.name);
        let output = output.and_then(|output| output.require_ok(&Command::new("perl"), &doing));
        output.map_err(|e| e.context("server", &self.link.name).context("file", &way.path))
    }
}
