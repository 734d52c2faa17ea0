//! A thousand peers come back to an open large room at once, as after a restart of the
//! load balancer: until the last of them has its answer.
#![expect(clippy::unwrap_used, reason = "a failed step of a bench is its failure")]

mod support;

use std::cell::LazyCell;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use criterion::{SamplingMode, Throughput};
use flow_base::ConnId;
use flow_model::FlowDoc;
use flow_room::RoomHandle;
use flow_store::Store;
use flow_store::memory::MemoryStore;
use serde_json::json;
use support::peers::{self, Rejoin};
use support::{flow, runtime, scaled, stores};
use tokio::runtime::Runtime;
use tokio::task::JoinSet;
use yrs::updates::decoder::Decode;
use yrs::updates::encoder::Encode;
use yrs::{ClientID, StateVector};

const PEERS: usize = 1_000;
/// Client ids from here on have written in the flow, and are those of half the peers.
const KNOWN: u64 = 3_000_000;
/// Client ids from here on have not, as after a page was loaded anew.
const NEW: u64 = 4_000_000;

fn main() {
    let mut criterion = support::criterion();
    let runtime = runtime();
    let scene = LazyCell::new(|| Scene::new(&runtime));
    let mut group = criterion.benchmark_group("rejoin");
    group.throughput(Throughput::Elements(PEERS as u64));
    group.measurement_time(Duration::from_secs(3)).sampling_mode(SamplingMode::Flat);
    group.bench_function("1,000 peers that lack nothing", |bencher| {
        let all = Rejoin::with(scene.state_vector.encode_v1().into());
        bencher.iter_custom(|iters| scene.rejoin(iters, &vec![all.clone(); scaled(PEERS)]));
    });
    group.bench_function("1,000 peers that lack everything", |bencher| {
        bencher.iter_custom(|iters| scene.rejoin(iters, &vec![Rejoin::empty(); scaled(PEERS)]));
    });
    group.bench_function("1,000 peers with an edit each", |bencher| {
        bencher.iter_custom(|iters| scene.rejoin(iters, &scene.with_edits));
    });
    group.finish();
    criterion.final_summary();
}

struct Scene<'r> {
    runtime: &'r Runtime,
    state: Bytes,
    state_vector: StateVector,
    with_edits: Vec<Rejoin>,
}

impl<'r> Scene<'r> {
    fn new(runtime: &'r Runtime) -> Self {
        let known = scaled(PEERS) / 2;
        let mut document = flow::document(flow::large() - known);
        let (mut writers, mut added) = (Vec::new(), Vec::new());
        for client in (KNOWN..).take(known) {
            let mut writer = FlowDoc::new(Some(client));
            let node = flow::add_node(&format!("of-{client}"), "message", json!({}));
            let update = flow::update(&mut writer, &[node]);
            document.apply_update_v1(&update).unwrap();
            added.push(update);
            writers.push(writer);
        }
        let state_vector = StateVector::decode_v1(&document.state_vector_v1()).unwrap();
        // Each known client moves its node, and so does one that is new.
        let strangers = (NEW..).zip(&added).map(|(client, added)| {
            let mut stranger = FlowDoc::new(Some(client));
            stranger.apply_update_v1(added).unwrap();
            stranger
        });
        let strangers: Vec<_> = strangers.collect();
        let editors = writers.into_iter().chain(strangers).enumerate();
        let with_edits = editors.map(|(at, editor)| pending(editor, at % known, &state_vector)).collect();
        Self { runtime, state: document.encode_state_v1().into(), state_vector, with_edits }
    }

    /// Each time into a room of its own, so that no edit is there already.
    fn rejoin(&self, times: u64, rejoins: &[Rejoin]) -> Duration {
        let once = async || {
            let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
            let flow = stores::create_stored(&*store, &self.state).await;
            let registry = stores::registry(&store, Duration::ZERO);
            let room = registry.open(flow).await.unwrap();
            let took = rejoin_all(&room, rejoins).await;
            drop(room);
            stores::closed(&registry).await;
            took
        };
        self.runtime.block_on(async {
            let mut took = Duration::ZERO;
            for _ in 0..times {
                took += once().await;
            }
            took
        })
    }
}

/// The editor has all of the flow, and moved the node that the `nth` known client added.
fn pending(mut editor: FlowDoc, nth: usize, known: &StateVector) -> Rejoin {
    let id = format!("of-{}", KNOWN + nth as u64);
    let edit = flow_model::Edit::MoveNode { id, x: 1.5, y: 2.5, w: None, h: None, parent: None };
    let pending = flow::checked(flow::update(&mut editor, &[edit]));
    let client = editor.client_id();
    let mut state_vector = known.clone();
    state_vector.set_max(ClientID::new(client), editor.clock(client));
    Rejoin { state_vector: state_vector.encode_v1().into(), pending }
}

async fn rejoin_all(room: &RoomHandle, rejoins: &[Rejoin]) -> Duration {
    let mut peers = JoinSet::new();
    let began = Instant::now();
    for rejoin in rejoins {
        let (room, rejoin) = (room.clone(), rejoin.clone());
        peers.spawn(async move {
            let conn = ConnId::next();
            peers::join(&room, conn, &rejoin).await;
            conn
        });
    }
    let conns = peers.join_all().await;
    let took = began.elapsed();
    for conn in conns {
        room.leave(conn).await.unwrap();
    }
    took
}
