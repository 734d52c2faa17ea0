use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use serde_json::json;

use super::*;
use crate::json::tests::{document, full};
use crate::{Code, FlowDoc, FlowJson, edge_id};

fn edits(json: Value) -> Vec<Edit> {
    let list = if json.is_array() { json } else { json!([json]) };
    serde_json::from_value(list).expect("the edits are well formed")
}

fn flow(edits_json: Value) -> FlowDoc {
    let mut doc = document(&FlowJson::empty("Flow", ""));
    doc.edit(&edits(edits_json)).expect("the edits are allowed");
    doc
}

fn data(doc: &FlowDoc, node: &str) -> Value {
    serde_json::to_value(&doc.graph().nodes[node].data).unwrap()
}

/// Two documents that have exchanged everything.
fn exchange(a: &mut FlowDoc, b: &mut FlowDoc) {
    let (from_a, from_b) = (a.encode_state_v1(), b.encode_state_v1());
    a.apply_update_v1(&from_b).unwrap();
    b.apply_update_v1(&from_a).unwrap();
    assert_eq!(a.graph(), b.graph());
}

fn copy(doc: &FlowDoc) -> FlowDoc {
    let mut copy = FlowDoc::new(None);
    copy.apply_update_v1(&doc.encode_state_v1()).unwrap();
    copy
}

#[test]
fn every_edit_does_what_it_says() {
    let mut doc = flow(json!([
        { "op": "addNode", "id": "start", "type": "start", "position": { "x": 10, "y": 20 } },
        { "op": "addNode", "id": "ask", "type": "input", "label": "Ask", "data": { "variable": "age", "kind": "number", "prompt": "How old?" } },
        { "op": "connect", "source": "start", "target": "ask", "label": "go" },
        { "op": "setVariable", "name": "age", "type": "number", "default": 18 },
        { "op": "setMeta", "name": "New", "tags": ["b", "a", "b"] },
        { "op": "setSetting", "key": "steps", "value": 5 },
        { "op": "updateNode", "id": "ask", "label": null, "disabled": true, "data": { "min": 0, "kind": null } },
        { "op": "moveNode", "id": "ask", "x": 1.5, "y": -1, "w": 100 },
    ]));
    let edge = edge_id("start", Some("out"), "ask", None);
    let graph = serde_json::to_value(doc.graph()).unwrap();
    assert_eq!(
        graph["nodes"]["ask"],
        json!({
            "id": "ask", "type": "input", "typeVersion": 1, "disabled": true,
            "data": { "variable": "age", "prompt": "How old?", "min": 0 },
        })
    );
    assert_eq!(
        graph["layout"],
        json!({ "start": { "x": 10.0, "y": 20.0 }, "ask": { "x": 1.5, "y": -1.0, "w": 100.0 } })
    );
    assert_eq!(
        graph["edges"][&edge],
        json!({
            "id": edge, "source": "start", "sourceHandle": "out", "target": "ask", "label": "go",
        })
    );
    assert_eq!(graph["variables"], json!({ "age": { "type": "number", "default": 18 } }));
    assert_eq!((&graph["meta"]["name"], &graph["meta"]["tags"]), (&json!("New"), &json!(["a", "b"])));
    assert_eq!(graph["settings"], json!({ "steps": 5 }));

    doc.edit(&edits(json!([
        { "op": "updateEdge", "id": edge, "label": null },
        { "op": "removeVariable", "name": "age" },
        { "op": "setSetting", "key": "steps", "value": null },
    ])))
    .unwrap();
    assert_eq!(doc.graph().edges[edge.as_str()].label, None);
    assert!(doc.graph().variables.is_empty() && doc.graph().settings.is_empty());
    doc.edit(&edits(json!({ "op": "disconnect", "source": "start", "target": "ask" }))).unwrap();
    assert!(doc.graph().edges.is_empty());
}

