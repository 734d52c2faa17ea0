//! The shape of an export, checked; what blocks say is read later.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use flow_model::{EDGES_MAX, NODES_MAX};
use serde_json::Value;

use crate::ImportError;

pub(super) struct Export<'v> {
    pub(super) value: &'v Value,
    pub(super) name: &'v str,
    pub(super) events: Vec<Event<'v>>,
    pub(super) groups: Vec<Group<'v>>,
    pub(super) edges: Vec<Edge<'v>>,
    pub(super) variables: Vec<Variable<'v>>,
    /// From an item of a block to the group and block that its edge leads to.
    pub(super) item_edges: BTreeMap<(&'v str, &'v str), End<'v>>,
}

pub(super) struct Event<'v> {
    pub(super) path: String,
    pub(super) id: &'v str,
    pub(super) event_type: &'v str,
    pub(super) value: &'v Value,
    pub(super) x: f64,
    pub(super) y: f64,
}

pub(super) struct Group<'v> {
    pub(super) path: String,
    pub(super) id: &'v str,
    pub(super) title: &'v str,
    pub(super) x: f64,
    pub(super) y: f64,
    pub(super) blocks: Vec<Block<'v>>,
    pub(super) units: Vec<Unit>,
}

pub(super) struct Block<'v> {
    pub(super) path: String,
    pub(super) id: &'v str,
    pub(super) block_type: &'v str,
    pub(super) value: &'v Value,
}

impl Block<'_> {
    pub(super) fn starts(&self) -> bool {
        self.block_type == "start"
    }

    fn is_bubble(&self) -> bool {
        matches!(self.block_type, "text" | "image" | "video" | "audio" | "embed")
    }
}

/// The blocks of a group that become one node.
#[derive(Debug, Clone)]
pub(super) enum Unit {
    Bubbles(Range<usize>),
    Block(usize),
}

impl Unit {
    pub(super) fn range(&self) -> Range<usize> {
        match self {
            Self::Bubbles(range) => range.clone(),
            Self::Block(at) => *at..*at + 1,
        }
    }
}

pub(super) struct Edge<'v> {
    pub(super) path: String,
    /// A block or an event.
    pub(super) from: &'v str,
    /// An item of the block, or a path of an item.
    pub(super) item: Option<&'v str>,
    pub(super) to_group: Option<&'v str>,
    pub(super) to_block: Option<&'v str>,
}

/// The group and the block that an edge leads to.
pub(super) type End<'v> = (Option<&'v str>, Option<&'v str>);

pub(super) struct Variable<'v> {
    pub(super) id: &'v str,
    pub(super) name: &'v str,
    pub(super) value: Option<&'v Value>,
}

/// From a block and its item to the output that stands for the item.
pub(super) type ItemHandles<'v> = BTreeMap<(&'v str, &'v str), String>;

pub(super) fn export(value: &Value) -> Result<(Export<'_>, ItemHandles<'_>), ImportError> {
    if !value.is_object() {
        return Err(ImportError::new("", "expected an object"));
    }
    version(value)?;
    let mut ids = BTreeSet::new();
    let mut unique = |id: &str, path: &str| match ids.insert(id.to_owned()) {
        true => Ok(()),
        false => Err(ImportError::new(format!("{path}/id"), "something else has this id")),
    };
    let mut events = Vec::new();
    for (at, event) in array(value, "events", "", NODES_MAX)?.iter().enumerate() {
        let path = format!("events/{at}");
        let id = required(event, "id", &path)?;
        unique(id, &path)?;
        let (x, y) = coordinates(event);
        events.push(Event { id, event_type: required(event, "type", &path)?, value: event, x, y, path });
    }
    let mut groups = Vec::new();
    for (at, group) in array(value, "groups", "", NODES_MAX)?.iter().enumerate() {
        let path = format!("groups/{at}");
        let id = required(group, "id", &path)?;
        unique(id, &path)?;
        let mut blocks = Vec::new();
        for (at, block) in array(group, "blocks", &path, NODES_MAX)?.iter().enumerate() {
            let path = format!("{path}/blocks/{at}");
            let id = required(block, "id", &path)?;
            unique(id, &path)?;
            blocks.push(Block { id, block_type: required(block, "type", &path)?, value: block, path });
        }
        let title = group.get("title").and_then(Value::as_str).unwrap_or("");
        let (x, y) = coordinates(group);
        groups.push(Group { path, id, title, x, y, blocks, units: Vec::new() });
    }
    let edges = edges(value)?;
    let apart = Apart::of(&edges, &groups);
    for group in &mut groups {
        group.units = units(&group.blocks, &apart);
    }
    let handles = handles(&groups)?;
    let variables = variables(value)?;
    let name = value.get("name").and_then(Value::as_str).unwrap_or("");
    let item_edges = edges.iter();
    let item_edges =
        item_edges.filter_map(|edge| Some(((edge.from, edge.item?), (edge.to_group, edge.to_block))));
    let item_edges = item_edges.collect();
    Ok((Export { value, name, events, groups, edges, variables, item_edges }, handles))
}

fn version(value: &Value) -> Result<(), ImportError> {
    let version = match value.get("version") {
        // The oldest exports that had groups do not say.
        None | Some(Value::Null) => return Ok(()),
        Some(Value::String(text)) => text.as_str().split('.').next().and_then(|major| major.parse().ok()),
        Some(other) => other.as_u64(),
    };
    match version {
        Some(3..=6) => Ok(()),
        _ => Err(ImportError::new("version", "expected a version from 3 to 6")),
    }
}

