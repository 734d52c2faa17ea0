//! The flow document: schema, typed edits, materialised graph, validation.

pub mod fields;
pub mod graph;
mod order;

pub use order::order_between;

/// The schema this release writes into `meta.schema`.
pub const SCHEMA: i64 = 1;
pub const NODES_MAX: usize = 10_000;
pub const EDGES_MAX: usize = 20_000;
pub const ID_LENGTH_MAX: usize = 64;
