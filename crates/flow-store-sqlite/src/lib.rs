//! The stores' contracts kept by one SQLite file.
//!
//! This crate owns the SQL and knows nothing of rooms or documents. One
//! connection writes, so there is never a wait for SQLite's write lock within
//! the process; readers have their own and, with a write-ahead log, neither
//! waits for the other. A commit is on disk when it is answered
//! (`synchronous = full`).
//!
//! Every statement is checked against the migrations when it is compiled; see
//! `migrations/README.md`. Start with [`SqliteStore`], then `log.rs`.

mod account;
mod audit;
mod backup;
mod care;
mod error;
mod flow;
mod key;
mod link;
mod log;
mod purge;
mod run;
mod run_file;
mod secret;
mod segment;
mod snapshot;
mod store;
mod test_result;
mod version;
mod webhook;
mod workspace;

pub use backup::BackupError;
pub use error::OpenError;
pub use store::SqliteStore;

#[cfg(test)]
mod tests;
