//! Edits inside one node's data: items of lists, and prose.

use serde_json::{Map, Value};

use super::fields::{Strictness, normal_field, normal_item, text};
use super::{Draft, Refusal};
use crate::doc::utf16;
use crate::fields::{FieldKind, FieldSpec, ItemSpec};
use crate::graph::Node;
use crate::order::{order_between, orders};
use crate::write::Splice;

type Items = Vec<Map<String, Value>>;

impl Draft<'_> {
    pub(super) fn add_item(
        &mut self,
        node: &str,
        field: &str,
        before: Option<&str>,
        item: &Map<String, Value>,
    ) -> Result<Option<String>, Refusal> {
        let mut id = None;
        self.change_list(node, field, |spec, items| {
            let mut item = normal_item(spec, item.clone(), Strictness::Typed, field, depth(field))?;
            let new = text(&item, "id").to_owned();
            if items.iter().any(|other| text(other, "id") == new) {
                return Err(Refusal::Exists { what: "an item", id: new });
            }
            // Where it goes is said by `before`.
            item.remove("order");
            place(items, item, before)?;
            id = Some(new);
            Ok(())
        })?;
        Ok(id)
    }

    pub(super) fn update_item(
        &mut self,
        node: &str,
        field: &str,
        item: &str,
        data: &Map<String, Value>,
    ) -> Result<(), Refusal> {
        self.change_list(node, field, |spec, items| {
            let at = find(items, item)?;
            for (name, value) in data {
                let path = format!("{field}/{item}/{name}");
                if matches!(name.as_str(), "id" | "order") || !crate::key::is_key(name) {
                    return Err(Refusal::BadKey { what: "a field", key: name.clone() });
                }
                match normal_field(spec.field(name), value, Strictness::Typed, &path, depth(field) + 2)? {
                    Some(value) => items[at].insert(name.clone(), value),
                    None => items[at].remove(name),
                };
            }
            Ok(())
        })
    }

    pub(super) fn remove_item(&mut self, node: &str, field: &str, item: &str) -> Result<(), Refusal> {
        self.change_list(node, field, |_, items| {
            let at = find(items, item)?;
            items.remove(at);
            Ok(())
        })
    }

    pub(super) fn move_item(
        &mut self,
        node: &str,
        field: &str,
        item: &str,
        before: Option<&str>,
    ) -> Result<(), Refusal> {
        if before == Some(item) {
            return Ok(());
        }
        self.change_list(node, field, |_, items| {
            let at = find(items, item)?;
            let item = items.remove(at);
            place(items, item, before)
        })
    }

    pub(super) fn edit_text(
        &mut self,
        node: &str,
        field: &str,
        index: u32,
        delete: u32,
        insert: &str,
    ) -> Result<(), Refusal> {
        let outside = || Refusal::field(field, "the text is not that long, or a character would be torn");
        self.change_field(node, field, |spec, current| {
            let FieldKind::Prose { .. } = spec.kind else {
                return Err(Refusal::field(field, "this is no prose"));
            };
            let old = current.as_ref().and_then(Value::as_str).unwrap_or("");
            let end = index.checked_add(delete).ok_or_else(outside)?;
            let (start, end) =
                (byte_at(old, index).ok_or_else(outside)?, byte_at(old, end).ok_or_else(outside)?);
            let new = format!("{}{insert}{}", &old[..start], &old[end..]);
            Ok((!new.is_empty()).then(|| Value::from(new)))
        })?;
        let path = field.split('/').map(str::to_owned).collect();
        self.splice(Splice { node: node.into(), path, index, delete, insert: insert.to_owned() });
        Ok(())
    }

    fn change_list(
        &mut self,
        node: &str,
        path: &str,
        change: impl FnOnce(&'static ItemSpec, &mut Items) -> Result<(), Refusal>,
    ) -> Result<(), Refusal> {
        self.change_field(node, path, |spec, current| {
            let FieldKind::List(item) = spec.kind else {
                return Err(Refusal::field(path, "this is no list"));
            };
            let mut items = items_of(current, path)?;
            change(item, &mut items)?;
            items.sort_by(|a, b| (text(a, "order"), text(a, "id")).cmp(&(text(b, "order"), text(b, "id"))));
            Ok(Some(Value::Array(items.into_iter().map(Value::Object).collect())))
        })?;
        self.rewritten(node);
        Ok(())
    }

    fn change_field(
        &mut self,
        id: &str,
        path: &str,
        change: impl FnOnce(&'static FieldSpec, Option<Value>) -> Result<Option<Value>, Refusal>,
    ) -> Result<(), Refusal> {
        let node = self.node_mut(id)?;
        let unknown = || Refusal::field(path, "there is no such field");
        let parts: Vec<&str> = path.split('/').collect();
        let field = node.spec().and_then(|spec| spec.field(parts[0])).ok_or_else(unknown)?;
        let current = take(node, parts[0]);
        if let Some(value) = descend(field, current, &parts[1..], path, Box::new(change))? {
            node.data.insert(parts[0].to_owned(), value);
        }
        Ok(())
    }
}

type Change<'a> = Box<dyn FnOnce(&'static FieldSpec, Option<Value>) -> Result<Option<Value>, Refusal> + 'a>;

