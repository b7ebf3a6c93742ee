//! What went wrong with a database server, and which command mends it.

use std::time::Duration;

use aegir_core::name::ServerName;
use aegir_core::{Error, ErrorKind};
use sqlx::mysql::MySqlDatabaseError;

use super::Access;
use super::rights::GRANT_ADMIN;

/// A failure, sorted by what to do about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// The server said no.
    Refused { number: u16, message: String },
    /// It does not answer.
    Silent(String),
    /// No answer within that time.
    Timeout(Duration),
    /// No encryption that both accept.
    Insecure(String),
    /// It answers with more than these bytes.
    Endless(usize),
    /// Something else between the two.
    Protocol(String),
}

/// 1045, 1698 access denied · 1044, 1142, 1227, 1370, 1410 rights missing · 1130 host not allowed.
const WRONG_PASSWORD: &[u16] = &[1045, 1698];
const RIGHTS_MISSING: &[u16] = &[1044, 1142, 1227, 1370, 1410];
const HOST_NOT_ALLOWED: u16 = 1130;
const TOO_MANY: u16 = 1040;
/// 1819 the password does not satisfy the policy · 1290 a password is not taken by its hash.
const POLICY: &[u16] = &[1819, 1290];
/// 1205 somebody else holds a lock, for longer than was waited · 1213 two hold what the other one wants.
const LOCKED: &[u16] = &[1205, 1213];
/// 4151 MariaDB's, 3118 MySQL's word for an account that is locked · 1820 the password has expired · 1862 so long ago that it
/// cannot even be set.
const ACCOUNT_LOCKED: &[u16] = &[4151, 3118];
const EXPIRED: &[u16] = &[1820, 1862];
/// 1969 MariaDB's, 3024 MySQL's limit of time · 1104 that of rows.
const LIMITED: &[u16] = &[1969, 3024, 1104];
/// MySQL's word for what MariaDB calls a denied access.
const NEEDS_TLS: u16 = 3159;
/// 1290 an option prevents it, and names itself · 1836 it is in read-only mode.
const PREVENTED: u16 = 1290;
const READ_ONLY: u16 = 1836;
const NO_SUCH_THREAD: u16 = 1094;
/// 1141 no such grant · 1133 no such user in the table · 1269 nobody to revoke all from · 1396 the user operation failed: it
/// does not exist · 3162 unknown account.
const UNKNOWN: &[u16] = &[1141, 1133, 1269, 1396, 3162];

impl Fault {
    pub(super) fn is_unknown(&self) -> bool {
        matches!(self, Self::Refused { number, .. } if UNKNOWN.contains(number))
    }

    /// The server's own answer, whatever it says.
    pub(super) fn is_refusal(&self) -> bool {
        matches!(self, Self::Refused { .. })
    }

    /// Somebody holds a lock on what it is about.
    pub(super) fn is_locked(&self) -> bool {
        matches!(self, Self::Refused { number, .. } if LOCKED.contains(number))
    }

    /// The server's password policy forbids it.
    pub(super) fn is_policy(&self) -> bool {
        matches!(self, Self::Refused { number, .. } if POLICY.contains(number)) && !self.is_read_only()
    }

    /// An option of the server forbids it: that it only be read. Names of options are the same in every language.
    pub(super) fn is_read_only(&self) -> bool {
        let Self::Refused { number, message } = self else { return false };
        *number == READ_ONLY || *number == PREVENTED && (message.contains("read-only") || message.contains("read_only"))
    }

    pub(super) fn is_no_such_thread(&self) -> bool {
        matches!(self, Self::Refused { number, .. } if *number == NO_SUCH_THREAD)
    }

    pub(super) fn is_wrong_password(&self) -> bool {
        matches!(self, Self::Refused { number, .. } if WRONG_PASSWORD.contains(number))
    }

    /// Syntax errors quote the statement.
    pub(super) fn without(self, secret: &str) -> Self {
        match self {
            Self::Refused { number, message } => Self::Refused { number, message: message.replace(secret, "(secret)") },
            other => other,
        }
    }

    fn in_words(&self) -> String {
        match self {
            Self::Refused { number, message } => format!("ERROR {number}: {message}"),
            Self::Silent(why) | Self::Insecure(why) | Self::Protocol(why) => why.clone(),
            Self::Endless(limit) => format!("its answer has more than {} MiB, and is not read any further", limit >> 20),
            Self::Timeout(limit) => format!("no answer within {} s", limit.as_secs()),
        }
    }
}

