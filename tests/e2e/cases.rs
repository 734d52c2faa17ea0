//! Test cases of flows: run by a server and in the terminal, kept, and made of runs.

use std::path::Path;

use flow_base::{FlowId, Scope, TestResultId};
use flow_client::{Api, ClientError, NewFlow, NewKey, RunAnswer, RunTests, StartRun};
use serde_json::{Value, json};
use tokio::process::Command;

use crate::PROGRAM;
use crate::people::{Scene, scene};

async fn sample(scene: &Scene, id: &str) -> FlowId {
    let flow = NewFlow { sample: Some(id.into()), ..NewFlow::default() };
    scene.ann.create_flow(&flow).await.unwrap().id
}

async fn edit(api: &Api, flow: FlowId, edit: Value) {
    let edit = serde_json::from_value(edit).unwrap();
    api.edit_graph(flow, &[edit], None).await.unwrap();
}

fn code(error: &ClientError) -> &str {
    match error {
        ClientError::Refused { code, .. } => code,
        other => panic!("{other}"),
    }
}

/// A case of the quiz that does not hold.
fn wrong() -> Value {
    json!({ "op": "setTest", "id": "wrong", "test": {
        "name": "Wrong", "turns": [{ "id": "u", "expect": [{ "id": "e", "type": "contains", "value": "Good evening" }] }],
    } })
}

#[tokio::test]
async fn test_cases_are_run_and_their_results_kept_by_what_the_flow_said() {
    let scene = scene().await;
    let ann = &scene.ann;
    let quiz = sample(&scene, "quiz").await;
    let version = ann.create_version(quiz, "One").await.unwrap();

    let first = ann.run_tests(quiz, &RunTests::default()).await.unwrap();
    assert_eq!(
        (first.result.passed, first.result.failed, first.result.errors),
        (3, 0, 0),
        "{}",
        first.report
    );
    assert_eq!(first.report["coverage"]["nodes"]["missing"], json!([]));
    assert_eq!(first.result.content_hash, version.content_hash);

    // A test case is no part of what the flow does, and a version keeps those that it had.
    edit(ann, quiz, wrong()).await;
    let second = ann.run_tests(quiz, &RunTests::default()).await.unwrap();
    assert_eq!(second.result.content_hash, first.result.content_hash);
    assert_eq!((second.result.passed, second.result.failed), (3, 1));
    let failed =
        second.report["cases"].as_array().unwrap().iter().find(|case| case["id"] == "wrong").unwrap();
    let failure = &failed["turns"][0]["failures"][0];
    assert_eq!((&failure["expected"], &failure["assertion"]), (&json!("Good evening"), &json!("e")));
    assert!(failure["actual"].as_str().unwrap().starts_with("Welcome"), "{failure}");
    let third = ann.run_tests(quiz, &RunTests { version: Some(1), tests: None }).await.unwrap();
    assert_eq!((third.result.version, third.result.passed, third.result.failed), (Some(1), 3, 0));
    let only = RunTests { version: None, tests: Some(vec!["all-right".into()]) };
    assert_eq!(ann.run_tests(quiz, &only).await.unwrap().result.passed, 1);

    // An edit of the program is another content.
    edit(ann, quiz, json!({ "op": "updateNode", "id": "welcome", "label": "Hello" })).await;
    let last = ann.run_tests(quiz, &RunTests::default()).await.unwrap();
    assert_ne!(last.result.content_hash, first.result.content_hash);
    let all = ann.test_results(quiz, None, 10).await.unwrap();
    assert_eq!((all.len(), &all[0]), (5, &last.result));
    let of_version = ann.test_results(quiz, Some(1), 10).await.unwrap();
    assert_eq!((of_version.len(), &of_version[3]), (4, &first.result));
    assert_eq!(ann.test_results(quiz, None, 2).await.unwrap().len(), 2);
    assert_eq!(ann.test_result(quiz, second.result.id).await.unwrap(), second);
}

