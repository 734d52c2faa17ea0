//! Runs of flows, through the HTTP API, on both stores.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::routing::any;
use flow_base::{FlowId, LinkRole, Role, RunId};
use flow_client::{Answer, Api, ClientError, ListRuns, NewFlow, RunAnswer, RunTold, StartRun, Turn};
use flow_testing::TestServer;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::PROGRAM;
use crate::people::{scene, scene_with};

/// A web service in this process, which counts how often it is asked.
pub(crate) struct Service {
    pub(crate) url: String,
    pub(crate) asked: Arc<AtomicUsize>,
}

pub(crate) async fn service() -> Service {
    let asked = Arc::new(AtomicUsize::new(0));
    let answer = async |State(asked): State<Arc<AtomicUsize>>| {
        asked.fetch_add(1, Ordering::SeqCst);
        tokio::time::sleep(Duration::from_millis(20)).await;
        axum::Json(json!({ "city": "Wien" }))
    };
    let router = Router::new().fallback(any(answer)).with_state(Arc::clone(&asked));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await });
    Service { url, asked }
}

/// Greets, asks for a name, waits a moment, calls a service, and ends.
pub(crate) fn asking(url: &str) -> Value {
    json!({
        "interflow": 1,
        "name": "Asking",
        "nodes": [
            { "id": "start", "type": "start", "data": {} },
            { "id": "ask", "type": "input", "data": { "variable": "name", "prompt": "Your **name**?" } },
            { "id": "wait", "type": "delay", "data": { "duration_ms": 50 } },
            { "id": "call", "type": "api", "data": {
                "method": "POST", "url": format!("{url}/where"), "body_kind": "json", "body": "{\"name\": \"{{ name }}\"}",
                "map": [{ "id": "a", "variable": "city", "path": "$.city" }]
            } },
            { "id": "end", "type": "end", "data": { "output": { "name": "name", "city": "city" }, "message": "Bye, {{ name }}" } }
        ],
        "edges": [
            { "source": "start", "sourceHandle": "out", "target": "ask" },
            { "source": "ask", "sourceHandle": "out", "target": "wait" },
            { "source": "wait", "sourceHandle": "out", "target": "call" },
            { "source": "call", "sourceHandle": "out", "target": "end" }
        ],
        "variables": { "name": { "type": "text" }, "city": { "type": "text" } }
    })
}

pub(crate) async fn active(api: &Api, flow: &Value) -> FlowId {
    let flow = NewFlow { flow: Some(flow.clone()), ..NewFlow::default() };
    let id = api.create_flow(&flow).await.unwrap().id;
    api.activate(id).await.unwrap();
    id
}

fn texts(turn: &Turn) -> Vec<&str> {
    turn.messages.iter().map(|message| message["text"].as_str().unwrap()).collect()
}

fn key(key: &str) -> RunAnswer {
    RunAnswer { idempotency_key: Some(key.into()), ..RunAnswer::text("Ada") }
}

/// What a run said and how it ended, from its stream.
pub(crate) async fn told(api: &Api, run: RunId) -> (Vec<String>, Value) {
    let mut stream = api.run_stream(run, 0);
    let mut said = Vec::new();
    loop {
        match stream.next().await.expect("it ends with an end").unwrap() {
            RunTold::Turn(turn) => {
                let texts = turn["messages"]
                    .as_array()
                    .unwrap()
                    .iter()
                    .map(|message| message["text"].as_str().unwrap().to_owned());
                said.extend(texts);
            }
            RunTold::End(end) => return (said, end["outcome"].clone()),
        }
    }
}

