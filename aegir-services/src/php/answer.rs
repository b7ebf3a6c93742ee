//! What a driver said: its one result line, and each kind of failure as an error people can act on.

use aegir_core::server::Output;
use aegir_core::{Error, ErrorKind};
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;

/// How a driver failed; the driver's own words for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Kind {
    AlreadyInstalled,
    UnknownProfile,
    DbAccess,
    DbMissing,
    DbDamaged,
    NoAccount,
    NoSuchSite,
    WrongPhp,
    OpenBasedir,
    Requirements,
    #[serde(other)]
    Other,
}

/// A failed call.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Failure {
    pub(crate) kind: Kind,
    pub(crate) cause: String,
    /// With [`Kind::AlreadyInstalled`]: what is there is a whole site, not the rest of a broken install.
    pub(crate) finished: bool,
    /// Where PHP says that it failed: a line, and the file that has it.
    pub(crate) at: Option<(u64, String)>,
}

/// Names for hints.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Subject<'a> {
    /// The site; `None` while it is being installed: when that fails there is none to run a command on.
    pub(crate) site: Option<&'a str>,
    pub(crate) platform: &'a str,
    pub(crate) web: &'a str,
    pub(crate) db: &'a str,
}

/// Success only with `ok` in the last result line *and* exit status 0: applications end themselves with status 0 too.
pub(crate) fn read(output: &Output, secrets: &[SecretString]) -> Result<Value, Failure> {
    let text = output.text();
    let said = text.lines().rev().find_map(|line| line.strip_prefix("RESULT "));
    let Some(result) = said.and_then(|json| serde_json::from_str::<Value>(json).ok()) else {
        return Err(Failure { kind: Kind::Other, cause: clean(&no_result(output), secrets), finished: false, at: None });
    };
    let flag = |name: &str| result.get(name).and_then(Value::as_bool).unwrap_or(false);
    if flag("ok") && output.ok() {
        return Ok(result);
    }
    let kind = result.get("kind").and_then(|k| serde_json::from_value(k.clone()).ok()).unwrap_or(Kind::Other);
    let cause = match result.get("error").and_then(Value::as_str) {
        Some(error) => error.to_owned(),
        None => format!("it reported success, but ended with status {}", output.status),
    };
    let file = result.get("file").and_then(Value::as_str).map(|file| clean(file, secrets));
    let at = result.get("line").and_then(Value::as_u64).zip(file);
    Err(Failure { kind, cause: clean(&cause, secrets), finished: flag("finished"), at })
}

/// The last lines of standard error. Standard output is never shown: an application prints whole pages there.
fn no_result(output: &Output) -> String {
    let stderr = output.error_text();
    let lines: Vec<&str> = stderr.lines().map(str::trim).filter(|l| !l.is_empty()).collect();
    let tail = lines[lines.len().saturating_sub(3)..].join("; ");
    let how = match output.status {
        137 => "it was killed (out of memory?)".to_owned(),
        status => format!("it ended with status {status} and without a result"),
    };
    if tail.is_empty() { how } else { format!("{how}: {tail}") }
}

/// One line, of so many characters at most, without control characters.
pub(crate) fn one_line(text: &str, most: usize) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(most).collect()
}

/// One line without control characters and without our secrets.
fn clean(text: &str, secrets: &[SecretString]) -> String {
    let mut text = text.to_owned();
    for secret in secrets.iter().map(ExposeSecret::expose_secret).filter(|s| !s.is_empty()) {
        text = text.replace(secret, "(secret)");
    }
    one_line(&text, 1000)
}

