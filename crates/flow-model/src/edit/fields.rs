//! Values on their way into a draft: brought into the form in which the graph
//! would read them back.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use super::Refusal;
use crate::fields::{FieldKind, FieldSpec, ItemSpec, TEST};
use crate::graph::Test;
use crate::key::{is_key, random_id};
use crate::order::{is_order, orders};
use crate::validate::mistyped;
use crate::value::normal_at;

/// What happens to a value of the wrong type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Strictness {
    /// It is refused.
    Typed,
    /// It is kept as one plain value, as an export of such a flow has it.
    AsIs,
}

type SpecOf<'a> = &'a dyn Fn(&str) -> Option<&'static FieldSpec>;

/// The fields of a node's `data`.
pub(crate) fn normal_data(
    fields: &Map<String, Value>,
    spec_of: SpecOf<'_>,
    strictness: Strictness,
) -> Result<BTreeMap<String, Value>, Refusal> {
    Ok(normal_fields(fields, spec_of, strictness, "", 0)?.into_iter().collect())
}

/// Fields with a value, in normal form; `null` is no value.
fn normal_fields(
    fields: &Map<String, Value>,
    spec_of: SpecOf<'_>,
    strictness: Strictness,
    path: &str,
    depth: usize,
) -> Result<Map<String, Value>, Refusal> {
    let mut all = Map::new();
    for (name, value) in fields {
        let path = if path.is_empty() { name.clone() } else { format!("{path}/{name}") };
        if !is_key(name) {
            return Err(Refusal::BadKey { what: "a field", key: name.clone() });
        }
        if let Some(value) = normal_field(spec_of(name), value, strictness, &path, depth)? {
            all.insert(name.clone(), value);
        }
    }
    Ok(all)
}

pub(super) fn normal_field(
    field: Option<&FieldSpec>,
    value: &Value,
    strictness: Strictness,
    path: &str,
    depth: usize,
) -> Result<Option<Value>, Refusal> {
    let value =
        normal_at(value, depth).ok_or_else(|| Refusal::field(path, "the value is nested too deeply"))?;
    if value.is_null() {
        return Ok(None);
    }
    let Some(field) = field else { return Ok(Some(value)) };
    if strictness == Strictness::Typed
        && let Some(finding) = mistyped(field, &value, path)
    {
        return Err(finding.into());
    }
    Ok(match (field.kind, value) {
        (FieldKind::Prose { .. }, Value::String(text)) if text.is_empty() => None,
        (FieldKind::Expressions, Value::Object(members)) => {
            if let Some(key) = members.keys().find(|key| !is_key(key)) {
                return Err(Refusal::BadKey { what: "a name", key: key.clone() });
            }
            Some(Value::Object(members))
        }
        (FieldKind::List(item), Value::Array(entries)) if entries.iter().all(Value::is_object) => {
            Some(normal_list(item, entries, strictness, path, depth)?)
        }
        (_, value) => Some(value),
    })
}

fn normal_list(
    spec: &'static ItemSpec,
    entries: Vec<Value>,
    strictness: Strictness,
    path: &str,
    depth: usize,
) -> Result<Value, Refusal> {
    let (mut items, mut ids) = (Vec::with_capacity(entries.len()), BTreeSet::new());
    for entry in entries {
        let Value::Object(members) = entry else { continue };
        let item = normal_item(spec, members, strictness, path, depth)?;
        if !ids.insert(text(&item, "id").to_owned()) {
            return Err(Refusal::Exists { what: "an item", id: text(&item, "id").to_owned() });
        }
        items.push(item);
    }
    // Items come in the order they are meant to have. Where their keys say another
    // one, or say nothing, they get new keys.
    let placed = items.iter().all(|item| {
        let order = item.get("order").and_then(Value::as_str);
        order.is_some_and(|order| is_order(order) || (strictness == Strictness::AsIs && order.is_empty()))
    });
    let key = |item: &Map<String, Value>| (text(item, "order").to_owned(), text(item, "id").to_owned());
    if !placed || !items.is_sorted_by_key(key) {
        let fresh = orders(items.len());
        for (item, order) in items.iter_mut().zip(fresh) {
            item.insert("order".into(), Value::from(order));
        }
    }
    Ok(Value::Array(items.into_iter().map(Value::Object).collect()))
}

/// Test cases as a list has them, with ids and an order.
pub(crate) fn normal_tests(entries: &[Value]) -> Result<Vec<Test>, Refusal> {
    let list = normal_list(&TEST, entries.to_vec(), Strictness::AsIs, "tests", 0)?;
    let Value::Array(items) = list else { return Ok(Vec::new()) };
    Ok(items
        .into_iter()
        .filter_map(|item| if let Value::Object(item) = item { Some(test(item)) } else { None })
        .collect())
}

/// An item with an id, as a test case.
pub(super) fn test(mut item: Map<String, Value>) -> Test {
    let (id, order) = (text(&item, "id").into(), text(&item, "order").to_owned());
    item.remove("id");
    item.remove("order");
    Test { id, order, data: item.into_iter().collect() }
}

/// One item, with an id, of a list that lies so many levels deep.
pub(super) fn normal_item(
    spec: &'static ItemSpec,
    mut members: Map<String, Value>,
    strictness: Strictness,
    path: &str,
    depth: usize,
) -> Result<Map<String, Value>, Refusal> {
    let id = match members.remove("id") {
        None | Some(Value::Null) => random_id(),
        Some(Value::String(id)) if is_key(&id) => id,
        Some(other) => return Err(Refusal::BadKey { what: "an id of an item", key: other.to_string() }),
    };
    let order = members.remove("order");
    let path = format!("{path}/{id}");
    let mut item = normal_fields(&members, &|name| spec.field(name), strictness, &path, depth + 2)?;
    item.insert("id".into(), Value::from(id));
    if let Some(order @ Value::String(_)) = order {
        item.insert("order".into(), order);
    }
    Ok(item)
}

pub(super) fn text<'v>(item: &'v Map<String, Value>, key: &str) -> &'v str {
    item.get(key).and_then(Value::as_str).unwrap_or("")
}
