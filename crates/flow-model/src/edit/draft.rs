//! The flow as it will be: the graph with what the edits so far change.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::Value;

use super::cases::Place;
use super::{Edit, Refusal};
use crate::graph::{Edge, Layout, Meta, Node, Variable};
use crate::key::{is_key, is_variable_name};
use crate::materialise::Materialised;
use crate::value::normal;
use crate::words;
use crate::write::{Changes, Splice};

/// Looks through to the graph wherever nothing was changed yet, so that a few
/// edits to a large flow cost little.
#[derive(Debug)]
pub(crate) struct Draft<'a> {
    pub(super) base: &'a Materialised,
    pub(super) changes: Changes,
    /// Nodes whose fields no longer are what the document has, but for splices:
    /// positions in their texts mean nothing there any more.
    rewritten: BTreeSet<Arc<str>>,
    pub(super) node_count: usize,
    pub(super) edge_count: usize,
    pub(super) test_places: Option<BTreeSet<Place>>,
}

impl<'a> Draft<'a> {
    pub(crate) fn new(base: &'a Materialised) -> Self {
        let (node_count, edge_count) = (base.graph().nodes.len(), base.graph().edges.len());
        Self {
            base,
            changes: Changes::default(),
            rewritten: BTreeSet::new(),
            node_count,
            edge_count,
            test_places: None,
        }
    }

    pub(crate) fn into_changes(self) -> Changes {
        self.changes
    }

    /// Makes one edit; answers the id of what it added.
    pub(crate) fn apply(&mut self, edit: &Edit) -> Result<Option<String>, Refusal> {
        match edit {
            Edit::AddNode { id, node_type, label, position, data, parent } => {
                return self.add_node(
                    id.as_deref(),
                    node_type,
                    label.as_deref(),
                    *position,
                    data,
                    parent.as_deref(),
                );
            }
            Edit::UpdateNode { id, label, disabled, data } => {
                self.update_node(id, label.as_ref().map(Option::as_deref), *disabled, data)?;
            }
            Edit::MoveNode { id, x, y, w, h, parent } => {
                let layout = Layout { x: *x, y: *y, w: *w, h: *h };
                self.move_node(id, layout, parent.as_ref().map(Option::as_deref))?;
            }
            Edit::RemoveNode { id } => self.remove_node(id)?,
            Edit::Connect { source, source_handle, target, target_handle, label } => {
                let id = self.connect(
                    (source, source_handle.as_deref()),
                    (target, target_handle.as_deref()),
                    label.as_deref(),
                )?;
                return Ok(Some(id));
            }
            Edit::UpdateEdge { id, label } => self.update_edge(id, label.as_deref())?,
            Edit::Disconnect { id, source, source_handle, target, target_handle } => {
                match (id, source, target) {
                    (Some(id), _, _) => self.disconnect(id)?,
                    (None, Some(source), Some(target)) => {
                        self.disconnect_ends(
                            (source, source_handle.as_deref()),
                            (target, target_handle.as_deref()),
                        )?;
                    }
                    _ => return Err(Refusal::NoEdgeNamed),
                }
            }
            Edit::SetVariable { name, value_type, default, description } => {
                self.set_variable(name, value_type, default.as_ref(), description.as_deref())?;
            }
            Edit::RemoveVariable { name } => self.remove_variable(name)?,
            Edit::SetMeta { name, description, tags } => {
                self.set_meta(name.as_deref(), description.as_deref(), tags.as_deref())?;
            }
            Edit::SetSetting { key, value } => self.set_setting(key, value)?,
            Edit::SetTest { id, test, before } => {
                return self.set_test(id.as_deref(), test, before.as_deref()).map(Some);
            }
            Edit::RemoveTest { id } => self.remove_test(id)?,
            Edit::AddItem { node, field, before, item } => {
                return self.add_item(node, field, before.as_deref(), item);
            }
            Edit::UpdateItem { node, field, item, data } => self.update_item(node, field, item, data)?,
            Edit::RemoveItem { node, field, item } => self.remove_item(node, field, item)?,
            Edit::MoveItem { node, field, item, before } => {
                self.move_item(node, field, item, before.as_deref())?;
            }
            Edit::EditText { node, field, index, delete, insert } => {
                self.edit_text(node, field, *index, *delete, insert)?;
            }
        }
        Ok(None)
    }

    pub(super) fn node(&self, id: &str) -> Option<&Node> {
        match self.changes.nodes.get(id) {
            Some(node) => node.as_ref(),
            None => self.base.graph().nodes.get(id).map(Arc::as_ref),
        }
    }

    pub(super) fn existing(&self, id: &str) -> Result<&Node, Refusal> {
        self.node(id).ok_or_else(|| Refusal::NotFound { what: "node", id: id.to_owned() })
    }

    /// The node as it will be; copied when it is first asked for.
    pub(super) fn node_mut(&mut self, id: &str) -> Result<&mut Node, Refusal> {
        let not_found = || Refusal::NotFound { what: "node", id: id.to_owned() };
        if !self.changes.nodes.contains_key(id) {
            let node = self.base.graph().nodes.get(id).ok_or_else(not_found)?;
            self.changes.nodes.insert(Arc::clone(&node.id), Some((**node).clone()));
        }
        self.changes.nodes.get_mut(id).and_then(Option::as_mut).ok_or_else(not_found)
    }

