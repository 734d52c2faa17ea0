//! Values compared as the field table says: prose as text, items by their id.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use serde_json::Value;

use super::order::{Place, places};
use super::properties::Members;
use crate::fields::{FieldKind, FieldSpec};

/// One difference, and where.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct FieldChange {
    /// Field, then item id and field, as often as lists are nested; a field and a
    /// name for objects and named expressions.
    pub path: String,
    #[serde(flatten)]
    pub change: Change,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "camelCase")]
pub enum Change {
    /// Prose; empty where there is none.
    Text {
        before: String,
        after: String,
    },
    /// Any other value; left out where there is none.
    Value {
        #[serde(skip_serializing_if = "Option::is_none")]
        before: Option<Value>,
        #[serde(skip_serializing_if = "Option::is_none")]
        after: Option<Value>,
    },
    ItemAdded {
        item: Value,
    },
    ItemRemoved {
        item: Value,
    },
    /// From one place of the list to another, counted from 0 in each graph. Items
    /// that only make room are not said to move.
    ItemMoved {
        before: usize,
        after: usize,
    },
}

type SpecOf<'a> = &'a dyn Fn(&str) -> Option<&'static FieldSpec>;

/// The differences of two sets of fields, in the order of their names.
pub(super) fn compare(before: &Members<'_>, after: &Members<'_>, spec_of: SpecOf<'_>) -> Vec<FieldChange> {
    let mut changes = Vec::new();
    members(before, after, spec_of, "", &mut changes);
    changes
}

/// The differences of the items of two lists.
pub(super) fn compare_items(
    before: &Items<'_>,
    after: &Items<'_>,
    spec_of: SpecOf<'_>,
    path: &str,
) -> Vec<FieldChange> {
    let mut changes = Vec::new();
    items(before, after, spec_of, path, &mut changes);
    changes
}

fn members(
    before: &Members<'_>,
    after: &Members<'_>,
    spec_of: SpecOf<'_>,
    path: &str,
    changes: &mut Vec<FieldChange>,
) {
    // Sorted, each once.
    let names: BTreeSet<&str> = before.keys().chain(after.keys()).copied().collect();
    for name in names {
        let (old, new) = (before.get(name).map(Cow::as_ref), after.get(name).map(Cow::as_ref));
        if old != new {
            let path = if path.is_empty() { name.to_owned() } else { format!("{path}/{name}") };
            value(old, new, spec_of(name), &path, changes);
        }
    }
}

/// Two values that are not the same.
fn value(
    before: Option<&Value>,
    after: Option<&Value>,
    field: Option<&'static FieldSpec>,
    path: &str,
    changes: &mut Vec<FieldChange>,
) {
    let already = changes.len();
    match field.map(|field| field.kind) {
        Some(FieldKind::Prose { .. }) if is_text(before) && is_text(after) => {
            let text = |value: Option<&Value>| value.and_then(Value::as_str).unwrap_or("").to_owned();
            changes.push(change(path, Change::Text { before: text(before), after: text(after) }));
        }
        Some(FieldKind::List(item)) => {
            if let (Some(old), Some(new)) = (items_of(before), items_of(after)) {
                items(&old, &new, &|name| item.field(name), path, changes);
            }
        }
        Some(FieldKind::Object(item)) => {
            if let (Some(old), Some(new)) = (object(before), object(after)) {
                members(&old, &new, &|name| item.field(name), path, changes);
            }
        }
        Some(FieldKind::Expressions) => {
            if let (Some(old), Some(new)) = (object(before), object(after)) {
                members(&old, &new, &|_| None, path, changes);
            }
        }
        _ => {}
    }
    // Plain values; what is not of its field's kind; and what has the same parts and
    // is not the same yet, as an empty list and none.
    if changes.len() == already {
        changes.push(change(path, Change::Value { before: before.cloned(), after: after.cloned() }));
    }
}

fn items(
    before: &Items<'_>,
    after: &Items<'_>,
    spec_of: SpecOf<'_>,
    path: &str,
    changes: &mut Vec<FieldChange>,
) {
    for (id, (_, item)) in before.iter().filter(|(id, _)| !after.contains_key(*id)) {
        changes.push(change(&format!("{path}/{id}"), Change::ItemRemoved { item: (*item).clone() }));
    }
    for (id, (_, item)) in after.iter().filter(|(id, _)| !before.contains_key(*id)) {
        changes.push(change(&format!("{path}/{id}"), Change::ItemAdded { item: (*item).clone() }));
    }
    let both: Vec<_> = before.iter().filter_map(|(id, old)| Some((*id, *old, *after.get(id)?))).collect();
    let place = |&(_, (before, old), (after, new)): &(&str, Item<'_>, Item<'_>)| Place {
        before,
        after,
        kept: old.get("order") == new.get("order"),
    };
    let moved = places(&both.iter().map(place).collect::<Vec<_>>());
    for ((id, (before, old), (after, new)), moved) in both.into_iter().zip(moved) {
        let path = format!("{path}/{id}");
        if moved {
            changes.push(change(&path, Change::ItemMoved { before, after }));
        }
        // Items are objects, or they would have no id.
        if let (Some(mut old), Some(mut new)) = (object(Some(old)), object(Some(new))) {
            if moved {
                // Said already.
                old.remove("order");
                new.remove("order");
            }
            members(&old, &new, spec_of, &path, changes);
        }
    }
}

/// An item and its place in the list.
type Item<'v> = (usize, &'v Value);
pub(super) type Items<'v> = BTreeMap<&'v str, Item<'v>>;

/// The items of a list by id. Nothing where the value is no list of items; no value
/// is an empty list.
fn items_of(value: Option<&Value>) -> Option<Items<'_>> {
    let entries = match value {
        None => &[][..],
        Some(value) => value.as_array()?,
    };
    let mut items = Items::new();
    for (at, item) in entries.iter().enumerate() {
        if items.insert(item.get("id")?.as_str()?, (at, item)).is_some() {
            return None;
        }
    }
    Some(items)
}

fn object(value: Option<&Value>) -> Option<Members<'_>> {
    match value {
        None => Some(Members::new()),
        Some(Value::Object(members)) => {
            Some(members.iter().map(|(key, value)| (key.as_str(), Cow::Borrowed(value))).collect())
        }
        Some(_) => None,
    }
}

fn is_text(value: Option<&Value>) -> bool {
    value.is_none_or(Value::is_string)
}

fn change(path: &str, change: Change) -> FieldChange {
    FieldChange { path: path.to_owned(), change }
}
