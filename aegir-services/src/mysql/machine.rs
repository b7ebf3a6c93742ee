//! What a bare machine needs for MariaDB, and one that has MySQL: packages, an administrator for Aegir, a certificate. Data, for `init` and `bootstrap`.

use aegir_core::Result;
use aegir_core::action::Answers;
use aegir_core::entity::{Server, Transport};
use aegir_core::service::{Fed, Preparation, RootFile, SystemService};
use aegir_core::template::Content;
use secrecy::{ExposeSecret as _, SecretString};

use super::config::{LOCALHOST, SOCKET};
use super::{Config, quote};

/// Debian's packages; MySQL that is there stays.
pub const PACKAGES: &[&str] = &["mariadb-server|default-mysql-server|mysql-server*|mysql-community-server", CLIENT];

/// For a database server on another machine, which somebody else looks after.
const ELSEWHERE: &[&str] = &[CLIENT];

const CLIENT: &str = "mariadb-client|default-mysql-client|mysql-client*|mysql-community-client";

/// Read behind Debian's own `50-server.cnf`, which lets only the machine itself connect.
const NETWORK: &str = "/etc/mysql/mariadb.conf.d/60-aegir.cnf";

/// The same for MySQL, whose file is called `mysqld.cnf`.
const NETWORK_OF_MYSQL: &str = "/etc/mysql/mysql.conf.d/zz-aegir.cnf";

/// The packages it wants on its server.
pub(super) fn packages(config: &Config) -> &'static [&'static str] {
    if config.host == LOCALHOST { PACKAGES } else { ELSEWHERE }
}

/// What a machine needs so that databases of sites can be on it.
///
/// On the master the administrator has a password, made by [`super::AdminAccount`]. Elsewhere it has none at all: the server
/// knows the account by its number over the Unix socket, so no administrator can be reached from the network.
pub(super) fn preparation(config: &Config, server: &Server) -> Result<Preparation> {
    let words = |words: &[&str]| words.iter().map(|w| (*w).to_owned()).collect::<Vec<String>>();
    let mut wanted = Preparation::default();
    wanted.packages = words(packages(config));
    if config.host != LOCALHOST {
        return Ok(wanted);
    }
    let service = "mariadb|mysql".to_owned();
    let remote = server.transport != Transport::Local;
    if let Some(address) = config.listen.as_deref().or(remote.then_some("*")) {
        let text = format!(
            "# Written by Aegir: sites on other web servers connect to this one, each as a user of its own.\n[mysqld]\nbind-address = {address}\nport = {}\n",
            config.port
        );
        wanted.files = vec![RootFile {
            path: NETWORK.into(),
            or: Some(NETWORK_OF_MYSQL.into()),
            content: Content::plain(text),
            mode: 0o644,
            test: Vec::new(),
            service: Some(service.clone()),
        }];
        wanted.packages.push("openssl".to_owned());
        wanted.fed = vec![certificate()];
    }
    let socket = config.socket.as_deref().unwrap_or(SOCKET);
    wanted.services = vec![SystemService {
        name: service,
        // MySQL calls it /var/run/….
        answers: Answers::Socket(format!("*{socket}").into()),
        test: Vec::new(),
        reload: Vec::new(),
        restart: Vec::new(),
        ports: Vec::new(),
    }];
    if remote {
        wanted.fed.insert(0, administrator_by_socket(&server.user, words(AS_ROOT))?);
    }
    Ok(wanted)
}

/// A certificate for a server that others connect to, where it has none: Debian 12's MariaDB encrypts nothing without. It signs
/// itself, so it keeps out who listens, and not who stands between; an operator's own, in a file read later, wins.
fn certificate() -> Fed {
    Fed {
        what: "a certificate of the database server".to_owned(),
        program: vec!["sh".to_owned()],
        ask: HAS_CERTIFICATE.to_owned(),
        answer: "1".to_owned(),
        make: MAKE_CERTIFICATE.to_owned(),
        unmake: format!("rm -f {TLS} {KEY} {CERTIFICATE}\nservice mariadb restart\n"),
        locked: String::new(),
        unlock: String::new(),
    }
}

/// Read behind Debian's own files, and before those that an operator adds.
const TLS: &str = "/etc/mysql/mariadb.conf.d/51-aegir-tls.cnf";
const KEY: &str = "/etc/mysql/aegir-key.pem";
const CERTIFICATE: &str = "/etc/mysql/aegir-cert.pem";

const HAS_CERTIFICATE: &str = r#"q="SHOW GLOBAL STATUS LIKE 'Ssl_server_not_after'"
case $(mysql --no-defaults --protocol=socket --socket=/run/mysqld/mysqld.sock --user=root --batch --skip-column-names --execute="$q") in
*GMT*) echo 1 ;;
*) echo 0 ;;
esac
"#;