#[tokio::test]
async fn what_cannot_be_tested_is_said_and_strangers_see_nothing() {
    let scene = scene().await;
    let ann = &scene.ann;
    let quiz = sample(&scene, "quiz").await;
    let kept = ann.run_tests(quiz, &RunTests::default()).await.unwrap().result.id;
    let unknown = RunTests { version: None, tests: Some(vec!["all-right".into(), "nowhere".into()]) };
    let refused = ann.run_tests(quiz, &unknown).await.unwrap_err();
    assert_eq!(code(&refused), "invalid");
    assert!(refused.to_string().contains("nowhere"), "{refused}");
    let many = RunTests { version: None, tests: Some(vec!["all-right".into(); 501]) };
    assert_eq!(code(&ann.run_tests(quiz, &many).await.unwrap_err()), "invalid");
    let missing = RunTests { version: Some(7), tests: None };
    assert_eq!(code(&ann.run_tests(quiz, &missing).await.unwrap_err()), "not_found");
    assert_eq!(code(&ann.test_results(quiz, Some(7), 10).await.unwrap_err()), "not_found");
    assert_eq!(code(&ann.test_result(quiz, TestResultId::generate()).await.unwrap_err()), "not_found");
    let elsewhere = sample(&scene, "quiz").await;
    assert_eq!(
        code(&ann.test_result(elsewhere, kept).await.unwrap_err()),
        "not_found",
        "it is another flow's"
    );

    let (ben, _) = scene.server.person("stranger").await.unwrap();
    assert_eq!(code(&ben.run_tests(quiz, &RunTests::default()).await.unwrap_err()), "not_found");
    assert_eq!(code(&ben.test_results(quiz, None, 10).await.unwrap_err()), "not_found");
    assert_eq!(code(&ben.test_result(quiz, kept).await.unwrap_err()), "not_found");
}

#[tokio::test]
async fn who_may_run_a_flow_and_not_read_it_sees_how_many_passed() {
    let scene = scene().await;
    let quiz = sample(&scene, "quiz").await;
    edit(&scene.ann, quiz, wrong()).await;
    let key = NewKey { name: "Runner".into(), scopes: vec![Scope::Run], expires_at: None };
    let key = scene.ann.create_key(&key).await.unwrap();
    let runner = Api::new(&scene.server.url()).unwrap();
    runner.use_token(key.secret);
    let done = runner.run_tests(quiz, &RunTests::default()).await.unwrap();
    assert_eq!((done.result.passed, done.result.failed), (3, 1));
    let text = done.report.to_string();
    assert!(!text.contains("Vienna") && !text.contains("Good evening"), "{text}");
    assert_eq!(code(&runner.test_result(quiz, done.result.id).await.unwrap_err()), "forbidden");
    let whole = scene.ann.test_result(quiz, done.result.id).await.unwrap();
    assert!(whole.report.to_string().contains("Vienna"), "it is kept whole");
}

#[tokio::test]
async fn a_run_that_has_ended_becomes_a_test_case_that_passes() {
    let scene = scene().await;
    let ann = &scene.ann;
    let bot = sample(&scene, "support-bot").await;
    let start = StartRun { preview: true, ..StartRun::default() };
    let turn = ann.start_run(bot, &start).await.unwrap();
    assert_eq!(code(&ann.run_as_test(turn.run_id).await.unwrap_err()), "no_test");
    for answer in ["Where is my order?", "no number", "BB-123456", "No, thanks"] {
        ann.answer_run(turn.run_id, &RunAnswer::text(answer)).await.unwrap();
    }
    let made = ann.run_as_test(turn.run_id).await.unwrap();
    assert_eq!(made.notes, Vec::<String>::new());
    assert_eq!(made.test["mocks"]["fetch"]["output"]["body"]["status"], "shipped", "{:?}", made.test);
    edit(ann, bot, json!({ "op": "setTest", "id": "made", "test": made.test })).await;
    let only = RunTests { version: None, tests: Some(vec!["made".into()]) };
    let done = ann.run_tests(bot, &only).await.unwrap();
    assert_eq!((done.result.passed, done.result.failed), (1, 0), "{}", done.report);
    // And says so when the flow says something else.
    edit(ann, bot, json!({ "op": "updateNode", "id": "end", "data": { "message": "Bye" } })).await;
    let done = ann.run_tests(bot, &only).await.unwrap();
    assert_eq!(done.result.failed, 1, "{}", done.report);
}

struct Ran {
    code: i32,
    out: String,
    err: String,
}

