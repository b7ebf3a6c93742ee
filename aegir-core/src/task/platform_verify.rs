//! Looks at a platform's codebase again, distributes it, and brings its configuration up to date.

use super::{Draft, find, platform_code};
use crate::Result;
use crate::action::RecordPlatform;
use crate::entity::{EntityRef, Owner, Platform, Server};
use crate::name::PlatformName;
use crate::plan::Plan;
use crate::service::{Code, Operation, PlanContext};

pub(super) async fn plan(name: &PlatformName, cx: &PlanContext<'_>) -> Result<Draft> {
    let mut platform = find::platform(cx.inventory(), name).await?;
    let server = find::server(cx.inventory(), &platform.server).await?;
    let code = platform_code::standing(&platform, cx).await?;
    platform.codebase = platform_code::detect(&code, cx).await?;
    let plan = draw(&platform, &server, &code, cx).await?;
    Ok(Draft {
        kind: "platform.verify",
        title: format!("verify platform {name}"),
        subject: EntityRef::from(&platform),
        plan,
        reads: vec![EntityRef::from(&server)],
    })
}

/// What bringing a platform up to date changes: its code on a remote server, its rendered files, its configuration.
pub(super) async fn draw(platform: &Platform, server: &Server, code: &Code, cx: &PlanContext<'_>) -> Result<Plan> {
    // Refused before anything is made: code that this server cannot run.
    server
        .facts()?
        .php_for(&platform.codebase, platform.php.as_deref())
        .map_err(|e| e.context("server", &server.name).context("platform", &platform.name))?;
    let operation = Operation::VerifyPlatform { platform, server, code };
    let application = cx.registry().application_named(&platform.codebase.application)?;
    platform_code::distribution(platform, server, code, application, cx)
        .await?
        .and_then(application.plan(&operation, cx).await?)
        .and_then(cx.service_type(server, "web")?.plan(&operation, cx).await?)
        .then(&server.name, &Owner::from(platform), &RecordPlatform { platform: platform.clone() })
}