async fn a_run_goes_through(server: &TestServer, service: &Service) {
    let (ann, _) = server.person("ann").await.unwrap();
    let flow = active(&ann, &asking(&service.url)).await;
    let turn = ann.start_run(flow, &StartRun::default()).await.unwrap();
    assert_eq!((texts(&turn), turn.status.as_str(), turn.seq), (vec!["Your name?"], "waiting", 1));
    let asks = turn.asks.unwrap();
    assert_eq!((&asks["kind"], &asks["visit"]), (&json!("text"), &json!(2)));
    let answered = ann.answer_run(turn.run_id, &key("one")).await.unwrap();
    assert_eq!(answered.seq, 2);
    assert_eq!(ann.answer_run(turn.run_id, &key("one")).await.unwrap(), answered, "it is taken once");
    let (said, outcome) = told(&ann, turn.run_id).await;
    assert_eq!(said, ["Your name?", "Bye, Ada"]);
    assert_eq!(outcome, json!({ "status": "completed", "output": { "name": "Ada", "city": "Wien" } }));
    let run = ann.run(turn.run_id).await.unwrap();
    assert_eq!((run.summary.status.as_str(), run.summary.flow_version), ("completed", Some(1)));
    assert_eq!(run.variables.unwrap()["city"], "Wien");
    let journal = ann.run_journal(turn.run_id, 0).await.unwrap().items;
    let steps: Vec<_> = journal
        .iter()
        .filter(|entry| entry["type"] == "step")
        .map(|entry| entry["node"].as_str().unwrap())
        .collect();
    assert_eq!(steps, ["start", "ask", "wait", "call", "end"]);
    let listed = ann.runs(&ListRuns { flow: Some(flow), ..ListRuns::default() }, 10, None).await.unwrap();
    assert_eq!(listed.items.iter().map(|run| run.id).collect::<Vec<_>>(), [turn.run_id]);
    let late = ann.answer_run(turn.run_id, &RunAnswer::text("x")).await;
    assert!(
        matches!(late, Err(ClientError::Refused { status: 409, ref code, .. }) if code == "not_waiting"),
        "{late:?}"
    );
}

pub(crate) const LOCAL: (&str, &str) = ("INTERFLOW_EXECUTOR__ALLOWED_HOSTS", "[\"127.0.0.1\"]");

#[tokio::test]
async fn a_run_goes_through_on_sqlite() {
    let service = service().await;
    let server = TestServer::start_with(PROGRAM, &[LOCAL]).await.unwrap();
    a_run_goes_through(&server, &service).await;
}

#[tokio::test]
async fn a_run_goes_through_on_postgres() {
    let service = service().await;
    let database = flow_testing::TestPostgres::shared_database().await.unwrap();
    let server =
        TestServer::start_with(PROGRAM, &[LOCAL, ("INTERFLOW_DATABASE_URL", database.url())]).await.unwrap();
    a_run_goes_through(&server, &service).await;
}

#[tokio::test]
async fn drafts_are_run_by_members_and_with_mocks() {
    let scene = scene().await;
    let flow = NewFlow { flow: Some(asking("http://10.0.0.1")), ..NewFlow::default() };
    let flow = scene.ann.create_flow(&flow).await.unwrap().id;
    let draft = scene.ann.start_run(flow, &StartRun::default()).await;
    assert!(
        matches!(draft, Err(ClientError::Refused { status: 409, ref code, .. }) if code == "not_active"),
        "{draft:?}"
    );
    let mocks = [("call".to_owned(), json!({ "output": { "city": "Graz" } }))].into();
    let preview = StartRun { preview: true, mocks, ..StartRun::default() };
    let turn = scene.ann.start_run(flow, &preview).await.unwrap();
    scene.ann.answer_run(turn.run_id, &RunAnswer::text("Ada")).await.unwrap();
    let (_, outcome) = told(&scene.ann, turn.run_id).await;
    assert_eq!(outcome["output"]["city"], "Graz");
    // Whoever may only look cannot try it, and sees nothing of others' runs without a role.
    let (ben, user) = scene.server.person("ben").await.unwrap();
    assert!(ben.run(turn.run_id).await.is_err());
    scene.ann.put_member(flow, &user.email, Role::Viewer).await.unwrap();
    assert!(ben.run(turn.run_id).await.is_ok());
    assert!(matches!(ben.start_run(flow, &preview).await, Err(ClientError::Refused { status: 403, .. })));
    assert!(matches!(ben.cancel_run(turn.run_id).await, Err(ClientError::Refused { status: 403, .. })));
}

