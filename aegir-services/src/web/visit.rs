//! Gets the front pages of sites, as visitors do: on the web server, side by side, within limits.

use std::time::Duration;

use aegir_core::name::SiteUri;
use aegir_core::server::Observer;
use aegir_core::service::{Finding, Visit};
use futures::stream::{self, StreamExt as _};
use tokio::time::{Instant, sleep, timeout_at};

use super::answer::{self, Answer, ITSELF};
use super::probe::{Page, Verdict};

/// So many at a time; the server has visitors of its own.
const AT_ONCE: usize = 4;
/// So many in all.
const MOST: usize = 500;
/// How long all of them may take.
const LIMIT: Duration = Duration::from_secs(120);
/// How long one may take: the first one fills an application's caches.
const PAGE_LIMIT: Duration = Duration::from_secs(30);
/// When a bad page is asked for once more: PHP looks at changed files only every two seconds (`opcache.revalidate_freq`).
const AGAIN: Duration = Duration::from_millis(2100);

/// What Aegir and PHP-FPM say where there is no site at all.
const NO_SITE: [&str; 2] = ["No such site here.", "File not found."];

/// Visits sites of a web server that listens on a port.
pub(crate) async fn visit(addresses: &[SiteUri], port: u16, server: &Observer) -> Vec<Visit> {
    let end = Instant::now() + LIMIT;
    let one = |(index, address): (usize, &SiteUri)| {
        let address = address.clone();
        async move {
            let found = async { if index < MOST { Some(look_twice(&address, port, server).await) } else { None } };
            let (finding, what) =
                timeout_at(end, found).await.ok().flatten().unwrap_or((Finding::Skipped, "not looked at: they are too many".to_owned()));
            Visit { finding, evidence: format!("http://{address}/: {what}"), address }
        }
    };
    stream::iter(addresses.iter().enumerate()).map(one).buffered(AT_ONCE).collect().await
}

async fn look_twice(address: &SiteUri, port: u16, server: &Observer) -> (Finding, String) {
    match look(address, port, server).await {
        (Finding::Fail, _) => {
            sleep(AGAIN).await;
            look(address, port, server).await
        }
        seen => seen,
    }
}

async fn look(address: &SiteUri, port: u16, server: &Observer) -> (Finding, String) {
    match server.ask(&answer::question(ITSELF, address.as_str(), port, "/", PAGE_LIMIT)).await {
        Ok(output) => answer::read(&output).map_or_else(|why| (Finding::Fail, why), |answer| judge(&answer)),
        // The server could not be asked: what the site does, nobody knows.
        Err(error) => (Finding::Skipped, error.chain().join(": ")),
    }
}

/// Sites that ask for a password answer 401 or 403, and one that has no front page 404.
fn judge(answer: &Answer) -> (Finding, String) {
    let page = Page { path: "/".into(), status: vec![(200, 403), (405, 499)], body: true, title: None, tolerate_old: false };
    match page.judge(answer) {
        _ if answer.status == 404 && !NO_SITE.contains(&answer.body.trim()) => (Finding::Warn, answer.in_words()),
        Verdict::Good => (Finding::Pass, answer.in_words()),
        Verdict::Warn(what) => (Finding::Warn, what),
        Verdict::Bad(why) => (Finding::Fail, why),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_site_that_is_not_there_is_told_from_one_without_a_front_page() {
        let finding = |status, body: &str| judge(&Answer { status, body: body.into(), ..Answer::default() }).0;
        let found = [
            finding(200, "x"),
            finding(301, ""),
            finding(403, "x"),
            finding(404, "<h1>Nothing here</h1>"),
            finding(503, "<title>Resting</title>"),
        ];
        assert_eq!(found, [Finding::Pass, Finding::Pass, Finding::Pass, Finding::Warn, Finding::Warn]);
        let found = [finding(200, " "), finding(404, "No such site here.\n"), finding(404, "File not found.\n"), finding(500, "")];
        assert_eq!(found, [Finding::Fail; 4]);
    }
}
