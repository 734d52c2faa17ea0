//! A flow as one JSON document: what is exported, imported and kept as a sample.
//!
//! ```json
//! { "interflow": 1, "name": "…", "description": "…", "tags": [], "nodes": [], "edges": [],
//!   "layout": { "<node id>": { "x": 0, "y": 0 } }, "variables": {}, "settings": {}, "tests": [] }
//! ```
//!
//! Nodes and edges have the keys of the document; prose is text, a list is an
//! array of items with `id` and `order`. Nothing is lost on the way out and in
//! again, keys unknown to this release included, but for test cases beyond as many as
//! a flow may have. What a flow has wrong, an import
//! keeps, so that a flow under construction can be copied; the diagnostics say
//! the same of the copy.

mod parse;
mod replace;

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Serialize, Serializer};
use serde_json::Value;
use uuid::Uuid;

use crate::graph::{Edge, FlowGraph, Layout, Meta, Node, Test, Variable};
use crate::write::Changes;
use crate::{FlowDoc, SCHEMA, TESTS_MAX, words};

/// The version of this form.
pub const JSON_VERSION: i64 = 1;

/// Keys of the form that no unknown key of `meta` may take.
pub(crate) const RESERVED: &[&str] =
    &["interflow", "nodes", "edges", "layout", "variables", "settings", "tests"];

/// A flow in its JSON form, checked.
#[derive(Debug, Clone, PartialEq)]
pub struct FlowJson {
    /// Without schema and lineage, which belong to a document.
    graph: FlowGraph,
}

/// The JSON is not that of a flow.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}{message}", if path.is_empty() { String::new() } else { format!("{path}: ") })]
pub struct JsonError {
    /// Where, such as `nodes/3/data/blocks`; empty for the whole.
    pub path: String,
    pub message: String,
}

impl FlowJson {
    /// A flow with a name and nothing in it.
    #[must_use]
    pub fn empty(name: &str, description: &str) -> Self {
        let meta = Meta { name: name.to_owned(), description: description.to_owned(), ..Meta::default() };
        Self { graph: FlowGraph { meta: Arc::new(meta), ..FlowGraph::default() } }
    }

    #[must_use]
    pub fn from_graph(graph: &FlowGraph) -> Self {
        let mut graph = graph.clone();
        let meta = Arc::make_mut(&mut graph.meta);
        (meta.schema, meta.lineage) = (None, None);
        // A node removed while somebody moved it leaves its layout behind.
        let nodes = &graph.nodes;
        graph.layout.retain(|id, _| nodes.contains_key(id));
        // People who add some at once may together add too many. Test cases keep no flow
        // from being published, so the form, which holds no more, has the first of them.
        let surplus = graph.tests_in_order().into_iter().skip(TESTS_MAX);
        let surplus: Vec<_> = surplus.map(|test| Arc::clone(&test.id)).collect();
        for id in surplus {
            graph.tests.remove(&id);
        }
        Self { graph }
    }

    /// # Errors
    /// [`JsonError`] says where the text is no JSON, or the JSON no flow.
    pub fn parse(text: &str) -> Result<Self, JsonError> {
        let value = serde_json::from_str(text).map_err(|error| JsonError {
            path: String::new(),
            message: format!("this is no JSON: {error}"),
        })?;
        Self::from_value(&value)
    }

    /// # Errors
    /// [`JsonError`] says where the JSON is no flow.
    pub fn from_value(value: &Value) -> Result<Self, JsonError> {
        parse::flow(value).map(|graph| Self { graph })
    }

    #[must_use]
    pub fn to_value(&self) -> Value {
        serde_json::to_value(self).expect("graphs have text keys and finite numbers")
    }

    /// As people read it, and as files keep it.
    #[must_use]
    pub fn to_text(&self) -> String {
        serde_json::to_string_pretty(self).expect("graphs have text keys and finite numbers") + "\n"
    }

    #[must_use]
    pub fn name(&self) -> &str {
        &self.graph.meta.name
    }

