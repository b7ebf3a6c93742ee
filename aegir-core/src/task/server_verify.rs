//! Gathers a server's facts, checks it, and brings its own configuration up to date.

use std::collections::BTreeSet;

use camino::Utf8PathBuf;

use super::{Draft, check, find};
use crate::action::{MakeDir, RecordServer};
use crate::entity::{EntityRef, Owner, Server};
use crate::name::ServerName;
use crate::plan::Plan;
use crate::server::{Disk, Facts, Permissions};
use crate::service::{Check, Finding, Operation, PlanContext};
use crate::{Error, Result};

pub(super) async fn plan(name: &ServerName, cx: &PlanContext<'_>) -> Result<Draft> {
    let (server, plan) = draw(find::server(cx.inventory(), name).await?, cx).await?;
    Ok(Draft { kind: "server.verify", title: format!("verify server {name}"), subject: EntityRef::from(&server), plan, reads: Vec::new() })
}

/// The server with fresh facts, and what its verification changes. What the checks found is remembered, also when
/// they refuse.
pub(super) async fn draw(mut server: Server, cx: &PlanContext<'_>) -> Result<(Server, Plan)> {
    let look = check::look(&server, cx, None).await?;
    let facts = match look.reply() {
        Ok(reply) => reply.facts.clone(),
        Err(_) => {
            cx.core.remember(&server.name, look.judge(&server, cx).await?);
            return Err(look.into_error().unwrap_or_else(|| Error::internal("a look without an answer and without an error")));
        }
    };
    if server.facts.as_ref().is_none_or(|old| lasting(old) != lasting(&facts)) {
        server.addresses.clone_from(&facts.addresses);
        server.facts = Some(facts.clone());
    }
    if server.web_group.is_empty() {
        server.web_group = facts.web_group.clone().ok_or_else(|| {
            Error::refused(format!("server {} has no group that web servers run as", server.name))
                .context("server", &server.name)
                .hint("install a web server there first: `apt-get install apache2`")
        })?;
    }
    let checks = look.judge(&Server { facts: Some(facts), ..server.clone() }, cx).await?;
    cx.core.remember(&server.name, checks.clone());
    refuse_failed(&server, checks, cx)?;

    let owner = Owner::from(&server);
    let mut plan = Plan::empty();
    for (path, mode) in directories(&server) {
        plan = plan.then(&server.name, &owner, &MakeDir { path, permissions: Permissions::mode(mode) })?;
    }
    for service in cx.registry().service_order() {
        if server.services.contains_key(service) {
            plan = plan.and_then(cx.service_type(&server, service)?.plan(&Operation::VerifyServer { server: &server }, cx).await?);
        }
    }
    plan = plan.then(&server.name, &owner, &RecordServer { server: server.clone() })?;
    Ok((server, plan))
}

/// Facts without what changes at every look.
fn lasting(facts: &Facts) -> Facts {
    let disk = Disk { free: 0, inodes: 0, inodes_free: 0, ..facts.disk };
    Facts { clock: 0, disk, listening: BTreeSet::new(), ports: BTreeSet::new(), ..facts.clone() }
}

/// Aegir's own directories on a server, with their modes; services add theirs below `config/NAME`.
fn directories(server: &Server) -> Vec<(Utf8PathBuf, u32)> {
    let root = &server.root;
    vec![
        (root.join("config"), 0o711),
        (root.join("config/includes"), 0o711),
        (server.config_dir(), 0o711),
        (server.config_dir().join("credentials.d"), 0o700),
        (server.config_dir().join("authorities.d"), 0o711),
        (root.join("platforms"), 0o755),
        (server.backup_dir(), 0o700),
    ]
}

fn refuse_failed(server: &Server, checks: Vec<Check>, cx: &PlanContext<'_>) -> Result<()> {
    let mut failed: Option<Error> = None;
    for check in checks {
        match check.finding {
            Finding::Pass => {}
            Finding::Warn | Finding::Skipped => {
                let mend = if check.mend.is_empty() { String::new() } else { format!("; {}", check.mend) };
                cx.warn(format!("{}: {}{mend}", check.name, check.evidence));
            }
            Finding::Fail => {
                let error = failed.take().unwrap_or_else(|| {
                    Error::refused(format!("server {} fails the check {}: {}", server.name, check.name, check.evidence))
                        .context("server", &server.name)
                });
                failed = Some(error.hint(check.mend));
            }
        }
    }
    failed.map_or(Ok(()), Err)
}
