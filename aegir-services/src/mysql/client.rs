//! The servers' own command line clients, with the password on a descriptor and never in arguments.
//!
//! A dump is data: it is loaded by a client that obeys no command in it, touches no file, and reads no other options. What
//! it can do to the database server is what its user can.

use std::time::Duration;

use aegir_core::name::DatabaseName;
use aegir_core::secret::Keyring;
use aegir_core::server::{Command, Input};
use aegir_core::{Error, Result};
use camino::Utf8Path;
use secrecy::{ExposeSecret as _, SecretString};

use super::access::Tls;
use super::{Access, Apart};

/// How long dumping, loading or reading a dump may take.
pub(super) const LIMIT: Duration = Duration::from_secs(6 * 3600);

/// Rows as large as any server takes; memory is used as it is needed.
const LARGEST_PACKET: &str = "--max-allowed-packet=1073741824";

/// How both scripts begin. The options come on standard input and go on by descriptor 3, never by an argument. With `encrypted`
/// the session is asked first whether it is: MariaDB's clients go on without where a server has nothing to offer, unless it
/// must prove itself, too.
const BEGIN: &str = r#"options=$(cat); file=$1 how=$2; shift 2
if [ "$how" = encrypted ]; then
  said=$(printf '%s\n' "$options" | mysql --defaults-file=/dev/fd/3 --batch --skip-column-names --execute="SHOW SESSION STATUS LIKE 'Ssl_cipher'" 3<&0 </dev/null 2>&1) ||
    { printf '%s\n' "$said" >&2; exit 1; }
  printf '%s\n' "$said" | grep -q '^Ssl_cipher[[:space:]]*[^[:space:]]' ||
    { echo 'ERROR 2026 (HY000): the database server encrypts nothing, and what goes there must be' >&2; exit 1; }
fi
"#;

/// Arguments: the file, then what the dumping client takes in each of its runs, with the number of these arguments before
/// them. What is dumped names no definer: whoever loads it defines it. Rows begin no line with these words, for line breaks
/// in them are written `\n`. Prints the SHA-256 of what it writes.
const DUMP: &str = r#"exec 5>&1
dump() { printf '%s\n' "$options" | mysqldump --defaults-file=/dev/fd/3 "$@" 3<&0 </dev/null 4>&-; }
first() (n=$1; shift; left=$#
  while [ $left -gt 0 ]; do arg=$1; shift; [ $n -le 0 ] || set -- "$@" "$arg"; n=$((n - 1)); left=$((left - 1)); done
  dump "$@")
failed=$({ { while [ $# -gt 0 ]; do first "$@" || echo 1 >&4; shift $(($1 + 1)); done; echo 0 >&4; } | { LC_ALL=C sed -E \
  -e 's#^(/\*!50013) DEFINER=`([^`]|``)*`(@`([^`]|``)*`)? #\1 #' \
  -e 's#^(/\*!50003 CREATE\*/) /\*!50017 DEFINER=`([^`]|``)*`(@`([^`]|``)*`)?\*/ #\1 #' \
  -e 's#^(/\*!50106 CREATE\*/) /\*!50117 DEFINER=`([^`]|``)*`(@`([^`]|``)*`)?\*/ #\1 #' \
  -e 's#^CREATE DEFINER=`([^`]|``)*`(@`([^`]|``)*`)? #CREATE #' || echo 1 >&4; } |
  { tee -- "$file" || echo 1 >&4; } | { sha256sum >&5 || echo 1 >&4; }; } 4>&1)
case $failed in 0) exec sync -- "$file" "${file%/*}" ;; *) exit 1 ;; esac"#;

/// The client's standard input is the dump. `source FILE` would be shorter, but MariaDB's client ends with status 0 when a
/// statement in such a file fails.
const LOAD: &str = r#"printf '%s\n' "$options" | mysql --defaults-file=/dev/fd/3 "$@" 3<&0 <"$file""#;

/// What keeps the loading client from everything but sending statements. MariaDB and MySQL each know one of the loose ones.
const SANDBOX: &[&str] =
    &["--batch", "--binary-mode", "--local-infile=0", "--loose-sandbox", "--loose-system-command=0", "--skip-reconnect"];

