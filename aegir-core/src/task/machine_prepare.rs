//! Prepares a bare machine, as root: account, directories, keys, and what each service type needs there.

use std::collections::BTreeMap;

use super::{Draft, PrepareMachine, preparation};
use crate::Result;
use crate::action::{Action as _, InstallPackages, KeyFile, KeyPair, OwnDirectory};
use crate::entity::{EntityId, Owner, Server, Transport};
use crate::name::ServerName;
use crate::plan::Plan;
use crate::server::SshConfig;
use crate::service::{Operation, PlanContext};

pub(super) async fn plan(new: &PrepareMachine, cx: &PlanContext<'_>) -> Result<Draft> {
    // Said now, while another root can be chosen.
    SshConfig::check_root(&cx.settings().root())?;
    let services = new
        .services
        .iter()
        .map(|(service, binding)| Ok((service.clone(), cx.registry().bind(service, &binding.service_type, binding.config.clone())?)));
    let server = Server {
        id: EntityId::generate(),
        name: ServerName::master(),
        hostname: new.hostname.clone(),
        transport: Transport::Local,
        stage: crate::entity::Stage::default(),
        services: services.collect::<Result<BTreeMap<_, _>>>()?,
        root: cx.settings().root(),
        user: cx.settings().user().to_owned(),
        web_group: crate::entity::WEB_GROUP.to_owned(),
        addresses: Vec::new(),
        facts: None,
        revision: 0,
    };
    // There is no inventory yet that could say how this name is reached: it is this machine.
    cx.core.connections.store(&server.name, &cx.core.connect_to(&server));
    let (name, owner) = (&server.name, Owner::from(&server));
    let wanted = preparation::placed(preparation::of(&server, cx)?, &cx.observe_server(&server).await?).await?;
    let keys = server.root.join("keys");
    let mut plan = Plan::empty().then(name, &owner, &preparation::packages(&wanted))?.then(name, &owner, &preparation::account(&server))?;
    for (path, mode) in preparation::directories(&server).into_iter().chain([(keys.clone(), 0o700)]) {
        plan = plan.then(name, &owner, &OwnDirectory { path, mode, owner: server.user.clone() })?;
    }
    let pair = KeyPair {
        path: keys.join("id_ed25519"),
        known_hosts: keys.join("known_hosts"),
        owner: server.user.clone(),
        comment: format!("{}@{}", server.user, server.hostname.split_whitespace().next().unwrap_or_default()),
    };
    plan = plan
        .then(name, &owner, &KeyFile { path: keys.join("inventory.key"), owner: server.user.clone() })?
        .then(name, &owner, &pair)?
        .and_then(preparation::steps(&wanted, &server)?);
    for service in cx.registry().service_order() {
        if server.services.contains_key(service) {
            plan = plan.and_then(cx.service_type(&server, service)?.plan(&Operation::PrepareMachine { server: &server }, cx).await?);
        }
    }
    if !new.packages {
        let keep: Vec<bool> = plan.steps().iter().map(|s| s.action != InstallPackages::NAME).collect();
        plan = plan.retain(&|i| keep[i]);
    }
    Ok(Draft {
        kind: "machine.prepare",
        title: format!("prepare {} as the master", server.hostname),
        subject: owner.entity,
        plan,
        reads: Vec::new(),
    })
}
