//! `aegir server …`

use clap::{Args, Subcommand};
use clap_complete::engine::ArgValueCandidates;

use super::ChangeArgs;
use crate::complete;

/// What a server can be for.
pub(super) const STAGES: [&str; 4] = ["dev", "test", "acceptance", "production"];

/// Machines under management.
#[derive(Debug, Subcommand)]
#[command(arg_required_else_help = true)]
pub(crate) enum ServerVerb {
    /// Print a shell script that prepares a machine for Aegir; run it there as root
    #[command(
        after_help = "The script makes the account with Aegir's public key, installs packages, writes the sudo rule and the web server's\ninclude, starts what does not run, and shows the machine's host keys. Running it again changes nothing.\n\nExamples:\n  aegir server bootstrap web1.example.com | ssh root@web1.example.com sh\n  aegir server bootstrap db1.example.com --db mysql > db1.sh\n  aegir server bootstrap web1"
    )]
    Bootstrap(BootstrapArgs),
    /// Take a machine under management: pin its host key, check it, configure it
    #[command(
        after_help = "Examples:\n  aegir server add web1.example.com\n  aegir server add web1.example.com --ssh aegir@10.0.0.5:2222 --host-key SHA256:…\n  aegir server add db1.example.com --name db1 --db mysql --stage test --dry-run"
    )]
    Add(Box<AddArgs>),
    /// Change how a server is reached, what it offers, what it is for; verify it
    #[command(
        after_help = "Examples:\n  aegir server edit web1 --host-key SHA256:…\n  aegir server edit web1 --ssh aegir@10.0.0.6 --set web.port=8080\n  aegir server edit web1 --db none --stage acceptance"
    )]
    Edit(Box<EditArgs>),
    /// Take Aegir's configuration off a server that nothing is on, and forget it
    #[command(
        after_help = "Examples:\n  aegir server delete web1 --dry-run\n  aegir server delete web1 --confirm web1\n  aegir server delete web1 --offline"
    )]
    Delete {
        /// Its name or host name
        #[arg(add = ArgValueCandidates::new(complete::servers))]
        server: String,
        /// The machine is gone for good: only forget it
        #[arg(long)]
        offline: bool,
        #[command(flatten)]
        change: ChangeArgs,
    },
    /// List servers
    #[command(after_help = "Examples:\n  aegir server list\n  aegir server list --json")]
    List,
    /// Show a server: services, addresses, platforms, what the last verify found
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
        /// Only run this check, or those of this service, and change nothing; can be given again
        #[arg(long, value_name = "NAME", conflicts_with_all = ["dry_run", "plan_out", "no_wait"])]
        check: Vec<String>,
        #[command(flatten)]
        change: ChangeArgs,
    },
}

/// What a server offers.
#[derive(Args, Debug)]
#[command(next_help_heading = "Services")]
pub(crate) struct ServiceArgs {
    /// What serves sites; `none` for nothing
    #[arg(long, value_name = "TYPE")]
    pub(crate) web: Option<String>,
    /// What makes databases; `none` for nothing
    #[arg(long, value_name = "TYPE")]
    pub(crate) db: Option<String>,
    /// A setting of a service's type, empty for its default; can be given again. `aegir service show TYPE` lists them
    #[arg(long = "set", value_name = "SERVICE.NAME=VALUE")]
    pub(crate) settings: Vec<String>,
}

/// Which host keys are believed.
#[derive(Args, Debug)]
#[command(next_help_heading = "Host key")]
pub(crate) struct KeyArgs {
    /// Believe the host key with this fingerprint; can be given again
    #[arg(long, value_name = "SHA256:…")]
    pub(crate) host_key: Vec<String>,
    /// Believe whatever host key a new server shows; a changed key is still refused
    #[arg(long, conflicts_with = "host_key")]
    pub(crate) accept_new_host_key: bool,
}

/// The machine to write a script for.
#[derive(Args, Debug)]
pub(crate) struct BootstrapArgs {
    /// Its host name, or the name of a server that is added already
    #[arg(add = ArgValueCandidates::new(complete::servers))]
    pub(crate) server: String,
    /// The name it will have in Aegir; its host name when not given
    #[arg(long)]
    pub(crate) name: Option<String>,
    #[command(flatten)]
    pub(crate) services: ServiceArgs,
}

/// A server to add.
#[derive(Args, Debug)]
pub(crate) struct AddArgs {
    /// Its fully qualified host name
    pub(crate) hostname: String,
    /// Its name in Aegir; the host name when not given
    #[arg(long)]
    pub(crate) name: Option<String>,
    /// It is the machine Aegir runs on
    #[arg(long, conflicts_with = "ssh")]
    pub(crate) local: bool,
    /// How it is reached [default: Aegir's account at the host name]
    #[arg(long, value_name = "USER@HOST[:PORT]")]
    pub(crate) ssh: Option<String>,
    /// What it is for; production asks for the typed name before destructive verbs
    #[arg(long, value_parser = STAGES, default_value = "production")]
    pub(crate) stage: String,
    #[command(flatten)]
    pub(crate) services: ServiceArgs,
    #[command(flatten)]
    pub(crate) keys: KeyArgs,
    #[command(flatten)]
    pub(crate) change: ChangeArgs,
}

/// What to change on a server.
#[derive(Args, Debug)]
pub(crate) struct EditArgs {
    /// Its name or host name
    #[arg(add = ArgValueCandidates::new(complete::servers))]
    pub(crate) server: String,
    /// Another host name
    #[arg(long, value_name = "FQDN")]
    pub(crate) hostname: Option<String>,
    /// Another way to reach it
    #[arg(long, value_name = "USER@HOST[:PORT]")]
    pub(crate) ssh: Option<String>,
    /// What it is for
    #[arg(long, value_parser = STAGES)]
    pub(crate) stage: Option<String>,
    #[command(flatten)]
    pub(crate) services: ServiceArgs,
    #[command(flatten)]
    pub(crate) keys: KeyArgs,
    #[command(flatten)]
    pub(crate) change: ChangeArgs,
}
