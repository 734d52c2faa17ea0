//! The flow under construction: what both importers put in, in the JSON form.

use std::collections::{BTreeMap, BTreeSet};

use flow_model::{EDGES_MAX, FlowJson, ID_LENGTH_MAX, NODES_MAX, edge_id, is_key};
use serde_json::{Map, Value, json};

use crate::bounds::SOURCE_BYTES_MAX;
use crate::note::{ImportNote, NOTES_MAX, NoteCode};
use crate::text::{cut, one_line};
use crate::{Format, ImportError};

/// Bytes of a foreign node's own JSON that its placeholder keeps; more is in
/// `meta.source` at best.
const KEPT_BYTES_MAX: usize = 32 * 1024;
/// Characters of a flow's name, and of labels.
const NAME_CHARS_MAX: usize = 200;
/// Characters of its description.
const DESCRIPTION_CHARS_MAX: usize = 2_000;
/// Coordinates farther out are brought back: editors lose themselves there.
const PLACE_MAX: f64 = 1_000_000.0;

pub(crate) struct Draft {
    format: Format,
    name: String,
    description: String,
    nodes: BTreeMap<String, Value>,
    layout: BTreeMap<String, Value>,
    edges: BTreeMap<String, Value>,
    /// Outputs that lead somewhere.
    outputs: BTreeMap<(String, String), usize>,
    variables: BTreeMap<String, Value>,
    ids: Ids,
    notes: Vec<ImportNote>,
}

/// A node on its way in.
pub(crate) struct NewNode<'a> {
    /// Where it is in the export.
    pub(crate) path: &'a str,
    /// Its id there.
    pub(crate) source_id: &'a str,
    pub(crate) source_type: &'a str,
    pub(crate) node_type: &'a str,
    pub(crate) label: Option<&'a str>,
    pub(crate) disabled: bool,
    pub(crate) parent: Option<&'a str>,
    pub(crate) data: Map<String, Value>,
    pub(crate) place: Place,
}

/// Where a node is drawn, relative to its parent.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Place {
    pub(crate) x: f64,
    pub(crate) y: f64,
    pub(crate) size: Option<(f64, f64)>,
}

impl Draft {
    pub(crate) fn new(format: Format, name: &str) -> Self {
        Self {
            format,
            name: cut(&one_line(name), NAME_CHARS_MAX).0,
            description: String::new(),
            nodes: BTreeMap::new(),
            layout: BTreeMap::new(),
            edges: BTreeMap::new(),
            outputs: BTreeMap::new(),
            variables: BTreeMap::new(),
            ids: Ids::default(),
            notes: Vec::new(),
        }
    }

    pub(crate) fn describe(&mut self, text: &str) {
        self.description = cut(text.trim(), DESCRIPTION_CHARS_MAX).0;
    }

    pub(crate) fn note(&mut self, node: Option<&str>, code: NoteCode, message: impl Into<String>) {
        if self.notes.len() + 1 < NOTES_MAX {
            let message = cut(&message.into(), 500).0;
            self.notes.push(ImportNote { node: node.map(str::to_owned), code, message });
        } else if self.notes.len() < NOTES_MAX {
            let message = format!("there are more than {NOTES_MAX} notes");
            self.notes.push(ImportNote { node: None, code: NoteCode::MoreNotes, message });
        }
    }

    /// A text for a field that holds so many UTF-16 units.
    pub(crate) fn fit(&mut self, node: &str, text: &str, units_max: usize) -> String {
        let (text, cut) = crate::text::fit(text, units_max);
        if cut {
            self.note(Some(node), NoteCode::TextCut, format!("a text is longer than {units_max} characters"));
        }
        text
    }

    pub(crate) fn dropped(&mut self, node: &str, option: &str) {
        self.note(Some(node), NoteCode::OptionDropped, format!("the option {option} has no counterpart"));
    }

    pub(crate) fn changed(&mut self, node: &str, how: impl Into<String>) {
        self.note(Some(node), NoteCode::Changed, how);
    }

    /// An id of the new flow for one of the export; the same one where it can be.
    pub(crate) fn id(&mut self, wanted: &str) -> String {
        let id = self.ids.take(wanted);
        if id != wanted {
            self.note(
                Some(&id),
                NoteCode::IdChanged,
                format!("the id {:?} cannot be used here", cut(wanted, 80).0),
            );
        }
        id
    }

    /// Adds a node under an id that [`Draft::id`] gave.
    pub(crate) fn add(&mut self, id: &str, node: NewNode<'_>) -> Result<(), ImportError> {
        if self.nodes.len() >= NODES_MAX {
            return Err(ImportError::new(node.path, format!("a flow has at most {NODES_MAX} nodes")));
        }
        let source = json!({
            "format": self.format.as_str(), "id": cut(node.source_id, 200).0, "type": cut(node.source_type, 200).0,
        });
        let mut form = json!({ "id": id, "type": node.node_type, "source": source });
        form["data"] = Value::Object(node.data);
        let label = node.label.map(|label| cut(&one_line(label), NAME_CHARS_MAX).0);
        if let Some(label) = label.filter(|label| !label.is_empty()) {
            form["label"] = label.into();
        }
        if node.disabled {
            form["disabled"] = true.into();
        }
        if let Some(parent) = node.parent {
            form["parent"] = parent.into();
        }
        self.layout.insert(id.to_owned(), node.place.to_value());
        self.nodes.insert(id.to_owned(), form);
        Ok(())
    }

