//! A platform in Apache: its document root, with the rules of its `.htaccess` read once.

use aegir_core::entity::{Owner, Platform, Server, SiteState};
use aegir_core::inventory::SiteFilter;
use aegir_core::plan::Plan;
use aegir_core::server::FileKind;
use aegir_core::service::{Code, PlanContext};
use aegir_core::{Error, Result};
use camino::{Utf8Path, Utf8PathBuf};

use super::Config;
use super::htaccess::Htaccess;
use super::swap::{live, render, swap};
use crate::web::{Embedded, Expect, FileChange, Page, Probe};

/// How many sites of a platform are looked at after a change of its rules.
const SITES_PROBED: usize = 3;

const HTACCESS: &str = ".htaccess";

/// More than any real one; read into memory and into a configuration file.
const HTACCESS_LIMIT: u64 = 256 * 1024;

/// A name that nobody has (RFC 2606); its virtual host only answers Aegir.
const PROBE_DOMAIN: &str = "aegir.invalid";

pub(super) fn file(platform: &Platform) -> Utf8PathBuf {
    Utf8PathBuf::from("platform.d").join(format!("{}.conf", platform.name))
}

pub(super) async fn verify(config: &Config, platform: &Platform, server: &Server, code: &Code, cx: &PlanContext<'_>) -> Result<Plan> {
    let docroot = platform.docroot();
    refuse_wildcards(&docroot)?;
    let htaccess = read_htaccess(platform, code, cx).await?;
    let served = ["files", "private"].map(|name| docroot.join("sites/*").join(name));
    let data = serde_json::json!({
        "platform": platform.name,
        "docroot": docroot,
        "served": served,
        "port": config.port,
        "htaccess": htaccess.text,
        "front_controller": !htaccess.rewrites,
    });
    let (content, generation) = render("apache/platform.conf", data, &[], cx)?;
    let mut change = FileChange::write(file(platform), content);
    change.embeds = embedded(&htaccess, platform, code, &change);
    let mut step = swap(format!("platform {} in Apache", platform.name), server, vec![change]);
    step.probes.push(live(&format!("{generation}.{PROBE_DOMAIN}"), config.port, platform.name.as_str(), &generation));
    let sites = cx.inventory().sites(&SiteFilter { platform: Some(platform.name.clone()), server: None }).await?;
    for site in sites.into_iter().filter(|s| s.state == SiteState::Enabled).take(SITES_PROBED) {
        let page = Page { path: "/".into(), status: vec![(200, 499)], body: false, title: None, tolerate_old: true };
        step.probes.push(Probe { host: site.uri.to_string(), port: config.port, expect: Expect::Page(page) });
    }
    Plan::empty().then(&server.name, &Owner::from(platform), &step)
}

pub(super) async fn delete(config: &Config, platform: &Platform, server: &Server, cx: &PlanContext<'_>) -> Result<Plan> {
    let path = file(platform);
    let old = cx.observe(&server.name).await?.read_text(&server.config_dir().join(&path)).await?;
    let mut step = swap(format!("Apache without platform {}", platform.name), server, vec![FileChange::remove(path)]);
    if let Some(host) = old.as_deref().and_then(probe_host) {
        step.probes.push(Probe { host: host.to_owned(), port: config.port, expect: Expect::Gone(platform.name.to_string()) });
    }
    Plan::empty().then(&server.name, &Owner::from(platform), &step)
}

/// Where the operator's own file stands in ours.
fn embedded(htaccess: &Htaccess, platform: &Platform, code: &Code, change: &FileChange) -> Option<Embedded> {
    let text = change.content.as_ref()?.clear()?;
    let before = &text[..text.find(&htaccess.text).filter(|_| !htaccess.text.is_empty())?];
    let count = |text: &str| u32::try_from(text.matches('\n').count()).ok();
    Some(Embedded {
        file: code.docroot(&platform.codebase).join(HTACCESS),
        server: code.files.name().clone(),
        after: count(before)?,
        lines: count(&htaccess.text)? + 1,
    })
}

/// The name under which the file as it stands answers Aegir.
fn probe_host(text: &str) -> Option<&str> {
    text.lines().filter_map(|l| l.trim().strip_prefix("ServerName ")).find(|name| name.ends_with(PROBE_DOMAIN))
}

/// `<Directory>` takes patterns: such a path would open other directories, too.
pub(super) fn refuse_wildcards(docroot: &Utf8Path) -> Result<()> {
    if docroot.as_str().contains(['*', '?', '[', ']', '{', '}', '~', '<', '>', '%']) {
        return Err(Error::refused(format!(
            "the document root {docroot} holds one of * ? [ ] {{ }} ~ < > %, which mean something to Apache"
        ))
        .context("file", docroot)
        .hint("move the platform to a path of letters, digits and - _ ."));
    }
    Ok(())
}

/// It comes with the code, so it is read where the code is: the server may not have it yet.
async fn read_htaccess(platform: &Platform, code: &Code, cx: &PlanContext<'_>) -> Result<Htaccess> {
    let path = code.docroot(&platform.codebase).join(HTACCESS);
    let files = &code.files;
    let Some(stat) = files.stat(&path).await? else { return Ok(Htaccess::default()) };
    // A link may lead to a file that only Aegir can read, and Apache's complaint would show its first line.
    if stat.kind != FileKind::File || stat.size > HTACCESS_LIMIT {
        cx.warn(format!("{path} is no regular file of at most {} KB, so it is not honoured", HTACCESS_LIMIT / 1024));
        return Ok(Htaccess::default());
    }
    let text = files.read_text(&path).await?.unwrap_or_default();
    let htaccess =
        Htaccess::read(&text).map_err(|e| e.context("server", files.name()).context("platform", &platform.name).context("file", &path))?;
    for warning in &htaccess.warnings {
        cx.warn(format!("{path}: {warning}"));
    }
    Ok(htaccess)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_root_is_never_a_pattern() {
        assert!(refuse_wildcards("/var/aegir/platforms/my site-1.0".into()).is_ok());
        for bad in ["/srv/*", "/srv/a?", "/srv/[ab]", "/srv/x>", "/srv/%{HTTP_HOST}"] {
            assert!(refuse_wildcards(bad.into()).is_err(), "{bad}");
        }
    }

    #[test]
    fn finds_the_name_to_probe() {
        assert_eq!(probe_host("<VirtualHost *:80>\n  ServerName 12ab.aegir.invalid\n"), Some("12ab.aegir.invalid"));
        assert_eq!(probe_host(""), None);
    }
}
