//! What a service type or application holds while it plans: everything to read, nothing to change.

use std::sync::{Arc, Mutex, PoisonError};

use super::{Bindings, Registry, ServiceType};
use crate::Result;
use crate::entity::Server;
use crate::inventory::Inventory;
use crate::name::ServerName;
use crate::secret::{Keyring, Sealed};
use crate::server::Observer;
use crate::settings::Settings;
use crate::shared::Core;
use crate::template::Content;

/// Everything a plan may read.
#[derive(Debug)]
pub struct PlanContext<'a> {
    pub(crate) core: &'a Arc<Core>,
    bindings: Bindings,
    warnings: Mutex<Vec<String>>,
}

impl<'a> PlanContext<'a> {
    pub(crate) fn new(core: &'a Arc<Core>) -> Self {
        Self { core, bindings: Bindings::default(), warnings: Mutex::default() }
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
        Ok(Observer::new(self.core.connect(name).await?))
    }

    /// Looks at a server that may not be in the inventory yet.
    pub async fn observe_server(&self, server: &Server) -> Result<Observer> {
        Ok(Observer::new(self.core.connect_to(server).await?))
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
}
