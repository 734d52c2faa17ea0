use super::*;
use crate::inputs::Answer;
use crate::machine::{CallError, CallFailure, Event, Happened, Machine, Next, Output, Response, RunInfo};
use crate::value::Value;

/// The journal of a run that somebody had with the flow, by a clock of its own.
fn journal(graph: &FlowGraph, answers: &[&str], called: &Result<Response, CallError>) -> Vec<Json> {
    let answers: Vec<_> = answers.iter().map(|text| Answer::Text((*text).into())).collect();
    journal_of(graph, &answers, called)
}

fn journal_of(graph: &FlowGraph, answers: &[Answer], called: &Result<Response, CallError>) -> Vec<Json> {
    let plan = Plan::compile(graph, Budgets::DEFAULT, &BTreeMap::new());
    let mut now: jiff::Timestamp = "2026-05-01T12:00:00Z".parse().unwrap();
    let info = RunInfo { id: "run".into(), started_at: now, user: Value::Null, mocks: true };
    let mut machine = Machine::new(&plan, &info);
    let mut out = Output::default();
    let input = crate::value::Object::from([("name".into(), Value::text("Cy"))]);
    let mut next = machine.turn(Event { at: now, what: Happened::Start { input } }, &mut out).unwrap();
    let mut answers = answers.iter();
    while next == Next::Wait {
        let crate::machine::At::Waiting(waiting) = machine.state.at.clone() else { unreachable!() };
        now = waiting.until.unwrap_or(now);
        let what = match waiting.what {
            crate::machine::For::Answer { .. } => match answers.next() {
                Some(answer) => Happened::Answered(answer.clone()),
                None => Happened::Due,
            },
            crate::machine::For::Call { attempt, .. } => {
                Happened::Called { visit: waiting.visit, attempt, result: called.clone() }
            }
            _ => Happened::Due,
        };
        next = machine.turn(Event { at: now, what }, &mut out).unwrap();
    }
    out.records.iter().map(|record| record.to_json(&plan)).collect()
}

fn answered(status: u16, body: &Json) -> Result<Response, CallError> {
    Ok(Response { status, headers: BTreeMap::new(), body: body.to_string(), ms: 5 })
}

/// The case of that run, put into the flow, is passed by it.
fn again(answers: &[&str], called: &Result<Response, CallError>) -> Exported {
    let graph = flow(&json!([]));
    let export = exported("As it was", &journal(&graph, answers, called)).unwrap();
    let report = run(&json!([export.test]));
    assert_eq!(report.status, CaseStatus::Passed, "{report:#?}");
    export
}

#[test]
fn a_run_made_a_case_is_passed_by_its_flow() {
    let export = again(&["old", "36"], &answered(200, &json!({ "word": "old" })));
    assert_eq!(
        Json::Object(export.test),
        json!({
            "name": "As it was",
            "now": "2026-05-01T12:00:00Z",
            "variables": { "name": "Cy" },
            "mocks": { "call": { "output": { "status": 200, "body": { "word": "old" } } } },
            "turns": [
                { "expect": [{ "type": "equals", "value": "Hello Cy\nAge?" }] },
                { "say": "old", "expect": [{ "type": "equals", "value": "A number, please." }] },
                { "say": "36", "expect": [
                    { "type": "equals", "value": "You are old" }, { "type": "status", "value": "completed" },
                ] },
            ],
        })
    );
    assert_eq!(export.notes, Vec::<String>::new());
}

#[test]
fn silence_and_failed_calls_are_told_too() {
    let export = again(&[], &answered(200, &json!({})));
    assert_eq!(export.test["turns"][1]["wait"], true);
    let export = again(&["36"], &answered(404, &json!({ "no": "such" })));
    assert_eq!(export.test["mocks"]["call"]["output"]["status"], 404);
    let refused = CallError { failure: CallFailure::Refused, message: "not there".into() };
    let export = again(&["36"], &Err(refused));
    assert_eq!(export.test["mocks"]["call"], json!({ "error": "not there" }));
    assert_eq!(export.notes.len(), 1);
}

/// A file as it is said in a case.
fn file(name: &str, media_type: &str) -> Json {
    let url = format!("/api/runs/r/files/{name}");
    json!({ "id": name, "name": name, "mediaType": media_type, "bytes": 3, "url": url })
}

#[test]
fn files_that_were_sent_are_said_again_also_those_that_were_refused() {
    let asking = |tests: &Json| {
        let nodes = json!([
            { "id": "start", "type": "start", "data": {} },
            { "id": "ask", "type": "input", "data": { "variable": "word", "kind": "file", "file_types": ["image/*"] } },
            { "id": "end", "type": "end", "data": { "output": { "url": "word.url" } } },
        ]);
        flow_of(&nodes, &["start → ask", "ask → end"], tests)
    };
    let said = [json!([file("a.txt", "text/plain")]), json!([file("b.png", "image/png")])];
    let answers = said.clone().map(|files| Answer::Files(serde_json::from_value(files).unwrap()));
    let journal = journal_of(&asking(&json!([])), &answers, &answered(200, &json!({})));
    let export = exported("Files", &journal).unwrap();
    let turns = export.test["turns"].as_array().unwrap();
    assert_eq!(turns.iter().skip(1).map(|turn| turn["say"]["files"].clone()).collect::<Vec<_>>(), said);
    let report = run_cases(&asking(&json!([export.test])), None, &CaseLimits::default()).unwrap();
    assert_eq!(report.status, CaseStatus::Passed, "{report:#?}");
}

#[test]
fn a_mock_that_is_too_long_to_be_kept_is_left_to_the_author() {
    let long = json!({ "word": "old", "rest": "x".repeat(20_000) });
    let graph = flow(&json!([]));
    let export = exported("Long", &journal(&graph, &["36"], &answered(200, &long))).unwrap();
    assert_eq!(export.test["mocks"]["call"]["output"]["body"], Json::Null);
    assert!(export.notes[0].contains("call"), "{:?}", export.notes);
}

#[test]
fn a_run_under_way_is_no_case() {
    let entries = journal(&flow(&json!([])), &["36"], &answered(200, &json!({})));
    assert_eq!(exported("x", &entries[..entries.len() - 1]), Err(ExportError::NotEnded));
    assert_eq!(exported("x", &entries[1..]), Err(ExportError::NotBegun));
    let mut again = entries.clone();
    again[0] = json!({ "type": "replayed", "at": "2026-05-01T12:00:00Z", "of": "run", "visit": 2 });
    assert_eq!(exported("x", &again), Err(ExportError::Replayed));
}

/// Secrets are in a journal by their names only, and of a request nothing is told.
#[test]
fn no_part_of_a_request_is_in_a_case() {
    let mut graph = flow(&json!([]));
    let node = std::sync::Arc::make_mut(graph.nodes.get_mut("call").unwrap());
    node.data.insert("auth".into(), "bearer".into());
    node.data.insert("auth_secret".into(), "the_key".into());
    let entries = journal(&graph, &["36"], &answered(200, &json!({ "word": "old" })));
    assert!(json!(entries).to_string().contains("the_key"), "the call was recorded: {entries:#?}");
    let export = exported("x", &entries).unwrap();
    let text = Json::Object(export.test).to_string();
    assert!(!text.contains("the_key") && !text.contains("example.com"), "{text}");
}