    /// Draws an edge. A second one from the same output stays, too: which of them is
    /// meant only a person can say, and until then the flow cannot be published.
    pub(crate) fn connect(&mut self, source: &str, handle: &str, target: &str) -> Result<(), ImportError> {
        let id = edge_id(source, Some(handle), target, None);
        if self.edges.contains_key(&id) {
            return Ok(());
        }
        if self.edges.len() >= EDGES_MAX {
            return Err(ImportError::new("", format!("a flow has at most {EDGES_MAX} edges")));
        }
        let edges = self.outputs.entry((source.to_owned(), handle.to_owned())).or_default();
        *edges += 1;
        if *edges == 2 {
            self.note(
                Some(source),
                NoteCode::FanOut,
                format!("the output {handle:?} leads to several places"),
            );
        }
        let edge = json!({ "id": id, "source": source, "sourceHandle": handle, "target": target });
        self.edges.insert(id, edge);
        Ok(())
    }

    /// Whether this is the start, which no edge may lead to.
    pub(crate) fn is_start(&self, id: &str) -> bool {
        self.nodes.get(id).is_some_and(|node| node["type"] == "start")
    }

    /// Whether an edge begins at this output.
    pub(crate) fn leads_on(&self, source: &str, handle: &str) -> bool {
        self.outputs.contains_key(&(source.to_owned(), handle.to_owned()))
    }

    pub(crate) fn declare(&mut self, name: &str, value_type: &str, default: Option<Value>) {
        let mut form = json!({ "type": value_type });
        if let Some(default) = default.filter(crate::bounds::fits) {
            form["default"] = default;
        }
        self.variables.insert(name.to_owned(), form);
    }

    /// What a placeholder keeps of its node: its JSON as text, which nothing reads as
    /// anything else.
    pub(crate) fn kept(&mut self, id: &str, foreign: &Value) -> Map<String, Value> {
        let text = foreign.to_string();
        let mut data = Map::new();
        if text.len() <= KEPT_BYTES_MAX {
            data.insert("source".into(), text.into());
        } else {
            self.note(Some(id), NoteCode::TextCut, "the node's own JSON is too large to be kept in it");
        }
        data
    }

    /// The flow, with the export in `meta.source`. It is kept as text: then it comes
    /// out as it went in, however deep, and no member of it names a key of anything.
    pub(crate) fn finish(mut self, export: &Value) -> Result<(FlowJson, Vec<ImportNote>), ImportError> {
        let text = export.to_string();
        let mut source = json!({ "format": self.format.as_str(), "bytes": text.len() });
        if text.len() <= SOURCE_BYTES_MAX {
            source["json"] = text.into();
        } else {
            let message =
                format!("the export has {} bytes; flows keep {SOURCE_BYTES_MAX} at most", text.len());
            self.note(None, NoteCode::SourceLeftOut, message);
        }
        let nodes: Vec<Value> = self.nodes.into_values().collect();
        let edges: Vec<Value> = self.edges.into_values().collect();
        let form = json!({
            "interflow": flow_model::JSON_VERSION,
            "name": self.name,
            "description": self.description,
            "nodes": nodes,
            "edges": edges,
            "layout": self.layout,
            "variables": self.variables,
            "source": source,
        });
        Ok((FlowJson::from_value(&form)?, self.notes))
    }
}

impl Place {
    fn to_value(self) -> Value {
        let bounded =
            |number: f64| if number.is_finite() { number.round().clamp(-PLACE_MAX, PLACE_MAX) } else { 0.0 };
        let mut value = json!({ "x": bounded(self.x), "y": bounded(self.y) });
        if let Some((w, h)) = self.size {
            value["w"] = bounded(w).max(40.0).into();
            value["h"] = bounded(h).max(40.0).into();
        }
        value
    }
}

/// Ids that were given out.
#[derive(Debug, Default)]
struct Ids {
    taken: BTreeSet<String>,
    /// The number tried last for a text.
    numbers: BTreeMap<String, usize>,
}

impl Ids {
    fn take(&mut self, wanted: &str) -> String {
        if is_key(wanted) && self.taken.insert(wanted.to_owned()) {
            return wanted.to_owned();
        }
        let clean = |char: char| if char.is_control() || char == '/' { '-' } else { char };
        // Room for a number behind it.
        let mut base: String = wanted.chars().map(clean).take(ID_LENGTH_MAX - 12).collect();
        if !is_key(&base) {
            base = "node".into();
        }
        if self.taken.insert(base.clone()) {
            return base;
        }
        let number = self.numbers.entry(base.clone()).or_insert(1);
        loop {
            *number += 1;
            let id = format!("{base}-{number}");
            if self.taken.insert(id.clone()) {
                return id;
            }
        }
    }
}
