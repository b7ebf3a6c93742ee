//! Takes Aegir's configuration off a server that nothing is on, and forgets the server.

use super::{Draft, find, server_change};
use crate::action::{ForgetServer, PinHostKeys, PurgeTree, TrashTree};
use crate::entity::{EntityRef, Resource, ResourceKind, Server, Transport};
use crate::name::ServerName;
use crate::plan::Plan;
use crate::service::{Operation, PlanContext};
use crate::{Error, Result};

pub(super) async fn plan(name: &ServerName, offline: bool, cx: &PlanContext<'_>) -> Result<Draft> {
    let server = find::server(cx.inventory(), name).await?;
    if *name == ServerName::master() || server.transport == Transport::Local {
        return Err(Error::refused(format!("{name} is the machine Aegir runs on, so it is not deleted")).context("server", name));
    }
    let (web, db) = server_change::users(name, cx).await?;
    let users: Vec<String> = web.into_iter().chain(db).collect();
    if !users.is_empty() {
        return Err(Error::refused(format!("server {name} still has {}", server_change::in_words(&users)))
            .context("server", name)
            .hint(format!("`aegir site list --server {name}` and `aegir platform list` show them; delete or move them first")));
    }
    let owner = EntityRef::from(&server);
    let owned = cx.inventory().owned_by(&owner).await?;
    let plan = if offline { gone(&server, cx) } else { leave(&server, &owner, &owned, cx).await? };
    // What the plan strikes by itself may not be struck twice.
    let left = if offline { owned } else { owned.into_iter().filter(|r| !in_config(&server, r)).collect() };
    let master = ServerName::master();
    let unpin = PinHostKeys { of: name.clone(), transport: server.transport.clone(), keys: Vec::new() };
    let mut plan = plan.then(&master, &owner, &ForgetServer { server: server.clone(), owned: left })?;
    // Last: whoever goes on with this after a crash still gets to the server.
    plan = plan.finally(&master, &owner, &unpin)?;
    Ok(Draft { kind: "server.delete", title: format!("delete server {name}"), subject: owner, plan, reads: Vec::new() })
}

fn in_config(server: &Server, resource: &Resource) -> bool {
    let config = Resource::path(&server.name, server.config_dir());
    resource.kind == ResourceKind::Path && config.covers(resource)
}

/// Takes the services' configuration away, then the directory it was in; what may hold data stays.
async fn leave(server: &Server, owner: &EntityRef, owned: &[Resource], cx: &PlanContext<'_>) -> Result<Plan> {
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
    cx.warn(format!("backups, the account {} and the packages on {} stay", server.user, server.name));
    Ok(plan)
}

fn gone(server: &Server, cx: &PlanContext<'_>) -> Plan {
    cx.warn(format!(
        "nothing is done on {}: if it still runs, it keeps {}, its backups, and Aegir's key in {}",
        server.name,
        server.config_dir(),
        server.root.join(".ssh/authorized_keys")
    ));
    Plan::empty()
}
