use std::path::Path;
use std::time::Duration;

use sqlx::migrate::Migrator;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{Connection, Sqlite, SqlitePool, Transaction};

use crate::OpenError;

/// How long a statement waits for another process that holds the file's lock.
/// Past it the call fails, retryably.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// Connections that read at the same time; further readers wait for one. Each
/// has a thread and a page cache of about 2 MiB.
const READERS_MAX: u32 = 4;

static MIGRATOR: Migrator = Migrator {
    // An older release may meet a newer schema: migrations keep it working.
    ignore_missing: true,
    ..sqlx::migrate!()
};

/// A database file, open. Dropping it without [`SqliteStore::close`] loses
/// nothing that was answered.
#[derive(Debug, Clone)]
pub struct SqliteStore {
    writer: SqlitePool,
    readers: SqlitePool,
}

impl SqliteStore {
    /// Opens the file, creating it if need be, and applies the migrations it
    /// has not seen. The folder must exist.
    ///
    /// # Errors
    /// [`OpenError`], when the file cannot be opened or is no database of ours.
    pub async fn open(path: impl AsRef<Path>) -> Result<Self, OpenError> {
        let path = path.as_ref();
        let connect = |source| OpenError::Connect { path: path.to_owned(), source };
        let writer = SqlitePoolOptions::new()
            .max_connections(1)
            .idle_timeout(None)
            .max_lifetime(None)
            // SQLite rolls back by itself on some errors, a full disk among
            // them. The driver then still counts a transaction, and everything
            // begun on that connection would fail, so it is replaced.
            .before_acquire(|connection, _| Box::pin(async move { Ok(!connection.is_in_transaction()) }))
            .connect_with(options(path).create_if_missing(true))
            .await
            .map_err(connect)?;
        MIGRATOR.run(&writer).await.map_err(|source| OpenError::Migrate { path: path.to_owned(), source })?;
        let readers = SqlitePoolOptions::new()
            .max_connections(READERS_MAX)
            .connect_with(options(path).pragma("query_only", "on"))
            .await
            .map_err(connect)?;
        Ok(Self { writer, readers })
    }

    /// Only applies the migrations that the file has not seen.
    ///
    /// # Errors
    /// As [`SqliteStore::open`].
    pub async fn migrate(path: impl AsRef<Path>) -> Result<(), OpenError> {
        Self::open(path).await?.close().await;
        Ok(())
    }

    /// Waits for running calls and closes the file; later calls fail.
    pub async fn close(&self) {
        self.readers.close().await;
        self.writer.close().await;
    }

    /// Begins a transaction that writes. It takes the write lock at once, so it
    /// never finds later that what it has read is outdated.
    pub(crate) async fn begin_write(&self) -> Result<Transaction<'static, Sqlite>, sqlx::Error> {
        self.writer.begin_with("begin immediate").await
    }

    /// Begins a transaction that sees the file as of its first statement.
    pub(crate) async fn begin_read(&self) -> Result<Transaction<'static, Sqlite>, sqlx::Error> {
        self.readers.begin().await
    }

    /// For single statements that read.
    pub(crate) fn readers(&self) -> &SqlitePool {
        &self.readers
    }

    /// For single statements that write.
    pub(crate) fn writer(&self) -> &SqlitePool {
        &self.writer
    }
}

pub(crate) fn options(path: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(path)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(true)
        .busy_timeout(BUSY_TIMEOUT)
}
