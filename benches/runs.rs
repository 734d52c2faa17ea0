//! Runs of flows: steps of the pure machine, pinning and opening a large flow, and turns of many
//! runs at once, in memory and durable.
#![expect(clippy::unwrap_used, reason = "a failed step of a bench is its failure")]

mod support;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use criterion::{Criterion, Throughput};
use flow_base::{FlowId, NodeId, RunId, SystemClock, Timestamp, WorkspaceId};
use flow_executor::inputs::Answer;
use flow_executor::machine::{CallError, CallFailure, CallRequest, Response};
use flow_executor::runner::{Calls, Pinned, RunLimits, Runs, RunsParts, StartRun};
use flow_executor::{Budgets, Event, Happened, Machine, Next, Object, Output, Plan, RunInfo, Value};
use flow_model::{FlowGraph, FlowJson};
use flow_store::memory::MemoryStore;
use flow_store::{RunKind, RunStore, Store};
use serde_json::{Value as Json, json};
use support::stores;
use support::{runtime, scaled};
use tokio::runtime::Runtime;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Runs that are answered at the same time.
const RUNS: usize = 200;

fn main() {
    let mut criterion = support::criterion();
    machine(&mut criterion);
    opening(&mut criterion);
    let runtime = runtime();
    turns(&mut criterion, "memory", &runtime, || async {
        (Arc::new(MemoryStore::new()) as Arc<dyn Store>, None::<()>)
    });
    turns(&mut criterion, "SQLite", &runtime, || async {
        let database = stores::sqlite().await;
        (Arc::clone(&database.store), Some(database))
    });
    if stores::has_postgres() {
        turns(&mut criterion, "Postgres", &runtime, || async {
            let database = stores::postgres().await;
            (Arc::clone(&database.store), Some(database))
        });
    }
    criterion.final_summary();
}

fn graph(json: &Json) -> FlowGraph {
    FlowJson::from_value(json).unwrap().graph().clone()
}

/// A loop of `set` and `condition`, so many times round.
fn spinning(rounds: usize) -> FlowGraph {
    graph(&json!({
        "interflow": 1,
        "nodes": [
            { "id": "start", "type": "start", "data": {} },
            { "id": "set", "type": "set", "data": { "assignments": [{ "id": "a", "variable": "n", "kind": "increment", "expression": "1" }] } },
            { "id": "more", "type": "condition", "data": { "branches": [{ "id": "yes", "kind": "expression", "expression": format!("n < {rounds}") }] } },
            { "id": "end", "type": "end", "data": {} },
        ],
        "edges": [
            { "source": "start", "sourceHandle": "out", "target": "set" },
            { "source": "set", "sourceHandle": "out", "target": "more" },
            { "source": "more", "sourceHandle": "yes", "target": "set" },
            { "source": "more", "sourceHandle": "else", "target": "end" },
        ],
        "variables": { "n": { "type": "number", "default": 0 } },
    }))
}

fn machine(criterion: &mut Criterion) {
    let budgets = Budgets { steps_per_turn: u32::MAX, steps_per_run: u32::MAX, ..Budgets::DEFAULT };
    let mut group = criterion.benchmark_group("runs");
    for steps in [1_000, 10_000] {
        let plan = Plan::compile(&spinning(steps / 2), budgets, &BTreeMap::new());
        group.throughput(Throughput::Elements(steps as u64));
        group.bench_function(format!("machine, {steps} steps"), |bencher| {
            bencher.iter(|| {
                let info = RunInfo {
                    id: "run".into(),
                    started_at: Timestamp::UNIX_EPOCH,
                    user: Value::Null,
                    mocks: false,
                };
                let mut machine = Machine::new(&plan, &info);
                let mut out = Output::default();
                let start = Happened::Start { input: Object::new() };
                let ended = machine.turn(Event { at: Timestamp::UNIX_EPOCH, what: start }, &mut out).unwrap();
                assert_eq!(ended, Next::Ended);
                out.records.len()
            });
        });
    }
    group.finish();
}

/// A flow of messages in a row.
fn long(nodes: usize) -> FlowGraph {
    let message = |at: usize| json!({ "id": format!("n{at}"), "type": "message", "data": { "blocks": [{ "id": "b", "text": format!("Step **{at}** of {{{{ n }}}}") }] } });
    let start = json!({ "id": "start", "type": "start", "data": {} });
    let edge = |at: usize| {
        let source = at.checked_sub(1).map_or_else(|| "start".to_owned(), |before| format!("n{before}"));
        json!({ "source": source, "sourceHandle": "out", "target": format!("n{at}") })
    };
    let nodes_json: Vec<Json> = std::iter::once(start).chain((0..nodes).map(message)).collect();
    let edges: Vec<Json> = (0..nodes).map(edge).collect();
    graph(
        &json!({ "interflow": 1, "nodes": nodes_json, "edges": edges, "variables": { "n": { "type": "number" } } }),
    )
}

