//! What everything inside shares: inventory, registry, templates, key, connections.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use chrono::{DateTime, Utc};

use crate::connections::Connections;
use crate::engine::{Faults, Heart};
use crate::entity::{EntityRef, Server as ServerEntity};
use crate::inventory::{Inventory, TaskId, Worker};
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
    /// Who asks, where a request does not say.
    pub(crate) by: String,
    /// Says that this process lives, for each task at work.
    pub(crate) heart: Heart,
    /// The tasks that this process works on.
    pub(crate) running: Arc<Mutex<BTreeSet<TaskId>>>,
    /// One lock for each thing that steps of this process do one at a time.
    pub(crate) turns: Mutex<BTreeMap<String, Arc<tokio::sync::Mutex<()>>>>,
    pub(crate) faults: Faults,
    pub(crate) connections: Connections,
    /// Steps at work.
    pub(crate) steps: Slots,
    /// Requests at work, where there are several.
    pub(crate) requests: Slots,
    /// What checks found while a plan was made, until the plan is run or thrown away.
    pub(crate) found: Mutex<BTreeMap<ServerName, Found>>,
}

/// A note that this process works on a task.
#[derive(Debug)]
pub(crate) struct AtWork {
    running: Arc<Mutex<BTreeSet<TaskId>>>,
    task: TaskId,
}

impl Drop for AtWork {
    fn drop(&mut self) {
        self.running.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.task);
    }
}

impl Core {
    pub(crate) fn lease_time(&self) -> Duration {
        Duration::from_secs(u64::from(self.settings.lease_seconds()))
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

    /// Whether this process works on a task.
    pub(crate) fn at_work(&self, task: TaskId) -> bool {
        self.running.lock().unwrap_or_else(PoisonError::into_inner).contains(&task)
    }

    /// Notes that this process works on a task, until the note is dropped.
    pub(crate) fn note_work(&self, task: TaskId) -> AtWork {
        self.running.lock().unwrap_or_else(PoisonError::into_inner).insert(task);
        AtWork { running: self.running.clone(), task }
    }

    /// Whose turn it is at something that is done one at a time, within this process.
    pub(crate) fn turn(&self, key: &str) -> Arc<tokio::sync::Mutex<()>> {
        self.turns.lock().unwrap_or_else(PoisonError::into_inner).entry(key.to_owned()).or_default().clone()
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
