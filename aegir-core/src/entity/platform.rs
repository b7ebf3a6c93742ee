//! A codebase at a path, placed on a web server.

use camino::Utf8PathBuf;

use crate::entity::EntityId;
use crate::name::{MachineName, PlatformName, ServerName};
use crate::{Error, Result};

/// A codebase at a publish path. The path is the same on the master and on every server that has it.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Platform {
    /// What tells it from every other that has or had its name; never changes.
    #[serde(default)]
    pub id: EntityId,
    /// Its name.
    pub name: PlatformName,
    /// The project root; the document root may lie below it.
    pub path: Utf8PathBuf,
    /// The web server (or cluster) it is placed on.
    pub server: ServerName,
    /// What was found in it.
    pub codebase: Codebase,
    /// Locked platforms take no new sites.
    #[serde(default)]
    pub locked: bool,
    /// PHP version for its sites, `8.2`; unset follows the server's newest that fits.
    #[serde(default)]
    pub php: Option<String>,
    /// Whether Aegir made the directory (and may remove it) or took over one that stood there.
    #[serde(default)]
    pub created: bool,
    /// Counts saves; a plan made from an older one is stale.
    #[serde(default)]
    pub revision: u64,
}

impl Platform {
    /// The directory the web server serves.
    pub fn docroot(&self) -> Utf8PathBuf {
        if self.codebase.docroot.as_str().is_empty() { self.path.clone() } else { self.path.join(&self.codebase.docroot) }
    }

    /// A profile by name, or an error that lists what there is.
    pub fn profile(&self, name: &MachineName) -> Result<&Profile> {
        self.codebase.profiles.iter().find(|p| p.name == *name).ok_or_else(|| {
            let known: Vec<&str> = self.codebase.profiles.iter().filter(|p| !p.hidden).map(|p| p.name.as_str()).collect();
            Error::refused(format!("platform {} has no profile {name}; it has: {}", self.name, known.join(", ")))
                .context("platform", &self.name)
                .hint("choose one of these with `--profile`")
        })
    }
}

/// What stands at a platform's path, read without running its PHP.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Codebase {
    /// The application's name in the registry: `drupal`, `wordpress`.
    pub application: String,
    /// Its version, `10.2.6`.
    pub version: String,
    /// The document root relative to the path: empty, `web`, `docroot`, `html`.
    pub docroot: Utf8PathBuf,
    /// The lowest PHP version it runs on, inclusive: (8, 1).
    pub php_min: (u32, u32),
    /// The highest PHP version it is known to run on, inclusive; `None` when no limit is known.
    pub php_max: Option<(u32, u32)>,
    /// Whether it carries its own command line tool (Drush).
    #[serde(default)]
    pub own_tool: Option<Utf8PathBuf>,
    /// Installation profiles.
    #[serde(default)]
    pub profiles: Vec<Profile>,
    /// Modules, themes, plugins.
    #[serde(default)]
    pub extensions: Vec<Extension>,
}

impl Codebase {
    /// Whether it runs on this PHP version.
    pub fn runs_on(&self, php: (u32, u32)) -> bool {
        php >= self.php_min && self.php_max.is_none_or(|max| php <= max)
    }

    /// The range in words: `8.1 to 8.4`.
    pub fn php_range(&self) -> String {
        let (major, minor) = self.php_min;
        match self.php_max {
            Some((max_major, max_minor)) => format!("{major}.{minor} to {max_major}.{max_minor}"),
            None => format!("{major}.{minor} or newer"),
        }
    }
}

/// An installation profile.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Profile {
    /// Its machine name.
    pub name: MachineName,
    /// Its title for people.
    pub title: String,
    /// Not offered to people.
    #[serde(default)]
    pub hidden: bool,
}

/// Whether an extension is a module (plugin) or a theme.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ExtensionKind {
    /// A Drupal module or WordPress plugin.
    Module,
    /// A theme.
    Theme,
}

/// A module, plugin or theme in a codebase.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Extension {
    /// Module or theme.
    pub kind: ExtensionKind,
    /// Its machine name.
    pub name: String,
    /// Its version, where its files say one.
    #[serde(default)]
    pub version: Option<String>,
}
