//! Whether the sites of a server answer, asked the way visitors do; a server may be in order and none of them work.
//!
//! Only where an operator asks how things are: a broken site is no reason to refuse work on its server.

use crate::Result;
use crate::entity::{Server, SiteState};
use crate::inventory::SiteFilter;
use crate::service::{Check, Door, Finding, PlanContext, Visit};

/// More are not named in one line.
const NAMED: usize = 3;

/// The check of each service that serves sites, where it is wanted.
pub(super) async fn judge(server: &Server, wanted: &[String], cx: &PlanContext<'_>) -> Result<Vec<Check>> {
    let mut checks = Vec::new();
    for service in server.services.keys() {
        let name = format!("{service}.sites");
        let asked = wanted.is_empty() || wanted.iter().any(|w| w == service || *w == name || w == "sites");
        // Settings that cannot be read have a check of their own.
        let Some(service_type) = cx.service_type(server, service).ok().filter(|t| asked && t.capabilities().serves_sites) else { continue };
        let doors = doors(server, cx).await?;
        if !doors.is_empty() {
            checks.push(of(&name, &service_type.visit(&doors, &cx.observe_server(server).await?).await));
        }
    }
    Ok(checks)
}

/// Its enabled sites.
async fn doors(server: &Server, cx: &PlanContext<'_>) -> Result<Vec<Door>> {
    let filter = SiteFilter { platform: None, server: Some(server.name.clone()) };
    let mut doors = Vec::new();
    for summary in cx.inventory().sites(&filter).await?.into_iter().filter(|site| site.state == SiteState::Enabled) {
        doors.extend(cx.inventory().site(&summary.uri).await?.as_ref().map(Door::from));
    }
    Ok(doors)
}

fn of(name: &str, visits: &[Visit]) -> Check {
    let found = |finding: Finding| visits.iter().filter(move |visit| visit.finding == finding);
    let worst = [Finding::Fail, Finding::Warn, Finding::Skipped].into_iter().find(|finding| found(*finding).next().is_some());
    let Some(worst) = worst else { return Check::pass(name, format!("{} answer", count(visits.len()))) };
    let several = found(worst).count();
    let shown: Vec<&str> = found(worst).take(NAMED).map(|visit| visit.evidence.as_str()).collect();
    let more = if several > NAMED { format!("; and {} more", several - NAMED) } else { String::new() };
    let evidence = format!("{several} of {}: {}{more}", count(visits.len()), shown.join("; "));
    let mend =
        found(worst).next().map(|visit| format!("`aegir site verify {0}`, and `aegir site login {0}` has PHP say what fails", visit.site));
    match worst {
        Finding::Fail => Check::fail(name, evidence, mend.unwrap_or_default()),
        Finding::Warn => Check::warn(name, evidence, mend.unwrap_or_default()),
        _ => Check::skipped(name, evidence),
    }
}

fn count(sites: usize) -> String {
    if sites == 1 { "1 site".to_owned() } else { format!("{sites} sites") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::name::SiteUri;

    #[test]
    fn the_worst_is_named_and_what_was_not_asked_is_no_success() {
        let visit = |finding, n: usize| Visit { site: SiteUri::parse(&format!("s{n}.org")).unwrap(), finding, evidence: format!("s{n}") };
        let good = [visit(Finding::Pass, 0)];
        assert_eq!((of("w", &good).finding, of("w", &good).evidence.as_str()), (Finding::Pass, "1 site answer"));
        let cut = [visit(Finding::Pass, 0), visit(Finding::Skipped, 1)];
        assert_eq!((of("w", &cut).finding, of("w", &cut).evidence.as_str()), (Finding::Skipped, "1 of 2 sites: s1"));
        let bad: Vec<Visit> = (0..5).map(|n| visit(Finding::Fail, n)).chain(cut).collect();
        assert_eq!((of("w", &bad).finding, of("w", &bad).evidence.as_str()), (Finding::Fail, "5 of 7 sites: s0; s1; s2; and 2 more"));
        assert!(of("w", &bad).mend.contains("aegir site verify s0.org"));
    }
}
