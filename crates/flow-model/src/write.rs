//! Makes the document say what a draft says, writing only what differs.
//!
//! Nothing here can be refused: drafts are checked before. What is in the
//! document may still be of any shape, since others write to it too; an entry
//! that is not as this schema has it is written anew.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::Value;
use yrs::{Any, Map as _, MapPrelim, MapRef, Out, TextPrelim, TextRef, TransactionMut};

use crate::doc::{Roots, cut, replace_text};
use crate::fields::{FieldKind, FieldSpec, ItemSpec, TEST, spec};
use crate::graph::{Edge, Layout, Meta, Node, Test, Variable};
use crate::value::{to_any, to_json};

/// Entries as they should be; `None` where there should be none.
#[derive(Debug, Default)]
pub(crate) struct Changes {
    /// Made before everything else, at positions of the document as it was.
    pub(crate) splices: Vec<Splice>,
    /// Entries that go, before any is written: one that comes back under the same
    /// id is a new one, and inherits nothing.
    pub(crate) removed: Removed,
    pub(crate) meta: Option<Meta>,
    pub(crate) nodes: BTreeMap<Arc<str>, Option<Node>>,
    pub(crate) layout: BTreeMap<Arc<str>, Option<Layout>>,
    pub(crate) edges: BTreeMap<Arc<str>, Option<Edge>>,
    pub(crate) variables: BTreeMap<Arc<str>, Option<Variable>>,
    pub(crate) settings: BTreeMap<String, Option<Value>>,
    pub(crate) tests: BTreeMap<Arc<str>, Option<Arc<Test>>>,
}

#[derive(Debug, Default)]
pub(crate) struct Removed {
    pub(crate) nodes: BTreeSet<Arc<str>>,
    pub(crate) edges: BTreeSet<Arc<str>>,
    pub(crate) variables: BTreeSet<Arc<str>>,
    pub(crate) tests: BTreeSet<Arc<str>>,
}

/// An edit inside a prose field, in UTF-16 units.
#[derive(Debug)]
pub(crate) struct Splice {
    pub(crate) node: Arc<str>,
    /// Field, then item id and field, as often as lists are nested.
    pub(crate) path: Vec<String>,
    pub(crate) index: u32,
    pub(crate) delete: u32,
    pub(crate) insert: String,
}

pub(crate) fn write(txn: &mut TransactionMut<'_>, roots: &Roots, changes: &Changes) {
    for splice in &changes.splices {
        write_splice(txn, roots, splice);
    }
    let Removed { nodes, edges, variables, tests } = &changes.removed;
    for (root, ids) in
        [(&roots.nodes, nodes), (&roots.edges, edges), (&roots.variables, variables), (&roots.tests, tests)]
    {
        for id in ids {
            remove(txn, root, id);
        }
    }
    if let Some(meta) = &changes.meta {
        write_meta(txn, &roots.meta, meta);
    }
    for node in changes.nodes.values().flatten() {
        write_node(txn, &roots.nodes, node);
    }
    for (id, layout) in &changes.layout {
        set_json(txn, &roots.layout, id, layout.as_ref().map(layout_json).as_ref());
    }
    for edge in changes.edges.values().flatten() {
        write_edge(txn, &roots.edges, edge);
    }
    for (name, variable) in &changes.variables {
        if let Some(variable) = variable {
            write_variable(txn, &roots.variables, name, variable);
        }
    }
    for (key, value) in &changes.settings {
        set_json(txn, &roots.settings, key, value.as_ref());
    }
    for test in changes.tests.values().flatten() {
        write_test(txn, &roots.tests, test);
    }
}

/// A splice whose text is not there or is shorter is left out: the node is
/// written whole after it, so the text ends as the draft has it in any case.
fn write_splice(txn: &mut TransactionMut<'_>, roots: &Roots, splice: &Splice) {
    let Some(Out::YMap(node)) = roots.nodes.get(txn, &splice.node) else { return };
    let Some(mut at) = node.get(txn, "data") else { return };
    for key in &splice.path {
        let Out::YMap(map) = at else { return };
        let Some(next) = map.get(txn, key) else { return };
        at = next;
    }
    if let Out::YText(text) = at {
        cut(txn, &text, splice.index, splice.delete, &splice.insert);
    }
}