/// Addresses of the server's own network are refused, clearly, and nothing is sent.
#[tokio::test]
async fn a_call_into_the_servers_network_is_refused() {
    let service = service().await;
    let scene = scene().await;
    let flow = active(&scene.ann, &asking(&service.url)).await;
    let turn = scene.ann.start_run(flow, &StartRun::default()).await.unwrap();
    scene.ann.answer_run(turn.run_id, &RunAnswer::text("Ada")).await.unwrap();
    let (_, outcome) = told(&scene.ann, turn.run_id).await;
    assert_eq!(outcome["error"]["kind"], "refused_address");
    assert_eq!(service.asked.load(Ordering::SeqCst), 0);
}

/// What a flow is made of is not for those who only talk to it.
#[tokio::test]
async fn guests_are_not_told_over_what_a_run_failed() {
    let scene = scene().await;
    let flow = active(&scene.ann, &asking("http://10.0.0.1")).await;
    let link = scene.ann.create_link(flow, LinkRole::Run, None).await.unwrap();
    let guest = Api::new(&scene.server.url()).unwrap();
    guest.use_token(link.token);
    let run = guest.start_run(flow, &StartRun::default()).await.unwrap().run_id;
    guest.answer_run(run, &RunAnswer::text("Ada")).await.unwrap();
    let failed = json!({ "status": "failed", "error": { "kind": "refused_address" } });
    assert_eq!(told(&guest, run).await.1, failed);
    let seen = guest.run(run).await.unwrap();
    assert_eq!(seen.outcome, Some(failed));
    let (_, outcome) = told(&scene.ann, run).await;
    assert_eq!(outcome["error"]["node"], "call");
    // Whoever has all turns and lost the end is told it again.
    let mut stream = guest.run_stream(run, seen.seq);
    let again = tokio::time::timeout(Duration::from_secs(10), stream.next()).await.expect("at once");
    assert!(matches!(again, Some(Ok(RunTold::End(end))) if end["seq"] == json!(seen.seq)));
}

#[tokio::test]
async fn what_a_run_is_given_is_bounded() {
    let scene = scene().await;
    let flow = active(&scene.ann, &asking("http://10.0.0.1")).await;
    let is_invalid = |done: Result<Turn, ClientError>| matches!(done, Err(ClientError::Refused { status: 422, ref code, .. }) if code == "invalid");
    let variables = [("a".to_owned(), json!("x".repeat(256 << 10)))].into_iter().collect();
    let large = StartRun { variables, ..StartRun::default() };
    assert!(is_invalid(scene.ann.start_run(flow, &large).await));
    let run = scene.ann.start_run(flow, &StartRun::default()).await.unwrap().run_id;
    assert!(is_invalid(scene.ann.answer_run(run, &RunAnswer::text(&"x".repeat(64 << 10))).await));
    let deep = (0..33).fold(json!(1), |value, _| json!([value]));
    let deep = RunAnswer { answer: Answer::Value(deep), visit: None, idempotency_key: None };
    assert!(is_invalid(scene.ann.answer_run(run, &deep).await));
    assert!(scene.ann.answer_run(run, &RunAnswer::text("Ada")).await.is_ok());
}

#[tokio::test]
async fn runs_of_a_deleted_flow_go_on_when_it_is_restored() {
    let scene = scene().await;
    let flow = active(&scene.ann, &asking("http://10.0.0.1")).await;
    let run = scene.ann.start_run(flow, &StartRun::default()).await.unwrap().run_id;
    scene.ann.answer_run(run, &RunAnswer::text("Ada")).await.unwrap();
    let other = scene.ann.start_run(flow, &StartRun::default()).await.unwrap().run_id;
    scene.ann.delete_flow(flow).await.unwrap();
    let gone = scene.ann.answer_run(other, &RunAnswer::text("Ada")).await;
    assert!(matches!(gone, Err(ClientError::Refused { status: 404, .. })), "{gone:?}");
    scene.ann.restore_flow(flow).await.unwrap();
    // The first waited for a moment, which came before or after.
    assert_eq!(told(&scene.ann, run).await.1["status"], "failed");
    scene.ann.answer_run(other, &RunAnswer::text("Ada")).await.unwrap();
}

