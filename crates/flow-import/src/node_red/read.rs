//! The shape of an export, checked.

use std::collections::{BTreeMap, BTreeSet};

use flow_model::{EDGES_MAX, NODES_MAX};
use serde_json::Value;

use crate::ImportError;

/// Wires of an export at most: what passes on is joined, so there may be more of them
/// than edges.
const WIRES_MAX: usize = 2 * EDGES_MAX;
/// Entries of an export at most: nodes, tabs, groups, subflows and configurations.
const ENTRIES_MAX: usize = 2 * NODES_MAX;

#[derive(Default)]
pub(super) struct Export<'v> {
    pub(super) tabs: Vec<Tab<'v>>,
    pub(super) subflows: BTreeMap<&'v str, Subflow<'v>>,
    pub(super) groups: Vec<Group<'v>>,
    pub(super) items: Vec<Item<'v>>,
    pub(super) configs: Vec<Config<'v>>,
}

pub(super) struct Tab<'v> {
    pub(super) path: String,
    pub(super) id: &'v str,
    pub(super) label: &'v str,
    pub(super) info: &'v str,
    pub(super) disabled: bool,
}

pub(super) struct Subflow<'v> {
    pub(super) name: &'v str,
    /// Where a message goes that comes in.
    pub(super) entries: Vec<&'v str>,
    /// For each output, the nodes and the wires of theirs that lead out.
    pub(super) exits: Vec<Vec<(&'v str, usize)>>,
}

pub(super) struct Group<'v> {
    pub(super) path: String,
    pub(super) id: &'v str,
    pub(super) name: &'v str,
    pub(super) z: &'v str,
    pub(super) g: Option<&'v str>,
    pub(super) x: f64,
    pub(super) y: f64,
    pub(super) w: f64,
    pub(super) h: f64,
}

pub(super) struct Item<'v> {
    pub(super) path: String,
    pub(super) id: &'v str,
    pub(super) kind: &'v str,
    pub(super) name: &'v str,
    pub(super) value: &'v Value,
    pub(super) z: &'v str,
    pub(super) g: Option<&'v str>,
    pub(super) disabled: bool,
    pub(super) x: f64,
    pub(super) y: f64,
    pub(super) wires: Vec<Vec<&'v str>>,
}

/// What other nodes refer to, and no wire.
pub(super) struct Config<'v> {
    pub(super) id: &'v str,
    pub(super) kind: &'v str,
}

pub(super) fn export(value: &Value) -> Result<Export<'_>, ImportError> {
    let (entries, prefix) = match (value, value.get("flows")) {
        (Value::Array(entries), _) => (entries, ""),
        (_, Some(Value::Array(entries))) => (entries, "flows/"),
        _ => return Err(ImportError::new("", "expected a list of nodes")),
    };
    if entries.len() > ENTRIES_MAX {
        return Err(ImportError::new("", format!("there are more than {ENTRIES_MAX} entries")));
    }
    let (mut export, mut ids, mut wires) = (Export::default(), BTreeSet::new(), 0);
    for (at, entry) in entries.iter().enumerate() {
        let path = format!("{prefix}{at}");
        let (id, kind) = (required(entry, "id", &path)?, required(entry, "type", &path)?);
        if !ids.insert(id) {
            return Err(ImportError::new(format!("{path}/id"), "something else has this id"));
        }
        let text = |key: &str| entry.get(key).and_then(Value::as_str).unwrap_or("");
        let number = |key: &str| entry.get(key).and_then(Value::as_f64).unwrap_or(0.0);
        let flag = |key: &str| entry.get(key) == Some(&Value::Bool(true));
        let (z, g, x, y) = (text("z"), entry.get("g").and_then(Value::as_str), number("x"), number("y"));
        match kind {
            "tab" => export.tabs.push(Tab {
                path,
                id,
                label: text("label"),
                info: text("info"),
                disabled: flag("disabled"),
            }),
            "subflow" => {
                let subflow = subflow(entry, text("name"), &path)?;
                export.subflows.insert(id, subflow);
            }
            "group" => {
                let (w, h) = (number("w"), number("h"));
                export.groups.push(Group { path, id, name: text("name"), z, g, x, y, w, h });
            }
            _ if entry.get("wires").is_none() && entry.get("x").is_none() && entry.get("y").is_none() => {
                export.configs.push(Config { id, kind });
            }
            _ => {
                let own = wires_of(entry, &path)?;
                wires += own.iter().map(Vec::len).sum::<usize>();
                if wires > WIRES_MAX {
                    return Err(ImportError::new(path, format!("there are more than {WIRES_MAX} wires")));
                }
                let (name, disabled) = (text("name"), flag("d"));
                export.items.push(Item {
                    path,
                    id,
                    kind,
                    name,
                    value: entry,
                    z,
                    g,
                    disabled,
                    x,
                    y,
                    wires: own,
                });
            }
        }
    }
    Ok(export)
}

fn subflow<'v>(entry: &'v Value, name: &'v str, path: &str) -> Result<Subflow<'v>, ImportError> {
    let ends = |key: &str| -> Result<Vec<Vec<(&'v str, usize)>>, ImportError> {
        let mut ends = Vec::new();
        for (at, end) in array(entry.get(key), &format!("{path}/{key}"))?.iter().enumerate() {
            let path = format!("{path}/{key}/{at}/wires");
            let mut wires = Vec::new();
            for (at, wire) in array(end.get("wires"), &path)?.iter().enumerate() {
                let port = wire.get("port").and_then(Value::as_u64).unwrap_or(0);
                let port = usize::try_from(port).unwrap_or(usize::MAX);
                wires.push((required(wire, "id", &format!("{path}/{at}"))?, port));
            }
            ends.push(wires);
        }
        Ok(ends)
    };
    let entries = ends("in")?.into_iter().flatten().map(|(id, _)| id).collect();
    Ok(Subflow { name, entries, exits: ends("out")? })
}

fn wires_of<'v>(entry: &'v Value, path: &str) -> Result<Vec<Vec<&'v str>>, ImportError> {
    let mut wires = Vec::new();
    for (at, output) in array(entry.get("wires"), &format!("{path}/wires"))?.iter().enumerate() {
        let path = format!("{path}/wires/{at}");
        let mut targets = Vec::new();
        for (at, target) in array(Some(output), &path)?.iter().enumerate() {
            let target = target.as_str();
            targets.push(
                target
                    .ok_or_else(|| ImportError::new(format!("{path}/{at}"), "expected the id of a node"))?,
            );
        }
        wires.push(targets);
    }
    Ok(wires)
}

fn array<'v>(value: Option<&'v Value>, path: &str) -> Result<&'v [Value], ImportError> {
    match value {
        None | Some(Value::Null) => Ok(&[]),
        Some(Value::Array(items)) => Ok(items),
        Some(_) => Err(ImportError::new(path, "expected an array")),
    }
}

fn required<'v>(value: &'v Value, key: &str, path: &str) -> Result<&'v str, ImportError> {
    let text = value.get(key).and_then(Value::as_str);
    text.ok_or_else(|| ImportError::new(format!("{path}/{key}"), "expected a text"))
}
