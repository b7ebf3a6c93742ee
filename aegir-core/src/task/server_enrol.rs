//! Takes a server under management: looks at it, records it, brings its configuration up to date.

use std::collections::BTreeMap;

use super::{Draft, EnrolServer, host_key, server_verify};
use crate::entity::{EntityId, EntityRef, Server, ServiceBinding, Stage, Transport};
use crate::name::{ServerName, SiteUri, shown};
use crate::service::PlanContext;
use crate::{Error, Result};

pub(super) async fn plan(new: &EnrolServer, cx: &PlanContext<'_>) -> Result<Draft> {
    if cx.inventory().server(&new.name).await?.is_some() {
        return Err(Error::conflict(format!("there is a server {} already", new.name))
            .context("server", &new.name)
            .hint(format!("look at it with `aegir server show {}`", new.name)));
    }
    let hostname = host_name(&new.hostname)?;
    refuse_twin(&new.name, &hostname, &new.transport, cx).await?;
    let mut services = BTreeMap::new();
    for (service, binding) in &new.services {
        services.insert(service.clone(), cx.registry().bind(service, &binding.service_type, binding.config.clone())?);
    }
    let draft = draft(new.name.clone(), hostname, new.transport.clone(), new.stage, services, cx);
    let pin = host_key::agree(&draft, &new.host_keys, &format!("aegir server add {}", draft.hostname), cx).await?;
    let (server, plan) = server_verify::draw(draft, cx).await?;
    Ok(Draft {
        kind: "server.enrol",
        title: format!("enrol server {}", server.name),
        subject: EntityRef::from(&server),
        plan: pin.and_then(plan),
        reads: Vec::new(),
    })
}

/// A server as it is before anybody has looked at it.
pub(super) fn draft(
    name: ServerName,
    hostname: String,
    transport: Transport,
    stage: Stage,
    services: BTreeMap<String, ServiceBinding>,
    cx: &PlanContext<'_>,
) -> Server {
    Server {
        id: EntityId::generate(),
        name,
        hostname,
        transport,
        stage,
        services,
        root: cx.settings().root(),
        user: cx.settings().user().to_owned(),
        web_group: String::new(),
        addresses: Vec::new(),
        facts: None,
        revision: 0,
    }
}

/// One machine is one server.
pub(super) async fn refuse_twin(name: &ServerName, hostname: &str, transport: &Transport, cx: &PlanContext<'_>) -> Result<()> {
    let place = |transport: &Transport| match transport {
        Transport::Local => None,
        // Host names have no case, and may end with a dot.
        Transport::Ssh { host, port, .. } => Some((host.trim_end_matches('.').to_ascii_lowercase(), port.unwrap_or(22))),
    };
    let same = |s: &Server| s.name != *name && (place(&s.transport) == place(transport) || s.hostname == hostname);
    match cx.inventory().servers().await?.into_iter().find(same) {
        Some(other) => Err(Error::conflict(format!("server {} is that machine already", other.name))
            .context("server", &other.name)
            .hint(format!("look at it with `aegir server show {}`", other.name))),
        None => Ok(()),
    }
}

/// A name that DNS could know: in lower case, and without the dot that ends it in full.
///
/// # Errors
/// When it is none.
pub fn host_name(text: &str) -> Result<String> {
    match SiteUri::parse(text) {
        Ok(uri) if uri.port().is_none() && !text.starts_with('@') => Ok(uri.host().to_owned()),
        _ => Err(Error::invalid(format!("{} is no host name of a server", shown(text)))
            .hint("give its full name, such as web1.example.com; `--ssh USER@HOST` says where else it is reached")),
    }
}
