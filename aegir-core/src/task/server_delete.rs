//! Takes Aegir's configuration off a server that nothing is on, and forgets the server.

use super::users::Users;
use super::{Draft, find, gone};
use crate::action::{ForgetServer, PinHostKeys, PurgeTree, TrashTree};
use crate::entity::{EntityRef, Owner, Resource, ResourceKind, Server};
use crate::name::ServerName;
use crate::plan::Plan;
use crate::service::{Operation, PlanContext};
use crate::{Error, Result};

pub(super) async fn plan(name: &ServerName, offline: bool, cx: &PlanContext<'_>) -> Result<Draft> {
    let server = match find::server(cx.inventory(), name).await {
        Err(missing) if offline => return gone::never_made("server.delete", EntityRef::Server(name.clone()), missing, cx).await,
        server => server?,
    };
    if gone::is_here(&server) {
        return Err(Error::refused(format!("{name} is the machine Aegir runs on, so it is not deleted")).context("server", name));
    }
    let users = Users::of(name, cx).await?;
    if let Some(words) = users.in_words() {
        let error = Error::refused(format!("server {name} still has {words}")).context("server", name);
        return Err(users.deletions(offline).fold(error, Error::hint));
    }
    let owner = Owner::from(&server);
    let (plan, owned) = if offline { leave(&server, &owner, cx).await? } else { clear(&server, &owner, cx).await? };
    let master = ServerName::master();
    let unpin = PinHostKeys { of: name.clone(), transport: server.transport.clone(), keys: Vec::new() };
    let mut plan = plan.then(&master, &owner, &ForgetServer { server: server.clone(), owned })?;
    // Last: whoever goes on with this after a crash still gets to the server.
    plan = plan.finally(&master, &owner, &unpin)?;
    Ok(Draft { kind: "server.delete", title: format!("delete server {name}"), subject: owner.entity, plan, reads: Vec::new() })
}

fn in_config(server: &Server, resource: &Resource) -> bool {
    let config = Resource::path(&server.name, server.config_dir());
    resource.kind == ResourceKind::Path && config.covers(resource)
}

/// Takes the services' configuration away, then the directory it was in; what may hold data stays. And what then is left
/// to strike from the ledger: what the plan strikes by itself may not be struck twice.
async fn clear(server: &Server, owner: &Owner, cx: &PlanContext<'_>) -> Result<(Plan, Vec<Resource>)> {
    let mut owned = cx.inventory().owned_by(owner).await?;
    let mut plan = Plan::empty();
    let mut order = cx.registry().service_order();
    order.reverse();
    for service in order {
        if server.services.contains_key(service) {
            plan = plan.and_then(cx.service_type(server, service)?.plan(&Operation::DeleteServer { server }, cx).await?);
        }
    }
    let config = server.config_dir();
    if owned.contains(&Resource::path(&server.name, &config)) {
        // Not below `config`: what the server owns there is struck from the ledger, and this must stay until it is destroyed.
        let trash = server.root.join(format!(".deleted-{}-{}", server.name, uuid::Uuid::now_v7().simple()));
        plan = plan.then(&server.name, owner, &TrashTree { path: config, trash: trash.clone() })?;
        plan = plan.finally(&server.name, owner, &PurgeTree { path: trash })?;
    }
    cx.warn(format!(
        "what the machine was prepared with stays on {}: the packages, the account {} with its sudo rules and Aegir's key, the helper; backups, too",
        server.name, server.user
    ));
    owned.retain(|resource| !in_config(server, resource));
    Ok((plan, owned))
}

/// Does nothing there: the machine is gone.
async fn leave(server: &Server, owner: &Owner, cx: &PlanContext<'_>) -> Result<(Plan, Vec<Resource>)> {
    let name = &server.name;
    if !gone::is_gone(server, cx).await? {
        return Err(Error::refused(format!("server {name} is not gone: it answers"))
            .context("server", name)
            .hint(format!("`aegir server delete {name}`")));
    }
    cx.warn(format!(
        "nothing is done on {name}: if it still runs, it keeps {}, its backups, and Aegir's key in {}",
        server.config_dir(),
        server.root.join(".ssh/authorized_keys")
    ));
    Ok((Plan::empty(), gone::owned(owner, name, cx).await?))
}
