//! Brings a site up to date: database rights, files and settings, virtual host.

use super::{Draft, find};
use crate::Result;
use crate::action::RecordSite;
use crate::entity::{EntityRef, Owner, SiteContext};
use crate::name::SiteUri;
use crate::plan::Plan;
use crate::service::{Operation, PlanContext};

pub(super) async fn plan(uri: &SiteUri, cx: &PlanContext<'_>) -> Result<Draft> {
    let site = find::site_context(cx.inventory(), find::site(cx.inventory(), uri).await?).await?;
    let plan = draw(&site, cx).await?;
    Ok(Draft { kind: "site.verify", title: format!("verify site {uri}"), subject: EntityRef::from(&site.site), plan, reads: reads(&site) })
}

/// What a task about a site reads besides the site.
pub(super) fn reads(site: &SiteContext) -> Vec<EntityRef> {
    vec![EntityRef::from(&site.platform), EntityRef::from(&site.web), EntityRef::from(&site.db)]
}

/// What bringing a site up to date changes.
pub(super) async fn draw(site: &SiteContext, cx: &PlanContext<'_>) -> Result<Plan> {
    site.web
        .facts()?
        .php_for(&site.platform.codebase, site.platform.php.as_deref())
        .map_err(|e| e.context("server", &site.web.name).context("site", &site.site.uri))?;
    let operation = Operation::VerifySite { site };
    cx.service_type(&site.db, "db")?
        .plan(&operation, cx)
        .await?
        .and_then(cx.registry().application_named(&site.platform.codebase.application)?.plan(&operation, cx).await?)
        .and_then(cx.service_type(&site.web, "web")?.plan(&operation, cx).await?)
        .then(&site.web.name, &Owner::from(&site.site), &RecordSite { site: site.site.clone() })
}
