#![expect(clippy::needless_pass_by_value, reason = "cases read better as literals given away")]

use serde_json::json;

use super::*;
use crate::FlowJson;

/// A flow that is right, with parts replaced or added.
fn codes(nodes: Value, edges: Value) -> Vec<String> {
    let flow = FlowJson::from_value(
        &json!({ "interflow": 1, "nodes": nodes, "edges": edges, "variables": { "v": {} } }),
    )
    .expect("the flow is well formed");
    let place = |finding: &Diagnostic| {
        let place = finding.node.as_deref().or(finding.edge.as_deref().map(|_| "edge")).unwrap_or("flow");
        format!("{} {place} {}", finding.code, finding.field.as_deref().unwrap_or("-"))
    };
    validate(flow.graph()).iter().map(place).collect()
}

/// The findings about one node.
fn node(node_type: &str, data: Value) -> Vec<String> {
    let nodes = json!([{ "id": "s", "type": "start" }, { "id": "n", "type": node_type, "data": data }]);
    codes(nodes, json!([{ "id": crate::edge_id("s", None, "n", None), "source": "s", "target": "n" }]))
}

const NONE: [&str; 0] = [];

#[test]
fn fields_are_checked_against_the_table() {
    assert_eq!(node("input", json!({ "variable": "v" })), NONE);
    assert_eq!(node("input", json!({})), ["missing_field n variable"]);
    assert_eq!(node("input", json!({ "variable": "v", "kind": "colour" })), ["unknown_choice n kind"]);
    assert_eq!(
        node("input", json!({ "variable": "v", "max_attempts": 0 })),
        ["out_of_bounds n max_attempts"]
    );
    assert_eq!(
        node("input", json!({ "variable": "v", "max_attempts": 1.5 })),
        ["wrong_field_type n max_attempts"]
    );
    assert_eq!(
        node("input", json!({ "variable": "v", "max_attempts": 1e300 })),
        ["out_of_bounds n max_attempts"]
    );
    assert_eq!(node("input", json!({ "variable": "v", "prompt": 1 })), ["wrong_field_type n prompt"]);
    assert_eq!(
        node("input", json!({ "variable": "2 b" })),
        ["bad_variable_name n variable", "undeclared_variable n variable"]
    );
    assert_eq!(node("input", json!({ "variable": "w" })), ["undeclared_variable n variable"]);
    assert_eq!(node("message", json!({})), ["missing_field n blocks"]);
    assert_eq!(node("message", json!({ "blocks": [] })), ["missing_field n blocks"]);
    assert_eq!(
        node("message", json!({ "blocks": [{ "id": "b", "text": " " }] })),
        ["missing_field n blocks/b/text"]
    );
    assert_eq!(node("message", json!({ "blocks": [1] })), ["wrong_field_type n blocks"]);
    assert_eq!(node("end", json!({ "output": { "a": 1 } })), ["wrong_field_type n output"]);
    assert_eq!(
        node("api", json!({ "url": "https://e", "retry": { "max": 21 } })),
        ["out_of_bounds n retry/max"]
    );
    assert_eq!(node("delay", json!({ "mode": "until", "until": "tomorrow" })), ["out_of_bounds n until"]);
    assert_eq!(
        node("delay", json!({ "duration_ms": 366_i64 * 86_400_000 })),
        ["out_of_bounds n duration_ms"]
    );
}

#[test]
fn zero_is_a_bound_like_any_other() {
    let number = |data: Value| {
        let mut all = json!({ "variable": "v", "kind": "number" });
        all.as_object_mut().unwrap().extend(data.as_object().unwrap().clone());
        node("input", all)
    };
    assert_eq!(number(json!({ "min": 0, "max": 0 })), NONE);
    assert_eq!(number(json!({ "min": 0, "max": -1 })), ["out_of_bounds n min"]);
    assert_eq!(number(json!({ "step": 0 })), ["out_of_bounds n step"]);
    assert_eq!(
        node("input", json!({ "variable": "v", "min_length": 5, "max_length": 4 })),
        ["out_of_bounds n min_length"]
    );
}

