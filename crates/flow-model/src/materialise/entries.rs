//! Reading the entries of each root.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;
use yrs::{Any, MapRef, Out, ReadTxn};

use super::read::{Reader, shown};
use crate::SCHEMA;
use crate::diagnostic::{Code, Diagnostic};
use crate::fields::{TEST, spec};
use crate::graph::{Edge, Extra, Layout, Meta, Node, Test, Variable};
use crate::json::RESERVED;
use crate::key::is_key;

pub(super) fn meta<T: ReadTxn>(txn: &T, root: &MapRef, findings: &mut Vec<Diagnostic>) -> Meta {
    let mut reader = Reader { txn, findings, owner: &|finding| finding };
    let mut meta = Meta::default();
    for (key, out) in reader.members(&Out::YMap(root.clone()), "meta").unwrap_or_default() {
        let path = format!("meta/{key}");
        match key.as_str() {
            "schema" => meta.schema = reader.json(&out, &path, 0).as_i64(),
            "lineage" => meta.lineage = reader.text(&out, &path),
            "name" => meta.name = reader.text(&out, &path).unwrap_or_default(),
            "description" => meta.description = reader.text(&out, &path).unwrap_or_default(),
            "tags" => meta.tags = tags(&mut reader, &out),
            _ if RESERVED.contains(&key.as_str()) => {
                reader.find(Code::BadKey, &path, format!("the key {} is reserved", shown(&key)));
            }
            _ => extra(&mut reader, &mut meta.extra, key, &out, &path),
        }
    }
    if meta.schema != Some(SCHEMA) {
        reader.find(Code::UnsupportedSchema, "meta/schema", format!("expected schema {SCHEMA}"));
    }
    meta
}

fn tags<T: ReadTxn>(reader: &mut Reader<'_, T>, out: &Out) -> Vec<String> {
    let Some(members) = reader.members(out, "meta/tags") else {
        reader.find(Code::WrongType, "meta/tags", "expected a map of tags");
        return Vec::new();
    };
    reader.warn_plain(out, "meta/tags");
    let set = members.into_iter().filter(|(_, value)| matches!(value, Out::Any(Any::Bool(true))));
    set.map(|(tag, _)| tag).collect()
}

pub(super) fn settings<T: ReadTxn>(
    txn: &T,
    root: &MapRef,
    findings: &mut Vec<Diagnostic>,
) -> BTreeMap<String, Value> {
    let mut reader = Reader { txn, findings, owner: &|finding| finding };
    let mut settings = BTreeMap::new();
    for (key, out) in reader.members(&Out::YMap(root.clone()), "settings").unwrap_or_default() {
        let path = format!("settings/{key}");
        extra(&mut reader, &mut settings, key, &out, &path);
    }
    settings
}

pub(super) fn variable<T: ReadTxn>(
    txn: &T,
    name: &str,
    out: &Out,
    findings: &mut Vec<Diagnostic>,
) -> Option<Variable> {
    let mut reader = Reader { txn, findings, owner: &|finding| finding };
    let path = format!("variables/{}", if is_key(name) { name } else { "?" });
    let members = entry(&mut reader, name, out, &path, "a variable")?;
    let mut variable =
        Variable { value_type: "any".into(), default: None, description: None, extra: Extra::new() };
    for (key, out) in members {
        let path = format!("{path}/{key}");
        match key.as_str() {
            "type" => {
                if let Some(text) = reader.text(&out, &path) {
                    variable.value_type = text;
                }
            }
            "default" => {
                variable.default = Some(reader.json(&out, &path, 0)).filter(|value| !value.is_null());
            }
            "description" => variable.description = reader.text(&out, &path),
            _ => extra(&mut reader, &mut variable.extra, key, &out, &path),
        }
    }
    Some(variable)
}

/// A test case is read as an item of a list is, and lies as deep: two levels below the
/// list. Whatever is wrong with it keeps no flow from being published.
pub(super) fn test<T: ReadTxn>(
    txn: &T,
    id: &Arc<str>,
    out: &Out,
    findings: &mut Vec<Diagnostic>,
) -> Option<Test> {
    let mut reader = Reader { txn, findings, owner: &Diagnostic::as_warning };
    let path = format!("tests/{}", if is_key(id) { id } else { "?" });
    let mut members = entry(&mut reader, id, out, &path, "a test case")?;
    let order = reader.order(&mut members, &path);
    members.retain(|(key, _)| key != "id");
    let data = reader.fields(members, &|name| TEST.field(name), &path, 2);
    Some(Test { id: Arc::clone(id), order, data: data.into_iter().collect() })
}

pub(super) fn layout<T: ReadTxn>(
    txn: &T,
    id: &str,
    out: &Out,
    findings: &mut Vec<Diagnostic>,
) -> Option<Layout> {
    let mut reader = Reader { txn, findings, owner: &|finding| finding.node(&owner(id)) };
    if !is_key(id) || matches!(out, Out::Any(Any::Null | Any::Undefined)) {
        // The node's own entry, if there is one, says that its id is bad.
        return None;
    }
    let value = reader.json(out, "layout", 0);
    let number = |key: &str| value.get(key).and_then(Value::as_f64);
    if let (Some(x), Some(y)) = (number("x"), number("y")) {
        return Some(Layout { x, y, w: number("w"), h: number("h") });
    }
    reader.find(Code::WrongType, "layout", "expected x and y");
    None
}

