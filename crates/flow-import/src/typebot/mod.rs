//! Typebot exports, versions 3 to 6: groups of blocks, edges, variables.
//!
//! A group becomes a group, each block in it a node, except that bubbles in a row
//! become one message. Blocks of a group follow each other; here edges say so.

mod bubbles;
mod conditions;
mod http;
mod inputs;
mod logic;
mod read;
mod rich_text;
mod values;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use crate::draft::{Draft, NewNode, Place};
use crate::note::NoteCode;
use crate::options::Options;
use crate::variables::Variables;
use crate::{Format, ImportError};
use read::{Block, Export, Group, Unit};

/// Typebot draws groups 300 wide and blocks some 60 high; here groups are as wide and
/// nodes 120 high, with room between them.
const SCALE: (f64, f64) = (1.2, 2.2);
const GROUP_WIDTH: f64 = 300.0;
const GROUP_HEAD: f64 = 60.0;
const NODE_STEP: f64 = 150.0;
const NODE_LEFT: f64 = 20.0;

pub(crate) fn import(value: &Value) -> Result<Draft, ImportError> {
    let (export, handles) = read::export(value)?;
    let mut importer = Importer {
        draft: Draft::new(Format::Typebot, export.name),
        variables: Variables::default(),
        by_id: BTreeMap::new(),
        nodes: BTreeMap::new(),
        firsts: BTreeMap::new(),
        handles,
        closed: BTreeSet::new(),
        by_items: BTreeSet::new(),
    };
    importer.declare(&export);
    importer.places(&export);
    importer.starts(&export)?;
    for group in &export.groups {
        importer.group(group, &export)?;
    }
    importer.edges(&export)?;
    for group in &export.groups {
        importer.follow(group)?;
    }
    for part in ["theme", "settings"] {
        if export.value.get(part).and_then(Value::as_object).is_some_and(|members| !members.is_empty()) {
            importer.draft.note(
                None,
                NoteCode::OptionDropped,
                format!("the bot's {part} has no counterpart"),
            );
        }
    }
    Ok(importer.draft)
}

struct Importer<'v> {
    draft: Draft,
    /// By the names that texts use.
    variables: Variables,
    /// From a variable's id to its name there.
    by_id: BTreeMap<&'v str, &'v str>,
    /// From a block, group or event to its node.
    nodes: BTreeMap<&'v str, Target>,
    /// From a group to the node that edges into it lead to.
    firsts: BTreeMap<&'v str, String>,
    /// From a block and its item to the output that stands for the item.
    handles: BTreeMap<(&'v str, &'v str), String>,
    /// Nodes that cannot be entered.
    closed: BTreeSet<String>,
    /// Nodes that have an output for an item.
    by_items: BTreeSet<String>,
}

#[derive(Debug, Clone)]
struct Target {
    id: String,
    /// The output that leads on when nothing special happens; none for nodes that
    /// lead nowhere by an edge.
    handle: Option<&'static str>,
}

/// What a block becomes.
struct Made {
    node_type: String,
    data: Map<String, Value>,
}

impl Made {
    fn new(node_type: &str, data: Value) -> Self {
        let Value::Object(data) = data else { unreachable!("data is written as an object") };
        Self { node_type: node_type.to_owned(), data }
    }
}

impl<'v> Importer<'v> {
    fn declare(&mut self, export: &Export<'v>) {
        for variable in &export.variables {
            self.by_id.insert(variable.id, variable.name);
            let (name, new) = self.variables.name(variable.name);
            if !new {
                // Two of one name are one in texts; so they are here.
                continue;
            }
            if name != variable.name {
                let message = format!("the variable {:?} is called {name}", variable.name);
                self.draft.note(None, NoteCode::VariableRenamed, message);
            }
            let default = variable.value.filter(|value| !value.is_null()).cloned();
            let value_type = if default.as_ref().is_some_and(Value::is_array) { "list" } else { "any" };
            self.draft.declare(&name, value_type, default);
        }
    }