fn edges(value: &Value) -> Result<Vec<Edge<'_>>, ImportError> {
    let mut edges = Vec::new();
    for (at, edge) in array(value, "edges", "", EDGES_MAX)?.iter().enumerate() {
        let path = format!("edges/{at}");
        let (from, to) = (edge.get("from"), edge.get("to"));
        let Some(source) = from.and_then(|from| from.get("blockId").or_else(|| from.get("eventId"))) else {
            return Err(ImportError::new(format!("{path}/from"), "expected a block or an event"));
        };
        let Some(source) = source.as_str() else {
            return Err(ImportError::new(format!("{path}/from"), "expected ids as texts"));
        };
        let item = from.and_then(|from| from.get("pathId").or_else(|| from.get("itemId")));
        edges.push(Edge {
            path,
            from: source,
            item: item.and_then(Value::as_str),
            to_group: to.and_then(|to| to.get("groupId")).and_then(Value::as_str),
            to_block: to.and_then(|to| to.get("blockId")).and_then(Value::as_str),
        });
    }
    Ok(edges)
}

fn variables(value: &Value) -> Result<Vec<Variable<'_>>, ImportError> {
    let mut variables = Vec::new();
    for (at, variable) in array(value, "variables", "", NODES_MAX)?.iter().enumerate() {
        let path = format!("variables/{at}");
        variables.push(Variable {
            id: required(variable, "id", &path)?,
            name: required(variable, "name", &path)?,
            value: variable.get("value"),
        });
    }
    Ok(variables)
}

/// Blocks that something leads to, and blocks that lead elsewhere: bubbles in a row
/// are one message only where nothing comes between them.
struct Apart<'v> {
    entered: BTreeSet<&'v str>,
    left: BTreeSet<&'v str>,
}

impl<'v> Apart<'v> {
    fn of(edges: &[Edge<'v>], groups: &[Group<'v>]) -> Self {
        let blocks = groups.iter().flat_map(|group| &group.blocks);
        let jumps = blocks.filter_map(|block| block.value.get("options")?.get("blockId")?.as_str());
        Self {
            entered: edges.iter().filter_map(|edge| edge.to_block).chain(jumps).collect(),
            left: edges.iter().map(|edge| edge.from).collect(),
        }
    }
}

fn units(blocks: &[Block<'_>], apart: &Apart<'_>) -> Vec<Unit> {
    let mut units: Vec<Unit> = Vec::new();
    for (at, block) in blocks.iter().enumerate() {
        if !block.is_bubble() {
            units.push(Unit::Block(at));
            continue;
        }
        match units.last_mut() {
            Some(Unit::Bubbles(range))
                if !apart.entered.contains(block.id) && !apart.left.contains(blocks[at - 1].id) =>
            {
                range.end = at + 1;
            }
            _ => units.push(Unit::Bubbles(at..at + 1)),
        }
    }
    units
}

/// The outputs that stand for items: their ids, made valid and unique in their block.
fn handles<'v>(groups: &[Group<'v>]) -> Result<ItemHandles<'v>, ImportError> {
    const OWN: &[&str] = &["out", "else", "error", "default", "invalid", "timeout"];
    let mut handles = BTreeMap::new();
    for block in groups.iter().flat_map(|group| &group.blocks) {
        let mut ids = Vec::new();
        for (at, item) in array(block.value, "items", &block.path, NODES_MAX)?.iter().enumerate() {
            let path = format!("{}/items/{at}", block.path);
            ids.push((required(item, "id", &path)?, path.clone()));
            for (at, way) in array(item, "paths", &path, NODES_MAX)?.iter().enumerate() {
                let path = format!("{path}/paths/{at}");
                ids.push((required(way, "id", &path)?, path));
            }
        }
        let mut taken: BTreeSet<String> = OWN.iter().map(|id| (*id).to_owned()).collect();
        taken.extend(ids.iter().map(|(id, _)| (*id).to_owned()));
        for (at, (id, path)) in ids.into_iter().enumerate() {
            let mut handle = id.to_owned();
            if !flow_model::is_key(id) || OWN.contains(&id) {
                handle = format!("item-{at}");
                while !taken.insert(handle.clone()) {
                    handle.push('-');
                }
            }
            if handles.insert((block.id, id), handle).is_some() {
                return Err(ImportError::new(format!("{path}/id"), "another item has this id"));
            }
        }
    }
    Ok(handles)
}

pub(super) fn array<'v>(
    value: &'v Value,
    key: &str,
    path: &str,
    max: usize,
) -> Result<&'v [Value], ImportError> {
    let at = || if path.is_empty() { key.to_owned() } else { format!("{path}/{key}") };
    match value.get(key) {
        None | Some(Value::Null) => Ok(&[]),
        Some(Value::Array(items)) if items.len() > max => {
            Err(ImportError::new(at(), format!("there are more than {max}")))
        }
        Some(Value::Array(items)) => Ok(items),
        Some(_) => Err(ImportError::new(at(), "expected an array")),
    }
}

fn required<'v>(value: &'v Value, key: &str, path: &str) -> Result<&'v str, ImportError> {
    let text = value.get(key).and_then(Value::as_str);
    text.ok_or_else(|| ImportError::new(format!("{path}/{key}"), "expected a text"))
}

fn coordinates(value: &Value) -> (f64, f64) {
    let number = |axis: &str| {
        let number = value.get("graphCoordinates").and_then(|place| place.get(axis)).and_then(Value::as_f64);
        number.unwrap_or(0.0)
    };
    (number("x"), number("y"))
}
