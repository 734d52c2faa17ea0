//! Appending to the log, durably: one call of a store, and the log writer that commits
//! what many rooms hand it together.
#![expect(clippy::unwrap_used, reason = "a failed step of a bench is its failure")]

mod support;

use std::cell::LazyCell;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use criterion::{Criterion, Throughput};
use flow_base::FlowId;
use flow_room::LogWriter;
use flow_store::FlowBatch;
use support::stores::{self, Database};
use support::{flow, runtime, scaled};
use tokio::runtime::Runtime;
use tokio::task::JoinSet;
use tokio_util::task::TaskTracker;

/// Flows that an append has updates of, and how many of each.
const GROUPS: [(usize, usize); 4] = [(1, 1), (16, 1), (256, 1), (1, 64)];
/// Rooms that append at the same time.
const ROOMS: usize = 64;

fn main() {
    let mut criterion = support::criterion();
    let runtime = runtime();
    measure(&mut criterion, "SQLite", || Scene::new(&runtime, stores::sqlite()));
    if stores::has_postgres() {
        measure(&mut criterion, "Postgres", || Scene::new(&runtime, stores::postgres()));
    } else {
        skip("Postgres is not installed: appending to it is not measured");
    }
    criterion.final_summary();
}

#[expect(clippy::print_stderr, reason = "whoever runs the benches reads it")]
fn skip(why: &str) {
    eprintln!("{why}");
}

fn measure<'r>(criterion: &mut Criterion, store: &str, scene: impl FnOnce() -> Scene<'r>) {
    let scene = LazyCell::new(scene);
    let mut group = criterion.benchmark_group("append");
    group.measurement_time(Duration::from_secs(2));
    let bytes = |updates: usize| (updates * update().len()) as u64;
    for (flows, updates) in GROUPS {
        let count = flows * updates;
        group.throughput(Throughput::ElementsAndBytes { elements: count as u64, bytes: bytes(count) });
        group.bench_function(format!("{store}, flows {flows} × updates {updates}"), |bencher| {
            bencher.iter_custom(|iters| scene.append(iters, scaled(flows), updates));
        });
    }
    group.throughput(Throughput::ElementsAndBytes { elements: ROOMS as u64, bytes: bytes(ROOMS) });
    group.bench_function(format!("{store}, {ROOMS} rooms through the log writer"), |bencher| {
        bencher.iter_custom(|iters| scene.append_from_rooms(iters));
    });
    group.finish();
}

struct Scene<'r> {
    runtime: &'r Runtime,
    database: Database,
    flows: Vec<FlowId>,
    update: Bytes,
}

impl<'r> Scene<'r> {
    fn new(runtime: &'r Runtime, database: impl Future<Output = Database>) -> Self {
        let (database, flows) = runtime.block_on(async {
            let database = database.await;
            let mut flows = Vec::new();
            for _ in 0..scaled(256) {
                flows.push(stores::create_flow(&*database.store).await);
            }
            (database, flows)
        });
        Self { runtime, database, flows, update: update() }
    }

    fn append(&self, calls: u64, flows: usize, updates: usize) -> Duration {
        self.runtime.block_on(async {
            let mut took = Duration::ZERO;
            for _ in 0..calls {
                let flows = self.flows.iter().take(flows);
                let batches: Vec<_> = flows.map(|flow| stores::batch(*flow, &self.update, updates)).collect();
                let began = Instant::now();
                let results = self.database.store.append(&batches).await;
                took += began.elapsed();
                results.into_iter().for_each(|result| assert!(result.is_ok(), "{result:?}"));
            }
            took
        })
    }

    /// Each room appends one update as soon as the one before is answered.
    fn append_from_rooms(&self, updates_each: u64) -> Duration {
        self.runtime.block_on(async {
            let writer = LogWriter::start(Arc::clone(&self.database.store) as _, &TaskTracker::new());
            let mut rooms = JoinSet::new();
            let began = Instant::now();
            for &flow in self.flows.iter().take(ROOMS) {
                let (log, update) = (writer.flow(flow), self.update.clone());
                rooms.spawn(async move {
                    for _ in 0..updates_each {
                        let FlowBatch { at, updates, writers, .. } = stores::batch(flow, &update, 1);
                        log.append(at, updates, writers);
                        log.committed().await.unwrap();
                    }
                });
            }
            rooms.join_all().await;
            began.elapsed()
        })
    }
}

/// A move, as most of the log is.
fn update() -> Bytes {
    flow::update(&mut flow::copy(&flow::document(2)), &[flow::move_node(1)])
}
