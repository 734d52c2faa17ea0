//! Where runs stand is shown to everybody who has the flow open.

use std::collections::BTreeMap;

use flow_base::{FlowId, Role};
use flow_client::{Api, NewFlow, RunAnswer, StartRun};
use flow_testing::eventually;
use serde_json::{Value, json};

use crate::chat::Chat;
use crate::people::{Scene, live, scene};
use crate::stream::open_path;

async fn quiz(scene: &Scene) -> FlowId {
    let flow = NewFlow { sample: Some("quiz".into()), ..NewFlow::default() };
    scene.ann.create_flow(&flow).await.unwrap().id
}

/// The runs that are shown in the flow.
async fn shown(api: &Api, flow: FlowId) -> Vec<Value> {
    let present = api.presence(flow).await.unwrap();
    present.into_iter().filter_map(|client| client.state.get("run").cloned()).collect()
}

async fn until(api: &Api, flow: FlowId, what: &str, done: impl Fn(&Value) -> bool) -> Value {
    let one = |runs: &Vec<Value>| matches!(&runs[..], [run] if done(run));
    eventually(what, async || shown(api, flow).await, one).await.remove(0)
}

#[tokio::test]
async fn a_preview_is_shown_from_its_beginning_to_its_end() {
    let scene = scene().await;
    let flow = quiz(&scene).await;
    let (vic, _) = scene.server.person("vic").await.unwrap();
    scene.ann.put_member(flow, "vic@example.org", Role::Viewer).await.unwrap();
    let preview = StartRun { preview: true, ..StartRun::default() };
    let turn = scene.ann.start_run(flow, &preview).await.unwrap();
    let asks = turn.asks.unwrap()["node"].clone();
    let first = until(&vic, flow, "it stands where it asks", |run| run["node"] == asks).await;
    assert_eq!(
        (&first["id"], &first["kind"], &first["status"], &first["by"]),
        (&json!(turn.run_id), &json!("preview"), &json!("waiting"), &json!("ann"))
    );
    // From the start on, by the outputs that were taken.
    let trail = first["trail"].as_array().unwrap();
    assert_eq!(trail[0]["port"], "out", "{first}");
    let at = graph_type(&scene.ann, flow, &trail[0]["node"]).await;
    assert_eq!(at, "start");

    let turn = scene.ann.answer_run(turn.run_id, &RunAnswer::text("The Danube")).await.unwrap();
    let asks = turn.asks.unwrap()["node"].clone();
    let second = until(&vic, flow, "it has gone on", |run| run["node"] == asks && run != &first).await;
    assert!(second["version"].as_u64() > first["version"].as_u64());
    assert!(!second["trail"].as_array().unwrap().is_empty(), "{second}");
    // A person who looks on sees it among those who are there.
    let here = live(&vic, flow).await;
    here.show(Some(json!({ "cursor": { "x": 1, "y": 2 } }))).unwrap();
    eventually("both are there", async || vic.presence(flow).await.unwrap().len(), |count| *count == 2).await;

    scene.ann.cancel_run(turn.run_id).await.unwrap();
    until(&vic, flow, "it has ended", |run| run["status"] == "cancelled").await;
    eventually("it is gone", async || shown(&vic, flow).await, Vec::is_empty).await;
}

async fn graph_type(api: &Api, flow: FlowId, node: &Value) -> String {
    let (graph, _) = api.graph(flow).await.unwrap();
    graph.pointer(&format!("/nodes/{}/type", node.as_str().unwrap())).unwrap().as_str().unwrap().to_owned()
}

