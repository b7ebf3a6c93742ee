//! Takes a server, and what it owned, out of the inventory.

use crate::Result;
use crate::action::{Action, Claims, Context};
use crate::entity::{Resource, Server};
use crate::name::ServerName;
use crate::plan::{Change, Diff};

/// Removes a server from the inventory and strikes what it owned; undo stores both again. Runs on the master: the server
/// may be gone.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
pub struct ForgetServer {
    /// The server as it was when the plan was made; whoever goes on after a crash still gets to it.
    pub server: Server,
    /// What it owned by itself, without what platforms and sites own there.
    pub owned: Vec<Resource>,
}

impl Action for ForgetServer {
    const NAME: &'static str = "forget.server";
    type Before = Option<Server>;
    type Output = ();

    fn summary(&self) -> String {
        format!("forget server {}", self.server.name)
    }

    fn claims(&self, _server: &ServerName) -> Claims {
        Claims { acquire: Vec::new(), release: self.owned.clone() }
    }

    async fn observe(&self, cx: &Context) -> Result<Option<Server>> {
        cx.inventory().server(&self.server.name).await
    }

    fn diff(&self, _cx: &Context, before: &Option<Server>) -> Result<Diff> {
        let gone = || Diff::new(Change::Remove, format!("- inventory: server {}\n", self.server.name));
        Ok(before.as_ref().map_or_else(Diff::same, |_| gone()))
    }

    async fn apply(&self, cx: &Context, _before: &Option<Server>) -> Result<()> {
        cx.inventory().delete_server(&self.server.name).await?;
        cx.core.connections.unstore(&self.server.name);
        Ok(())
    }

    async fn undo(&self, cx: &Context, before: &Option<Server>) -> Result<()> {
        let Some(before) = before else { return Ok(()) };
        let mut wanted = before.clone();
        match cx.inventory().server(&self.server.name).await? {
            Some(now) if now == *before => return Ok(()),
            Some(now) => wanted.revision = now.revision,
            // The inventory has none, so it counts from the start.
            None => wanted.revision = 0,
        }
        cx.inventory().save_server(&wanted).await.map(drop)
    }
}
