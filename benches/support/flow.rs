//! Flows of a given size, the same in every run, and clients that edit them.

use bytes::Bytes;
use flow_model::{Edit, FlowDoc, Position, initial_update};
use flow_protocol::{CheckedUpdate, UpdateLimits, check_update};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::scaled;

/// The sizes of flows that are compared, by the names they have in results.
pub(crate) const SIZES: [(&str, usize); 2] = [("100 nodes", 100), ("10,000 nodes", 10_000)];

/// Nodes of a large flow; it has half as many edges again.
pub(crate) fn large() -> usize {
    scaled(10_000)
}

/// Who wrote the flow, and who edits it.
const AUTHOR: u64 = 1_000_001;
const EDITOR: u64 = 2_000_002;

/// So many edits are one update of the flow's author.
const EDITS_AT_ONCE: usize = 500;

/// Every `edit` goes to one of the first so many nodes, in large flows as in small ones:
/// else the nodes of the one would have been edited more often than those of the other.
const EDITED: usize = 100;

/// A flow of an even number of nodes, in turn a message with prose and a condition with
/// two ways out, and three edges for every two nodes.
pub(crate) fn document(nodes: usize) -> FlowDoc {
    let mut doc = FlowDoc::new(Some(AUTHOR));
    doc.apply_update_v1(&first_update()).unwrap();
    let edits: Vec<Edit> =
        (0..nodes).map(add).chain((0..nodes).flat_map(|node| edges(node, nodes))).collect();
    for some in edits.chunks(EDITS_AT_ONCE) {
        doc.edit(some).unwrap();
    }
    doc
}

pub(crate) fn first_update() -> Bytes {
    initial_update(Uuid::from_u128(7), "Bench", "").into()
}

/// The same document, as another client has it.
pub(crate) fn copy(doc: &FlowDoc) -> FlowDoc {
    copy_as(doc, EDITOR)
}

pub(crate) fn copy_as(doc: &FlowDoc, client: u64) -> FlowDoc {
    let mut copy = FlowDoc::new(Some(client));
    copy.apply_update_v1(&doc.encode_state_v1()).unwrap();
    copy
}

pub(crate) fn checked(update: Bytes) -> CheckedUpdate {
    check_update(update, &UpdateLimits::default()).unwrap()
}

/// The update that these edits make.
pub(crate) fn update(doc: &mut FlowDoc, edits: &[Edit]) -> Bytes {
    doc.edit(edits).unwrap().update.unwrap().into()
}

fn id(node: usize) -> String {
    format!("node-{node:07}")
}

fn add(node: usize) -> Edit {
    let data = if node.is_multiple_of(2) {
        json!({ "blocks": [{ "id": "b1", "kind": "text", "text": prose(node) }] })
    } else {
        json!({ "branches": [{ "id": "yes", "kind": "expression", "expression": format!("score > {node}") }] })
    };
    let node_type = if node.is_multiple_of(2) { "message" } else { "condition" };
    add_node(&id(node), node_type, data)
}

pub(crate) fn add_node(id: &str, node_type: &str, data: Value) -> Edit {
    let data: Map<String, Value> = serde_json::from_value(data).unwrap();
    let position = Position { x: 128.0, y: 256.5, w: None, h: None };
    let (id, node_type) = (Some(id.to_owned()), node_type.to_owned());
    Edit::AddNode { id, node_type, label: Some("Question".into()), position, data, parent: None }
}

fn prose(node: usize) -> String {
    format!("Hello {{{{ name }}}}, this is message {node} of the flow. What would you like to do next?")
}

fn edges(node: usize, nodes: usize) -> Vec<Edit> {
    let edge = |handle: &str, target: usize| Edit::Connect {
        source: id(node),
        source_handle: Some(handle.to_owned()),
        target: id(target % nodes),
        target_handle: None,
        label: None,
    };
    if node.is_multiple_of(2) {
        vec![edge("out", node + 1)]
    } else {
        vec![edge("yes", node + 1), edge("else", node * 7 + 2)]
    }
}

/// The `nth` of a sequence of moves: a node's layout, overwritten.
pub(crate) fn move_node(nth: usize) -> Edit {
    let offset = f64::from(u32::try_from(nth % 10_000).unwrap());
    Edit::MoveNode { id: id(nth % EDITED), x: 130.5 + offset, y: 250.25, w: None, h: None, parent: None }
}

/// Letters typed into one message before the next: what somebody types in one go is one
/// piece of text to the library.
const TYPED: usize = 32;
/// The messages among the nodes that are edited.
const MESSAGES: usize = EDITED / 2;
/// So many letters are typed before the prose is written anew: reading it takes the
/// longer the more of its letters are or were there.
pub(crate) const LETTERS: usize = TYPED * MESSAGES;

/// The `nth` of a sequence of key strokes.
pub(crate) fn type_letter(nth: usize) -> Edit {
    Edit::EditText {
        node: id(nth / TYPED % MESSAGES * 2),
        field: "blocks/b1/text".into(),
        index: u32::try_from(nth % TYPED).unwrap(),
        delete: 0,
        insert: "e".into(),
    }
}

/// Gives every message that is edited its first prose again.
pub(crate) fn write_anew() -> Vec<Edit> {
    let anew = |message: usize| {
        let (node, field) = (id(message * 2), String::from("blocks"));
        let item = json!({ "id": "b1", "kind": "text", "text": prose(message * 2) });
        let item = serde_json::from_value(item).unwrap();
        let remove = Edit::RemoveItem { node: node.clone(), field: field.clone(), item: "b1".into() };
        [remove, Edit::AddItem { node, field, before: None, item }]
    };
    (0..MESSAGES).flat_map(anew).collect()
}
