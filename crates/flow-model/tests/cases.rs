//! Test cases in the document: edited by several people at once, read as they go, and no part of
//! what the flow does.

use flow_model::{
    Code, Edit, FlowDoc, FlowJson, Refusal, Severity, TESTS_MAX, content_hash, diff, initial_update, summary,
};
use serde_json::{Value, json};
use uuid::Uuid;

fn document() -> FlowDoc {
    let mut doc = FlowDoc::new(None);
    doc.apply_update_v1(&initial_update(Uuid::from_u128(1), "Flow", "")).expect("our own update");
    doc
}

fn edits(json: Value) -> Vec<Edit> {
    serde_json::from_value(json).expect("the edits are well formed")
}

fn refused(doc: &mut FlowDoc, edit: &Value) -> Refusal {
    doc.edit(&edits(json!([edit]))).expect_err("it is refused").refusal
}

/// Two documents that have exchanged everything.
fn exchange(a: &mut FlowDoc, b: &mut FlowDoc) {
    let (from_a, from_b) = (a.encode_state_v1(), b.encode_state_v1());
    a.apply_update_v1(&from_b).expect("an update");
    b.apply_update_v1(&from_a).expect("an update");
    assert_eq!(a.graph(), b.graph());
}

fn copy(doc: &FlowDoc) -> FlowDoc {
    let mut copy = FlowDoc::new(None);
    copy.apply_update_v1(&doc.encode_state_v1()).expect("an update");
    copy
}

fn ids(doc: &FlowDoc) -> Vec<String> {
    doc.graph().tests_in_order().iter().map(|test| test.id.to_string()).collect()
}

fn exported(doc: &FlowDoc) -> Value {
    FlowJson::from_graph(doc.graph()).to_value()["tests"].clone()
}

#[test]
fn test_cases_are_set_ordered_and_removed() {
    let mut doc = document();
    let done = doc
        .edit(&edits(json!([
            { "op": "setTest", "id": "b", "test": { "name": "B", "turns": [{ "id": "u", "expect": [{ "id": "e", "type": "equals", "value": "x" }] }] } },
            { "op": "setTest", "id": "c", "test": {} },
            { "op": "setTest", "id": "a", "test": { "variables": { "x": 1.0 } }, "before": "b" },
            { "op": "setTest", "test": { "name": "Last" } },
        ])))
        .expect("the edits are allowed");
    let last = done.ids[3].clone().expect("it was given an id");
    assert_eq!(ids(&doc), ["a", "b", "c", &last]);
    // Set anew, it says what it is told, and stays where it is.
    doc.edit(&edits(
        json!([{ "op": "setTest", "id": "b", "test": { "name": "New" } }, { "op": "removeTest", "id": "c" }]),
    ))
    .expect("the edits are allowed");
    assert_eq!(ids(&doc), ["a", "b", &last]);
    let tests = exported(&doc);
    let order = &tests[1]["order"];
    assert_eq!(tests[1], json!({ "id": "b", "order": order, "name": "New" }));
    assert_eq!(tests[0]["variables"], json!({ "x": 1 }));
    doc.edit(&edits(json!([{ "op": "setTest", "id": last, "test": { "name": "First" }, "before": "a" }])))
        .expect("the edits are allowed");
    assert_eq!(ids(&doc), [&last, "a", "b"]);
    assert_eq!(doc.diagnostics().count(), 0);
}

#[test]
fn what_makes_no_sense_is_refused() {
    let mut doc = document();
    for (edit, code) in [
        (json!({ "op": "setTest", "id": "a/b", "test": {} }), "bad_key"),
        (json!({ "op": "setTest", "id": "a", "test": { "id": "b" } }), "bad_key"),
        (json!({ "op": "setTest", "id": "a", "test": { "order": "V" } }), "bad_key"),
        (json!({ "op": "setTest", "id": "a", "test": {}, "before": "b" }), "not_found"),
        (json!({ "op": "removeTest", "id": "a" }), "not_found"),
        (json!({ "op": "setTest", "id": "a", "test": { "name": 1 } }), "bad_field"),
        (json!({ "op": "setTest", "id": "a", "test": { "turns": {} } }), "bad_field"),
        (json!({ "op": "setTest", "id": "a", "test": { "variables": [] } }), "bad_field"),
        (json!({ "op": "setTest", "id": "a", "test": { "mocks": 1 } }), "bad_field"),
        (
            json!({ "op": "setTest", "id": "a", "test": { "turns": [{ "id": "u" }, { "id": "u" }] } }),
            "exists",
        ),
    ] {
        assert_eq!(refused(&mut doc, &edit).code(), code, "{edit}");
    }
    let many: Vec<_> =
        (0..TESTS_MAX).map(|at| json!({ "op": "setTest", "id": at.to_string(), "test": {} })).collect();
    doc.edit(&edits(Value::Array(many))).expect("so many are allowed");
    assert_eq!(refused(&mut doc, &json!({ "op": "setTest", "test": {} })).code(), "too_many");
    assert!(
        doc.edit(&edits(json!([{ "op": "setTest", "id": "7", "test": {} }]))).is_ok(),
        "it is there already"
    );
}