impl Failure {
    /// As an error: `doing` is `installing example.org`.
    pub(crate) fn error(self, doing: &str, subject: Subject<'_>) -> Error {
        let Subject { site, platform, web, db } = subject;
        let mend = |what: &str| site.map(|uri| format!("`aegir site verify {uri}` mends {what}; ")).unwrap_or_default();
        let made = |kind, what: &str| Error::new(kind, format!("{doing}: {what}"));
        let error = match self.kind {
            Kind::AlreadyInstalled => made(ErrorKind::Conflict, "its database is not empty")
                .hint("nothing in it was changed; install again, which chooses another database"),
            Kind::UnknownProfile => made(ErrorKind::Refused, "its profile cannot be loaded")
                .hint(format!("`aegir platform verify {platform}` reads the profiles again, `aegir platform show {platform}` lists them")),
            Kind::DbAccess if refused_login(&self.cause) => made(ErrorKind::Failed, "the database does not let it in")
                .hint(format!("{}`aegir doctor {db}` looks at the database server", mend("the rights of its user"))),
            Kind::DbAccess => made(ErrorKind::Unreachable, "the database does not answer")
                .hint(format!("`aegir doctor {db}` looks at the database server")),
            Kind::DbMissing => made(ErrorKind::Failed, "its database does not exist")
                .hint(format!("`aegir doctor {db}` looks at the database server; the archives in Aegir's backups directory hold dumps")),
            Kind::NoSuchSite => made(ErrorKind::Refused, "there is no installed site")
                .hint(format!("{}`aegir platform verify {platform}` looks at the code", mend("its files"))),
            Kind::WrongPhp => made(ErrorKind::Refused, "the code does not run on this PHP").hint(format!(
                "`aegir server verify {web}` looks for other PHP versions, `aegir platform verify {platform}` at what the code needs"
            )),
            Kind::OpenBasedir => made(ErrorKind::Refused, "open_basedir keeps PHP of the command line from its code").hint(format!(
                "`php --ini` on {web} names the files that may set open_basedir; add the platform's directory there, or leave open_basedir to PHP-FPM"
            )),
            Kind::Requirements => made(ErrorKind::Refused, "the server lacks what the application requires")
                .hint(format!("mend what the cause names on {web}, then run it again")),
            Kind::DbDamaged => made(ErrorKind::Failed, "its database is not whole")
                .hint("load it from a backup: the archives in Aegir's backups directory hold dumps"),
            Kind::NoAccount => made(ErrorKind::Refused, "there is nobody to log in as")
                .hint("make that account in the site, or load its users from a backup"),
            Kind::Other if self.at.is_some() => {
                let (line, file) = self.at.unwrap_or_default();
                let cause = format!("{} in {file}, line {line}", self.cause);
                return made(ErrorKind::Failed, "the application failed")
                    .context("server", web)
                    .because(cause)
                    .hint(format!("look at line {line} of {file} on {web}"));
            }
            Kind::Other => made(ErrorKind::Failed, "the application failed")
                .hint(format!("`aegir platform verify {platform}` looks at the code; the web server's PHP log may say more")),
        };
        error.context("server", web).because(self.cause)
    }
}

/// Whether the database answered and said no.
fn refused_login(cause: &str) -> bool {
    ["[1044]", "[1045]", "[1130]", "[1698]", "Access denied", "is not allowed to connect"].iter().any(|mark| cause.contains(mark))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn output(status: i32, stdout: &str, stderr: &str) -> Output {
        Output { status, stdout: stdout.into(), stderr: stderr.into() }
    }

    const SUBJECT: Subject<'static> = Subject { site: Some("example.org"), platform: "p", web: "web1", db: "db1" };

    #[test]
    fn success_needs_the_line_and_the_status() {
        assert_eq!(
            read(&output(0, "<html>\nRESULT {\"ok\":false}\nx\nRESULT {\"ok\":true,\"url\":\"u\"}\n", ""), &[]).unwrap()["url"],
            "u"
        );
        assert_eq!(read(&output(255, "RESULT {\"ok\":true}\n", ""), &[]).unwrap_err().kind, Kind::Other);
        assert_eq!(read(&output(0, "RESULT {\"ok\":tr", ""), &[]).unwrap_err().kind, Kind::Other);
        assert!(read(&output(0, "", ""), &[]).unwrap_err().cause.contains("status 0 and without a result"));
    }

    #[test]
    fn no_secret_and_no_page_gets_into_an_error() {
        let failure = read(&output(1, "<p>canary</p>", "PDOException: canary\nat x"), &[SecretString::from("canary")]).unwrap_err();
        assert_eq!(failure.cause, "it ended with status 1 and without a result: PDOException: (secret); at x");
    }

    #[test]
    fn every_kind_names_the_next_command() {
        for (kind, expected) in [
            ("already_installed", ErrorKind::Conflict),
            ("unknown_profile", ErrorKind::Refused),
            ("db_access", ErrorKind::Unreachable),
            ("db_missing", ErrorKind::Failed),
            ("db_damaged", ErrorKind::Failed),
            ("no_account", ErrorKind::Refused),
            ("no_such_site", ErrorKind::Refused),
            ("wrong_php", ErrorKind::Refused),
            ("open_basedir", ErrorKind::Refused),
            ("requirements", ErrorKind::Refused),
            ("other", ErrorKind::Failed),
            ("from_the_future", ErrorKind::Failed),
        ] {
            let line = format!("RESULT {{\"ok\":false,\"kind\":\"{kind}\",\"error\":\"why\"}}\n");
            let error = read(&output(1, &line, ""), &[]).unwrap_err().error("installing example.org", SUBJECT);
            assert_eq!(error.kind(), expected, "{kind}");
            assert_eq!(error.chain()[1], "why");
            assert!(!error.hints().is_empty());
        }
        let denied = Failure { kind: Kind::DbAccess, cause: "SQLSTATE[HY000] [1045] Access denied".into(), finished: false, at: None };
        assert_eq!(denied.error("x", SUBJECT).kind(), ErrorKind::Failed);
    }
    #[test]
    fn where_it_failed_is_said_by_file_and_line() {
        let line = r#"RESULT {"ok":false,"kind":"other","error":"syntax error","file":"/var/aegir/config/includes/global.inc","line":3}"#;
        let error = read(&output(1, line, ""), &[]).unwrap_err().error("making a link", SUBJECT);
        assert_eq!(error.chain()[1], "syntax error in /var/aegir/config/includes/global.inc, line 3");
        assert_eq!(error.hints(), ["look at line 3 of /var/aegir/config/includes/global.inc on web1"]);
    }
}
