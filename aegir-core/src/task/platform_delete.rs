//! Forgets a platform without sites; removes its code wherever Aegir put it.

use super::{Draft, find, gone, platform_code};
use crate::action::{ForgetPlatform, PurgeTree, Strike, TrashTree};
use crate::entity::{EntityRef, Owner, Platform, Server};
use crate::inventory::SiteFilter;
use crate::name::{PlatformName, ServerName};
use crate::plan::Plan;
use crate::service::{Operation, PlanContext};
use crate::{Error, Result};

pub(super) async fn plan(name: &PlatformName, offline: bool, cx: &PlanContext<'_>) -> Result<Draft> {
    let platform = match find::platform(cx.inventory(), name).await {
        Err(missing) if offline => return gone::never_made("platform.delete", EntityRef::Platform(name.clone()), missing, cx).await,
        platform => platform?,
    };
    let server = find::server(cx.inventory(), &platform.server).await?;
    let sites = cx.inventory().sites(&SiteFilter { platform: Some(name.clone()), server: None }).await?;
    if let Some(first) = sites.first() {
        let has =
            if sites.len() == 1 { format!("the site {}", first.uri) } else { format!("{} sites, {} among them", sites.len(), first.uri) };
        return Err(Error::refused(format!("platform {name} still has {has}"))
            .context("platform", name)
            .hint(format!("`aegir site list --platform {name}` shows them; delete them first")));
    }
    let owner = Owner::from(&platform);
    let mut plan = if offline { leave(&platform, &server, cx).await? } else { clear(&platform, &server, cx).await? };
    let trash = platform.path.with_file_name(format!(".deleted-{}-{}", name, uuid::Uuid::now_v7().simple()));
    // What a remote server has was sent there; what the master has may be somebody's own.
    let mut holders: Vec<&ServerName> = Vec::new();
    if platform_code::is_remote(&server) && !offline {
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
    plan = plan.then(&master, &owner, &ForgetPlatform { name: name.clone() })?;
    Ok(Draft {
        kind: "platform.delete",
        title: format!("delete platform {name}"),
        subject: owner.entity,
        plan,
        reads: vec![EntityRef::from(&server)],
    })
}

/// Takes away what services and application have for it on its server.
async fn clear(platform: &Platform, server: &Server, cx: &PlanContext<'_>) -> Result<Plan> {
    let operation = Operation::DeletePlatform { platform, server };
    let application = cx.registry().application_named(&platform.codebase.application)?;
    Ok(cx.service_type(server, "web")?.plan(&operation, cx).await?.and_then(application.plan(&operation, cx).await?))
}

/// Forgets what it has on a server that is gone.
async fn leave(platform: &Platform, server: &Server, cx: &PlanContext<'_>) -> Result<Plan> {
    let (name, gone) = (&platform.name, &server.name);
    if !gone::is_gone(server, cx).await? {
        return Err(Error::refused(format!("what platform {name} stands on is not gone: {gone} answers"))
            .context("platform", name)
            .hint(format!("`aegir platform delete {name}`")));
    }
    cx.warn(format!("nothing is done on {gone}: if it still runs, it keeps the code at {}, with all that was put there", platform.path));
    let owner = Owner::from(platform);
    let owned = gone::owned(&owner, gone, cx).await?;
    Plan::empty().then(&ServerName::master(), &owner, &Strike { gone: gone.clone(), owned })
}
