//! The database servers that sites of a web server use, or would use.

use std::collections::BTreeSet;

use crate::Result;
use crate::entity::Server;
use crate::inventory::SiteFilter;
use crate::service::{Check, Finding, PlanContext};
use crate::task::find;

/// Its own and those of its sites; where there are none, the one that a new site would get.
pub(super) async fn used_by(server: &Server, cx: &PlanContext<'_>) -> Result<Vec<Server>> {
    if !server.services.contains_key("web") {
        return Ok(Vec::new());
    }
    let inventory = cx.inventory();
    let mut names = BTreeSet::new();
    for site in inventory.sites(&SiteFilter { server: Some(server.name.clone()), ..SiteFilter::default() }).await? {
        names.extend(inventory.site(&site.uri).await?.map(|s| s.database.server));
    }
    if server.services.contains_key("db") {
        names.insert(server.name.clone());
    }
    let mut with_db: Vec<Server> = inventory.servers().await?.into_iter().filter(|s| s.services.contains_key("db")).collect();
    if names.is_empty() {
        return Ok(find::default_database(&with_db).cloned().into_iter().collect());
    }
    // One that is being enrolled is not there yet.
    with_db.retain(|s| s.name != server.name);
    with_db.push(server.clone());
    with_db.retain(|s| names.contains(&s.name));
    Ok(with_db)
}

/// One check for all of them, as bad as the worst.
pub(super) fn together(checks: &[Check]) -> Option<Check> {
    let worst = checks.iter().map(|c| c.finding).max()?;
    let evidence: Vec<&str> = checks.iter().filter(|c| c.finding == worst || worst != Finding::Fail).map(|c| c.evidence.as_str()).collect();
    let mend: Vec<&str> = checks.iter().map(|c| c.mend.as_str()).filter(|m| !m.is_empty()).collect();
    Some(Check { name: "db.from-here".to_owned(), finding: worst, evidence: evidence.join("; "), mend: mend.join("; ") })
}
