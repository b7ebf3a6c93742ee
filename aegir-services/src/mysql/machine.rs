//! What a bare machine needs for MariaDB: packages, and an administrator for Aegir. Data, for `init` and `bootstrap`.

use aegir_core::Result;
use aegir_core::action::Answers;
use aegir_core::entity::{Server, Transport};
use aegir_core::service::{Fed, Preparation, RootFile, SystemService};
use aegir_core::template::Content;
use secrecy::{ExposeSecret as _, SecretString};

use super::config::{LOCALHOST, SOCKET};
use super::{Config, quote};

/// Debian's packages.
pub const PACKAGES: &[&str] = &["mariadb-server", "mariadb-client"];

/// For a database server on another machine, which somebody else looks after.
const ELSEWHERE: &[&str] = &["mariadb-client"];

/// Read behind Debian's own `50-server.cnf`, which lets only the machine itself connect.
const NETWORK: &str = "/etc/mysql/mariadb.conf.d/60-aegir.cnf";

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
    let service = "mariadb".to_owned();
    let remote = server.transport != Transport::Local;
    if let Some(address) = config.listen.as_deref().or(remote.then_some("*")) {
        let text = format!(
            "# Written by Aegir: sites on other web servers connect to this one, each as a user of its own.\n[mariadbd]\nbind-address = {address}\nport = {}\n",
            config.port
        );
        wanted.files = vec![RootFile {
            path: NETWORK.into(),
            content: Content::plain(text),
            mode: 0o644,
            test: Vec::new(),
            service: Some(service.clone()),
        }];
    }
    let socket = config.socket.as_deref().unwrap_or(SOCKET);
    wanted.services = vec![SystemService {
        name: service,
        answers: Answers::Socket(socket.into()),
        test: Vec::new(),
        reload: Vec::new(),
        restart: words(&["service", "mariadb", "restart"]),
        ports: Vec::new(),
    }];
    if remote {
        wanted.fed = vec![administrator_by_socket(&server.user, words(AS_ROOT))?];
    }
    Ok(wanted)
}

/// The account that has the name of Aegir's own, with all rights, for whoever is that account on the machine.
fn administrator_by_socket(user: &str, mut program: Vec<String>) -> Result<Fed> {
    program.push("--skip-column-names".to_owned());
    let account = format!("{}@'localhost'", quote::literal(user)?);
    let name = quote::literal(user)?;
    Ok(Fed {
        what: format!("the database administrator {user}, known by its Unix account"),
        program,
        ask: format!(
            "SELECT COUNT(*) FROM mysql.global_priv WHERE User = {name} AND Host = 'localhost' AND JSON_VALUE(Priv, '$.plugin') = 'unix_socket' AND EXISTS (SELECT 1 FROM information_schema.USER_PRIVILEGES WHERE GRANTEE = {} AND PRIVILEGE_TYPE = 'CREATE USER' AND IS_GRANTABLE = 'YES');\n",
            quote::literal(&account)?
        ),
        answer: "1".to_owned(),
        make: format!(
            "CREATE USER IF NOT EXISTS {account} IDENTIFIED VIA unix_socket;\nALTER USER {account} IDENTIFIED VIA unix_socket;\nGRANT ALL PRIVILEGES ON *.* TO {account} WITH GRANT OPTION;\n"
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
