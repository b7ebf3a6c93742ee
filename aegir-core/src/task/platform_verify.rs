//! Looks at a platform's codebase again, and brings its configuration up to date.

use super::{Draft, find, platform_add};
use crate::Result;
use crate::action::RecordPlatform;
use crate::entity::{EntityRef, Platform, Server};
use crate::name::PlatformName;
use crate::plan::Plan;
use crate::service::{Operation, PlanContext};

pub(super) async fn plan(name: &PlatformName, cx: &PlanContext<'_>) -> Result<Draft> {
    let mut platform = find::platform(cx.inventory(), name).await?;
    let server = find::server(cx.inventory(), &platform.server).await?;
    let files = cx.observe(&server.name).await?;
    platform.codebase = platform_add::detect(&platform.path, &files, cx).await?;
    let plan = draw(&platform, &server, cx).await?;
    Ok(Draft {
        kind: "platform.verify",
        title: format!("verify platform {name}"),
        subject: EntityRef::from(&platform),
        plan,
        reads: vec![EntityRef::from(&server)],
    })
}

/// What bringing a platform up to date changes.
pub(super) async fn draw(platform: &Platform, server: &Server, cx: &PlanContext<'_>) -> Result<Plan> {
    // Refused before anything is made: code that this server cannot run.
    server
        .facts()?
        .php_for(&platform.codebase, platform.php.as_deref())
        .map_err(|e| e.context("server", &server.name).context("platform", &platform.name))?;
    let operation = Operation::VerifyPlatform { platform, server };
    let application = cx.registry().application_named(&platform.codebase.application)?;
    application.plan(&operation, cx).await?.and_then(cx.service_type(server, "web")?.plan(&operation, cx).await?).then(
        &server.name,
        &EntityRef::from(platform),
        &RecordPlatform { platform: platform.clone() },
    )
}
