//! Machines that an operator says are gone for good: whether they are, and what Aegir has there.

use crate::Result;
use crate::engine::left_on;
use crate::entity::{EntityRef, Resource, Server, Transport};
use crate::name::ServerName;
use crate::service::PlanContext;

/// Whether a server does not answer. If so the plan counts on it being gone, and what unfinished tasks began there is
/// given up before it runs. The machine that Aegir runs on is not gone.
pub(super) async fn is_gone(server: &Server, cx: &PlanContext<'_>) -> Result<bool> {
    if is_here(server) || cx.core.answers(server).await? {
        return Ok(false);
    }
    cx.give_up(&server.name);
    for left in left_on(cx.core, &server.name).await? {
        let (id, kind, subject) = (left.task.id, &left.task.kind, &left.task.subject);
        cx.warn(format!(
            "task {id} ({kind}, {subject}) is not taken back yet: what it began on {} is given up ({}), the rest is taken back first",
            server.name,
            left.steps.join("; ")
        ));
    }
    Ok(true)
}

/// Whether it is the machine that Aegir runs on.
pub(super) fn is_here(server: &Server) -> bool {
    server.name == ServerName::master() || server.transport == Transport::Local
}

/// What the ledger says an entity has on a server that is gone, without what goes with the tasks that are given up.
pub(super) async fn owned(owner: &EntityRef, server: &ServerName, cx: &PlanContext<'_>) -> Result<Vec<Resource>> {
    let given_up: Vec<Resource> = left_on(cx.core, server).await?.into_iter().flat_map(|left| left.acquired).collect();
    let mut owned = cx.inventory().owned_by(owner).await?;
    owned.retain(|resource| resource.server == *server && !given_up.contains(resource));
    Ok(owned)
}
