//! `aegir task …`

use clap::Subcommand;
use clap_complete::engine::ArgValueCandidates;

use crate::complete;

/// What was asked for.
#[derive(Debug, Subcommand)]
#[command(arg_required_else_help = true)]
pub(crate) enum TaskVerb {
    /// List tasks, newest first
    #[command(
        after_help = "Examples:\n  aegir task list\n  aegir task list --state stuck\n  aegir task list --parent 12\n  aegir task list --limit 0 --json"
    )]
    List {
        /// Only those in this state
        #[arg(long, value_parser = ["queued", "running", "done", "partly", "rolled_back", "stuck", "waiting", "closed"])]
        state: Option<String>,
        /// Only those that are part of this one: a batch, such as all of a `verify --all`
        #[arg(long, value_name = "TASK")]
        parent: Option<i64>,
        /// At most this many; 0 for all
        #[arg(long, default_value_t = 50)]
        limit: u64,
    },
    /// Show a task: every step and how it went
    #[command(after_help = "Examples:\n  aegir task show 12")]
    Show {
        /// Its number
        #[arg(add = ArgValueCandidates::new(complete::tasks))]
        task: i64,
    },
    /// Follow a task until it ends
    #[command(
        after_help = "Ctrl-C stops watching; the task goes on. With --json each event is one line.\n\nExamples:\n  aegir task watch 12\n  aegir task watch 12 --json"
    )]
    Watch {
        /// Its number
        #[arg(add = ArgValueCandidates::new(complete::tasks))]
        task: i64,
    },
    /// Stop a task, also one of another process or of none: what it did is taken back. Of a batch nothing more begins, and
    /// what is done stays
    #[command(after_help = "Examples:\n  aegir task cancel 12\n  aegir task cancel 12 --no-wait")]
    Cancel {
        /// Its number
        task: i64,
        /// Do not wait until it is taken back
        #[arg(long)]
        no_wait: bool,
    },
    /// End a task that is stuck, or waits for a server, after you took the rest of it back by hand. Changes nothing on any
    /// server
    #[command(after_help = "Examples:\n  aegir task show 12        # what is left of it\n  aegir task close 12 --yes")]
    Close {
        /// Its number
        task: i64,
        /// You took it back by hand
        #[arg(long)]
        yes: bool,
    },
    /// Take back the rest of a task that is stuck, or waits for a server; begin the rest of a batch that was cut off
    #[command(after_help = "Examples:\n  aegir task retry 12")]
    Retry {
        /// Its number
        #[arg(add = ArgValueCandidates::new(complete::tasks))]
        task: i64,
    },
    /// End what dead processes left, and what waits for servers: done or rolled back. Every changing command does this
    /// first, as far as it is in its way
    #[command(after_help = "Examples:\n  aegir task recover")]
    Recover,
}
