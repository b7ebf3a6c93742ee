//! SQL from values: text, names, accounts, patterns. Nothing else here puts values into statements.

use aegir_core::name::{DatabaseName, DatabaseUser, GrantHost};
use aegir_core::{Error, Result};
use secrecy::{ExposeSecret as _, SecretString};

/// A text literal. Sessions run with `NO_BACKSLASH_ESCAPES`, so a doubled quote is the only escape there is.
pub(super) fn literal(text: &str) -> Result<String> {
    if text.contains('\0') {
        return Err(Error::invalid("a value for the database holds a NUL"));
    }
    Ok(format!("'{}'", text.replace('\'', "''")))
}

/// A password as a text literal.
pub(super) fn secret(password: &SecretString) -> Result<String> {
    literal(password.expose_secret())
}

/// A database's name.
pub(super) fn name(database: &DatabaseName) -> String {
    backticked(database.as_str())
}

/// A database's name where a grant takes a pattern: `_` and `%` must mean themselves.
pub(super) fn pattern(database: &DatabaseName) -> String {
    backticked(&escaped(database))
}

/// The name as it stands in the grant tables.
pub(super) fn escaped(database: &DatabaseName) -> String {
    database.as_str().replace('_', "\\_").replace('%', "\\%")
}

/// An account.
pub(super) fn account(user: &DatabaseUser, host: &GrantHost) -> String {
    format!("{}@{}", backticked(user.as_str()), backticked(host.as_str()))
}

/// Any name, as of a table.
pub(super) fn word(name: &str) -> String {
    backticked(name)
}

fn backticked(text: &str) -> String {
    format!("`{}`", text.replace('`', "``"))
}

/// A statement without the quotes around names, which differ between servers and modes.
pub(super) fn bare(statement: &str) -> String {
    statement.chars().filter(|c| !matches!(c, '`' | '\'' | '"')).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn literals_end_where_they_should() {
        assert_eq!(literal("a'b\\").unwrap(), "'a''b\\'");
        assert_eq!(literal("'; DROP DATABASE x; --").unwrap(), "'''; DROP DATABASE x; --'");
        assert!(literal("a\0").is_err());
    }

    #[test]
    fn wildcards_mean_themselves() {
        let database = DatabaseName::parse("example_1").unwrap();
        assert_eq!((name(&database).as_str(), pattern(&database).as_str()), ("`example_1`", "`example\\_1`"));
        let account = account(&DatabaseUser::parse("example_1").unwrap(), &GrantHost::parse("10.0.0.2").unwrap());
        assert_eq!(account, "`example_1`@`10.0.0.2`");
    }

    proptest::proptest! {
        #[test]
        fn a_literal_has_no_single_quote_alone(text in "\\PC{0,30}") {
            let quoted = literal(&text).unwrap();
            let inner = &quoted[1..quoted.len() - 1];
            proptest::prop_assert!(inner.replace("''", "").find('\'').is_none());
            proptest::prop_assert_eq!(inner.replace("''", "'"), text);
        }
    }
}
