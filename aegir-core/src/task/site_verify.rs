//! Brings a site up to date: database rights, files and settings, virtual host.

use super::{Draft, find};
use crate::action::{Action as _, MakeServedDir, RecordSite};
use crate::entity::{EntityRef, Owner, SiteContext, SiteState};
use crate::name::SiteUri;
use crate::plan::{Change, Plan, Planned};
use crate::service::{Door, Finding, Operation, PlanContext, Visit};
use crate::{Error, Result};

pub(super) async fn plan(uri: &SiteUri, cx: &PlanContext<'_>) -> Result<Draft> {
    let site = find::site_context(cx.inventory(), find::site(cx.inventory(), uri).await?).await?;
    visit(&site, cx).await?;
    let plan = draw(&site, cx).await?;
    Ok(Draft { kind: "site.verify", title: format!("verify site {uri}"), subject: EntityRef::from(&site.site), plan, reads: reads(&site) })
}

/// Has the site visited while its plan is made. One that is disabled has only a notice to show.
async fn visit(site: &SiteContext, cx: &PlanContext<'_>) -> Result<()> {
    if site.site.state == SiteState::Enabled {
        let (web, server) = (cx.service_type(&site.web, "web")?, cx.observe(&site.web.name).await?);
        let door = Door::from(&site.site);
        cx.visits.begin(async move { web.visit(&[door], &server).await });
    }
    Ok(())
}

/// What visitors get of the site: where nothing is to be changed, that decides whether all is well; otherwise it may be why.
pub(super) async fn judge(planned: &mut Planned, cx: &PlanContext<'_>) -> Result<()> {
    for Visit { site, finding, evidence } in cx.visits.end().await {
        match finding {
            Finding::Pass => {}
            Finding::Fail if planned.is_empty() => {
                let message = format!("{}: nothing is to be changed, and yet visitors get no good page", planned.title);
                return Err(Error::refused(message).context("site", &site).because(evidence).hint(format!(
                    "`aegir site login {site}` has PHP say what fails, with file and line; otherwise the web server's error log does"
                )));
            }
            _ if planned.is_empty() => planned.warnings.push(evidence),
            _ => planned.warnings.push(format!("before anything was changed: {evidence}")),
        }
    }
    Ok(())
}

/// A site that stands has its directories; where one is made anew, whatever was in it is lost, or on a file system that is
/// not mounted.
pub(super) fn warn_of_lost_files(planned: &mut Planned) {
    let made = planned.steps.iter().filter(|s| s.step.action == MakeServedDir::NAME && s.diff.change == Change::Create);
    let lost: Vec<String> =
        made.filter_map(|s| s.step.params.get("path")?.as_str().map(|path| format!("{path} on {}", s.step.server))).collect();
    if !lost.is_empty() {
        planned.warnings.push(format!(
            "not there, and made anew, empty: {}; mount it first if it is a file system of its own, else what sites had in it is in your backups alone",
            lost.join(", ")
        ));
    }
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
