//! Node-RED exports: a list of nodes with wires, tabs, groups and subflows.
//!
//! There, messages flow and every node acts on each; here, one run walks. The message
//! becomes variables (`msg.payload` is `payload`), the first trigger the start. A
//! subflow is copied to where it is used, and what only passes on is left out.

mod expand;
mod http;
mod logic;
mod nodes;
mod read;
mod values;
mod wires;

use serde_json::{Map, Value};

use crate::draft::{Draft, NewNode, Place};
use crate::note::NoteCode;
use crate::options::Options;
use crate::variables::Variables;
use crate::{Format, ImportError};
use expand::{Flat, Flats};

/// What every node has, and nothing else needs to know.
const COMMON: &[&str] = &[
    "id",
    "type",
    "z",
    "g",
    "x",
    "y",
    "w",
    "h",
    "wires",
    "name",
    "d",
    "l",
    "inputLabels",
    "outputLabels",
    "icon",
];

pub(crate) fn looks_like(value: &Value) -> bool {
    let entries = value.as_array().or_else(|| value.get("flows")?.as_array());
    entries.is_some_and(|entries| {
        !entries.is_empty()
            && entries.iter().all(|entry| {
                entry.get("id").is_some_and(Value::is_string)
                    && entry.get("type").is_some_and(Value::is_string)
            })
    })
}

pub(crate) fn import(value: &Value) -> Result<Draft, ImportError> {
    let export = read::export(value)?;
    let name = export.tabs.first().map_or("", |tab| tab.label);
    let mut importer = Importer { draft: Draft::new(Format::NodeRed, name), variables: Variables::default() };
    match &export.tabs[..] {
        [tab] => importer.draft.describe(tab.info),
        tabs => {
            for tab in tabs.iter().filter(|tab| !tab.info.is_empty()) {
                let message = format!("the description of the tab {} was left out", one_line(tab.label));
                importer.draft.note(None, NoteCode::OptionDropped, message);
            }
        }
    }
    for config in &export.configs {
        let message = format!("{} {} is no node of the canvas", one_line(config.kind), one_line(config.id));
        importer.draft.note(None, NoteCode::ConfigDropped, message);
    }
    let flats = expand::expand(&export, &mut importer.draft)?;
    importer.nodes(&flats)?;
    Ok(importer.draft)
}

struct Importer {
    draft: Draft,
    /// By where a value is kept there, such as `msg.payload` and `flow.count`.
    variables: Variables,
}

/// What a node becomes.
struct Made {
    node_type: String,
    data: Map<String, Value>,
    disabled: bool,
    /// The outputs that stand for its wires, in their order; the last stands for all
    /// that follow.
    outputs: Vec<String>,
    /// A node that comes right after it.
    then: Option<Map<String, Value>>,
}

impl Made {
    fn new(node_type: &str, data: Value) -> Self {
        let Value::Object(data) = data else { unreachable!("data is written as an object") };
        Self {
            node_type: node_type.to_owned(),
            data,
            disabled: false,
            outputs: vec!["out".into()],
            then: None,
        }
    }
}

impl Importer {
    fn nodes(&mut self, flats: &Flats<'_>) -> Result<(), ImportError> {
        for frame in &flats.frames {
            let node = NewNode {
                path: &frame.path,
                source_id: &frame.source_id,
                source_type: frame.source_type,
                node_type: "group",
                label: Some(&frame.label),
                disabled: false,
                parent: frame.parent.as_deref(),
                data: Map::new(),
                place: frame.place,
            };
            self.draft.add(&frame.id, node)?;
        }
        let start = flats.nodes.iter().position(|flat| flat.item.kind == "inject" && !flat.disabled);
        let start = start
            .or_else(|| flats.nodes.iter().position(|flat| flat.item.kind == "http in" && !flat.disabled));
        let mut exits: Vec<(String, Vec<String>)> = Vec::with_capacity(flats.nodes.len());
        for (at, flat) in flats.nodes.iter().enumerate() {
            if wires::passes_on(flat.item) {
                let message = format!("{} only passed on; its wires are joined", flat.item.kind);
                self.draft.note(None, NoteCode::Collapsed, message);
                exits.push((flat.id.clone(), Vec::new()));
            } else {
                exits.push(self.node(flat, start == Some(at))?);
            }
        }
        wires::connect(&mut self.draft, flats, &exits)
    }

