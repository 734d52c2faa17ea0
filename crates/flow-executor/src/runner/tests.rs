//! Runs on the in-memory store, with several nodes on one.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Waker};

use flow_base::{FlowId, SystemClock, UserId, WorkspaceId};
use flow_model::FlowJson;
use flow_store::memory::MemoryStore;
use flow_store::{AccountStore as _, FlowStore as _, NewFlow, NewUser, Origin, Quotas, RunKind, RunStatus};
use serde_json::{Value as Json, json};
use tokio::sync::Semaphore;

use super::*;
use crate::machine::CallFailure;
use crate::value::{Object, Value};

/// A service in this process: it counts, and answers when it may.
#[derive(Debug)]
struct Service {
    called: AtomicUsize,
    may: Semaphore,
}

#[async_trait]
impl Calls for Service {
    async fn call(&self, _: WorkspaceId, request: &CallRequest) -> Result<Response, CallError> {
        self.called.fetch_add(1, Ordering::SeqCst);
        let permit = self.may.acquire().await;
        permit.expect("it is never closed").forget();
        if request.url.contains("broken") {
            return Err(CallError { failure: CallFailure::Unreachable, message: "nobody is there".into() });
        }
        Ok(Response { status: 200, headers: BTreeMap::new(), body: r#"{"city":"Wien"}"#.into(), ms: 1 })
    }
}

struct Node {
    runs: Runs,
    service: Arc<Service>,
    stopping: CancellationToken,
    tracker: TaskTracker,
    /// Tasks of a node that has nothing to do.
    idle_tasks: usize,
}

impl Node {
    /// Whatever it did for runs, calls and what follows them, is done.
    async fn until_idle(&self) {
        eventually(|| self.tracker.len() == self.idle_tasks).await;
    }
}

fn node(store: &Arc<MemoryStore>) -> Node {
    let service = Arc::new(Service { called: AtomicUsize::new(0), may: Semaphore::new(0) });
    let (tracker, stopping) = (TaskTracker::new(), CancellationToken::new());
    let limits = RunLimits {
        lease: Duration::from_millis(300),
        look_every: Duration::from_millis(20),
        ..RunLimits::default()
    };
    let runs = Runs::new(RunsParts {
        store: Arc::clone(store) as Arc<dyn RunStore>,
        calls: Arc::clone(&service) as Arc<dyn Calls>,
        clock: Arc::new(SystemClock),
        node: NodeId::generate(),
        limits,
        tracker: tracker.clone(),
        stopping: stopping.clone(),
    });
    let idle_tasks = tracker.len();
    Node { runs, service, stopping, tracker, idle_tasks }
}

async fn flow_in(store: &MemoryStore) -> FlowId {
    let at = SystemClock.now();
    let user = NewUser {
        id: UserId::generate(),
        email: format!("{}@example.org", UserId::generate()),
        name: "Ann".into(),
        password_hash: flow_base::Secret::new("hash".into()),
        workspace: WorkspaceId::generate(),
        created_at: at,
    };
    store.create_user(&user).await.unwrap();
    let flow = NewFlow {
        id: FlowId::generate(),
        workspace: user.workspace,
        owner: user.id,
        name: "Flow".into(),
        description: String::new(),
        tags: Vec::new(),
        created_at: at,
        updates: Vec::new(),
    };
    store.create_flow(&flow, &Quotas::UNBOUNDED, &Origin::operator(at)).await.unwrap();
    flow.id
}

fn graph(nodes: &Json, edges: &[(&str, &str)]) -> Arc<flow_model::FlowGraph> {
    let edges: Vec<Json> = edges
        .iter()
        .map(|(source, target)| json!({ "source": source, "sourceHandle": "out", "target": target }))
        .collect();
    let json = json!({
        "interflow": 1, "nodes": nodes, "edges": edges,
        "variables": { "n": { "type": "number", "default": 0 }, "city": { "type": "text" } },
    });
    Arc::new(FlowJson::from_value(&json).unwrap().graph().clone())
}

/// Asks for numbers until their sum is ten.
fn counting() -> Arc<flow_model::FlowGraph> {
    let json = json!({
        "interflow": 1,
        "nodes": [
            { "id": "start", "type": "start", "data": {} },
            { "id": "ask", "type": "input", "data": { "variable": "more", "kind": "number", "integer": true, "prompt": "{{ n }}" } },
            { "id": "add", "type": "set", "data": { "assignments": [{ "id": "a", "variable": "n", "kind": "increment", "expression": "more" }] } },
            { "id": "enough", "type": "condition", "data": { "branches": [{ "id": "yes", "kind": "expression", "expression": "n >= 10" }] } },
            { "id": "end", "type": "end", "data": { "output": { "n": "n" } } },
        ],
        "edges": [
            { "source": "start", "sourceHandle": "out", "target": "ask" },
            { "source": "ask", "sourceHandle": "out", "target": "add" },
            { "source": "add", "sourceHandle": "out", "target": "enough" },
            { "source": "enough", "sourceHandle": "yes", "target": "end" },
            { "source": "enough", "sourceHandle": "else", "target": "ask" },
        ],
        "variables": { "n": { "type": "number", "default": 0 }, "more": { "type": "number" } },
    });
    Arc::new(FlowJson::from_value(&json).unwrap().graph().clone())
}

fn calling(method: &str) -> Arc<flow_model::FlowGraph> {
    let map = json!([{ "id": "a", "variable": "city", "path": "$.city" }]);
    graph(
        &json!([
            { "id": "start", "type": "start", "data": {} },
            { "id": "call", "type": "api", "data": { "method": method, "url": "https://e.com", "map": map } },
            { "id": "end", "type": "end", "data": { "output": { "city": "city" } } },
        ]),
        &[("start", "call"), ("call", "end")],
    )
}

fn delayed(ms: u64) -> Arc<flow_model::FlowGraph> {
    graph(
        &json!([
            { "id": "start", "type": "start", "data": {} },
            { "id": "wait", "type": "delay", "data": { "duration_ms": ms } },
            { "id": "end", "type": "end", "data": {} },
        ]),
        &[("start", "wait"), ("wait", "end")],
    )
}

fn starting(flow: FlowId, graph: Arc<flow_model::FlowGraph>) -> StartRun {
    StartRun {
        flow,
        graph,
        kind: RunKind::Published,
        flow_version: Some(1),
        user: None,
        user_value: Value::Null,
        input: Object::new(),
        mocks: BTreeMap::new(),
        runs_per_day: None,
    }
}

async fn until_over(node: &Node, run: RunId) -> RunView {
    let mut watching = node.runs.watch(run);
    loop {
        let view = node.runs.view(run).await.unwrap();
        if view.summary.status.is_over() {
            return view;
        }
        watching.next().await;
    }
}

fn text(text: &str) -> Answer {
    Answer::Text(text.into())
}

fn key(key: &str) -> Option<String> {
    Some(key.to_owned())
}

async fn journal(node: &Node, run: RunId) -> Vec<Json> {
    let parts = node.runs.store().run_journal(run, 0, 1_000).await.unwrap();
    parts.iter().flat_map(|part| serde_json::from_slice::<Vec<Json>>(&part.entries).unwrap()).collect()
}

#[tokio::test]
async fn a_conversation_goes_on_at_any_node() {
    let store = Arc::new(MemoryStore::new());
    let flow = flow_in(&store).await;
    let (here, there) = (node(&store), node(&store));
    let Started { run, turn } = here.runs.start(starting(flow, counting())).await.unwrap();
    assert_eq!((turn.status.as_str(), turn.version), ("waiting", 1));
    for (at, number) in [3, 3, 3].into_iter().enumerate() {
        let node = if at % 2 == 0 { &there } else { &here };
        let turn = node.runs.answer(run, text(&number.to_string()), None, None).await.unwrap();
        assert_eq!(turn.version, at as u64 + 2);
    }
    let turn = here.runs.answer(run, text("1"), None, None).await.unwrap();
    assert_eq!(turn.outcome, Some(crate::machine::Outcome::Completed { output: json!({ "n": 10 }) }));
    let ended = there.runs.answer(run, text("1"), None, None).await;
    assert!(matches!(ended, Err(RunFailed::NotWaited(view)) if view.summary.status == RunStatus::Completed));
}

#[tokio::test]
async fn an_answer_that_is_sent_again_is_taken_once() {
    let store = Arc::new(MemoryStore::new());
    let flow = flow_in(&store).await;
    let (here, there) = (node(&store), node(&store));
    let run = here.runs.start(starting(flow, counting())).await.unwrap().run;
    let first = here.runs.answer(run, text("4"), key("a"), None).await.unwrap();
    assert_eq!(here.runs.answer(run, text("4"), key("a"), None).await.unwrap(), first);
    assert_eq!(there.runs.answer(run, text("9"), key("a"), None).await.unwrap(), first);
    let last = there.runs.answer(run, text("6"), key("b"), None).await.unwrap();
    assert_eq!(last.status, "completed");
    assert_eq!(here.runs.answer(run, text("6"), key("b"), None).await.unwrap(), last, "though it has ended");
}

#[tokio::test]
async fn an_answer_to_an_earlier_question_is_refused_with_what_is_asked_now() {
    let store = Arc::new(MemoryStore::new());
    let flow = flow_in(&store).await;
    let node = node(&store);
    let started = node.runs.start(starting(flow, counting())).await.unwrap();
    let visit = started.turn.asks.unwrap().visit;
    node.runs.answer(started.run, text("4"), None, Some(visit)).await.unwrap();
    let stale = node.runs.answer(started.run, text("4"), None, Some(visit)).await;
    let Err(RunFailed::NotWaited(view)) = stale else { panic!("it is stale: {stale:?}") };
    assert!(view.asks.unwrap().visit > visit && view.variables["n"] == json!(4));
}

/// From two nodes at once: in some order, none lost and none twice.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn answers_at_once_are_taken_one_after_another() {
    let store = Arc::new(MemoryStore::new());
    let flow = flow_in(&store).await;
    let nodes = [node(&store), node(&store)];
    let run = nodes[0].runs.start(starting(flow, counting())).await.unwrap().run;
    let mut tasks = tokio::task::JoinSet::new();
    for at in 0..9 {
        let runs = nodes[at % 2].runs.clone();
        tasks.spawn(async move { runs.answer(run, text("1"), key(&format!("{at}")), None).await });
    }
    for answered in tasks.join_all().await {
        answered.unwrap();
    }
    let view = nodes[1].runs.view(run).await.unwrap();
    assert_eq!((view.variables["n"].clone(), view.version), (json!(9), 10));
}

#[tokio::test]
async fn a_call_is_made_after_its_commit_and_its_answer_goes_on() {
    let store = Arc::new(MemoryStore::new());
    let flow = flow_in(&store).await;
    let node = node(&store);
    let started = node.runs.start(starting(flow, calling("POST"))).await.unwrap();
    assert_eq!(started.turn.status, "busy");
    // Longer than its lease: it is renewed, and nobody takes it over.
    tokio::time::sleep(Duration::from_millis(700)).await;
    node.service.may.add_permits(1);
    let view = until_over(&node, started.run).await;
    assert_eq!(view.variables["city"], json!("Wien"));
    assert_eq!(node.service.called.load(Ordering::SeqCst), 1);
}

/// The node dies in the middle of a call. A GET is made again; a POST is not.
#[tokio::test]
async fn a_run_whose_node_died_is_finished_by_another() {
    let store = Arc::new(MemoryStore::new());
    let flow = flow_in(&store).await;
    let dead = node(&store);
    let get = dead.runs.start(starting(flow, calling("GET"))).await.unwrap().run;
    let post = dead.runs.start(starting(flow, calling("POST"))).await.unwrap().run;
    dead.stopping.cancel();
    let lives = node(&store);
    lives.service.may.add_permits(10);
    assert_eq!(until_over(&lives, get).await.variables["city"], json!("Wien"));
    let view = until_over(&lives, post).await;
    let Some(crate::machine::Outcome::Failed { error }) = view.outcome else { panic!("{view:?}") };
    assert_eq!(error.kind, crate::machine::ErrorKind::UnknownOutcome);
    assert_eq!(lives.service.called.load(Ordering::SeqCst), 1, "only the GET");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_timer_fires_once_whoever_looks() {
    let store = Arc::new(MemoryStore::new());
    let flow = flow_in(&store).await;
    let nodes = [node(&store), node(&store), node(&store)];
    let run = nodes[0].runs.start(starting(flow, delayed(50))).await.unwrap().run;
    until_over(&nodes[1], run).await;
    let fired = journal(&nodes[2], run).await.iter().filter(|entry| entry["by"] == "timer").count();
    assert_eq!(fired, 1);
}

#[tokio::test]
async fn who_watches_sees_each_turn_wherever_it_is_made() {
    let store = Arc::new(MemoryStore::new());
    let flow = flow_in(&store).await;
    let (here, there) = (node(&store), node(&store));
    let run = here.runs.start(starting(flow, counting())).await.unwrap().run;
    let mut watching = here.runs.watch(run);
    here.runs.answer(run, text("1"), None, None).await.unwrap();
    let WatchNext::Turn(told) = watching.next().await else { panic!("it was made here") };
    assert_eq!(told.version, 2);
    there.runs.answer(run, text("1"), None, None).await.unwrap();
    assert!(matches!(watching.next().await, WatchNext::Look));
}

#[tokio::test]
async fn a_cancelled_run_does_nothing_more() {
    let store = Arc::new(MemoryStore::new());
    let flow = flow_in(&store).await;
    let node = node(&store);
    let run = node.runs.start(starting(flow, calling("GET"))).await.unwrap().run;
    eventually(|| node.service.called.load(Ordering::SeqCst) == 1).await;
    assert_eq!(node.runs.cancel(run).await.unwrap().status, "cancelled");
    let before = journal(&node, run).await;
    node.service.may.add_permits(1);
    // The call has been answered, and its answer given to the run.
    node.until_idle().await;
    assert_eq!(node.service.may.available_permits(), 0);
    assert_eq!(node.runs.view(run).await.unwrap().summary.status, RunStatus::Cancelled);
    assert_eq!(journal(&node, run).await, before);
    assert!(matches!(node.runs.cancel(run).await, Err(RunFailed::NotWaited(_))));
    assert!(matches!(node.runs.cancel(RunId::generate()).await, Err(RunFailed::Unknown)));
}

#[tokio::test]
async fn a_run_keeps_the_graph_it_began_with() {
    let store = Arc::new(MemoryStore::new());
    let flow = flow_in(&store).await;
    let first = node(&store);
    let run = first.runs.start(starting(flow, counting())).await.unwrap().run;
    first.runs.start(starting(flow, delayed(1))).await.unwrap();
    // A node that has never seen the flow.
    let turn = node(&store).runs.answer(run, text("10"), None, None).await.unwrap();
    assert_eq!(turn.status, "completed");
}

/// Another has moved it on: what this node knows of it does not count.
#[tokio::test]
async fn a_question_that_another_node_has_asked_is_answered_here() {
    let store = Arc::new(MemoryStore::new());
    let flow = flow_in(&store).await;
    let (here, there) = (node(&store), node(&store));
    let run = here.runs.start(starting(flow, counting())).await.unwrap().run;
    let asks = there.runs.answer(run, text("1"), None, None).await.unwrap().asks.unwrap();
    let turn = here.runs.answer(run, text("2"), None, Some(asks.visit)).await.unwrap();
    assert_eq!(turn.version, 3);
}

/// Who asked has gone; what is stored is followed by what it wants done.
#[tokio::test]
async fn a_turn_is_finished_though_nobody_waits_for_it() {
    let store = Arc::new(MemoryStore::new());
    let flow = flow_in(&store).await;
    let node = node(&store);
    node.service.may.add_permits(1);
    let runs = node.runs.clone();
    let mut starting = Box::pin(runs.start(starting(flow, calling("POST"))));
    assert!(starting.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    drop(starting);
    eventually(|| node.service.called.load(Ordering::SeqCst) == 1).await;
    let run =
        store.runs(&flow_store::RunQuery { flow: Some(flow), limit: 1, ..Default::default() }).await.unwrap()
            [0]
        .id;
    assert_eq!(until_over(&node, run).await.variables["city"], json!("Wien"));
}

async fn eventually(holds: impl Fn() -> bool) {
    let waiting = async {
        while !holds() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), waiting).await.expect("it comes to that");
}

#[tokio::test(start_paused = true)]
async fn a_server_with_nothing_to_do_stops_at_once() {
    let (tracker, stopping) = (TaskTracker::new(), CancellationToken::new());
    let runs = Runs::new(RunsParts {
        store: Arc::new(MemoryStore::new()),
        calls: Arc::new(Service { called: AtomicUsize::new(0), may: Semaphore::new(0) }),
        clock: Arc::new(SystemClock),
        node: NodeId::generate(),
        limits: RunLimits::default(),
        tracker: tracker.clone(),
        stopping: stopping.clone(),
    });
    tokio::time::sleep(Duration::from_millis(10)).await;
    stopping.cancel();
    drop(runs);
    tracker.close();
    tokio::time::timeout(Duration::from_secs(1), tracker.wait())
        .await
        .expect("sooner than leases are renewed");
}
