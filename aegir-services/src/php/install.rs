//! The step that runs an application's own installer.

use aegir_core::action::{Action, Context};
use aegir_core::entity::{Database, Resource, ResourceKind};
use aegir_core::name::{MachineName, PlatformName, ServerName, SiteUri};
use aegir_core::plan::{Change, Diff};
use aegir_core::secret::Sealed;
use aegir_core::{Error, Result};
use camino::Utf8PathBuf;
use secrecy::ExposeSecret as _;
use serde_json::json;

use super::Family;
use super::answer::{Kind, Subject};
use super::driver::{Driver, progress_sink};

/// Installs an application into its empty database.
///
/// Our own driver does it also where the platform carries Drush: `drush site:install` drops every table of the database
/// before it has looked whether the profile exists, and has no safe way to take a password.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
pub struct InstallApplication {
    /// Which driver.
    pub family: Family,
    /// The PHP that runs it.
    pub php: Utf8PathBuf,
    /// The account it runs as: the one that serves the site.
    pub account: String,
    /// The platform, for hints.
    pub platform: PlatformName,
    /// Its document root.
    pub docroot: Utf8PathBuf,
    /// The site's address.
    pub uri: SiteUri,
    /// The database that the site's settings must name; nothing is installed into any other. Its password is opened only
    /// while the installer runs.
    pub database: Database,
    /// The installation profile.
    pub profile: MachineName,
    /// The language.
    pub language: MachineName,
    /// The site's title.
    pub title: String,
    /// The first account's name.
    pub account_name: String,
    /// The first account's address, and the site's.
    pub account_email: String,
    /// The first account's password; opened only while the installer runs.
    pub account_password: Sealed,
}

impl InstallApplication {
    /// Whether the ledger says that the database is this site's own: then what is in it came from this step.
    async fn owns_database(&self, cx: &Context) -> Result<bool> {
        let database = Resource::new(ResourceKind::Database, &self.database.server, self.database.name.as_str());
        Ok(cx.inventory().owner(&database).await?.is_some_and(|owner| owner == *cx.owner()))
    }
}

impl Action for InstallApplication {
    const NAME: &'static str = "app.install";
    type Before = ();
    type Output = ();

    fn summary(&self) -> String {
        format!("install {} at {}", self.family.title(), self.uri)
    }

    async fn observe(&self, _cx: &Context) -> Result<()> {
        Ok(())
    }

    fn diff(&self, _cx: &Context, (): &()) -> Result<Diff> {
        Ok(Diff::new(
            Change::Run,
            format!(
                "run the {} installer with {} as {}: profile {}, language {}, into the database {}\n",
                self.family.title(),
                self.php,
                self.account,
                self.profile,
                self.language,
                self.database.name
            ),
        ))
    }

    async fn apply(&self, cx: &Context, (): &()) -> Result<()> {
        let password = cx.keyring().open(&self.account_password)?;
        let directory = self.uri.file_name();
        let driver = Driver {
            family: self.family,
            php: &self.php,
            account: &self.account,
            docroot: &self.docroot,
            uri: self.uri.as_str(),
            directory: &directory,
            database: &self.database,
        };
        let options = json!({
            "profile": self.profile,
            "langcode": self.language,
            "site_name": self.title,
            "site_mail": self.account_email,
            "account_name": self.account_name,
            "account_mail": self.account_email,
            "account_pass": password.expose_secret(),
            // A run that was cut short left tables behind, which an installer takes for somebody's site.
            "fresh": cx.retrying(),
        });
        let reporter = cx.clone();
        let sink = progress_sink(move |done, total, note| reporter.progress(done, total, note));
        let Err(failure) = driver.call(cx.server(), "install", options, std::slice::from_ref(&password), Some(sink), cx.keyring()).await?
        else {
            return Ok(());
        };
        if failure.kind == Kind::AlreadyInstalled && failure.finished && self.owns_database(cx).await? {
            return Ok(());
        }
        let subject =
            Subject { site: None, platform: self.platform.as_str(), web: cx.server().name().as_str(), db: self.database.server.as_str() };
        let error: Error = failure.error(&format!("installing {}", self.uri), subject);
        Err(error.context("site", &self.uri).context("platform", &self.platform).context("database", &self.database.name))
    }

    async fn undo(&self, _cx: &Context, (): &()) -> Result<()> {
        // All it fills are the database and the directories that earlier steps of the same plan made; their undo
        // removes them with what is in them.
        Ok(())
    }

    fn by_hand(&self, server: &ServerName) -> String {
        format!("on {server}: nothing; the database {} and the site's directory are taken back by their own steps", self.database.name)
    }
}
