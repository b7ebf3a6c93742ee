//! A toy world for engine tests: a fake server, an inventory in memory, a plan of every core action.

use std::sync::Arc;

use super::FakeServer;
use crate::action::{Link, MakeDir, RemoveFile, WriteFile};
use crate::aegir::Aegir;
use crate::engine::Faults;
use crate::entity::EntityRef;
use crate::inventory::{Inventory, LeaseMode};
use crate::name::ServerName;
use crate::plan::{Plan, Planned};
use crate::secret::Keyring;
use crate::server::{Facts, Permissions, Server};
use crate::service::Registry;
use crate::template::Content;
use crate::Result;

/// A fake server and everything needed to run plans on it.
#[derive(Debug)]
pub struct Toy {
    /// The machine.
    pub server: Arc<FakeServer>,
    /// What Aegir knows.
    pub inventory: Arc<dyn Inventory>,
    /// The key file of this world, so that several Aegirs can share it.
    keyring: secrecy::SecretString,
}

impl Toy {
    /// A world around an inventory.
    pub fn new(inventory: Arc<dyn Inventory>) -> Result<Self> {
        let server = FakeServer::new(ServerName::master(), Facts::default(), &["/srv"]);
        server.put("/srv/old", "old\n");
        Ok(Self { server: Arc::new(server), inventory, keyring: Keyring::generate()?.to_file_text() })
    }

    /// An Aegir in this world, with failures ordered.
    pub fn aegir(&self, faults: Faults) -> Result<Aegir> {
        let keyring = Keyring::from_text(&self.keyring)?;
        let server: Arc<dyn Server> = self.server.clone();
        Ok(Aegir::builder(self.inventory.clone(), Registry::new(), keyring).server(server).faults(faults).build())
    }

    /// A plan with every kind of core action, some side by side.
    pub async fn plan(&self, aegir: &Aegir) -> Result<Planned> {
        let name = ServerName::master();
        let owner = EntityRef::Server(name.clone());
        let file = |path: &str, text: &str| WriteFile { path: path.into(), content: Content::plain(text), permissions: Permissions::mode(0o640) };
        let plan = Plan::empty()
            .then(&name, &owner, &MakeDir { path: "/srv/dir".into(), permissions: Permissions::mode(0o750) })?
            .and_then(Plan::together([
                Plan::empty().then(&name, &owner, &file("/srv/dir/a", "a\n"))?,
                Plan::empty().then(&name, &owner, &file("/srv/old", "new\n"))?,
            ]))
            .then(&name, &owner, &Link { path: "/srv/link".into(), target: "/srv/dir".into() })?
            .then(&name, &owner, &file("/srv/dir/b", "b\n"))?
            .then(&name, &owner, &RemoveFile { path: "/srv/old".into() })?;
        let planned = Planned { touches: vec![(owner.clone(), LeaseMode::Exclusive)], ..Planned::new("toy", owner, "toy".into()) };
        crate::engine::settle(&aegir.core, planned, plan, &[]).await
    }
}

/// The toy's file system as lines.
pub fn world(toy: &Toy) -> Vec<String> {
    toy.server.world()
}
