//! `aegir init`

use camino::Utf8PathBuf;
use clap::{Args, ValueHint};

/// How to prepare this machine.
#[derive(Args, Debug)]
#[command(after_help = "\
Makes the account, directories and key, installs packages, writes the sudo rule and the web server's include, gives
Aegir its database administrator, starts what does not run; then enrols this machine as server_master. Running it
again mends what is missing and otherwise changes nothing.

Examples:
  sudo aegir init
  sudo aegir init --hostname master.example.com --dry-run
  sudo aegir init --no-packages
  sudo aegir init --db-listen 10.0.0.1
  sudo aegir init --db-url mysql://admin@db.example.com --db-password-file /root/db-password")]
pub(crate) struct InitArgs {
    /// This machine's fully qualified host name; `hostname --fqdn` when not given
    #[arg(long, value_name = "FQDN")]
    pub(crate) hostname: Option<String>,
    /// What serves sites; `none` for nothing [default: apache]
    #[arg(long, value_name = "TYPE")]
    pub(crate) web: Option<String>,
    /// What makes databases; `none` for nothing [default: mysql]
    #[arg(long, value_name = "TYPE")]
    pub(crate) db: Option<String>,
    /// Use a database server that somebody else administers
    #[arg(long, value_name = "mysql://ADMIN@HOST[:PORT]", requires = "db_password_file")]
    pub(crate) db_url: Option<String>,
    /// A file with that administrator's password; `-` for standard input
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, requires = "db_url")]
    pub(crate) db_password_file: Option<Utf8PathBuf>,
    /// Let this machine's database server listen on this address, for sites on other servers; `*` for all
    #[arg(long, value_name = "ADDRESS", conflicts_with = "db_url")]
    pub(crate) db_listen: Option<String>,
    /// What this machine is for; production asks for the typed name before destructive verbs [default: production]
    #[arg(long, value_parser = super::server::STAGES)]
    pub(crate) stage: Option<String>,
    /// Install missing packages (this is the default)
    #[arg(long, overrides_with = "no_packages")]
    pub(crate) packages: bool,
    /// Install no packages; fail where one is missing
    #[arg(long, overrides_with = "packages")]
    pub(crate) no_packages: bool,
    /// Print what would be done; change nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
}