fn opening(criterion: &mut Criterion) {
    let nodes = scaled(1_000);
    let graph = long(nodes);
    let mut group = criterion.benchmark_group("runs");
    group.bench_function(format!("pin {nodes} nodes"), |bencher| bencher.iter(|| Pinned::of(&graph)));
    group.bench_function(format!("compile {nodes} nodes"), |bencher| {
        bencher.iter(|| Plan::compile(&graph, Budgets::DEFAULT, &BTreeMap::new()));
    });
    group.finish();
}

/// Nobody is called here.
#[derive(Debug)]
struct NoCalls;

#[async_trait]
impl Calls for NoCalls {
    async fn call(&self, _: WorkspaceId, _: &CallRequest) -> Result<Response, CallError> {
        Err(CallError { failure: CallFailure::Unreachable, message: "nobody is called here".into() })
    }
}

/// Asks for ever, and counts the answers.
fn asking() -> FlowGraph {
    graph(&json!({
        "interflow": 1,
        "nodes": [
            { "id": "start", "type": "start", "data": {} },
            { "id": "ask", "type": "input", "data": { "variable": "answer", "prompt": "{{ n }} answers. More?" } },
            { "id": "count", "type": "set", "data": { "assignments": [{ "id": "a", "variable": "n", "kind": "increment", "expression": "1" }] } },
        ],
        "edges": [
            { "source": "start", "sourceHandle": "out", "target": "ask" },
            { "source": "ask", "sourceHandle": "out", "target": "count" },
            { "source": "count", "sourceHandle": "out", "target": "ask" },
        ],
        "variables": { "n": { "type": "number", "default": 0 }, "answer": { "type": "text" } },
    }))
}

/// Each run is answered as soon as its turn before is stored.
fn turns<O, Opened, Kept>(criterion: &mut Criterion, name: &str, runtime: &Runtime, open: O)
where
    O: FnOnce() -> Opened,
    Opened: Future<Output = (Arc<dyn Store>, Option<Kept>)>,
{
    let (runs, flow, _kept) = runtime.block_on(async {
        let (store, kept) = open().await;
        let flow = stores::create_flow(&*store).await;
        let runs = Runs::new(RunsParts {
            store: store as Arc<dyn RunStore>,
            calls: Arc::new(NoCalls),
            clock: Arc::new(SystemClock),
            node: NodeId::generate(),
            limits: RunLimits {
                budgets: Budgets { steps_per_run: u32::MAX, ..Budgets::DEFAULT },
                ..RunLimits::default()
            },
            tracker: TaskTracker::new(),
            stopping: CancellationToken::new(),
        });
        (runs, flow, kept)
    });
    let graph = Arc::new(asking());
    let count = scaled(RUNS);
    let started: Vec<RunId> = runtime.block_on(async {
        let mut started = Vec::new();
        for _ in 0..count {
            started.push(runs.start(start(flow, &graph)).await.unwrap().run);
        }
        started
    });
    let mut group = criterion.benchmark_group("runs");
    group.measurement_time(Duration::from_secs(3)).throughput(Throughput::Elements(count as u64));
    group.bench_function(format!("{name}, a turn of each of {count} runs"), |bencher| {
        bencher.iter_custom(|iters| {
            runtime.block_on(async {
                let began = Instant::now();
                let mut tasks = JoinSet::new();
                for &run in &started {
                    let runs = runs.clone();
                    tasks.spawn(async move {
                        for _ in 0..iters {
                            runs.answer(run, Answer::Text("yes".into()), None, None).await.unwrap();
                        }
                    });
                }
                tasks.join_all().await;
                began.elapsed()
            })
        });
    });
    group.finish();
}

fn start(flow: FlowId, graph: &Arc<FlowGraph>) -> StartRun {
    StartRun {
        flow,
        graph: Arc::clone(graph),
        kind: RunKind::Published,
        flow_version: Some(1),
        user: None,
        user_value: Value::Null,
        input: Object::new(),
        mocks: BTreeMap::new(),
        runs_per_day: None,
    }
}
