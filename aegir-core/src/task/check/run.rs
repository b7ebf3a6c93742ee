//! Checks many servers side by side, picks the checks that were asked for, and notes what was found.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use futures::future::join_all;
use tokio::sync::Semaphore;

use super::look::look;
use super::sites;
use super::tasks::unfinished;
use crate::entity::Server;
use crate::inventory::NotedCheck;
use crate::name::ServerName;
use crate::service::{Check, Finding, PlanContext};
use crate::shared::{Core, no_server};
use crate::{Error, Result};

/// How many connections are opened at once. Waiting for a dead server costs nothing, so this is far more than work
/// is done at once: the dead ones shall delay nobody.
const CONNECTING: usize = 128;

/// How long the checks of one server may take.
const LIMIT: std::time::Duration = std::time::Duration::from_secs(300);

/// A server and what its checks found.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Checked {
    /// The server.
    pub server: ServerName,
    /// Whether it could be looked at. Where it could not, one check says why, and others are skipped.
    pub looked: bool,
    /// The checks, in a stable order.
    pub checks: Vec<Check>,
}

impl Checked {
    /// Whether a check failed.
    pub fn has_failed(&self) -> bool {
        self.checks.iter().any(|c| c.finding == Finding::Fail)
    }

    /// Whether nothing answered where the server should be, as against one that answers and is refused.
    pub fn is_unreachable(&self) -> bool {
        !self.looked && self.checks.iter().any(|c| c.finding == Finding::Fail && c.name == super::connection::REACHABLE)
    }
}

/// Checks servers side by side, all when none is named, and notes what was found. `wanted` names checks, or services
/// whose checks are wanted; none means all of them. The answer is in the order of the names.
pub(crate) async fn check_servers(core: &Arc<Core>, names: &[ServerName], wanted: &[String]) -> Result<Vec<Checked>> {
    let servers = core.inventory.servers().await?;
    let chosen: Vec<&Server> = if names.is_empty() {
        servers.iter().collect()
    } else {
        names.iter().map(|n| servers.iter().find(|s| s.name == *n).ok_or_else(|| no_server(n))).collect::<Result<_>>()?
    };
    let (doors, turns) = (Semaphore::new(CONNECTING), Semaphore::new(core.settings.parallel().max(1)));
    let all = join_all(chosen.into_iter().map(|server| async {
        let _door = doors.acquire().await.ok();
        tokio::time::timeout(LIMIT, one(core, server, wanted, &turns)).await.unwrap_or_else(|_| Ok(endless(server)))
    }));
    all.await.into_iter().collect()
}

/// A server whose checks have no end.
fn endless(server: &Server) -> Checked {
    let evidence = format!("the checks took longer than {} minutes, and were ended", LIMIT.as_secs() / 60);
    let check = Check::fail("limit", evidence, format!("see what keeps {} busy: `top` there", server.name));
    Checked { server: server.name.clone(), looked: false, checks: vec![check] }
}

async fn one(core: &Arc<Core>, server: &Server, wanted: &[String], turns: &Semaphore) -> Result<Checked> {
    let cx = PlanContext::new(core);
    let look = look(server, &cx, Some(turns)).await?;
    let facts = look.reply().ok().map(|s| s.facts.clone());
    let (at, looked) = (Utc::now(), facts.is_some());
    let server = Server { facts: facts.or_else(|| server.facts.clone()), ..server.clone() };
    let mut checks = look.judge(&server, &cx).await?;
    if looked {
        checks.extend(sites::judge(&server, wanted, &cx).await?);
    }
    if server.name == ServerName::master() {
        checks.extend(unfinished(core).await?);
    }
    if !wanted.is_empty() {
        choose(&mut checks, &server, wanted)?;
    }
    // What was found is worth more than the note of it: an inventory that cannot be written has its own errors.
    let _ = note(core, &server.name, &checks, at, !wanted.is_empty()).await;
    Ok(Checked { server: server.name, looked, checks })
}

/// Notes what checks found; `some` says that these are not all.
pub(crate) async fn note(core: &Arc<Core>, server: &ServerName, checks: &[Check], at: DateTime<Utc>, some: bool) -> Result<()> {
    let old = core.inventory.noted_checks(server).await?;
    core.inventory.note_checks(server, &NotedCheck::merged(old, checks, at, some)).await
}

/// Keeps the checks that are wanted, and what failed before they could be made.
fn choose(checks: &mut Vec<Check>, server: &Server, wanted: &[String]) -> Result<()> {
    let wants = |check: &Check, name: &str| {
        let own = check.name == name || check.name.strip_prefix(name).is_some_and(|rest| rest.starts_with('.'));
        own || check.name.strip_suffix(name).is_some_and(|rest| rest.ends_with('.'))
            || (check.finding == Finding::Skipped && check.covers(name))
    };
    if let Some(unknown) = wanted.iter().find(|w| !checks.iter().any(|c| wants(c, w))) {
        let known: Vec<&str> = checks.iter().map(|c| c.name.as_str()).collect();
        return Err(Error::not_found(format!(
            "server {} has no check {}; it has: {}",
            server.name,
            crate::name::shown(unknown),
            known.join(", ")
        ))
        .context("server", &server.name));
    }
    let skips = checks.iter().any(|c| c.finding == Finding::Skipped && wanted.iter().any(|w| wants(c, w)));
    checks.retain(|c| wanted.iter().any(|w| wants(c, w)) || (skips && c.finding == Finding::Fail));
    Ok(())
}