/// Of a server only where the scene is given.
async fn interflow(scene: Option<&Scene>, arguments: &[&str]) -> Ran {
    let mut command = Command::new(PROGRAM);
    command.arg("test").args(arguments).env_remove("INTERFLOW_URL").env_remove("INTERFLOW_TOKEN");
    if let Some(scene) = scene {
        let token = scene.ann.token().unwrap();
        command.env("INTERFLOW_URL", scene.server.url()).env("INTERFLOW_TOKEN", token.expose());
    }
    let output = command.output().await.unwrap();
    Ran {
        code: output.status.code().unwrap(),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[tokio::test]
async fn a_flow_in_a_file_is_tested_without_a_server() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("quiz.json");
    let sample = flow_model::samples().iter().find(|sample| sample.id == "quiz").unwrap();
    std::fs::write(&file, sample.json).unwrap();
    let passed = interflow(None, &[text(&file)]).await;
    assert_eq!(passed.code, 0, "{}", passed.err);
    assert!(passed.out.contains("passed  Five right answers are told to be great\n"), "{}", passed.out);
    assert!(passed.out.contains("3 passed, 0 failed, 0 in error; 19 of 19 nodes and "), "{}", passed.out);

    let mut flow: Value = serde_json::from_str(sample.json).unwrap();
    let broken = json!({ "id": "broken", "name": "Broken", "turns": [{ "say": 1 }] });
    flow["tests"].as_array_mut().unwrap().extend([wrong()["test"].clone(), broken]);
    std::fs::write(&file, flow.to_string()).unwrap();
    let junit = folder.path().join("junit.xml");
    let failed = interflow(None, &[text(&file), "--junit", text(&junit)]).await;
    assert_eq!(failed.code, 1, "{}", failed.out);
    assert!(failed.err.contains("2 of 5 test cases did not pass"), "{}", failed.err);
    for line in [
        "FAILED  Wrong\n        turn 1\n          contains: what was said does not fit\n",
        "            expected: \"Good evening\"\n",
        "ERROR   Broken\n        turns/",
    ] {
        assert!(failed.out.contains(line), "{line}\n{}", failed.out);
    }
    let xml = std::fs::read_to_string(&junit).unwrap();
    assert!(xml.contains(r#"tests="5" failures="1" errors="1""#), "{xml}");

    let one = interflow(None, &[text(&file), "--case", "Wrong", "--case", "all-right", "--json"]).await;
    let report: Value = serde_json::from_str(&one.out).unwrap();
    assert_eq!((one.code, &report["passed"], &report["failed"]), (1, &json!(1), &json!(1)), "{}", one.out);
    assert!(interflow(None, &[text(&file), "--case", "all-right"]).await.out.contains("nodes not covered: "));
    for wrong in [&["--case", "No such"][..], &["--version", "1"], &["--unknown"]] {
        let mut arguments = vec![text(&file)];
        arguments.extend(wrong);
        let refused = interflow(None, &arguments).await;
        assert_eq!(refused.code, 2, "{wrong:?} {}", refused.err);
    }
    let missing = interflow(None, &["nowhere.json"]).await;
    assert_eq!(missing.code, 1, "{}", missing.err);
    std::fs::write(&file, "{}").unwrap();
    let no_flow = interflow(None, &[text(&file)]).await;
    assert!(no_flow.code == 1 && no_flow.err.contains("holds no flow"), "{}", no_flow.err);
}

#[tokio::test]
async fn a_flow_of_a_server_is_tested_from_the_terminal() {
    let scene = scene().await;
    let quiz = sample(&scene, "quiz").await;
    scene.ann.create_version(quiz, "One").await.unwrap();
    edit(&scene.ann, quiz, wrong()).await;
    let id = quiz.to_string();
    let failed = interflow(Some(&scene), &[&id]).await;
    assert_eq!(failed.code, 1, "{}", failed.err);
    assert!(failed.out.contains("FAILED  Wrong\n"), "{}", failed.out);
    let version = interflow(Some(&scene), &[&id, "--version", "1"]).await;
    assert_eq!(version.code, 0, "{}{}", version.out, version.err);
    let one = interflow(Some(&scene), &[&id, "--case", "all-right"]).await;
    assert!(one.code == 0 && one.out.contains("1 passed, 0 failed"), "{}{}", one.out, one.err);
    assert!(one.out.contains("edges not covered: Start over (out) → Any questions left?"), "{}", one.out);
    assert_eq!(scene.ann.test_results(quiz, None, 10).await.unwrap().len(), 3, "the server keeps them");
    let missing = interflow(Some(&scene), &[&id, "--version", "9"]).await;
    assert_eq!(missing.code, 1, "{}", missing.err);
}