fn take(node: &mut Node, name: &str) -> Option<Value> {
    node.data.remove(name)
}

/// Follows the path through lists and changes the value at its end.
fn descend(
    field: &'static FieldSpec,
    current: Option<Value>,
    rest: &[&str],
    path: &str,
    change: Change<'_>,
) -> Result<Option<Value>, Refusal> {
    let (id, name, rest) = match rest {
        [] => return change(field, current),
        [id, name, rest @ ..] => (*id, *name, rest),
        [_] => return Err(Refusal::field(path, "the path ends at an item, not at a field")),
    };
    let FieldKind::List(item) = field.kind else {
        return Err(Refusal::field(path, format!("{} is no list", field.name)));
    };
    let mut items = items_of(current, path)?;
    let at = find(&items, id)?;
    let inner = item.field(name).ok_or_else(|| Refusal::field(path, "there is no such field"))?;
    let value = items[at].remove(name);
    if let Some(value) = descend(inner, value, rest, path, change)? {
        items[at].insert(name.to_owned(), value);
    }
    Ok(Some(Value::Array(items.into_iter().map(Value::Object).collect())))
}

/// How many levels inside the node's data a field lies.
fn depth(path: &str) -> usize {
    path.split('/').count() - 1
}

/// The items of a list; a list that is not there yet has none.
fn items_of(value: Option<Value>, path: &str) -> Result<Items, Refusal> {
    let broken = || Refusal::field(path, "the list is not stored as one; set it whole");
    match value {
        None => Ok(Items::new()),
        Some(Value::Array(entries)) => {
            let item = |entry| if let Value::Object(item) = entry { Ok(item) } else { Err(broken()) };
            entries.into_iter().map(item).collect()
        }
        Some(_) => Err(broken()),
    }
}

fn find(items: &Items, id: &str) -> Result<usize, Refusal> {
    let at = items.iter().position(|item| text(item, "id") == id);
    at.ok_or_else(|| Refusal::NotFound { what: "item", id: id.to_owned() })
}

/// Puts an item before another or at the end. Where there is no room between the
/// neighbours' keys (two people chose the same), all items get new ones.
fn place(items: &mut Items, mut item: Map<String, Value>, before: Option<&str>) -> Result<(), Refusal> {
    let at = before.map_or(Ok(items.len()), |id| find(items, id))?;
    let left = at.checked_sub(1).map(|left| text(&items[left], "order"));
    let right = items.get(at).map(|right| text(right, "order"));
    let order = order_between(left, right);
    let crowded = order.is_none();
    item.insert("order".into(), Value::from(order.unwrap_or_default()));
    items.insert(at, item);
    if crowded {
        let fresh = orders(items.len());
        for (item, order) in items.iter_mut().zip(fresh) {
            item.insert("order".into(), Value::from(order));
        }
    }
    Ok(())
}

/// The byte at which so many UTF-16 units are passed; nothing if that is beyond
/// the end or inside a character.
fn byte_at(text: &str, units: u32) -> Option<usize> {
    let mut passed = 0;
    for (at, char) in text.char_indices() {
        if passed >= units {
            return (passed == units).then_some(at);
        }
        passed += utf16(char.encode_utf8(&mut [0; 4]));
    }
    (passed == units).then_some(text.len())
}
