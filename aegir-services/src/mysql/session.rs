//! One connection: bounded in time and size, its variables known, errors without secrets.
//!
//! What an operator set for all sessions changes nothing of what these ones see, and a hostile server cannot fill the memory.

use std::time::Duration;

use futures::TryStreamExt as _;
use secrecy::{ExposeSecret as _, SecretString};
use sqlx::mysql::{MySqlConnectOptions, MySqlConnection, MySqlRow};
use sqlx::{AssertSqlSafe, ConnectOptions as _, Row as _};

use super::fault::Fault;

/// How long a statement may take; dropping a large database is the longest.
const STATEMENT: Duration = Duration::from_secs(600);

/// How much of an answer is read: the names of a hundred thousand tables.
const ANSWER: usize = 32 << 20;

/// What a row takes beside what is in it.
const ROW: usize = 256;

/// What every session starts from, on either kind of server. A text literal has one escape, the doubled quote; answers are
/// whole; nobody is waited for who holds a lock for long; what is done is done at once; a step may take long between two
/// statements.
const KNOWN: [&str; 2] = [
    "SET SESSION sql_mode = 'NO_BACKSLASH_ESCAPES', sql_select_limit = 18446744073709551615, sql_big_selects = 1, \
     sql_quote_show_create = 1, sql_safe_updates = 0, foreign_key_checks = 1, autocommit = 1, completion_type = 0, \
     time_zone = '+00:00', lock_wait_timeout = 10, innodb_lock_wait_timeout = 10, wait_timeout = 86400, \
     net_read_timeout = 600, net_write_timeout = 600 /*M!100100 , max_statement_time = 0 */ /*!50708 , max_execution_time = 0 */",
    "SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ WRITE",
];

/// One connection to a database server.
#[derive(Debug)]
pub(super) struct Session {
    connection: MySqlConnection,
    secrets: Vec<SecretString>,
    /// An answer of it was not read to its end, so nothing is asked any more.
    endless: bool,
}

impl Session {
    pub(super) async fn open(options: MySqlConnectOptions, password: Option<SecretString>, limit: Duration) -> Result<Self, Fault> {
        let connection = tokio::time::timeout(limit, options.connect()).await.map_err(|_| Fault::Timeout(limit))?.map_err(Fault::from)?;
        let mut session = Self { connection, secrets: password.into_iter().collect(), endless: false };
        for statement in KNOWN {
            session.run(statement).await?;
        }
        Ok(session)
    }

    /// Its errors will not show this.
    pub(super) fn hide(&mut self, secret: SecretString) {
        self.secrets.push(secret);
    }

    fn clean(&self, fault: Fault) -> Fault {
        self.secrets.iter().filter(|s| !s.expose_secret().is_empty()).fold(fault, |fault, secret| fault.without(secret.expose_secret()))
    }

    async fn rows(&mut self, sql: &str) -> Result<Vec<MySqlRow>, Fault> {
        if self.endless {
            return Err(Fault::Endless(ANSWER));
        }
        let statement = Self::read(&mut self.connection, sql);
        let result = tokio::time::timeout(STATEMENT, statement).await.unwrap_or(Err(Fault::Timeout(STATEMENT)));
        self.endless = matches!(result, Err(Fault::Endless(_)));
        result.map_err(|fault| self.clean(fault))
    }

    async fn read(connection: &mut MySqlConnection, sql: &str) -> Result<Vec<MySqlRow>, Fault> {
        let mut answer = sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).fetch(connection);
        let (mut rows, mut size) = (Vec::new(), 0);
        while let Some(row) = answer.try_next().await.map_err(Fault::from)? {
            size += ROW;
            for column in 0..row.len() {
                size += row.try_get_unchecked::<Option<&[u8]>, _>(column).ok().flatten().map_or(0, <[u8]>::len);
            }
            if size > ANSWER {
                return Err(Fault::Endless(ANSWER));
            }
            rows.push(row);
        }
        Ok(rows)
    }

    /// Runs a statement.
    pub(super) async fn run(&mut self, sql: &str) -> Result<(), Fault> {
        self.rows(sql).await.map(drop)
    }

    /// The first column of all rows, as text. Its declared type differs between servers and is not looked at.
    pub(super) async fn column(&mut self, sql: &str) -> Result<Vec<String>, Fault> {
        let rows = self.rows(sql).await?;
        rows.iter().map(|row| row.try_get_unchecked::<String, _>(0).map_err(Fault::from)).collect()
    }

    /// The first `columns` columns of all rows, as text; what is not set is empty.
    pub(super) async fn table(&mut self, sql: &str, columns: usize) -> Result<Vec<Vec<String>>, Fault> {
        let rows = self.rows(sql).await?;
        let cell = |row: &MySqlRow, column| row.try_get_unchecked::<Option<String>, _>(column).map(Option::unwrap_or_default);
        rows.iter().map(|row| (0..columns).map(|column| cell(row, column).map_err(Fault::from)).collect()).collect()
    }

    /// The same, of as many columns as there are names for.
    pub(super) async fn rows_of<const COLUMNS: usize>(&mut self, sql: &str) -> Result<Vec<[String; COLUMNS]>, Fault> {
        let rows = self.table(sql, COLUMNS).await?;
        Ok(rows.into_iter().filter_map(|row| row.try_into().ok()).collect())
    }

    /// Prepared XA transactions: format, how much of the name is the global part, the name, which need be no text.
    pub(super) async fn prepared(&mut self) -> Result<Vec<(i64, usize, Vec<u8>)>, Fault> {
        let rows = self.rows("XA RECOVER").await?;
        let number = |row: &MySqlRow, column| row.try_get_unchecked::<String, _>(column).ok()?.parse::<i64>().ok();
        let name = |row: &MySqlRow| row.try_get_unchecked::<Vec<u8>, _>(3).ok();
        Ok(rows.iter().filter_map(|row| Some((number(row, 0)?, number(row, 1)?.try_into().ok()?, name(row)?))).collect())
    }

    /// The first column of the first row.
    pub(super) async fn value(&mut self, sql: &str) -> Result<Option<String>, Fault> {
        Ok(self.column(sql).await?.into_iter().next())
    }

    /// The answer, or nothing where the server says that the thing does not exist.
    pub(super) async fn column_if_any(&mut self, sql: &str) -> Result<Vec<String>, Fault> {
        match self.column(sql).await {
            Err(fault) if fault.is_unknown() => Ok(Vec::new()),
            other => other,
        }
    }
}