#[test]
fn removing_a_node_takes_its_edges_and_its_layout_along() {
    let mut doc = flow(json!([
        { "op": "addNode", "id": "a", "type": "set" }, { "op": "addNode", "id": "b", "type": "set" },
        { "op": "addNode", "id": "c", "type": "set" },
        { "op": "connect", "source": "a", "target": "b" }, { "op": "connect", "source": "b", "target": "c" },
        { "op": "connect", "source": "b", "target": "b" }, { "op": "connect", "source": "c", "target": "a" },
    ]));
    doc.edit(&edits(json!({ "op": "removeNode", "id": "b" }))).unwrap();
    assert_eq!(doc.graph().nodes.len(), 2);
    assert_eq!(doc.graph().layout.len(), 2);
    assert_eq!(
        doc.graph().edges.keys().map(|id| &**id).collect::<Vec<_>>(),
        [edge_id("c", Some("out"), "a", None)]
    );
}

#[test]
fn what_comes_back_under_an_old_id_inherits_nothing() {
    let mut doc = document(&FlowJson::from_value(&full()).unwrap());
    let edge = edge_id("ask", Some("o2"), "odd", None);
    doc.edit(&edits(json!([
        { "op": "disconnect", "id": edge }, { "op": "connect", "source": "ask", "sourceHandle": "o2", "target": "odd" },
        { "op": "removeVariable", "name": "answer" }, { "op": "setVariable", "name": "answer" },
    ])))
    .unwrap();
    doc.edit(&edits(
        json!([{ "op": "removeNode", "id": "ask" }, { "op": "addNode", "id": "ask", "type": "input" }]),
    ))
    .unwrap();
    let ask = &doc.graph().nodes["ask"];
    assert!(ask.extra.is_empty() && ask.data.is_empty() && !ask.disabled);
    assert!(doc.graph().variables["answer"].extra.is_empty());
    assert!(!doc.graph().edges.contains_key(edge.as_str()));
}

#[test]
fn removing_a_group_leaves_what_it_held_where_it_was_seen() {
    let mut doc = flow(json!([
        { "op": "addNode", "id": "outer", "type": "group", "position": { "x": 100, "y": 100 } },
        { "op": "addNode", "id": "inner", "type": "group", "position": { "x": 10, "y": 20 }, "parent": "outer" },
        { "op": "addNode", "id": "a", "type": "set", "position": { "x": 1, "y": 2 }, "parent": "inner" },
    ]));
    doc.edit(&edits(json!({ "op": "removeNode", "id": "inner" }))).unwrap();
    assert_eq!(doc.graph().nodes["a"].parent.as_deref(), Some("outer"));
    assert_eq!((doc.graph().layout["a"].x, doc.graph().layout["a"].y), (11.0, 22.0));
}

#[test]
fn an_edit_that_says_nothing_new_writes_nothing() {
    let mut doc = flow(json!([
        { "op": "addNode", "id": "a", "type": "message", "data": { "blocks": [{ "id": "b", "text": "Hi" }] } },
        { "op": "addNode", "id": "b", "type": "set" }, { "op": "connect", "source": "a", "target": "b" },
    ]));
    let state = doc.encode_state_v1();
    let edited = doc.edit(&edits(json!([
        { "op": "updateNode", "id": "a", "data": { "blocks": [{ "id": "b", "text": "Hi" }] } },
        { "op": "connect", "source": "a", "sourceHandle": "out", "target": "b" },
        { "op": "moveNode", "id": "a", "x": 0, "y": 0 },
        { "op": "setMeta", "name": "Flow" },
        { "op": "editText", "node": "a", "field": "blocks/b/text", "index": 1 },
    ])));
    assert_eq!(edited.unwrap().update, None);
    assert_eq!(doc.encode_state_v1(), state);
}

