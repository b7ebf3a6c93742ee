//! Which requests destroy something that is live, or of which not all is kept: an operator types its name first.

use super::Request;
use crate::Result;
use crate::entity::Stage;
use crate::name::{PlatformName, ServerName};
use crate::service::PlanContext;

/// The name to type; `None` where a plain yes will do, as for what was never made.
/// `gone` are the servers that the plan counts as gone.
pub(super) async fn name(request: &Request, gone: &[ServerName], cx: &PlanContext<'_>) -> Result<Option<String>> {
    let (server, name) = match request {
        Request::DeleteServer { server, .. } => (Some(server.clone()), server.to_string()),
        Request::DeletePlatform { platform, .. } => (of_platform(platform, cx).await?, platform.to_string()),
        Request::DeleteSite { site, incomplete: true, .. } => return Ok(Some(site.to_string())),
        Request::DeleteSite { site, .. } => match cx.inventory().site(site).await? {
            Some(found) => {
                let web = of_platform(&found.platform, cx).await?;
                if gone.contains(&found.database.server) && web.as_ref().is_some_and(|web| gone.contains(web)) {
                    return Ok(Some(site.to_string()));
                }
                (web, site.to_string())
            }
            None => return Ok(None),
        },
        _ => return Ok(None),
    };
    let Some(server) = server else { return Ok(None) };
    let stage = cx.inventory().server(&server).await?.map(|server| server.stage);
    Ok((stage == Some(Stage::Production)).then_some(name))
}

async fn of_platform(platform: &PlatformName, cx: &PlanContext<'_>) -> Result<Option<ServerName>> {
    Ok(cx.inventory().platform(platform).await?.map(|platform| platform.server))
}
