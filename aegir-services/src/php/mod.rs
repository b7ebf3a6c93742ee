//! What PHP applications share: driving their code from outside, and a site's files.
//!
//! An application's PHP never runs in here, and never as the account Aegir works as. A small driver script goes to the
//! standard input of the site's own PHP, on the web server that holds the site and as the account that serves it, with
//! its options in front of it: nothing is installed there, and no secret is ever in an argument.

mod answer;
mod authority;
mod credentials;
mod docroot;
mod driver;
mod family;
mod install;
mod names;
mod platform;
mod remove;
mod scan;
mod script;
mod site;
mod sites;
mod steps;
mod version;

#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;

pub use family::Family;
pub use install::InstallApplication;
pub use names::TakeNames;
pub use sites::EnterAddresses;

pub(crate) use credentials::directory as credentials_directory;
pub(crate) use docroot::{DOCROOTS, below};
pub(crate) use driver::{login_link, php_of};
pub(crate) use platform::{is_ours, require_usable, sites_file, sites_file_removal};
pub(crate) use remove::{quiesce, removal};
pub(crate) use scan::{Found, Scan};
pub(crate) use script::Script;
pub(crate) use site::{Layout, install, refuse_leftovers, settings_data};
pub(crate) use steps::{Reader, Steps};
pub(crate) use version::{quoted_after, two_numbers};

use aegir_core::service::Registry;

/// What stands in `sites` of one application or another, and in front of it: no site's directory has such a name.
pub(crate) const RESERVED: &[&str] = &[
    "all",
    "default",
    "development.services.yml",
    "example.settings.local.php",
    "example.sites.php",
    "index.php",
    "local.settings.php",
    "platform.settings.php",
    "readme.txt",
    "settings.php",
    "simpletest",
    "sites.php",
    "wp-config.php",
];

/// The shared actions; the applications bring their templates along.
pub(crate) fn register(registry: &mut Registry) {
    registry.actions_mut().add::<InstallApplication>();
    registry.actions_mut().add::<EnterAddresses>();
    registry.actions_mut().add::<TakeNames>();
}
