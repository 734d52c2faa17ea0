use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use flow_store::{Archive, ColdTier};
use sqlx::migrate::Migrator;
use sqlx::pool::PoolConnection;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{Connection, Sqlite, SqliteConnection, SqlitePool, Transaction};
use tokio::runtime::Handle;
use tokio::sync::{Mutex, MutexGuard};

use crate::OpenError;
use crate::log::Heads;

/// How long a statement waits for another process that holds the file's lock.
/// Past it the call fails, retryably.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// After so many pages of 4 KiB the write-ahead log is moved into the file. Most of them
/// are the same few pages again and again, which are moved once; what it costs is the
/// room on the disk, 16 MiB.
const CHECKPOINT_PAGES: &str = "4096";

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
    writer: Writer,
    readers: SqlitePool,
    heads: Heads,
    pub(crate) cold: ColdTier,
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
            .test_before_acquire(false)
            .max_lifetime(None)
            // SQLite rolls back by itself on some errors, a full disk among
            // them. The driver then still counts a transaction, and everything
            // begun on that connection would fail, so it is replaced.
            .before_acquire(|connection, _| Box::pin(async move { Ok(!connection.is_in_transaction()) }))
            .connect_with(options(path).create_if_missing(true))
            .await
            .map_err(connect)?;
        let writer = Writer::new(writer);
        MIGRATOR
            .run(&writer.pool)
            .await
            .map_err(|source| OpenError::Migrate { path: path.to_owned(), source })?;
        let readers = SqlitePoolOptions::new()
            .max_connections(READERS_MAX)
            // A file does not hang up, and asking is a round trip to a thread.
            .test_before_acquire(false)
            .connect_with(options(path).pragma("query_only", "on"))
            .await
            .map_err(connect)?;
        Ok(Self { writer, readers, heads: Heads::default(), cold: ColdTier::default() })
    }

    /// Reads what is archived from there.
    #[must_use]
    pub fn with_archive(self, archive: Arc<dyn Archive>) -> Self {
        Self { cold: ColdTier::new(archive), ..self }
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
        // Held until the pool is closed, or it would wait for what is put back here.
        let mut kept = self.writer.kept.lock().await;
        kept.0.take();
        self.writer.pool.close().await;
    }

    /// Begins a transaction that writes. It takes the write lock at once, so it
    /// never finds later that what it has read is outdated.
    pub(crate) async fn begin_write(&self) -> Result<Transaction<'static, Sqlite>, sqlx::Error> {
        let _want = self.writer.want().await;
        self.writer.pool.begin_with("begin immediate").await
    }

    /// For single statements that write.
    pub(crate) async fn write(&self) -> Result<PoolConnection<Sqlite>, sqlx::Error> {
        let _want = self.writer.want().await;
        self.writer.pool.acquire().await
    }

    /// The connection that writes, for who comes again in a moment: what gives it back
    /// to the pool and takes it out again costs more than a small commit.
    pub(crate) async fn keep_writing(&self) -> Result<Kept<'_>, sqlx::Error> {
        let mut place = self.writer.kept.lock().await;
        let connection = match place.0.take() {
            Some(connection) => connection,
            None => self.writer.pool.acquire().await?,
        };
        Ok(Kept { connection, place, writer: &self.writer })
    }

    /// Begins a transaction that sees the file as of its first statement.
    pub(crate) async fn begin_read(&self) -> Result<Transaction<'static, Sqlite>, sqlx::Error> {
        self.readers.begin().await
    }

    pub(crate) fn heads(&self) -> &Heads {
        &self.heads
    }

    /// For single statements that read.
    pub(crate) fn readers(&self) -> &SqlitePool {
        &self.readers
    }
}

/// The one connection that writes: in the pool, in use, or kept for the log.
#[derive(Debug, Clone)]
struct Writer {
    pool: SqlitePool,
    kept: Arc<Mutex<Place>>,
    /// How many others want it now.
    wanted: Arc<AtomicUsize>,
}

/// Where the connection is kept.
#[derive(Debug, Default)]
struct Place(Option<PoolConnection<Sqlite>>);

impl Drop for Place {
    /// The pool takes a connection back in a task, and panics where there is no runtime for
    /// one any more: then it is closed here.
    fn drop(&mut self) {
        if Handle::try_current().is_err() {
            drop(self.0.take().map(PoolConnection::leak));
        }
    }
}

/// Somebody wants the connection; the log gives it back until this is dropped.
struct Want<'a>(&'a AtomicUsize);

impl Writer {
    fn new(pool: SqlitePool) -> Self {
        Self { pool, kept: Arc::default(), wanted: Arc::default() }
    }

    /// Cancel safe.
    async fn want(&self) -> Want<'_> {
        self.wanted.fetch_add(1, Ordering::SeqCst);
        let want = Want(&self.wanted);
        // Counted first: whoever has it now sees that, or has put it here.
        self.kept.lock().await.0.take();
        want
    }
}

impl Drop for Want<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

/// See [`SqliteStore::keep_writing`]. Dropped, it goes back to the pool, which replaces it
/// when a transaction was left open.
pub(crate) struct Kept<'a> {
    connection: PoolConnection<Sqlite>,
    place: MutexGuard<'a, Place>,
    writer: &'a Writer,
}

impl Kept<'_> {
    pub(crate) fn connection(&mut self) -> &mut SqliteConnection {
        &mut self.connection
    }

    /// Done, and nothing went wrong.
    pub(crate) fn done(mut self) {
        if self.writer.wanted.load(Ordering::SeqCst) == 0 && !self.writer.pool.is_closed() {
            self.place.0 = Some(self.connection);
        }
    }
}

pub(crate) fn options(path: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(path)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(true)
        .busy_timeout(BUSY_TIMEOUT)
        .pragma("wal_autocheckpoint", CHECKPOINT_PAGES)
}
