//! Several servers on one Postgres database, with and without Redis.

mod faults;
mod nodes;
mod scene;
mod shared;
