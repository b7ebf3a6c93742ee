//! What a service type or application holds while it plans: everything to read, nothing to change.

use std::sync::{Arc, Mutex, PoisonError};

use super::visit::Visits;
use super::{Bindings, Registry, ServiceType};
use crate::Result;
use crate::entity::Server;
use crate::inventory::Inventory;
use crate::name::ServerName;
use crate::reach::Reach;
use crate::secret::{Keyring, Sealed};
use crate::server::{HostKey, Observer};
use crate::settings::Settings;
use crate::shared::Core;
use crate::template::Content;

/// Everything a plan may read.
#[derive(Debug)]
pub struct PlanContext<'a> {
    pub(crate) core: &'a Arc<Core>,
    bindings: Bindings,
    warnings: Mutex<Vec<String>>,
    gone: Mutex<Vec<ServerName>>,
    reach: tokio::sync::Mutex<Reach>,
    /// Of sites that are looked at while their plan is made.
    pub(crate) visits: Visits,
}

impl<'a> PlanContext<'a> {
    pub(crate) fn new(core: &'a Arc<Core>) -> Self {
        Self {
            core,
            bindings: Bindings::default(),
            warnings: Mutex::default(),
            gone: Mutex::default(),
            reach: tokio::sync::Mutex::default(),
            visits: Visits::default(),
        }
    }

    /// The inventory. Planning reads it; the changing half is for actions.
    pub fn inventory(&self) -> &dyn Inventory {
        &*self.core.inventory
    }

    /// What this build can do.
    pub fn registry(&self) -> &Registry {
        &self.core.registry
    }

    /// Settings.
    pub fn settings(&self) -> &Settings {
        &self.core.settings
    }

    /// Seals generated values, and opens sealed ones where a plan must compare.
    pub fn keyring(&self) -> &Keyring {
        &self.core.keyring
    }

    /// What services leave for each other.
    pub fn bindings(&self) -> &Bindings {
        &self.bindings
    }

    /// Looks at a server of the inventory.
    pub async fn observe(&self, name: &ServerName) -> Result<Observer> {
        Ok(Observer::new(self.reach.lock().await.look(self.core, name).await?))
    }

    /// Looks at a server that may not be in the inventory yet, or be there with another transport.
    pub async fn observe_server(&self, server: &Server) -> Result<Observer> {
        let mut reach = self.reach.lock().await;
        reach.expect(server, Vec::new());
        Ok(Observer::new(reach.look(self.core, &server.name).await?))
    }

    /// Believes these host keys of a server while this plan is made: an operator agreed to them, and the plan will pin them.
    pub(crate) async fn believe(&self, server: &Server, keys: Vec<HostKey>) {
        self.reach.lock().await.expect(server, keys);
    }

    /// What fills a service on a server.
    pub fn service_type(&self, server: &Server, service: &str) -> Result<Box<dyn ServiceType>> {
        self.core.registry.build(server.service(service)?)
    }

    /// Renders a template; the operator's override wins.
    pub fn render(&self, template: &str, data: &impl serde::Serialize, secrets: &[(&str, &Sealed)]) -> Result<Content> {
        self.core.templates.render(template, data, secrets)
    }

    /// Something a person should know before the plan runs.
    pub fn warn(&self, message: impl Into<String>) {
        self.warnings.lock().unwrap_or_else(PoisonError::into_inner).push(message.into());
    }

    pub(crate) fn take_warnings(&self) -> Vec<String> {
        std::mem::take(&mut *self.warnings.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The plan counts on a server being gone for good.
    pub(crate) fn give_up(&self, server: &ServerName) {
        self.gone.lock().unwrap_or_else(PoisonError::into_inner).push(server.clone());
    }

    pub(crate) fn take_gone(&self) -> Vec<ServerName> {
        std::mem::take(&mut *self.gone.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
