//! Who holds locks on the tables of a database: told before anything is dropped, by name, with what ends it.
//!
//! A prepared XA transaction outlives its connection, and holds its locks until somebody decides on it. That may not be
//! Aegir: what it changed is either wanted or not.

use std::fmt::Write as _;

use aegir_core::name::DatabaseName;
use aegir_core::{Error, Result};

use super::fault::{Fault, explain};
use super::session::Session;
use super::{Access, quote};

/// Named ones at most.
const NAMED: usize = 5;

/// Refuses while somebody holds a lock on a table of it: takes each for a moment. Without autocommit InnoDB takes its own.
pub(super) async fn require_free(session: &mut Session, access: &Access, database: &DatabaseName) -> Result<()> {
    let explained = |f: Fault| explain(access, &f).context("database", database);
    let sql = format!(
        "SELECT TABLE_NAME FROM information_schema.TABLES WHERE TABLE_SCHEMA = {} AND TABLE_TYPE IN ('BASE TABLE', 'SYSTEM VERSIONED', 'SEQUENCE')",
        quote::literal(database.as_str())?
    );
    let tables = session.column(&sql).await.map_err(explained)?;
    let named = |table: &String| format!("{}.{} WRITE", quote::name(database), quote::word(table));
    let all: Vec<String> = tables.iter().map(named).collect();
    if all.is_empty() {
        return Ok(());
    }
    session.run("SET SESSION autocommit = 0, lock_wait_timeout = 5, innodb_lock_wait_timeout = 5").await.map_err(explained)?;
    let mut taken = session.run(&format!("LOCK TABLES {}", all.join(", "))).await;
    if taken.as_ref().is_err_and(|fault| !fault.is_locked()) {
        // One that is broken cannot be locked, and is no reason to leave out the others.
        for table in &all {
            taken = session.run(&format!("LOCK TABLES {table}")).await;
            if taken.as_ref().is_err_and(Fault::is_locked) {
                break;
            }
        }
    }
    let given_back = match session.run("UNLOCK TABLES").await {
        Ok(()) => session.run("SET SESSION autocommit = 1, lock_wait_timeout = 10, innodb_lock_wait_timeout = 10").await,
        Err(fault) => Err(fault),
    };
    match taken {
        Err(fault) if fault.is_locked() => Err(held(session, access, database, &fault).await),
        _ => given_back.map_err(explained),
    }
}

/// The error for a lock that somebody holds: who that may be, and what ends it.
pub(super) async fn held(session: &mut Session, access: &Access, database: &DatabaseName, fault: &Fault) -> Error {
    let server = &access.server;
    let mut error = Error::failed(format!("somebody holds a lock on tables of the database {database} on {server}"))
        .context("server", server)
        .context("database", database);
    let mut why = explain(access, fault).chain().last().cloned().unwrap_or_default();
    for prepared in prepared(session).await.iter().take(NAMED) {
        let _ = write!(why, "\nthe prepared XA transaction {prepared} of somebody on this server");
        error = error.hint(format!(
            "on {server}: `mysql -e \"XA ROLLBACK {prepared}\"` gives up what it changed, `mysql -e \"XA COMMIT {prepared}\"` keeps it; then try again"
        ));
    }
    let own = session.value("SELECT CAST(CONNECTION_ID() AS CHAR)").await.ok().flatten().unwrap_or_default();
    let all: Vec<[String; 6]> = session.rows_of("SHOW PROCESSLIST").await.unwrap_or_default();
    for [id, user, host, _, does, seconds] in all.iter().filter(|row| row[3] == database.as_str() && row[0] != own).take(NAMED) {
        let _ = write!(why, "\nconnection {id} of {user} from {host}: {does}, {seconds} s");
        error = error.hint(format!("on {server}: `mysql -e 'KILL {id}'` ends that connection; then try again"));
    }
    if error.hints().is_empty() {
        error = error.hint(format!("on {server}: `mysql -e 'SHOW PROCESSLIST'` shows who is connected; then try again"));
    }
    error.because(why)
}

/// Prepared transactions, as `XA ROLLBACK` takes them. Their names are somebody's data: they are written out as digits.
async fn prepared(session: &mut Session) -> Vec<String> {
    let rows = session.prepared().await.unwrap_or_default();
    let hex = |bytes: &[u8]| bytes.iter().fold("0x".to_owned(), |text, byte| format!("{text}{byte:02x}"));
    let parts = |(format, length, data): &(i64, usize, Vec<u8>)| {
        let (global, branch) = data.split_at_checked(*length)?;
        let branch = if branch.is_empty() { "''".to_owned() } else { hex(branch) };
        Some(format!("{},{branch},{format}", hex(global)))
    };
    rows.iter().filter_map(parts).collect()
}
