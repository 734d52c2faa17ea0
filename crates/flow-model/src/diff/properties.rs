//! Entries as keys and values, the way the JSON form has them.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde_json::Value;

use crate::graph::{Edge, Extra, Meta, Node, Variable};

pub(super) type Members<'v> = BTreeMap<&'v str, Cow<'v, Value>>;

pub(super) fn members(values: &BTreeMap<String, Value>) -> Members<'_> {
    values.iter().map(|(key, value)| (key.as_str(), Cow::Borrowed(value))).collect()
}

pub(super) fn node(node: &Node) -> Members<'_> {
    let Node { id: _, node_type, type_version, label, disabled, parent, data: _, extra } = node;
    with(
        extra,
        [
            ("type", Some(Value::from(node_type.as_str()))),
            ("typeVersion", Some(Value::from(*type_version))),
            ("label", text(label.as_ref())),
            ("disabled", disabled.then_some(Value::Bool(true))),
            ("parent", text(parent.as_ref())),
        ],
    )
}

pub(super) fn edge(edge: &Edge) -> Members<'_> {
    let Edge { id: _, source, source_handle, target, target_handle, label, extra } = edge;
    with(
        extra,
        [
            ("source", text(Some(source))),
            ("sourceHandle", text(source_handle.as_ref())),
            ("target", text(Some(target))),
            ("targetHandle", text(target_handle.as_ref())),
            ("label", text(label.as_ref())),
        ],
    )
}

pub(super) fn variable(variable: &Variable) -> Members<'_> {
    let Variable { value_type, default, description, extra } = variable;
    with(
        extra,
        [
            ("type", text(Some(value_type))),
            ("default", default.clone()),
            ("description", text(description.as_ref())),
        ],
    )
}

/// Without schema and lineage, which belong to the document.
pub(super) fn meta(meta: &Meta) -> Members<'_> {
    let Meta { schema: _, lineage: _, name, description, tags, extra } = meta;
    with(
        extra,
        [
            ("name", text(Some(name))),
            ("description", text(Some(description))),
            ("tags", Some(Value::from(tags.as_slice()))),
        ],
    )
}

fn with<'v, const N: usize>(extra: &'v Extra, known: [(&'v str, Option<Value>); N]) -> Members<'v> {
    let known = known.into_iter().filter_map(|(key, value)| Some((key, Cow::Owned(value?))));
    members(extra).into_iter().chain(known).collect()
}

fn text(text: Option<&String>) -> Option<Value> {
    text.map(|text| Value::from(text.as_str()))
}
