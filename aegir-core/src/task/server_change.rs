//! Changes how a server is reached, what it offers, what it is for: the changed server, verified.

use super::users::Users;
use super::{ChangeServer, Draft, find, host_key, server_enrol, server_verify};
use crate::action::PinHostKeys;
use crate::entity::{EntityRef, Owner, Server, ServiceBinding, Transport};
use crate::inventory::SiteFilter;
use crate::name::ServerName;
use crate::service::{Operation, PlanContext, ServiceChange};
use crate::{Error, Result};

pub(super) async fn plan(change: &ChangeServer, cx: &PlanContext<'_>) -> Result<Draft> {
    let old = find::server(cx.inventory(), &change.server).await?;
    let mut new = Server { stage: change.stage.unwrap_or(old.stage), ..old.clone() };
    if let Some(hostname) = &change.hostname {
        new.hostname = server_enrol::host_name(hostname)?;
    }
    if let Some(transport) = &change.transport {
        transport.check()?;
        if (old.transport == Transport::Local) != (*transport == Transport::Local) {
            return Err(Error::refused(format!("server {} is reached as {}, and stays so", old.name, old.transport))
                .context("server", &old.name)
                .hint("another machine is another server: `aegir server add`"));
        }
        new.transport = transport.clone();
    }
    server_enrol::refuse_twin(&new.name, &new.hostname, &new.transport, cx).await?;
    let mut gone = Vec::new();
    for (service, change) in &change.services {
        gone.extend(change_service(&old, &mut new, service, change, cx).await?.map(|binding| (service.clone(), binding)));
    }
    let pin = host_key::agree(&new, &change.host_keys, &format!("aegir server edit {}", new.name), cx).await?;
    let (server, verify) = server_verify::draw(new, cx).await?;
    let mut plan = pin;
    for (service, binding) in gone {
        // It is asked with the services it had: its configuration leaves before the others are brought up to date.
        let with = Server { services: [(service.clone(), binding.clone())].into(), ..server.clone() };
        plan = plan.and_then(cx.registry().build(&binding)?.plan(&Operation::DeleteServer { server: &with }, cx).await?);
    }
    plan = plan.and_then(verify);
    if place(&old.transport) != place(&server.transport) && old.transport != Transport::Local {
        let forget = PinHostKeys { of: old.name.clone(), transport: old.transport, keys: Vec::new() };
        plan = plan.then(&ServerName::master(), &Owner::from(&server), &forget)?;
    }
    Ok(Draft {
        kind: "server.change",
        title: format!("change server {}", server.name),
        subject: EntityRef::from(&server),
        plan,
        reads: Vec::new(),
    })
}

/// What host keys are pinned for.
fn place(transport: &Transport) -> Option<(&str, u16)> {
    match transport {
        Transport::Ssh { host, port, .. } => Some((host, port.unwrap_or(22))),
        Transport::Local => None,
    }
}

/// Changes one service; returns what filled it when that goes.
async fn change_service(
    old: &Server,
    new: &mut Server,
    service: &str,
    change: &ServiceChange,
    cx: &PlanContext<'_>,
) -> Result<Option<ServiceBinding>> {
    let standing = old.services.get(service);
    let ServiceChange::Fill { service_type, settings } = change else {
        if standing.is_some() {
            refuse_used(old, service, cx).await?;
            new.services.remove(service);
        }
        return Ok(standing.cloned());
    };
    let service_type = match (service_type, standing) {
        (Some(wanted), _) => wanted.clone(),
        (None, Some(binding)) => binding.service_type.clone(),
        (None, None) => return old.service(service).map(|_| None),
    };
    let kept = standing.filter(|binding| binding.service_type == service_type);
    let exchanged = standing.filter(|binding| binding.service_type != service_type);
    let config = kept.map_or(serde_json::Value::Null, |binding| binding.config.clone());
    // A type or a setting that nobody knows is told before what stands in its way.
    let binding = cx.registry().configure(service, &service_type, config, settings)?;
    if exchanged.is_some() {
        refuse_used(old, service, cx).await?;
    }
    if kept.is_some_and(|kept| *kept != binding) {
        let sites = cx.inventory().sites(&SiteFilter { platform: None, server: Some(old.name.clone()) }).await?.len();
        if sites > 0 {
            cx.warn(format!("{sites} sites on {} have the old settings until each is verified: `aegir site verify URI`", old.name));
        }
    }
    new.services.insert(service.to_owned(), binding);
    Ok(exchanged.cloned())
}

/// Refuses to take away what platforms, sites or databases stand on.
async fn refuse_used(server: &Server, service: &str, cx: &PlanContext<'_>) -> Result<()> {
    let Some(users) = Users::of(&server.name, cx).await?.of_service(service) else { return Ok(()) };
    Err(Error::refused(format!("server {} offers {service} to {users}", server.name))
        .context("server", &server.name)
        .hint("delete those first"))
}
