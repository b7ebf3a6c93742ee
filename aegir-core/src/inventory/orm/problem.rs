//! Database errors in words: which file, what is wrong, which command mends it.

use camino::Utf8Path;
use sea_orm::{DbErr, RuntimeErr};

use crate::{Error, ErrorKind};

// Primary result codes of SQLite, <https://sqlite.org/rescode.html>.
const PERM: u32 = 3;
const BUSY: u32 = 5;
const LOCKED: u32 = 6;
const READONLY: u32 = 8;
const IOERR: u32 = 10;
const CORRUPT: u32 = 11;
const FULL: u32 = 13;
const CANTOPEN: u32 = 14;
const NOTADB: u32 = 26;
/// `SQLITE_IOERR_SHMSIZE`: the index of the log could not grow.
const IOERR_SHMSIZE: u32 = 4874;

/// SQLite's extended result code and its message.
fn code(error: &DbErr) -> Option<(u32, String)> {
    let (DbErr::Conn(RuntimeErr::SqlxError(cause))
    | DbErr::Exec(RuntimeErr::SqlxError(cause))
    | DbErr::Query(RuntimeErr::SqlxError(cause))) = error
    else {
        return None;
    };
    let cause = cause.as_database_error()?;
    Some((cause.code()?.parse().ok()?, cause.message().to_owned()))
}

/// Whether another connection is in the way, and waiting helps.
pub(super) fn is_busy(error: &DbErr) -> bool {
    code(error).is_some_and(|(code, _)| matches!(code & 0xff, BUSY | LOCKED))
}

/// The error for what SQLite says about this file.
pub(super) fn from_database(path: &Utf8Path, error: &DbErr) -> Error {
    if matches!(error, DbErr::ConnectionAcquire(_)) {
        return Error::new(ErrorKind::Timeout, format!("the inventory {path} is busy for too long")).context("file", path);
    }
    let Some((code, message)) = code(error) else {
        return Error::internal(format!("the inventory {path} does not answer as it should"))
            .context("file", path)
            .because(error.to_string());
    };
    let directory = path.parent().filter(|p| !p.as_str().is_empty()).unwrap_or(Utf8Path::new("."));
    let (kind, what, hint) = match code & 0xff {
        _ if code == IOERR_SHMSIZE => (ErrorKind::Failed, "has no room on its disk", format!("free some space: `df -h {directory}`")),
        FULL => (ErrorKind::Failed, "has no room on its disk", format!("free some space: `df -h {directory}`")),
        BUSY | LOCKED => (ErrorKind::Locked, "is kept locked by another program", format!("`fuser -v {path}` shows by which")),
        PERM | READONLY | CANTOPEN => (
            ErrorKind::Denied,
            "cannot be opened for writing",
            format!("run aegir as the user who owns it and its directory: `ls -ld {directory} {path}*`"),
        ),
        CORRUPT | NOTADB => (
            ErrorKind::Failed,
            "is damaged or no inventory",
            format!("restore it from your backup; `sqlite3 {path} .recover` saves what still reads"),
        ),
        IOERR => (ErrorKind::Failed, "cannot be read or written by its disk", "`dmesg` may say why".to_owned()),
        _ => (ErrorKind::Internal, "does not answer as it should", "this is a defect of aegir; please report it".to_owned()),
    };
    Error::new(kind, format!("the inventory {path} {what}"))
        .context("file", path)
        .hint(hint)
        .because(format!("SQLite error {code}: {message}"))
}

/// The error for a file with nothing in it: what a full disk or half a restore leaves, never what Aegir makes.
pub(super) fn empty(path: &Utf8Path) -> Error {
    Error::failed(format!("the inventory {path} is damaged: there is nothing in it"))
        .context("file", path)
        .hint(format!("restore it from your backup; what is called {path}-wal is part of it"))
}

/// The error for a file that cannot be made or found.
pub(super) fn from_io(path: &Utf8Path, error: std::io::Error) -> Error {
    use std::io::ErrorKind as Io;
    let (kind, what, hint) = match error.kind() {
        Io::NotFound => {
            (ErrorKind::NotFound, "does not exist", "restore it from your backup; on a new machine, `sudo aegir init` makes one".to_owned())
        }
        Io::PermissionDenied | Io::ReadOnlyFilesystem => {
            (ErrorKind::Denied, "cannot be opened", format!("run aegir as the user who owns it: `ls -l {path}`"))
        }
        Io::StorageFull | Io::QuotaExceeded => {
            (ErrorKind::Failed, "has no room on its disk", format!("free some space: `df -h {}`", path.parent().unwrap_or(path)))
        }
        _ => (ErrorKind::Failed, "cannot be opened", format!("look at `ls -l {path}`")),
    };
    Error::new(kind, format!("the inventory {path} {what}")).context("file", path).hint(hint).because(error)
}

#[cfg(test)]
mod tests {
    use camino::Utf8PathBuf;
    use sea_orm::ConnectionTrait as _;

    use super::*;
    use crate::inventory::orm::OrmInventory;

    #[tokio::test]
    async fn full_read_only_and_locked_are_told_apart() {
        let directory = tempfile::tempdir().unwrap();
        let path = Utf8PathBuf::from_path_buf(directory.path().join("aegir.db")).unwrap();
        let inventory = OrmInventory::open(&path).await.unwrap();
        let other = OrmInventory::open(&path).await.unwrap();
        let write = "INSERT INTO server VALUES ('a', 1, zeroblob(1000000))";
        let mut holder = Some(other.begin().await.unwrap());
        for (pragma, kind, hint) in [
            ("PRAGMA busy_timeout = 0", ErrorKind::Locked, "fuser"),
            ("PRAGMA max_page_count = 1", ErrorKind::Failed, "df -h"),
            ("PRAGMA query_only = ON", ErrorKind::Denied, "run aegir as"),
        ] {
            inventory.db.execute_unprepared(pragma).await.unwrap();
            let error = inventory.db.execute_unprepared(write).await.unwrap_err();
            assert_eq!(is_busy(&error), kind == ErrorKind::Locked);
            let error = from_database(&path, &error);
            assert_eq!(error.kind(), kind, "{error:?}");
            assert!(error.message().contains(path.as_str()) && error.hints()[0].contains(hint), "{error:?}");
            if let Some(holder) = holder.take() {
                holder.rollback().await.unwrap();
            }
        }
    }
}
