//! What is in a database: as the server says, and as a dump of it says.

use std::collections::BTreeMap;

use aegir_core::name::DatabaseName;
use aegir_core::server::{Command, Server};
use aegir_core::{Error, Result};
use camino::Utf8Path;

use super::client::LIMIT;
use super::fault::explain;
use super::session::Session;
use super::{Access, quote};

/// Prints, for each table of a dump, how many rows are in it: the number, a tab, the name.
const COUNT: &str = include_str!("count.pl");

/// Whose rows are another table's, another server's, or nowhere; clients dump none.
const ELSEWHERE: &[&str] = &["MRG_MYISAM", "FEDERATED", "BLACKHOLE"];

/// A database as it is compared: each thing with its kind, and the tables with rows.
#[derive(Debug, Default)]
pub(super) struct Content {
    /// `table x`, `trigger y`, …
    pub(super) things: Vec<String>,
    /// How many rows a table has, former ones included.
    pub(super) rows: BTreeMap<String, u64>,
    /// A sum over all rows of a table, former ones included, in whatever order; empty where the server has none.
    pub(super) sums: BTreeMap<String, String>,
}

impl Content {
    /// What is here and not, or different, there; in words.
    pub(super) fn missing_in(&self, found: &Self) -> Option<String> {
        if let Some(thing) = self.things.iter().find(|thing| !found.things.contains(thing)) {
            return Some(format!("it has {thing}, the dump has not"));
        }
        self.rows_missing_in(&found.rows).or_else(|| {
            let (table, _) = self.sums.iter().find(|(table, sum)| found.sums.get(*table) != Some(sum))?;
            Some(format!("rows of its table {table} are not what they were once they are loaded"))
        })
    }

    /// Which table has another number of rows there, in words.
    pub(super) fn rows_missing_in(&self, found: &BTreeMap<String, u64>) -> Option<String> {
        let (table, rows, found) = self.rows.iter().find_map(|(table, rows)| {
            let found = found.get(table).copied().unwrap_or(0);
            (found != *rows).then_some((table, rows, found))
        })?;
        Some(format!("its table {table} has {rows} rows, the dump has {found}"))
    }
}

/// Looks at a database; `thoroughly` reads every row of it.
pub(super) async fn look(session: &mut Session, access: &Access, database: &DatabaseName, thoroughly: bool) -> Result<Content> {
    let schema = quote::literal(database.as_str())?;
    let explained = |f| explain(access, &f).context("database", database);
    let things = [
        ("LOWER(TABLE_TYPE)", "TABLE_NAME", "TABLES", "TABLE_SCHEMA"),
        ("'trigger'", "TRIGGER_NAME", "TRIGGERS", "TRIGGER_SCHEMA"),
        ("LOWER(ROUTINE_TYPE)", "ROUTINE_NAME", "ROUTINES", "ROUTINE_SCHEMA"),
        ("'event'", "EVENT_NAME", "EVENTS", "EVENT_SCHEMA"),
    ];
    let list = things.map(|(kind, name, list, column)| {
        format!("SELECT CONCAT({kind}, ' ', {name}) AS thing FROM information_schema.{list} WHERE {column} = {schema}")
    });
    let mut content = Content { things: session.column(&list.join(" UNION ALL ")).await.map_err(explained)?, ..Content::default() };
    let sql = format!(
        "SELECT TABLE_NAME, TABLE_TYPE, UPPER(COALESCE(ENGINE, '')) FROM information_schema.TABLES WHERE TABLE_SCHEMA = {schema} AND TABLE_TYPE IN ('BASE TABLE', 'SYSTEM VERSIONED', 'SEQUENCE')"
    );
    let tables: Vec<[String; 3]> = session.rows_of(&sql).await.map_err(explained)?;
    let full = |table: &str| format!("{}.{}", quote::name(database), quote::word(table));
    for [table, kind, engine] in &tables {
        if kind != "SEQUENCE" && !ELSEWHERE.contains(&engine.as_str()) {
            let all = if kind == "SYSTEM VERSIONED" { " FOR SYSTEM_TIME ALL" } else { "" };
            let sql = format!("SELECT CAST(COUNT(*) AS CHAR) FROM {}{all}", full(table));
            let count = session.value(&sql).await.map_err(explained)?.and_then(|n| n.parse().ok());
            content.rows.insert(table.clone(), count.ok_or_else(|| explain_uncounted(access, table))?);
        }
        if thoroughly {
            let sums: Vec<[String; 2]> = session.rows_of(&format!("CHECKSUM TABLE {} EXTENDED", full(table))).await.map_err(explained)?;
            content.sums.extend(sums.into_iter().map(|[_, sum]| (table.clone(), sum)));
        }
    }
    Ok(content)
}

fn explain_uncounted(access: &Access, table: &str) -> Error {
    Error::failed(format!("the database server on {} does not say how many rows {table} has", access.server))
        .context("server", &access.server)
}

/// How many rows of each table are in a dump.
pub(super) async fn rows_in(server: &dyn Server, dump: &Utf8Path) -> Result<BTreeMap<String, u64>> {
    let command = Command::new("perl").args(["-e", COUNT, "--"]).arg(dump).timeout(LIMIT).idempotent();
    let counted = server.run(&command).await?.require_ok(&command, &format!("counting the rows in {dump} on {}", server.name()))?;
    let lines = counted.text();
    Ok(lines.lines().filter_map(|line| line.split_once('\t')).filter_map(|(n, table)| Some((table.to_owned(), n.parse().ok()?))).collect())
}
