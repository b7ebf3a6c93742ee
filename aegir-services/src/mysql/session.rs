//! One connection: bounded in time, quoting known, errors without secrets.

use std::time::Duration;

use secrecy::{ExposeSecret as _, SecretString};
use sqlx::mysql::{MySqlConnectOptions, MySqlConnection, MySqlRow};
use sqlx::{AssertSqlSafe, ConnectOptions as _, Row as _};

use super::fault::Fault;

/// How long a statement may take; dropping a large database is the longest.
const STATEMENT: Duration = Duration::from_secs(600);

/// One connection to a database server.
#[derive(Debug)]
pub(super) struct Session {
    connection: MySqlConnection,
    secrets: Vec<SecretString>,
}

impl Session {
    pub(super) async fn open(options: MySqlConnectOptions, password: Option<SecretString>, limit: Duration) -> Result<Self, Fault> {
        let connection = tokio::time::timeout(limit, options.connect()).await.map_err(|_| Fault::Timeout(limit))?.map_err(Fault::from)?;
        let mut session = Self { connection, secrets: password.into_iter().collect() };
        // From here on a text literal has one escape, the doubled quote, whatever the server's own mode is.
        session.run("SET SESSION sql_mode = 'NO_BACKSLASH_ESCAPES'").await?;
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
        let statement = sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).fetch_all(&mut self.connection);
        let result = match tokio::time::timeout(STATEMENT, statement).await {
            Ok(result) => result.map_err(Fault::from),
            Err(_) => Err(Fault::Timeout(STATEMENT)),
        };
        result.map_err(|fault| self.clean(fault))
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
