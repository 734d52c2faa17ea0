//! Runs looked into step by step, and walked again from one of their steps.

use std::sync::atomic::Ordering;

use flow_base::{Role, RunId};
use flow_client::{Api, ClientError, ReplayRun, ReplayedCalls, RunAnswer, StartRun};
use serde_json::{Value, json};

use crate::people::scene_with;
use crate::runs::{LOCAL, active, asking, service, told};

fn refused<T>(answer: Result<T, ClientError>) -> u16 {
    match answer {
        Err(ClientError::Refused { status, .. }) => status,
        Err(other) => panic!("{other}"),
        Ok(_) => panic!("it was not refused"),
    }
}

async fn visit_of(api: &Api, run: RunId, node: &str) -> u32 {
    let journal = api.run_journal(run, 0).await.unwrap().items;
    let step = journal.iter().find(|entry| entry["type"] == "step" && entry["node"] == node).unwrap();
    u32::try_from(step["visit"].as_u64().unwrap()).unwrap()
}

async fn outcome(api: &Api, run: RunId) -> Value {
    told(api, run).await.1
}

#[tokio::test]
async fn a_step_is_seen_with_the_variables_before_and_after_it_and_walked_again() {
    let service = service().await;
    let scene = scene_with(&[LOCAL]).await;
    let flow = active(&scene.ann, &asking(&service.url)).await;
    let run = scene.ann.start_run(flow, &StartRun::default()).await.unwrap().run_id;
    scene.ann.answer_run(run, &RunAnswer::text("Ada")).await.unwrap();
    assert_eq!(outcome(&scene.ann, run).await["output"]["city"], "Wien");

    let ask = scene.ann.run_step(run, visit_of(&scene.ann, run, "ask").await).await.unwrap();
    assert_eq!((ask.before.get("name"), ask.after.get("name")), (None, Some(&json!("Ada"))));
    assert_eq!((&ask.step["input"], &ask.step["output"]), (&json!({ "answer": "Ada" }), &json!("Ada")));
    assert!(
        ask.began_at < serde_json::from_value(ask.step["at"].clone()).unwrap(),
        "an answer takes its time"
    );
    let called = visit_of(&scene.ann, run, "call").await;
    let call = scene.ann.run_step(run, called).await.unwrap();
    assert_eq!((call.before.get("city"), call.after.get("city")), (None, Some(&json!("Wien"))));
    assert_eq!((&call.step["attempt"], &call.step["output"]["status"]), (&json!(1), &json!(200)));
    assert_eq!(refused(scene.ann.run_step(run, 99).await), 404);

    // From the delay on: the call yields what it was answered, and is not made.
    let wait = visit_of(&scene.ann, run, "wait").await;
    let from = |visit, calls| ReplayRun { visit, calls, ..ReplayRun::default() };
    let again = scene.ann.replay_run(run, &from(wait, ReplayedCalls::Recorded)).await.unwrap().run_id;
    let output = json!({ "status": "completed", "output": { "name": "Ada", "city": "Wien" } });
    assert_eq!(outcome(&scene.ann, again).await, output);
    assert_eq!(service.asked.load(Ordering::SeqCst), 1);
    let shown = scene.ann.run(again).await.unwrap().summary;
    assert_eq!((&*shown.kind, shown.flow_version), ("preview", Some(1)));
    let begins = scene.ann.run_journal(again, 0).await.unwrap().items.remove(0);
    assert_eq!(
        (&begins["type"], &begins["of"], &begins["variables"]["name"]),
        (&json!("replayed"), &json!(run), &json!("Ada"))
    );
    // And what was walked again can be looked into, and walked again.
    let again_from = visit_of(&scene.ann, again, "call").await;
    assert_eq!(scene.ann.run_step(again, again_from).await.unwrap().before["name"], "Ada");

    // Walked again with calls that are made, one of a run that made none makes them.
    let made = scene.ann.replay_run(again, &from(again_from, ReplayedCalls::Made)).await.unwrap().run_id;
    assert_eq!(outcome(&scene.ann, made).await, output);
    assert_eq!(service.asked.swap(1, Ordering::SeqCst), 2);

    // Made anew, with another value, and a mock that comes before what was recorded.
    let other = json!({ "name": "Bo" }).as_object().unwrap().clone();
    let made = ReplayRun { variables: other, ..from(called, ReplayedCalls::Made) };
    let made = scene.ann.replay_run(run, &made).await.unwrap().run_id;
    assert_eq!(outcome(&scene.ann, made).await["output"], json!({ "name": "Bo", "city": "Wien" }));
    assert_eq!(service.asked.load(Ordering::SeqCst), 2);
    let mocks = [("call".to_owned(), json!({ "output": { "city": "Graz" } }))].into();
    let mocked = ReplayRun { mocks, ..from(called, ReplayedCalls::Recorded) };
    let mocked = scene.ann.replay_run(run, &mocked).await.unwrap().run_id;
    assert_eq!(outcome(&scene.ann, mocked).await["output"]["city"], "Graz");

    assert_eq!(refused(scene.ann.replay_run(run, &from(99, ReplayedCalls::Made)).await), 404);
    let unknown = json!({ "run": 1 }).as_object().unwrap().clone();
    let unknown = ReplayRun { variables: unknown, ..from(called, ReplayedCalls::Made) };
    assert_eq!(refused(scene.ann.replay_run(run, &unknown).await), 422);
    let (ben, user) = scene.server.person("ben").await.unwrap();
    assert_eq!(refused(ben.run_step(run, called).await), 404);
    assert_eq!(refused(ben.replay_run(run, &from(called, ReplayedCalls::Recorded)).await), 404);
    scene.ann.put_member(flow, &user.email, Role::Viewer).await.unwrap();
    assert!(ben.run_step(run, called).await.is_ok());
    assert_eq!(refused(ben.replay_run(run, &from(called, ReplayedCalls::Recorded)).await), 403);
}

