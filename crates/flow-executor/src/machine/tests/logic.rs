use std::collections::BTreeMap;

use serde_json::{Value as Json, json};

use super::{Play, flow, flow_with};
use crate::machine::{At, Event, Happened, Next, Output, Stale};
use crate::plan::{Mock, Plan};
use crate::value::Value;

fn one(kind: &str, data: &Json) -> Plan {
    flow(
        &json!([
            { "id": "start", "type": "start", "data": {} },
            { "id": "it", "type": kind, "data": data },
            { "id": "error", "type": "end", "data": { "output": { "error": "last_error.kind", "node": "last_error.node" } } },
            { "id": "yes", "type": "end", "data": { "output": { "went": "'yes'" } } },
            { "id": "end", "type": "end", "data": { "output": { "x": "x", "y": "y", "list": "list" } } },
        ]),
        &["start → it", "it → end", "it.error → error", "it.yes → yes", "it.else → end"],
        &json!({ "x": { "type": "number", "default": 1 }, "y": { "type": "number", "default": 10 }, "list": { "type": "list" } }),
    )
}

fn set(assignments: &Json) -> String {
    Play::new(&one("set", &json!({ "assignments": assignments }))).state()
}

#[test]
fn right_hand_sides_see_the_state_before_the_node() {
    let swapped = set(&json!([
        { "id": "a", "variable": "x", "kind": "expression", "expression": "y" },
        { "id": "b", "variable": "y", "kind": "expression", "expression": "x" },
    ]));
    assert_eq!(swapped, r#"completed {"list":null,"x":10,"y":1}"#);
}

#[test]
fn variables_are_set_added_to_and_taken_from() {
    let done = set(&json!([
        { "id": "a", "variable": "x", "kind": "increment", "expression": "0.5" },
        { "id": "b", "variable": "y", "kind": "template", "template": "{{ x }}/{{ y }}" },
        { "id": "c", "variable": "list", "kind": "append", "expression": "x" },
        { "id": "d", "variable": "list", "kind": "append", "expression": "'b'" },
    ]));
    assert_eq!(done, r#"completed {"list":[1,"b"],"x":1.5,"y":"1/10"}"#);
    let wrong = set(&json!([{ "id": "a", "variable": "x", "kind": "append", "expression": "1" }]));
    assert_eq!(wrong, "failed: x: it holds a number, not a list");
    let unknown =
        set(&json!([{ "id": "a", "variable": "x", "kind": "expression", "expression": "nowhere" }]));
    assert_eq!(unknown, "failed: x: nowhere is not set");
    let built_in = set(&json!([{ "id": "a", "variable": "now", "kind": "value", "value": 1 }]));
    assert_eq!(built_in, "failed: assignments/a/variable: now cannot be changed");
}

#[test]
fn an_error_stops_goes_by_its_port_or_goes_on() {
    let data = |on_error: &str| json!({ "onError": on_error, "assignments": [{ "id": "a", "variable": "x", "kind": "expression", "expression": "1 / 0" }] });
    let state = |on_error| Play::new(&one("set", &data(on_error))).state();
    assert_eq!(state("stop"), "failed: x: a division by zero");
    assert_eq!(state("port"), r#"completed {"error":"expression","node":"it"}"#);
    assert_eq!(state("continue"), r#"completed {"list":null,"x":1,"y":10}"#);
}

#[test]
fn the_first_branch_that_is_true_is_taken() {
    let rules = |operator: &str, right: Json, mode: &str| {
        json!({ "mode": mode, "branches": [{ "id": "yes", "kind": "rules", "rules": [
            { "id": "r", "left": "x", "operator": operator, "right": right }
        ] }] })
    };
    let went = |data: &Json| Play::new(&one("condition", data)).state();
    let yes = r#"completed {"went":"yes"}"#;
    assert_eq!(went(&rules("equals", json!(1), "strict")), yes);
    assert_ne!(went(&rules("greater", json!(1), "strict")), yes);
    assert_eq!(
        went(&rules("equals", json!("1"), "strict")),
        "failed: a number and a text cannot be compared"
    );
    assert_eq!(went(&rules("equals", json!("1"), "loose")), yes);
    let expression = json!({ "branches": [
        { "id": "no", "kind": "expression", "expression": "x > 5" },
        { "id": "yes", "kind": "expression", "expression": "y > 5" },
    ] });
    assert_eq!(went(&expression), yes);
    let number = json!({ "branches": [{ "id": "yes", "kind": "expression", "expression": "x" }] });
    assert_eq!(went(&number), "failed: the expression is a number, not yes or no");
}

#[test]
fn an_output_that_leads_nowhere_ends_the_run_normally() {
    let plan = flow(&json!([{ "id": "start", "type": "start", "data": {} }]), &[], &json!({}));
    assert_eq!(Play::new(&plan).state(), "completed null");
    let none = flow(&json!([{ "id": "m", "type": "end", "data": {} }]), &[], &json!({}));
    assert_eq!(Play::new(&none).state(), "failed: the flow has no start");
}

#[test]
fn disabled_nodes_are_passed_through() {
    let plan = flow(
        &json!([
            { "id": "start", "type": "start", "data": {} },
            { "id": "set", "type": "set", "disabled": true, "data": { "assignments": [{ "id": "a", "variable": "x", "value": 2 }] } },
            { "id": "if", "type": "condition", "disabled": true, "data": { "branches": [{ "id": "yes", "kind": "expression", "expression": "true" }] } },
            { "id": "end", "type": "end", "data": { "output": { "x": "x" } } },
        ]),
        &["start → set", "set → if", "if.else → end"],
        &json!({ "x": { "type": "number", "default": 1 } }),
    );
    assert_eq!(Play::new(&plan).state(), r#"completed {"x":1}"#);
}

#[test]
fn a_node_that_this_release_does_not_know_fails_closed() {
    let plan = one("teleport", &json!({}));
    let state = Play::new(&plan).state();
    assert_eq!(state, "failed: this release does not know \"teleport\" nodes of version 1");
}

fn endless() -> Plan {
    flow(
        &json!([
            { "id": "start", "type": "start", "data": {} },
            { "id": "count", "type": "set", "label": "Count", "data": { "assignments": [{ "id": "a", "variable": "n", "kind": "increment", "expression": "1" }] } },
            { "id": "again", "type": "jump", "label": "Again", "data": { "target": "count" } },
        ]),
        &["start → count", "count → again"],
        &json!({ "n": { "type": "number" } }),
    )
}

#[test]
fn a_run_that_spins_is_stopped_and_the_cycle_named() {
    let plan = endless();
    let play = Play::new(&plan);
    assert_eq!(
        play.state(),
        "failed: the run has visited 500 nodes without a pause, around Again → Count → Again"
    );
}

#[test]
fn variables_together_are_bounded() {
    let plan = flow(
        &json!([
            { "id": "start", "type": "start", "data": {} },
            { "id": "grow", "type": "set", "data": { "onError": "continue", "assignments": [{ "id": "a", "variable": "list", "kind": "append", "expression": "'x' * 100000" }] } },
            { "id": "again", "type": "jump", "data": { "target": "grow" } },
        ]),
        &["start → grow", "grow → again"],
        &json!({ "list": { "type": "list" } }),
    );
    assert_eq!(Play::new(&plan).state(), "failed: the variables hold more than 1048576 bytes");
}

#[test]
fn parameters_are_checked_and_bound() {
    let plan = flow(
        &json!([
            { "id": "start", "type": "start", "data": { "input": [
                { "id": "a", "name": "who", "type": "text", "required": true },
                { "id": "b", "name": "age", "type": "number", "default": 18 },
                { "id": "c", "name": "since", "type": "datetime" },
            ] } },
            { "id": "end", "type": "end", "data": { "output": { "who": "who", "age": "age", "other": "other" } } },
        ]),
        &["start → end"],
        &json!({ "other": { "type": "any" } }),
    );
    let state = |input: Json| Play::with(&plan, &input, false).state();
    // Only whoever tries a flow sets what its author has not declared.
    assert_eq!(
        state(json!({ "who": "Ada", "other": 1 })),
        "failed: parameter other: there is no such parameter"
    );
    let state = |input: Json| Play::with(&plan, &input, true).state();
    assert_eq!(state(json!({ "who": "Ada" })), r#"completed {"age":18,"other":null,"who":"Ada"}"#);
    assert_eq!(
        state(json!({ "who": "Ada", "age": 3, "other": [1] })),
        r#"completed {"age":3,"other":[1],"who":"Ada"}"#
    );
    assert_eq!(state(json!({})), "failed: parameter who: it is required");
    assert_eq!(state(json!({ "who": 1 })), "failed: parameter who: it must be a text, not a number");
    assert_eq!(
        state(json!({ "who": "a", "since": "soon" })),
        "failed: parameter since: it must be a date and time (RFC 3339), not a text"
    );
    assert_eq!(state(json!({ "who": "a", "run": 1 })), "failed: parameter run: there is no such parameter");
}

#[test]
fn delays_wait_for_their_moment() {
    let wait = |data: Json| {
        let plan = one("delay", &data);
        let play = Play::new(&plan);
        match &play.machine.state.at {
            At::Waiting(waiting) => waiting.until.unwrap().to_string(),
            _ => play.state(),
        }
    };
    assert_eq!(wait(json!({ "duration_ms": 90_000 })), "2026-11-26T12:01:30Z");
    assert_eq!(
        wait(json!({ "mode": "until", "until": "2026-12-01T08:00:00+01:00" })),
        "2026-12-01T07:00:00Z"
    );
    assert_eq!(wait(json!({ "mode": "expression", "expression": "x * 500" })), "2026-11-26T12:00:00.5Z");
    assert_eq!(wait(json!({ "mode": "expression", "expression": "'2027-01-01'" })), "2027-01-01T00:00:00Z");
    // At most 365 days.
    assert_eq!(wait(json!({ "mode": "until", "until": "2200-01-01" })), "2027-11-26T12:00:00Z");
    assert!(wait(json!({ "mode": "until", "until": "2020-01-01" })).starts_with("completed"));
    assert_eq!(
        wait(json!({ "mode": "expression", "expression": "'soon'" })),
        "failed: \"soon\" is no date and time"
    );
    let plan = one("delay", &json!({ "duration_ms": 1 }));
    assert!(Play::new(&plan).due().state().starts_with("completed"));
}

#[test]
fn mocks_stand_for_nodes_only_where_they_are_used() {
    let data = json!({ "mock": { "enabled": true, "output": null }, "assignments": [{ "id": "a", "variable": "x", "value": 2 }] });
    let plan = one("set", &data);
    assert!(Play::with(&plan, &json!({}), true).state().contains("\"x\":1"));
    assert!(Play::with(&plan, &json!({}), false).state().contains("\"x\":2"));
    let mocks = BTreeMap::from([("ask".to_owned(), Mock::Output(Value::Int(7)))]);
    let nodes = json!([
        { "id": "start", "type": "start", "data": {} },
        { "id": "ask", "type": "input", "data": { "variable": "n", "kind": "number", "prompt": "?" } },
        { "id": "end", "type": "end", "data": { "output": { "n": "n" } } },
    ]);
    let plan =
        flow_with(&nodes, &["start → ask", "ask → end"], &json!({ "n": { "type": "number" } }), &mocks);
    assert_eq!(Play::with(&plan, &json!({}), true).state(), r#"completed {"n":7}"#);
}

#[test]
fn a_run_is_cancelled_wherever_it_is() {
    let plan = one("delay", &json!({ "duration_ms": 1_000 }));
    let mut play = Play::new(&plan);
    assert_eq!(play.happen(Happened::Cancel), Next::Ended);
    assert_eq!(play.state(), "cancelled");
    let again = Event { at: play.now, what: Happened::Cancel };
    assert_eq!(play.machine.step(again, &mut Output::default()), Err(Stale::Ended));
}

#[test]
fn what_is_not_waited_for_changes_nothing() {
    let plan = one("delay", &json!({ "duration_ms": 1_000 }));
    let mut play = Play::new(&plan);
    let before = play.machine.state.to_json(&plan);
    let (mut out, at) = (Output::default(), play.now);
    for what in [
        Happened::Go,
        Happened::Answered(crate::inputs::Answer::Text("x".into())),
        Happened::Start { input: crate::value::Object::new() },
    ] {
        assert_eq!(play.machine.step(Event { at, what }, &mut out), Err(Stale::NotWaited));
    }
    assert_eq!(play.machine.state.to_json(&plan), before);
    assert!(out.records.is_empty() && out.effects.is_empty());
}

/// A loop that puts a list into itself.
#[test]
fn values_do_not_become_deep() {
    let deeper = json!([{ "id": "a", "variable": "list", "kind": "expression", "expression": "[list]" }]);
    let plan = flow(
        &json!([
            { "id": "start", "type": "start", "data": {} },
            { "id": "grow", "type": "set", "data": { "assignments": deeper } },
            { "id": "again", "type": "jump", "data": { "target": "grow" } },
        ]),
        &["start → grow", "grow → again"],
        &json!({ "list": { "type": "list", "default": [] } }),
    );
    assert_eq!(Play::new(&plan).state(), "failed: list: a value is nested deeper than 32");
}

/// Each is as large as all variables together may be, and the journal would have all of them.
#[test]
fn a_node_writes_no_more_than_a_turn_may() {
    let copies: Vec<Json> = (0..50)
        .map(|at| json!({ "id": format!("a{at}"), "variable": "y", "kind": "expression", "expression": "x" }))
        .collect();
    let plan = flow(
        &json!([
            { "id": "start", "type": "start", "data": {} },
            { "id": "fill", "type": "set", "data": { "assignments": [{ "id": "a", "variable": "x", "kind": "expression", "expression": "'x' * 400000" }] } },
            { "id": "copy", "type": "set", "data": { "assignments": copies } },
        ]),
        &["start → fill", "fill → copy"],
        &json!({ "x": { "type": "text" }, "y": { "type": "text" } }),
    );
    assert_eq!(Play::new(&plan).state(), "failed: the turn has written more than 4194304 bytes");
}

#[test]
fn a_timer_of_before_is_none_of_this_wait() {
    let plan = one("delay", &json!({ "duration_ms": 10_000 }));
    let mut play = Play::new(&plan);
    let early = Event { at: play.now, what: Happened::Due };
    assert_eq!(play.machine.step(early, &mut Output::default()), Err(Stale::NotWaited));
    assert!(play.due().state().starts_with("completed"));
}
