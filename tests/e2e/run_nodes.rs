//! Runs at two servers on one database, of which one dies.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::routing::any;
use flow_base::{FlowId, RunId};
use flow_client::{Api, NewFlow, RunAnswer, StartRun};
use flow_testing::{TestPostgres, TestServer, eventually};
use serde_json::{Value, json};
use tokio::sync::Semaphore;

use crate::PROGRAM;
use crate::runs::{LOCAL, told};

/// A service that answers when it may, and counts how often each call is made.
struct Service {
    url: String,
    may: Arc<Semaphore>,
    called: Arc<Mutex<BTreeMap<String, usize>>>,
}

type Shared = (Arc<Semaphore>, Arc<Mutex<BTreeMap<String, usize>>>);

async fn service() -> Service {
    let (may, called) = (Arc::new(Semaphore::new(0)), Arc::new(Mutex::new(BTreeMap::new())));
    let answer = async |State((may, called)): State<Shared>, headers: HeaderMap| {
        let key = headers["idempotency-key"].to_str().unwrap().to_owned();
        *called.lock().unwrap().entry(key).or_default() += 1;
        may.acquire().await.unwrap().forget();
        axum::Json(json!({ "city": "Wien" }))
    };
    let router = Router::new().fallback(any(answer)).with_state((Arc::clone(&may), Arc::clone(&called)));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await });
    Service { url, may, called }
}

/// Two servers on one database, and Ann at both.
struct Nodes {
    first: TestServer,
    /// Lives as long as they do.
    _second: TestServer,
    at_first: Api,
    at_second: Api,
}

async fn nodes(database: &str) -> Nodes {
    let key = ("INTERFLOW_SIGNING_KEY", "a key of two servers, longer than thirty-two bytes");
    let environment = [LOCAL, key, ("INTERFLOW_DATABASE_URL", database)];
    let first = TestServer::start_with(PROGRAM, &environment).await.unwrap();
    let second = TestServer::start_with(PROGRAM, &environment).await.unwrap();
    let (at_first, _) = first.person("ann").await.unwrap();
    let at_second = Api::new(&second.url()).unwrap();
    at_second.use_token(at_first.token().unwrap());
    Nodes { first, _second: second, at_first, at_second }
}

/// Waits a moment, or calls a service, and ends.
fn flow(node: &Value) -> Value {
    json!({
        "interflow": 1,
        "name": "Waiting",
        "nodes": [{ "id": "start", "type": "start", "data": {} }, node, { "id": "end", "type": "end", "data": {
            "output": { "done": "true" }
        } }],
        "edges": [
            { "source": "start", "sourceHandle": "out", "target": node["id"] },
            { "source": node["id"], "sourceHandle": "out", "target": "end" }
        ]
    })
}

async fn active(api: &Api, node: &Value) -> FlowId {
    let flow = NewFlow { flow: Some(flow(node)), ..NewFlow::default() };
    let flow = api.create_flow(&flow).await.unwrap().id;
    api.activate(flow).await.unwrap();
    flow
}

async fn started(api: &Api, flow: FlowId) -> RunId {
    api.start_run(flow, &StartRun::default()).await.unwrap().run_id
}

