//! The servers' own command line clients, with the password on a descriptor and never in arguments.

use std::time::Duration;

use aegir_core::name::DatabaseName;
use aegir_core::secret::Keyring;
use aegir_core::server::{Command, Input};
use aegir_core::{Error, Result};
use camino::Utf8Path;
use secrecy::{ExposeSecret as _, SecretString};

use super::Access;

/// How long dumping or loading may take.
const LIMIT: Duration = Duration::from_secs(6 * 3600);

/// The file's standard input is the dump; the options come on descriptor 3. `source FILE` would be shorter, but MariaDB's
/// client ends with status 0 when a statement in such a file fails.
const LOAD: &str = "exec mysql --defaults-file=/dev/fd/3 --batch --default-character-set=utf8mb4 --database=\"$2\" 3<&0 <\"$1\"";

/// An option file as text.
fn options(access: &Access, keyring: &Keyring) -> Result<SecretString> {
    let mut text = format!("[client]\nuser={}\nhost={}\nport={}\n", quoted(&access.user)?, quoted(&access.host)?, access.port);
    if let Some(password) = &access.password {
        text.push_str(&format!("password={}\n", quoted(keyring.open(password)?.expose_secret())?));
    }
    if let Some(socket) = &access.socket {
        text.push_str(&format!("socket={}\n", quoted(socket)?));
    }
    Ok(SecretString::from(text))
}

/// A value in an option file. Quotes keep `#` and blanks; a backslash is the escape.
fn quoted(value: &str) -> Result<String> {
    if value.chars().any(char::is_control) {
        return Err(Error::invalid("a value for the database client holds a control character"));
    }
    Ok(format!("\"{}\"", value.replace('\\', "\\\\").replace('"', "\\\"")))
}

/// Dumps a database into a file that stands there, with its mode.
pub(super) fn dump(access: &Access, database: &DatabaseName, into: &Utf8Path, keyring: &Keyring) -> Result<Command> {
    Ok(Command::new("mysqldump")
        .args([
            "--defaults-file=/dev/stdin",
            "--single-transaction",
            "--quick",
            "--routines",
            "--triggers",
            "--events",
            "--hex-blob",
            "--no-tablespaces",
            "--default-character-set=utf8mb4",
        ])
        .arg(format!("--result-file={into}"))
        .arg("--")
        .arg(database.as_str())
        .input(Input::Secret(options(access, keyring)?))
        .timeout(LIMIT))
}

/// Loads a dump into a database; stops at the first error.
pub(super) fn load(access: &Access, database: &DatabaseName, from: &Utf8Path, keyring: &Keyring) -> Result<Command> {
    Ok(Command::new("sh")
        .args(["-c", LOAD, "load"])
        .arg(from)
        .arg(database.as_str())
        .input(Input::Secret(options(access, keyring)?))
        .timeout(LIMIT))
}

/// What a client said went wrong: its own lines, and not the statement it failed at, which is somebody's data.
pub(super) fn complaint(stderr: &str) -> String {
    let lines: Vec<String> = stderr
        .lines()
        .filter(|l| l.contains("ERROR") || l.starts_with("mysqldump:") || l.starts_with("mariadb-dump:") || l.starts_with("load:"))
        .take(5)
        .map(|l| l.chars().take(400).collect())
        .collect();
    if lines.is_empty() { "without a word".to_owned() } else { lines.join("\n") }
}

#[cfg(test)]
mod tests {
    use aegir_core::name::ServerName;

    use super::*;

    #[test]
    fn the_password_is_in_no_argument() {
        let keyring = Keyring::generate().unwrap();
        let password = keyring.seal(&SecretString::from("can\"a\\ry#")).unwrap();
        let access = Access {
            server: ServerName::master(),
            host: "localhost".into(),
            port: 3306,
            socket: None,
            user: "u".into(),
            password: Some(password),
        };
        let database = DatabaseName::parse("d").unwrap();
        let command = dump(&access, &database, "/b/x y.sql".into(), &keyring).unwrap();
        assert!(!format!("{command} {command:?} {:?}", command.input).contains("can"));
        assert!(command.args.contains(&"--result-file=/b/x y.sql".to_owned()));
        assert!(std::str::from_utf8(command.input.bytes()).unwrap().contains("password=\"can\\\"a\\\\ry#\"\n"));
        assert!(!load(&access, &database, "/b/x.sql".into(), &keyring).unwrap().to_string().contains("can"));
    }

    #[test]
    fn a_complaint_holds_no_data() {
        assert_eq!(
            complaint(
                "--------------\nINSERT INTO users VALUES ('secret')\n--------------\n\nERROR 1050 (42S01) at line 1: Table 'z' already exists\n"
            ),
            "ERROR 1050 (42S01) at line 1: Table 'z' already exists"
        );
    }
}
