//! What makes one flow into another, written as an edit.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;

use super::FlowJson;
use crate::FlowDoc;
use crate::edit::Edited;
use crate::graph::{Extra, FlowGraph, Meta};
use crate::write::Changes;

impl FlowDoc {
    /// Makes the document say what `flow` says, as one transaction that writes only what
    /// differs: people who edit elsewhere meanwhile keep their work, those who type in the
    /// same text keep what they typed, and everybody's undo goes on to work. Schema and
    /// lineage stay the document's own.
    ///
    /// A node whose type differs is a new one, whatever its id.
    pub fn replace(&mut self, flow: &FlowJson) -> Edited {
        let changes = between(self.graph(), flow.graph());
        Edited { update: self.write(&changes), ids: Vec::new() }
    }
}

fn between(current: &FlowGraph, target: &FlowGraph) -> Changes {
    let mut changes = Changes::default();
    for id in current.nodes.keys().chain(target.nodes.keys()) {
        match (current.nodes.get(id), target.nodes.get(id)) {
            (Some(old), Some(new)) if old == new => {}
            (Some(old), Some(new))
                if (&old.node_type, old.type_version) == (&new.node_type, new.type_version) =>
            {
                let mut node = (**new).clone();
                drop_others(&old.extra, &mut node.extra);
                changes.nodes.insert(Arc::clone(id), Some(node));
            }
            (_, new) => {
                // Something that reads as no node may lie under the id: it goes.
                changes.removed.nodes.insert(Arc::clone(id));
                changes.nodes.insert(Arc::clone(id), new.map(|node| (**node).clone()));
            }
        }
    }
    for id in current.layout.keys().chain(target.layout.keys()) {
        let wanted = target.layout.get(id);
        if current.layout.get(id) != wanted {
            changes.layout.insert(Arc::clone(id), wanted.copied());
        }
    }
    for id in current.edges.keys().chain(target.edges.keys()) {
        match (current.edges.get(id), target.edges.get(id)) {
            (Some(old), Some(new)) if old == new => {}
            (Some(old), Some(new)) => {
                let mut edge = (**new).clone();
                drop_others(&old.extra, &mut edge.extra);
                changes.edges.insert(Arc::clone(id), Some(edge));
            }
            (_, new) => {
                changes.removed.edges.insert(Arc::clone(id));
                changes.edges.insert(Arc::clone(id), new.map(|edge| (**edge).clone()));
            }
        }
    }
    for name in current.variables.keys().chain(target.variables.keys()) {
        match (current.variables.get(name), target.variables.get(name)) {
            (Some(old), Some(new)) if old == new => {}
            (Some(old), Some(new)) => {
                let mut variable = (**new).clone();
                drop_others(&old.extra, &mut variable.extra);
                changes.variables.insert(Arc::clone(name), Some(variable));
            }
            (_, new) => {
                changes.removed.variables.insert(Arc::clone(name));
                changes.variables.insert(Arc::clone(name), new.map(|variable| (**variable).clone()));
            }
        }
    }
    for key in current.settings.keys().chain(target.settings.keys()) {
        let wanted = target.settings.get(key);
        if current.settings.get(key) != wanted {
            changes.settings.insert(key.clone(), wanted.cloned());
        }
    }
    for id in current.tests.keys().chain(target.tests.keys()) {
        match (current.tests.get(id), target.tests.get(id)) {
            (Some(old), Some(new)) if old == new => {}
            (old, new) => {
                if old.is_none() || new.is_none() {
                    changes.removed.tests.insert(Arc::clone(id));
                }
                changes.tests.insert(Arc::clone(id), new.cloned());
            }
        }
    }
    changes.meta = meta(&current.meta, &target.meta);
    changes
}

fn meta(current: &Meta, target: &Meta) -> Option<Meta> {
    let mut meta = Meta { schema: current.schema, lineage: current.lineage.clone(), ..target.clone() };
    if meta == *current {
        return None;
    }
    drop_others(&current.extra, &mut meta.extra);
    Some(meta)
}

/// Keys that are there and not wanted: written as `null` they go.
fn drop_others(old: &Extra, wanted: &mut BTreeMap<String, Value>) {
    for key in old.keys() {
        wanted.entry(key.clone()).or_insert(Value::Null);
    }
}

#[cfg(test)]
mod tests;
