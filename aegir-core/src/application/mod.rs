//! What kind of codebase a platform holds, and how it is driven from outside.

use async_trait::async_trait;
use camino::Utf8Path;
use secrecy::SecretString;

use crate::Result;
use crate::action::Actions;
use crate::entity::{Codebase, SiteContext};
use crate::plan::Plan;
use crate::secret::Keyring;
use crate::server::{Observer, Server};
use crate::service::{Operation, PlanContext};

/// An application: Drupal, WordPress, yours.
///
/// * `detect` runs no PHP: it reads files, under whatever PHP version.
/// * `plan` reads and never changes, as [`crate::service::ServiceType::plan`].
/// * Its PHP runs on the web server that holds the site, as a child process, with that site's PHP, and as the account
///   that serves the site: never as the one Aegir works as. What it answers is data.
#[async_trait]
pub trait Application: std::fmt::Debug + Send + Sync {
    /// Its name: `drupal`.
    fn name(&self) -> &'static str;
    /// Its title for people.
    fn title(&self) -> &'static str;
    /// Its templates, name and text.
    fn templates(&self) -> &'static [(&'static str, &'static str)] {
        &[]
    }
    /// Makes its actions known.
    fn actions(&self, actions: &mut Actions) {
        let _ = actions;
    }
    /// What below a document root is no code, with all that is below it: uploads, settings, caches. `*` stands for one
    /// component. Distribution neither sends nor removes it: it belongs to the web server, or to Aegir's own steps.
    fn not_code(&self) -> &'static [&'static str] {
        &[]
    }
    /// Names that its codebases use themselves where a site's own directory or address would be: `default`. No site of any
    /// application gets one, for a platform may become another's.
    fn reserved(&self) -> &'static [&'static str] {
        &[]
    }
    /// What stands at a path, or `None` when it is another application.
    async fn detect(&self, path: &Utf8Path, files: &Observer) -> Result<Option<Codebase>>;
    /// Works out the changes an operation needs.
    async fn plan(&self, operation: &Operation<'_>, cx: &PlanContext<'_>) -> Result<Plan>;
    /// A link that logs its first visitor in as the first account, once.
    async fn login_link(&self, site: &SiteContext, server: &dyn Server, keyring: &Keyring) -> Result<SecretString>;
}