/// What a session starts from that loads a dump, whatever an operator set for all: what was in a database goes in again,
/// though a rule of today would refuse it, and no limit of time ends it.
const LOADING: &str = "SET SESSION autocommit = 1, completion_type = 0, sql_safe_updates = 0, lock_wait_timeout = 60, \
    innodb_lock_wait_timeout = 60, wait_timeout = 86400, net_read_timeout = 600, net_write_timeout = 600 \
    /*M!100200 , max_statement_time = 0, check_constraint_checks = 0, innodb_strict_mode = 0 */ /*!50708 , max_execution_time = 0 */";

/// An option file as text.
fn options(access: &Access, keyring: &Keyring) -> Result<SecretString> {
    let mut text = format!("[client]\nuser={}\nhost={}\nport={}\n", quoted(&access.user)?, quoted(&access.host)?, access.port);
    // From 11.4 on, MariaDB's clients refuse servers that have no TLS to offer, as those of Debian 12, unless told so.
    text.push_str("loose-ssl-verify-server-cert=0\n");
    if let Some(password) = &access.password {
        text.push_str(&format!("password={}\n", quoted(keyring.open(password)?.expose_secret())?));
    }
    if let Some(socket) = &access.socket {
        text.push_str(&format!("socket={}\n", quoted(socket)?));
    }
    // Each kind of client knows one of the two.
    match &access.tls {
        Tls::Offered => {}
        Tls::Demanded => text.push_str("loose-ssl\nloose-ssl-mode=REQUIRED\n"),
        Tls::Proved(authority) => {
            let file = authority.as_deref().unwrap_or("/etc/ssl/certs/ca-certificates.crt");
            text.push_str(&format!("ssl-ca={}\nloose-ssl-verify-server-cert\nloose-ssl-mode=VERIFY_IDENTITY\n", quoted(file)?));
        }
    }
    // Read by the loading client alone.
    text.push_str(&format!("[mysql]\ninit-command={}\n", quoted(LOADING)?));
    Ok(SecretString::from(text))
}

/// A value in an option file. Quotes keep `#` and blanks; a backslash is the escape.
fn quoted(value: &str) -> Result<String> {
    if value.chars().any(char::is_control) {
        return Err(Error::invalid("a value for the database client holds a control character"));
    }
    Ok(format!("\"{}\"", value.replace('\\', "\\\\").replace('"', "\\\"")))
}

fn client(script: &str, file: &Utf8Path, access: &Access, keyring: &Keyring) -> Result<Command> {
    Ok(Command::new("sh")
        .args(["-c", &format!("{BEGIN}{script}"), "client"])
        .arg(file)
        .arg(if access.tls == Tls::Offered { "as-it-comes" } else { "encrypted" })
        // Read by MySQL's clients in spite of the other options.
        .env("MYSQL_TEST_LOGIN_FILE", "/dev/null")
        .input(Input::Secret(options(access, keyring)?))
        .timeout(LIMIT))
}

/// What a dump leaves out and how long its statements may be.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wanted<'a> {
    /// The packet that the server takes.
    pub(super) packet: u64,
    /// Tables that are dumped one by one, before the others, for views come last.
    pub(super) apart: &'a [&'a Apart],
    /// Those, and tables and views that cannot be read.
    pub(super) without: &'a [String],
    /// Whether procedures and functions are in it.
    pub(super) routines: bool,
    /// Whether former rows of tables that keep their history are in it.
    pub(super) history: bool,
}

