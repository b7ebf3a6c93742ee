//! What a bare machine needs for MariaDB: packages, and an administrator for Aegir. Data, read by `aegir init`.

use aegir_core::Result;
use secrecy::{ExposeSecret as _, SecretString};

use super::{Config, quote};

/// Debian's packages.
pub const PACKAGES: &[&str] = &["mariadb-server", "mariadb-client"];

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
