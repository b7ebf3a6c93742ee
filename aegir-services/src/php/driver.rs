//! Runs a driver script with the site's PHP, fed through standard input.

use std::time::Duration;

use aegir_core::entity::{Server as ServerEntity, SiteContext};
use aegir_core::server::{Command, Input, LineSink, Server};
use aegir_core::{Error, Result};
use camino::{Utf8Path, Utf8PathBuf};
use data_encoding::BASE64;
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Value, json};

use super::Family;
use super::answer::{self, Failure, Subject};

/// PHP's own configuration may print to the page, prepend files or show arguments; none of that here.
const SETTINGS: [&str; 5] =
    ["display_errors=stderr", "html_errors=0", "log_errors=0", "zend.exception_ignore_args=1", "auto_prepend_file="];

/// An install of a big profile on a slow disk takes minutes.
const LONGEST: Duration = Duration::from_secs(1800);

/// A driver, ready to be called for one site.
#[derive(Debug)]
pub(crate) struct Driver<'a> {
    pub(crate) family: Family,
    pub(crate) php: &'a Utf8Path,
    pub(crate) docroot: &'a Utf8Path,
    /// Host name, with the port where there is one.
    pub(crate) uri: &'a str,
    /// The site's directory below `sites`: the driver refuses to work on any other.
    pub(crate) directory: &'a str,
    /// The site's database, likewise.
    pub(crate) database: &'a str,
}

impl Driver<'_> {
    /// Calls it. `secrets` are taken out of whatever comes back.
    pub(crate) async fn call(
        &self,
        server: &dyn Server,
        action: &str,
        options: Value,
        secrets: &[SecretString],
        progress: Option<LineSink>,
    ) -> Result<Result<Value, Failure>> {
        let mut command = self.command(action, options);
        if let Some(sink) = progress {
            command = command.lines(sink);
        }
        Ok(answer::read(&server.run(&command).await?, secrets))
    }

    fn command(&self, action: &str, mut options: Value) -> Command {
        options["directory"] = json!(self.directory);
        options["expect_database"] = json!(self.database);
        // Base64 is harmless in any quoting; the block ends before the driver, whose `use` lines must come first in theirs.
        let script = format!(
            "<?php $AEGIR_OPTIONS = json_decode(base64_decode('{}'), true); ?>\n{}",
            BASE64.encode(options.to_string().as_bytes()),
            self.family.script()
        );
        let mut command = Command::new(self.php.as_str());
        for setting in SETTINGS {
            command = command.args(["-d", setting]);
        }
        command
            .args(["--", action, self.docroot.as_str(), &format!("http://{}", self.uri)])
            .cwd(self.docroot)
            .input(Input::Secret(SecretString::from(script)))
            .timeout(LONGEST)
    }
}

/// Turns a driver's `PROGRESS done total text` lines into calls.
pub(crate) fn progress_sink(report: impl Fn(u64, u64, &str) + Send + Sync + 'static) -> LineSink {
    std::sync::Arc::new(move |line: &str| {
        let Some(rest) = line.strip_prefix("PROGRESS ") else { return };
        let mut parts = rest.splitn(3, ' ');
        let mut number = || parts.next().and_then(|n| n.parse::<u64>().ok());
        if let (Some(done), Some(total)) = (number(), number()) {
            report(done, total, parts.next().unwrap_or_default());
        }
    })
}

/// The command line PHP of a site.
pub(crate) fn php_of(web: &ServerEntity, platform: &aegir_core::entity::Platform) -> Result<Utf8PathBuf> {
    let php = web
        .facts()?
        .php_for(&platform.codebase, platform.php.as_deref())
        .map_err(|e| e.context("server", &web.name).context("platform", &platform.name))?;
    php.cli.clone().ok_or_else(|| Error::internal(format!("PHP {} on {} has no command line program", php.version_text(), web.name)))
}

/// A login link from the driver: secret, and good for one visit.
pub(crate) async fn login_link(family: Family, site: &SiteContext, server: &dyn Server) -> Result<SecretString> {
    let php = php_of(&site.web, &site.platform)?;
    let docroot = site.platform.docroot();
    // The address that people end up at: a redirection could lose the link's path.
    let uri = site.site.canonical().as_str();
    let driver = Driver {
        family,
        php: &php,
        docroot: &docroot,
        uri,
        directory: &site.site.uri.file_name(),
        database: site.site.database.name.as_str(),
    };
    let doing = format!("making a login link for {}", site.site.uri);
    let subject = Subject {
        site: Some(site.site.uri.as_str()),
        platform: site.platform.name.as_str(),
        web: site.web.name.as_str(),
        db: site.db.name.as_str(),
    };
    let result = driver
        .call(server, "login", json!({}), &[], None)
        .await?
        .map_err(|failure| failure.error(&doing, subject).context("site", &site.site.uri))?;
    let link = result.get("url").and_then(Value::as_str).map(SecretString::from);
    link.filter(|l| l.expose_secret().starts_with("http"))
        .ok_or_else(|| Error::failed(format!("{doing}: the application gave none")).context("site", &site.site.uri))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::{Arc, Mutex};

    #[test]
    fn secrets_travel_in_standard_input_only() {
        let driver = Driver {
            family: Family::Drupal8,
            php: Utf8Path::new("/usr/bin/php8.2"),
            docroot: Utf8Path::new("/srv/p/web"),
            uri: "example.org:8080",
            directory: "example.org.8080",
            database: "db",
        };
        let command = driver.command("install", json!({ "account_pass": "canary" }));
        let shown = format!("{command} {command:?} {:?}", command.input);
        assert!(!shown.contains("canary") && !shown.contains(&BASE64.encode(b"canary")), "{shown}");
        assert!(command.args.ends_with(&["--".into(), "install".into(), "/srv/p/web".into(), "http://example.org:8080".into()]));
        let script = String::from_utf8(command.input.bytes().to_vec()).unwrap();
        let encoded = script.split('\'').nth(1).unwrap();
        let options: Value = serde_json::from_slice(&BASE64.decode(encoded.as_bytes()).unwrap()).unwrap();
        assert_eq!(options, json!({ "account_pass": "canary", "directory": "example.org.8080", "expect_database": "db" }));
    }

    #[test]
    fn progress_lines_are_told_from_the_rest() {
        let seen = Arc::new(Mutex::new(Vec::new()));
        let sink = progress_sink({
            let seen = seen.clone();
            move |done, total, text| seen.lock().unwrap().push((done, total, text.to_owned()))
        });
        for line in ["PROGRESS 1 12 install profile modules", "noise", "PROGRESS x 2 y", "PROGRESS 2 12"] {
            sink(line);
        }
        assert_eq!(*seen.lock().unwrap(), [(1, 12, "install profile modules".to_owned()), (2, 12, String::new())]);
    }
}
