//! The stores' contracts kept by a Postgres database, which any number of nodes share.
//!
//! This crate owns the SQL and knows nothing of rooms or documents. An append is
//! one statement for all its flows: it locks their heads in the order of their
//! ids, and only what it finds under the lock decides which positions are given.
//! A call never waits for longer than its deadline; a server that is away, or
//! silent, is an error that says so and may be retried.
//!
//! Needs Postgres 14 or newer and a database in UTF-8. Connections keep settings and
//! prepared statements, so a pooler between us and Postgres has to hand out whole
//! sessions. Every statement is checked against the migrations when it is compiled; see
//! `migrations/README.md`. Start with [`PostgresStore`], then `log/append.rs`.

mod account;
mod audit;
mod care;
mod connections;
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
mod values;
mod version;
mod webhook;
mod workspace;

pub use error::OpenError;
pub use store::{PostgresOptions, PostgresStore};

#[cfg(test)]
mod tests;
