//! Forgets a platform without sites; removes its code wherever Aegir put it.

use super::{Draft, find, platform_code};
use crate::action::{ForgetPlatform, PurgeTree, TrashTree};
use crate::entity::EntityRef;
use crate::inventory::SiteFilter;
use crate::name::{PlatformName, ServerName};
use crate::service::{Operation, PlanContext};
use crate::{Error, Result};

pub(super) async fn plan(name: &PlatformName, cx: &PlanContext<'_>) -> Result<Draft> {
    let platform = find::platform(cx.inventory(), name).await?;
    let server = find::server(cx.inventory(), &platform.server).await?;
    let sites = cx.inventory().sites(&SiteFilter { platform: Some(name.clone()), server: None }).await?;
    if let Some(first) = sites.first() {
        return Err(Error::refused(format!("platform {name} still has {} sites, {} among them", sites.len(), first.uri))
            .context("platform", name)
            .hint(format!("`aegir site list --platform {name}` shows them; delete or migrate them first")));
    }
    let owner = EntityRef::from(&platform);
    let operation = Operation::DeletePlatform { platform: &platform, server: &server };
    let mut plan = cx.service_type(&server, "web")?.plan(&operation, cx).await?;
    plan = plan.and_then(cx.registry().application_named(&platform.codebase.application)?.plan(&operation, cx).await?);
    let trash = platform.path.with_file_name(format!(".deleted-{}-{}", name, uuid::Uuid::now_v7().simple()));
    // What a remote server has was sent there; what the master has may be somebody's own.
    let mut holders: Vec<&ServerName> = Vec::new();
    if platform_code::is_remote(&server) {
        holders.push(&server.name);
    }
    let master = ServerName::master();
    if platform.created {
        holders.push(&master);
    } else {
        cx.warn(format!("the code at {} on {master} stays: Aegir did not put it there", platform.path));
    }
    for holder in holders {
        plan = plan.then(holder, &owner, &TrashTree { path: platform.path.clone(), trash: trash.clone() })?.finally(
            holder,
            &owner,
            &PurgeTree { path: trash.clone() },
        )?;
    }
    plan = plan.then(&server.name, &owner, &ForgetPlatform { name: name.clone() })?;
    Ok(Draft {
        kind: "platform.delete",
        title: format!("delete platform {name}"),
        subject: owner,
        plan,
        reads: vec![EntityRef::from(&server)],
    })
}
