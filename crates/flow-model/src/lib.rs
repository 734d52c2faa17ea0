//! The flow document: schema, typed edits, materialised graph, validation.
//!
//! A flow is a Yjs document. This crate owns its schema (version 1): which root
//! types there are, which field of which node is what ([`fields`]), how programs
//! change it ([`Edit`]), and what it says ([`FlowGraph`], with [`Diagnostic`]s
//! where it says it badly). It also knows the flow's JSON form ([`FlowJson`]) and
//! its content hash.
//!
//! It refuses to know tokio, IO and time: bytes come in, values and bytes go out.
//! It does not defend against hostile updates as such; those are checked before
//! they come here. What a well-formed update *says*, however, may be anything.
//!
//! Start with [`FlowDoc`], then [`graph`], then `materialise`.

mod diagnostic;
pub mod diff;
mod doc;
mod edit;
mod error;
pub mod fields;
pub mod graph;
mod hash;
mod json;
mod key;
mod materialise;
mod merge;
mod order;
mod samples;
mod schema;
mod validate;
mod value;
mod words;
mod write;

pub use diagnostic::{Code, Diagnostic, Severity, diagnostics_page};
pub use diff::{GraphDiff, diff, summary};
pub use doc::{Applied, FlowDoc};
pub use edit::{Edit, EditError, Edited, Position, Refusal};
pub use error::ModelError;
pub use graph::FlowGraph;
pub use hash::{canvas_hash, content_hash};
pub use json::{FlowJson, JSON_VERSION, JsonError, initial_update};
pub use key::{edge_id, is_key, is_variable_name};
pub use merge::merge_updates;
pub use order::order_between;
pub use samples::{Sample, samples};
pub use schema::{json_schema, json_schema_text};
pub use validate::validate;
pub use words::{DESCRIPTION_CHARS_MAX, NAME_CHARS_MAX, TAGS_MAX, Words};

/// The schema this release writes into `meta.schema`.
pub const SCHEMA: i64 = 1;
/// Nodes of a flow: more are a finding in a document and refused as an edit.
pub const NODES_MAX: usize = 10_000;
/// Edges of a flow, likewise.
pub const EDGES_MAX: usize = 20_000;
/// Test cases of a flow, likewise, but a warning.
pub const TESTS_MAX: usize = 500;
/// Characters of an id.
pub const ID_LENGTH_MAX: usize = 64;
