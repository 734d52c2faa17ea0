//! Many edits of one change cost what they say, and not what the flow says each time.

use std::time::{Duration, Instant};

use flow_model::{Edit, FlowDoc, FlowJson};
use serde_json::{Value, json};
use uuid::Uuid;

/// The edits are made in a fraction of a second; copying the flow for each takes minutes.
const WITHIN: Duration = Duration::from_secs(15);
const EDITS: usize = 4_000;

fn document(flow: &Value) -> FlowDoc {
    let flow = FlowJson::from_value(flow).expect("a flow");
    let mut doc = FlowDoc::new(None);
    doc.apply_update_v1(&flow.initial_update(Uuid::from_u128(1))).expect("our own update");
    doc
}

fn makes_soon(doc: &mut FlowDoc, edits: impl Iterator<Item = Value>) {
    let edits: Vec<Edit> = edits.map(|edit| serde_json::from_value(edit).expect("an edit")).collect();
    let began = Instant::now();
    doc.edit(&edits).expect("the edits are allowed");
    assert!(began.elapsed() < WITHIN, "{} edits took {:?}", edits.len(), began.elapsed());
}

#[test]
fn many_edits_of_test_cases_do_not_copy_the_others_each_time() {
    let long = "x".repeat(100_000);
    let tests: Vec<_> = (0..400).map(|at| json!({ "id": format!("t{at}"), "name": long })).collect();
    let mut doc = document(&json!({ "interflow": 1, "tests": tests }));
    let edits = (0..EDITS).map(|at| match at % 4 {
        0 => json!({ "op": "setTest", "id": "new", "test": { "name": at.to_string() } }),
        1 => json!({ "op": "setTest", "id": "other", "test": {}, "before": "t7" }),
        2 => json!({ "op": "removeTest", "id": "other" }),
        _ => json!({ "op": "setTest", "id": "new", "test": {}, "before": "t0" }),
    });
    makes_soon(&mut doc, edits);
    let ids: Vec<_> = doc.graph().tests_in_order().iter().map(|test| test.id.to_string()).collect();
    let expected = std::iter::once("new".to_owned()).chain((0..400).map(|at| format!("t{at}")));
    assert_eq!(ids, expected.collect::<Vec<_>>());
}

#[test]
fn many_edits_of_a_node_do_not_copy_it_each_time() {
    let long = "x".repeat(20_000_000);
    let mut doc =
        document(&json!({ "interflow": 1, "nodes": [{ "id": "n", "type": "set", "data": { "x": long } }] }));
    let edits = (0..EDITS).map(|at| json!({ "op": "updateNode", "id": "n", "label": format!("Label {at}") }));
    makes_soon(&mut doc, edits);
    assert_eq!(doc.graph().nodes["n"].label, Some(format!("Label {}", EDITS - 1)));
}
