//! Tells those outside whom workspaces want told what happens in them.
//!
//! What is to be told is in the store, written by the transactions that it tells of; the
//! [`Worker`] of each node takes what is due, sends it, and notes what came of it. It knows
//! neither HTTP routes nor SQL; whom it may call is for `flow-egress` to say.
//!
//! **Invariant:** what was told is told at least once. A node that dies in between leaves a
//! claim that ends, and another one tells it again, under the same event id.

mod measures;
mod signature;
mod tries;
mod worker;

pub use measures::describe as describe_measures;
pub use signature::{secret_text, sign};
pub use worker::{EGRESS, Worker};