/// Two people who each add one at the end give it the same order.
#[test]
fn where_there_is_no_room_between_test_cases_all_get_another_order() {
    let mut ann = document();
    let mut ben = copy(&ann);
    ann.edit(&edits(json!([{ "op": "setTest", "id": "a", "test": { "name": "A" } }]))).expect("allowed");
    ben.edit(&edits(json!([{ "op": "setTest", "id": "b", "test": { "name": "B" } }]))).expect("allowed");
    exchange(&mut ann, &mut ben);
    ann.edit(&edits(json!([
        { "op": "setTest", "id": "c", "test": {}, "before": "b" },
        { "op": "setTest", "id": "d", "test": {}, "before": "c" },
    ])))
    .expect("allowed");
    assert_eq!(ids(&ann), ["a", "d", "c", "b"]);
    ben.edit(&edits(json!([
        { "op": "setTest", "id": "c", "test": {}, "before": "b" },
        { "op": "setTest", "id": "b", "test": { "name": "B" }, "before": "c" },
        { "op": "removeTest", "id": "a" },
        { "op": "setTest", "id": "a", "test": {} },
    ])))
    .expect("allowed");
    assert_eq!(ids(&ben), ["b", "c", "a"]);
    assert_eq!(exported(&ann)[0]["name"], "A", "they say what they said");
    assert_eq!(exported(&ben)[0]["name"], "B");
}

/// The lists inside a test case are shared types, as those of nodes are.
#[test]
fn two_people_edit_one_test_case_at_once() {
    let test = |say: &str, value: &str| {
        json!({ "turns": [
            { "id": "u", "say": say, "expect": [{ "id": "e", "type": "equals", "value": "x" }] },
            { "id": "v", "say": "b", "expect": [{ "id": "f", "type": "equals", "value": value }] },
        ] })
    };
    let mut ann = document();
    ann.edit(&edits(json!([{ "op": "setTest", "id": "t", "test": test("a", "y") }]))).expect("allowed");
    let mut ben = copy(&ann);
    ann.edit(&edits(json!([{ "op": "setTest", "id": "t", "test": test("changed", "y") }]))).expect("allowed");
    ben.edit(&edits(json!([{ "op": "setTest", "id": "t", "test": test("a", "changed") }]))).expect("allowed");
    exchange(&mut ann, &mut ben);
    let turns = &exported(&ann)[0]["turns"];
    assert_eq!((&turns[0]["say"], &turns[1]["expect"][0]["value"]), (&json!("changed"), &json!("changed")));
    assert_eq!(ann.diagnostics().count(), 0, "nothing of it is one plain value");
}

#[test]
fn test_cases_are_no_part_of_the_content() {
    let mut doc = document();
    let (before, graph) = (content_hash(doc.graph()), doc.graph().clone());
    doc.edit(&edits(json!([{ "op": "setTest", "id": "t", "test": { "turns": [{ "id": "u" }] } }])))
        .expect("allowed");
    assert_eq!(content_hash(doc.graph()), before);
    let after = doc.graph().clone();
    assert_eq!(FlowJson::from_graph(&after).without_tests(), FlowJson::from_graph(&graph));
    let added = diff(&graph, &after);
    assert_eq!(added.tests[0].path, "tests/t");
    doc.edit(&edits(
        json!([{ "op": "setTest", "id": "t", "test": { "turns": [{ "id": "u", "say": "x" }] } }]),
    ))
    .expect("allowed");
    let changed = diff(&after, doc.graph());
    assert_eq!(changed.tests[0].path, "tests/t/turns/u/say");
    assert_eq!(summary(&changed, doc.graph()), "changed a test case");
    assert_eq!(summary(&diff(&after, &graph), &graph), "removed a test case");
}

#[test]
fn what_is_wrong_with_a_test_case_keeps_no_flow_from_being_published() {
    let json = json!({ "interflow": 1, "tests": [
        { "id": "t", "order": "V", "name": 1, "variables": [], "turns": [
            { "id": "u", "order": "V", "wait": "x", "expect": [{ "id": "e", "order": "V", "type": "llm-rubric" }] },
            { "id": "v", "order": "W", "expect": [{ "id": "f", "order": "V", "value": "no type" }] },
        ] },
        { "id": "s", "order": "W", "turns": 1 },
    ] });
    let flow = FlowJson::from_value(&json).expect("it is kept as it is");
    let mut doc = FlowDoc::new(None);
    doc.apply_update_v1(&flow.initial_update(Uuid::from_u128(1))).expect("our own update");
    assert_eq!(exported(&doc), json["tests"]);
    let found: Vec<_> =
        doc.diagnostics().map(|finding| (finding.code, finding.field.clone().unwrap_or_default())).collect();
    let expected = [
        (Code::WrongFieldType, "tests/s/turns"),
        (Code::WrongFieldType, "tests/t/name"),
        (Code::WrongFieldType, "tests/t/turns/u/wait"),
        (Code::UnknownChoice, "tests/t/turns/u/expect/e/type"),
        (Code::MissingField, "tests/t/turns/v/expect/f/type"),
        (Code::WrongFieldType, "tests/t/variables"),
    ];
    for (code, field) in expected {
        assert!(found.contains(&(code, field.to_owned())), "{field}: {found:?}");
    }
    assert!(doc.diagnostics().all(|finding| finding.severity == Severity::Warning), "{found:?}");
}

#[test]
fn a_change_of_one_test_case_reads_that_one_again() {
    let mut doc = document();
    let many: Vec<_> =
        (0..100).map(|at| json!({ "op": "setTest", "id": at.to_string(), "test": {} })).collect();
    doc.edit(&edits(Value::Array(many))).expect("allowed");
    let before = doc.entries_read();
    doc.edit(&edits(json!([{ "op": "setTest", "id": "7", "test": { "name": "x" } }]))).expect("allowed");
    assert_eq!(doc.entries_read() - before, 1);
}
