//! How much room a database takes, and how much there is: a full disk ends a database server, and all sites with it.

use aegir_core::Result;
use aegir_core::name::DatabaseName;
use aegir_core::server::{Command, Output};
use camino::Utf8Path;

use super::fault::explain;
use super::session::Session;
use super::{Access, quote};

/// What is left for everybody else.
const SPARE: u64 = 64 << 20;

/// What a table takes that is empty, with its log.
const TABLE: u64 = 256 << 10;

/// How large a database is, as far as its server knows: bytes of rows, bytes of indexes, tables.
#[derive(Clone, Copy, Debug)]
pub(super) struct Size {
    rows: u64,
    indexes: u64,
    tables: u64,
}

impl Size {
    pub(super) async fn look(session: &mut Session, access: &Access, database: &DatabaseName) -> Result<Self> {
        let sql = format!(
            "SELECT CAST(COALESCE(SUM(DATA_LENGTH), 0) AS CHAR), CAST(COALESCE(SUM(INDEX_LENGTH), 0) AS CHAR), CAST(COUNT(*) AS CHAR) \
             FROM information_schema.TABLES WHERE TABLE_SCHEMA = {} AND TABLE_TYPE <> 'VIEW'",
            quote::literal(database.as_str())?
        );
        let found: Vec<[String; 3]> = session.rows_of(&sql).await.map_err(|f| explain(access, &f).context("database", database))?;
        let [rows, indexes, tables] = found.first().map(|row| row.each_ref().map(|n| n.parse().unwrap_or(0))).unwrap_or_default();
        Ok(Self { rows, indexes, tables })
    }

    /// The least room that its dump takes, as far as one can tell.
    pub(super) fn dumped(self) -> u64 {
        self.rows.saturating_sub(self.tables * TABLE)
    }

    /// Room for a second one beside it, and for what the server writes on the way.
    pub(super) fn loaded(self) -> u64 {
        2 * (self.rows + self.indexes) + self.tables * TABLE + SPARE
    }
}

/// Asks how much is free on the file system of a path.
pub(super) fn question(path: &Utf8Path) -> Command {
    Command::new("stat").args(["--file-system", "--format=%a %S", "--"]).arg(path).idempotent()
}

/// The bytes of such an answer; nothing where the path cannot be looked at.
pub(super) fn free(answer: &Output) -> Option<u64> {
    let said = answer.text();
    let (blocks, size) = said.trim().split_once(' ')?;
    blocks.parse::<u64>().ok()?.checked_mul(size.parse().ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_is_free() {
        let answer = |text: &str| Output { status: 0, stdout: text.as_bytes().to_vec(), stderr: Vec::new() };
        assert_eq!(free(&answer("10 4096\n")), Some(40960));
        assert_eq!(free(&answer("")), None);
        let size = Size { rows: 16 << 20, indexes: 1 << 20, tables: 10 };
        assert!(size.dumped() > 13 << 20 && size.loaded() > 2 * (17 << 20));
    }
}