/// Dumps a database into a file that stands there, with its mode; it is on the disk when this ends well.
///
/// Blobs are written as they are and not as hexadecimal digits, which would be twice as long: what came in in one statement
/// fits into one again.
pub(super) fn dump(access: &Access, database: &DatabaseName, into: &Utf8Path, wanted: Wanted<'_>, keyring: &Keyring) -> Result<Command> {
    let several_rows = (wanted.packet / 2).clamp(4096, 1 << 20);
    let run = |history: bool| {
        let mut args: Vec<String> = [
            "--single-transaction",
            "--quick",
            "--triggers",
            "--skip-hex-blob",
            "--no-tablespaces",
            "--default-character-set=utf8mb4",
            "--loose-set-gtid-purged=OFF",
            "--loose-column-statistics=0",
            LARGEST_PACKET,
        ]
        .map(ToOwned::to_owned)
        .into();
        args.push(format!("--net-buffer-length={several_rows}"));
        args.extend(history.then(|| "--dump-history".to_owned()));
        args
    };
    let mut runs: Vec<Vec<String>> = Vec::new();
    for table in wanted.apart {
        let mut args = run(table.history);
        args.extend(table.rows.as_ref().map(|rows| format!("--where={rows}")));
        args.extend(["--".to_owned(), database.to_string(), table.table.clone()]);
        runs.push(args);
    }
    let mut args = run(wanted.history);
    args.push("--events".to_owned());
    args.extend(wanted.routines.then(|| "--routines".to_owned()));
    args.extend(wanted.without.iter().map(|name| format!("--ignore-table={database}.{name}")));
    args.extend(["--".to_owned(), database.to_string()]);
    runs.push(args);
    let counted = runs.into_iter().flat_map(|args| std::iter::once(args.len().to_string()).chain(args));
    Ok(client(DUMP, into, access, keyring)?.args(counted))
}

/// Loads a dump into a database; stops at the first error.
pub(super) fn load(access: &Access, database: &str, from: &Utf8Path, keyring: &Keyring) -> Result<Command> {
    Ok(client(LOAD, from, access, keyring)?
        .args(SANDBOX)
        .args([LARGEST_PACKET, "--default-character-set=utf8mb4"])
        .arg(format!("--database={database}")))
}

/// The command that loads a dump as a person would type it: the same, and nobody's command in it is obeyed.
pub(super) fn load_by_hand(access: &Access, database: &DatabaseName, from: &Utf8Path) -> String {
    let place = match &access.socket {
        Some(socket) => format!("--socket={socket}"),
        None => format!("--host={} --port={}", access.host, access.port),
    };
    format!(
        "mysql --no-defaults {} {LARGEST_PACKET} {place} --user={} --password --database={database} < {from}",
        SANDBOX.join(" "),
        access.user
    )
}

/// What a client said went wrong: its own lines, and not the statement it failed at, which is somebody's data.
pub(super) fn complaint(stderr: &str) -> String {
    let lines: Vec<String> = stderr
        .lines()
        .filter(|l| !l.contains("unknown variable 'loose-") && !l.contains("unknown option '--loose-"))
        .filter(|l| {
            ["mysqldump:", "mariadb-dump:", "client:", "sed:", "tee:", "sha256sum:", "sync:", "ERROR"]
                .iter()
                .any(|begin| l.starts_with(begin))
        })
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
            tls: Tls::default(),
        };
        let database = DatabaseName::parse("d").unwrap();
        let wanted = Wanted { packet: 1 << 24, apart: &[], without: &["v".to_owned()], routines: true, history: false };
        let command = dump(&access, &database, "/b/x y.sql".into(), wanted, &keyring).unwrap();
        assert!(!format!("{command} {command:?} {:?}", command.input).contains("can"));
        assert!(command.args.contains(&"/b/x y.sql".to_owned()) && command.args.contains(&"--ignore-table=d.v".to_owned()));
        assert!(std::str::from_utf8(command.input.bytes()).unwrap().contains("password=\"can\\\"a\\\\ry#\"\n"));
        assert!(!load(&access, "d", "/b/x.sql".into(), &keyring).unwrap().to_string().contains("can"));
    }

    #[test]
    fn a_person_loads_as_aegir_does() {
        let keyring = Keyring::generate().unwrap();
        let access = Access { password: None, ..Access::for_tests() };
        let database = DatabaseName::parse("d").unwrap();
        let ours = load(&access, "d", "/b/x.sql".into(), &keyring).unwrap();
        let theirs = load_by_hand(&access, &database, "/b/x.sql".into());
        assert!(ours.args.iter().filter(|arg| SANDBOX.contains(&arg.as_str())).all(|arg| theirs.contains(arg.as_str())), "{theirs}");
        assert_eq!(ours.args.iter().filter(|arg| SANDBOX.contains(&arg.as_str())).count(), SANDBOX.len());
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
