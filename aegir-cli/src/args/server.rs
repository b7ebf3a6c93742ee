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
        after_help = "Several at once do not wait for each other: a dead one delays nobody.\n\nExamples:\n  aegir server verify server_master\n  aegir server verify web1 web2 --dry-run\n  aegir server verify --all\n  aegir server verify server_master --check db.rights"
    )]
    Verify {
        /// Their names or host names
        #[arg(add = ArgValueCandidates::new(complete::servers), required_unless_present = "all", conflicts_with = "all")]
        server: Vec<String>,
        /// All servers
        #[arg(long)]
        all: bool,
        /// Only run this check, and change nothing; can be given again
        #[arg(long, value_name = "NAME", conflicts_with_all = ["all", "dry_run", "plan_out", "no_wait"])]
        check: Vec<String>,
        #[command(flatten)]
        change: ChangeArgs,
    },
}
