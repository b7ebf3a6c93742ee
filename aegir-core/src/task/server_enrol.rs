//! Takes a server under management: looks at it, records it, brings its configuration up to date.

use super::{Draft, EnrolServer, server_verify};
use crate::entity::{EntityRef, Server};
use crate::service::PlanContext;
use crate::{Error, Result};

pub(super) async fn plan(new: &EnrolServer, cx: &PlanContext<'_>) -> Result<Draft> {
    if cx.inventory().server(&new.name).await?.is_some() {
        return Err(Error::conflict(format!("there is a server {} already", new.name))
            .context("server", &new.name)
            .hint(format!("look at it with `aegir server show {}`", new.name)));
    }
    if let Some(other) = cx.inventory().servers().await?.into_iter().find(|s| s.transport == new.transport || s.hostname == new.hostname) {
        return Err(Error::conflict(format!("server {} is that machine already", other.name))
            .context("server", &other.name)
            .hint(format!("look at it with `aegir server show {}`", other.name)));
    }
    for (service, binding) in &new.services {
        cx.registry().bind(service, &binding.service_type, binding.config.clone())?;
    }
    let draft = Server {
        name: new.name.clone(),
        hostname: new.hostname.clone(),
        transport: new.transport.clone(),
        stage: new.stage,
        services: new.services.clone(),
        root: cx.settings().root(),
        user: cx.settings().user().to_owned(),
        web_group: String::new(),
        addresses: Vec::new(),
        facts: None,
        revision: 0,
    };
    let (server, plan) = server_verify::draw(draft, cx).await?;
    Ok(Draft {
        kind: "server.enrol",
        title: format!("enrol server {}", server.name),
        subject: EntityRef::from(&server),
        plan,
        reads: Vec::new(),
    })
}
