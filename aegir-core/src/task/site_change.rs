//! Changes a site's addresses or state: the changed site, verified.

use super::{ChangeSite, Draft, find, site_install, site_verify};
use crate::Result;
use crate::entity::{EntityRef, SiteState};
use crate::service::PlanContext;

pub(super) async fn plan(change: &ChangeSite, cx: &PlanContext<'_>) -> Result<Draft> {
    let mut site = find::site(cx.inventory(), &change.uri).await?;
    let verb = match change.state {
        Some(SiteState::Enabled) => "enable",
        Some(SiteState::Disabled) => "disable",
        None => "change",
    };
    site.state = change.state.unwrap_or(site.state);
    site.aliases = change.aliases.clone().unwrap_or(site.aliases);
    site.redirect_to = change.redirect_to.clone().unwrap_or(site.redirect_to);
    site_install::addresses(&site.uri, &site.aliases, site.redirect_to.as_ref(), Some(&site.uri), cx.inventory()).await?;
    let site = find::site_context(cx.inventory(), site).await?;
    let plan = site_verify::draw(&site, cx).await?;
    Ok(Draft {
        kind: "site.change",
        title: format!("{verb} site {}", change.uri),
        subject: EntityRef::from(&site.site),
        plan,
        reads: site_verify::reads(&site),
    })
}