/// How often the run was woken, and how often it left the node.
async fn woken(api: &Api, run: RunId, node: &str) -> (usize, usize) {
    let journal = api.run_journal(run, 0).await.unwrap().items;
    let count = |is: &dyn Fn(&Value) -> bool| journal.iter().filter(|entry| is(entry)).count();
    let woken = count(&|entry| entry["type"] == "resumed");
    (woken, count(&|entry| entry["type"] == "step" && entry["node"] == node))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_servers_one_fires_each_timer_and_the_other_does_when_that_is_dead() {
    let database = TestPostgres::shared_database().await.unwrap();
    let mut nodes = nodes(database.url()).await;
    let delay = json!({ "id": "wait", "type": "delay", "data": { "duration_ms": 1_500 } });
    let delay = active(&nodes.at_first, &delay).await;
    let mut runs = Vec::new();
    for at in 0..40 {
        // Half of them are begun at the one, half at the other; both look for what is due.
        let api = if at % 2 == 0 { &nodes.at_first } else { &nodes.at_second };
        runs.push(started(api, delay).await);
    }
    for run in &runs {
        assert_eq!(told(&nodes.at_second, *run).await.1["status"], "completed");
        assert_eq!(woken(&nodes.at_second, *run, "wait").await, (1, 1), "one timer fires once");
    }

    let mut left = Vec::new();
    for _ in 0..20 {
        left.push(started(&nodes.at_first, delay).await);
    }
    nodes.first.kill().await.unwrap();
    for run in left {
        assert_eq!(told(&nodes.at_second, run).await.1["status"], "completed");
        assert_eq!(woken(&nodes.at_second, run, "wait").await, (1, 1), "the other fires it");
    }
}

/// What came of the call nobody knows. It may be repeated where the flow says so, and is by the
/// server that lives; otherwise it has failed, and is not.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_whose_server_dies_in_a_call_is_finished_by_the_other() {
    let (service, database) = (service().await, TestPostgres::shared_database().await.unwrap());
    let mut nodes = nodes(database.url()).await;
    let call = |idempotent: bool| {
        json!({ "id": "call", "type": "api", "data": {
            "method": "POST", "url": format!("{}/", service.url), "idempotent": idempotent,
        } })
    };
    let safe = active(&nodes.at_first, &call(true)).await;
    let unsafe_to_repeat = active(&nodes.at_first, &call(false)).await;
    let (again, once) =
        (started(&nodes.at_first, safe).await, started(&nodes.at_first, unsafe_to_repeat).await);
    let under_way = async || service.called.lock().unwrap().len();
    eventually("both calls are under way", under_way, |count| *count == 2).await;
    nodes.first.kill().await.unwrap();
    service.may.add_permits(10);
    assert_eq!(told(&nodes.at_second, again).await.1["status"], "completed");
    let failed = told(&nodes.at_second, once).await.1;
    assert_eq!((&failed["status"], &failed["error"]["kind"]), (&json!("failed"), &json!("unknown_outcome")));
    let mut called: Vec<usize> = service.called.lock().unwrap().values().copied().collect();
    called.sort_unstable();
    assert_eq!(called, [1, 2], "the one that may be repeated was, once");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn answers_at_two_servers_at_once_are_taken_in_order_and_each_once() {
    let database = TestPostgres::shared_database().await.unwrap();
    let nodes = nodes(database.url()).await;
    let ask = json!({ "id": "ask", "type": "input", "data": { "variable": "name" } });
    let mut asking = flow(&ask);
    asking["variables"] = json!({ "name": { "type": "text" } });
    asking["nodes"][2]["data"]["output"] = json!({ "name": "name" });
    let asking = NewFlow { flow: Some(asking), ..NewFlow::default() };
    let asking = nodes.at_first.create_flow(&asking).await.unwrap().id;
    nodes.at_first.activate(asking).await.unwrap();
    for _ in 0..10 {
        let run = started(&nodes.at_first, asking).await;
        let answer = |name: &str| RunAnswer { idempotency_key: Some(name.into()), ..RunAnswer::text(name) };
        let (ada, bo) = (answer("Ada"), answer("Bo"));
        // The same one twice, at two servers, and another.
        let (one, same, other) = tokio::join!(
            nodes.at_first.answer_run(run, &ada),
            nodes.at_second.answer_run(run, &ada),
            nodes.at_second.answer_run(run, &bo),
        );
        let outcome = told(&nodes.at_second, run).await.1;
        match (one, same, other) {
            (Ok(one), Ok(same), Err(_)) => {
                assert_eq!(one, same, "sent twice, answered alike");
                assert_eq!(outcome["output"]["name"], "Ada");
            }
            (Err(_), Err(_), Ok(_)) => assert_eq!(outcome["output"]["name"], "Bo"),
            answers => panic!("one of the two answers is taken: {answers:?}"),
        }
        assert_eq!(woken(&nodes.at_first, run, "ask").await, (1, 1));
    }
}
