//! Strikes from the ledger what was on a machine that is gone.

use super::{Action, Claims, Context};
use crate::Result;
use crate::entity::Resource;
use crate::name::ServerName;
use crate::plan::{Change, Diff};

/// Strikes what the owner had on a server that is gone for good, and does nothing there. Runs on the master.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
pub struct Strike {
    /// The server.
    pub gone: ServerName,
    /// What the owner had there.
    pub owned: Vec<Resource>,
}

impl Action for Strike {
    const NAME: &'static str = "ledger.strike";
    type Before = ();
    type Output = ();

    fn summary(&self) -> String {
        format!("forget what was on {}", self.gone)
    }

    fn claims(&self, _server: &ServerName) -> Claims {
        Claims { acquire: Vec::new(), release: self.owned.clone() }
    }

    async fn observe(&self, _cx: &Context) -> Result<()> {
        Ok(())
    }

    fn diff(&self, _cx: &Context, (): &()) -> Result<Diff> {
        if self.owned.is_empty() {
            return Ok(Diff::same());
        }
        Ok(Diff::new(Change::Remove, self.owned.iter().map(|resource| format!("- ledger: {resource}\n")).collect::<String>()))
    }

    async fn apply(&self, _cx: &Context, (): &()) -> Result<()> {
        // The ledger is the engine's: it strikes what a step releases, and records it again when the step is taken back.
        Ok(())
    }

    async fn undo(&self, _cx: &Context, (): &()) -> Result<()> {
        Ok(())
    }
}
