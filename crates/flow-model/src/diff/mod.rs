//! What one graph says that another does not, in terms of the flow.
//!
//! [`diff`] compares two graphs entry by entry; [`summary`] says the result in a
//! line of English. Like an export, both pass over what belongs to a document and
//! not to the flow (`meta.schema`, `meta.lineage`, the places of nodes that are not
//! there); everything else that differs is in the result.

mod cases;
mod fields;
mod order;
mod properties;
mod summary;

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Serialize;

use crate::graph::{Edge, FlowGraph, Layout, Node, Variable};

pub use fields::{Change, FieldChange};
pub use summary::{SUMMARY_CHARS_MAX, summary};

/// Everything that differs between two graphs, each part in the order of its ids.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct GraphDiff {
    pub nodes: Entries<Arc<Node>, NodeChange>,
    /// Nodes of both graphs that are drawn elsewhere, or in another size.
    pub moved: Vec<NodeMove>,
    pub edges: Entries<Arc<Edge>, EdgeChange>,
    pub variables: Entries<NamedVariable, VariableChange>,
    pub settings: Vec<FieldChange>,
    pub meta: Vec<FieldChange>,
    /// Of the test cases, as of a list: paths are such as `tests/t1/turns/u1/say`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tests: Vec<FieldChange>,
}

/// Entries that only the later graph has, only the earlier, and both.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Entries<T, C> {
    pub added: Vec<T>,
    pub removed: Vec<T>,
    pub changed: Vec<C>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct NodeChange {
    pub id: Arc<str>,
    /// As the later graph has them.
    #[serde(rename = "type")]
    pub node_type: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// Of the node itself: `type`, `typeVersion`, `label`, `disabled`, `parent`, and
    /// keys this release does not know.
    pub properties: Vec<FieldChange>,
    /// Of its data; paths are those of diagnostics, such as `blocks/b1/text`.
    pub fields: Vec<FieldChange>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct NodeMove {
    pub id: Arc<str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub before: Option<Layout>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<Layout>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct EdgeChange {
    pub id: Arc<str>,
    /// As the later graph has them.
    pub source: String,
    pub target: String,
    /// Its label, keys this release does not know, and its ends where they do not
    /// give the id.
    pub properties: Vec<FieldChange>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct NamedVariable {
    pub name: Arc<str>,
    #[serde(flatten)]
    pub variable: Arc<Variable>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct VariableChange {
    pub name: Arc<str>,
    pub properties: Vec<FieldChange>,
}

impl<T, C> Default for Entries<T, C> {
    fn default() -> Self {
        Self { added: Vec::new(), removed: Vec::new(), changed: Vec::new() }
    }
}

impl<T, C> Entries<T, C> {
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.added.is_empty() && self.removed.is_empty() && self.changed.is_empty()
    }
}

impl GraphDiff {
    /// Whether the graphs say the same.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
            && self.moved.is_empty()
            && self.edges.is_empty()
            && self.variables.is_empty()
            && self.settings.is_empty()
            && self.meta.is_empty()
            && self.tests.is_empty()
    }
}

/// What leads from one graph to another.
#[must_use]
pub fn diff(before: &FlowGraph, after: &FlowGraph) -> GraphDiff {
    GraphDiff {
        nodes: entries(&before.nodes, &after.nodes, |_, node| Arc::clone(node), node_change),
        moved: moves(before, after),
        edges: entries(&before.edges, &after.edges, |_, edge| Arc::clone(edge), edge_change),
        variables: entries(
            &before.variables,
            &after.variables,
            |name, variable| NamedVariable { name: Arc::clone(name), variable: Arc::clone(variable) },
            |name, before, after| {
                let properties = plain(&properties::variable(before), &properties::variable(after));
                VariableChange { name: Arc::clone(name), properties }
            },
        ),
        settings: plain(&properties::members(&before.settings), &properties::members(&after.settings)),
        meta: plain(&properties::meta(&before.meta), &properties::meta(&after.meta)),
        tests: cases::compare(before, after),
    }
}

/// Shared entries are compared by pointer first: after an edit nearly all of them are.
fn entries<V: PartialEq, T, C>(
    before: &BTreeMap<Arc<str>, Arc<V>>,
    after: &BTreeMap<Arc<str>, Arc<V>>,
    entry: impl Fn(&Arc<str>, &Arc<V>) -> T,
    change: impl Fn(&Arc<str>, &V, &V) -> C,
) -> Entries<T, C> {
    let mut entries = Entries::default();
    for (id, old) in before {
        match after.get(id) {
            None => entries.removed.push(entry(id, old)),
            Some(new) if Arc::ptr_eq(old, new) || old == new => {}
            Some(new) => entries.changed.push(change(id, old, new)),
        }
    }
    let added = after.iter().filter(|(id, _)| !before.contains_key(*id));
    entries.added.extend(added.map(|(id, new)| entry(id, new)));
    entries
}

fn node_change(id: &Arc<str>, before: &Node, after: &Node) -> NodeChange {
    let known = after.spec();
    NodeChange {
        id: Arc::clone(id),
        node_type: after.node_type.clone(),
        label: after.label.clone(),
        properties: plain(&properties::node(before), &properties::node(after)),
        fields: fields::compare(
            &properties::members(&before.data),
            &properties::members(&after.data),
            &|name| known?.field(name),
        ),
    }
}

fn edge_change(id: &Arc<str>, before: &Edge, after: &Edge) -> EdgeChange {
    EdgeChange {
        id: Arc::clone(id),
        source: after.source.clone(),
        target: after.target.clone(),
        properties: plain(&properties::edge(before), &properties::edge(after)),
    }
}

/// Where no field table says more about the values.
fn plain(before: &properties::Members<'_>, after: &properties::Members<'_>) -> Vec<FieldChange> {
    fields::compare(before, after, &|_| None)
}

fn moves(before: &FlowGraph, after: &FlowGraph) -> Vec<NodeMove> {
    let both = before.nodes.keys().filter(|id| after.nodes.contains_key(*id));
    let places = both.map(|id| NodeMove {
        id: Arc::clone(id),
        before: before.layout.get(id).copied(),
        after: after.layout.get(id).copied(),
    });
    places.filter(|place| place.before != place.after).collect()
}

#[cfg(test)]
mod tests;
