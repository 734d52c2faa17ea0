//! Reading single values of the document, whatever they turn out to be.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::{Map as JsonMap, Value};
use yrs::{Any, Array as _, GetString as _, Map as _, MapRef, Out, ReadTxn};

use crate::diagnostic::{Code, Diagnostic};
use crate::fields::{FieldKind, FieldSpec, ItemSpec};
use crate::key::is_key;
use crate::order::{is_order, orders};
use crate::value::{DEPTH_MAX, Unfit, json_at};

/// Reads inside one entry, and collects what is wrong with it.
pub(super) struct Reader<'a, T> {
    pub(super) txn: &'a T,
    pub(super) findings: &'a mut Vec<Diagnostic>,
    /// Says which entry a finding belongs to.
    pub(super) owner: &'a dyn Fn(Diagnostic) -> Diagnostic,
}

impl<T: ReadTxn> Reader<'_, T> {
    pub(super) fn find(&mut self, code: Code, path: &str, message: impl Into<String>) {
        let finding = (self.owner)(Diagnostic::new(code, message));
        self.findings.push(if path.is_empty() { finding } else { finding.field(path) });
    }

    /// The members of something keyed, sorted: a shared map, or a plain object in
    /// its place. Members without a value and those with a bad key are left out.
    pub(super) fn members(&mut self, out: &Out, path: &str) -> Option<Vec<(String, Out)>> {
        let mut members: Vec<(String, Out)> = match out {
            Out::YMap(map) => map_members(self.txn, map),
            Out::Any(Any::Map(map)) => {
                map.iter().map(|(key, value)| (key.clone(), Out::Any(value.clone()))).collect()
            }
            _ => return None,
        };
        members.retain(|(_, value)| !matches!(value, Out::Any(Any::Null | Any::Undefined)));
        members.sort_by(|(a, _), (b, _)| a.cmp(b));
        let (good, bad): (Vec<_>, Vec<_>) = members.into_iter().partition(|(key, _)| is_key(key));
        for (key, _) in bad {
            self.find(Code::BadKey, path, format!("the key {} cannot be used", shown(&key)));
        }
        Some(good)
    }

    /// Says so where people's joint work is stored as one plain value.
    pub(super) fn warn_plain(&mut self, out: &Out, path: &str) {
        if matches!(out, Out::Any(_)) {
            self.find(Code::PlainValue, path, "this is stored as one plain value");
        }
    }

    pub(super) fn text(&mut self, out: &Out, path: &str) -> Option<String> {
        match out {
            Out::Any(Any::String(text)) => Some(text.to_string()),
            Out::YText(text) => Some(text.get_string(self.txn)),
            _ => {
                self.find(Code::WrongType, path, "expected a text");
                None
            }
        }
    }

    /// The fields of a node or an item, as the table says; unknown ones as they are.
    pub(super) fn fields(
        &mut self,
        members: Vec<(String, Out)>,
        spec: &dyn Fn(&str) -> Option<&'static FieldSpec>,
        path: &str,
        depth: usize,
    ) -> JsonMap<String, Value> {
        let mut fields = JsonMap::new();
        for (name, out) in members {
            let path = if path.is_empty() { name.clone() } else { format!("{path}/{name}") };
            let value = match spec(&name).map(|field| field.kind) {
                Some(FieldKind::Prose { .. }) => self.prose(&out, &path, depth),
                Some(FieldKind::List(item)) => self.list(&out, item, &path, depth),
                Some(FieldKind::Expressions) => {
                    if let Out::Any(Any::Map(_)) = &out {
                        self.warn_plain(&out, &path);
                    }
                    self.json(&out, &path, depth)
                }
                Some(_) | None => self.json(&out, &path, depth),
            };
            if !value.is_null() {
                fields.insert(name, value);
            }
        }
        fields
    }

    /// Prose as a text; empty prose reads as none.
    fn prose(&mut self, out: &Out, path: &str, depth: usize) -> Value {
        match out {
            Out::YText(text) => {
                let text = text.get_string(self.txn);
                if text.is_empty() { Value::Null } else { Value::String(text) }
            }
            Out::Any(Any::String(text)) => {
                self.warn_plain(out, path);
                if text.is_empty() { Value::Null } else { Value::String(text.to_string()) }
            }
            // The field's check says that this is no text.
            _ => self.json(out, path, depth),
        }
    }

    /// A list as an array of items with `id` and `order`, sorted by order, then id.
    fn list(&mut self, out: &Out, spec: &'static ItemSpec, path: &str, depth: usize) -> Value {
        // The items lie one level below the list.
        if depth + 1 > DEPTH_MAX {
            self.find(Code::TooDeep, path, "this is nested too deeply");
            return Value::Null;
        }
        let from_array = self.array_items(out);
        let items = match from_array {
            Some(items) => items,
            None => match self.members(out, path) {
                Some(members) => members,
                // The field's check says that this is no list.
                None => return self.json(out, path, depth),
            },
        };
        self.warn_plain(out, path);
        let mut read = Vec::with_capacity(items.len());
        for (id, out) in items {
            let path = format!("{path}/{id}");
            let Some(mut members) = self.members(&out, &path) else {
                self.find(Code::WrongType, &path, format!("expected {}", spec.name));
                continue;
            };
            let order = self.order(&mut members, &path);
            members.retain(|(key, _)| key != "id");
            let mut item = self.fields(members, &|name| spec.field(name), &path, depth + 2);
            item.insert("id".into(), Value::from(id));
            item.insert("order".into(), Value::from(order));
            read.push(item);
        }
        read.sort_by(|a, b| place(a).cmp(&place(b)));
        Value::Array(read.into_iter().map(Value::Object).collect())
    }

    pub(super) fn order(&mut self, members: &mut Vec<(String, Out)>, path: &str) -> String {
        let at = members.iter().position(|(key, _)| key == "order");
        match at.map(|at| members.remove(at).1) {
            Some(Out::Any(Any::String(order))) if is_order(&order) => order.to_string(),
            _ => {
                self.find(Code::BadOrder, path, "the item has no valid order");
                String::new()
            }
        }
    }

    /// The items of an array that stands where a list should: not how this schema
    /// keeps lists, but what it means is plain. Each gets an id of its own: the one it
    /// names, if no item before it does, or else its place.
    fn array_items(&self, out: &Out) -> Option<Vec<(String, Out)>> {
        let outs: Vec<Out> = match out {
            Out::Any(Any::Array(items)) => items.iter().cloned().map(Out::Any).collect(),
            Out::YArray(array) => array.iter(self.txn).collect(),
            _ => return None,
        };
        // All that are named come first: no place takes the id of a later item.
        let mut taken = BTreeSet::new();
        let named: Vec<Option<String>> =
            outs.iter().map(|out| item_id(out).filter(|id| taken.insert(id.clone()))).collect();
        let orders = orders(outs.len());
        let items = outs.into_iter().zip(named).zip(orders).enumerate();
        let item = |(at, ((out, id), order)): (usize, ((Out, Option<String>), String))| {
            (id.unwrap_or_else(|| place_id(at, &mut taken)), ordered(out, order))
        };
        Some(items.map(item).collect())
    }

    /// Any value as JSON.
    pub(super) fn json(&mut self, out: &Out, path: &str, depth: usize) -> Value {
        let mut unfit = None;
        let value = self.json_of(out, depth, &mut unfit);
        match unfit {
            Some(Unfit::NotJson) => self.find(Code::NotJson, path, "the value is no JSON"),
            Some(Unfit::TooDeep) => self.find(Code::TooDeep, path, "the value is nested too deeply"),
            None => {}
        }
        value
    }

    fn json_of(&self, out: &Out, depth: usize, unfit: &mut Option<Unfit>) -> Value {
        if depth > DEPTH_MAX && matches!(out, Out::YMap(_) | Out::YArray(_)) {
            *unfit = Some(Unfit::TooDeep);
            return Value::Null;
        }
        match out {
            Out::Any(any) => json_at(any, depth, unfit),
            Out::YText(text) => Value::String(text.get_string(self.txn)),
            Out::YMap(map) => {
                let mut members = map_members(self.txn, map);
                members.sort_by(|(a, _), (b, _)| a.cmp(b));
                let members = members.into_iter().map(|(key, out)| {
                    let value = self.json_of(&out, depth + 1, unfit);
                    (key, value)
                });
                Value::Object(members.collect())
            }
            Out::YArray(array) => {
                array.iter(self.txn).map(|out| self.json_of(&out, depth + 1, unfit)).collect()
            }
            // XML, sub-documents, types this release does not know.
            _ => {
                *unfit = Some(Unfit::NotJson);
                Value::Null
            }
        }
    }
}

