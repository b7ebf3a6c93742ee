//! Runs a driver script with the site's PHP, fed through standard input.

use aegir_core::entity::{Database, Server as ServerEntity, SiteContext};
use aegir_core::secret::Keyring;
use aegir_core::server::{Command, LineSink, Server};
use aegir_core::{Error, Result};
use camino::{Utf8Path, Utf8PathBuf};
use secrecy::SecretString;
use serde_json::{Value, json};

use super::Family;
use super::answer::{self, Failure, Subject, one_line};
use super::script::Script;

/// How often a driver may say how far it is; one that says it without end is heard no more.
const MOST_REPORTS: usize = 2000;

/// A driver, ready to be called for one site.
#[derive(Debug)]
pub(crate) struct Driver<'a> {
    pub(crate) family: Family,
    pub(crate) php: &'a Utf8Path,
    /// The account that serves the site.
    pub(crate) account: &'a str,
    pub(crate) docroot: &'a Utf8Path,
    /// Host name, with the port where there is one.
    pub(crate) uri: &'a str,
    /// The site's directory below `sites`: the driver refuses to work on any other.
    pub(crate) directory: &'a str,
    /// The site's database, likewise.
    pub(crate) database: &'a Database,
}

impl Driver<'_> {
    /// Calls it. The database's password and `secrets` are taken out of whatever comes back.
    pub(crate) async fn call(
        &self,
        server: &dyn Server,
        action: &str,
        options: Value,
        secrets: &[SecretString],
        progress: Option<LineSink>,
        keyring: &Keyring,
    ) -> Result<Result<Value, Failure>> {
        let mut command = self.command(action, options, keyring)?;
        if let Some(sink) = progress {
            command = command.lines(sink);
        }
        let mut hidden = vec![keyring.open(&self.database.password)?];
        hidden.extend(secrets.iter().cloned());
        Ok(answer::read(&server.run(&command).await?, &hidden))
    }

    fn command(&self, action: &str, mut options: Value, keyring: &Keyring) -> Result<Command> {
        options["directory"] = json!(self.directory);
        options["expect_database"] = json!(self.database.name);
        let script = Script { php: self.php, account: self.account, docroot: self.docroot, database: self.database };
        let base = format!("http://{}", self.uri);
        script.command(options, self.family.script(), &[action, self.docroot.as_str(), &base], keyring)
    }
}

/// Turns a driver's `PROGRESS done total text` lines into calls.
pub(crate) fn progress_sink(report: impl Fn(u64, u64, &str) + Send + Sync + 'static) -> LineSink {
    let heard = std::sync::atomic::AtomicUsize::new(0);
    std::sync::Arc::new(move |line: &str| {
        let Some(rest) = line.strip_prefix("PROGRESS ") else { return };
        let mut parts = rest.splitn(3, ' ');
        // Small enough to reckon with.
        let mut number = || parts.next().and_then(|n| n.parse::<u32>().ok()).map(u64::from);
        if let (Some(done), Some(total)) = (number(), number())
            && done <= total
            && heard.fetch_add(1, std::sync::atomic::Ordering::Relaxed) < MOST_REPORTS
        {
            report(done, total, &one_line(parts.next().unwrap_or_default(), 100));
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
pub(crate) async fn login_link(family: Family, site: &SiteContext, server: &dyn Server, keyring: &Keyring) -> Result<SecretString> {
    let php = php_of(&site.web, &site.platform)?;
    let docroot = site.platform.docroot();
    // The address that people end up at: a redirection could lose the link's path.
    let uri = site.site.canonical().as_str();
    let driver = Driver {
        family,
        php: &php,
        account: site.web.web_account(),
        docroot: &docroot,
        uri,
        directory: &site.site.uri.file_name(),
        database: &site.site.database,
    };
    let doing = format!("making a login link for {}", site.site.uri);
    let subject = Subject {
        site: Some(site.site.uri.as_str()),
        platform: site.platform.name.as_str(),
        web: site.web.name.as_str(),
        db: site.db.name.as_str(),
    };
    let result = driver
        .call(server, "login", json!({}), &[], None, keyring)
        .await?
        .map_err(|failure| failure.error(&doing, subject).context("site", &site.site.uri))?;
    let link = result.get("url").and_then(Value::as_str).map(SecretString::from);
    link.ok_or_else(|| Error::failed(format!("{doing}: the application gave none")).context("site", &site.site.uri))
}

#[cfg(test)]
mod tests {
    use super::*;
    use aegir_core::name::{DatabaseName, DatabaseUser, ServerName};
    use data_encoding::BASE64;
    use std::sync::{Arc, Mutex};

    #[test]
    fn a3a_secrets_travel_in_standard_input_only_and_to_the_accounts_own_process() {
        let keyring = Keyring::generate().unwrap();
        let database = Database {
            server: ServerName::master(),
            name: DatabaseName::parse("db").unwrap(),
            user: DatabaseUser::parse("user").unwrap(),
            password: keyring.seal(&SecretString::from("canary2")).unwrap(),
            host: "localhost".into(),
            port: 3306,
            grants: Vec::new(),
        };
        let driver = Driver {
            family: Family::Drupal8,
            php: Utf8Path::new("/usr/bin/php8.2"),
            account: "www-data",
            docroot: Utf8Path::new("/srv/p/web"),
            uri: "example.org:8080",
            directory: "example.org.8080",
            database: &database,
        };
        let command = driver.command("install", json!({ "account_pass": "canary" }), &keyring).unwrap();
        assert_eq!(command.account.as_deref(), Some("www-data"));
        let shown = format!("{command} {command:?} {:?}", command.input);
        assert!(!shown.contains("canary") && !shown.contains(&BASE64.encode(b"canary")), "{shown}");
        assert!(command.args.ends_with(&["--".into(), "install".into(), "/srv/p/web".into(), "http://example.org:8080".into()]));
        let script = String::from_utf8(command.input.bytes().to_vec()).unwrap();
        let encoded = script.split('\'').nth(1).unwrap();
        let options: Value = serde_json::from_slice(&BASE64.decode(encoded.as_bytes()).unwrap()).unwrap();
        let credentials =
            json!({ "type": "mysql", "name": "db", "user": "user", "passwd": "canary2", "host": "localhost", "port": "3306" });
        let (docroot, directory) = ("/srv/p/web", "example.org.8080");
        let all = json!({ "account_pass": "canary", "directory": directory, "expect_database": "db", "docroot": docroot, "credentials": credentials });
        assert_eq!(options, all);
    }

    #[test]
    fn progress_lines_are_told_from_the_rest() {
        let seen = Arc::new(Mutex::new(Vec::new()));
        let sink = progress_sink({
            let seen = seen.clone();
            move |done, total, text| seen.lock().unwrap().push((done, total, text.to_owned()))
        });
        for line in [
            "PROGRESS 1 12 install profile modules",
            "noise",
            "PROGRESS x 2 y",
            "PROGRESS 2 12",
            "PROGRESS 9 3 z",
            "PROGRESS 18446744073709551615 18446744073709551615",
        ] {
            sink(line);
        }
        assert_eq!(*seen.lock().unwrap(), [(1, 12, "install profile modules".to_owned()), (2, 12, String::new())]);
    }
}
