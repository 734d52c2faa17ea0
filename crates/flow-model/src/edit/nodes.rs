//! Edits of nodes and edges.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::{Map, Value};

use super::fields::{Strictness, normal_data, normal_field};
use super::{Draft, Position, Refusal};
use crate::fields::{DEFAULT_OUTPUT, newest};
use crate::graph::{Edge, Extra, Layout, Node};
use crate::key::{edge_id, is_key, random_id};
use crate::{EDGES_MAX, NODES_MAX};

/// A node and one of its handles.
type End<'e> = (&'e str, Option<&'e str>);

impl Draft<'_> {
    pub(super) fn add_node(
        &mut self,
        id: Option<&str>,
        node_type: &str,
        label: Option<&str>,
        position: Position,
        data: &Map<String, Value>,
        parent: Option<&str>,
    ) -> Result<Option<String>, Refusal> {
        let id = id.map_or_else(random_id, str::to_owned);
        if !is_key(&id) {
            return Err(Refusal::BadKey { what: "a node's id", key: id });
        }
        if self.node(&id).is_some() {
            return Err(Refusal::Exists { what: "a node", id });
        }
        let spec =
            newest(node_type).ok_or_else(|| Refusal::UnknownNodeType { node_type: node_type.to_owned() })?;
        if self.node_count >= NODES_MAX {
            return Err(Refusal::TooMany { what: "nodes", max: NODES_MAX });
        }
        if let Some(parent) = parent {
            self.check_parent(&id, parent)?;
        }
        let key: Arc<str> = Arc::from(id.as_str());
        let node = Node {
            id: Arc::clone(&key),
            node_type: node_type.to_owned(),
            type_version: spec.version,
            label: label.filter(|label| !label.is_empty()).map(str::to_owned),
            disabled: false,
            parent: parent.map(str::to_owned),
            data: normal_data(data, &|name| spec.field(name), Strictness::Typed)?,
            extra: Extra::new(),
        };
        let Position { x, y, w, h } = position;
        // Something that reads as no node may lie under the id: it goes.
        self.changes.removed.nodes.insert(Arc::clone(&key));
        self.changes.nodes.insert(Arc::clone(&key), Some(node));
        self.changes.layout.insert(Arc::clone(&key), Some(Layout { x, y, w, h }));
        self.rewritten(&key);
        self.node_count += 1;
        Ok(Some(id))
    }

    pub(super) fn update_node(
        &mut self,
        id: &str,
        label: Option<Option<&str>>,
        disabled: Option<bool>,
        data: &Map<String, Value>,
    ) -> Result<(), Refusal> {
        let spec = self.existing(id)?.spec();
        let mut values = BTreeMap::new();
        for (name, value) in data {
            if !is_key(name) {
                return Err(Refusal::BadKey { what: "a field", key: name.clone() });
            }
            let field = spec.and_then(|spec| spec.field(name));
            values.insert(name, normal_field(field, value, Strictness::Typed, name, 0)?);
        }
        let rewritten = !values.is_empty();
        let node = self.node_mut(id)?;
        if let Some(label) = label {
            node.label = label.filter(|label| !label.is_empty()).map(str::to_owned);
        }
        if let Some(disabled) = disabled {
            node.disabled = disabled;
        }
        for (name, value) in values {
            match value {
                Some(value) => node.data.insert(name.clone(), value),
                None => node.data.remove(name),
            };
        }
        if rewritten {
            self.rewritten(id);
        }
        Ok(())
    }

    pub(super) fn move_node(
        &mut self,
        id: &str,
        layout: Layout,
        parent: Option<Option<&str>>,
    ) -> Result<(), Refusal> {
        let key = Arc::clone(&self.existing(id)?.id);
        if let Some(parent) = parent {
            if let Some(parent) = parent {
                self.check_parent(id, parent)?;
            }
            self.node_mut(id)?.parent = parent.map(str::to_owned);
        }
        // Without a size the node keeps the one it has.
        let old = self.layout(id);
        let w = layout.w.or(old.and_then(|old| old.w));
        let h = layout.h.or(old.and_then(|old| old.h));
        self.changes.layout.insert(key, Some(Layout { w, h, ..layout }));
        Ok(())
    }

    pub(super) fn remove_node(&mut self, id: &str) -> Result<(), Refusal> {
        let node = self.existing(id)?;
        let (key, parent) = (Arc::clone(&node.id), node.parent.clone());
        for edge in self.edges_at(id) {
            self.drop_edge(edge);
        }
        let origin = self.layout(id);
        for child in self.children(id) {
            if let (Some(layout), Some(origin)) = (self.layout(&child), origin) {
                let moved = Layout { x: layout.x + origin.x, y: layout.y + origin.y, ..layout };
                self.changes.layout.insert(Arc::clone(&child), Some(moved));
            }
            self.node_mut(&child)?.parent.clone_from(&parent);
        }
        self.changes.removed.nodes.insert(Arc::clone(&key));
        self.changes.nodes.insert(Arc::clone(&key), None);
        self.changes.layout.insert(key, None);
        self.node_count -= 1;
        Ok(())
    }

    /// A parent is a group, and not inside what it shall hold.
    fn check_parent(&self, id: &str, parent: &str) -> Result<(), Refusal> {
        let bad = || Refusal::BadParent { node: id.to_owned(), parent: parent.to_owned() };
        if self.existing(parent)?.node_type != "group" {
            return Err(bad());
        }
        let (mut at, mut seen) = (Some(parent), BTreeSet::new());
        while let Some(group) = at {
            if group == id || !seen.insert(group) {
                return Err(bad());
            }
            at = self.node(group).and_then(|node| node.parent.as_deref());
        }
        Ok(())
    }

    pub(super) fn connect(
        &mut self,
        (source, source_handle): End<'_>,
        (target, target_handle): End<'_>,
        label: Option<&str>,
    ) -> Result<String, Refusal> {
        let (source_handle, target_handle) = handles(source_handle, target_handle);
        let from = self.existing(source)?;
        if from.handles().is_some_and(|handles| !handles.contains(source_handle)) {
            return Err(Refusal::UnknownHandle { node: source.to_owned(), handle: source_handle.to_owned() });
        }
        if self.existing(target)?.spec().is_some_and(|spec| !spec.has_input) {
            return Err(Refusal::NoInput { node: target.to_owned() });
        }
        let id = edge_id(source, Some(source_handle), target, target_handle);
        let label = label.filter(|label| !label.is_empty()).map(str::to_owned);
        let key: Arc<str> = Arc::from(id.as_str());
        let before = self.edge(&id).cloned();
        if before.is_none() {
            if self.edge_count >= EDGES_MAX {
                return Err(Refusal::TooMany { what: "edges", max: EDGES_MAX });
            }
            self.changes.removed.edges.insert(Arc::clone(&key));
            self.edge_count += 1;
        }
        let edge = match before {
            Some(edge) => Edge { label: label.or(edge.label), ..edge },
            None => Edge {
                id: Arc::clone(&key),
                source: source.to_owned(),
                source_handle: Some(source_handle.to_owned()),
                target: target.to_owned(),
                target_handle: target_handle.map(str::to_owned),
                label,
                extra: Extra::new(),
            },
        };
        self.changes.edges.insert(key, Some(edge));
        Ok(id)
    }

    pub(super) fn update_edge(&mut self, id: &str, label: Option<&str>) -> Result<(), Refusal> {
        let mut edge = self.existing_edge(id)?.clone();
        edge.label = label.filter(|label| !label.is_empty()).map(str::to_owned);
        self.changes.edges.insert(Arc::clone(&edge.id), Some(edge));
        Ok(())
    }

    pub(super) fn disconnect(&mut self, id: &str) -> Result<(), Refusal> {
        let key = Arc::clone(&self.existing_edge(id)?.id);
        self.drop_edge(key);
        Ok(())
    }

    fn drop_edge(&mut self, id: Arc<str>) {
        self.changes.removed.edges.insert(Arc::clone(&id));
        self.changes.edges.insert(id, None);
        self.edge_count -= 1;
    }

    /// By its ends and not by the id they give: another client may have drawn the
    /// edge under an id of its own.
    pub(super) fn disconnect_ends(
        &mut self,
        (source, source_handle): End<'_>,
        (target, target_handle): End<'_>,
    ) -> Result<(), Refusal> {
        let (source_handle, target_handle) = handles(source_handle, target_handle);
        let same = |edge: &Edge| {
            edge.source == source
                && edge.output() == source_handle
                && edge.target == target
                && edge.target_handle.as_deref().filter(|handle| !handle.is_empty()) == target_handle
        };
        let edges = self.edges_at(source);
        let found: Vec<_> = edges.into_iter().filter(|id| self.edge(id).is_some_and(same)).collect();
        if found.is_empty() {
            return Err(Refusal::NotFound { what: "edge", id: format!("{source} {source_handle} {target}") });
        }
        found.iter().try_for_each(|id| self.disconnect(id))
    }

    fn existing_edge(&self, id: &str) -> Result<&Edge, Refusal> {
        self.edge(id).ok_or_else(|| Refusal::NotFound { what: "edge", id: id.to_owned() })
    }
}

/// Handles as we write them: the default output by its name, the one input not at all.
fn handles<'e>(source: Option<&'e str>, target: Option<&'e str>) -> (&'e str, Option<&'e str>) {
    let source = source.filter(|handle| !handle.is_empty()).unwrap_or(DEFAULT_OUTPUT);
    (source, target.filter(|handle| !handle.is_empty()))
}