    /// Gives every block its node, so that jumps and edges find it.
    fn places(&mut self, export: &Export<'v>) {
        for event in &export.events {
            let id = self.draft.id(event.id);
            self.closed.insert(id.clone());
            self.nodes.insert(event.id, Target { id, handle: Some("out") });
        }
        for group in &export.groups {
            let frame = self.draft.id(group.id);
            self.closed.insert(frame.clone());
            self.nodes.insert(group.id, Target { id: frame, handle: None });
            for unit in &group.units {
                let blocks = &group.blocks[unit.range()];
                let id = self.draft.id(blocks[0].id);
                let handle = match blocks[0].block_type {
                    "Condition" => Some("else"),
                    "Jump" => None,
                    _ => Some("out"),
                };
                for block in blocks {
                    self.nodes.insert(block.id, Target { id: id.clone(), handle });
                }
                if blocks[0].starts() {
                    self.closed.insert(id.clone());
                }
                self.firsts.entry(group.id).or_insert(id);
            }
        }
    }

    fn starts(&mut self, export: &Export<'v>) -> Result<(), ImportError> {
        let mut started = export.groups.iter().any(|group| group.blocks.iter().any(Block::starts));
        for event in &export.events {
            let id = self.nodes[event.id].id.clone();
            let is_start = event.event_type == "start";
            let made = if is_start && !started {
                started = true;
                Made::new("start", json!({ "trigger": "chat" }))
            } else {
                let message = format!("the event {} has no counterpart", event.event_type);
                self.draft.note(Some(&id), NoteCode::Placeholder, message);
                let data = self.draft.kept(&id, event.value);
                Made { node_type: foreign(event.event_type), data }
            };
            let node = NewNode {
                path: &event.path,
                source_id: event.id,
                source_type: event.event_type,
                node_type: &made.node_type,
                label: is_start.then_some("Start"),
                disabled: false,
                parent: None,
                data: made.data,
                place: Place { x: event.x * SCALE.0, y: event.y * SCALE.1, size: None },
            };
            self.draft.add(&id, node)?;
        }
        Ok(())
    }

    fn group(&mut self, group: &Group<'v>, export: &Export<'v>) -> Result<(), ImportError> {
        let frame = self.nodes[group.id].id.clone();
        let rows = u32::try_from(group.units.len()).unwrap_or(u32::MAX);
        let node = NewNode {
            path: &group.path,
            source_id: group.id,
            source_type: "group",
            node_type: "group",
            label: Some(group.title),
            disabled: false,
            parent: None,
            data: Map::new(),
            place: Place {
                x: group.x * SCALE.0,
                y: group.y * SCALE.1,
                size: Some((GROUP_WIDTH, GROUP_HEAD + NODE_STEP * f64::from(rows.max(1)))),
            },
        };
        self.draft.add(&frame, node)?;
        let mut y = GROUP_HEAD;
        for unit in &group.units {
            let blocks = &group.blocks[unit.range()];
            let id = self.nodes[blocks[0].id].id.clone();
            let made = self.unit(unit, blocks, &id, export)?;
            let node = NewNode {
                path: &blocks[0].path,
                source_id: blocks[0].id,
                source_type: blocks[0].block_type,
                node_type: &made.node_type,
                label: None,
                disabled: false,
                parent: Some(&frame),
                data: made.data,
                place: Place { x: NODE_LEFT, y, size: None },
            };
            self.draft.add(&id, node)?;
            y += NODE_STEP;
        }
        Ok(())
    }

