//! `aegir platform …`

use camino::Utf8PathBuf;
use clap::{Args, Subcommand, ValueHint};
use clap_complete::engine::ArgValueCandidates;

use super::ChangeArgs;
use crate::complete;

/// Codebases that sites live on.
#[derive(Debug, Subcommand)]
#[command(arg_required_else_help = true)]
pub(crate) enum PlatformVerb {
    /// Take over a codebase that stands at a path on the master, or copy one there; a remote server is sent it
    #[command(
        after_help = "Examples:\n  aegir platform add d10 --path /var/aegir/platforms/d10\n  aegir platform add wp --path /var/aegir/platforms/wp --from /usr/share/wordpress --php 8.2\n  aegir platform add web1-wp --path /var/aegir/platforms/web1-wp --server web1 --from /usr/share/wordpress"
    )]
    Add(AddArgs),
    /// List platforms
    #[command(after_help = "Examples:\n  aegir platform list")]
    List,
    /// Show a platform: what stands at its path, its profiles and modules
    #[command(after_help = "Examples:\n  aegir platform show d10\n  aegir platform show d10 --json")]
    Show {
        /// Its name
        #[arg(add = ArgValueCandidates::new(complete::platforms))]
        platform: String,
    },
    /// Look at the code again, send what changed, bring the platform's configuration up to date
    #[command(after_help = "Examples:\n  aegir platform verify d10")]
    Verify {
        /// Its name
        #[arg(add = ArgValueCandidates::new(complete::platforms))]
        platform: String,
        #[command(flatten)]
        change: ChangeArgs,
    },
    /// Take no new sites on a platform; those that are there stay as they are
    #[command(after_help = "Examples:\n  aegir platform lock d10")]
    Lock {
        /// Its name
        #[arg(add = ArgValueCandidates::new(complete::platforms))]
        platform: String,
        #[command(flatten)]
        change: ChangeArgs,
    },
    /// Take new sites on a platform again
    #[command(after_help = "Examples:\n  aegir platform unlock d10")]
    Unlock {
        /// Its name
        #[arg(add = ArgValueCandidates::new(complete::platforms))]
        platform: String,
        #[command(flatten)]
        change: ChangeArgs,
    },
    /// Forget a platform without sites; its code goes wherever Aegir put it
    #[command(
        after_help = "Examples:\n  aegir platform delete d10 --dry-run\n  aegir platform delete d10 --yes\n  aegir platform delete web1-wp --offline"
    )]
    Delete {
        /// Its name
        #[arg(add = ArgValueCandidates::new(complete::platforms))]
        platform: String,
        /// Its server is gone for good: do nothing there
        #[arg(long)]
        offline: bool,
        #[command(flatten)]
        change: ChangeArgs,
    },
}

/// A platform to add.
#[derive(Args, Debug)]
pub(crate) struct AddArgs {
    /// Its name
    pub(crate) name: String,
    /// The project's root, the same on the master and on the web server; the document root may lie below it
    #[arg(long, value_hint = ValueHint::DirPath)]
    pub(crate) path: Utf8PathBuf,
    /// The web server it is placed on
    #[arg(long, default_value = "server_master", add = ArgValueCandidates::new(complete::servers))]
    pub(crate) server: String,
    /// Copy the code from this directory of the master; the path must not exist then
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub(crate) from: Option<Utf8PathBuf>,
    /// The PHP version for its sites; the newest that fits when not given
    #[arg(long, value_name = "VERSION")]
    pub(crate) php: Option<String>,
    #[command(flatten)]
    pub(crate) change: ChangeArgs,
}