fn write_meta(txn: &mut TransactionMut<'_>, root: &MapRef, meta: &Meta) {
    let text = |text: &str| (!text.is_empty()).then(|| Value::from(text));
    set_json(txn, root, "schema", meta.schema.map(Value::from).as_ref());
    set_json(txn, root, "lineage", meta.lineage.as_deref().map(Value::from).as_ref());
    set_json(txn, root, "name", text(&meta.name).as_ref());
    set_json(txn, root, "description", text(&meta.description).as_ref());
    let (tags, fresh) = sub_map(txn, root, "tags");
    let wanted: BTreeSet<&str> = meta.tags.iter().map(String::as_str).collect();
    if !fresh {
        remove_others(txn, &tags, |key| wanted.contains(key));
    }
    for tag in wanted {
        set_json(txn, &tags, tag, Some(&Value::Bool(true)));
    }
    write_extra(txn, root, &meta.extra);
}

fn write_node(txn: &mut TransactionMut<'_>, root: &MapRef, node: &Node) {
    let (map, fresh) = sub_map(txn, root, &node.id);
    set_json(txn, &map, "type", Some(&Value::from(node.node_type.as_str())));
    set_json(txn, &map, "typeVersion", Some(&Value::from(node.type_version)));
    set_json(txn, &map, "label", node.label.as_deref().map(Value::from).as_ref());
    set_json(txn, &map, "disabled", node.disabled.then_some(Value::Bool(true)).as_ref());
    set_json(txn, &map, "parent", node.parent.as_deref().map(Value::from).as_ref());
    write_extra(txn, &map, &node.extra);

    let (data, data_fresh) = sub_map(txn, &map, "data");
    let known = spec(&node.node_type, node.type_version);
    let fields = known.map_or(&[][..], |spec| spec.fields);
    write_fields(txn, &data, fresh || data_fresh, fields, &|name| node.data.get(name), &mut node.data.keys());
}

fn write_edge(txn: &mut TransactionMut<'_>, root: &MapRef, edge: &Edge) {
    let (map, _) = sub_map(txn, root, &edge.id);
    set_json(txn, &map, "source", Some(&Value::from(edge.source.as_str())));
    set_json(txn, &map, "sourceHandle", edge.source_handle.as_deref().map(Value::from).as_ref());
    set_json(txn, &map, "target", Some(&Value::from(edge.target.as_str())));
    set_json(txn, &map, "targetHandle", edge.target_handle.as_deref().map(Value::from).as_ref());
    set_json(txn, &map, "label", edge.label.as_deref().map(Value::from).as_ref());
    write_extra(txn, &map, &edge.extra);
}

fn write_variable(txn: &mut TransactionMut<'_>, root: &MapRef, name: &str, variable: &Variable) {
    let (map, _) = sub_map(txn, root, name);
    set_json(txn, &map, "type", Some(&Value::from(variable.value_type.as_str())));
    set_json(txn, &map, "default", variable.default.as_ref());
    set_json(txn, &map, "description", variable.description.as_deref().map(Value::from).as_ref());
    write_extra(txn, &map, &variable.extra);
}

/// As an item of a list is written.
fn write_test(txn: &mut TransactionMut<'_>, root: &MapRef, test: &Test) {
    let (map, fresh) = sub_map(txn, root, &test.id);
    let order = Value::from(test.order.as_str());
    let value_of = |name: &str| if name == "order" { Some(&order) } else { test.data.get(name) };
    write_fields(txn, &map, fresh, TEST.fields, &value_of, &mut test.data.keys());
    set_json(txn, &map, "order", Some(&order));
}

/// Writes the fields of a node or an item. New ones get all their prose at once,
/// empty if need be: made later, by two people at a time, one text would be lost.
fn write_fields<'v>(
    txn: &mut TransactionMut<'_>,
    map: &MapRef,
    fresh: bool,
    fields: &'static [FieldSpec],
    value_of: &dyn Fn(&str) -> Option<&'v Value>,
    names: &mut dyn Iterator<Item = &'v String>,
) {
    let kind_of = |name: &str| fields.iter().find(|field| field.name == name).map(|field| field.kind);
    if !fresh {
        for key in keys(txn, map) {
            if value_of(&key).is_none() {
                match (kind_of(&key), map.get(txn, &key)) {
                    (Some(FieldKind::Prose { .. }), Some(Out::YText(text))) => {
                        replace_text(txn, &text, "");
                    }
                    _ => remove(txn, map, &key),
                }
            }
        }
    }
    for name in names {
        if let Some(value) = value_of(name) {
            write_value(txn, map, name, value, kind_of(name));
        }
    }
    if fresh {
        for field in fields {
            if matches!(field.kind, FieldKind::Prose { .. }) && value_of(field.name).is_none() {
                map.insert(txn, field.name, TextPrelim::new(""));
            }
        }
    }
}