    fn unit(
        &mut self,
        unit: &Unit,
        blocks: &[Block<'v>],
        id: &str,
        export: &Export<'v>,
    ) -> Result<Made, ImportError> {
        if let Unit::Bubbles(_) = unit {
            return Ok(bubbles::message(self, blocks, id));
        }
        let block = &blocks[0];
        let mut options = Options::of(block.value.get("options"));
        let made = match block.block_type {
            "start" => Some(Made::new("start", json!({ "trigger": "chat" }))),
            "Condition" => Some(conditions::condition(self, block, id)?),
            "Webhook" => http::request(self, block, &mut options, id),
            kind if kind.ends_with(" input") => inputs::input(self, block, &mut options, id, export)?,
            _ => logic::block(self, block, &mut options, id),
        };
        if made.is_none() || matches!(block.block_type, "Condition" | "choice input" | "picture choice input")
        {
            self.by_items.insert(id.to_owned());
        }
        match made {
            Some(made) => {
                options.report(&mut self.draft, id);
                Ok(made)
            }
            None => Ok(self.placeholder(block, id)),
        }
    }

    /// Stands for what has no counterpart: no release knows its type.
    fn placeholder(&mut self, block: &Block<'v>, id: &str) -> Made {
        let mut data = self.draft.kept(id, block.value);
        let options = block.value.get("options");
        let code = ["content", "expressionToEvaluate"]
            .into_iter()
            .find_map(|key| options?.get(key)?.as_str())
            .filter(|_| matches!(block.block_type, "Code" | "Set variable"));
        match code {
            Some(code) => {
                let code = self.draft.fit(id, code, 10_000);
                data.insert("code".into(), code.into());
                let message = format!("{} holds code, which is not run", block.block_type);
                self.draft.note(Some(id), NoteCode::Code, message);
            }
            None => {
                let message = format!("{} has no counterpart", crate::text::cut(block.block_type, 80).0);
                self.draft.note(Some(id), NoteCode::Placeholder, message);
            }
        }
        Made { node_type: foreign(block.block_type), data }
    }

    fn edges(&mut self, export: &Export<'v>) -> Result<(), ImportError> {
        for edge in &export.edges {
            let source = self.nodes.get(edge.from).cloned();
            let target = self.target(edge.to_group, edge.to_block);
            let (Some(source), Some(target)) = (source, target) else {
                let message = format!("the edge {} begins or ends at something that is not there", edge.path);
                self.draft.note(None, NoteCode::DanglingEdge, message);
                continue;
            };
            let handle = match edge.item {
                Some(_) if !self.by_items.contains(&source.id) => None,
                Some(item) => self.handles.get(&(edge.from, item)).cloned(),
                None => source.handle.map(str::to_owned),
            };
            match handle {
                Some(handle) => self.draft.connect(&source.id, &handle, &target)?,
                None => {
                    let message = format!("the edge {} leaves by an output that is not there", edge.path);
                    self.draft.note(Some(&source.id), NoteCode::DanglingEdge, message);
                }
            }
        }
        Ok(())
    }

    /// The output of a block that stands for one of its items.
    fn handle(&self, block: &'v str, item: &'v str) -> String {
        self.handles.get(&(block, item)).cloned().unwrap_or_default()
    }

    /// The node that an edge or a jump leads to.
    fn target(&self, group: Option<&str>, block: Option<&str>) -> Option<String> {
        let target = match block {
            // An edge to a block that is gone leads to the group's first, as there.
            Some(block) if self.nodes.contains_key(block) => {
                self.nodes.get(block).map(|target| target.id.clone())
            }
            _ => self.firsts.get(group?).cloned(),
        };
        target.filter(|id| !self.closed.contains(id))
    }

    /// Blocks of a group follow each other, wherever no edge leads elsewhere.
    fn follow(&mut self, group: &Group<'v>) -> Result<(), ImportError> {
        for pair in group.units.windows(2) {
            let (block, next) = (&group.blocks[pair[0].range()][0], &group.blocks[pair[1].range()][0]);
            let (source, next) = (self.nodes[block.id].clone(), self.nodes[next.id].id.clone());
            if self.closed.contains(&next) {
                continue;
            }
            let mut handles: Vec<String> = source.handle.iter().map(|handle| (*handle).to_owned()).collect();
            if block.block_type == "Condition" {
                let branches = self.handles.range((block.id, "")..);
                let branches = branches.take_while(|((owner, _), _)| *owner == block.id);
                handles.extend(branches.map(|(_, handle)| handle.clone()));
            }
            for handle in handles {
                if !self.draft.leads_on(&source.id, &handle) {
                    self.draft.connect(&source.id, &handle, &next)?;
                }
            }
        }
        Ok(())
    }
}

/// The type of a placeholder.
fn foreign(block_type: &str) -> String {
    format!("typebot:{}", crate::text::cut(&crate::text::one_line(block_type), 80).0)
}