    /// Adds a node; answers where its wires begin: the node, and its outputs.
    fn node(&mut self, flat: &Flat<'_>, is_start: bool) -> Result<(String, Vec<String>), ImportError> {
        let item = flat.item;
        let mut options = Options::of(Some(item.value));
        options.ignore(COMMON);
        let made = match item.kind {
            "inject" if is_start => Some(self.inject(&mut options, &flat.id)),
            "http in" if is_start => {
                self.draft.changed(
                    &flat.id,
                    "the flow is started by Interflow's API and not at an address of its own",
                );
                Some(Made::new("start", serde_json::json!({ "trigger": "api" })))
            }
            "inject" | "http in" => {
                self.draft.note(
                    Some(&flat.id),
                    NoteCode::SeveralStarts,
                    "another node starts the flow already",
                );
                None
            }
            _ => self.convert(item, &mut options, &flat.id),
        };
        let made = match made {
            Some(made) => {
                options.report(&mut self.draft, &flat.id);
                made
            }
            None => self.placeholder(flat),
        };
        let mut place = flat.place;
        let mut last = (flat.id.clone(), made.outputs);
        if let Some(data) = made.then {
            let id = self.draft.id(&format!("{}-payload", flat.id));
            let node = NewNode { node_type: "set", data, label: None, ..self.new_node(flat) };
            self.draft.add(&id, NewNode { disabled: flat.disabled, place, ..node })?;
            self.draft.connect(&flat.id, "out", &id)?;
            // Beside each other, as all nodes are.
            place = Place { x: place.x - 320.0, ..place };
            last = (id, vec!["out".into()]);
        }
        let disabled = flat.disabled || made.disabled;
        let node =
            NewNode { node_type: &made.node_type, data: made.data, disabled, place, ..self.new_node(flat) };
        self.draft.add(&flat.id, node)?;
        Ok(last)
    }

    fn new_node<'f>(&self, flat: &'f Flat<'_>) -> NewNode<'f> {
        NewNode {
            path: &flat.item.path,
            source_id: flat.item.id,
            source_type: flat.item.kind,
            node_type: "",
            label: Some(flat.item.name),
            disabled: flat.disabled,
            parent: flat.parent.as_deref(),
            data: Map::new(),
            place: flat.place,
        }
    }

    /// Stands for what has no counterpart: no release knows its type.
    fn placeholder(&mut self, flat: &Flat<'_>) -> Made {
        let (item, id) = (flat.item, flat.id.as_str());
        let mut data = self.draft.kept(id, item.value);
        let code = match item.kind {
            "function" => item.value.get("func"),
            "template" => item.value.get("template"),
            "exec" => item.value.get("command"),
            _ => None,
        };
        match code.and_then(Value::as_str) {
            Some(code) => {
                let code = self.draft.fit(id, code, 10_000);
                data.insert("code".into(), code.into());
                self.draft.note(
                    Some(id),
                    NoteCode::Code,
                    format!("{} holds code, which is not run", item.kind),
                );
            }
            None => {
                self.draft.note(
                    Some(id),
                    NoteCode::Placeholder,
                    format!("{} has no counterpart", one_line(item.kind)),
                );
            }
        }
        let outputs = (0..item.wires.len().max(1))
            .map(|at| if at == 0 { "out".to_owned() } else { format!("out-{}", at + 1) })
            .collect();
        Made {
            node_type: format!("node-red:{}", one_line(item.kind)),
            data,
            disabled: false,
            outputs,
            then: None,
        }
    }
}

fn one_line(text: &str) -> String {
    crate::text::cut(&crate::text::one_line(text), 80).0
}