/// What the run had not come to is not called either.
#[tokio::test]
async fn a_call_of_which_nothing_was_recorded_is_not_made() {
    let service = service().await;
    let scene = scene_with(&[LOCAL]).await;
    let flow = active(&scene.ann, &asking(&service.url)).await;
    let run = scene.ann.start_run(flow, &StartRun::default()).await.unwrap().run_id;
    let start = ReplayRun { visit: visit_of(&scene.ann, run, "start").await, ..ReplayRun::default() };
    let again = scene.ann.replay_run(run, &start).await.unwrap();
    assert_eq!(again.status, "waiting");
    scene.ann.answer_run(again.run_id, &RunAnswer::text("Ada")).await.unwrap();
    let outcome = outcome(&scene.ann, again.run_id).await;
    assert_eq!((&outcome["status"], &outcome["error"]["node"]), (&json!("failed"), &json!("call")));
    assert!(outcome["error"]["message"].as_str().unwrap().contains("nothing was recorded"), "{outcome}");
    assert_eq!(service.asked.load(Ordering::SeqCst), 0);
}

/// The last answer is of the run that is walked again, and of the one before that; typed as it was.
#[tokio::test]
async fn what_was_answered_last_is_known_to_who_walks_on() {
    let scene = scene_with(&[]).await;
    let flow = json!({
        "interflow": 1,
        "name": "When",
        "nodes": [
            { "id": "start", "type": "start", "data": {} },
            { "id": "ask", "type": "input", "data": { "kind": "date", "with_time": true, "variable": "at" } },
            { "id": "list", "type": "set", "data": { "assignments": [
                { "id": "a", "variable": "list", "kind": "append", "expression": "1" },
                { "id": "b", "variable": "list", "kind": "append", "expression": "2" }
            ] } },
            { "id": "later", "type": "condition", "data": { "branches": [
                { "id": "yes", "kind": "expression", "expression": "input.value > run.started_at" }
            ] } },
            { "id": "end", "type": "end", "data": { "output": { "at": "input.raw", "list": "list" } } }
        ],
        "edges": [
            { "source": "start", "sourceHandle": "out", "target": "ask" },
            { "source": "ask", "sourceHandle": "out", "target": "list" },
            { "source": "list", "sourceHandle": "out", "target": "later" },
            { "source": "later", "sourceHandle": "yes", "target": "end" }
        ],
        "variables": { "at": { "type": "any" }, "list": { "type": "list" } }
    });
    let flow = active(&scene.ann, &flow).await;
    let run = scene.ann.start_run(flow, &StartRun::default()).await.unwrap().run_id;
    scene.ann.answer_run(run, &RunAnswer::text("2099-12-31 09:30")).await.unwrap();
    let expected = outcome(&scene.ann, run).await;
    assert_eq!(expected["output"], json!({ "at": "2099-12-31 09:30", "list": [1, 2] }), "{expected}");

    let listed = scene.ann.run_step(run, visit_of(&scene.ann, run, "list").await).await.unwrap();
    assert_eq!((listed.before.get("list"), listed.after.get("list")), (None, Some(&json!([1, 2]))));
    let mut before = run;
    for _ in 0..2 {
        let visit = visit_of(&scene.ann, before, "later").await;
        let again = ReplayRun { visit, ..ReplayRun::default() };
        before = scene.ann.replay_run(before, &again).await.unwrap().run_id;
        assert_eq!(outcome(&scene.ann, before).await, expected);
    }
}
