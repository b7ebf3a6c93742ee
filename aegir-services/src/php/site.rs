//! A site's files on its web server, the same shape for every PHP application.

use aegir_core::entity::{DatabaseTls, Owner, SiteContext};
use aegir_core::plan::Plan;
use aegir_core::secret::Sealed;
use aegir_core::server::Observer;
use aegir_core::service::{Account, PlanContext};
use aegir_core::{Error, Result};
use serde_json::{Value, json};

use super::driver::php_of;
use super::platform::{require_writable, sites_path};
use super::steps::{Reader, Steps};
use super::{EnterAddresses, Family, InstallApplication, authority, credentials, names, sites};

/// What one application's sites consist of.
#[derive(Debug)]
pub(crate) struct Layout<'a> {
    /// Directories below the site's own that only Aegir writes to, parents first.
    pub(crate) closed: &'a [&'a str],
    /// Those that the web server writes to; none of them in another one, where it could put a link in Aegir's way.
    pub(crate) served: &'a [&'a str],
    /// The name of the settings file.
    pub(crate) settings: &'a str,
    /// Its template.
    pub(crate) template: &'a str,
    /// What its template gets.
    pub(crate) data: Value,
    /// The template of the sites file.
    pub(crate) sites_template: &'a str,
    /// The template of the credentials file.
    pub(crate) credentials_template: &'a str,
}

/// What every settings template gets.
pub(crate) fn settings_data(site: &SiteContext) -> Value {
    let directory = format!("sites/{}", site.site.uri.file_name());
    let docroot = site.platform.docroot();
    json!({
        "site": {
            "host": site.site.uri,
            "aliases": site.site.aliases,
            "redirect": site.site.redirect_to,
        },
        "files_path": format!("{directory}/files"),
        "private_path": format!("{directory}/private/files"),
        "temp_path": format!("{directory}/private/temp"),
        "sync_path": format!("{directory}/private/config/sync"),
        "utf8mb4": true,
        "db_name": site.site.database.name,
        "credentials_path": site.credentials_path(),
        "include_global": site.web.root.join("config/includes/global.inc"),
        "include_platform": docroot.join("sites/all/platform.settings.php"),
        "include_local": site.directory().join("local.settings.php"),
    })
}

impl Layout<'_> {
    /// Directories, credentials, settings, entries of a site. The same for a new site and for one that is verified.
    ///
    /// The modes are the ones that the driver puts back after an installer has taken write permission away.
    pub(crate) async fn plan(&self, site: &SiteContext, cx: &PlanContext<'_>) -> Result<Plan> {
        let own = site.directory();
        let salt: &[(&str, &Sealed)] = &[("hash_salt", &site.site.hash_salt)];
        let names = names::take(site, cx).await?;
        let mut steps = Steps::new(&site.web, Owner::from(&site.site)).step(&names)?.served(&own, 0o750)?;
        for directory in self.closed {
            steps = steps.directory(own.join(directory), 0o750, Reader::Web)?;
        }
        for directory in self.served {
            // What is made in there belongs to the web server's group.
            steps = steps.served(own.join(directory), 0o2770)?;
        }
        let tls = cx.bindings().take::<DatabaseTls>();
        let mut data = self.data.clone();
        data["db_tls"] = authority::data(site, tls.as_ref());
        let steps = steps.file(own.join(self.settings), cx.render(self.template, &data, salt)?, 0o440, Reader::Web)?;
        let empty = cx.render(self.sites_template, &json!({ "entries": [] }), &[])?.shown();
        let entries =
            EnterAddresses { file: sites_path(&site.platform), directory: site.site.uri.file_name(), keys: sites::keys(&site.site), empty };
        let shared = Steps::new(&site.web, Owner::from(&site.platform)).step(&entries)?;
        let credentials = credentials::plan(site, self.credentials_template, cx)?.and_then(authority::plan(site, tls.as_ref(), cx).await?);
        Ok(credentials.and_then(steps.done()).and_then(shared.done()))
    }
}

/// Refuses to install over what an earlier site left, and on a platform that lost its directory for sites.
pub(crate) async fn refuse_leftovers(site: &SiteContext, files: &Observer) -> Result<()> {
    let directory = site.directory();
    let sites = site.platform.docroot().join("sites");
    if files.stat(&sites).await?.is_none() {
        return Err(Error::refused(format!("{sites} does not exist on {}", files.name()))
            .context("server", files.name())
            .context("platform", &site.platform.name)
            .context("file", &sites)
            .hint(format!("`aegir platform verify {}` looks at what is there", site.platform.name)));
    }
    require_writable(&[sites], &site.platform, &site.web, files).await?;
    if files.stat(&directory).await?.is_some() {
        return Err(Error::conflict(format!("{directory} exists already on {}, and no site of Aegir's has it", files.name()))
            .context("server", files.name())
            .context("file", &directory)
            .hint(format!("move it away: `mv {directory} {directory}.old`")));
    }
    Ok(())
}

/// Runs the application's installer.
pub(crate) fn install(family: Family, site: &SiteContext, account: &Account) -> Result<Plan> {
    let action = InstallApplication {
        family,
        php: php_of(&site.web, &site.platform)?,
        account: site.web.web_account().to_owned(),
        platform: site.platform.name.clone(),
        docroot: site.platform.docroot(),
        uri: site.site.uri.clone(),
        database: site.site.database.clone(),
        profile: site.site.profile.clone(),
        language: site.site.language.clone(),
        title: site.site.title.clone(),
        account_name: account.name.clone(),
        account_email: account.email.clone(),
        account_password: account.password.clone(),
    };
    Plan::empty().then(&site.web.name, &Owner::from(&site.site), &action)
}
