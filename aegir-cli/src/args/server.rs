//! `aegir server …`

use clap::Subcommand;
use clap_complete::engine::ArgValueCandidates;

use super::ChangeArgs;
use crate::complete;

/// Machines under management.
#[derive(Debug, Subcommand)]
#[command(arg_required_else_help = true)]
pub(crate) enum ServerVerb {
    /// List servers
    #[command(after_help = "Examples:\n  aegir server list\n  aegir server list --json")]
    List,
    /// Show a server: services, addresses, what the last verify found
    #[command(after_help = "Examples:\n  aegir server show @server_master")]
    Show {
        /// Its name or host name
        #[arg(add = ArgValueCandidates::new(complete::servers))]
        server: String,
    },
    /// Gather facts, check, bring the server's configuration up to date
    #[command(
        after_help = "Examples:\n  aegir server verify server_master\n  aegir server verify server_master --dry-run\n  aegir server verify server_master --check db.rights"
    )]
    Verify {
        /// Its name or host name
        #[arg(add = ArgValueCandidates::new(complete::servers))]
        server: String,
        /// Only run this check, or those of this service, and change nothing; can be given again
        #[arg(long, value_name = "NAME", conflicts_with_all = ["dry_run", "plan_out", "no_wait"])]
        check: Vec<String>,
        #[command(flatten)]
        change: ChangeArgs,
    },
}