#[test]
fn fields_that_do_not_apply_are_not_looked_at() {
    assert_eq!(
        node("input", json!({ "variable": "v", "kind": "text", "min": "old", "options": "old" })),
        NONE
    );
    assert_eq!(node("api", json!({ "mode": "mock", "auth": "basic", "retry": 5 })), NONE);
    assert_eq!(
        node("api", json!({ "url": "https://e", "auth": "basic" })),
        ["missing_field n auth_secret", "missing_field n auth_user"]
    );
}

#[test]
fn a_choice_needs_options_from_somewhere() {
    assert_eq!(node("input", json!({ "variable": "v", "kind": "choice" })), ["missing_field n options"]);
    assert_eq!(node("input", json!({ "variable": "v", "kind": "choice", "options_from": "v" })), NONE);
}

#[test]
fn rules_are_checked_however_deeply_they_are_grouped() {
    let rules = |inner: Value| json!({ "branches": [{ "id": "b", "rules": [{ "id": "g", "kind": "group", "rules": [inner] }] }] });
    assert_eq!(node("condition", rules(json!({ "id": "r", "left": "v", "operator": "is_set" }))), NONE);
    assert_eq!(
        node("condition", rules(json!({ "id": "r", "left": "v", "operator": "equals" }))),
        ["missing_field n branches/b/rules/g/rules/r/right"]
    );
}

#[test]
fn unknown_types_and_versions_are_told_apart() {
    let start = json!({ "id": "s", "type": "start" });
    assert_eq!(
        codes(json!([start, { "id": "n", "type": "foreach" }]), json!([])),
        ["unknown_node_type n type"]
    );
    assert_eq!(
        codes(json!([start, { "id": "n", "type": "set", "typeVersion": 2 }]), json!([])),
        ["unknown_node_version n typeVersion"]
    );
}

#[test]
fn a_flow_has_one_start() {
    assert_eq!(codes(json!([]), json!([])), ["no_start flow -"]);
    let two = json!([{ "id": "a", "type": "start" }, { "id": "b", "type": "start" }]);
    assert_eq!(codes(two, json!([])), ["several_starts a -", "several_starts b -"]);
}

#[test]
fn edges_are_whole_and_begin_and_end_where_they_can() {
    let nodes = json!([
        { "id": "s", "type": "start" }, { "id": "e", "type": "end" },
        { "id": "i", "type": "input", "data": { "variable": "v", "kind": "choice", "max_attempts": 3,
            "options": [{ "id": "o", "label": "O", "own_port": true }, { "id": "p", "label": "P" }] } },
    ]);
    let with = |source: &str, handle: &str, target: &str| {
        let edge = |source: &str, handle: &str, target: &str| json!({ "source": source, "sourceHandle": handle, "target": target });
        codes(
            nodes.clone(),
            json!([edge("s", "out", "i"), edge("i", "o", "e"), edge(source, handle, target)]),
        )
    };
    for handle in ["out", "default", "invalid"] {
        assert_eq!(with("i", handle, "e"), NONE, "{handle}");
    }
    for handle in ["p", "timeout", "error", "else"] {
        assert_eq!(with("i", handle, "e"), ["unknown_handle edge sourceHandle"], "{handle}");
    }
    assert_eq!(with("i", "out", "nobody"), ["dangling_edge edge target"]);
    assert_eq!(with("nobody", "out", "e"), ["dangling_edge edge source"]);
    assert_eq!(with("i", "out", "s"), ["no_input edge target"]);
    assert_eq!(with("e", "out", "i"), ["unknown_handle edge sourceHandle"]);
    assert_eq!(with("i", "o", "i"), ["several_edges edge sourceHandle"]);
    let foreign = json!([
        { "source": "s", "sourceHandle": "out", "target": "i" },
        { "id": "mine", "source": "i", "sourceHandle": "o", "target": "e" },
    ]);
    assert_eq!(codes(nodes, foreign), ["edge_id_mismatch edge id"]);
}

