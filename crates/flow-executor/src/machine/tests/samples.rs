//! The sample flows, played through.

use flow_model::{FlowJson, samples};
use serde_json::json;

use super::{Play, flow};
use crate::plan::{Budgets, Kind, Plan, check};

fn sample(id: &str) -> Plan {
    let sample = samples().iter().find(|sample| sample.id == id).unwrap();
    Plan::compile(
        FlowJson::parse(sample.json).unwrap().graph(),
        Budgets::DEFAULT,
        &std::collections::BTreeMap::new(),
    )
}

#[test]
fn every_node_of_the_samples_makes_sense() {
    for known in samples() {
        for node in sample(known.id).nodes() {
            assert!(!matches!(node.kind, Kind::Broken(_)), "{}: {:?}", known.id, node.kind);
        }
        let findings = check(FlowJson::parse(known.json).unwrap().graph());
        assert_eq!(findings, [], "{}", known.id);
    }
}

#[test]
fn the_quiz_counts_right_answers() {
    let plan = sample("quiz");
    let mut play = Play::new(&plan);
    assert_eq!(
        play.said(),
        [
            "Welcome to the geography quiz! 🌍",
            "There are 5 questions. Take your time: nobody is counting the seconds.",
            "Question 1 of 5\nWhich river flows through Vienna?",
        ]
    );
    play.say("The Danube");
    assert_eq!(play.said()[0], "Right! That makes 1. 🎉");
    // By its place, and in other letters.
    play.say("1").say("canberra").say("nonsense");
    assert_eq!(play.said().last().unwrap(), "Please choose one of the answers.");
    play.say("The Arctic").say("South America");
    let said = play.said();
    assert!(said.contains(&"5 of 5. You know your way around the world!".to_owned()), "{said:?}");
    play.say("No, thanks");
    assert_eq!(play.said(), ["Thanks for playing!"]);
    assert_eq!(play.state(), r#"completed {"questions":5,"score":5}"#);
}

#[test]
fn the_order_tracker_asks_waits_and_looks_again() {
    let plan = sample("order-tracker");
    let mut play = Play::new(&plan);
    play.say("wrong").say("OT-20481");
    let call = play.calls()[0];
    assert_eq!(call.url, "https://shop.example.com/api/orders/OT-20481");
    assert_eq!(call.headers, [("Accept".to_owned(), "application/json".to_owned())]);
    assert!(play.state().starts_with("waiting at fetch"), "{}", play.state());
}

/// As it runs today, step by step: what changes here changes for everybody's flows.
#[test]
fn a_small_flow_leaves_this_journal() {
    let plan = flow(
        &json!([
            { "id": "start", "type": "start", "data": {} },
            { "id": "hello", "type": "message", "data": { "blocks": [{ "id": "b", "text": "Hello **{{ name }}**" }] } },
            { "id": "ask", "type": "input", "data": { "variable": "age", "kind": "number", "integer": true, "prompt": "Age?" } },
            { "id": "end", "type": "end", "data": { "output": { "older": "age + 1" } } },
        ]),
        &["start → hello", "hello → ask", "ask → end"],
        &json!({ "name": { "type": "text", "default": "Ada" }, "age": { "type": "number" } }),
    );
    let mut play = Play::new(&plan);
    play.after(2_000).say("old").after(3_000).say("36");
    let journal: Vec<String> =
        play.out.records.iter().map(|record| record.to_json(&plan).to_string()).collect();
    expect_test::expect_file!["samples/journal.txt"].assert_eq(&(journal.join("\n") + "\n"));
}
