//! Machines that an operator says are gone for good: whether they are, and what Aegir has there.

use std::collections::BTreeSet;

use super::{Draft, Request};
use crate::engine::{left_on, reached, unfinished};
use crate::entity::{EntityRef, Owner, Resource, Server, Transport};
use crate::name::ServerName;
use crate::plan::Plan;
use crate::service::PlanContext;
use crate::{Error, ErrorKind, Result};

/// Whether a server does not answer. If so the plan counts on it being gone, and what unfinished tasks began there is
/// given up before it runs. The machine that Aegir runs on is not gone.
pub(super) async fn is_gone(server: &Server, cx: &PlanContext<'_>) -> Result<bool> {
    if is_here(server) {
        return Ok(false);
    }
    let Some(why) = cx.core.silence(server).await? else { return Ok(false) };
    cx.warn(format!("{} counts as gone: {}", server.name, why.chain().join(": ")));
    cx.give_up(&server.name);
    for left in left_on(cx.core, &server.name).await? {
        let (id, kind, subject) = (left.task.id, &left.task.kind, &left.task.subject);
        let steps = left.steps_on(&server.name).collect::<Vec<_>>().join("; ");
        cx.warn(format!(
            "task {id} ({kind}, {subject}) is not taken back yet: what it began on {} is given up ({steps}), the rest is taken back first",
            server.name
        ));
    }
    Ok(true)
}

/// Whether it is the machine that Aegir runs on.
pub(super) fn is_here(server: &Server) -> bool {
    server.name == ServerName::master() || server.transport == Transport::Local
}

/// What the ledger says an entity has on a server that is gone, without what goes with the tasks that are given up.
pub(super) async fn owned(owner: &Owner, server: &ServerName, cx: &PlanContext<'_>) -> Result<Vec<Resource>> {
    let left = left_on(cx.core, server).await?;
    let given_up: BTreeSet<&Resource> = left.iter().flat_map(|left| left.acquired_on(server)).collect();
    let mut owned = cx.inventory().owned_by(owner).await?;
    owned.retain(|resource| resource.server == *server && !given_up.contains(resource));
    Ok(owned)
}

/// What deleting a thing offline comes to that is not there: a task may still be at making it, on a machine that is gone.
/// That task ends; `missing` when there is none.
pub(super) async fn never_made(kind: &'static str, subject: EntityRef, missing: Error, cx: &PlanContext<'_>) -> Result<Draft> {
    let mut gone = false;
    for left in unfinished(cx.core).await?.into_iter().filter(|left| left.task.subject == subject) {
        for name in left.servers() {
            if let Some(server) = reached(cx.core, name).await? {
                gone |= is_gone(&server, cx).await?;
            }
        }
    }
    if !gone {
        return Err(missing);
    }
    Ok(Draft { kind, title: format!("delete {subject}"), subject, plan: Plan::empty(), reads: Vec::new() })
}

/// A deletion that does not get to a machine tells the way that needs none.
pub(super) fn explain(request: &Request, error: Error) -> Error {
    let command = match request {
        Request::DeleteServer { server, offline: false } => format!("server delete {server}"),
        Request::DeletePlatform { platform, offline: false } => format!("platform delete {platform}"),
        Request::DeleteSite { site, offline: false, .. } => format!("site delete {site}"),
        _ => return error,
    };
    if error.kind() != ErrorKind::Unreachable {
        return error;
    }
    error.hint(format!("if the machine is gone for good: `aegir {command} --offline`"))
}