#[test]
fn jumps_lead_to_a_node_that_can_be_entered() {
    assert_eq!(node("jump", json!({ "target": "s" })), ["unknown_target n target"]);
    assert_eq!(node("jump", json!({ "target": "nobody" })), ["unknown_target n target"]);
    assert_eq!(node("jump", json!({})), ["missing_field n target"]);
}

#[test]
fn nodes_no_run_can_reach_are_named() {
    let nodes = json!([
        { "id": "s", "type": "start" }, { "id": "j", "type": "jump", "data": { "target": "e" } },
        { "id": "e", "type": "end" }, { "id": "lost", "type": "end" }, { "id": "n", "type": "note" },
    ]);
    assert_eq!(codes(nodes, json!([{ "source": "s", "target": "j" }])), ["unreachable lost -"]);
}

#[test]
fn a_cycle_must_rest_somewhere() {
    let cycle = |second: Value| {
        let mut second = second;
        second["id"] = json!("b");
        let nodes = json!([
            { "id": "s", "type": "start" },
            { "id": "a", "type": "set", "data": { "assignments": [{ "id": "x", "variable": "v" }] } },
            second, { "id": "j", "type": "jump", "data": { "target": "a" } },
        ]);
        codes(
            nodes,
            json!([
                { "source": "s", "target": "a" }, { "source": "a", "target": "b" }, { "source": "b", "target": "j" },
            ]),
        )
    };
    assert_eq!(cycle(json!({ "type": "input", "data": { "variable": "v" } })), NONE);
    assert_eq!(cycle(json!({ "type": "delay", "data": { "duration_ms": 1 } })), NONE);
    let endless = cycle(json!({ "type": "api", "data": { "mode": "mock" } }));
    assert_eq!(endless, ["endless_cycle a -"]);
    let disabled = cycle(json!({ "type": "input", "disabled": true, "data": { "variable": "v" } }));
    assert_eq!(disabled, ["endless_cycle a -"]);
}

#[test]
fn a_very_long_flow_is_walked_without_a_deep_stack() {
    let nodes: Vec<_> = (0..50_000).map(|at| json!({ "id": format!("n{at}"), "type": "set" })).collect();
    let mut graph = FlowGraph::default();
    for chunk in nodes.chunks(NODES_MAX) {
        let flow = FlowJson::from_value(&json!({ "interflow": 1, "nodes": chunk })).unwrap();
        graph.nodes.extend(flow.graph().nodes.clone());
    }
    let edge = |at: usize| json!({ "source": format!("n{at}"), "target": format!("n{}", (at + 1) % 50_000) });
    for chunk in (0..50_000).collect::<Vec<_>>().chunks(EDGES_MAX) {
        let edges: Vec<_> = chunk.iter().map(|at| edge(*at)).collect();
        let flow = FlowJson::from_value(&json!({ "interflow": 1, "edges": edges })).unwrap();
        graph.edges.extend(flow.graph().edges.clone());
    }
    let findings = whole(&graph);
    let count = |code| findings.iter().filter(|finding| finding.code == code).count();
    assert_eq!((count(Code::EndlessCycle), count(Code::TooManyNodes), count(Code::TooManyEdges)), (1, 1, 1));
}

#[test]
fn parents_are_groups_that_do_not_contain_each_other() {
    let with = |parent_of_g: Value, parent_of_n: Value| {
        codes(
            json!([
                { "id": "s", "type": "start" }, { "id": "g", "type": "group", "parent": parent_of_g },
                { "id": "h", "type": "group", "parent": "g" }, { "id": "n", "type": "note", "parent": parent_of_n },
            ]),
            json!([]),
        )
    };
    assert_eq!(with(Value::Null, json!("h")), NONE);
    assert_eq!(with(Value::Null, json!("s")), ["bad_parent n parent"]);
    assert_eq!(
        with(json!("h"), json!("h")),
        ["bad_parent g parent", "bad_parent h parent", "bad_parent n parent"]
    );
}
