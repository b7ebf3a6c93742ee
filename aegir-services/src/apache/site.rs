//! A site in Apache: its virtual host, enabled, disabled, or gone.

use aegir_core::entity::{Owner, Resource, ResourceKind, SiteContext, SiteState};
use aegir_core::name::SiteUri;
use aegir_core::plan::Plan;
use aegir_core::server::{Command, Fpm};
use aegir_core::service::{PlanContext, helper_command};
use aegir_core::template::Content;
use aegir_core::{Error, Result};
use camino::Utf8PathBuf;

use super::Config;
use super::machine::VHOSTS;
use super::platform::{self, refuse_wildcards};
use super::swap::{live, render, swap};
use crate::web::visitor::Foreign;
use crate::web::{Expect, FileChange, Page, Probe, SwapConfiguration};

fn file(site: &SiteContext) -> Utf8PathBuf {
    Utf8PathBuf::from("vhost.d").join(format!("{}.conf", site.site.uri.file_name()))
}

/// The virtual host of a new site, and its front page with its title.
pub(super) async fn install(config: &Config, site: &SiteContext, cx: &PlanContext<'_>) -> Result<Plan> {
    // A redirection, as to a language's front page, is good; an error or an empty page is not.
    let page = Page { path: "/".into(), status: vec![(200, 399)], body: true, title: Some(site.site.title.clone()), tolerate_old: false };
    configured(config, site, page, cx).await
}

/// The virtual host as the site is now.
pub(super) async fn verify(config: &Config, site: &SiteContext, cx: &PlanContext<'_>) -> Result<Plan> {
    // Sites that ask for a password answer 401 or 403. A 404 is only good where it was there before: a new name that the
    // application does not know yet answers so, too.
    let page = Page { path: "/".into(), status: vec![(200, 403), (405, 499)], body: true, title: None, tolerate_old: true };
    configured(config, site, page, cx).await
}

/// The notice in its place: what was asked before is answered, nothing new comes to the site.
pub(super) async fn quiesce(config: &Config, site: &SiteContext, cx: &PlanContext<'_>) -> Result<Plan> {
    let mut resting = site.clone();
    resting.site.state = SiteState::Disabled;
    verify(config, &resting, cx).await
}

/// Without its platform's file nobody is let in to the site.
async fn require_platform(site: &SiteContext, cx: &PlanContext<'_>) -> Result<()> {
    let (platform, file) = (&site.platform.name, site.web.config_dir().join(platform::file(&site.platform)));
    match cx.observe(&site.web.name).await?.stat(&file).await? {
        Some(_) => Ok(()),
        None => Err(Error::refused(format!("the configuration of platform {platform} is missing on {}", site.web.name))
            .context("site", &site.site.uri)
            .context("file", &file)
            .hint(format!("`aegir platform verify {platform}`; if more is missing: `aegir server verify {}` first", site.web.name))),
    }
}

async fn configured(config: &Config, site: &SiteContext, page: Page, cx: &PlanContext<'_>) -> Result<Plan> {
    refuse_wildcards(&site.platform.docroot())?;
    if site.site.state == SiteState::Enabled {
        require_platform(site, cx).await?;
    }
    let hosts = hosts(site);
    let mut new: Vec<&str> = Vec::new();
    for host in &hosts {
        if !is_ours(host, site, cx).await? {
            new.push(host);
        }
    }
    refuse_shadowed(&new, config.port, site, cx).await?;
    let (content, generation) = vhost(config, site, &hosts, cx)?;
    let mut step = step(site, FileChange::write(file(site), content));
    step.addresses.clone_from(&site.web.addresses);
    let main = site.site.uri.host();
    for host in &hosts {
        step.probes.push(live(host, config.port, main, &generation));
    }
    if site.site.state == SiteState::Enabled {
        step.probes.push(Probe { host: site.site.canonical().to_string(), port: config.port, expect: Expect::Page(page) });
    }
    let dropped = dropped(site, &hosts, cx).await?;
    step.probes.extend(dropped.iter().map(|host| Probe { host: host.clone(), port: config.port, expect: Expect::Gone(main.to_owned()) }));
    step.claims = hosts;
    step.gives_up = dropped;
    Plan::empty().then(&site.web.name, &Owner::from(&site.site), &step)
}

/// No virtual host any more.
pub(super) async fn delete(config: &Config, site: &SiteContext, cx: &PlanContext<'_>) -> Result<Plan> {
    let main = site.site.uri.host();
    let mut step = step(site, FileChange::remove(file(site)));
    step.probes = hosts(site).into_iter().map(|host| Probe { host, port: config.port, expect: Expect::Gone(main.to_owned()) }).collect();
    step.gives_up = owned_hosts(site, cx).await?;
    Plan::empty().then(&site.web.name, &Owner::from(&site.site), &step)
}