#[test]
fn a_refused_edit_takes_the_whole_list_with_it() {
    let base = json!([
        { "op": "addNode", "id": "a", "type": "input" }, { "op": "addNode", "id": "g", "type": "group" },
        { "op": "addNode", "id": "h", "type": "group", "parent": "g" }, { "op": "addNode", "id": "s", "type": "start" },
    ]);
    for (edit, code) in [
        (json!({ "op": "addNode", "id": "a", "type": "set" }), "exists"),
        (json!({ "op": "addNode", "id": "", "type": "set" }), "bad_key"),
        (json!({ "op": "addNode", "id": "__proto__", "type": "set" }), "bad_key"),
        (json!({ "op": "addNode", "type": "nonsense" }), "unknown_node_type"),
        (json!({ "op": "addNode", "type": "input", "data": { "min": "1", "kind": "number" } }), "bad_field"),
        (json!({ "op": "addNode", "type": "message", "data": { "blocks": {} } }), "bad_field"),
        (
            json!({ "op": "addNode", "type": "message", "data": { "blocks": [{ "id": "x" }, { "id": "x" }] } }),
            "exists",
        ),
        (json!({ "op": "addNode", "type": "message", "data": { "blocks": [{ "id": "a/b" }] } }), "bad_key"),
        (json!({ "op": "addNode", "type": "set", "data": { "__proto__": 1 } }), "bad_key"),
        (json!({ "op": "addNode", "type": "set", "parent": "a" }), "bad_parent"),
        (json!({ "op": "updateNode", "id": "nobody" }), "not_found"),
        (json!({ "op": "moveNode", "id": "g", "x": 0, "y": 0, "parent": "h" }), "bad_parent"),
        (json!({ "op": "moveNode", "id": "g", "x": 0, "y": 0, "parent": "g" }), "bad_parent"),
        (json!({ "op": "removeNode", "id": "nobody" }), "not_found"),
        (json!({ "op": "connect", "source": "a", "target": "nobody" }), "not_found"),
        (
            json!({ "op": "connect", "source": "a", "sourceHandle": "nowhere", "target": "a" }),
            "unknown_handle",
        ),
        (json!({ "op": "connect", "source": "a", "target": "s" }), "no_input"),
        (json!({ "op": "updateEdge", "id": "nothing" }), "not_found"),
        (json!({ "op": "disconnect" }), "no_edge_named"),
        (json!({ "op": "disconnect", "id": "nothing" }), "not_found"),
        (json!({ "op": "setVariable", "name": "not a name" }), "bad_key"),
        (json!({ "op": "removeVariable", "name": "nothing" }), "not_found"),
        (json!({ "op": "setMeta", "tags": ["\u{0}"] }), "bad_key"),
        (json!({ "op": "setMeta", "name": "x".repeat(201) }), "bad_field"),
        (json!({ "op": "setMeta", "description": "x".repeat(5_001) }), "bad_field"),
        (
            json!({ "op": "setMeta", "tags": (0..65).map(|at| at.to_string()).collect::<Vec<_>>() }),
            "bad_field",
        ),
        (json!({ "op": "setSetting", "key": "", "value": 1 }), "bad_key"),
        (json!({ "op": "addItem", "node": "a", "field": "prompt" }), "bad_field"),
        (json!({ "op": "addItem", "node": "a", "field": "options/x/y" }), "not_found"),
        (json!({ "op": "addItem", "node": "a", "field": "options", "before": "x" }), "not_found"),
        (json!({ "op": "removeItem", "node": "a", "field": "options", "item": "x" }), "not_found"),
        (
            json!({ "op": "editText", "node": "a", "field": "variable", "index": 0, "insert": "x" }),
            "bad_field",
        ),
        (json!({ "op": "editText", "node": "a", "field": "prompt", "index": 1, "insert": "x" }), "bad_field"),
    ] {
        let mut doc = flow(base.clone());
        let state = doc.encode_state_v1();
        let list = edits(json!([{ "op": "addNode", "id": "new", "type": "set" }, edit]));
        let error = doc.edit(&list).expect_err("the second edit cannot be made");
        assert_eq!((error.index, error.refusal.code()), (1, code), "{edit}: {}", error.refusal);
        assert_eq!(doc.encode_state_v1(), state, "{edit}");
    }
}

#[test]
fn a_flow_that_is_full_takes_no_more() {
    let nodes: Vec<_> =
        (0..crate::NODES_MAX).map(|at| json!({ "id": format!("n{at}"), "type": "set" })).collect();
    let mut doc = document(&FlowJson::from_value(&json!({ "interflow": 1, "nodes": nodes })).unwrap());
    let add = edits(json!({ "op": "addNode", "type": "set" }));
    assert_eq!(doc.edit(&add).unwrap_err().refusal.code(), "too_many");
    let instead = edits(json!([{ "op": "removeNode", "id": "n1" }, { "op": "addNode", "type": "set" }]));
    assert!(doc.edit(&instead).is_ok());
}

