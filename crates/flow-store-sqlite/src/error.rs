use std::path::PathBuf;

use flow_base::Timestamp;
pub(crate) use flow_store::Unreadable;
use flow_store::{StoreError, StoredMoment};
use sqlx::migrate::MigrateError;

/// Why a database file could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error("could not open the database {path}")]
    Connect {
        path: PathBuf,
        #[source]
        source: sqlx::Error,
    },
    #[error("could not bring the database {path} to this release's schema")]
    Migrate {
        path: PathBuf,
        #[source]
        source: MigrateError,
    },
}

/// The error of a statement that was to do `action`. Nothing of SQLite's has
/// the values of a row in its text, so it may be kept as the source.
pub(crate) fn backend(action: &'static str) -> impl Fn(sqlx::Error) -> StoreError {
    move |error| StoreError::Backend { action, retryable: is_retryable(&error), source: Box::new(error) }
}

pub(crate) fn unreadable(action: &'static str) -> impl Fn(Unreadable) -> StoreError {
    move |error| StoreError::Backend { action, retryable: false, source: Box::new(error) }
}

/// Whether the trouble is with the machine and may pass: a full disk, a lock,
/// a failing read. Everything else is with the statement or the file.
pub(crate) fn is_retryable(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Io(_) | sqlx::Error::PoolTimedOut | sqlx::Error::WorkerCrashed => true,
        sqlx::Error::Database(error) => {
            let code = error.code().and_then(|code| code.parse::<u32>().ok());
            // Extended result codes keep the primary one in their lowest byte.
            code.is_some_and(|code| RETRYABLE.contains(&(code & 0xff)))
        }
        _ => false,
    }
}

/// SQLite's primary result codes: BUSY, LOCKED, NOMEM, READONLY (a disk that
/// was remounted after an error), INTERRUPT, IOERR, FULL, CANTOPEN, PROTOCOL.
const RETRYABLE: [u32; 9] = [5, 6, 7, 8, 9, 10, 13, 14, 15];

/// A moment as the tables keep it.
pub(crate) fn micros(at: Timestamp) -> i64 {
    at.as_microsecond()
}

pub(crate) fn moment(micros: i64) -> Result<Timestamp, Unreadable> {
    micros.read()
}
