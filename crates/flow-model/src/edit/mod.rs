//! Typed edits: what programs change a flow by.
//!
//! Edits are checked against a [`Draft`] of the flow, one after the other, and
//! written together, so a list of edits is made whole or not at all.

mod cases;
mod draft;
mod fields;
mod items;
mod nodes;

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};

pub(crate) use draft::Draft;
pub(crate) use fields::{Strictness, normal_data, normal_tests};

use crate::diagnostic::Diagnostic;

/// One change of a flow. In JSON `op` says which.
///
/// A `field` inside a node is a path: the field's name, then, for each list on
/// the way, an item's id and the item's field, joined by `/`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "op", rename_all = "camelCase", rename_all_fields = "camelCase", deny_unknown_fields)]
pub enum Edit {
    /// Adds a node; without an id it gets one. Items of lists in `data` get ids and
    /// an order where they have none.
    AddNode {
        #[serde(default, skip_serializing_if = "Option::is_none")]
        id: Option<String>,
        #[serde(rename = "type")]
        node_type: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        label: Option<String>,
        #[serde(default)]
        position: Position,
        #[serde(default, skip_serializing_if = "Map::is_empty")]
        data: Map<String, Value>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        parent: Option<String>,
    },
    /// Sets what is given; `null` removes. A list replaces the list: items are
    /// told apart by their ids.
    UpdateNode {
        id: String,
        #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
        label: Option<Option<String>>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        disabled: Option<bool>,
        #[serde(default, skip_serializing_if = "Map::is_empty")]
        data: Map<String, Value>,
    },
    /// Puts a node elsewhere, relative to its parent. `parent` moves it into a
    /// group, or out of all of them with `null`.
    MoveNode {
        id: String,
        x: f64,
        y: f64,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        w: Option<f64>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        h: Option<f64>,
        #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
        parent: Option<Option<String>>,
    },
    /// Removes a node with its edges and its layout. What a group held moves to
    /// where the group was.
    RemoveNode {
        id: String,
    },
    /// Draws an edge; does nothing if it is there. Without `sourceHandle` it
    /// leaves by `out`.
    Connect {
        source: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        source_handle: Option<String>,
        target: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        target_handle: Option<String>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        label: Option<String>,
    },
    /// Labels an edge; `null` removes the label.
    UpdateEdge {
        id: String,
        #[serde(default)]
        label: Option<String>,
    },
    /// Removes an edge, by its id or by its ends.
    Disconnect {
        #[serde(default, skip_serializing_if = "Option::is_none")]
        id: Option<String>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        source: Option<String>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        source_handle: Option<String>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        target: Option<String>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        target_handle: Option<String>,
    },
    /// Declares a variable, or declares it anew.
    SetVariable {
        name: String,
        #[serde(rename = "type", default = "any_type")]
        value_type: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        default: Option<Value>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        description: Option<String>,
    },
    RemoveVariable {
        name: String,
    },
    /// Sets what is given.
    SetMeta {
        #[serde(default, skip_serializing_if = "Option::is_none")]
        name: Option<String>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        description: Option<String>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        tags: Option<Vec<String>>,
    },
    /// Sets one setting; `null` removes it.
    SetSetting {
        key: String,
        value: Value,
    },
    /// Adds a test case, or makes the one of this id say this; without an id it gets one.
    /// It goes before another, or stays where it is; a new one goes to the end.
    SetTest {
        #[serde(default, skip_serializing_if = "Option::is_none")]
        id: Option<String>,
        test: Map<String, Value>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        before: Option<String>,
    },
    RemoveTest {
        id: String,
    },
    /// Adds an item to a list, before another or at the end.
    AddItem {
        node: String,
        field: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        before: Option<String>,
        #[serde(default)]
        item: Map<String, Value>,
    },
    /// Sets the fields given; `null` removes.
    UpdateItem {
        node: String,
        field: String,
        item: String,
        data: Map<String, Value>,
    },
    RemoveItem {
        node: String,
        field: String,
        item: String,
    },
    /// Moves an item before another, or to the end.
    MoveItem {
        node: String,
        field: String,
        item: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        before: Option<String>,
    },
    /// Edits prose: at `index`, deletes and inserts. Counted in UTF-16 units, as
    /// JavaScript counts.
    EditText {
        node: String,
        field: String,
        index: u32,
        #[serde(default)]
        delete: u32,
        #[serde(default)]
        insert: String,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Position {
    pub x: f64,
    pub y: f64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub w: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub h: Option<f64>,
}

/// What edits did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edited {
    /// The transaction's update; `None` if the flow said all that already.
    pub update: Option<Vec<u8>>,
    /// For each edit the id of the node, edge, item or test case it added or drew.
    pub ids: Vec<Option<String>>,
}

/// One of the edits is refused, and so none is made.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("edit {index} is refused")]
pub struct EditError {
    /// Which of the edits, counted from 0.
    pub index: usize,
    #[source]
    pub refusal: Refusal,
}

/// Why an edit cannot be made.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Refusal {
    #[error("there is no {what} {id:?}")]
    NotFound { what: &'static str, id: String },
    #[error("there already is {what} {id:?}")]
    Exists { what: &'static str, id: String },
    #[error("{key:?} cannot be used as {what}")]
    BadKey { what: &'static str, key: String },
    #[error("{node_type:?} is not a node type")]
    UnknownNodeType { node_type: String },
    #[error("{field}: {message}")]
    Field { field: String, message: String },
    #[error("the node {node:?} has no output {handle:?}")]
    UnknownHandle { node: String, handle: String },
    #[error("the node {node:?} cannot be entered")]
    NoInput { node: String },
    #[error("{parent:?} cannot hold the node {node:?}")]
    BadParent { node: String, parent: String },
    #[error("a flow has at most {max} {what}")]
    TooMany { what: &'static str, max: usize },
    #[error("the edit names neither an edge nor both its ends")]
    NoEdgeNamed,
}

impl Refusal {
    /// A stable name for programs.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::NotFound { .. } => "not_found",
            Self::Exists { .. } => "exists",
            Self::BadKey { .. } => "bad_key",
            Self::UnknownNodeType { .. } => "unknown_node_type",
            Self::Field { .. } => "bad_field",
            Self::UnknownHandle { .. } => "unknown_handle",
            Self::NoInput { .. } => "no_input",
            Self::BadParent { .. } => "bad_parent",
            Self::TooMany { .. } => "too_many",
            Self::NoEdgeNamed => "no_edge_named",
        }
    }

    fn field(field: impl Into<String>, message: impl Into<String>) -> Self {
        Self::Field { field: field.into(), message: message.into() }
    }
}

impl From<Diagnostic> for Refusal {
    fn from(finding: Diagnostic) -> Self {
        Self::field(finding.field.unwrap_or_default(), finding.message)
    }
}

fn any_type() -> String {
    "any".into()
}

/// Tells a member that is `null` from one that is not there.
fn given<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    deserializer: D,
) -> Result<Option<Option<T>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}

#[cfg(test)]
mod tests;
