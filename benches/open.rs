//! Opening a large stored flow, until its first visitor has all of it.
#![expect(clippy::unwrap_used, reason = "a failed step of a bench is its failure")]

mod support;

use std::cell::LazyCell;
use std::time::{Duration, Instant};

use bytes::Bytes;
use criterion::{SamplingMode, Throughput};
use flow_base::{ConnId, FlowId};
use flow_cluster::LogSlice;
use flow_room::{LoadedFlow, ReadFlow, Registry};
use support::peers::Rejoin;
use support::stores::{self, Database};
use support::{flow, peers, runtime};
use tokio::runtime::Runtime;

fn main() {
    let mut criterion = support::criterion();
    let runtime = runtime();
    let scene = LazyCell::new(|| Scene::new(&runtime));
    let mut group = criterion.benchmark_group("open");
    group.measurement_time(Duration::from_secs(3)).sampling_mode(SamplingMode::Flat);
    if support::is_measured() {
        group.throughput(Throughput::Bytes(scene.bytes as u64));
    }
    group.bench_function("10,000 nodes, from the store", |bencher| {
        bencher.iter_custom(|iters| (0..iters).map(|_| scene.open_cold()).sum());
    });
    group.bench_function("10,000 nodes, from the cache", |bencher| {
        bencher.iter_custom(|iters| scene.open_warm(iters));
    });
    // What of it is neither reading nor the room.
    group.bench_function("10,000 nodes, building the document alone", |bencher| {
        let read = scene.read();
        bencher.iter(|| LoadedFlow::build(scene.flow, &read).unwrap());
    });
    group.bench_function("10,000 nodes, encoding the answer alone", |bencher| {
        let document = flow::document(flow::large());
        bencher.iter(|| document.encode_state_v1());
    });
    group.finish();
    criterion.final_summary();
}

struct Scene<'r> {
    runtime: &'r Runtime,
    database: Database,
    flow: FlowId,
    /// Of the whole document.
    bytes: usize,
}

impl<'r> Scene<'r> {
    fn new(runtime: &'r Runtime) -> Self {
        let state = Bytes::from(flow::document(flow::large()).encode_state_v1());
        let (database, flow) = runtime.block_on(async {
            let database = stores::sqlite().await;
            let flow = stores::create_stored(&*database.store, &state).await;
            (database, flow)
        });
        Self { runtime, database, flow, bytes: state.len() }
    }

    /// The cache knows nothing of the flow, the operating system has its file in memory.
    fn open_cold(&self) -> Duration {
        let _entered = self.runtime.enter();
        let registry = stores::registry(&self.database.store, Duration::ZERO);
        self.runtime.block_on(self.open(&registry))
    }

    fn open_warm(&self, opens: u64) -> Duration {
        self.runtime.block_on(async {
            let registry = stores::registry(&self.database.store, Duration::ZERO);
            self.open(&registry).await;
            let mut took = Duration::ZERO;
            for _ in 0..opens {
                took += self.open(&registry).await;
            }
            took
        })
    }

    /// The flow as a registry reads it.
    fn read(&self) -> ReadFlow {
        let stored = self.runtime.block_on(self.database.store.load(self.flow)).unwrap().unwrap();
        let snapshot = stored.snapshot.map(|snapshot| (snapshot.seq, snapshot.state));
        ReadFlow { snapshot, tail: LogSlice::empty_after(stored.head) }
    }

    /// How long it takes from the first call to the answer; the room is closed again.
    async fn open(&self, registry: &Registry) -> Duration {
        let (conn, visitor) = (ConnId::next(), Rejoin::empty());
        let began = Instant::now();
        let room = registry.open(self.flow).await.unwrap();
        let bytes = peers::join(&room, conn, &visitor).await;
        let took = began.elapsed();
        assert_eq!(bytes, self.bytes);
        room.leave(conn).await.unwrap();
        drop(room);
        stores::closed(registry).await;
        took
    }
}
