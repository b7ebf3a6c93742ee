//! What root does to a bare machine, once: packages, account, key, services, switches.
//!
//! A service type's [`crate::service::Preparation`] becomes these, or the lines of a bootstrap script. Their plan runs as
//! root, with a journal in memory: whatever is cut short is finished by running it again.

mod account;
mod directory;
mod fed;
mod into_use;
mod key;
mod key_pair;
pub(crate) mod naming;
mod packages;
mod service;
mod switches;
mod validated;

pub use account::MakeAccount;
pub use directory::OwnDirectory;
pub use fed::Feed;
pub use into_use::IntoUse;
pub use key::KeyFile;
pub use key_pair::KeyPair;
pub use packages::InstallPackages;
pub use service::{Answers, StartService};
pub use switches::TurnOn;
pub use validated::ValidatedFile;

use std::time::Duration;

use super::{Actions, Context};
use crate::Result;
use crate::server::{Command, Input, Output};

/// How long a package manager or a starting service may take.
const PATIENCE: Duration = Duration::from_secs(1800);

/// Makes all of them known.
pub(crate) fn register(actions: &mut Actions) {
    actions.add::<MakeAccount>();
    actions.add::<OwnDirectory>();
    actions.add::<KeyFile>();
    actions.add::<KeyPair>();
    actions.add::<Feed>();
    actions.add::<InstallPackages>();
    actions.add::<StartService>();
    actions.add::<TurnOn>();
    actions.add::<ValidatedFile>();
}

/// Runs a command whose daemons outlive it: they would hold our pipes open and never let us see its end, so its
/// output goes through a file.
async fn run_detaching(cx: &Context, argv: &[&str], doing: &str) -> Result<Output> {
    let script = "o=$(mktemp) || exit 1; \"$@\" >\"$o\" 2>&1 </dev/null; s=$?; tail -n 40 \"$o\" >&2; rm -f \"$o\"; exit $s\n";
    let command = Command::new("sh")
        .args(["-s", "--"])
        .args(argv)
        .env("DEBIAN_FRONTEND", "noninteractive")
        .env("NEEDRESTART_SUSPEND", "1")
        .input(Input::Bytes(script.as_bytes().to_vec()))
        .timeout(PATIENCE);
    let shown = Command::new(argv.first().copied().unwrap_or_default()).args(argv.iter().skip(1));
    let output = cx.server().run(&command).await?;
    output.require_ok(&shown, &format!("{doing} on {}", cx.server().name())).map_err(|e| e.context("server", cx.server().name()))
}