#[tokio::test]
async fn previews_by_chat_are_shown_and_runs_of_versions_only_while_a_member_watches() {
    let scene = scene().await;
    let flow = quiz(&scene).await;
    scene.ann.activate(flow).await.unwrap();
    let run = scene.ann.start_run(flow, &StartRun::default()).await.unwrap().run_id;
    let mut chat = Chat::open(&scene, flow, scene.ann.token().unwrap().expose()).await;
    chat.send(json!({ "type": "chat:start", "preview": true })).await;
    let (_, asks) = chat.until_asked().await;
    until(&scene.ann, flow, "the preview alone is shown", |run| run["node"] == asks["node"]).await;

    let stream = open_path(&scene.server, &scene.ann, &format!("runs/{run}")).await;
    let by_id = async || -> BTreeMap<String, Value> {
        let runs = shown(&scene.ann, flow).await.into_iter();
        runs.map(|run| (run["id"].as_str().unwrap().to_owned(), run)).collect()
    };
    let is_there = |runs: &BTreeMap<String, Value>| runs.get(&run.to_string()).is_some();
    let watched = eventually("it is watched", by_id, |runs| runs.len() == 2 && is_there(runs)).await;
    assert_eq!(watched[&run.to_string()]["kind"], "published");
    drop(stream);
    eventually("nobody watches it", by_id, |runs| !is_there(runs)).await;
    until(&scene.ann, flow, "the preview is still there", |run| run["kind"] == "preview").await;
}

#[tokio::test]
async fn a_preview_ends_when_who_tries_it_leaves() {
    let scene = scene().await;
    let flow = quiz(&scene).await;
    let mut chat = Chat::open(&scene, flow, scene.ann.token().unwrap().expose()).await;
    chat.send(json!({ "type": "chat:start", "preview": true })).await;
    chat.until_asked().await;
    let shown = until(&scene.ann, flow, "it is shown", |run| run["status"] == "waiting").await;
    chat.send(json!({ "type": "chat:disconnect" })).await;
    chat.closed_or_gone().await;
    until(&scene.ann, flow, "it has ended", |run| run["id"] == shown["id"] && run["status"] == "cancelled")
        .await;
}

/// Where runs stand is the server's word.
#[tokio::test]
async fn nobody_shows_runs_that_are_none() {
    let scene = scene().await;
    let flow = quiz(&scene).await;
    let here = live(&scene.ann, flow).await;
    let made_up = json!({ "id": "x", "kind": "preview", "status": "failed", "version": 9e15, "node": "ask" });
    here.show(Some(json!({ "run": made_up, "cursor": { "x": 1, "y": 2 } }))).unwrap();
    let seen = async || scene.ann.presence(flow).await.unwrap();
    let seen = eventually("she is seen", seen, |seen| seen.len() == 1).await.remove(0);
    assert_eq!((seen.state.get("run"), &seen.state["cursor"]["x"]), (None, &json!(1)));
}

/// What was tried is tried again, also over a new connection: the version that is active is
/// something else.
#[tokio::test]
async fn what_was_tried_is_begun_anew_as_it_was() {
    let scene = scene().await;
    let flow = quiz(&scene).await;
    scene.ann.activate(flow).await.unwrap();
    let token = scene.ann.token().unwrap();
    let mut chat = Chat::open(&scene, flow, token.expose()).await;
    let variables = json!({ "score": 3 });
    chat.send(json!({ "type": "chat:start", "preview": true, "variables": variables })).await;
    let resume = chat.next().await.unwrap()["resumeToken"].clone();
    chat.until_asked().await;
    drop(chat);
    let mut chat = Chat::open(&scene, flow, token.expose()).await;
    chat.send(json!({ "type": "chat:start", "resume": resume, "after": 3 })).await;
    chat.until_asked().await;
    chat.send(json!({ "type": "chat:reset" })).await;
    let began = loop {
        let next = chat.next().await.unwrap();
        if next["type"] == "chat:connected" {
            break next["sessionId"].clone();
        }
    };
    let run = scene.ann.run(serde_json::from_value(began).unwrap()).await.unwrap();
    assert_eq!((&*run.summary.kind, run.summary.flow_version), ("preview", None));
    let journal = scene.ann.run_journal(run.summary.id, 0).await.unwrap().items;
    assert_eq!(journal[0]["input"], variables);
}