impl From<sqlx::Error> for Fault {
    fn from(error: sqlx::Error) -> Self {
        match error {
            sqlx::Error::Database(inner) => match inner.try_downcast_ref::<MySqlDatabaseError>() {
                Some(answer) => Self::Refused { number: answer.number(), message: answer.message().to_owned() },
                None => Self::Protocol(inner.to_string()),
            },
            // The client's TLS tells what it does not believe as an error of input and output.
            sqlx::Error::Io(inner) if inner.kind() == std::io::ErrorKind::InvalidData => Self::Insecure(inner.to_string()),
            sqlx::Error::Io(inner) => Self::Silent(inner.to_string()),
            sqlx::Error::Tls(inner) => Self::Insecure(inner.to_string()),
            other => Self::Protocol(other.to_string()),
        }
    }
}

/// The error for people.
pub(super) fn explain(access: &Access, fault: &Fault) -> Error {
    let server = &access.server;
    let error = match fault {
        Fault::Refused { number, .. } if WRONG_PASSWORD.contains(number) => {
            Error::refused(format!("the database server on {server} denies access to {}: wrong password", access.user))
                .hint(new_password(server))
        }
        Fault::Refused { number, .. } if ACCOUNT_LOCKED.contains(number) => {
            Error::refused(format!("the database server on {server} denies access to {}: its account is locked", access.user))
                .hint(format!("on {server}, as root in mysql: ALTER USER '{}'@'localhost' ACCOUNT UNLOCK", access.user))
        }
        Fault::Refused { number, .. } if EXPIRED.contains(number) => {
            Error::refused(format!("the database server on {server} denies access to {}: its password has expired", access.user))
                .hint(new_password(server))
        }
        Fault::Refused { number, .. } if *number == NEEDS_TLS => {
            Error::refused(format!("the database server on {server} takes encrypted connections only"))
                .hint(format!("`aegir server edit {server} --set db.tls=true`"))
        }
        Fault::Refused { .. } if fault.is_read_only() => read_only(server),
        Fault::Refused { .. } if fault.is_locked() => {
            Error::failed(format!("somebody holds a lock on the database server on {server}"))
                .hint(format!("on {server}: `mysql -e 'SHOW PROCESSLIST'` shows who is connected; `mysql -e 'XA RECOVER'` shows prepared transactions, which outlive their connections"))
        }
        Fault::Refused { number, .. } if LIMITED.contains(number) => {
            Error::failed(format!("a limit of the database server on {server} ended a statement"))
                .hint(format!("on {server}: `mysql -e \"SHOW VARIABLES WHERE Variable_name IN ('max_statement_time', 'max_execution_time', 'max_join_size')\"`; raise it"))
        }
        Fault::Refused { number, .. } if POLICY.contains(number) => {
            Error::refused(format!("the password policy of the database server on {server} takes no password that Aegir makes"))
                .hint(format!("on {server}: `mysql -e \"SHOW VARIABLES LIKE '%password%'\"` shows what it wants; Aegir's have 24 letters, digits and signs, each at least once"))
        }
        Fault::Refused { number, .. } if *number == HOST_NOT_ALLOWED => {
            Error::refused(format!("the database server on {server} does not let this machine connect"))
                .hint(format!("let {} connect from here, with the same rights as from its own machine", access.user))
        }
        Fault::Refused { number, .. } if RIGHTS_MISSING.contains(number) => {
            Error::refused(format!("{} lacks rights on the database server on {server}", access.user))
                .hint(format!("as its root: `mysql -e \"{}\"`", GRANT_ADMIN.replace("{user}", &access.user)))
        }
        Fault::Refused { number, .. } if *number == TOO_MANY => {
            Error::unreachable(format!("the database server on {server} takes no more connections"))
                .hint("raise max_connections, or try again when there is less to do")
        }
        Fault::Refused { .. } => Error::failed(format!("the database server on {server} refused a statement")),
        Fault::Silent(_) | Fault::Timeout(_) => {
            let error = Error::unreachable(format!("the database server on {server} does not answer at {}", access.place()))
                .hint(format!("on {server}: `systemctl status mariadb`, then `systemctl start mariadb`"));
            if access.socket.is_some() && server.as_str() != ServerName::MASTER {
                error.hint(format!("sshd on {server} must let us through to it: AllowStreamLocalForwarding yes"))
            } else {
                error
            }
        }
        Fault::Insecure(why) if why.contains("does not support TLS") => {
            Error::refused(format!("the database server at {} offers no encryption, and what goes there crosses a network", access.place()))
                .hint("give it a certificate: `ssl_cert` and `ssl_key` in its configuration")
                .hint(format!("if the network between is yours alone: `aegir server edit {server} --set db.tls=false`"))
        }
        Fault::Insecure(why) if why.contains("CaUsedAsEndEntity") => {
            Error::refused(format!("the certificate of the database server at {} is its own authority", access.place()))
                .hint(format!("sign one for {} with an authority, and name that: `aegir server edit {server} --set db.ca=FILE`", access.host))
        }
        Fault::Insecure(_) => Error::refused(format!("the database server at {} does not prove who it is", access.place()))
            .hint(format!("`aegir server edit {server} --set db.ca=FILE` names the authority that signed its certificate, `system` for a public one")),
        Fault::Endless(_) => Error::failed(format!("the database server on {server} answers without end"))
            .hint(format!("look at what answers at {}: a database server does not do that", access.place())),
        Fault::Protocol(_) => Error::new(ErrorKind::Failed, format!("talking to the database server on {server} failed")),
    };
    error.context("server", server).because(fault.in_words())
}