#[tokio::test]
async fn streams_of_runs_are_connections_of_their_user() {
    let scene = scene_with(&[("INTERFLOW_LIMITS__CONNECTIONS_PER_USER", "2")]).await;
    let flow = active(&scene.ann, &asking("http://10.0.0.1")).await;
    let run = scene.ann.start_run(flow, &StartRun::default()).await.unwrap().run_id;
    let open = async || {
        let url = format!("{}/api/runs/{run}/stream", scene.server.url());
        let token = scene.ann.token().unwrap();
        reqwest::Client::new().get(url).bearer_auth(token.expose()).send().await.unwrap()
    };
    let held = [open().await, open().await];
    assert!(held.iter().all(|answer| answer.status() == 200));
    let refused = open().await;
    assert_eq!(refused.status(), 429);
    let refused: Value = serde_json::from_str(&refused.text().await.unwrap()).unwrap();
    assert_eq!(refused["error"]["code"], "too_many_connections");
    drop(held);
    flow_testing::eventually("a place is free", async || open().await.status() == 200, |open| *open).await;
}

#[tokio::test]
async fn a_flow_whose_templates_cannot_be_read_is_not_activated() {
    let scene = scene().await;
    let mut flow = asking("https://example.com");
    flow["nodes"][4]["data"]["message"] = json!("Bye, {{ name");
    let flow = NewFlow { flow: Some(flow), ..NewFlow::default() };
    let flow = scene.ann.create_flow(&flow).await.unwrap().id;
    let refused = scene.ann.activate(flow).await;
    assert!(
        matches!(refused, Err(ClientError::Refused { status: 422, ref code, .. }) if code == "has_errors"),
        "{refused:?}"
    );
    let found = scene.ann.diagnostics(flow).await.unwrap();
    assert!(
        found.iter().any(|finding| finding["code"] == "bad_expression" && finding["node"] == "end"),
        "{found:?}"
    );
}

/// The server is killed again and again while many runs are under way: all end correctly, and
/// no call whose result was recorded is made twice.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn runs_survive_a_server_that_is_killed() {
    let service = service().await;
    let mut server = TestServer::start_with(PROGRAM, &[LOCAL]).await.unwrap();
    let (ann, _) = server.person("ann").await.unwrap();
    let mut flow = asking(&service.url);
    // Safe to repeat, so that those under way at the kill go on.
    flow["nodes"][3]["data"]["idempotent"] = json!(true);
    let flow = active(&ann, &flow).await;
    let mut runs = Vec::new();
    for _ in 0..200 {
        runs.push(ann.start_run(flow, &StartRun::default()).await.unwrap().run_id);
    }
    for part in runs.chunks(50) {
        let mut answers = JoinSet::new();
        for run in part {
            let (ann, run) = (ann.clone(), *run);
            answers.spawn(async move {
                // Sent until it is known to be taken.
                while ann.answer_run(run, &key("name")).await.is_err() {
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
            });
        }
        tokio::time::sleep(Duration::from_millis(60)).await;
        server.kill().await.unwrap();
        server.restart().await.unwrap();
        answers.join_all().await;
    }
    let mut attempts = 0;
    for run in runs {
        let (_, outcome) = told(&ann, run).await;
        assert_eq!(outcome, json!({ "status": "completed", "output": { "name": "Ada", "city": "Wien" } }));
        let journal = ann.run_journal(run, 0).await.unwrap().items;
        attempts += journal.iter().filter(|entry| entry["type"] == "calling").count();
    }
    let asked = service.asked.load(Ordering::SeqCst);
    assert!(asked <= attempts, "{asked} calls, of which {attempts} were recorded before they were made");
}