const MAKE_CERTIFICATE: &str = r#"set -e
cd /etc/mysql
[ -d mariadb.conf.d ] || exit 0
umask 077
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 3650 -subj "/CN=$(uname -n)" \
    -keyout aegir-key.pem -out aegir-cert.pem 2>/dev/null
chown mysql: aegir-key.pem aegir-cert.pem
umask 022
printf '# Written by Aegir: what crosses the network is encrypted.\n[mysqld]\nssl_cert = %s\nssl_key = %s\n' \
    /etc/mysql/aegir-cert.pem /etc/mysql/aegir-key.pem >mariadb.conf.d/51-aegir-tls.cnf
service mariadb restart
"#;

/// Each kind of server reads its own words, and takes the other's for a comment.
const BY_SOCKET: &str = "/*M!100000 IDENTIFIED VIA unix_socket */ /*!80000 IDENTIFIED WITH auth_socket */";

/// The account that has the name of Aegir's own, with all rights, for whoever is that account on the machine.
fn administrator_by_socket(user: &str, mut program: Vec<String>) -> Result<Fed> {
    program.push("--skip-column-names".to_owned());
    let account = format!("{}@'localhost'", quote::literal(user)?);
    let name = quote::literal(user)?;
    Ok(Fed {
        what: format!("the database administrator {user}, known by its Unix account"),
        program,
        ask: format!(
            "SELECT COUNT(*) FROM mysql.user WHERE User = {name} AND Host = 'localhost' AND plugin IN ('unix_socket', 'auth_socket') AND EXISTS (SELECT 1 FROM information_schema.USER_PRIVILEGES WHERE GRANTEE = {} AND PRIVILEGE_TYPE = 'CREATE USER' AND IS_GRANTABLE = 'YES');\n",
            quote::literal(&account)?
        ),
        answer: "1".to_owned(),
        make: format!(
            "CREATE USER IF NOT EXISTS {account} {BY_SOCKET};\nALTER USER {account} {BY_SOCKET};\nGRANT ALL PRIVILEGES ON *.* TO {account} WITH GRANT OPTION;\n"
        ),
        unmake: format!("DROP USER IF EXISTS {account};\n"),
        locked: LOCKED_OUT.to_owned(),
        unlock: LET_ROOT_IN.to_owned(),
    })
}

/// The state that goes with every refusal to log in, in any language.
const LOCKED_OUT: &str = "(28000)";

/// Root keeps its password, and needs none over the socket.
pub(super) const LET_ROOT_IN: &str =
    "mysql -u root -p -e \"ALTER USER root@localhost IDENTIFIED VIA unix_socket OR mysql_native_password USING PASSWORD('ITS PASSWORD')\"";

/// Where root feeds [`administrator`] into: over the socket the server knows root by its user number, without a password.
pub const AS_ROOT: &[&str] = &["mysql", "--no-defaults", "--protocol=socket", "--socket=/run/mysqld/mysqld.sock", "--user=root", "--batch"];

/// SQL that makes the administrator, or sets its password anew; can be run again. It holds the password: standard input only.
///
/// Two accounts: over the socket the server sees `localhost`, over TCP it may see the number.
pub fn administrator(config: &Config, password: &SecretString) -> Result<SecretString> {
    let secret = quote::literal(password.expose_secret())?;
    let mut sql = String::from("SET SESSION sql_mode = 'NO_BACKSLASH_ESCAPES';\n");
    for host in ["localhost", "127.0.0.1"] {
        let account = format!("{}@{}", quote::literal(&config.user)?, quote::literal(host)?);
        sql.push_str(&format!("CREATE USER IF NOT EXISTS {account} IDENTIFIED BY {secret};\nALTER USER {account} IDENTIFIED BY {secret};\nGRANT ALL PRIVILEGES ON *.* TO {account} WITH GRANT OPTION;\n"));
    }
    Ok(SecretString::from(sql))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_administrator_can_be_made_again() {
        let config: Config = serde_json::from_value(serde_json::json!({})).unwrap();
        insta::assert_snapshot!(administrator(&config, &SecretString::from("p'w")).unwrap().expose_secret(), @r"
        SET SESSION sql_mode = 'NO_BACKSLASH_ESCAPES';
        CREATE USER IF NOT EXISTS 'aegir'@'localhost' IDENTIFIED BY 'p''w';
        ALTER USER 'aegir'@'localhost' IDENTIFIED BY 'p''w';
        GRANT ALL PRIVILEGES ON *.* TO 'aegir'@'localhost' WITH GRANT OPTION;
        CREATE USER IF NOT EXISTS 'aegir'@'127.0.0.1' IDENTIFIED BY 'p''w';
        ALTER USER 'aegir'@'127.0.0.1' IDENTIFIED BY 'p''w';
        GRANT ALL PRIVILEGES ON *.* TO 'aegir'@'127.0.0.1' WITH GRANT OPTION;
        ");
    }
}
