//! Several servers on one Postgres database, with and without Redis.

mod nodes;
mod scene;
