//! A toy world for engine tests: a fake server, an inventory, a plan of every core action on files.

use std::sync::Arc;

use camino::Utf8Path;

use super::{FakeServer, Hear, Tell};
use crate::action::{Link, MakeDir, PurgeTree, PushTree, RemoveFile, TrashTree, WriteFile};
use crate::aegir::{Aegir, Builder};
use crate::distribution::{self, Keep};
use crate::engine::{Faults, Outcome};
use crate::entity::{EntityId, EntityRef, Owner};
use crate::inventory::{Inventory, LeaseMode};
use crate::name::ServerName;
use crate::plan::{Plan, Planned};
use crate::secret::Keyring;
use crate::server::{Facts, Permissions, Server};
use crate::service::Registry;
use crate::template::Content;
use crate::{Error, Result};

/// A fake server and everything needed to run plans on it.
#[derive(Clone, Debug)]
pub struct Toy {
    /// The machine.
    pub server: Arc<FakeServer>,
    /// What Aegir knows.
    pub inventory: Arc<dyn Inventory>,
    /// The key file of this world, so that several Aegirs can share it.
    keyring: secrecy::SecretString,
}

fn file(path: &str, text: &str) -> WriteFile {
    WriteFile { path: path.into(), content: Content::plain(text), permissions: Permissions::mode(0o640) }
}

fn directory(path: &str) -> MakeDir {
    MakeDir { path: path.into(), permissions: Permissions::mode(0o750) }
}

/// A directory of this crate's own: a tree on the master that stands still.
fn tree(source: &str, target: &str) -> PushTree {
    let source = Utf8Path::new(env!("CARGO_MANIFEST_DIR")).join("src").join(source);
    PushTree { source, until: None, target: target.into(), keep: Keep::nothing() }
}

impl Toy {
    /// A world around an empty inventory. What the toy plan takes away was made by a plan: nothing else may be removed.
    pub async fn new(inventory: Arc<dyn Inventory>) -> Result<Self> {
        let server = FakeServer::new(ServerName::master(), Facts::default(), &["/srv"]);
        server.put("/srv/conf", "by hand\n");
        let toy = Self { server: Arc::new(server), inventory, keyring: Keyring::generate()?.to_file_text() };
        let aegir = toy.aegir(Faults::default())?;
        let (name, owner) = (ServerName::master(), Self::owner());
        let plan = Plan::empty().then(&name, &owner, &directory("/srv/gone"))?.then(&name, &owner, &file("/srv/gone/x", "x\n"))?.then(
            &name,
            &owner,
            &file("/srv/old", "old\n"),
        )?;
        let plan = distribution::push(plan, &name, &owner, &tree("plan", "/srv/tree"))?;
        let planned = Self::settled(&aegir, plan).await?;
        match aegir.submit(planned).await?.outcome().await? {
            Outcome::Done { .. } => Ok(toy),
            other => Err(Error::internal(format!("the toy world could not be made: {other:?}"))),
        }
    }

    /// The same world, seen through another inventory.
    #[must_use]
    pub fn through(&self, inventory: Arc<dyn Inventory>) -> Self {
        Self { inventory, ..self.clone() }
    }

    /// Who owns everything here.
    pub fn owner() -> Owner {
        Owner::new(Self::subject(), EntityId::default())
    }

    /// What everything here is about.
    pub fn subject() -> EntityRef {
        EntityRef::Server(ServerName::master())
    }

    /// An Aegir in this world, with failures ordered.
    pub fn aegir(&self, faults: Faults) -> Result<Aegir> {
        Ok(self.builder(faults)?.build())
    }

    /// One that is still to be built, with failures ordered.
    pub fn builder(&self, faults: Faults) -> Result<Builder> {
        let keyring = Keyring::from_text(&self.keyring)?;
        let server: Arc<dyn Server> = self.server.clone();
        let mut registry = Registry::new();
        registry.actions_mut().add::<Tell>();
        registry.actions_mut().add::<Hear>();
        Ok(Aegir::builder(self.inventory.clone(), registry, keyring).server(server).faults(faults))
    }

    /// A plan with every kind of core action on files, some side by side, the last after the commit.
    pub async fn plan(&self, aegir: &Aegir) -> Result<Planned> {
        let (name, owner) = (ServerName::master(), Self::owner());
        let tell = Tell { path: "/srv/dir/a".into(), text: "a word\n".to_owned(), kept: false };
        let hear = Hear { from: "told".to_owned(), path: "/srv/heard".into() };
        let trash = TrashTree { path: "/srv/gone".into(), trash: "/srv/gone.trash".into() };
        let plan = Plan::empty()
            .then(&name, &owner, &directory("/srv/dir"))?
            .and_then(Plan::together([
                Plan::empty().then_named("told", &name, &owner, &tell)?,
                Plan::empty().then(&name, &owner, &file("/srv/conf", "ours\n"))?,
            ]))
            .then(&name, &owner, &Link { path: "/srv/link".into(), target: "/srv/dir".into() })?
            .then(&name, &owner, &trash)?
            .then(&name, &owner, &RemoveFile { path: "/srv/old".into() })?
            .then(&name, &owner, &hear)?
            .then(&name, &owner, &file("/srv/dir/b", "b\n"))?
            .finally(&name, &owner, &PurgeTree { path: trash.trash.clone() })?
            .then(&name, &owner, &tree("plan", "/srv/new"))?;
        let plan = distribution::push(plan, &name, &owner, &tree("event", "/srv/tree"))?;
        Self::settled(aegir, plan).await
    }

    /// Any plan of [`Toy::owner`]'s held against the world, ready to be submitted.
    pub async fn settled(aegir: &Aegir, plan: Plan) -> Result<Planned> {
        let planned =
            Planned { touches: vec![(Self::subject(), LeaseMode::Exclusive)], ..Planned::new("toy", Self::subject(), "toy".into()) };
        crate::engine::settle(&aegir.core, planned, plan, &[]).await
    }

    /// The file system as lines.
    pub fn world(&self) -> Vec<String> {
        self.server.world()
    }
}
