//! Waits until a reload is in use, and judges what is served then.

use std::time::{Duration, Instant};

use aegir_core::action::Context;
use aegir_core::{Error, Result};

use super::answer::{ITSELF, ask};
use super::probe::{Expect, MARKER, Outside, PROBE_PATH, Page, Probe, Verdict};

/// How long a reload may take until the new configuration is in use.
const IN_USE: Duration = Duration::from_secs(20);
/// How long nothing may listen, as while a stopped server starts.
const SILENT: Duration = Duration::from_secs(3);
/// How long a marker may take; nothing computes it.
const MARKER_LIMIT: Duration = Duration::from_secs(5);
/// How long a page may take: the first one fills an application's caches.
const PAGE_LIMIT: Duration = Duration::from_secs(60);
/// How long a bad page is asked for again: a starting PHP-FPM gets a moment, and one that runs looks at changed
/// files only every two seconds (`opcache.revalidate_freq`).
const PAGE_PATIENCE: Duration = Duration::from_secs(4);

/// Which pages were bad before anything was changed, in the order of the probes.
pub(super) async fn bad_before(cx: &Context, probes: &[Probe]) -> Result<Vec<bool>> {
    let mut bad = Vec::with_capacity(probes.len());
    for probe in probes {
        bad.push(match &probe.expect {
            Expect::Page(page) if page.tolerate_old => matches!(look(cx, probe, page).await?, Verdict::Bad(_)),
            _ => false,
        });
    }
    Ok(bad)
}

/// Asks all probes; the error says which one failed and what came back.
pub(super) async fn all_good(cx: &Context, probes: &[Probe], bad_before: &[bool]) -> Result<()> {
    for (index, probe) in probes.iter().enumerate() {
        match &probe.expect {
            Expect::Page(page) => good_page(cx, probe, page, bad_before.get(index).copied().unwrap_or(false)).await?,
            expected => in_use(cx, probe, expected).await?,
        }
    }
    Ok(())
}

/// Whether the pages also come when another server asks. What stands between the two is not ours: only warned about.
pub(super) async fn from_outside(cx: &Context, probes: &[Probe], outside: &Outside) -> Result<()> {
    let Outside { from, address } = outside;
    let server = cx.other_server(from).await?;
    for probe in probes {
        let Expect::Page(page) = &probe.expect else { continue };
        let why = match ask(&*server, address, &probe.host, probe.port, &page.path, PAGE_LIMIT).await {
            Ok(Ok(answer)) => match page.judge(&answer) {
                Verdict::Bad(why) => why,
                Verdict::Good | Verdict::Warn(_) => continue,
            },
            Ok(Err(why)) => why,
            Err(error) => error.chain().join(": "),
        };
        let there = cx.server().name();
        cx.warn(format!(
            "http://{}{} is served on {there} itself, but {from} does not get it from {address}:{}: {why}; look for a firewall, and at the name",
            probe.host, page.path, probe.port
        ))
        .await?;
    }
    Ok(())
}

async fn look(cx: &Context, probe: &Probe, page: &Page) -> Result<Verdict> {
    Ok(match ask(cx.server(), ITSELF, &probe.host, probe.port, &page.path, PAGE_LIMIT).await? {
        Ok(answer) => page.judge(&answer),
        Err(why) => Verdict::Bad(why),
    })
}

async fn good_page(cx: &Context, probe: &Probe, page: &Page, bad_before: bool) -> Result<()> {
    let start = Instant::now();
    let mut tries = 0;
    let why = loop {
        tries += 1;
        match look(cx, probe, page).await? {
            Verdict::Good => return Ok(()),
            Verdict::Warn(what) => return cx.warn(format!("http://{}{}: {what}", probe.host, page.path)).await,
            Verdict::Bad(why) if start.elapsed() >= PAGE_PATIENCE => break why,
            Verdict::Bad(_) => pause(tries).await,
        }
    };
    if bad_before {
        return cx.warn(format!("http://{}{} was bad before this change and still is: {why}", probe.host, page.path)).await;
    }
    Err(failed(cx, probe, &why).hint(format!(
        "look at it on {}: `curl -i -H 'Host: {}' http://127.0.0.1:{}{}`",
        cx.server().name(),
        probe.host,
        probe.port,
        page.path
    )))
}

async fn in_use(cx: &Context, probe: &Probe, expected: &Expect) -> Result<()> {
    let start = Instant::now();
    let mut silent: Option<Instant> = None;
    let mut tries = 0;
    loop {
        tries += 1;
        let answer = ask(cx.server(), ITSELF, &probe.host, probe.port, PROBE_PATH, MARKER_LIMIT).await?;
        silent = if answer.is_ok() { None } else { silent.or(Some(Instant::now())) };
        let why = match answer {
            Ok(answer) if expected.met_by(answer.header(MARKER)) => return Ok(()),
            Ok(answer) => match answer.header(MARKER) {
                Some(marker) => format!("after {} s the configuration “{marker}” still answers", start.elapsed().as_secs()),
                None => format!(
                    "{} without the header {MARKER}; another virtual host answers for this name, or a template lost the header",
                    answer.in_words()
                ),
            },
            Err(why) => why,
        };
        // A reload never closes the port: a web server that is silent for long is dead, and each second counts.
        if start.elapsed() >= IN_USE || silent.is_some_and(|since| since.elapsed() >= SILENT) {
            return Err(failed(cx, probe, &why).hint("the web server's own error log says more, as `/var/log/apache2/error.log`"));
        }
        pause(tries).await;
    }
}

fn failed(cx: &Context, probe: &Probe, why: &str) -> Error {
    Error::failed(format!("probing the web server on {}: not so that {}", cx.server().name(), probe.in_words()))
        .context("server", cx.server().name())
        .because(why.to_owned())
}

/// A web server has no way to call us when its new processes answer, so it is asked again, less often each time.
async fn pause(tries: u32) {
    tokio::time::sleep(Duration::from_millis(u64::from(tries).saturating_mul(25).min(250))).await;
}
