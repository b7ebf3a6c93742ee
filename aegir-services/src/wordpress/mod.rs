//! WordPress: one copy of the code, many sites.

mod codebase;
mod platform;

#[cfg(test)]
mod tests;

use aegir_core::application::Application;
use aegir_core::entity::{Codebase, ExtensionKind, SiteContext};
use aegir_core::plan::Plan;
use aegir_core::secret::Keyring;
use aegir_core::server::{Observer, Server};
use aegir_core::service::{Operation, PlanContext, Registry};
use aegir_core::{Error, Result};
use async_trait::async_trait;
use camino::Utf8Path;
use secrecy::SecretString;

use crate::php::{self, DOCROOTS, Family, Layout, below};

const SITES: &str = "wordpress/sites.php";
const CREDENTIALS: &str = "wordpress/credentials.php";
const DISPATCH: &str = "wordpress/wp-config.php";
const SETTINGS: &str = "wordpress/site-config.php";
const LOGIN: &str = "wordpress/mu-login.php";

pub(crate) fn register(registry: &mut Registry) {
    registry.application(WordPress);
}

/// What the column for it takes.
const LONGEST_EMAIL: usize = 100;

/// WordPress.
#[derive(Clone, Copy, Debug, Default)]
pub struct WordPress;

fn layout(site: &SiteContext) -> Layout<'static> {
    Layout {
        closed: &[],
        served: &["files"],
        settings: "wp-config.php",
        template: SETTINGS,
        data: php::settings_data(site),
        sites_template: SITES,
        credentials_template: CREDENTIALS,
    }
}

fn has_theme(codebase: &Codebase) -> bool {
    codebase.extensions.iter().any(|e| e.kind == ExtensionKind::Theme)
}

#[async_trait]
impl Application for WordPress {
    fn name(&self) -> &'static str {
        "wordpress"
    }

    fn title(&self) -> &'static str {
        "WordPress"
    }

    fn templates(&self) -> &'static [(&'static str, &'static str)] {
        &[
            (DISPATCH, include_str!("templates/wp-config.php.hbs")),
            (SETTINGS, include_str!("templates/site-config.php.hbs")),
            (LOGIN, include_str!("templates/mu-login.php.hbs")),
            (SITES, include_str!("../drupal/templates/sites.php.hbs")),
            (CREDENTIALS, include_str!("../php/templates/credentials.php.hbs")),
        ]
    }

    fn not_code(&self) -> &'static [&'static str] {
        // All of `sites` is ours: WordPress itself has no such directory.
        &[
            "sites",
            "wp-config.php",
            "wp-content/mu-plugins/aegir-login.php",
            "wp-content/uploads",
            "wp-content/blogs.dir",
            "wp-content/cache",
            "wp-content/upgrade",
            "wp-content/upgrade-temp-backup",
        ]
    }

    fn reserved(&self) -> &'static [&'static str] {
        php::RESERVED
    }

    async fn detect(&self, path: &Utf8Path, files: &Observer) -> Result<Option<Codebase>> {
        for docroot in DOCROOTS {
            if let Some(found) = codebase::read(docroot, &below(path, docroot), files).await? {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }

    async fn plan(&self, operation: &Operation<'_>, cx: &PlanContext<'_>) -> Result<Plan> {
        match operation {
            Operation::VerifyPlatform { platform, server, code } => {
                if !has_theme(&platform.codebase) {
                    cx.warn(format!("the WordPress at {} has no theme: its sites would answer 200 with an empty page; put one into {}/wp-content/themes", platform.path, platform.docroot()));
                }
                platform::verify(platform, server, code, cx).await
            }
            Operation::DeletePlatform { platform, server } => platform::remove(platform, server, cx).await,
            Operation::InstallSite { site, account } => {
                if !has_theme(&site.platform.codebase) {
                    let themes = site.platform.docroot().join("wp-content/themes");
                    return Err(Error::refused(format!(
                        "platform {} has no theme: the site would answer 200 with an empty page",
                        site.platform.name
                    ))
                    .context("platform", &site.platform.name)
                    .context("file", &themes)
                    .hint(format!("put a theme into {themes}, then run `aegir platform verify {}`", site.platform.name)));
                }
                if account.email.len() > LONGEST_EMAIL {
                    return Err(Error::invalid(format!(
                        "WordPress keeps at most {LONGEST_EMAIL} characters of an account's e-mail address, and {} has {}",
                        account.email,
                        account.email.len()
                    ))
                    .context("site", &site.site.uri)
                    .hint("give a shorter one with `--email`"));
                }
                php::refuse_leftovers(site, &cx.observe(&site.web.name).await?).await?;
                Ok(layout(site).plan(site, cx).await?.and_then(php::install(Family::Wordpress, site, account)?))
            }
            Operation::VerifySite { site } => layout(site).plan(site, cx).await,
            Operation::QuiesceSite { site, aside } => php::quiesce(site, aside),
            Operation::DeleteSite { site, .. } => php::removal(site, SITES, &cx.observe(&site.web.name).await?, cx).await,
            _ => Ok(Plan::empty()),
        }
    }

    async fn login_link(&self, site: &SiteContext, server: &dyn Server, keyring: &Keyring) -> Result<SecretString> {
        php::login_link(Family::Wordpress, site, server, keyring).await
    }
}