pub(super) fn node<T: ReadTxn>(
    txn: &T,
    id: &Arc<str>,
    out: &Out,
    findings: &mut Vec<Diagnostic>,
) -> Option<Node> {
    let owner = |finding: Diagnostic| finding.node(&owner(id));
    let mut reader = Reader { txn, findings, owner: &owner };
    let members = entry(&mut reader, id, out, "", "a node")?;
    let mut node = Node {
        id: Arc::clone(id),
        node_type: String::new(),
        type_version: 1,
        label: None,
        disabled: false,
        parent: None,
        data: BTreeMap::new(),
        extra: Extra::new(),
    };
    let mut data = None;
    for (key, out) in members {
        match key.as_str() {
            "id" => {}
            "type" => node.node_type = reader.text(&out, "type").unwrap_or_default(),
            "typeVersion" => {
                match reader.json(&out, "typeVersion", 0).as_u64().and_then(|v| u32::try_from(v).ok()) {
                    Some(version) => node.type_version = version,
                    None => reader.find(Code::WrongType, "typeVersion", "expected a whole number"),
                }
            }
            "label" => node.label = reader.text(&out, "label"),
            "parent" => node.parent = reader.text(&out, "parent"),
            "disabled" => match out {
                Out::Any(Any::Bool(disabled)) => node.disabled = disabled,
                _ => reader.find(Code::WrongType, "disabled", "expected true or false"),
            },
            "data" => data = Some(out),
            _ => {
                let path = key.clone();
                extra(&mut reader, &mut node.extra, key, &out, &path);
            }
        }
    }
    if node.node_type.is_empty() {
        reader.find(Code::WrongType, "type", "a node needs a type");
        return None;
    }
    // After the type is known: it says what the fields are.
    if let Some(out) = data {
        reader.warn_plain(&out, "data");
        let known = spec(&node.node_type, node.type_version);
        match reader.members(&out, "data") {
            Some(members) => {
                let fields = reader.fields(members, &|name| known?.field(name), "", 0);
                node.data = fields.into_iter().collect();
            }
            None => reader.find(Code::WrongType, "data", "expected a map of fields"),
        }
    }
    Some(node)
}

pub(super) fn edge<T: ReadTxn>(
    txn: &T,
    id: &Arc<str>,
    out: &Out,
    findings: &mut Vec<Diagnostic>,
) -> Option<Edge> {
    let owner = |finding: Diagnostic| finding.edge(&owner(id));
    let mut reader = Reader { txn, findings, owner: &owner };
    let members = entry(&mut reader, id, out, "", "an edge")?;
    let (mut source, mut target) = (None, None);
    let (mut source_handle, mut target_handle, mut label) = (None, None, None);
    let mut rest = Extra::new();
    for (key, out) in members {
        match key.as_str() {
            "id" => {}
            "source" => source = reader.text(&out, "source"),
            "target" => target = reader.text(&out, "target"),
            "sourceHandle" => source_handle = reader.text(&out, "sourceHandle"),
            "targetHandle" => target_handle = reader.text(&out, "targetHandle"),
            "label" => label = reader.text(&out, "label"),
            _ => {
                let path = key.clone();
                extra(&mut reader, &mut rest, key, &out, &path);
            }
        }
    }
    let (Some(source), Some(target)) = (source, target) else {
        reader.find(Code::EdgeIncomplete, "", "an edge needs a source and a target");
        return None;
    };
    Some(Edge { id: Arc::clone(id), source, source_handle, target, target_handle, label, extra: rest })
}

/// The members of an entry, if its key and its shape are such that it can be read.
/// `null` in an entry's place is no entry.
fn entry<T: ReadTxn>(
    reader: &mut Reader<'_, T>,
    key: &str,
    out: &Out,
    path: &str,
    what: &str,
) -> Option<Vec<(String, Out)>> {
    if matches!(out, Out::Any(Any::Null | Any::Undefined)) {
        return None;
    }
    if !is_key(key) {
        reader.find(Code::BadKey, path, format!("the id {} cannot be used", shown(key)));
        return None;
    }
    let members = reader.members(out, path);
    match &members {
        Some(_) => reader.warn_plain(out, path),
        None => reader.find(Code::WrongType, path, format!("expected {what}")),
    }
    members
}

fn extra<T: ReadTxn>(
    reader: &mut Reader<'_, T>,
    extra: &mut BTreeMap<String, Value>,
    key: String,
    out: &Out,
    path: &str,
) {
    let value = reader.json(out, path, 0);
    if !value.is_null() {
        extra.insert(key, value);
    }
}

/// The id as findings name it: a bad one is shortened and made visible.
fn owner(id: &str) -> String {
    if is_key(id) { id.to_owned() } else { shown(id) }
}

#[cfg(test)]
mod tests;
