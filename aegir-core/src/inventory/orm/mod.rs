//! The inventory in one SQLite file, safe under several processes.
//!
//! The file is in WAL mode and synced at every commit. Writes begin with the write lock (`BEGIN IMMEDIATE`), so
//! that no transaction can find itself unable to go from reading to writing; waiting is all that can happen.

mod claim;
mod column;
mod journal;
mod ledger;
mod lock;
mod migration;
mod note;
mod platform;
mod problem;
#[expect(unreachable_pub, reason = "the derived entity traits name their rows in public")]
mod row;
mod server;
mod site;

use std::fs::OpenOptions;
use std::future::Future;
use std::io::ErrorKind as IoErrorKind;
use std::os::unix::fs::OpenOptionsExt as _;
use std::sync::Arc;
use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};
use sea_orm::sqlx::ConnectOptions as _;
use sea_orm::sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sea_orm::{
    DatabaseConnection, DatabaseTransaction, DbErr, SqliteTransactionMode, SqlxSqliteConnector, TransactionOptions, TransactionTrait as _,
};
use tokio::sync::OnceCell;
use tokio::time::Instant;

use crate::{Error, ErrorKind, Result};

/// How long one statement waits for another process; SQLite polls.
const BUSY: Duration = Duration::from_secs(5);
/// How long a whole operation does, before it is an error.
const PATIENCE: Duration = Duration::from_secs(60);

/// An inventory in a SQLite file.
#[derive(Clone, Debug)]
pub struct OrmInventory {
    /// One connection: the writers of this process queue here in turn instead of polling for SQLite's lock.
    db: DatabaseConnection,
    /// What says that workers live, on a connection of its own: opened when the first one does.
    pulse: Arc<OnceCell<DatabaseConnection>>,
    path: Utf8PathBuf,
    /// What tests add to the clock, in milliseconds.
    #[cfg(feature = "testing")]
    clock_step: Arc<std::sync::atomic::AtomicI64>,
}

impl OrmInventory {
    /// Opens the inventory, and makes it when the file does not exist; readable by this user alone.
    pub async fn open(path: &Utf8Path) -> Result<Self> {
        match path.symlink_metadata() {
            Err(error) if error.kind() == IoErrorKind::NotFound => Self::make(path).await?,
            _ => {}
        }
        Self::open_existing(path).await
    }

    /// Makes it beside its place, and gives it its name when it is whole: whoever is killed here leaves no file that could
    /// be taken for an inventory, and an empty one is always damaged.
    async fn make(path: &Utf8Path) -> Result<()> {
        let draft = path.with_file_name(format!(".{}.{}.aegir-new", path.file_name().unwrap_or_default(), uuid::Uuid::now_v7().simple()));
        OpenOptions::new().write(true).create_new(true).mode(0o600).open(&draft).map_err(|e| problem::from_io(path, e))?;
        let made = async {
            let inventory = Self::on(&draft).await?;
            migration::bring_up_to_date(&inventory).await?;
            // Everything is in the one file then.
            inventory.close().await?;
            // Another process may have been quicker: a link replaces nothing.
            match std::fs::hard_link(&draft, path) {
                Err(error) if error.kind() != IoErrorKind::AlreadyExists => Err(problem::from_io(path, error)),
                _ => Ok(()),
            }
        };
        let made = made.await;
        let _ = std::fs::remove_file(&draft);
        made
    }

    /// Opens the inventory; [`ErrorKind::NotFound`] when there is no such file.
    pub async fn open_existing(path: &Utf8Path) -> Result<Self> {
        match path.metadata() {
            // SQLite takes an empty file for a new database.
            Ok(found) if found.is_file() && found.len() == 0 => return Err(problem::empty(path)),
            Ok(found) if found.is_file() => {}
            Ok(_) => return Err(Error::refused(format!("the inventory {path} is no file")).context("file", path)),
            Err(error) => return Err(problem::from_io(path, error)),
        }
        let inventory = Self::on(path).await?;
        if !migration::has_a_layout(&inventory).await? {
            return Err(problem::empty(path));
        }
        migration::bring_up_to_date(&inventory).await?;
        Ok(inventory)
    }

