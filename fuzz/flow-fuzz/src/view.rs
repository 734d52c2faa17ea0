//! What can be seen of a document, as text. `yjs.mjs` writes the same for yjs, so
//! that two texts compare two libraries: order, ids of types, values to the last bit.

use std::fmt::Write;

use yrs::branch::{BranchID, BranchPtr};
use yrs::types::text::{Diff, YChange};
use yrs::{Any, Array, ArrayRef, GetString, Map, MapRef, Number, Out, ReadTxn, Text, TextRef};

use crate::yjs::Seen;

/// What a document came to, as [`Seen`] has it from yjs.
pub(crate) fn seen(doc: &yrs::Doc) -> Seen {
    use yrs::Transact;
    let txn = doc.transact();
    let snapshot = txn.snapshot();
    let mut vector: Vec<_> =
        snapshot.state_map.iter().map(|(client, &clock)| (client.get(), clock)).collect();
    vector.sort_unstable();
    let mut deleted: Vec<(u64, u32, u32)> = Vec::new();
    for (client, ranges) in snapshot.delete_set.iter() {
        for range in ranges.iter().filter(|range| range.start < range.end) {
            match deleted.last_mut() {
                Some((of, clock, len)) if *of == client.get() && *clock + *len == range.start => {
                    *len += range.end - range.start;
                }
                Some(_) | None => deleted.push((client.get(), range.start, range.end - range.start)),
            }
        }
    }
    deleted.sort_unstable();
    let roots = txn.root_refs().map(|(name, root)| (name.to_owned(), root));
    let mut roots: Vec<_> =
        roots.filter_map(|(name, root)| Some((name, inside(&txn, branch_of(&root)?)))).collect();
    roots.retain(|(_, text)| text != "([]|)");
    roots.sort();
    let lines: Vec<_> = roots.into_iter().map(|(name, text)| format!("{}{text}", quoted(&name))).collect();
    Seen { vector, deleted, view: lines.join("\n") }
}

fn branch_of(out: &Out) -> Option<BranchPtr> {
    match out {
        Out::UndefinedRef(branch) => Some(*branch),
        other => other.try_branch().map(BranchPtr::from),
    }
}

fn inside<T: ReadTxn>(txn: &T, branch: BranchPtr) -> String {
    let map = MapRef::from(branch);
    let mut entries: Vec<_> = map.iter(txn).map(|(key, out)| (key.to_owned(), show(txn, &out))).collect();
    entries.sort();
    let entries: Vec<_> = entries.into_iter().map(|(key, text)| format!("{}={text}", quoted(&key))).collect();
    format!("({}|{})", sequence(txn, branch), entries.join(","))
}

/// Text, embeds and types in their order with their attributes; then, where there is
/// no text, every value. (An array's iterator does not end in text beyond the BMP.)
fn sequence<T: ReadTxn>(txn: &T, branch: BranchPtr) -> String {
    let text = TextRef::from(branch);
    let mut shown = String::new();
    // Neighbouring text with the same attributes is one: the text so far, its attributes.
    let mut run: Option<(String, String)> = None;
    for Diff { insert, attributes, .. } in text.diff(txn, YChange::identity) {
        let attributes = match attributes {
            Some(attributes) if !attributes.is_empty() => {
                object(attributes.iter().map(|(key, any)| (key.to_string(), any)))
            }
            Some(_) | None => String::new(),
        };
        match (insert, &mut run) {
            (Out::Any(Any::String(more)), Some((text, same))) if *same == attributes => text.push_str(&more),
            (Out::Any(Any::String(more)), _) => {
                shown.push_str(&end(run.replace((more.to_string(), attributes))));
            }
            (one, _) => {
                shown.push_str(&end(run.take()));
                shown.push_str(&show(txn, &one));
                shown.push_str(&attributes);
            }
        }
    }
    shown.push_str(&end(run));
    if text.get_string(txn).is_empty() {
        let values: Vec<_> = ArrayRef::from(branch).iter(txn).map(|out| show(txn, &out)).collect();
        shown.push_str(&format!("[{}]", values.join(",")));
    }
    shown
}

fn end(run: Option<(String, String)>) -> String {
    run.map_or_else(String::new, |(text, attributes)| format!("{}{attributes}", quoted(&text)))
}

fn show<T: ReadTxn>(txn: &T, out: &Out) -> String {
    let (kind, name) = match out {
        Out::Any(any) => return value(any),
        Out::YText(_) => ("text", None),
        Out::YArray(_) => ("array", None),
        Out::YMap(_) => ("map", None),
        Out::YXmlElement(element) => ("xmlelement", element.try_tag().map(|tag| quoted(tag))),
        Out::YXmlFragment(_) => ("xmlfragment", None),
        Out::YXmlText(_) => ("xmltext", None),
        Out::YDoc(_) | Out::UndefinedRef(_) => ("unknown", None),
    };
    let Some(branch) = branch_of(out) else { return kind.to_owned() };
    let id = match branch.id() {
        BranchID::Nested(id) => format!("{}:{}", id.client.get(), id.clock),
        BranchID::Root(name) => format!("root {name}"),
    };
    format!("{kind}{}@{id}{}", name.unwrap_or_default(), inside(txn, branch))
}

fn value(any: &Any) -> String {
    match any {
        Any::Null => "null".into(),
        Any::Undefined => "undefined".into(),
        Any::Bool(value) => value.to_string(),
        Any::Number(Number::Int(number)) => float(*number as f64),
        Any::Number(Number::Float(number)) => float(*number),
        Any::String(text) => quoted(text),
        Any::Buffer(bytes) => {
            let hex = bytes.iter().fold(String::new(), |mut hex, byte| {
                write!(hex, "{byte:02x}").expect("writing to a String cannot fail");
                hex
            });
            format!("<{hex}>")
        }
        Any::Array(items) => {
            let items: Vec<_> = items.iter().map(value).collect();
            format!("[{}]", items.join(","))
        }
        Any::Map(members) => object(members.iter().map(|(key, any)| (key.clone(), any))),
    }
}

/// −0 is 0 to everybody who asks.
fn float(number: f64) -> String {
    match number {
        number if number.is_nan() => "#nan".into(),
        0.0 => format!("#{:016x}", 0),
        number => format!("#{:016x}", number.to_bits()),
    }
}

fn object<'a>(members: impl Iterator<Item = (String, &'a Any)>) -> String {
    let mut members: Vec<_> = members.map(|(key, any)| (key, value(any))).collect();
    members.sort();
    let members: Vec<_> = members.into_iter().map(|(key, text)| format!("{}:{text}", quoted(&key))).collect();
    format!("{{{}}}", members.join(","))
}

/// As `JSON.stringify` writes it.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}
