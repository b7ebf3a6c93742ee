//! Prepares a bare machine, as root: account, directories, key, and what each service type needs there.

use std::collections::BTreeMap;

use super::{Draft, PrepareMachine};
use crate::Result;
use crate::action::{Action as _, InstallPackages, KeyFile, MakeAccount, OwnDirectory};
use crate::entity::{EntityRef, Server, Transport};
use crate::name::ServerName;
use crate::plan::Plan;
use crate::service::{Operation, PlanContext};

/// The group that Debian's web servers run as; it exists on every Debian, also before one is installed.
const WEB_GROUP: &str = "www-data";

/// What Aegir itself runs on a server, besides what every Debian has.
const PACKAGES: &[&str] = &["sudo", "zstd", "tar"];

pub(super) async fn plan(new: &PrepareMachine, cx: &PlanContext<'_>) -> Result<Draft> {
    let services = new
        .services
        .iter()
        .map(|(service, binding)| Ok((service.clone(), cx.registry().bind(service, &binding.service_type, binding.config.clone())?)));
    let server = Server {
        name: ServerName::master(),
        hostname: new.hostname.clone(),
        transport: Transport::Local,
        stage: crate::entity::Stage::default(),
        services: services.collect::<Result<BTreeMap<_, _>>>()?,
        root: cx.settings().root(),
        user: cx.settings().user().to_owned(),
        web_group: WEB_GROUP.to_owned(),
        addresses: Vec::new(),
        facts: None,
        revision: 0,
    };
    cx.observe_server(&server).await?;
    let (name, owner) = (&server.name, EntityRef::from(&server));
    let keys = server.root.join("keys");
    let directory = |path: &camino::Utf8Path, mode| OwnDirectory { path: path.to_owned(), mode, owner: server.user.clone() };
    let mut plan = Plan::empty()
        .then(name, &owner, &InstallPackages::new(PACKAGES))?
        .then(
            name,
            &owner,
            &MakeAccount {
                name: server.user.clone(),
                home: server.root.clone(),
                shell: "/bin/bash".into(),
                groups: vec![WEB_GROUP.to_owned()],
            },
        )?
        .then(name, &owner, &directory(&server.root, 0o711))?
        .then(name, &owner, &directory(&keys, 0o700))?
        .then(name, &owner, &KeyFile { path: keys.join("inventory.key"), owner: server.user.clone() })?;
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
        subject: owner,
        plan,
        reads: Vec::new(),
    })
}
