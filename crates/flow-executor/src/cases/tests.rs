mod export;
mod samples;

use flow_model::FlowJson;
use serde_json::{Value as Json, json};

use super::*;

/// A flow that greets, asks for an age, waits a minute and calls.
fn flow(tests: &Json) -> FlowGraph {
    flow_of(
        &json!([
            { "id": "start", "type": "start", "data": {} },
            { "id": "hello", "type": "message", "data": { "blocks": [{ "id": "b", "text": "Hello {{ name }}" }] } },
            { "id": "ask", "type": "input", "data": {
                "variable": "age", "kind": "number", "integer": true, "prompt": "Age?",
                "retry_message": "A number, please.", "timeout_ms": 60_000 } },
            { "id": "pause", "type": "delay", "data": { "duration_ms": 90_000 } },
            { "id": "call", "type": "api", "data": { "url": "https://example.com/", "map": [
                { "id": "m", "variable": "word", "kind": "jsonpath", "path": "$.word" }] } },
            { "id": "say", "type": "message", "data": { "blocks": [{ "id": "b", "text": "You are {{ word }}" }] } },
            { "id": "end", "type": "end", "data": { "output": { "older": "age + 1" } } },
            { "id": "bored", "type": "message", "data": { "blocks": [{ "id": "b", "text": "Nobody there?" }] } },
            { "id": "sorry", "type": "message", "data": { "blocks": [{ "id": "b", "text": "Sorry." }] } },
            { "id": "note", "type": "note", "data": { "text": "never visited" } },
        ]),
        &[
            "start → hello",
            "hello → ask",
            "ask → pause",
            "ask.timeout → bored",
            "pause → call",
            "call → say",
            "call.error → sorry",
            "say → end",
        ],
        tests,
    )
}

fn flow_of(nodes: &Json, edges: &[&str], tests: &Json) -> FlowGraph {
    let edges = edges.iter().map(|edge| {
        let (source, target) = edge.split_once(" → ").unwrap();
        let (source, port) = source.split_once('.').unwrap_or((source, "out"));
        json!({ "id": edge, "source": source, "sourceHandle": port, "target": target })
    });
    let variables = json!({ "name": { "type": "text", "default": "Ada" }, "age": {}, "word": {} });
    let json = json!({
        "interflow": 1, "nodes": nodes, "edges": edges.collect::<Vec<_>>(), "variables": variables, "tests": tests,
    });
    FlowJson::from_value(&json).unwrap().graph().clone()
}

fn run(tests: &Json) -> Report {
    run_cases(&flow(tests), None, &CaseLimits::default()).unwrap()
}

/// A case of one turn that expects this of the greeting, `Hello Ada` and `Age?`.
fn greeting(expect: &Json) -> CaseReport {
    run(&json!([{ "id": "t", "turns": [{ "id": "u", "expect": [expect] }] }])).cases.remove(0)
}

#[test]
fn a_case_is_played_turn_by_turn_and_time_passes_at_once() {
    let report = run(&json!([{
        "id": "t", "name": "To the end", "variables": { "name": "Bo" },
        "mocks": { "call": { "output": { "status": 200, "body": { "word": "old" } } } },
        "turns": [
            { "id": "a", "expect": [{ "type": "equals", "value": "Hello Bo\nAge?" }, { "type": "latency", "threshold": 0 }] },
            { "id": "b", "say": "many", "expect": [{ "type": "equals", "value": "A number, please." }] },
            { "id": "c", "say": { "value": 36 }, "expect": [
                { "type": "equals", "value": "You are old" },
                { "type": "latency", "threshold": 90_000 }, { "type": "not-latency", "threshold": 89_999 },
                { "type": "expression", "value": "output.older == 37 and word == 'old' and said is defined" },
                { "type": "status", "value": "completed" },
            ] },
        ],
    }]));
    assert_eq!(report.status, CaseStatus::Passed, "{report:#?}");
    let case = &report.cases[0];
    assert_eq!(
        (case.name.as_str(), case.ms, case.outcome.as_deref()),
        ("To the end", 90_000, Some("completed"))
    );
    assert_eq!(case.turns.iter().map(|turn| turn.ms).collect::<Vec<_>>(), [0, 0, 90_000]);
    assert_eq!(case.turns[2].said, ["You are old"]);
    assert_eq!(case.turns[2].assertions, 5);
}

