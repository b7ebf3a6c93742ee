//! Accounts other than a site's that may write to its database: what they write while it is archived would be lost, and
//! the next database of that name would be theirs, too.

use aegir_core::Result;
use aegir_core::entity::Database;

use super::fault::explain;
use super::session::Session;
use super::{Access, quote};

/// An account and where it has rights.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Writer {
    /// In words: `crm@localhost`.
    pub(super) account: String,
    /// What takes its rights away; nothing where they are rights on other databases as well.
    pub(super) revoke: Option<String>,
    /// On what: `x.*`, `x.table`.
    pub(super) on: String,
}

/// Looks who else may write there by rights on that database, its tables, or databases of such names. Who may write
/// everywhere is an administrator.
pub(super) async fn look(session: &mut Session, access: &Access, database: &Database) -> Result<Vec<Writer>> {
    const ROWS: &str = "'Y' IN (Insert_priv, Update_priv, Delete_priv, Create_priv, Drop_priv, Alter_priv)";
    let name = quote::literal(database.name.as_str())?;
    // The escape of patterns is a plain backslash: sessions know no other use of one.
    let sql = format!(
        "SELECT User, Host, Db, '' FROM mysql.db WHERE {name} LIKE Db ESCAPE '\\' AND {ROWS} UNION ALL \
         SELECT User, Host, Db, Table_name FROM mysql.tables_priv WHERE Db = {name} AND \
         CONCAT(Table_priv, ',', Column_priv) REGEXP 'Insert|Update|Delete|Drop|Alter' ORDER BY 1, 2, 3, 4"
    );
    let rows: Vec<[String; 4]> = session.rows_of(&sql).await.map_err(|f| explain(access, &f))?;
    let own = |user: &str, host: &str| user == database.user.as_str() && database.grants.iter().any(|grant| grant.as_str() == host);
    let others = rows.into_iter().filter(|[user, host, _, _]| !own(user, host));
    Ok(others
        .map(|[user, host, on, table]| {
            let exact = on == database.name.as_str() || on == quote::escaped(&database.name);
            let what = if table.is_empty() { "*".to_owned() } else { quote::word(&table) };
            // A role has no host.
            let who = if host.is_empty() { quote::word(&user) } else { format!("{}@{}", quote::word(&user), quote::word(&host)) };
            Writer {
                account: if host.is_empty() { user } else { format!("{user}@{host}") },
                revoke: exact.then(|| format!("REVOKE ALL PRIVILEGES ON {}.{what} FROM {who}", quote::word(&on))),
                on: format!("{on}.{}", if table.is_empty() { "*" } else { &table }),
            }
        })
        .collect())
}
