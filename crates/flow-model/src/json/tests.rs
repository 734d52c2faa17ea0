use serde_json::json;

use super::*;

/// A document that holds a flow, as its first update makes it.
pub(crate) fn document(flow: &FlowJson) -> FlowDoc {
    let mut doc = FlowDoc::new(None);
    doc.apply_update_v1(&flow.initial_update(Uuid::from_u128(1))).expect("our own update");
    doc
}

/// Everything the form can hold, some of it unknown to this release.
pub(crate) fn full() -> Value {
    json!({
        "interflow": 1,
        "name": "Everything", "description": "Of all \"kinds\" 🙂", "tags": ["a", "ü"],
        "future": { "kept": [1, null, { "x": 0.5 }] },
        "nodes": [
            { "id": "ask", "type": "input", "typeVersion": 1, "label": "Ask", "disabled": true, "parent": "frame",
              "data": {
                "kind": "choice", "variable": "answer", "prompt": "Which?\n\n**One** 🙂",
                "options": [
                    { "id": "o2", "order": "U", "label": "Second", "own_port": true, "future": 1 },
                    { "id": "o1", "order": "V", "label": "First" },
                ],
                "unknown": { "nested": [true] },
              },
              "future": "kept" },
            { "id": "frame", "type": "group", "typeVersion": 1, "data": {} },
            { "id": "odd", "type": "message", "typeVersion": 1, "data": { "blocks": "not a list", "typing_ms": "1" } },
            { "id": "strange", "type": "from-the-future", "typeVersion": 3, "data": { "list": [{ "id": 1 }] } },
        ],
        "edges": [
            { "id": "own", "source": "odd", "target": "nowhere" },
            { "id": edge_id("ask", Some("o2"), "odd", None), "source": "ask", "sourceHandle": "o2", "target": "odd",
              "label": "yes", "future": true },
        ],
        "layout": { "ask": { "x": 1.5, "y": -2.0, "w": 300.0 }, "frame": { "x": 0.0, "y": 0.0, "h": 10.0 } },
        "variables": { "answer": { "type": "text", "default": [1], "description": "d", "future": 1 } },
        "settings": { "steps_per_turn": 100, "theme": { "colour": "#fff" } },
        "tests": [
            { "id": "t2", "order": "U", "name": "Second", "variables": { "answer": [1] }, "future": { "x": [1] } },
            { "id": "t1", "order": "V", "now": "2026-11-27", "mocks": { "ask": [{ "output": 1 }, { "error": "no" }] },
              "turns": [
                { "id": "u2", "order": "V", "expect": [
                    { "id": "e2", "order": "V", "type": "not-contains", "value": "x" },
                    { "id": "e1", "order": "W", "type": "latency", "threshold": 0.5, "future": 1 },
                ] },
                { "id": "u1", "order": "W", "say": { "choice": ["o2"] }, "future": true },
                { "id": "u3", "order": "X", "wait": true, "expect": [] },
              ] },
            { "id": "t3", "order": "W", "turns": "not a list" },
        ],
    })
}

use crate::edge_id;

#[test]
fn a_flow_goes_out_and_in_again_without_loss() {
    let flow = FlowJson::from_value(&full()).unwrap();
    assert_eq!(flow.to_value(), full());
    let exported = FlowJson::from_graph(document(&flow).graph());
    assert_eq!(exported.to_value(), full());
    assert_eq!(FlowJson::parse(&exported.to_text()), Ok(exported));
}

#[test]
fn prose_and_lists_become_shared_types_and_nothing_else_does() {
    let doc = document(&FlowJson::from_value(&full()).unwrap());
    let plain: Vec<_> = doc.diagnostics().filter(|finding| finding.code == crate::Code::PlainValue).collect();
    assert_eq!(plain, Vec::<&crate::Diagnostic>::new());
}