    /// On a file, whatever is in it.
    async fn on(path: &Utf8Path) -> Result<Self> {
        Ok(Self {
            db: connect(path).await?,
            pulse: Arc::default(),
            path: path.to_owned(),
            #[cfg(feature = "testing")]
            clock_step: Arc::default(),
        })
    }

    /// The connection that says that workers live.
    async fn pulse(&self) -> Result<&DatabaseConnection> {
        self.pulse.get_or_try_init(|| connect(&self.path)).await
    }

    /// Steps the inventory's clock, for all clones of this one.
    #[cfg(feature = "testing")]
    pub fn step_clock(&self, by: chrono::TimeDelta) {
        self.clock_step.fetch_add(by.num_milliseconds(), std::sync::atomic::Ordering::SeqCst);
    }

    #[cfg(feature = "testing")]
    fn clock_step(&self) -> chrono::TimeDelta {
        chrono::TimeDelta::milliseconds(self.clock_step.load(std::sync::atomic::Ordering::SeqCst))
    }

    #[cfg(not(feature = "testing"))]
    #[expect(clippy::unused_self, reason = "the same call as in the testing build")]
    fn clock_step(&self) -> chrono::TimeDelta {
        chrono::TimeDelta::zero()
    }

    /// The file.
    pub fn path(&self) -> &Utf8Path {
        &self.path
    }

    /// Closes the file; SQLite then folds its log into it. Without this, the next opening does.
    pub async fn close(&self) -> Result<()> {
        self.db.close_by_ref().await.map_err(|e| self.problem(&e))
    }

    /// Runs one statement, again while another process is in the way.
    async fn run<T, F: Future<Output = Result<T, DbErr>> + Send>(&self, statement: impl Fn() -> F + Send + Sync) -> Result<T> {
        patiently(&self.path, statement).await
    }

    /// Begins a transaction that holds the write lock from the start. Dropped without commit, it is rolled back.
    async fn begin(&self) -> Result<DatabaseTransaction> {
        let options =
            TransactionOptions { sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate), ..TransactionOptions::default() };
        self.run(|| self.db.begin_with_options(options)).await
    }

    async fn commit(&self, transaction: DatabaseTransaction) -> Result<()> {
        transaction.commit().await.map_err(|e| self.problem(&e))
    }

    fn problem(&self, error: &DbErr) -> Error {
        problem::from_database(&self.path, error)
    }

    /// A stored value that this build cannot read.
    fn unreadable(&self, what: &str, cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Error {
        Error::new(ErrorKind::Unsupported, format!("the inventory {} holds {what} that this build cannot read", self.path))
            .context("file", &self.path)
            .hint("use the build of aegir that wrote it, or a later one")
            .because(cause)
    }
}

/// Opens a pool of one connection.
async fn connect(path: &Utf8Path) -> Result<DatabaseConnection> {
    let options = SqliteConnectOptions::new()
        .filename(path)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(true)
        .busy_timeout(BUSY)
        .disable_statement_logging();
    let pool = SqlitePoolOptions::new()
        .max_connections(1)
        .acquire_timeout(PATIENCE)
        .idle_timeout(None)
        .max_lifetime(None)
        .test_before_acquire(false);
    let connect =
        || async { pool.clone().connect_with(options.clone()).await.map_err(|e| DbErr::Conn(sea_orm::RuntimeErr::SqlxError(e.into()))) };
    Ok(SqlxSqliteConnector::from_sqlx_sqlite_pool(patiently(path, connect).await?))
}

/// Tries again for as long as another process keeps the file.
async fn patiently<T, F: Future<Output = Result<T, DbErr>> + Send>(path: &Utf8Path, attempt: impl Fn() -> F + Send + Sync) -> Result<T> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        match attempt().await {
            // Mostly SQLite waits by itself, but not while a log is recovered or the journal mode changes.
            Err(error) if problem::is_busy(&error) && Instant::now() < deadline => tokio::time::sleep(Duration::from_millis(5)).await,
            result => return result.map_err(|e| problem::from_database(path, &e)),
        }
    }
}