#[test]
fn items_are_added_changed_moved_and_removed() {
    let mut doc = flow(json!([
        { "op": "addNode", "id": "m", "type": "message" },
        { "op": "addItem", "node": "m", "field": "blocks", "item": { "id": "b", "text": "two" } },
        { "op": "addItem", "node": "m", "field": "blocks", "before": "b", "item": { "id": "a", "text": "one" } },
        { "op": "addItem", "node": "m", "field": "blocks", "item": { "id": "c", "kind": "card", "title": "T" } },
        { "op": "addItem", "node": "m", "field": "blocks/c/buttons", "item": { "id": "x", "label": "X" } },
        { "op": "updateItem", "node": "m", "field": "blocks/c/buttons", "item": "x", "data": { "value": "v" } },
        { "op": "editText", "node": "m", "field": "blocks/b/text", "index": 3, "insert": "!" },
    ]));
    let ids = |doc: &FlowDoc| {
        let blocks = data(doc, "m")["blocks"].as_array().unwrap().clone();
        blocks.iter().map(|block| block["id"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(ids(&doc), ["a", "b", "c"]);
    let blocks = data(&doc, "m")["blocks"].clone();
    assert_eq!(blocks[1]["text"], "two!");
    assert_eq!(blocks[2]["buttons"][0], json!({ "id": "x", "order": "V", "label": "X", "value": "v" }));
    doc.edit(&edits(json!([
        { "op": "moveItem", "node": "m", "field": "blocks", "item": "c", "before": "a" },
        { "op": "removeItem", "node": "m", "field": "blocks", "item": "b" },
    ])))
    .unwrap();
    assert_eq!(ids(&doc), ["c", "a"]);
}

#[test]
fn two_people_can_edit_different_items_of_a_list() {
    let mut ann = flow(json!({ "op": "addNode", "id": "m", "type": "message", "data": { "blocks": [
        { "id": "a", "text": "one" }, { "id": "b", "text": "two" },
    ] } }));
    let mut ben = copy(&ann);
    // Ann replaces the list through the API, Ben edits inside it.
    ann.edit(&edits(json!({ "op": "updateNode", "id": "m", "data": { "blocks": [
        { "id": "a", "text": "ONE" }, { "id": "b", "text": "two" }, { "id": "c", "text": "three" },
    ] } })))
    .unwrap();
    ben.edit(&edits(
        json!({ "op": "editText", "node": "m", "field": "blocks/b/text", "index": 3, "insert": "!" }),
    ))
    .unwrap();
    exchange(&mut ann, &mut ben);
    let texts: Vec<_> =
        data(&ann, "m")["blocks"].as_array().unwrap().iter().map(|block| block["text"].clone()).collect();
    assert_eq!(texts, ["ONE", "two!", "three"]);
}

#[test]
fn setting_a_text_keeps_what_somebody_else_types_elsewhere_in_it() {
    let mut ann =
        flow(json!({ "op": "addNode", "id": "n", "type": "note", "data": { "text": "Hello 🙂 world" } }));
    let mut ben = copy(&ann);
    ann.edit(&edits(json!({ "op": "updateNode", "id": "n", "data": { "text": "Hello 🙃 world" } }))).unwrap();
    ben.edit(&edits(json!({ "op": "editText", "node": "n", "field": "text", "index": 14, "insert": "s" })))
        .unwrap();
    exchange(&mut ann, &mut ben);
    assert_eq!(data(&ann, "n")["text"], "Hello 🙃 worlds");
}

#[test]
fn clearing_a_text_keeps_what_somebody_else_types_into_it() {
    let mut ann = flow(json!({ "op": "addNode", "id": "n", "type": "note", "data": { "text": "Hello" } }));
    let mut ben = copy(&ann);
    ann.edit(&edits(json!({ "op": "updateNode", "id": "n", "data": { "text": null } }))).unwrap();
    ben.edit(&edits(json!({ "op": "editText", "node": "n", "field": "text", "index": 5, "insert": "!" })))
        .unwrap();
    exchange(&mut ann, &mut ben);
    assert_eq!(data(&ann, "n")["text"], "!");
}

#[test]
fn positions_in_texts_count_as_javascript_does() {
    // In JavaScript: "a🙂b".length === 4, and "a🙂b".slice(3) === "b".
    let mut doc = flow(json!({ "op": "addNode", "id": "n", "type": "note", "data": { "text": "a🙂b" } }));
    let insert = |index: u32| {
        edits(json!({ "op": "editText", "node": "n", "field": "text", "index": index, "insert": "|" }))
    };
    assert!(doc.edit(&insert(2)).is_err(), "this would tear the smiley");
    doc.edit(&insert(3)).unwrap();
    assert_eq!(data(&doc, "n")["text"], "a🙂|b");
    doc.edit(&edits(json!({ "op": "editText", "node": "n", "field": "text", "index": 1, "delete": 2 })))
        .unwrap();
    assert_eq!(data(&doc, "n")["text"], "a|b");
}

#[test]
fn several_edits_of_one_text_are_made_one_after_the_other() {
    let mut doc = flow(json!({ "op": "addNode", "id": "n", "type": "note", "data": { "text": "abc" } }));
    doc.edit(&edits(json!([
        { "op": "editText", "node": "n", "field": "text", "index": 3, "insert": "d" },
        { "op": "editText", "node": "n", "field": "text", "index": 0, "delete": 1, "insert": "A" },
        { "op": "updateNode", "id": "n", "data": { "text": "Abcde" } },
        { "op": "editText", "node": "n", "field": "text", "index": 5, "insert": "f" },
    ])))
    .unwrap();
    assert_eq!(data(&doc, "n")["text"], "Abcdef");
}

#[test]
fn a_node_somebody_stored_as_one_plain_value_becomes_a_shared_one_when_edited() {
    let peer = yrs::Doc::with_client_id(7);
    let nodes = peer.get_or_insert_map("nodes");
    let plain = yrs::Any::from_json(r#"{"type":"note","data":{"text":"Hello"},"future":1}"#).unwrap();
    yrs::Map::insert(&nodes, &mut yrs::Transact::transact_mut(&peer), "n", plain);
    let mut doc = document(&FlowJson::empty("", ""));
    let state = yrs::ReadTxn::encode_diff_v1(&yrs::Transact::transact(&peer), &yrs::StateVector::default());
    doc.apply_update_v1(&state).unwrap();
    let plain = |doc: &FlowDoc| doc.diagnostics().filter(|finding| finding.code == Code::PlainValue).count();
    assert!(plain(&doc) > 0);
    doc.edit(&edits(json!({ "op": "updateNode", "id": "n", "label": "L" }))).unwrap();
    assert_eq!(plain(&doc), 0);
    assert_eq!(data(&doc, "n"), json!({ "text": "Hello" }));
    assert_eq!(doc.graph().nodes["n"].extra["future"], 1);
}

#[test]
fn edits_are_read_from_json_and_written_as_they_were_read() {
    for json in [
        json!({ "op": "addNode", "type": "set", "position": { "x": 0.0, "y": 0.0 } }),
        json!({ "op": "updateNode", "id": "a", "label": null }),
        json!({ "op": "moveNode", "id": "a", "x": 0.5, "y": 1.0, "parent": null }),
        json!({ "op": "connect", "source": "a", "sourceHandle": "out", "target": "b" }),
        json!({ "op": "setSetting", "key": "k", "value": null }),
    ] {
        let edit: Edit = serde_json::from_value(json.clone()).unwrap();
        assert_eq!(serde_json::to_value(edit).unwrap(), json);
    }
    assert!(serde_json::from_value::<Edit>(json!({ "op": "removeNode", "id": "a", "idd": 1 })).is_err());
}

fn any_edit() -> impl Strategy<Value = Value> {
    let node = proptest::sample::select(vec!["ask", "frame", "odd", "strange", "x", "y"]);
    let kind = proptest::sample::select(vec!["set", "message", "input", "group", "note"]);
    let item = proptest::sample::select(vec!["o1", "o2", "o3"]);
    let text = proptest::sample::select(vec!["", "a", "🙂", "aa🙂b", "One 🙂"]);
    (0..14_u8, node.clone(), node, kind, item.clone(), item, text, 0..6_u32).prop_map(
        |(op, a, b, kind, item, other, text, at)| match op {
            0 => json!({ "op": "addNode", "id": a, "type": kind, "position": { "x": at, "y": 1 } }),
            1 => json!({ "op": "addNode", "id": a, "type": kind, "parent": b, "data": { "text": text, "prompt": text } }),
            2 => json!({ "op": "updateNode", "id": a, "label": text, "data": { "prompt": text, "free": { "x": at } } }),
            3 => json!({ "op": "updateNode", "id": a, "data": { "options": [{ "id": item, "label": text }], "text": text } }),
            4 => json!({ "op": "moveNode", "id": a, "x": at, "y": 0.5, "parent": b }),
            5 => json!({ "op": "removeNode", "id": a }),
            6 => json!({ "op": "connect", "source": a, "target": b, "label": text }),
            7 => json!({ "op": "disconnect", "source": a, "target": b }),
            8 => json!({ "op": "addItem", "node": a, "field": "options", "item": { "id": item, "own_port": true }, "before": other }),
            9 => json!({ "op": "moveItem", "node": a, "field": "options", "item": item, "before": other }),
            10 => json!({ "op": "removeItem", "node": a, "field": "options", "item": item }),
            11 => json!({ "op": "editText", "node": a, "field": "prompt", "index": at, "delete": 1, "insert": text }),
            12 => json!({ "op": "removeVariable", "name": "answer" }),
            _ => json!({ "op": "setVariable", "name": if at == 0 { "answer" } else { "v" }, "default": at, "description": text }),
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, rng_seed: RngSeed::Fixed(20_261_122), ..ProptestConfig::default() })]

    /// Three people edit, each their own copy, and exchange now and then.
    #[test]
    fn people_who_exchange_everything_see_the_same_flow(
        moves in proptest::collection::vec((0..3_usize, proptest::collection::vec(any_edit(), 1..4), any::<bool>()), 1..25),
    ) {
        let first = document(&FlowJson::from_value(&full()).unwrap());
        let mut docs = [copy(&first), copy(&first), first];
        for (who, list, exchanges) in moves {
            let doc = &mut docs[who];
            let before = doc.encode_state_v1();
            match doc.edit(&edits(Value::Array(list))) {
                Ok(edited) => prop_assert_eq!(edited.update.is_none(), doc.encode_state_v1() == before),
                Err(_) => prop_assert_eq!(doc.encode_state_v1(), before),
            }
            prop_assert_eq!(docs[who].materialised_now(), &docs[who].rebuilt());
            if exchanges {
                for (from, to) in [(0, 1), (1, 2), (2, 0)] {
                    let diff = docs[from].encode_diff_v1(&docs[to].state_vector_v1()).unwrap();
                    docs[to].apply_update_v1(&diff).unwrap();
                    prop_assert_eq!(docs[to].materialised_now(), &docs[to].rebuilt());
                }
            }
        }
        for (from, to) in [(0, 1), (1, 2), (2, 0), (0, 1)] {
            let state = docs[from].encode_state_v1();
            docs[to].apply_update_v1(&state).unwrap();
            prop_assert!(!docs[to].has_pending());
        }
        let [a, b, c] = &docs;
        prop_assert_eq!(a.materialised_now(), b.materialised_now());
        prop_assert_eq!(b.materialised_now(), c.materialised_now());
        let exported = FlowJson::from_graph(a.graph());
        prop_assert_eq!(&FlowJson::from_graph(document(&exported).graph()), &exported);
    }

    /// What is written is what was checked.
    #[test]
    fn the_document_ends_as_the_draft_had_it(list in proptest::collection::vec(any_edit(), 1..6)) {
        let mut doc = document(&FlowJson::from_value(&full()).unwrap());
        let before = doc.rebuilt();
        let mut draft = Draft::new(&before);
        let made: Vec<_> = edits(Value::Array(list)).into_iter().take_while(|edit| draft.apply(edit).is_ok()).collect();
        // The refused edit may have left the draft half-changed: draft anew.
        let mut draft = Draft::new(&before);
        for edit in &made {
            prop_assert!(draft.apply(edit).is_ok());
        }
        let changes = draft.into_changes();
        doc.write(&changes);
        for (id, node) in &changes.nodes {
            prop_assert_eq!(doc.graph().nodes.get(id).map(|node| &**node), node.as_ref());
        }
        for (id, edge) in &changes.edges {
            prop_assert_eq!(doc.graph().edges.get(id).map(|edge| &**edge), edge.as_ref());
        }
        for (name, variable) in &changes.variables {
            prop_assert_eq!(doc.graph().variables.get(name).map(|variable| &**variable), variable.as_ref());
        }
        for (id, layout) in &changes.layout {
            prop_assert_eq!(doc.graph().layout.get(id), layout.as_ref());
        }
    }
}
