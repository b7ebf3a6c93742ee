//! The platform's own Drush, for what it does as safely as our driver.
//!
//! It is asked for login links. It is not asked to install: it would drop all tables of the database before it has
//! looked whether the profile exists, and it takes the account's password only as an argument.

use std::time::Duration;

use aegir_core::Result;
use aegir_core::entity::SiteContext;
use aegir_core::secret::Keyring;
use aegir_core::server::Server;
use secrecy::SecretString;
use serde_json::json;

use crate::php::{Script, php_of};

/// Drush's own start takes about a second.
const LIMIT: Duration = Duration::from_secs(60);

/// Drush reads its arguments as if it had been started itself.
const START: &str = "<?php $_SERVER['argv'][0] = $argv[0] = $AEGIR_OPTIONS['tool']; require $AEGIR_OPTIONS['tool'];\n";

/// A login link, or `None` where the platform has no Drush or it gives none: our driver will say why.
pub(super) async fn login_link(site: &SiteContext, server: &dyn Server, keyring: &Keyring) -> Result<Option<SecretString>> {
    let Some(tool) = &site.platform.codebase.own_tool else { return Ok(None) };
    let (docroot, base) = (site.platform.docroot(), format!("http://{}", site.site.canonical()));
    let php = php_of(&site.web, &site.platform)?;
    let script = Script { php: &php, account: site.web.web_account(), docroot: &docroot, database: &site.site.database };
    let args =
        [&format!("--root={docroot}"), &format!("--uri={base}"), "--no-interaction", "--no-ansi", "user:login", "--uid=1", "--no-browser"];
    let command = script
        .command(json!({ "tool": site.platform.path.join(tool) }), START, &args, keyring)?
        // It refuses to start without one, and may write there.
        .env("HOME", site.directory().join("private/temp"))
        .timeout(LIMIT);
    let output = server.run(&command).await?;
    Ok(if output.ok() { link(&output.text(), &base) } else { None })
}

/// The last line, if it is a link into this site. Deprecation notices may stand above it.
fn link(stdout: &str, base: &str) -> Option<SecretString> {
    let line = stdout.lines().map(str::trim).rfind(|l| !l.is_empty())?;
    let inside = line.strip_prefix(base)?.starts_with("/user/reset/");
    (inside && !line.contains(char::is_whitespace)).then(|| SecretString::from(line))
}

#[cfg(test)]
mod tests {
    use super::*;
    use secrecy::ExposeSecret as _;

    #[test]
    fn only_a_link_into_the_site_counts() {
        let found = link("Deprecated: x\nhttp://a.org/user/reset/1/2/3/login\n\n", "http://a.org").unwrap();
        assert_eq!(found.expose_secret(), "http://a.org/user/reset/1/2/3/login");
        for bad in ["", "http://default/user/reset/1/2/3/login", "http://a.org.evil/user/reset/1", "Error: no site"] {
            assert!(link(bad, "http://a.org").is_none(), "{bad}");
        }
    }
}