    #[must_use]
    pub fn description(&self) -> &str {
        &self.graph.meta.description
    }

    /// The same flow under another name.
    #[must_use]
    pub fn renamed(mut self, name: &str, description: &str) -> Self {
        let meta = Arc::make_mut(&mut self.graph.meta);
        name.clone_into(&mut meta.name);
        description.clone_into(&mut meta.description);
        self
    }

    /// Whether description and tags are no more than is taken from programs. What is stored
    /// already stays readable, so reading a flow does not ask this; names may be cut.
    ///
    /// # Errors
    /// [`JsonError`] names the one that is too long.
    pub fn check_words(&self) -> Result<(), JsonError> {
        match words::excess(&self.graph.meta).find(|(field, _)| *field != "name") {
            Some((field, message)) => Err(JsonError { path: field.to_owned(), message }),
            None => Ok(()),
        }
    }

    /// The same flow without its test cases: what runs need of it.
    #[must_use]
    pub fn without_tests(mut self) -> Self {
        self.graph.tests.clear();
        self
    }

    /// What the flow would be as a document's graph.
    #[must_use]
    pub fn graph(&self) -> &FlowGraph {
        &self.graph
    }

    /// The first update of a new document that holds this flow.
    #[must_use]
    pub fn initial_update(&self, lineage: Uuid) -> Vec<u8> {
        let mut doc = FlowDoc::new(None);
        let graph = &self.graph;
        let meta = Meta { schema: Some(SCHEMA), lineage: Some(lineage.to_string()), ..(*graph.meta).clone() };
        let changes = Changes {
            meta: Some(meta),
            nodes: graph.nodes.iter().map(|(id, node)| (Arc::clone(id), Some((**node).clone()))).collect(),
            layout: graph.layout.iter().map(|(id, layout)| (Arc::clone(id), Some(*layout))).collect(),
            edges: graph.edges.iter().map(|(id, edge)| (Arc::clone(id), Some((**edge).clone()))).collect(),
            variables: graph
                .variables
                .iter()
                .map(|(name, variable)| (Arc::clone(name), Some((**variable).clone())))
                .collect(),
            settings: graph.settings.iter().map(|(key, value)| (key.clone(), Some(value.clone()))).collect(),
            tests: graph.tests.iter().map(|(id, test)| (Arc::clone(id), Some(Arc::clone(test)))).collect(),
            ..Changes::default()
        };
        doc.write(&changes).expect("a document without meta gets one")
    }
}

/// The first update of a new, empty flow: its `meta`, and nothing else.
#[must_use]
pub fn initial_update(lineage: Uuid, name: &str, description: &str) -> Vec<u8> {
    FlowJson::empty(name, description).initial_update(lineage)
}

impl Serialize for FlowJson {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Form<'a> {
            interflow: i64,
            name: &'a str,
            description: &'a str,
            tags: &'a [String],
            #[serde(flatten)]
            extra: &'a BTreeMap<String, Value>,
            nodes: Vec<&'a Node>,
            edges: Vec<&'a Edge>,
            layout: &'a BTreeMap<Arc<str>, Layout>,
            variables: &'a BTreeMap<Arc<str>, Arc<Variable>>,
            settings: &'a BTreeMap<String, Value>,
            // Flows without any say what they said before there were test cases.
            #[serde(skip_serializing_if = "Vec::is_empty")]
            tests: Vec<&'a Arc<Test>>,
        }
        let FlowGraph { meta, nodes, layout, edges, variables, settings, tests: _ } = &self.graph;
        let form = Form {
            interflow: JSON_VERSION,
            name: &meta.name,
            description: &meta.description,
            tags: &meta.tags,
            extra: &meta.extra,
            nodes: nodes.values().map(Arc::as_ref).collect(),
            edges: edges.values().map(Arc::as_ref).collect(),
            layout,
            variables,
            settings,
            tests: self.graph.tests_in_order(),
        };
        form.serialize(serializer)
    }
}

#[cfg(test)]
pub(crate) mod tests;
