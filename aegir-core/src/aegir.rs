//! The front door: build it, plan requests, submit plans, follow tasks.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::sync::Semaphore;

use crate::Result;
use crate::connections::Connections;
use crate::engine::{self, Faults, Outcome, Recovered, RunningTask};
use crate::entity::Transport;
use crate::inventory::{Inventory, TaskId};
use crate::name::{ServerName, SiteUri};
use crate::plan::Planned;
use crate::secret::Keyring;
use crate::server::{HostKey, Server};
use crate::service::{Check, Registry};
use crate::settings::Settings;
use crate::shared::Core;
use crate::task::{self, Bootstrap, HostKeys, Request};
use crate::template::{Templates, overrides_below};

/// Puts an [`Aegir`] together.
#[derive(Debug)]
pub struct Builder {
    inventory: Arc<dyn Inventory>,
    registry: Registry,
    keyring: Keyring,
    settings: Settings,
    connections: BTreeMap<ServerName, Arc<dyn Server>>,
    faults: Faults,
}

impl Builder {
    /// With settings other than the defaults.
    #[must_use]
    pub fn settings(mut self, settings: Settings) -> Self {
        self.settings = settings;
        self
    }

    /// With a handle for a server, instead of the one its transport would give: a fake, a transport of your own.
    #[must_use]
    pub fn server(mut self, server: Arc<dyn Server>) -> Self {
        self.connections.insert(server.name().clone(), server);
        self
    }

    /// With failures that a test orders.
    #[must_use]
    pub fn faults(mut self, faults: Faults) -> Self {
        self.faults = faults;
        self
    }

    /// The front door.
    pub fn build(self) -> Aegir {
        let templates = Templates::new(self.registry.templates(), Some(overrides_below(&self.settings.root())));
        let permits = Semaphore::new(self.settings.parallel());
        Aegir {
            core: Arc::new(Core {
                inventory: self.inventory,
                registry: self.registry,
                templates,
                keyring: self.keyring,
                settings: self.settings,
                worker: engine::this_process(),
                faults: self.faults,
                connections: Connections::new(self.connections),
                permits,
            }),
        }
    }
}

/// The front door: all that a driver or an embedding program holds. Clones share everything.
#[derive(Clone, Debug)]
pub struct Aegir {
    pub(crate) core: Arc<Core>,
}

impl Aegir {
    /// Starts putting one together.
    pub fn builder(inventory: Arc<dyn Inventory>, registry: Registry, keyring: Keyring) -> Builder {
        Builder { inventory, registry, keyring, settings: Settings::default(), connections: BTreeMap::new(), faults: Faults::default() }
    }

    /// Works out what a request would change. Changes nothing.
    pub async fn plan(&self, request: &Request) -> Result<Planned> {
        task::plan(&self.core, request).await
    }

    /// Runs a plan, once: locks what it touches, refuses it if the world has changed since, starts it.
    /// Ends what dead workers left first.
    pub async fn submit(&self, planned: Planned) -> Result<RunningTask> {
        engine::submit(&self.core, planned).await
    }

    /// Refuses a plan that no longer fits; changes nothing.
    pub async fn check_plan(&self, planned: &Planned) -> Result<()> {
        engine::check_basis(&self.core, planned).await
    }

    /// The saved form of a plan.
    pub fn save_plan(&self, planned: &Planned) -> Result<String> {
        planned.save(&self.core.keyring)
    }

    /// Reads a saved plan; refuses one that was edited or is not ours.
    pub fn load_plan(&self, text: &str) -> Result<Planned> {
        Planned::load(text, &self.core.keyring)
    }

    /// Ends every task whose worker is dead: done or rolled back.
    pub async fn recover(&self) -> Result<Vec<Recovered>> {
        engine::recover(&self.core).await
    }

    /// Tries to take back the rest of a stuck task.
    pub async fn retry(&self, id: TaskId) -> Result<Outcome> {
        engine::retry(&self.core, id).await
    }

    /// The named checks of a server; changes nothing.
    pub async fn check(&self, name: &ServerName) -> Result<Vec<Check>> {
        task::check_server(&self.core, name).await
    }

    /// The host keys that a server shows, and those that are pinned for it; changes nothing.
    pub async fn host_keys(&self, transport: &Transport) -> Result<HostKeys> {
        task::host_keys(&self.core, transport).await
    }

    /// The host keys that are pinned for a server; asks nobody.
    pub async fn pinned_host_keys(&self, transport: &Transport) -> Result<Vec<HostKey>> {
        task::pinned_keys(&self.core, transport).await
    }

    /// A shell script that root runs on a machine to prepare it for Aegir. It holds no secret.
    pub async fn bootstrap_script(&self, wanted: &Bootstrap) -> Result<String> {
        task::bootstrap_script(&self.core, wanted).await
    }

    /// A link that logs its first visitor in, once. It is a secret: show it to the person who asked, nowhere else.
    pub async fn login_link(&self, uri: &SiteUri) -> Result<secrecy::SecretString> {
        task::login_link(&self.core, uri).await
    }

    /// What Aegir knows, to read. Changes go through [`Aegir::plan`].
    pub fn inventory(&self) -> &dyn Inventory {
        &*self.core.inventory
    }

    /// What this build can do.
    pub fn registry(&self) -> &Registry {
        &self.core.registry
    }

    /// Its templates.
    pub fn templates(&self) -> &Templates {
        &self.core.templates
    }

    /// Its settings.
    pub fn settings(&self) -> &Settings {
        &self.core.settings
    }

    /// Its key.
    pub fn keyring(&self) -> &Keyring {
        &self.core.keyring
    }

    /// Looks whether a server exists, by name or host name, with Aegir's `@` accepted.
    pub async fn server_named(&self, text: &str) -> Result<ServerName> {
        task::server_named(&self.core, text).await
    }
}
