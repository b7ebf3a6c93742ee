//! `aegir site …`

use clap::{Args, Subcommand};
use clap_complete::engine::ArgValueCandidates;

use super::ChangeArgs;
use crate::complete;

/// Sites.
#[derive(Debug, Subcommand)]
#[command(arg_required_else_help = true)]
pub(crate) enum SiteVerb {
    /// Make a site: database, files, settings, virtual host
    #[command(
        after_help = "Examples:\n  aegir site install example.org --platform d10\n  aegir site install example.org --platform d10 --profile minimal --alias www.example.org --redirect-to example.org\n  aegir site install example.org --platform d10 --dry-run\n  aegir site install example.org --platform d10 --plan-out install.plan"
    )]
    Install(Box<InstallArgs>),
    /// List sites
    #[command(after_help = "Examples:\n  aegir site list\n  aegir site list --platform d10 --json")]
    List {
        /// Only those on this platform
        #[arg(long, add = ArgValueCandidates::new(complete::platforms))]
        platform: Option<String>,
        /// Only those on this web server
        #[arg(long, add = ArgValueCandidates::new(complete::servers))]
        server: Option<String>,
    },
    /// Show a site
    #[command(after_help = "Examples:\n  aegir site show @example.org")]
    Show {
        /// Its URI
        #[arg(add = ArgValueCandidates::new(complete::sites))]
        site: String,
    },
    /// Change a site's addresses
    #[command(
        after_help = "Examples:\n  aegir site edit example.org --add-alias www.example.org --redirect-to www.example.org\n  aegir site edit example.org --remove-alias example.net\n  aegir site edit example.org --no-alias --no-redirect"
    )]
    Edit(EditArgs),
    /// Bring a site up to date: database rights, files, settings, virtual host
    #[command(after_help = "Examples:\n  aegir site verify example.org\n  aegir site verify example.org --dry-run")]
    Verify(OneSite),
    /// Let a site answer again
    #[command(after_help = "Examples:\n  aegir site enable example.org")]
    Enable(OneSite),
    /// Let a site's addresses answer with a notice; nothing is removed
    #[command(after_help = "Examples:\n  aegir site disable example.org")]
    Disable(OneSite),
    /// Archive a site, then remove it
    #[command(
        after_help = "The archive stays below ROOT/backups.\n\nExamples:\n  aegir site delete example.org --dry-run\n  aegir site delete example.org --yes\n  aegir site delete example.org --offline\n  aegir site delete example.org --incomplete --confirm example.org"
    )]
    Delete {
        #[command(flatten)]
        one: OneSite,
        /// Its web server, or the server of its database, is gone for good: archive and remove what the other has
        #[arg(long)]
        offline: bool,
        /// Its database cannot be dumped whole: archive what can be saved, and a list of what cannot
        #[arg(long)]
        incomplete: bool,
    },
    /// Print a link that logs its first visitor in as the first account, once
    #[command(after_help = "The link is a secret: it works for whoever opens it first.\n\nExamples:\n  aegir site login example.org")]
    Login {
        /// Its URI
        #[arg(add = ArgValueCandidates::new(complete::sites))]
        site: String,
    },
}

/// A verb with nothing but a site.
#[derive(Args, Debug)]
pub(crate) struct OneSite {
    /// Its URI
    #[arg(add = ArgValueCandidates::new(complete::sites))]
    pub(crate) site: String,
    #[command(flatten)]
    pub(crate) change: ChangeArgs,
}

/// A site to install.
#[derive(Args, Debug)]
pub(crate) struct InstallArgs {
    /// Its address: a host name, with `:PORT` where it is not the usual one
    pub(crate) uri: String,
    /// Its platform
    #[arg(long, add = ArgValueCandidates::new(complete::platforms))]
    pub(crate) platform: String,
    /// The installation profile; the one that the platform's application puts first when not given
    #[arg(long, add = ArgValueCandidates::new(complete::profiles))]
    pub(crate) profile: Option<String>,
    /// The server for its database; the web server, else the master, when not given
    #[arg(long, value_name = "SERVER", add = ArgValueCandidates::new(complete::servers))]
    pub(crate) db_server: Option<String>,
    /// Who owns it
    #[arg(long)]
    pub(crate) client: Option<String>,
    /// The first account's address
    #[arg(long)]
    pub(crate) email: Option<String>,
    /// Its language; `en` when not given
    #[arg(long)]
    pub(crate) language: Option<String>,
    /// Its title; the URI when not given
    #[arg(long)]
    pub(crate) title: Option<String>,
    /// A further address; can be given again
    #[arg(long, value_name = "NAME")]
    pub(crate) alias: Vec<String>,
    /// The one address that the others redirect to
    #[arg(long, value_name = "NAME")]
    pub(crate) redirect_to: Option<String>,
    #[command(flatten)]
    pub(crate) change: ChangeArgs,
}

/// What to change on a site.
#[derive(Args, Debug)]
#[command(group = clap::ArgGroup::new("what").multiple(true).required(true))]
pub(crate) struct EditArgs {
    /// Its URI
    #[arg(add = ArgValueCandidates::new(complete::sites))]
    pub(crate) site: String,
    /// A further address, beside those it has; can be given again
    #[arg(long, visible_alias = "alias", value_name = "NAME", group = "what")]
    pub(crate) add_alias: Vec<String>,
    /// A further address to give up; the others stay; can be given again
    #[arg(long, value_name = "NAME", group = "what", add = ArgValueCandidates::new(complete::aliases))]
    pub(crate) remove_alias: Vec<String>,
    /// Give up all further addresses, but for those that `--add-alias` names
    #[arg(long, group = "what", conflicts_with = "remove_alias")]
    pub(crate) no_alias: bool,
    /// The one address that the others redirect to
    #[arg(long, value_name = "NAME", group = "what")]
    pub(crate) redirect_to: Option<String>,
    /// No redirection between its addresses
    #[arg(long, group = "what", conflicts_with = "redirect_to")]
    pub(crate) no_redirect: bool,
    #[command(flatten)]
    pub(crate) change: ChangeArgs,
}
