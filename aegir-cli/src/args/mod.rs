//! The command line as types; its help is written here, with examples.

mod change;
mod init;
mod platform;
mod server;
mod site;
mod task;
mod template;

pub(crate) use change::ChangeArgs;
pub(crate) use init::InitArgs;
pub(crate) use platform::PlatformVerb;
pub(crate) use server::{AddArgs, BootstrapArgs, EditArgs as EditServerArgs, KeyArgs, ServerVerb, ServiceArgs};
pub(crate) use site::{EditArgs, InstallArgs, SiteVerb};
pub(crate) use task::TaskVerb;
pub(crate) use template::{ServiceVerb, TemplateVerb};

use camino::Utf8PathBuf;
use clap::{Args, Parser, Subcommand, ValueHint};
use clap_complete::engine::ArgValueCandidates;

use crate::complete;
use crate::ui::ColorChoice;

/// Hosts many Drupal and other PHP sites on your own servers.
#[derive(Debug, Parser)]
#[command(name = "aegir", version, propagate_version = true, subcommand_required = true, arg_required_else_help = true, after_help = EXAMPLES)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

const EXAMPLES: &str = "\
Examples:
  sudo aegir init                                             prepare this machine
  aegir platform add d10 --path /var/aegir/platforms/d10      take over a codebase
  aegir site install example.org --platform d10 --dry-run     see what would be done
  aegir site install example.org --platform d10               do it
  aegir site login example.org                                a link that logs you in
  aegir task list                                             what was done

Exit codes: 0 done · 1 failed, rolled back · 3 partly done · 4 not allowed
  5 not found · 6 conflict or stale plan · 7 locked · 8 refused by a check
  9 unreachable · 10 stuck · 64 usage · 124 timed out · 130 interrupted";

/// Flags that every command takes.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Everywhere")]
pub(crate) struct Global {
    /// Print JSON: data on standard output, errors on standard error
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// Say only what is asked for, and errors
    #[arg(long, short, global = true, conflicts_with = "verbose")]
    pub(crate) quiet: bool,
    /// Say more: every step, what commands print
    #[arg(long, short, global = true)]
    pub(crate) verbose: bool,
    /// When to use colours
    #[arg(long, global = true, value_enum, default_value_t, value_name = "WHEN")]
    pub(crate) color: ColorChoice,
    /// Aegir's directory (setting `root`, AEGIR_ROOT; /var/aegir)
    #[arg(long, global = true, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub(crate) root: Option<Utf8PathBuf>,
    /// The settings file (AEGIR_CONFIG; /etc/aegir/aegir.toml)
    #[arg(long, global = true, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) config: Option<Utf8PathBuf>,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Prepare this machine as the master, as root; can be run again
    Init(InitArgs),
    /// Machines under management
    #[command(subcommand)]
    Server(ServerVerb),
    /// Look whether servers can do their work; changes nothing
    #[command(after_help = "Examples:\n  aegir doctor\n  aegir doctor server_master --json")]
    Doctor {
        /// Only this one
        #[arg(add = ArgValueCandidates::new(complete::servers))]
        server: Option<String>,
    },
    /// Codebases that sites live on
    #[command(subcommand)]
    Platform(PlatformVerb),
    /// Sites
    #[command(subcommand)]
    Site(SiteVerb),
    /// What was asked for, how far it is, how it ended
    #[command(subcommand)]
    Task(TaskVerb),
    /// What servers can offer, and the types that fill it
    #[command(subcommand)]
    Service(ServiceVerb),
    /// Templates of configuration files, and your overrides
    #[command(subcommand)]
    Template(TemplateVerb),
    /// Run a plan that `--plan-out` saved; refused when the world has changed since
    #[command(
        after_help = "Examples:\n  aegir site install example.org --platform d10 --plan-out install.plan\n  aegir apply install.plan"
    )]
    Apply {
        /// The saved plan; `-` for standard input
        #[arg(value_hint = ValueHint::FilePath)]
        file: Utf8PathBuf,
        /// The name of what it destroys in production, or without an archive
        #[arg(long, value_name = "NAME")]
        confirm: Option<String>,
        /// Do not wait: print the task's number, and let it go on by itself
        #[arg(long)]
        no_wait: bool,
    },
    /// The settings, and where each value comes from
    #[command(
        after_help = "Layers, the last one wins: defaults, /etc/aegir/aegir.toml, AEGIR_* in the environment, flags.\n\nExamples:\n  aegir settings\n  AEGIR_PARALLEL=4 aegir settings --json"
    )]
    Settings,
    /// Print the completion script of a shell, with the names of your sites, platforms and servers
    #[command(
        after_help = "Examples:\n  aegir completion bash > /etc/bash_completion.d/aegir\n  aegir completion zsh > \"${fpath[1]}/_aegir\"\n  aegir completion fish > ~/.config/fish/completions/aegir.fish"
    )]
    Completion {
        /// Which
        #[arg(value_parser = ["bash", "zsh", "fish", "elvish", "powershell"])]
        shell: String,
    },
    /// For `init`: enrol this machine as the Aegir user; reads a request on standard input
    #[command(name = "__enrol", hide = true)]
    Enrol {
        /// Print the master as it is stored, or `null`
        #[arg(long)]
        show: bool,
    },
    /// For `--no-wait`: run the saved plan on standard input; print the task's number first
    #[command(name = "__run", hide = true)]
    RunDetached,
}