    pub(super) fn layout(&self, id: &str) -> Option<Layout> {
        match self.changes.layout.get(id) {
            Some(layout) => *layout,
            None => self.base.graph().layout.get(id).copied(),
        }
    }

    pub(super) fn edge(&self, id: &str) -> Option<&Edge> {
        match self.changes.edges.get(id) {
            Some(edge) => edge.as_ref(),
            None => self.base.graph().edges.get(id).map(Arc::as_ref),
        }
    }

    pub(super) fn edges_at(&self, node: &str) -> Vec<Arc<str>> {
        let drafted = self.changes.edges.values().flatten();
        let drafted = drafted.filter(|edge| edge.source == node || edge.target == node);
        let untouched = self.base.edges_at(node).filter(|edge| !self.changes.edges.contains_key(&edge.id));
        drafted.map(|edge| Arc::clone(&edge.id)).chain(untouched.map(|edge| Arc::clone(&edge.id))).collect()
    }

    /// The nodes drawn inside a group.
    pub(super) fn children(&self, group: &str) -> Vec<Arc<str>> {
        let inside = |node: &&Node| node.parent.as_deref() == Some(group);
        let drafted = self.changes.nodes.values().flatten().filter(inside);
        let untouched = self.base.graph().nodes.values().map(Arc::as_ref);
        let untouched = untouched.filter(|node| !self.changes.nodes.contains_key(&node.id)).filter(inside);
        drafted.chain(untouched).map(|node| Arc::clone(&node.id)).collect()
    }

    /// The node's fields are set as a whole from here on.
    pub(super) fn rewritten(&mut self, id: &str) {
        self.rewritten.insert(Arc::from(id));
    }

    /// Keeps an edit of a text as such, so that it merges with what others type.
    /// In a node whose fields were set before in the same draft it is part of that.
    pub(super) fn splice(&mut self, splice: Splice) {
        if !self.rewritten.contains(&splice.node) {
            self.changes.splices.push(splice);
        }
    }

    fn set_variable(
        &mut self,
        name: &str,
        value_type: &str,
        default: Option<&Value>,
        description: Option<&str>,
    ) -> Result<(), Refusal> {
        if !is_variable_name(name) {
            return Err(Refusal::BadKey { what: "a variable's name", key: name.to_owned() });
        }
        let default = match default {
            Some(value) => {
                Some(normal(value).ok_or_else(|| Refusal::field(name, "the default is nested too deeply"))?)
            }
            None => None,
        };
        let extra = match self.variable(name) {
            Some(variable) => variable.extra.clone(),
            None => {
                self.changes.removed.variables.insert(Arc::from(name));
                BTreeMap::new()
            }
        };
        let variable = Variable {
            value_type: value_type.to_owned(),
            default: default.filter(|value| !value.is_null()),
            description: description.map(str::to_owned),
            extra,
        };
        self.changes.variables.insert(Arc::from(name), Some(variable));
        Ok(())
    }

    fn remove_variable(&mut self, name: &str) -> Result<(), Refusal> {
        if self.variable(name).is_none() {
            return Err(Refusal::NotFound { what: "variable", id: name.to_owned() });
        }
        self.changes.removed.variables.insert(Arc::from(name));
        self.changes.variables.insert(Arc::from(name), None);
        Ok(())
    }

    fn variable(&self, name: &str) -> Option<&Variable> {
        match self.changes.variables.get(name) {
            Some(variable) => variable.as_ref(),
            None => self.base.graph().variables.get(name).map(Arc::as_ref),
        }
    }

    fn set_meta(
        &mut self,
        name: Option<&str>,
        description: Option<&str>,
        tags: Option<&[String]>,
    ) -> Result<(), Refusal> {
        let base = self.base;
        let meta: &mut Meta = self.changes.meta.get_or_insert_with(|| base.graph().meta.as_ref().clone());
        if let Some(name) = name {
            name.clone_into(&mut meta.name);
        }
        if let Some(description) = description {
            description.clone_into(&mut meta.description);
        }
        if let Some(tags) = tags {
            if let Some(bad) = tags.iter().find(|tag| !is_key(tag)) {
                return Err(Refusal::BadKey { what: "a tag", key: bad.clone() });
            }
            let sorted: BTreeSet<String> = tags.iter().cloned().collect();
            meta.tags = sorted.into_iter().collect();
        }
        // What others have made too long is no reason to refuse something else.
        let given =
            [("name", name.is_some()), ("description", description.is_some()), ("tags", tags.is_some())];
        let excess = words::excess(meta).find(|(field, _)| given.contains(&(*field, true)));
        excess.map_or(Ok(()), |(field, message)| Err(Refusal::field(field, message)))
    }

    fn set_setting(&mut self, key: &str, value: &Value) -> Result<(), Refusal> {
        if !is_key(key) {
            return Err(Refusal::BadKey { what: "a setting", key: key.to_owned() });
        }
        let value = normal(value).ok_or_else(|| Refusal::field(key, "the value is nested too deeply"))?;
        self.changes.settings.insert(key.to_owned(), (!value.is_null()).then_some(value));
        Ok(())
    }
}
