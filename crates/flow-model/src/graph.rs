//! What a document says, as plain values: the materialised graph.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Serialize;
use serde_json::Value;

use crate::fields::{DEFAULT_OUTPUT, Handles, NodeSpec, spec};

/// A flow as values. Nodes, edges and variables are shared, so a clone copies
/// pointers, and an edit replaces only what it touched.
///
/// Lists inside `data` are arrays of objects with `id` and `order`, sorted; prose
/// is text. A `null` where the document keeps a key is the same as no key, and
/// so is empty prose.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct FlowGraph {
    pub meta: Arc<Meta>,
    pub nodes: BTreeMap<Arc<str>, Arc<Node>>,
    pub layout: BTreeMap<Arc<str>, Layout>,
    pub edges: BTreeMap<Arc<str>, Arc<Edge>>,
    pub variables: BTreeMap<Arc<str>, Arc<Variable>>,
    pub settings: Arc<BTreeMap<String, Value>>,
    /// Test cases: about the flow, and no part of what it does.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub tests: BTreeMap<Arc<str>, Arc<Test>>,
}

impl FlowGraph {
    /// The test cases in the order their authors gave them.
    #[must_use]
    pub fn tests_in_order(&self) -> Vec<&Arc<Test>> {
        let mut tests: Vec<_> = self.tests.values().collect();
        tests.sort_by(|a, b| (&a.order, &a.id).cmp(&(&b.order, &b.id)));
        tests
    }
}

/// Keys of the document that this release does not know, kept as they are.
pub type Extra = BTreeMap<String, Value>;

#[derive(Debug, Clone, PartialEq, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Meta {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub schema: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lineage: Option<String>,
    pub name: String,
    pub description: String,
    /// Sorted, each once.
    pub tags: Vec<String>,
    #[serde(flatten)]
    pub extra: Extra,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Node {
    pub id: Arc<str>,
    #[serde(rename = "type")]
    pub node_type: String,
    pub type_version: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub disabled: bool,
    /// The group the node is drawn in; its position is relative to it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parent: Option<String>,
    pub data: BTreeMap<String, Value>,
    #[serde(flatten)]
    pub extra: Extra,
}

impl Node {
    /// What the field table says about the node; `None` for types and versions
    /// this release does not know.
    #[must_use]
    pub fn spec(&self) -> Option<&'static NodeSpec> {
        spec(&self.node_type, self.type_version)
    }

    /// The outputs the node has now; `None` for unknown types.
    #[must_use]
    pub fn handles(&self) -> Option<Handles> {
        Handles::of(self)
    }
}

/// Where a node is drawn; relative to its parent, if it has one.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Layout {
    pub x: f64,
    pub y: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub w: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub h: Option<f64>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Edge {
    pub id: Arc<str>,
    pub source: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source_handle: Option<String>,
    pub target: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target_handle: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    #[serde(flatten)]
    pub extra: Extra,
}

impl Edge {
    /// The output the edge leaves by.
    #[must_use]
    pub fn output(&self) -> &str {
        match self.source_handle.as_deref() {
            None | Some("") => DEFAULT_OUTPUT,
            Some(handle) => handle,
        }
    }
}

#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Variable {
    #[serde(rename = "type")]
    pub value_type: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub default: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    #[serde(flatten)]
    pub extra: Extra,
}

/// A test case: what is said to the flow, and what it is expected to say.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Test {
    pub id: Arc<str>,
    /// A fractional key among the test cases of the flow.
    pub order: String,
    /// The fields of [`crate::fields::TEST`], and keys this release does not know.
    #[serde(flatten)]
    pub data: BTreeMap<String, Value>,
}

impl Test {
    /// What it is called: its name or, without one, its id.
    #[must_use]
    pub fn name(&self) -> &str {
        let name = self.data.get("name").and_then(Value::as_str).map(str::trim);
        name.filter(|name| !name.is_empty()).unwrap_or(&self.id)
    }

    /// As an item of the list that the JSON form has.
    pub(crate) fn item(&self) -> Value {
        serde_json::to_value(self).expect("texts and JSON are JSON")
    }
}
