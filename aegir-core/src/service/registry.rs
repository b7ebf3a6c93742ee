//! Everything this build can provision. Registration is a function call.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{Capabilities, Plugin, Service, ServiceType};
use crate::action::{self, Actions};
use crate::application::Application;
use crate::entity::ServiceBinding;
use crate::{Error, Result};

type Build = fn(serde_json::Value) -> Result<Box<dyn ServiceType>, String>;

#[derive(Debug)]
struct TypeEntry {
    service: &'static str,
    title: &'static str,
    schema: fn() -> schemars::Schema,
    build: Build,
}

/// A service type, for lists.
#[derive(Clone, Debug, serde::Serialize)]
pub struct TypeInfo {
    /// Its name.
    pub name: &'static str,
    /// The service it fills.
    pub service: &'static str,
    /// Its title for people.
    pub title: &'static str,
    /// The JSON Schema of its settings.
    pub schema: serde_json::Value,
}

/// Services, service types, applications, actions and templates of this build.
#[derive(Debug)]
pub struct Registry {
    services: BTreeMap<&'static str, Box<dyn Service>>,
    types: BTreeMap<&'static str, TypeEntry>,
    applications: Vec<Arc<dyn Application>>,
    actions: Actions,
    templates: BTreeMap<&'static str, &'static str>,
}

impl Default for Registry {
    fn default() -> Self {
        Self::new()
    }
}

impl Registry {
    /// The core's own actions, and nothing else.
    pub fn new() -> Self {
        let mut actions = Actions::default();
        actions.add::<action::WriteFile>();
        actions.add::<action::RemoveFile>();
        actions.add::<action::MakeDir>();
        actions.add::<action::Link>();
        actions.add::<action::CopyTree>();
        actions.add::<action::FetchFile>();
        actions.add::<action::PushTree>();
        actions.add::<action::PackArchive>();
        actions.add::<action::TrashTree>();
        actions.add::<action::PurgeTree>();
        actions.add::<action::MakeServedDir>();
        actions.add::<action::PurgeServedTree>();
        actions.add::<action::RecordServer>();
        actions.add::<action::RecordPlatform>();
        actions.add::<action::RecordSite>();
        actions.add::<action::ForgetPlatform>();
        actions.add::<action::ForgetSite>();
        actions.add::<action::ForgetServer>();
        actions.add::<action::Strike>();
        actions.add::<action::RequireStill>();
        actions.add::<action::PinHostKeys>();
        action::register_machine(&mut actions);
        Self {
            services: BTreeMap::new(),
            types: BTreeMap::new(),
            applications: Vec::new(),
            actions,
            templates: BTreeMap::from(crate::task::TEMPLATES),
        }
    }

    /// Adds a service. Panics on a second one of the same name.
    pub fn service(&mut self, service: impl Service + 'static) -> &mut Self {
        let name = service.name();
        assert!(self.services.insert(name, Box::new(service)).is_none(), "service {name} is registered twice");
        self
    }

    /// Adds a service type. Panics on a second one of the same name, and when its service is unknown.
    pub fn add<P: Plugin>(&mut self) -> &mut Self {
        assert!(self.services.contains_key(P::SERVICE), "service type {} fills the unknown service {}", P::NAME, P::SERVICE);
        let build: Build = |config| {
            let config: P::Config = serde_json::from_value(config).map_err(|e| e.to_string())?;
            Ok(Box::new(P::new(config).map_err(|e| e.chain().join(": "))?))
        };
        let entry = TypeEntry { service: P::SERVICE, title: P::TITLE, schema: || schemars::schema_for!(P::Config), build };
        assert!(self.types.insert(P::NAME, entry).is_none(), "service type {} is registered twice", P::NAME);
        self.add_templates(P::templates());
        P::actions(&mut self.actions);
        self
    }

    /// Adds an application. Panics on a second one of the same name.
    pub fn application(&mut self, application: impl Application + 'static) -> &mut Self {
        assert!(
            !self.applications.iter().any(|a| a.name() == application.name()),
            "application {} is registered twice",
            application.name()
        );
        self.add_templates(application.templates());
        application.actions(&mut self.actions);
        self.applications.push(Arc::new(application));
        self
    }