/// What gives the administrator a password that works.
fn new_password(server: &ServerName) -> String {
    match server.as_str() {
        ServerName::MASTER => "as root: `aegir init`, which sets the administrator's password anew".to_owned(),
        name => format!("as root there: the script that `aegir server bootstrap {name}` prints makes the administrator"),
    }
}

/// A server that takes no changes: a copy of another one, or one that an operator closed.
pub(super) fn read_only(server: &ServerName) -> Error {
    Error::refused(format!("the database server on {server} is read-only"))
        .context("server", server)
        .hint(format!(
            "if it copies another one, put sites on that one; else on {server}: `mysql -e 'SET GLOBAL read_only = 0'`, and take read_only out of its configuration"
        ))
}

/// What mends what a client met, by the number of the error.
pub(super) fn number_hint(number: u16, database: &str) -> Option<String> {
    Some(match number {
        _ if [WRONG_PASSWORD, ACCOUNT_LOCKED, EXPIRED].concat().contains(&number) || number == HOST_NOT_ALLOWED => {
            format!("if it is the site's own user that cannot log in to {database}, `aegir site verify` of the site sets it right")
        }
        1044 | 1142 | 1227 | 1370 | 1410 => format!("it wants more than the site may: only what is in {database} itself is loaded"),
        2002 | 2003 | 2005 | 2006 | 2013 => "look at the database server: `systemctl status mariadb`".to_owned(),
        1290 | 1836 => "look whether the database server is read-only: `mysql -e 'SELECT @@GLOBAL.read_only'` there".to_owned(),
        1205 | 1213 => {
            format!("somebody holds a lock on {database}: `mysql -e 'SHOW PROCESSLIST'` and `mysql -e 'XA RECOVER'` on the database server")
        }
        1969 | 3024 | 1104 => {
            "a limit of the database server ended a statement: look at max_statement_time, max_execution_time and max_join_size there"
                .to_owned()
        }
        1153 | 1301 => format!("a row of {database} is larger than max_allowed_packet of the database server: raise it there"),
        1419 => {
            "a routine or trigger wants it: `mysql -e 'SET GLOBAL log_bin_trust_function_creators = 1'` on the database server".to_owned()
        }
        2026 => "its certificate is not believed: db.ca of the server names who signed it".to_owned(),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_has_its_own_error() {
        let access = Access::for_tests();
        let said = |number: u16| explain(&access, &Fault::Refused { number, message: "m".into() });
        assert!(said(1045).message().contains("wrong password") && said(1045).kind() == ErrorKind::Refused);
        assert!(said(1044).hints()[0].contains("WITH GRANT OPTION"));
        assert_eq!(said(1064).kind(), ErrorKind::Failed);
        let silent = explain(&access, &Fault::Silent("Connection refused".into()));
        assert_eq!(silent.kind(), ErrorKind::Unreachable);
        assert!(silent.hints()[0].contains("systemctl status mariadb"));
    }

    #[test]
    fn a_quoted_statement_shows_no_secret() {
        let fault = Fault::Refused { number: 1064, message: "near 'BY 'canary''".into() }.without("canary");
        assert_eq!(fault, Fault::Refused { number: 1064, message: "near 'BY '(secret)''".into() });
    }
}
