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

#[cfg(test)]
mod tests {
    use sqlx::mysql::MySqlSslMode;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::{TcpListener, TcpStream};

    use super::*;

    async fn send(to: &mut TcpStream, number: u8, body: &[u8]) -> std::io::Result<()> {
        let length = u32::try_from(body.len()).unwrap().to_le_bytes();
        to.write_all(&[&length[..3], &[number], body].concat()).await
    }

    async fn receive(from: &mut TcpStream) -> std::io::Result<(u8, Vec<u8>)> {
        let head = from.read_u32_le().await?;
        let mut body = vec![0; usize::try_from(head & 0x00ff_ffff).unwrap()];
        from.read_exact(&mut body).await?;
        Ok((head.to_le_bytes()[3], body))
    }

    /// Greets, lets everybody in, takes each `SET`, and answers anything else with rows without end.
    async fn endless(mut client: TcpStream) -> std::io::Result<()> {
        const FINE: &[u8] = b"\0\0\0\x02\0\0\0";
        let greeting = [
            b"\x0a5.5.5-10.11.19-MariaDB\0\x07\0\0\0abcdefgh\0\x09\xa2\x2d\x02\0\x0a\0\x15".as_slice(),
            &[0; 10],
            b"ijklmnopqrst\0mysql_native_password\0",
        ];
        send(&mut client, 0, &greeting.concat()).await?;
        let (number, _) = receive(&mut client).await?;
        send(&mut client, number + 1, FINE).await?;
        loop {
            let (mut number, query) = receive(&mut client).await?;
            if query[0] != 3 || query[1..].starts_with(b"SET") {
                send(&mut client, number + 1, FINE).await?;
                continue;
            }
            let column = b"\x03def\0\0\0\x01a\x01a\x0c\x2d\0\xff\0\0\0\xfd\0\0\0\0\0";
            for body in [b"\x01".as_slice(), column, b"\xfe\0\0\x02\0"] {
                number += 1;
                send(&mut client, number, body).await?;
            }
            let row = [b"\xfc\x60\xea".as_slice(), &[b'x'; 60000]].concat();
            loop {
                number = number.wrapping_add(1);
                send(&mut client, number, &row).await?;
            }
        }
    }

    /// F17: the memory of who asks is not the server's to fill.
    #[tokio::test]
    async fn f17_an_answer_without_end_is_not_read_to_it() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        tokio::spawn(async move {
            let (client, _) = listener.accept().await.unwrap();
            endless(client).await
        });
        let options = MySqlConnectOptions::new()
            .host("127.0.0.1")
            .port(port)
            .username("u")
            .ssl_mode(MySqlSslMode::Disabled)
            .pipes_as_concat(false)
            .no_engine_substitution(false)
            .timezone(None);
        let mut session = Session::open(options, None, Duration::from_secs(10)).await.unwrap();
        assert_eq!(session.column("SELECT VERSION()").await, Err(Fault::Endless(ANSWER)));
        // And who goes on asking does not read the rest of it.
        let again = tokio::time::timeout(Duration::from_secs(5), session.run("SELECT 1")).await.unwrap();
        assert_eq!(again, Err(Fault::Endless(ANSWER)));
    }
}