#[test]
fn a_new_document_has_schema_lineage_and_name() {
    let mut doc = FlowDoc::new(None);
    doc.apply_update_v1(&initial_update(Uuid::from_u128(5), "Name", "What for")).unwrap();
    assert_eq!(doc.lineage(), Some(Uuid::from_u128(5)));
    assert_eq!(doc.graph().meta.schema, Some(SCHEMA));
    assert_eq!((doc.graph().meta.name.as_str(), doc.graph().meta.description.as_str()), ("Name", "What for"));
    assert_eq!(doc.diagnostics().count(), 0);
}

#[test]
fn an_import_gives_ids_and_order_where_they_are_missing() {
    let flow = FlowJson::from_value(&json!({
        "interflow": 1,
        "nodes": [{ "id": "m", "type": "message", "data": { "blocks": [{ "text": "one" }, { "text": "two" }] } }],
        "edges": [{ "source": "m", "target": "m" }],
    }))
    .unwrap();
    let blocks = flow.graph().nodes["m"].data["blocks"].as_array().unwrap();
    assert!(blocks.iter().all(|block| crate::is_key(block["id"].as_str().unwrap())));
    assert!(blocks[0]["order"].as_str() < blocks[1]["order"].as_str());
    assert!(flow.graph().edges.contains_key(edge_id("m", None, "m", None).as_str()));
}

#[test]
fn a_whole_number_may_be_written_with_a_point() {
    let of = |version: Value| {
        let flow =
            json!({ "interflow": 1.0, "nodes": [{ "id": "a", "type": "set", "typeVersion": version }] });
        FlowJson::from_value(&flow).map(|flow| flow.graph().nodes["a"].type_version)
    };
    assert_eq!(of(json!(2.0)), Ok(2));
    for other in [json!(1.5), json!(-1.0), json!(1e30), json!("1")] {
        assert!(of(other.clone()).is_err(), "{other}");
    }
}

#[test]
fn errors_say_where() {
    for (json, path) in [
        (json!([]), ""),
        (json!({}), "interflow"),
        (json!({ "interflow": 2 }), "interflow"),
        (json!({ "interflow": 1, "name": 1 }), "name"),
        (json!({ "interflow": 1, "tags": ["a", ""] }), "tags/1"),
        (json!({ "interflow": 1, "nodes": {} }), "nodes"),
        (json!({ "interflow": 1, "nodes": [{ "id": "a" }] }), "nodes/0/type"),
        (json!({ "interflow": 1, "nodes": [{ "id": "__proto__", "type": "set" }] }), "nodes/0/id"),
        (
            json!({ "interflow": 1, "nodes": [{ "id": "a", "type": "set" }, { "id": "a", "type": "set" }] }),
            "nodes/1/id",
        ),
        (json!({ "interflow": 1, "nodes": [{ "id": "a", "type": "set", "data": 1 }] }), "nodes/0/data"),
        (
            json!({ "interflow": 1, "nodes": [{ "id": "a", "type": "set", "typeVersion": -1 }] }),
            "nodes/0/typeVersion",
        ),
        (json!({ "interflow": 1, "edges": [{ "source": "a" }] }), "edges/0/target"),
        (
            json!({ "interflow": 1, "edges": [{ "source": "a", "target": "b" }, { "source": "a", "target": "b" }] }),
            "edges/1",
        ),
        (json!({ "interflow": 1, "layout": { "a": { "x": 1, "y": 1 } } }), "layout/a"),
        (json!({ "interflow": 1, "variables": { "a": { "type": 1 } } }), "variables/a/type"),
        (json!({ "interflow": 1, "tests": {} }), "tests"),
        (json!({ "interflow": 1, "tests": [{}, 1] }), "tests/1"),
        (json!({ "interflow": 1, "tests": [{ "id": "a/b" }] }), "tests"),
        (json!({ "interflow": 1, "tests": [{ "id": "a" }, { "id": "a" }] }), "tests"),
        (json!({ "interflow": 1, "lineage": "x" }), "lineage"),
    ] {
        assert_eq!(FlowJson::from_value(&json).map_err(|error| error.path), Err(path.to_owned()), "{json}");
    }
    assert!(FlowJson::parse("{").is_err());
}
