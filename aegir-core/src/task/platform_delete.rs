//! Forgets a platform without sites; removes its code only if Aegir put it there.

use super::{Draft, find};
use crate::action::{ForgetPlatform, PurgeTree, TrashTree};
use crate::entity::EntityRef;
use crate::inventory::SiteFilter;
use crate::name::PlatformName;
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
    if platform.created {
        let trash = platform.path.with_file_name(format!(".deleted-{}-{}", name, uuid::Uuid::now_v7().simple()));
        plan = plan.then(&server.name, &owner, &TrashTree { path: platform.path.clone(), trash: trash.clone() })?;
        plan = plan.finally(&server.name, &owner, &PurgeTree { path: trash })?;
    } else {
        cx.warn(format!("the code at {} stays: Aegir did not put it there", platform.path));
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
