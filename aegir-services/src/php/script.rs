//! Runs PHP that loads a site's code: as the account that serves the site, with that site's credentials and no others.
//!
//! The whole script goes to standard input: options, credentials and what reads them. Nothing of it is in a file, an
//! argument or an environment, and the code it loads can do no more than the site's own pages can.

use std::time::Duration;

use aegir_core::Result;
use aegir_core::entity::Database;
use aegir_core::secret::Keyring;
use aegir_core::server::{Command, Input};
use camino::Utf8Path;
use data_encoding::BASE64;
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Value, json};

/// PHP's own configuration may print to the page, prepend files or show arguments; none of that here.
const SETTINGS: [&str; 5] =
    ["display_errors=stderr", "html_errors=0", "log_errors=0", "zend.exception_ignore_args=1", "auto_prepend_file="];

/// How PHP is run for one site.
#[derive(Debug)]
pub(crate) struct Script<'a> {
    /// The interpreter.
    pub(crate) php: &'a Utf8Path,
    /// The account that serves the site.
    pub(crate) account: &'a str,
    /// The document root: where the script runs.
    pub(crate) docroot: &'a Utf8Path,
    /// The site's database.
    pub(crate) database: &'a Database,
}

impl Script<'_> {
    /// The command. `$AEGIR_OPTIONS` holds the options when `code`, a whole PHP file, begins.
    pub(crate) fn command(&self, mut options: Value, code: &str, args: &[&str], keyring: &Keyring) -> Result<Command> {
        let database = self.database;
        options["docroot"] = json!(self.docroot);
        options["credentials"] = json!({
            "type": "mysql",
            "name": database.name,
            "user": database.user,
            "passwd": keyring.open(&database.password)?.expose_secret(),
            "host": database.host,
            "port": database.port.to_string(),
        });
        // Base64 is harmless in any quoting; a block ends before the next, whose `use` lines must come first in theirs.
        let script = format!(
            "<?php $AEGIR_OPTIONS = json_decode(base64_decode('{}'), true); ?>\n{}{code}",
            BASE64.encode(options.to_string().as_bytes()),
            include_str!("prologue.php"),
        );
        let mut command = Command::new(self.php.as_str()).account(self.account);
        for setting in SETTINGS {
            command = command.args(["-d", setting]);
        }
        Ok(command.arg("--").args(args).cwd(self.docroot).input(Input::Secret(SecretString::from(script))).timeout(LONGEST))
    }
}

/// An install of a big profile on a slow disk takes minutes.
const LONGEST: Duration = Duration::from_secs(1800);
