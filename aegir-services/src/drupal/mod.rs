//! Drupal 7, and Drupal 8 and later.

mod core7;
mod core8;
mod drush;
mod extensions;
mod info;
mod profiles;

#[cfg(test)]
mod tests;

use aegir_core::application::Application;
use aegir_core::entity::{Codebase, Owner, SiteContext};
use aegir_core::plan::Plan;
use aegir_core::secret::Keyring;
use aegir_core::server::{Observer, Server};
use aegir_core::service::{Operation, PlanContext, Registry};
use aegir_core::{Error, Result};
use async_trait::async_trait;
use camino::Utf8Path;
use secrecy::SecretString;

use crate::php::{self, DOCROOTS, Family, Layout, Steps, below};

const SITES: &str = "drupal/sites.php";
const CREDENTIALS: &str = "drupal/credentials.php";
const SETTINGS_7: &str = "drupal/settings7.php";
const SETTINGS_8: &str = "drupal/settings8.php";

pub(crate) fn register(registry: &mut Registry) {
    registry.application(Drupal);
}

/// Drupal 7, and Drupal 8 and later.
#[derive(Clone, Copy, Debug, Default)]
pub struct Drupal;

/// What is told apart by version: settings, directories, driver.
fn family(codebase: &Codebase) -> Family {
    if codebase.version.starts_with("7.") { Family::Drupal7 } else { Family::Drupal8 }
}

fn layout(site: &SiteContext) -> Layout<'static> {
    let (closed, served, template): (&[&str], &[&str], _) = match family(&site.platform.codebase) {
        Family::Drupal7 => (&["private"], &["files", "private/files", "private/temp"], SETTINGS_7),
        // Drupal makes up a directory of its own when the one for configuration is missing.
        _ => (&["private", "private/config"], &["files", "private/files", "private/temp", "private/config/sync"], SETTINGS_8),
    };
    Layout {
        closed,
        served,
        settings: "settings.php",
        template,
        data: php::settings_data(site),
        sites_template: SITES,
        credentials_template: CREDENTIALS,
    }
}

#[async_trait]
impl Application for Drupal {
    fn name(&self) -> &'static str {
        "drupal"
    }

    fn title(&self) -> &'static str {
        "Drupal"
    }

    fn templates(&self) -> &'static [(&'static str, &'static str)] {
        &[
            (SETTINGS_7, include_str!("templates/settings7.php.hbs")),
            (SETTINGS_8, include_str!("templates/settings8.php.hbs")),
            (SITES, include_str!("templates/sites.php.hbs")),
            (CREDENTIALS, include_str!("../php/templates/credentials.php.hbs")),
        ]
    }

    fn not_code(&self) -> &'static [&'static str] {
        &[
            "sites/sites.php",
            "sites/*/files",
            "sites/*/private",
            "sites/*/settings.php",
            "sites/*/settings.local.php",
            "sites/*/local.settings.php",
            "sites/*/drushrc.php",
        ]
    }

    fn reserved(&self) -> &'static [&'static str] {
        php::RESERVED
    }

    async fn detect(&self, path: &Utf8Path, files: &Observer) -> Result<Option<Codebase>> {
        for docroot in DOCROOTS {
            let root = below(path, docroot);
            if let Some(core) = core8::read(&root, files).await? {
                return core8::codebase(path, docroot, &core, files).await.map(Some);
            }
            if let Some(core) = core7::read(&root, files).await? {
                return core7::codebase(docroot, &root, &core, files).await.map(Some);
            }
        }
        Ok(None)
    }

    async fn plan(&self, operation: &Operation<'_>, cx: &PlanContext<'_>) -> Result<Plan> {
        match operation {
            Operation::VerifyPlatform { platform, server, code } => {
                let files = cx.observe(&server.name).await?;
                php::require_usable(&[platform.docroot().join("sites")], platform, server, code, &files).await?;
                let steps = Steps::new(server, Owner::from(*platform));
                let sites = php::sites_file(steps, platform, SITES, &files, cx).await?.done();
                Ok(php::credentials_directory(server)?.and_then(sites))
            }
            Operation::DeletePlatform { platform, server } => {
                let files = cx.observe(&server.name).await?;
                let steps = Steps::new(server, Owner::from(*platform));
                Ok(php::sites_file_removal(steps, &[], platform, &files, cx).await?.done())
            }
            Operation::InstallSite { site, account } => {
                let files = cx.observe(&site.web.name).await?;
                php::refuse_leftovers(site, &files).await?;
                if family(&site.platform.codebase) == Family::Drupal7 {
                    core7::require_translation(site, &files).await?;
                }
                Ok(layout(site).plan(site, cx).await?.and_then(php::install(family(&site.platform.codebase), site, account)?))
            }
            Operation::VerifySite { site } => layout(site).plan(site, cx).await,
            Operation::QuiesceSite { site, aside } => php::quiesce(site, aside),
            Operation::DeleteSite { site, .. } => php::removal(site, SITES, &cx.observe(&site.web.name).await?, cx).await,
            _ => Ok(Plan::empty()),
        }
    }

    async fn login_link(&self, site: &SiteContext, server: &dyn Server, keyring: &Keyring) -> Result<SecretString> {
        match drush::login_link(site, server, keyring).await? {
            Some(link) => Ok(link),
            None => php::login_link(family(&site.platform.codebase), site, server, keyring).await,
        }
    }
}

/// A tree that is Drupal, but not one that can be taken over.
fn unusable(root: &Utf8Path, files: &Observer, what: impl std::fmt::Display) -> Error {
    Error::refused(format!("the Drupal at {root} on {} {what}", files.name())).context("server", files.name()).context("file", root)
}
