use serde_json::json;

use super::*;
use crate::json::tests::{document, full};
use crate::{Edit, content_hash};

fn flow(json: &Value) -> FlowJson {
    FlowJson::from_value(json).expect("it is a flow")
}

fn exported(doc: &FlowDoc) -> FlowJson {
    FlowJson::from_graph(doc.graph())
}

fn copy(doc: &FlowDoc) -> FlowDoc {
    let mut copy = FlowDoc::new(None);
    copy.apply_update_v1(&doc.encode_state_v1()).unwrap();
    copy
}

fn edit(doc: &mut FlowDoc, json: &Value) -> Vec<u8> {
    let edits: Vec<Edit> = serde_json::from_value(json!([json])).unwrap();
    doc.edit(&edits).unwrap().update.unwrap()
}

fn message(text: &str) -> FlowJson {
    flow(&json!({
        "interflow": 1, "name": "Flow",
        "nodes": [{ "id": "m", "type": "input", "data": { "kind": "text", "variable": "v", "prompt": text } }],
    }))
}

fn prompt(doc: &FlowDoc) -> &str {
    doc.graph().nodes["m"].data["prompt"].as_str().unwrap()
}

/// There and back, between flows that have nothing and everything in common.
#[test]
fn a_replaced_flow_says_what_was_asked_and_nothing_else() {
    let mut other = full();
    other["name"] = json!("Other");
    other["tags"] = json!(["b"]);
    other.as_object_mut().unwrap().remove("future");
    other["nodes"][0]["type"] = json!("message");
    other["nodes"][0].as_object_mut().unwrap().remove("future");
    other["nodes"][2]["data"] = json!({});
    other["nodes"].as_array_mut().unwrap().remove(3);
    other["edges"][1].as_object_mut().unwrap().remove("future");
    other["edges"].as_array_mut().unwrap().remove(0);
    other["layout"] = json!({ "ask": { "x": 2.0, "y": 3.0 } });
    other["variables"]["answer"].as_object_mut().unwrap().remove("future");
    other["variables"]["more"] = json!({ "type": "any" });
    other["settings"] = json!({ "steps_per_turn": 5 });
    other["tests"][0].as_object_mut().unwrap().remove("future");
    other["tests"][1]["turns"].as_array_mut().unwrap().remove(0);
    other["tests"].as_array_mut().unwrap().remove(2);
    let flows = [flow(&full()), flow(&other), FlowJson::empty("Empty", "")];
    for from in &flows {
        for to in &flows {
            let mut doc = document(from);
            let lineage = doc.lineage();
            let edited = doc.replace(to);
            assert_eq!(exported(&doc), *to);
            assert_eq!(doc.lineage(), lineage);
            assert_eq!(content_hash(doc.graph()), content_hash(document(to).graph()));
            assert_eq!(edited.update.is_none(), from == to, "what is the same is not written");
            let back = doc.replace(from);
            assert_eq!((exported(&doc), back.update.is_none()), (from.clone(), from == to));
        }
    }
}

#[test]
fn what_others_do_meanwhile_elsewhere_stays() {
    let mut here = document(&message("Hello"));
    let mut there = copy(&here);
    let typed = edit(
        &mut there,
        &json!({ "op": "editText", "node": "m", "field": "prompt", "index": 5, "insert": " there" }),
    );
    let added = edit(&mut there, &json!({ "op": "addNode", "id": "new", "type": "message" }));
    let replaced = here.replace(&message("Oh, Hello")).update.unwrap();
    there.apply_update_v1(&replaced).unwrap();
    here.apply_update_v1(&typed).unwrap();
    here.apply_update_v1(&added).unwrap();
    assert_eq!(here.graph(), there.graph());
    assert_eq!(prompt(&here), "Oh, Hello there");
    assert!(here.graph().nodes.contains_key("new"));
}

#[test]
fn a_node_of_another_type_is_a_new_one() {
    let mut here = document(&message("Hello"));
    let mut there = copy(&here);
    let typed = edit(&mut there, &json!({ "op": "updateNode", "id": "m", "data": { "prompt": "Late" } }));
    let other =
        flow(&json!({ "interflow": 1, "name": "Flow", "nodes": [{ "id": "m", "type": "end", "data": {} }] }));
    here.replace(&other);
    here.apply_update_v1(&typed).unwrap();
    assert_eq!(here.graph().nodes["m"].node_type, "end");
    assert!(!here.graph().nodes["m"].data.contains_key("prompt"));
}
