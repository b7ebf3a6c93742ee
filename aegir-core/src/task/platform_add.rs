//! Takes over a codebase that stands at a path on the master, or copies one there; a remote server is sent it.

use super::{AddPlatform, Draft, find, platform_code, platform_place, platform_verify};
use crate::action::CopyTree;
use crate::entity::{EntityId, EntityRef, Owner, Platform};
use crate::name::{ServerName, absolute_path};
use crate::plan::Plan;
use crate::service::{Code, PlanContext};
use crate::{Error, ErrorKind, Result};

pub(super) async fn plan(new: &AddPlatform, cx: &PlanContext<'_>) -> Result<Draft> {
    let path = absolute_path("platform path", new.path.as_str())?;
    if cx.inventory().platform(&new.name).await?.is_some() {
        return Err(Error::conflict(format!("there is a platform {} already", new.name))
            .context("platform", &new.name)
            .hint(format!("look at it with `aegir platform show {}`, or choose another name", new.name)));
    }
    let server = find::server(cx.inventory(), &new.server).await?;
    // Known before anything is copied: a server that serves no sites.
    cx.service_type(&server, "web")?;
    let master = find::server(cx.inventory(), &ServerName::master()).await?;
    let files = cx.observe(&master.name).await?;
    // The code of all of them stands on the master.
    let mut others = cx.inventory().platforms().await?;
    platform_place::refuse(&path, &master, &files, &others).await?;
    let mut plan = Plan::empty();
    let owner = Owner::new(EntityRef::Platform(new.name.clone()), EntityId::generate());
    let root = match &new.from {
        None => path.clone(),
        Some(from) => {
            let from = absolute_path("source", from.as_str())?;
            platform_code::require_room(&path, &master, &files, "`--from` never writes into an existing directory").await.map_err(|e| {
                match e.kind() {
                    ErrorKind::Conflict => e.hint("leave `--from` away to take over what stands there, or choose another path"),
                    _ => e,
                }
            })?;
            plan = plan.then(&master.name, &owner, &CopyTree { from: from.clone(), to: path.clone() })?;
            from
        }
    };
    let code = Code { files, root };
    let codebase = platform_code::detect(&code, cx).await?;
    if platform_code::is_remote(&server) {
        let there = cx.observe(&server.name).await?;
        others.retain(|other| other.server == server.name);
        platform_place::refuse(&path, &server, &there, &others).await?;
        platform_code::require_room(&path, &server, &there, "Aegir sends code only to a place of its own").await.map_err(|e| {
            match e.kind() {
                ErrorKind::Conflict => e.hint(format!("on {}: `mv {path} {path}.old`, or choose another path", server.name)),
                _ => e,
            }
        })?;
    }
    let platform = Platform {
        id: owner.id,
        name: new.name.clone(),
        path,
        server: server.name.clone(),
        codebase,
        locked: false,
        php: new.php.clone(),
        created: new.from.is_some(),
        revision: 0,
    };
    let plan = plan.and_then(platform_verify::draw(&platform, &server, &code, cx).await?);
    Ok(Draft {
        kind: "platform.add",
        title: format!("add platform {}", platform.name),
        subject: EntityRef::from(&platform),
        plan,
        reads: vec![EntityRef::from(&server)],
    })
}
