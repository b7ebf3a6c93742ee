//! The front door: build it, plan requests, submit plans, follow tasks.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use futures::stream::Stream;

use crate::Result;
use crate::connections::Connections;
use crate::engine::{self, Cancel, Faults, Heart, Outcome, Recovered, RunningTask, Way};
use crate::entity::{EntityRef, Transport};
use crate::event::Part;
use crate::inventory::{Inventory, Task, TaskId};
use crate::many::{self, News};
use crate::name::{ServerName, SiteUri};
use crate::plan::Planned;
use crate::secret::Keyring;
use crate::server::{HostKey, Server};
use crate::service::Registry;
use crate::settings::Settings;
use crate::shared::Core;
use crate::slots::Slots;
use crate::start::{self, Start};
use crate::task::{self, Bootstrap, Checked, HostKeys, Request};
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
    by: String,
}

impl Builder {
    /// In whose name tasks are asked for, as the journal notes it.
    #[must_use]
    pub fn by(mut self, who: impl Into<String>) -> Self {
        self.by = who.into();
        self
    }

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
        let parallel = self.settings.parallel();
        Aegir {
            core: Arc::new(Core {
                inventory: self.inventory,
                registry: self.registry,
                templates,
                keyring: self.keyring,
                settings: self.settings,
                worker: engine::this_process(),
                by: self.by,
                heart: Heart::default(),
                running: Arc::default(),
                turns: Mutex::default(),
                faults: self.faults,
                connections: Connections::new(self.connections),
                steps: Slots::new(parallel),
                requests: Slots::new(parallel),
                found: Mutex::default(),
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
        Builder {
            inventory,
            registry,
            keyring,
            settings: Settings::default(),
            connections: BTreeMap::new(),
            faults: Faults::default(),
            by: "the library".to_owned(),
        }
    }

    /// Works out what a request would change. Changes nothing.
    pub async fn plan(&self, request: &Request) -> Result<Planned> {
        task::plan(&self.core, request).await
    }

    /// As [`Aegir::plan`], for a caller who means to submit the plan: what the checks of a server found is noted, also
    /// when they refuse. A dry run wants [`Aegir::plan`], which writes nothing at all.
    pub async fn plan_to_submit(&self, request: &Request) -> Result<Planned> {
        let planned = self.plan(request).await;
        if let Request::VerifyServer { .. } = request {
            self.note_checks_of(request).await;
        }
        planned
    }

    /// Notes what the checks of a request's server found while it was planned.
    pub(crate) async fn note_checks_of(&self, request: &Request) {
        if let EntityRef::Server(server) = request.subject() {
            self.note_found(&server).await;
        }
    }

    /// Notes what the checks of a server found while planning. It is no reason to fail: what matters was told.
    async fn note_found(&self, server: &ServerName) {
        if let Some((at, checks)) = self.core.recall(server) {
            let _ = task::note(&self.core, server, &checks, at, false).await;
        }
    }

    /// Runs a plan, once: locks what it touches, refuses it if the world has changed since, starts it.
    /// Ends what dead workers left first.
    pub async fn submit(&self, planned: Planned) -> Result<RunningTask> {
        self.submit_with(planned, Cancel::default()).await
    }

    /// As [`Aegir::submit`], stopped by a [`Cancel`] that may be shared by several tasks.
    pub async fn submit_with(&self, planned: Planned, cancel: Cancel) -> Result<RunningTask> {
        let subject = planned.subject.clone();
        let running = engine::submit(&self.core, planned, &cancel).await?;
        // A server that is being enrolled was checked before it was known.
        if let EntityRef::Server(server) = &subject {
            self.note_found(server).await;
        }
        Ok(running)
    }

    /// Locks what a request is about, plans it under the locks, and runs the plan. `see` sees the plan first and must not
    /// wait for anybody: an error from it ends this, `false` leaves the plan to the caller. What does not run leaves no
    /// trace. Whoever wants to think about a plan uses [`Aegir::plan_to_submit`], holding no lock, then [`Aegir::submit`].
    pub async fn start(&self, way: Way, cancel: &Cancel, see: impl FnOnce(&Planned) -> Result<bool>) -> Result<Start> {
        start::start(self, &way, cancel, see).await
    }

    /// Plans requests and carries them out, several at once, each on its own: a dead server delays nobody else's. The
    /// stream ends when all have ended; dropping it does not stop them, `cancel` does. Several are a batch, which is known
    /// by its number when the process dies: see [`Aegir::retry`].
    pub fn carry_out(&self, requests: Vec<Request>, cancel: &Cancel) -> impl Stream<Item = News> + Send + use<> {
        many::carry_out(self, requests, cancel)
    }

    /// Plans requests, several at once, in their order. Changes nothing.
    pub async fn plan_all(&self, requests: &[Request]) -> Vec<Result<Planned>> {
        many::plan_all(self, requests).await
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

    /// Ends every task whose worker is dead, and tries those that wait for a server: done or rolled back.
    pub async fn recover(&self) -> Result<Vec<Recovered>> {
        engine::recover_all(&self.core).await
    }

    /// Before a request is planned: ends every task whose worker is dead, and those that wait for a server which the
    /// request needs. [`crate::ErrorKind::Unreachable`] when what it is about is left half-way and cannot be put right yet.
    pub async fn make_way(&self, request: &Request) -> Result<Way> {
        engine::clear(&self.core, request).await
    }

    /// Stops a task, whoever works on it: it is in the journal when this returns, and nothing of the task begins any more.
    /// One that nobody works on is taken back here, and its end returned.
    pub async fn cancel(&self, id: TaskId) -> Result<Option<Outcome>> {
        engine::cancel(&self.core, id, &self.core.by).await
    }

    /// Ends a task that is stuck or waits, on the word of a person who took the rest back by hand. Changes nothing but the
    /// ledger.
    pub async fn close(&self, id: TaskId) -> Result<()> {
        engine::close(&self.core, id, &self.core.by).await
    }

    /// Tries to take back the rest of a stuck task. Of a batch that was cut off, begins what was not begun.
    pub async fn retry(&self, id: TaskId) -> Result<Outcome> {
        match self.core.inventory.task(id).await? {
            Some(task) if task.is_batch() => many::retry(self, task).await,
            _ => engine::retry(&self.core, id).await,
        }
    }

    /// What became of each request of a batch, as its tasks tell it now.
    pub async fn parts(&self, batch: &Task) -> Result<Vec<Part>> {
        engine::parts(&self.core, batch).await
    }

    /// Makes the named checks of servers, of all when none is named, side by side; changes nothing on them, and notes
    /// what was found. `wanted` names checks, or services all of whose checks are wanted; none means every check.
    /// A server that cannot be looked at has its say in the answer and keeps no other from being looked at.
    pub async fn check(&self, servers: &[ServerName], wanted: &[String]) -> Result<Vec<Checked>> {
        task::check_servers(&self.core, servers, wanted).await
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