fn write_value(
    txn: &mut TransactionMut<'_>,
    map: &MapRef,
    name: &str,
    value: &Value,
    kind: Option<FieldKind>,
) {
    match (kind, value) {
        (Some(FieldKind::Prose { .. }), Value::String(new)) => match map.get(txn, name) {
            Some(Out::YText(text)) => {
                replace_text(txn, &text, new);
            }
            _ => {
                let _text: TextRef = map.insert(txn, name, TextPrelim::new(new.as_str()));
            }
        },
        (Some(FieldKind::List(item)), Value::Array(entries)) if entries.iter().all(Value::is_object) => {
            write_list(txn, map, name, item, entries);
        }
        (Some(FieldKind::Expressions), Value::Object(members)) => {
            let (inner, _) = sub_map(txn, map, name);
            remove_others(txn, &inner, |key| members.contains_key(key));
            for (key, value) in members {
                set_json(txn, &inner, key, Some(value));
            }
        }
        _ => set_json(txn, map, name, Some(value)),
    }
}

fn write_list(
    txn: &mut TransactionMut<'_>,
    map: &MapRef,
    name: &str,
    spec: &'static ItemSpec,
    entries: &[Value],
) {
    let (list, _) = sub_map(txn, map, name);
    let id_of = |entry: &Value| entry.get("id").and_then(Value::as_str).map(str::to_owned);
    let wanted: BTreeSet<String> = entries.iter().filter_map(id_of).collect();
    remove_others(txn, &list, |key| wanted.contains(key));
    for entry in entries {
        let (Some(id), Value::Object(members)) = (id_of(entry), entry) else { continue };
        let (item, fresh) = sub_map(txn, &list, &id);
        // The id is the key, and not a member.
        let value_of = |name: &str| if name == "id" { None } else { members.get(name) };
        write_fields(txn, &item, fresh, spec.fields, &value_of, &mut members.keys());
    }
}

/// Keys this release does not know. No typed edit removes them; `null` does.
fn write_extra(txn: &mut TransactionMut<'_>, map: &MapRef, extra: &BTreeMap<String, Value>) {
    for (key, value) in extra {
        set_json(txn, map, key, (!value.is_null()).then_some(value));
    }
}

/// The shared map under a key, and whether it was made just now.
fn sub_map(txn: &mut TransactionMut<'_>, map: &MapRef, key: &str) -> (MapRef, bool) {
    if let Some(Out::YMap(inner)) = map.get(txn, key) {
        return (inner, false);
    }
    (map.insert(txn, key, MapPrelim::default()), true)
}

/// Sets a plain value, or removes it, unless the document says so already.
fn set_json(txn: &mut TransactionMut<'_>, map: &MapRef, key: &str, value: Option<&Value>) {
    let Some(value) = value else { return remove(txn, map, key) };
    if let Some(Out::Any(any)) = map.get(txn, key) {
        let mut unfit = None;
        if to_json(&any, &mut unfit) == *value && unfit.is_none() && any != Any::Undefined {
            return;
        }
    }
    map.insert(txn, key, to_any(value));
}

fn remove(txn: &mut TransactionMut<'_>, map: &MapRef, key: &str) {
    if map.contains_key(txn, key) {
        map.remove(txn, key);
    }
}

fn remove_others(txn: &mut TransactionMut<'_>, map: &MapRef, wanted: impl Fn(&str) -> bool) {
    for key in keys(txn, map) {
        if !wanted(&key) {
            remove(txn, map, &key);
        }
    }
}

/// Sorted, so that the same edit writes the same bytes.
fn keys(txn: &TransactionMut<'_>, map: &MapRef) -> Vec<String> {
    let mut keys: Vec<_> = map.keys(txn).map(str::to_owned).collect();
    keys.sort_unstable();
    keys
}

fn layout_json(layout: &Layout) -> Value {
    let value = serde_json::to_value(layout).expect("numbers under fixed names are JSON");
    crate::value::normal(&value).expect("two levels are not too deep")
}
