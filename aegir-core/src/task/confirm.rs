//! Which requests destroy something that is live, or of which not all is kept: an operator types its name first.

use super::Request;
use crate::Result;
use crate::entity::Stage;
use crate::name::{PlatformName, ServerName, SiteUri};
use crate::plan::Confirm;
use crate::service::PlanContext;

/// Why a deletion of what is gone, or broken, wants its name.
const NOTHING_KEPT: &str = "nothing of it is kept";
const SALVAGE: &str = "its archive may lack what cannot be read";

impl Confirm {
    fn new(name: &SiteUri, why: &str) -> Self {
        Self { name: name.to_string(), why: why.to_owned() }
    }
}

/// The name to type, and why; `None` where a plain yes will do, as for what was never made. `gone` are the servers that the plan counts as
/// gone.
pub(super) async fn name(request: &Request, gone: &[ServerName], cx: &PlanContext<'_>) -> Result<Option<Confirm>> {
    let (server, name) = match request {
        Request::DeleteServer { server, .. } => (Some(server.clone()), server.to_string()),
        Request::DeletePlatform { platform, .. } => (of_platform(platform, cx).await?, platform.to_string()),
        Request::DeleteSite { site, incomplete: true, .. } => return Ok(Some(Confirm::new(site, SALVAGE))),
        Request::DeleteSite { site, .. } => match cx.inventory().site(site).await? {
            Some(found) => {
                let web = of_platform(&found.platform, cx).await?;
                if gone.contains(&found.database.server) && web.as_ref().is_some_and(|web| gone.contains(web)) {
                    return Ok(Some(Confirm::new(site, NOTHING_KEPT)));
                }
                (web, site.to_string())
            }
            None => return Ok(None),
        },
        _ => return Ok(None),
    };
    let Some(server) = server else { return Ok(None) };
    let stage = cx.inventory().server(&server).await?.map(|server| server.stage);
    Ok((stage == Some(Stage::Production)).then(|| Confirm { name, why: format!("{server} is in production") }))
}

async fn of_platform(platform: &PlatformName, cx: &PlanContext<'_>) -> Result<Option<ServerName>> {
    Ok(cx.inventory().platform(platform).await?.map(|platform| platform.server))
}
