//! Gets the front pages of sites, as visitors do: on the web server, side by side, within limits.

use std::time::Duration;

use aegir_core::server::Observer;
use aegir_core::service::{Door, Finding, Visit};
use futures::stream::{self, StreamExt as _};
use tokio::time::{Instant, sleep, timeout_at};

use super::answer::{self, Answer, ITSELF};
use super::probe::{MARKER, PROBE_PATH, Page, Verdict};

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

/// What PHP-FPM says where there is no site at all.
const NO_FILE: &str = "File not found.";
/// What Apache's own page says where no rule lets anybody in.
const CLOSED: &str = "403 Forbidden";

/// Visits sites of a web server that listens on a port.
pub(crate) async fn visit(doors: &[Door], port: u16, server: &Observer) -> Vec<Visit> {
    let end = Instant::now() + LIMIT;
    let one = |(index, door): (usize, &Door)| {
        let door = door.clone();
        async move {
            let found = async { if index < MOST { Some(look_twice(&door, port, server).await) } else { None } };
            let too_many = || (Finding::Skipped, "not looked at: they are too many".to_owned());
            let (finding, what) = timeout_at(end, found).await.ok().flatten().unwrap_or_else(too_many);
            Visit { finding, evidence: format!("http://{}/: {what}", door.address), site: door.site }
        }
    };
    stream::iter(doors.iter().enumerate()).map(one).buffered(AT_ONCE).collect().await
}

async fn look_twice(door: &Door, port: u16, server: &Observer) -> (Finding, String) {
    match look(door, port, server).await {
        (Finding::Fail, _) => {
            sleep(AGAIN).await;
            look(door, port, server).await
        }
        seen => seen,
    }
}

/// The front page, and behind it on the same connection who it was that answered.
async fn look(door: &Door, port: u16, server: &Observer) -> (Finding, String) {
    let question = answer::question(ITSELF, door.address.as_str(), port, PROBE_PATH, PAGE_LIMIT).arg(format!("http://{ITSELF}:{port}/"));
    match server.ask(&question).await {
        Ok(output) => match answer::read_two(&output) {
            Ok((first, page)) => judge(door.site.host(), &first, &page),
            Err(why) => (Finding::Fail, why),
        },
        // The server could not be asked: what the site does, nobody knows.
        Err(error) => (Finding::Skipped, error.chain().join(": ")),
    }
}

/// Sites that ask for a password answer 401 or 403, and one that has no front page 404.
fn judge(host: &str, first: &Answer, answer: &Answer) -> (Finding, String) {
    let marker = first.header(MARKER).and_then(|marker| marker.split(' ').next());
    if marker != Some(host) {
        return (Finding::Fail, format!("{}: not from the site's own virtual host", answer.in_words()));
    }
    let page = Page { path: "/".into(), status: vec![(200, 403), (405, 499)], body: true, title: None, tolerate_old: false };
    match page.judge(answer) {
        _ if answer.status == 404 && answer.body.trim() != NO_FILE => (Finding::Warn, answer.in_words()),
        Verdict::Good if answer.title() == Some(CLOSED) => (Finding::Warn, format!("{}: the web server lets nobody in", answer.in_words())),
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
        let marked = |by: &str| Answer { status: 204, headers: vec![(MARKER.to_lowercase(), format!("{by} 12"))], ..Answer::default() };
        let finding = |status, body: &str| judge("a.org", &marked("a.org"), &Answer { status, body: body.into(), ..Answer::default() }).0;
        let good = [finding(200, "x"), finding(301, ""), finding(403, "<h1>Members only</h1>")];
        assert_eq!(good, [Finding::Pass; 3]);
        let closed = "<html><head>\n<title>403 Forbidden</title>";
        let odd = [finding(404, "<h1>Nothing here</h1>"), finding(503, "<title>Resting</title>"), finding(403, closed)];
        assert_eq!(odd, [Finding::Warn; 3]);
        assert_eq!([finding(200, " "), finding(404, "File not found.\n"), finding(500, "")], [Finding::Fail; 3]);
        let page = Answer { status: 200, body: "x".into(), ..Answer::default() };
        assert_eq!([judge("a.org", &marked("b.org"), &page).0, judge("a.org", &page, &page).0], [Finding::Fail; 2]);
    }
}
