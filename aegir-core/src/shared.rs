//! What everything inside shares: inventory, registry, templates, key, connections.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use chrono::{DateTime, Utc};

use crate::connections::Connections;
use crate::engine::Faults;
use crate::entity::{EntityRef, Server as ServerEntity};
use crate::inventory::{Inventory, Lease, LeaseMode, TaskId, Worker};
use crate::name::ServerName;
use crate::secret::Keyring;
use crate::server::Server;
use crate::service::{Check, Registry};
use crate::settings::Settings;
use crate::slots::Slots;
use crate::template::Templates;
use crate::{Error, Result};

/// When checks were made, and what they found.
type Found = (DateTime<Utc>, Vec<Check>);

/// What everything inside shares. Not part of the public interface.
#[derive(Debug)]
pub(crate) struct Core {
    pub(crate) inventory: Arc<dyn Inventory>,
    pub(crate) registry: Registry,
    pub(crate) templates: Templates,
    pub(crate) keyring: Keyring,
    pub(crate) settings: Settings,
    pub(crate) worker: Worker,
    pub(crate) faults: Faults,
    pub(crate) connections: Connections,
    /// Steps at work.
    pub(crate) steps: Slots,
    /// Requests at work, where there are several.
    pub(crate) requests: Slots,
    /// What checks found while a plan was made, until the plan is run or thrown away.
    pub(crate) found: Mutex<BTreeMap<ServerName, Found>>,
}

impl Core {
    pub(crate) fn lease_time(&self) -> chrono::Duration {
        chrono::Duration::seconds(i64::from(self.settings.lease_seconds()))
    }

    /// Keeps what checks found while planning, which itself writes nothing.
    pub(crate) fn remember(&self, server: &ServerName, checks: Vec<Check>) {
        self.found.lock().unwrap_or_else(PoisonError::into_inner).insert(server.clone(), (Utc::now(), checks));
    }

    /// What was remembered of a server, once.
    pub(crate) fn recall(&self, server: &ServerName) -> Option<Found> {
        self.found.lock().unwrap_or_else(PoisonError::into_inner).remove(server)
    }

    /// A live handle on a server of the inventory; one connection per server, kept.
    pub(crate) async fn connect(&self, name: &ServerName) -> Result<Arc<dyn Server>> {
        if let Some(open) = self.connections.stored(name) {
            return Ok(open);
        }
        let server = self.inventory.server(name).await?.ok_or_else(|| no_server(name))?;
        let open = self.connect_to(&server);
        self.connections.store(name, &open);
        Ok(open)
    }

    /// A live handle on a server as given: it may not be in the inventory yet, or there with another transport.
    pub(crate) fn connect_to(&self, server: &ServerEntity) -> Arc<dyn Server> {
        self.connections.to(server, None, &self.settings)
    }

    /// Why a server cannot be worked with now; nothing where it can. One that shows another host key or lets nobody in cannot.
    pub(crate) async fn silence(&self, server: &ServerEntity) -> Result<Option<Error>> {
        let server = self.connect_to(server);
        match server.reach().await {
            Ok(()) => {}
            Err(error) if error.no_way_there() => return Ok(Some(error)),
            Err(error) => return Err(error),
        }
        // A connection that stands outlives the machine for a while. Any answer is one.
        Ok(server.facts().await.err().filter(Error::no_way_there))
    }

    /// A lease of this process, from now on.
    pub(crate) fn lease(&self, key: String, mode: LeaseMode, task: TaskId) -> Lease {
        Lease { key, mode, worker: self.worker.clone(), task, expires: chrono::Utc::now() + self.lease_time() }
    }

    /// An entity's revision; 0 when it does not exist.
    pub(crate) async fn revision(&self, entity: &EntityRef) -> Result<u64> {
        Ok(match entity {
            EntityRef::Server(name) => self.inventory.server(name).await?.map_or(0, |s| s.revision),
            EntityRef::Platform(name) => self.inventory.platform(name).await?.map_or(0, |p| p.revision),
            EntityRef::Site(uri) => self.inventory.site(uri).await?.map_or(0, |s| s.revision),
        })
    }
}

/// The error when nothing has a name.
pub(crate) fn unknown(what: &str, name: &str, list: &str) -> Error {
    Error::not_found(format!("there is no {what} {name}")).hint(format!("`{list}` shows what there is"))
}

/// The error when no server has a name.
pub(crate) fn no_server(name: &ServerName) -> Error {
    unknown("server", name.as_str(), "aegir server list")
}
