//! One URI on a platform, with its own database, files and settings.

use camino::Utf8PathBuf;
use chrono::{DateTime, Utc};

use crate::entity::{EntityId, Platform, Server};
use crate::name::{DatabaseName, DatabaseUser, GrantHost, MachineName, PlatformName, ServerName, SiteUri};
use crate::secret::Sealed;

/// Whether a site answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SiteState {
    /// It answers.
    Enabled,
    /// Its addresses answer with a notice.
    Disabled,
}

impl SiteState {
    /// The word for tables and columns.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Enabled => "enabled",
            Self::Disabled => "disabled",
        }
    }
}

/// A site's database, chosen when its installation is planned.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Database {
    /// The server whose `db` service holds it.
    pub server: ServerName,
    /// Its name.
    pub name: DatabaseName,
    /// The user the site connects as.
    pub user: DatabaseUser,
    /// That user's password.
    pub password: Sealed,
    /// The host the site connects to, as its web server sees it.
    pub host: String,
    /// The port there.
    pub port: u16,
    /// The hosts that user may connect from, as the database server sees them; recorded, never `%`.
    pub grants: Vec<GrantHost>,
}

/// How a site's connection to its database is protected, where it crosses a network. Not recorded: the database service
/// looks each time, and leaves it in the bindings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DatabaseTls {
    /// Encrypted; whoever answers is believed.
    Encrypted,
    /// Encrypted, and the server proves its host name to this authority, in PEM; `None` for those that the web server trusts.
    Proved(Option<String>),
}

/// A site.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Site {
    /// What tells it from every other that has or had its name; never changes.
    #[serde(default)]
    pub id: EntityId,
    /// Its address and its name.
    pub uri: SiteUri,
    /// The platform it lives on.
    pub platform: PlatformName,
    /// Further addresses.
    #[serde(default)]
    pub aliases: Vec<SiteUri>,
    /// The one address that the others redirect to; it is the URI or an alias.
    #[serde(default)]
    pub redirect_to: Option<SiteUri>,
    /// The installation profile.
    pub profile: MachineName,
    /// Its language.
    pub language: MachineName,
    /// Its title, as given to the installer.
    pub title: String,
    /// The first account's address.
    pub email: String,
    /// Who owns it.
    #[serde(default)]
    pub client: Option<MachineName>,
    /// Whether it answers.
    pub state: SiteState,
    /// Its database.
    pub database: Database,
    /// The salt of its tokens and links; never changes.
    pub hash_salt: Sealed,
    /// When it was installed.
    pub installed: DateTime<Utc>,
    /// Counts saves; a plan made from an older one is stale.
    #[serde(default)]
    pub revision: u64,
}

impl Site {
    /// All its addresses: the URI, then the aliases.
    pub fn addresses(&self) -> impl Iterator<Item = &SiteUri> {
        std::iter::once(&self.uri).chain(&self.aliases)
    }

    /// The address people see: where the others redirect to.
    pub fn canonical(&self) -> &SiteUri {
        self.redirect_to.as_ref().unwrap_or(&self.uri)
    }
}

/// A site with what it stands on: what services and applications plan from.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct SiteContext {
    /// The site.
    pub site: Site,
    /// Its platform.
    pub platform: Platform,
    /// The web server that holds it.
    pub web: Server,
    /// The server that holds its database.
    pub db: Server,
}

impl SiteContext {
    /// The site's own directory: `DOCROOT/sites/URI`.
    pub fn directory(&self) -> Utf8PathBuf {
        self.platform.docroot().join("sites").join(self.site.uri.file_name())
    }

    /// Where the command line finds the database credentials: `ROOT/config/SERVER/credentials.d/URI.php`.
    pub fn credentials_path(&self) -> Utf8PathBuf {
        self.web.config_dir().join("credentials.d").join(format!("{}.php", self.site.uri.file_name()))
    }

    /// The file of the authority that proves its database server to it, where there is one.
    pub fn authority_path(&self) -> Utf8PathBuf {
        self.web.config_dir().join("authorities.d").join(format!("{}.pem", self.site.uri.file_name()))
    }
}

/// What a list of sites shows; read without opening the whole record.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct SiteSummary {
    /// Its address.
    pub uri: SiteUri,
    /// Its platform.
    pub platform: PlatformName,
    /// The web server it is on.
    pub server: ServerName,
    /// Its profile.
    pub profile: String,
    /// Whether it answers.
    pub state: SiteState,
    /// Who owns it.
    pub client: Option<String>,
}