#[test]
fn coverage_counts_what_was_visited_and_names_the_rest() {
    let report = run(&json!([{ "id": "t", "turns": [{ "id": "u" }, { "id": "v", "wait": true }] }]));
    assert_eq!(report.cases[0].ms, 60_000);
    // The note is none that runs visit.
    let Coverage { nodes, edges } = &report.coverage;
    assert_eq!((nodes.covered, nodes.total), (4, 9));
    assert_eq!(nodes.missing, ["call", "end", "pause", "say", "sorry"]);
    assert_eq!((edges.covered, edges.total), (3, 8));
    assert_eq!(
        edges.missing,
        ["ask → pause", "call → say", "call.error → sorry", "pause → call", "say → end"]
    );
}

#[test]
fn of_two_edges_at_one_output_one_is_covered() {
    let graph = flow_of(
        &json!([
            { "id": "start", "type": "start", "data": {} },
            { "id": "a", "type": "end", "data": {} }, { "id": "b", "type": "end", "data": {} },
        ]),
        &["start → a", "start → b"],
        &json!([{ "id": "t" }]),
    );
    let coverage = run_cases(&graph, None, &CaseLimits::default()).unwrap().coverage;
    assert_eq!(
        (coverage.edges.missing, coverage.nodes.missing),
        (vec!["start → b".to_owned()], vec!["b".to_owned()])
    );
}

#[test]
fn every_type_of_assertion_holds_and_fails_as_its_name_says() {
    for (kind, value, holds) in [
        ("equals", json!("Hello Ada\nAge?"), true),
        ("equals", json!("hello ada\nage?"), false),
        ("equals", json!(7), false),
        ("contains", json!("Ada\nAge"), true),
        ("contains", json!("ada"), false),
        ("icontains", json!("ADA"), true),
        ("icontains", json!("eve"), false),
        ("contains-any", json!(["Eve", "Ada"]), true),
        ("contains-any", json!("Eve, Ada"), true),
        ("contains-any", json!(["Eve"]), false),
        ("contains-all", json!(["Hello", "Ada"]), true),
        ("contains-all", json!(["Hello", "Eve"]), false),
        ("icontains-any", json!(["EVE", "ADA"]), true),
        ("icontains-any", json!(["EVE"]), false),
        ("icontains-all", json!(["HELLO", "ADA"]), true),
        ("icontains-all", json!(["HELLO", "EVE"]), false),
        ("starts-with", json!("Hello"), true),
        ("starts-with", json!("Age"), false),
        ("regex", json!(r"^Hello \w+$"), false),
        ("regex", json!(r"(?m)^Hello \w+$"), true),
        ("is-json", json!(null), false),
        ("expression", json!("name == 'Ada'"), true),
        ("expression", json!("'Eve' in said or name == 'Eve'"), false),
        ("status", json!("waiting"), true),
        ("status", json!("completed"), false),
    ] {
        for (kind, holds) in [(kind.to_owned(), holds), (format!("not-{kind}"), !holds)] {
            let mut expect = json!({ "id": "x", "type": kind, "value": value });
            if value.is_null() {
                expect.as_object_mut().unwrap().remove("value");
            }
            let case = greeting(&expect);
            let expected = if holds { CaseStatus::Passed } else { CaseStatus::Failed };
            assert_eq!(case.status, expected, "{kind} {value}: {case:#?}");
        }
    }
}

