//! The inventory: everything Aegir knows, behind one trait; plain data in, plain data out.
//!
//! One transaction a method; no transaction type leaks. Implementations: [`memory::MemoryInventory`] (tests,
//! `init`) and [`orm::OrmInventory`] (SQLite). All must pass the conformance kit.

mod journal;
pub mod memory;
mod note;
#[cfg(feature = "orm")]
pub mod orm;
mod refusal;

pub(crate) use refusal::{no_task, ran_before, superseded};

pub use note::NotedCheck;

pub(crate) use journal::BATCH;
pub use journal::{
    Beat, Begin, Claim, Entry, Journal, Lease, LeaseMode, Locks, NewTask, Pass, StoredEntry, Task, TaskFilter, TaskId, TaskState, Worker,
};

use async_trait::async_trait;

use crate::Result;
use crate::entity::{Owner, Platform, Resource, Server, Site, SiteSummary};
use crate::name::{PlatformName, ServerName, SiteUri};

/// Servers in the inventory.
#[async_trait]
pub trait Servers {
    /// One server.
    async fn server(&self, name: &ServerName) -> Result<Option<Server>>;
    /// All servers, by name.
    async fn servers(&self) -> Result<Vec<Server>>;
    /// Stores a server. Its `revision` must be the stored one (0 when new), else [`crate::ErrorKind::Conflict`]; the
    /// stored one becomes `revision + 1`, which is returned.
    async fn save_server(&self, server: &Server) -> Result<u64>;
    /// Removes a server; no error when it is not there.
    async fn delete_server(&self, name: &ServerName) -> Result<()>;
}

/// Platforms in the inventory.
#[async_trait]
pub trait Platforms {
    /// One platform.
    async fn platform(&self, name: &PlatformName) -> Result<Option<Platform>>;
    /// All platforms, by name.
    async fn platforms(&self) -> Result<Vec<Platform>>;
    /// Stores a platform; revisions as in [`Servers::save_server`].
    async fn save_platform(&self, platform: &Platform) -> Result<u64>;
    /// Removes a platform; no error when it is not there.
    async fn delete_platform(&self, name: &PlatformName) -> Result<()>;
}

/// Which sites to list. Empty lists all.
#[derive(Clone, Debug, Default)]
pub struct SiteFilter {
    /// Only those on this platform.
    pub platform: Option<PlatformName>,
    /// Only those on this web server.
    pub server: Option<ServerName>,
}

/// Sites in the inventory.
#[async_trait]
pub trait Sites {
    /// One site, by URI (not by alias).
    async fn site(&self, uri: &SiteUri) -> Result<Option<Site>>;
    /// Summaries, by URI; reads no whole record.
    async fn sites(&self, filter: &SiteFilter) -> Result<Vec<SiteSummary>>;
    /// The site whose URI or alias this is.
    async fn site_at(&self, address: &SiteUri) -> Result<Option<SiteUri>>;
    /// Stores a site and the addresses it answers for, on the web server of its platform; revisions as in
    /// [`Servers::save_server`]. [`crate::ErrorKind::Conflict`] when another site has one of the addresses (names it).
    async fn save_site(&self, site: &Site) -> Result<u64>;
    /// Removes a site and its addresses; no error when it is not there.
    async fn delete_site(&self, uri: &SiteUri) -> Result<()>;
}

/// The ownership ledger: who owns which resource.
#[async_trait]
pub trait Ledger {
    /// Returns who has exactly this resource, and since which task.
    async fn holding(&self, resource: &Resource) -> Result<Option<Holding>>;
    /// Returns everything recorded at a path of a server and below it, sorted, with its owner.
    async fn below(&self, path: &Resource) -> Result<Vec<(Resource, Owner)>>;
    /// Everything an entity owns, sorted.
    async fn owned_by(&self, owner: &Owner) -> Result<Vec<Resource>>;
    /// Returns the owner of exactly this resource.
    async fn owner(&self, resource: &Resource) -> Result<Option<Owner>> {
        Ok(self.holding(resource).await?.map(|held| held.owner))
    }
}

/// A line of the ledger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holding {
    /// Who has it.
    pub owner: Owner,
    /// The task that recorded it.
    pub task: TaskId,
}

/// What checks of servers found when they were last made.
#[async_trait]
pub trait Notes {
    /// Puts these in the place of all that is noted for a server, which need not be stored yet. Removing a server
    /// removes them.
    async fn note_checks(&self, server: &ServerName, checks: &[NotedCheck]) -> Result<()>;
    /// What is noted for a server, in the order in which it was noted.
    async fn noted_checks(&self, server: &ServerName) -> Result<Vec<NotedCheck>>;
}

/// Everything Aegir knows.
pub trait Inventory: Servers + Platforms + Sites + Ledger + Locks + Journal + Notes + std::fmt::Debug + Send + Sync {}

impl<T: Servers + Platforms + Sites + Ledger + Locks + Journal + Notes + std::fmt::Debug + Send + Sync> Inventory for T {}
