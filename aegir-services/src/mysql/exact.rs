//! Tables that the dumping client would not write out as they are, and how it does so after all.
//!
//! It prints a FLOAT with six digits, and a query that makes it a DOUBLE is the one way to make it print all of them. Of
//! tables that keep their history it leaves out the history unless told so.

use std::collections::BTreeMap;

use aegir_core::Result;
use aegir_core::name::DatabaseName;
use aegir_core::server::{Command, Observer};

use super::fault::explain;
use super::session::Session;
use super::{Access, LeftOut, quote};

/// What a dump of one database consists of.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Exact {
    /// Whether tables keep their history.
    pub history: bool,
    /// Tables that are dumped one by one, before the others.
    pub apart: Vec<Apart>,
}

/// A table that is dumped by itself.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Apart {
    /// The table.
    pub table: String,
    /// What stands behind `WHERE` in the client's query, where that is not all.
    pub rows: Option<String>,
    /// Whether its history goes with it.
    pub history: bool,
}

/// A table as far as it matters here.
#[derive(Debug, Default)]
struct Table {
    versioned: bool,
    /// Name, type, what generates it.
    columns: Vec<[String; 3]>,
}

impl Table {
    /// By the numbers of transactions, which mean nothing anywhere else.
    fn is_precise(&self) -> bool {
        self.columns.iter().any(|[_, of, from]| from == "ROW START" && of == "bigint")
    }

    /// All rows, with FLOAT as DOUBLE: of a union both sides decide on the types. The first side, the client's own, is empty.
    fn rows(&self, name: &str, history: bool) -> Option<String> {
        if !self.columns.iter().any(|[_, of, _]| of == "float") {
            return None;
        }
        let mut columns: Vec<String> = self
            .columns
            .iter()
            .map(|[name, of, _]| if of == "float" { format!("{} * 1e0", quote::word(name)) } else { quote::word(name) })
            .collect();
        if history && !self.columns.iter().any(|[_, _, from]| from == "ROW START") {
            columns.extend(["row_start".to_owned(), "row_end".to_owned()]);
        }
        let all = if history { " FOR SYSTEM_TIME ALL" } else { "" };
        Some(format!("1 = 0 UNION ALL SELECT {} FROM {}{all}", columns.join(", "), quote::word(name)))
    }
}

/// Looks how a database is dumped as it is, and which histories no dump can hold.
pub(super) async fn look(session: &mut Session, access: &Access, database: &DatabaseName) -> Result<(Exact, Vec<LeftOut>)> {
    let schema = quote::literal(database.as_str())?;
    let explained = |f| explain(access, &f).context("database", database);
    let sql = format!(
        "SELECT TABLE_NAME, TABLE_TYPE FROM information_schema.TABLES WHERE TABLE_SCHEMA = {schema} AND TABLE_TYPE IN ('BASE TABLE', 'SYSTEM VERSIONED')"
    );
    let mut tables: BTreeMap<String, Table> = BTreeMap::new();
    for [name, kind] in session.rows_of(&sql).await.map_err(explained)? {
        tables.insert(name, Table { versioned: kind == "SYSTEM VERSIONED", columns: Vec::new() });
    }
    let sql = format!(
        "SELECT TABLE_NAME, COLUMN_NAME, DATA_TYPE, COALESCE(GENERATION_EXPRESSION, '') FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = {schema} ORDER BY TABLE_NAME, ORDINAL_POSITION"
    );
    for [table, name, of, from] in session.rows_of(&sql).await.map_err(explained)? {
        if let Some(table) = tables.get_mut(&table) {
            table.columns.push([name, of.to_ascii_lowercase(), from]);
        }
    }
    let version = session.value("SELECT VERSION()").await.map_err(explained)?.unwrap_or_default();
    let mut exact = Exact::default();
    let mut lost = Vec::new();
    for (name, table) in &tables {
        if table.versioned {
            let why = match (table.is_precise(), takes_history(&version)) {
                (true, _) => Some("it counts transactions of this server, which no dump can hold".to_owned()),
                (false, false) => Some(format!("MariaDB takes history from a dump from 10.11 on, and this is {version}")),
                (false, true) => None,
            };
            lost.extend(why.map(|why| LeftOut { kind: LeftOut::HISTORY.to_owned(), name: name.clone(), why }));
        }
        let history = table.versioned && lost.last().is_none_or(|part: &LeftOut| part.name != *name);
        exact.history |= history;
        let rows = table.rows(name, history);
        if rows.is_some() || table.versioned && !history {
            exact.apart.push(Apart { table: name.clone(), rows, history });
        }
    }
    Ok((exact, lost))
}

/// Refuses to have MariaDB's client dump generated columns of MySQL: it writes values for them, and MySQL takes none. MariaDB
/// leaves such values out when it loads them.
pub(super) async fn foreign_client(
    session: &mut Session,
    access: &Access,
    database: &DatabaseName,
    files: &Observer,
) -> Result<Vec<LeftOut>> {
    let explained = |f| explain(access, &f).context("database", database);
    let version = session.value("SELECT VERSION()").await.map_err(explained)?.unwrap_or_default();
    if version.contains("MariaDB") {
        return Ok(Vec::new());
    }
    let sql = format!(
        "SELECT DISTINCT TABLE_NAME, '' FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = {} AND GENERATION_EXPRESSION <> ''",
        quote::literal(database.as_str())?
    );
    let tables = session.rows_of(&sql).await.map_err(explained)?;
    if tables.is_empty() || !files.ask(&Command::new("mysqldump").arg("--version")).await?.text().contains("MariaDB") {
        return Ok(Vec::new());
    }
    let why = format!(
        "MariaDB's client on {} writes them so that MySQL does not take them back; as root there: `apt-get install default-mysql-client`",
        files.name()
    );
    let lost = |[name, _]: [String; 2]| LeftOut { kind: LeftOut::GENERATED.to_owned(), name, why: why.clone() };
    Ok(tables.into_iter().map(lost).collect())
}

/// `10.11.6-MariaDB-0+deb12u1`.
fn takes_history(version: &str) -> bool {
    let mut numbers = version.split(|c: char| !c.is_ascii_digit()).map_while(|n| n.parse::<u32>().ok());
    (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0)) >= (10, 11)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn column(name: &str, of: &str, from: &str) -> [String; 3] {
        [name.to_owned(), of.to_owned(), from.to_owned()]
    }

    #[test]
    fn a_float_is_asked_for_as_a_double_and_with_its_history() {
        let mut table = Table { versioned: false, columns: vec![column("id", "int", ""), column("f`", "float", "")] };
        assert_eq!(table.rows("t`x", false).unwrap(), "1 = 0 UNION ALL SELECT `id`, `f``` * 1e0 FROM `t``x`");
        table.versioned = true;
        assert_eq!(
            table.rows("t", true).unwrap(),
            "1 = 0 UNION ALL SELECT `id`, `f``` * 1e0, row_start, row_end FROM `t` FOR SYSTEM_TIME ALL"
        );
        table.columns.push(column("since", "bigint", "ROW START"));
        assert!(table.is_precise() && !table.rows("t", true).unwrap().contains("row_start"));
        assert!(Table { versioned: true, columns: vec![column("id", "int", "")] }.rows("t", true).is_none());
    }
}
