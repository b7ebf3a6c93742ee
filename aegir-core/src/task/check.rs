//! The named checks of a server, its own and those of its services.

use std::sync::Arc;

use super::find;
use crate::Result;
use crate::entity::Server;
use crate::name::ServerName;
use crate::server::{Facts, FileKind, Observer};
use crate::service::{Check, PlanContext};
use crate::shared::Core;

/// Below this much free space a server is worth a warning.
const LOW_SPACE: u64 = 500 * 1024 * 1024;

pub(crate) async fn check_server(core: &Arc<Core>, name: &ServerName) -> Result<Vec<Check>> {
    let cx = PlanContext::new(core);
    let server = find::server(cx.inventory(), name).await?;
    let observer = cx.observe_server(&server).await?;
    let facts = observer.facts().await?;
    checks(&Server { facts: Some(facts), ..server }, &observer, &cx).await
}

/// All checks of a server whose facts were just gathered.
pub(super) async fn checks(server: &Server, observer: &Observer, cx: &PlanContext<'_>) -> Result<Vec<Check>> {
    let facts = server.facts()?;
    let mut checks = vec![user(server, facts), web_group(server, facts), root(server, observer).await?, space(server, facts), clock(facts)];
    for service in cx.registry().service_order() {
        if server.services.contains_key(service) {
            checks.extend(cx.service_type(server, service)?.check(server, cx).await?);
        }
    }
    Ok(checks)
}

fn user(server: &Server, facts: &Facts) -> Check {
    if facts.user == server.user {
        Check::pass("user", format!("commands run as {}", facts.user))
    } else {
        Check::fail(
            "user",
            format!("commands run as {}, not as {}", facts.user, server.user),
            format!("run aegir as {}: `sudo -u {} aegir …`", server.user, server.user),
        )
    }
}

fn web_group(server: &Server, facts: &Facts) -> Check {
    if facts.groups.contains(&server.web_group) {
        Check::pass("web-group", format!("{} is in the group {}", facts.user, server.web_group))
    } else {
        Check::fail(
            "web-group",
            format!("{} is in {}, not in {}", facts.user, facts.groups.join(", "), server.web_group),
            format!("as root: `usermod -aG {} {}`, then log in again", server.web_group, server.user),
        )
    }
}

async fn root(server: &Server, observer: &Observer) -> Result<Check> {
    Ok(match observer.stat(&server.root).await? {
        Some(stat) if stat.kind == FileKind::Dir => Check::pass("root", format!("{} stands", server.root)),
        _ => Check::fail("root", format!("{} is no directory", server.root), "as root: `aegir init`"),
    })
}

fn space(server: &Server, facts: &Facts) -> Check {
    let evidence = format!("{} MB and {} inodes free at {}", facts.disk.free / 1024 / 1024, facts.disk.inodes_free, server.root);
    if facts.disk.free < LOW_SPACE || facts.disk.inodes_free < 10_000 {
        Check::warn("disk", evidence, format!("free some space: `du -xh --max-depth=2 {} | sort -h`", server.root))
    } else {
        Check::pass("disk", evidence)
    }
}

fn clock(facts: &Facts) -> Check {
    let skew = (facts.clock - chrono::Utc::now().timestamp()).abs();
    if skew > 60 {
        Check::warn("clock", format!("{skew} s from the master's"), "as root: `timedatectl set-ntp true`")
    } else {
        Check::pass("clock", format!("{skew} s from the master's"))
    }
}
