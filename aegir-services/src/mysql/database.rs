//! Makes an empty database.

use aegir_core::action::{Action, Claims, Context};
use aegir_core::entity::{Resource, ResourceKind};
use aegir_core::name::{DatabaseName, ServerName};
use aegir_core::plan::{Change, Diff};
use aegir_core::{Error, Result};

use super::fault::explain;
use super::session::Session;
use super::{Access, quote};

/// Every supported server has it, Drupal's settings name it, and so a dump of one server loads into any other.
pub(super) const COLLATION: &str = "utf8mb4_general_ci";

/// Makes an empty database, with four-byte characters; it must not exist.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
pub struct CreateDatabase {
    /// The server.
    pub access: Access,
    /// The name.
    pub database: DatabaseName,
}

/// Whether a database exists.
pub(super) async fn exists(session: &mut Session, database: &DatabaseName, access: &Access) -> Result<bool> {
    let sql = format!("SELECT SCHEMA_NAME FROM information_schema.SCHEMATA WHERE SCHEMA_NAME = {}", quote::literal(database.as_str())?);
    Ok(session.value(&sql).await.map_err(|f| explain(access, &f))?.is_some())
}

pub(super) fn resource(server: &ServerName, database: &DatabaseName) -> Resource {
    Resource::new(ResourceKind::Database, server, database.as_str())
}

/// Refuses to destroy what the ledger does not say is the owner's.
pub(super) async fn require_own(cx: &Context, resource: &Resource) -> Result<()> {
    match cx.inventory().owner(resource).await? {
        Some(owner) if owner == *cx.owner() => Ok(()),
        Some(other) => {
            Err(Error::refused(format!("the {resource} belongs to {other}, not to {}", cx.owner())).context("server", &resource.server))
        }
        None => {
            Err(Error::refused(format!("nothing says that the {resource} is Aegir's, so it is left alone"))
                .context("server", &resource.server))
        }
    }
}

impl CreateDatabase {
    fn taken(&self) -> Error {
        Error::conflict(format!("there is a database {} on {} already", self.database, self.access.server))
            .context("server", &self.access.server)
            .context("database", &self.database)
            .hint("another site may just be taking that name: try again, and the next free one is taken")
    }
}

impl Action for CreateDatabase {
    const NAME: &'static str = "mysql.database.create";
    /// Whether it existed.
    type Before = bool;
    type Output = ();

    fn summary(&self) -> String {
        format!("create database {}", self.database)
    }

    fn claims(&self, server: &ServerName) -> Claims {
        Claims::acquire(resource(server, &self.database))
    }

    async fn observe(&self, cx: &Context) -> Result<bool> {
        exists(&mut self.access.connect(cx).await?, &self.database, &self.access).await
    }

    fn diff(&self, _cx: &Context, before: &bool) -> Result<Diff> {
        if *before { Err(self.taken()) } else { Ok(Diff::new(Change::Create, format!("+ database {} ({COLLATION})\n", self.database))) }
    }

    async fn apply(&self, cx: &Context, before: &bool) -> Result<()> {
        if *before {
            return Err(self.taken());
        }
        let mut session = self.access.connect(cx).await?;
        let sql = format!("CREATE DATABASE IF NOT EXISTS {} CHARACTER SET utf8mb4 COLLATE {COLLATION}", quote::name(&self.database));
        session.run(&sql).await.map_err(|f| explain(&self.access, &f).context("database", &self.database))
    }

    async fn undo(&self, cx: &Context, before: &bool) -> Result<()> {
        if *before {
            return Ok(());
        }
        require_own(cx, &resource(cx.server().name(), &self.database)).await?;
        let mut session = self.access.connect(cx).await?;
        let sql = format!("DROP DATABASE IF EXISTS {}", quote::name(&self.database));
        session.run(&sql).await.map_err(|f| explain(&self.access, &f).context("database", &self.database))
    }

    fn by_hand(&self, server: &ServerName) -> String {
        format!("on {server}: `mysql -e 'DROP DATABASE IF EXISTS {}'`", quote::name(&self.database))
    }
}