fn map_members<T: ReadTxn>(txn: &T, map: &MapRef) -> Vec<(String, Out)> {
    map.iter(txn).map(|(key, out)| (key.to_owned(), out)).collect()
}

/// The id that an item of an array names.
fn item_id(out: &Out) -> Option<String> {
    let Out::Any(Any::Map(members)) = out else { return None };
    match members.get("id") {
        Some(Any::String(id)) if is_key(id) => Some(id.to_string()),
        _ => None,
    }
}

/// An id by the place in the array, the same whoever reads it.
fn place_id(at: usize, taken: &mut BTreeSet<String>) -> String {
    let mut id = at.to_string();
    let mut others = 1;
    while !taken.insert(id.clone()) {
        id = format!("{at}-{others}");
        others += 1;
    }
    id
}

/// An item of an array that says no order stands where the array has it.
fn ordered(out: Out, order: String) -> Out {
    let Out::Any(Any::Map(members)) = out else { return out };
    let mut members = Arc::unwrap_or_clone(members);
    members.entry("order".to_owned()).or_insert_with(|| Any::from(order));
    Out::Any(Any::Map(Arc::new(members)))
}

fn place(item: &JsonMap<String, Value>) -> (Option<&str>, Option<&str>) {
    (item.get("order").and_then(Value::as_str), item.get("id").and_then(Value::as_str))
}

/// A key as it may be shown: short, and with nothing invisible in it.
pub(super) fn shown(key: &str) -> String {
    let short: String = key.chars().take(40).collect();
    format!("{short:?}")
}
