//! What of a database cannot be dumped: views of what is gone, tables that cannot be read, routines that others defined.

use aegir_core::Result;
use aegir_core::name::{DatabaseName, DatabaseUser, ServerName};

use super::fault::explain;
use super::session::Session;
use super::{Access, quote};

/// A part of a database that no dump can hold.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct LeftOut {
    /// `VIEW`, `TABLE`, `PROCEDURE`, `FUNCTION`, as in `SHOW CREATE`; `HISTORY` of a table, or the whole `DATABASE`.
    pub kind: String,
    /// Its name.
    pub name: String,
    /// Why, in the server's words.
    pub why: String,
}

impl LeftOut {
    /// The former rows of a table that is dumped without them.
    pub(super) const HISTORY: &str = "HISTORY";
    /// What generates columns of a table that is dumped as if it were data.
    pub(super) const GENERATED: &str = "GENERATED COLUMNS OF";
    /// All of it: it does not exist any more.
    pub(super) const DATABASE: &str = "DATABASE";

    /// A database that does not exist any more.
    pub(super) fn all(database: &DatabaseName, server: &ServerName) -> Self {
        Self { kind: Self::DATABASE.to_owned(), name: database.to_string(), why: format!("there is none on {server}") }
    }

    /// Whether a dump leaves it out by its name.
    pub(super) fn is_table(&self) -> bool {
        matches!(self.kind.as_str(), "VIEW" | "TABLE")
    }

    pub(super) fn is_routine(&self) -> bool {
        matches!(self.kind.as_str(), "PROCEDURE" | "FUNCTION" | "PACKAGE" | "PACKAGE BODY")
    }

    pub(super) fn is_history(&self) -> bool {
        self.kind == Self::HISTORY
    }

    pub(super) fn is_database(&self) -> bool {
        self.kind == Self::DATABASE
    }

    /// In words: `view sales: Table 'd.x' doesn't exist`.
    pub(super) fn in_words(&self) -> String {
        format!("{} {}: {}", self.kind.to_lowercase(), self.name, self.why)
    }
}

/// Looks what cannot be dumped by `dumper`; nobody is a user that reads everything. `thoroughly` reads every table.
pub(super) async fn look(
    session: &mut Session,
    access: &Access,
    database: &DatabaseName,
    dumper: Option<&DatabaseUser>,
    thoroughly: bool,
) -> Result<Vec<LeftOut>> {
    let schema = quote::literal(database.as_str())?;
    let sql = format!(
        "SELECT TABLE_NAME, TABLE_TYPE, COALESCE(ENGINE, '') FROM information_schema.TABLES WHERE TABLE_SCHEMA = {schema} ORDER BY TABLE_NAME"
    );
    let tables = session.table(&sql, 3).await.map_err(|f| explain(access, &f))?;
    let suspects = tables.iter().filter(|row| thoroughly || row[1] == "VIEW" || row[2].is_empty());
    let mut found = Vec::new();
    for row in suspects {
        let kind = if row[1].contains("VIEW") { "VIEW" } else { "TABLE" };
        let name = format!("{}.{}", quote::name(database), quote::word(&row[0]));
        // Table, operation, kind of message, message. An error is the last word about it, a warning is not.
        let said = session.table(&format!("CHECK TABLE {name}"), 4).await.map_err(|f| explain(access, &f))?;
        if let Some(error) = said.iter().find(|row| row[2].eq_ignore_ascii_case("error")) {
            found.push(LeftOut { kind: kind.to_owned(), name: row[0].clone(), why: error[3].clone() });
        }
    }
    if let Some(user) = dumper {
        let sql = format!(
            "SELECT ROUTINE_TYPE, ROUTINE_NAME, DEFINER FROM information_schema.ROUTINES WHERE ROUTINE_SCHEMA = {schema} ORDER BY ROUTINE_NAME"
        );
        let routines = session.table(&sql, 3).await.map_err(|f| explain(access, &f))?;
        let of = |definer: &str| definer.rsplit_once('@').map_or(definer, |(user, _)| user).to_owned();
        if routines.iter().any(|row| of(&row[2]) != user.as_str()) {
            found.extend(routines.into_iter().map(|row| LeftOut {
                why: match of(&row[2]) == user.as_str() {
                    true => "a dump holds all routines or none".to_owned(),
                    false => format!("defined by {}, so {user} cannot read it", row[2]),
                },
                kind: row[0].clone(),
                name: row[1].clone(),
            }));
        }
    }
    Ok(found)
}

/// A text that says what a dump leaves out, with the statements that make it as far as the server still knows them.
pub(super) async fn describe(session: &mut Session, access: &Access, database: &DatabaseName, parts: &[LeftOut]) -> Result<String> {
    let mut text = format!("-- What the dump of {database} does not hold.\n");
    for part in parts {
        text.push_str(&format!("\n-- {}\n", one_line(&part.in_words())));
        if part.is_history() || part.is_database() {
            continue;
        }
        let name = format!("{}.{}", quote::name(database), quote::word(&part.name));
        // Of a routine the mode comes before the statement.
        let columns = if part.is_table() { 2 } else { 3 };
        match session.table(&format!("SHOW CREATE {} {name}", part.kind), columns).await {
            Ok(rows) => rows.iter().filter_map(|row| row.last()).for_each(|statement| text.push_str(&format!("{statement};\n"))),
            Err(fault) => text.push_str(&format!("-- {}\n", one_line(&explain(access, &fault).chain().join(": ")))),
        }
    }
    if parts.is_empty() {
        text.push_str("\n-- Nothing is missing.\n");
    }
    Ok(text)
}

fn one_line(text: &str) -> String {
    text.replace(['\n', '\r'], " ")
}
