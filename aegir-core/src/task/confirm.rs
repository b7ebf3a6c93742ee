//! Which requests destroy something that is live: an operator types its name first.

use super::{Request, find};
use crate::Result;
use crate::entity::Stage;
use crate::name::{PlatformName, ServerName};
use crate::service::PlanContext;

/// The name to type; `None` where a plain yes will do.
pub(super) async fn name(request: &Request, cx: &PlanContext<'_>) -> Result<Option<String>> {
    let (server, name) = match request {
        Request::DeleteServer { server, .. } => (server.clone(), server.to_string()),
        Request::DeletePlatform { platform, .. } => (of_platform(platform, cx).await?, platform.to_string()),
        Request::DeleteSite { site, .. } => {
            let platform = find::site(cx.inventory(), site).await?.platform;
            (of_platform(&platform, cx).await?, site.to_string())
        }
        _ => return Ok(None),
    };
    let stage = find::server(cx.inventory(), &server).await?.stage;
    Ok((stage == Stage::Production).then_some(name))
}

async fn of_platform(platform: &PlatformName, cx: &PlanContext<'_>) -> Result<ServerName> {
    Ok(find::platform(cx.inventory(), platform).await?.server)
}