fn step(site: &SiteContext, change: FileChange) -> SwapConfiguration {
    let words = match (&change.content, site.site.state) {
        (None, _) => "Apache without the site",
        (Some(_), SiteState::Enabled) => "the virtual host of",
        (Some(_), SiteState::Disabled) => "a notice in the place of",
    };
    swap(format!("{words} {}", site.site.uri), &site.web, vec![change])
}

/// The site's names without ports, each once, the main one first: Apache tells virtual hosts apart by name alone.
fn hosts(site: &SiteContext) -> Vec<String> {
    let mut hosts: Vec<String> = Vec::new();
    for host in site.site.addresses().map(SiteUri::host) {
        if !hosts.iter().any(|h| h == host) {
            hosts.push(host.to_owned());
        }
    }
    hosts
}

fn resource(site: &SiteContext, host: &str) -> Resource {
    Resource::new(ResourceKind::Vhost, &site.web.name, host)
}

/// Whether a name is the site's already; refuses one of another's. `a.org` and `a.org:8080` are two sites to the inventory
/// and one virtual host to Apache.
async fn is_ours(host: &str, site: &SiteContext, cx: &PlanContext<'_>) -> Result<bool> {
    match cx.inventory().owner(&resource(site, host)).await? {
        Some(owner) if owner != Owner::from(&site.site) => Err(Error::conflict(format!("{host} on {} belongs to {owner}", site.web.name))
            .context("site", &site.site.uri)
            .context("server", &site.web.name)
            .hint("choose another name, or another web server")),
        found => Ok(found.is_some()),
    }
}

/// A virtual host that is not Aegir's and has the name, too, would be served no more, or ours would not be: which one, the
/// order of files decides.
async fn refuse_shadowed(new: &[&str], port: u16, site: &SiteContext, cx: &PlanContext<'_>) -> Result<()> {
    if new.is_empty() {
        return Ok(());
    }
    let argv = helper_command(VHOSTS);
    let list = cx.observe(&site.web.name).await?.ask(&Command::new(&argv[0]).args(&argv[1..]).sudo()).await?;
    // Where the helper cannot tell, the step that needs it will say why.
    let foreign = Foreign::read(&list);
    match new.iter().find_map(|host| Some((host, foreign.iter().find(|f| f.has_name(host, port))?))) {
        None => Ok(()),
        Some((host, found)) => {
            Err(Error::conflict(format!("{host} on {} is served already, and not by Aegir: {}", site.web.name, found.in_words()))
                .context("site", &site.site.uri)
                .context("server", &site.web.name)
                .context("file", found.file())
                .hint(format!("take that virtual host out on {} and reload Apache, or choose another name", site.web.name)))
        }
    }
}

/// The names that the ledger says are the site's.
async fn owned_hosts(site: &SiteContext, cx: &PlanContext<'_>) -> Result<Vec<String>> {
    let owned = cx.inventory().owned_by(&Owner::from(&site.site)).await?;
    Ok(owned.into_iter().filter(|r| r.kind == ResourceKind::Vhost && r.server == site.web.name).map(|r| r.name).collect())
}

async fn dropped(site: &SiteContext, hosts: &[String], cx: &PlanContext<'_>) -> Result<Vec<String>> {
    Ok(owned_hosts(site, cx).await?.into_iter().filter(|h| !hosts.contains(h)).collect())
}

fn handler(fpm: &Fpm) -> String {
    match fpm {
        Fpm::Socket(path) => format!("proxy:unix:{path}|fcgi://localhost"),
        Fpm::Tcp(address) => format!("proxy:fcgi://{address}"),
    }
}

/// The virtual host's file.
fn vhost(config: &Config, site: &SiteContext, hosts: &[String], cx: &PlanContext<'_>) -> Result<(Content, String)> {
    let docroot = site.platform.docroot();
    let (host, aliases) = hosts.split_first().ok_or_else(|| Error::internal("a site without a name"))?;
    if site.site.state == SiteState::Disabled {
        let data = serde_json::json!({ "host": host, "aliases": aliases, "port": config.port, "docroot": docroot });
        return render("apache/disabled.conf", data, &[], cx);
    }
    let php = site.web.facts()?.php_for(&site.platform.codebase, site.platform.php.as_deref())?;
    let fpm = php.fpm.as_ref().ok_or_else(|| {
        Error::refused(format!("PHP {} on {} has no FPM", php.version_text(), site.web.name)).context("server", &site.web.name)
    })?;
    let database = &site.site.database;
    let redirect = site.site.redirect_to.as_ref().map(|to| serde_json::json!({ "host": to.host(), "address": to }));
    let data = serde_json::json!({
        "host": host,
        "aliases": aliases,
        "port": config.port,
        "docroot": docroot,
        "directory": site.site.uri.file_name(),
        "handler": handler(fpm),
        "db": { "type": "mysql", "name": database.name, "user": database.user, "host": database.host, "port": database.port },
        "redirect": redirect,
    });
    render("apache/vhost.conf", data, &[("db_passwd", &database.password)], cx)
}
