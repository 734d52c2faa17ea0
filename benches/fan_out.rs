//! Updates of one peer on their way through a room into the outboxes of all others, and
//! out of these again. No sockets, and a log that commits at once.
#![expect(clippy::unwrap_used, reason = "a failed step of a bench is its failure")]

mod support;

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use criterion::Throughput;
use flow_base::{BatchId, ConnId, Seq, SeqRange, Timestamp};
use flow_model::FlowDoc;
use flow_protocol::CheckedUpdate;
use flow_room::{
    Committed, Effect, Event, Inbound, Moment, Outbox, Outboxes, Permit, Room, RoomLimits, load,
};
use flow_store::memory::MemoryStore;
use flow_store::{LogStore, Store};
use support::{flow, peers, scaled, stores};

/// Who edits; the others watch.
const EDITOR: ConnId = ConnId(0);

fn main() {
    let mut criterion = support::criterion();
    let mut group = criterion.benchmark_group("fan-out");
    for peers in [50, 1_000] {
        for updates in [1, 64] {
            let deliveries = (peers * updates) as u64;
            group.throughput(Throughput::Elements(deliveries));
            let mut scene = None;
            group.bench_function(format!("peers {peers} × updates {updates}"), |bencher| {
                let scene = scene.get_or_insert_with(|| Scene::new(scaled(peers)));
                bencher.iter_custom(|iters| (0..iters).map(|_| scene.deliver(updates)).sum());
            });
        }
    }
    group.finish();
    criterion.final_summary();
}

struct Scene {
    room: Room,
    outboxes: Outboxes,
    watchers: Vec<Outbox>,
    editor: FlowDoc,
    edits: usize,
    /// Of the log.
    head: Seq,
    began: Instant,
}

impl Scene {
    fn new(watchers: usize) -> Self {
        let document = flow::document(100);
        let editor = flow::copy(&document);
        let mut scene = Self {
            room: room(&document),
            outboxes: Outboxes::default(),
            watchers: Vec::new(),
            editor,
            edits: 0,
            head: Seq(1),
            began: Instant::now(),
        };
        for watcher in 0..=watchers {
            let outbox = scene.join(ConnId(watcher as u64));
            if watcher > 0 {
                scene.watchers.push(outbox);
            }
        }
        scene
    }

    fn join(&mut self, conn: ConnId) -> Outbox {
        let outbox = peers::outbox();
        self.outboxes.insert(conn, outbox.clone());
        let state_vector = Bytes::from(self.editor.state_vector_v1());
        let asks = Event::Received { conn, message: Inbound::Step1 { state_vector } };
        self.apply(vec![Event::Joined { conn, peer: peers::editor() }, asks]);
        peers::take_all(&outbox);
        outbox
    }

    /// How long it takes until every watcher has taken the editor's next updates.
    fn deliver(&mut self, updates: usize) -> Duration {
        let next: Vec<CheckedUpdate> = (0..updates).map(|_| self.next_update()).collect();
        let began = Instant::now();
        let received = next.into_iter().map(|update| {
            let message = Inbound::Update { update, permit: Permit::unbounded() };
            Event::Received { conn: EDITOR, message }
        });
        self.apply(received.collect());
        for outbox in &self.watchers {
            assert_eq!(peers::take_all(outbox).0, updates);
        }
        began.elapsed()
    }

    fn next_update(&mut self) -> CheckedUpdate {
        self.edits += 1;
        flow::checked(flow::update(&mut self.editor, &[flow::move_node(self.edits)]))
    }

    /// Applies these, and what follows from them.
    fn apply(&mut self, mut events: Vec<Event>) {
        while !events.is_empty() {
            let now = Moment { elapsed: self.began.elapsed(), wall: Timestamp::UNIX_EPOCH };
            let mut effects = Vec::new();
            let held = self.room.apply_batch(now, events, &mut effects);
            assert!(held.is_empty(), "the document was lost");
            events = effects.into_iter().filter_map(|effect| self.carry(effect)).collect();
        }
    }

    /// What the store says to an effect for it; the outboxes say nothing.
    fn carry(&mut self, effect: Effect) -> Option<Event> {
        match effect {
            Effect::Append(appended) => {
                let seqs = SeqRange::after(self.head, appended.updates.len() as u64).unwrap();
                self.head = seqs.last;
                Some(Event::Committed(Committed { batch: BatchId::generate(), seqs }))
            }
            Effect::Publish(_) => Some(Event::SnapshotDone { stored: true }),
            Effect::Project(_) => Some(Event::ProjectionDone { stored: true }),
            seen_by_peers => {
                self.outboxes.carry(seen_by_peers);
                None
            }
        }
    }
}

fn room(document: &FlowDoc) -> Room {
    let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
    let log: Arc<dyn LogStore> = Arc::clone(&store) as _;
    let loaded = support::runtime().block_on(async {
        let flow = stores::create_stored(&*store, &document.encode_state_v1().into()).await;
        (flow, load(&log, flow).await.unwrap())
    });
    Room::new(loaded.0, loaded.1, RoomLimits::default())
}