#[test]
fn json_is_compared_as_json() {
    let nodes = |text: &str| {
        json!([
            { "id": "start", "type": "start", "data": {} },
            { "id": "say", "type": "message", "data": { "blocks": [{ "id": "b", "text": text }] } },
        ])
    };
    for (expect, holds) in [
        (json!({ "type": "is-json" }), true),
        (json!({ "type": "equals", "value": { "b": 2, "a": [1.0, null] } }), true),
        (json!({ "type": "equals", "value": { "a": [1, 0] } }), false),
    ] {
        let tests = json!([{ "id": "t", "turns": [{ "expect": [expect] }] }]);
        let graph = flow_of(&nodes(r#"{"a": [1, null], "b": 2}"#), &["start → say"], &tests);
        let report = run_cases(&graph, None, &CaseLimits::default()).unwrap();
        assert_eq!(report.status == CaseStatus::Passed, holds, "{tests} {report:?}");
    }
}

#[test]
fn a_failure_says_what_was_expected_and_what_came() {
    let case = greeting(&json!({ "id": "x", "type": "contains", "value": "Eve" }));
    let [failure] = &case.turns[0].failures[..] else { panic!("{case:?}") };
    let expected = Failure {
        assertion: Some("x".into()),
        kind: "contains".into(),
        expected: "Eve".into(),
        actual: "Hello Ada\nAge?".into(),
        message: "contains: what was said does not fit".into(),
    };
    assert_eq!(*failure, expected);
    let case = greeting(&json!({ "id": "x", "type": "not-expression", "value": "name == 'Ada'" }));
    assert_eq!(case.turns[0].failures[0].actual, json!(true), "{case:?}");
    let case = greeting(&json!({ "id": "x", "type": "expression", "value": "aeg > 1" }));
    assert!(case.turns[0].failures[0].message.contains("aeg"), "{case:?}");
}

#[test]
fn a_call_without_a_mock_is_made_by_nobody() {
    let case = run(&json!([{ "id": "t", "turns": [{ "id": "a", "say": "36" }] }])).cases.remove(0);
    assert_eq!(case.status, CaseStatus::Error);
    assert_eq!(case.error.as_deref(), Some("call calls a web service and has no mock (call)"));
    // What was said until then is told.
    assert_eq!(case.turns[0].said, ["Hello Ada", "Age?"]);
}

#[test]
fn a_mock_may_fail_and_change_from_visit_to_visit() {
    let graph = flow_of(
        &json!([
            { "id": "start", "type": "start", "data": {} },
            { "id": "call", "type": "api", "data": { "url": "https://example.com/", "map": [
                { "id": "m", "variable": "word", "kind": "jsonpath", "path": "$.word" }] } },
            { "id": "say", "type": "message", "data": { "blocks": [{ "id": "b", "text": "{{ word }}" }] } },
            { "id": "sorry", "type": "message", "data": { "blocks": [{ "id": "b", "text": "{{ last_error.message }}" }] } },
            { "id": "ask", "type": "input", "data": { "variable": "name", "prompt": "Again?" } },
        ]),
        &["start → call", "call → say", "call.error → sorry", "say → ask", "sorry → ask", "ask → call"],
        &json!([{
            "id": "t",
            "mocks": { "call": [
                { "output": { "status": 200, "body": { "word": "one" } } }, { "error": "no luck" },
                { "output": { "word": "three" } },
            ] },
            "turns": [
                { "id": "a", "expect": [{ "type": "equals", "value": "one\nAgain?" }] },
                { "id": "b", "say": "yes", "expect": [{ "type": "equals", "value": "no luck\nAgain?" }] },
                { "id": "c", "say": "yes", "expect": [{ "type": "equals", "value": "three\nAgain?" }] },
                { "id": "d", "say": "yes", "expect": [{ "type": "equals", "value": "three\nAgain?" }] },
            ],
        }]),
    );
    let report = run_cases(&graph, None, &CaseLimits::default()).unwrap();
    assert_eq!(report.status, CaseStatus::Passed, "{report:#?}");
}

#[test]
fn a_run_that_fails_fails_its_case_unless_that_is_expected() {
    let graph = |expect: Json| {
        flow_of(
            &json!([
                { "id": "start", "type": "start", "data": {} },
                { "id": "set", "type": "set", "data": { "assignments": [
                    { "id": "a", "variable": "age", "kind": "expression", "expression": "missing + 1" }] } },
            ]),
            &["start → set"],
            &json!([{ "id": "t", "turns": [{ "id": "u", "expect": expect }] }]),
        )
    };
    let run = |expect| run_cases(&graph(expect), None, &CaseLimits::default()).unwrap().cases.remove(0);
    let case = run(json!([]));
    assert_eq!(case.status, CaseStatus::Failed);
    assert!(case.turns[0].failures[0].message.starts_with("the run failed at set: "), "{case:?}");
    assert_eq!(run(json!([{ "id": "x", "type": "status", "value": "failed" }])).status, CaseStatus::Passed);
}

#[test]
fn a_run_may_do_no_more_than_runs_may() {
    let graph = flow_of(
        &json!([
            { "id": "start", "type": "start", "data": {} },
            { "id": "again", "type": "jump", "data": { "target": "again" } },
        ]),
        &["start → again"],
        &json!([{ "id": "t" }]),
    );
    let case = run_cases(&graph, None, &CaseLimits::default()).unwrap().cases.remove(0);
    assert!(case.turns[0].failures[0].message.contains("around again → again"), "{case:?}");
}

#[test]
fn when_the_time_is_over_the_rest_is_not_begun() {
    let tests = json!([{ "id": "a" }, { "id": "b" }]);
    let limits = CaseLimits { within: Duration::ZERO, ..CaseLimits::default() };
    let report = run_cases(&flow(&tests), None, &limits).unwrap();
    assert_eq!((report.errors, report.status), (2, CaseStatus::Failed));
    assert!(report.cases[1].error.as_deref().unwrap().contains("the time"), "{report:?}");
}

/// Reading a case, and judging what was said, took as long as they took.
#[test]
fn the_time_is_looked_at_between_assertions() {
    let expect = [json!({ "type": "regex", "value": "a" }), json!({ "type": "is-json" })];
    let graph = flow(&json!([{ "id": "t", "turns": [{ "id": "u", "expect": expect }] }]));
    let test = graph.tests_in_order()[0];
    let over = Instant::now();
    let error = Case::read(test, over).unwrap_err();
    assert_eq!(error.to_string(), "turns/u/expect: the time for all test cases is over");
    let case = Case::read(test, over + Duration::from_secs(60)).unwrap();
    let plan = Plan::compile(&graph, Budgets::DEFAULT, &case.mocks);
    let (mut visits, mut room) = (Visits::default(), Room::default());
    let report = play::play(test, &case, &plan, Duration::from_secs(1), over, &mut visits, &mut room);
    assert_eq!(report.error.as_deref(), Some("the time for all test cases is over"));
    assert_eq!((report.turns[0].assertions, report.turns[0].failed), (0, 0), "{report:?}");
}

/// A turn goes on where it waits by itself, and each of its parts may say as much as a turn may.
#[test]
fn what_a_turn_says_is_bounded_across_delays() {
    let graph = flow_of(
        &json!([
            { "id": "start", "type": "start", "data": {} },
            { "id": "say", "type": "message", "data": { "blocks": [{ "id": "b", "text": "x".repeat(60_000) }] } },
            { "id": "pause", "type": "delay", "data": { "duration_ms": 1_000 } },
            { "id": "again", "type": "jump", "data": { "target": "say" } },
        ]),
        &["start → say", "say → pause", "pause → again"],
        &json!([{ "id": "t", "turns": [{ "id": "u" }] }]),
    );
    let case = run_cases(&graph, None, &CaseLimits::default()).unwrap().cases.remove(0);
    assert_eq!(
        case.error.as_deref(),
        Some("a turn of a test case says at most 4 MiB"),
        "{:?}",
        case.turns[0].failures
    );
    // 69 texts are within 4 MiB, and the next is not.
    assert_eq!(case.ms, 69_000);
}

#[test]
fn cases_are_run_in_their_order_and_by_their_ids() {
    let tests = json!([{ "id": "z" }, { "id": "a" }, { "id": "m" }]);
    let graph = flow(&tests);
    let ids = |only: Option<&[String]>| {
        let report = run_cases(&graph, only, &CaseLimits::default())?;
        Ok(report.cases.into_iter().map(|case| case.id).collect::<Vec<_>>())
    };
    assert_eq!(ids(None), Ok(vec!["z".into(), "a".into(), "m".into()]));
    assert_eq!(ids(Some(&["m".into(), "z".into()])), Ok(vec!["z".into(), "m".into()]));
    assert_eq!(ids(Some(&["q".into()])), Err(UnknownCase("q".into())));
}

#[test]
fn a_case_that_cannot_be_read_says_where_and_the_others_run() {
    let turn = |turn: Json| json!({ "turns": [{ "id": "f" }, turn] });
    let expect = |expect: Json| json!({ "turns": [{ "id": "f", "expect": [expect] }] });
    let asserting = |id: &str, times| json!({ "id": id, "say": "x", "expect": vec![json!({ "type": "is-json" }); times] });
    let many: Json = (0..23).map(|at| asserting(&format!("u{at}"), 90)).collect();
    for (case, path) in [
        (json!({ "now": "soon" }), "now"),
        (json!({ "variables": [1] }), "variables"),
        (json!({ "mocks": { "call": 1 } }), "mocks/call"),
        (json!({ "mocks": { "call": [] } }), "mocks/call"),
        (json!({ "mocks": { "call": [{ "output": 1 }, { "output": 1, "error": "x" }] } }), "mocks/call/1"),
        (json!({ "mocks": { "nowhere": { "output": 1 } } }), "mocks/nowhere"),
        (json!({ "turns": vec![json!({}); 1_001] }), "turns"),
        (json!({ "turns": many }), "turns"),
        (json!({ "turns": [asserting("u", 101)] }), "turns/u/expect"),
        (
            expect(json!({ "id": "x", "type": "contains-any", "value": vec!["x"; 101] })),
            "turns/f/expect/x/value",
        ),
        (
            expect(json!({ "id": "x", "type": "regex", "value": "x".repeat(20_000) })),
            "turns/f/expect/x/value",
        ),
        (turn(json!({ "id": "u" })), "turns/u"),
        (turn(json!({ "id": "u", "say": 1 })), "turns/u/say"),
        (turn(json!({ "id": "u", "say": { "shout": 1 } })), "turns/u/say"),
        (turn(json!({ "id": "u", "say": "x", "wait": true })), "turns/u"),
        (turn(json!({ "id": "u", "wait": 1 })), "turns/u/wait"),
        (expect(json!({ "id": "x" })), "turns/f/expect/x"),
        (expect(json!({ "id": "x", "type": "llm-rubric" })), "turns/f/expect/x/type"),
        (expect(json!({ "id": "x", "type": "contains" })), "turns/f/expect/x/value"),
        (expect(json!({ "id": "x", "type": "contains-any", "value": [] })), "turns/f/expect/x/value"),
        (expect(json!({ "id": "x", "type": "regex", "value": "(" })), "turns/f/expect/x/value"),
        (expect(json!({ "id": "x", "type": "is-json", "value": {} })), "turns/f/expect/x/value"),
        (expect(json!({ "id": "x", "type": "latency", "value": 3 })), "turns/f/expect/x/threshold"),
        (expect(json!({ "id": "x", "type": "expression", "value": "1 +" })), "turns/f/expect/x/value"),
        (expect(json!({ "id": "x", "type": "status", "value": "fine" })), "turns/f/expect/x/value"),
    ] {
        let mut case = case;
        case["id"] = "t".into();
        let report = run(&json!([case, { "id": "good" }]));
        let error = report.cases[0].error.clone().unwrap_or_default();
        assert!(error.starts_with(&format!("{path}: ")), "{case}: {error}");
        assert_eq!((report.passed, report.errors), (1, 1));
    }
}

#[test]
fn what_a_turn_cannot_do_ends_the_case() {
    let run_turns = |turns: Json| {
        let mocks = json!({ "call": { "error": "away" } });
        run(&json!([{ "id": "t", "mocks": mocks, "turns": turns }])).cases.remove(0)
    };
    let case = run_turns(json!([{ "id": "a", "say": "36" }, { "id": "b", "say": "more" }]));
    assert_eq!(case.error.as_deref(), Some("turns/b: the run has ended already, it is completed"));
    assert_eq!(case.turns[1].said, ["Sorry."]);
}

#[test]
fn what_was_said_is_shown_up_to_a_bound() {
    let mut room = Room::default();
    let texts = [String::from("x").repeat(1 << 20), "y".into()];
    assert_eq!(room.take(&texts).0.len(), 2);
    let (shown, whole) = room.take(&texts);
    assert_eq!((shown.len(), whole), (0, false));
    // Failures too, and what is shown of each.
    let expect = vec![json!({ "type": "equals", "value": "x".repeat(10_000) }); 100];
    let case = |at: usize| json!({ "id": format!("t{at}"), "turns": [{ "expect": &expect }] });
    let report = run(&(0..6).map(case).collect());
    let turn = |at: usize| &report.cases[at].turns[0];
    assert_eq!((turn(4).failed, turn(4).failures.len()), (100, 100));
    assert_eq!((turn(5).failed, turn(5).failures.len()), (100, 0));
    assert_eq!(turn(0).failures[0].expected.as_str().unwrap().len(), 4 << 10);
}

/// The source of an expression was in its message, whole, and an error in its report.
#[test]
fn of_a_long_expression_the_beginning_is_shown() {
    let long = "x".repeat(50_000);
    for source in [format!("'{long}' == said"), format!("{long} == said")] {
        let case = greeting(&json!({ "id": "x", "type": "expression", "value": source }));
        let failure = &case.turns[0].failures[0];
        assert!(failure.message.len() < 10_000, "{}", failure.message.len());
    }
    let case = greeting(&json!({ "id": "x", "type": long }));
    assert!(case.error.as_deref().is_some_and(|error| error.len() <= 4 << 10));
}

#[test]
fn a_report_is_cut_to_what_it_may_take() {
    // Characters that take six bytes of JSON each.
    let name = "\u{1}".repeat(20_000);
    let expect = vec![json!({ "type": "equals", "value": "\u{1}".repeat(1_000) }); 50];
    let report = run(&json!([
        { "id": "a", "variables": { "name": name }, "turns": [{ "id": "u" }] },
        { "id": "b", "variables": { "name": "Bo" }, "turns": [{ "id": "u", "expect": expect }] },
    ]));
    let bytes = |report: &Report| serde_json::to_vec(report).unwrap().len();
    assert_eq!(report.clone().within(bytes(&report)).unwrap(), report, "what fits is whole");
    let cut = report.clone().within(bytes(&report) - 1).unwrap();
    let turns = [&cut.cases[0].turns[0], &cut.cases[1].turns[0]];
    assert_eq!((turns[0].said.len(), turns[0].cut), (0, true), "of the one that passed");
    assert_eq!((turns[1].said.len(), turns[1].cut, turns[1].failures.len()), (2, false, 50));
    let shorter = report.clone().within(100_000).unwrap();
    assert!(bytes(&shorter) <= 100_000);
    let turn = &shorter.cases[1].turns[0];
    assert!(turn.said.is_empty() && (1..50).contains(&turn.failures.len()) && turn.failed == 50, "{turn:?}");
    assert_eq!(report.within(100), Err(TooLong));
}
