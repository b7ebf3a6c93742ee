//! The flags of every verb that changes something.

use camino::Utf8PathBuf;
use clap::{Args, ValueHint};

/// How to change: only show, save for later, do.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Changing")]
pub(crate) struct ChangeArgs {
    /// Print what would be done, file by file; change nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Save the plan, for `aegir apply FILE`; change nothing
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) plan_out: Option<Utf8PathBuf>,
    /// Do not ask
    #[arg(long, short)]
    pub(crate) yes: bool,
    /// The name of what is destroyed in production, or without an archive, where `--yes` is not enough
    #[arg(long, value_name = "NAME")]
    pub(crate) confirm: Option<String>,
    /// Do not wait: print the task's number, and let it go on by itself
    #[arg(long, conflicts_with_all = ["dry_run", "plan_out"])]
    pub(crate) no_wait: bool,
}