    /// Adds actions that belong to no service type.
    pub fn actions_mut(&mut self) -> &mut Actions {
        &mut self.actions
    }

    fn add_templates(&mut self, templates: &'static [(&'static str, &'static str)]) {
        for (name, text) in templates {
            assert!(self.templates.insert(name, text).is_none(), "template {name} is registered twice");
        }
    }

    pub(crate) fn templates(&self) -> BTreeMap<&'static str, &'static str> {
        self.templates.clone()
    }

    /// The actions of this build.
    pub fn actions(&self) -> &Actions {
        &self.actions
    }

    /// The services, by name.
    pub fn services(&self) -> impl Iterator<Item = &dyn Service> {
        self.services.values().map(|s| &**s)
    }

    /// The names of the services so that each comes after those it depends on.
    pub fn service_order(&self) -> Vec<&'static str> {
        let mut order: Vec<&'static str> = Vec::new();
        while order.len() < self.services.len() {
            let ready: Vec<&'static str> = self
                .services
                .values()
                .filter(|s| !order.contains(&s.name()) && s.after().iter().all(|a| order.contains(a) || !self.services.contains_key(a)))
                .map(|s| s.name())
                .collect();
            if ready.is_empty() {
                // A circle: the rest in the order of their names.
                order.extend(self.services.keys().copied().filter(|name| !order.contains(name)).collect::<Vec<_>>());
            }
            order.extend(ready);
        }
        order
    }

    /// The service types, by name, with their schemas.
    pub fn types(&self) -> Vec<TypeInfo> {
        self.types
            .iter()
            .map(|(name, entry)| TypeInfo { name, service: entry.service, title: entry.title, schema: (entry.schema)().to_value() })
            .collect()
    }

    fn entry(&self, name: &str) -> Result<&TypeEntry> {
        self.types.get(name).ok_or_else(|| {
            let known: Vec<&str> = self.types.keys().copied().collect();
            Error::invalid(format!("there is no service type {}; this build has: {}", crate::name::shown(name), known.join(", ")))
                .hint("`aegir service list` shows what each is for")
        })
    }

    /// Checks that a service type fills a service and accepts these settings; returns the binding.
    pub fn bind(&self, service: &str, service_type: &str, config: serde_json::Value) -> Result<ServiceBinding> {
        let Some(wanted) = self.services.get(service) else {
            let known: Vec<&str> = self.services.keys().copied().collect();
            return Err(Error::invalid(format!(
                "there is no service {}; this build has: {}",
                crate::name::shown(service),
                known.join(", ")
            )));
        };
        let entry = self.entry(service_type)?;
        if entry.service != service {
            let fitting: Vec<&str> = self.types.iter().filter(|(_, e)| e.service == service).map(|(n, _)| *n).collect();
            return Err(Error::invalid(format!(
                "{service_type} fills the {} service, not {service}; for {service} there is: {}",
                entry.service,
                fitting.join(", ")
            )));
        }
        let binding = ServiceBinding { service_type: service_type.to_owned(), config };
        wanted.accept(&self.build(&binding)?.capabilities())?;
        Ok(binding)
    }

    /// Builds a service type from a binding.
    pub fn build(&self, binding: &ServiceBinding) -> Result<Box<dyn ServiceType>> {
        let entry = self.entry(&binding.service_type)?;
        (entry.build)(binding.config.clone()).map_err(|why| {
            Error::invalid(format!("the settings of {} are not valid", binding.service_type))
                .because(why)
                .hint(format!("`aegir service show {}` prints what they may be", binding.service_type))
        })
    }

    /// What a service type can do, with settings it accepts.
    pub fn capabilities(&self, binding: &ServiceBinding) -> Result<Capabilities> {
        Ok(self.build(binding)?.capabilities())
    }

    /// The applications, in the order they are asked.
    pub fn applications(&self) -> &[Arc<dyn Application>] {
        &self.applications
    }

    /// An application by name.
    pub fn application_named(&self, name: &str) -> Result<&dyn Application> {
        self.applications.iter().find(|a| a.name() == name).map(|a| &**a).ok_or_else(|| {
            let known: Vec<&str> = self.applications.iter().map(|a| a.name()).collect();
            Error::new(crate::ErrorKind::Unsupported, format!("this build knows no application {name}; it knows: {}", known.join(", ")))
        })
    }
}
