//! Rooms as tasks: opened once, closed when idle, whole when the store is not.
#![expect(clippy::unwrap_used, reason = "a failed step of a test is its failure")]

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use flow_base::{ActorId, BatchId, Clock, ConnId, FlowId, Role, Seq, SystemClock, Timestamp, UserId};
use flow_cluster::{Cache, CacheLimits, LogSlice, MemoryCache, MemoryRelay, Relay};
use flow_model::{Edit, FlowDoc};
use flow_protocol::frame::{self, Message};
use flow_room::{
    EditRequest, Inbound, LogWriter, OpenError, Outbox, PeerInfo, Registry, RegistryParts, RoomHandle,
    RoomLimits, Taken,
};
use flow_store::memory::MemoryStore;
use flow_store::{FlowBatch, LogStore, NewUpdate, Store};
use tokio::time::timeout;
use tokio_util::task::TaskTracker;

mod cold;
#[path = "../fixture/mod.rs"]
mod fixture;
mod large;

use fixture::create_flow;

struct Node {
    store: Arc<MemoryStore>,
    registry: Registry,
    tracker: TaskTracker,
    cache: Arc<MemoryCache>,
    flow: FlowId,
    /// Another node on the same relay.
    elsewhere: MemoryRelay,
}

async fn node() -> Node {
    node_with(RoomLimits::default()).await
}

async fn node_with(limits: RoomLimits) -> Node {
    let store = Arc::new(MemoryStore::new());
    let flow = FlowId::generate();
    create_flow(&*store, flow).await;
    start(store, flow, limits)
}

/// A node with a cache and a relay of its own.
fn start(store: Arc<MemoryStore>, flow: FlowId, limits: RoomLimits) -> Node {
    let tracker = TaskTracker::new();
    let writer = LogWriter::start(Arc::clone(&store) as Arc<dyn LogStore>, &tracker);
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let cache = Arc::new(MemoryCache::new(CacheLimits::default(), Arc::clone(&clock)));
    let relay = Arc::new(MemoryRelay::new());
    let elsewhere = relay.another();
    let registry = Registry::new(RegistryParts {
        store: Arc::clone(&store) as Arc<dyn Store>,
        writer,
        relay,
        cache: Arc::clone(&cache) as Arc<dyn Cache>,
        clock,
        limits,
        tracker: tracker.clone(),
    });
    Node { store, registry, tracker, cache, flow, elsewhere }
}

fn add(id: &str) -> Vec<Edit> {
    vec![serde_json::from_value(serde_json::json!({ "op": "addNode", "id": id, "type": "message" })).unwrap()]
}

async fn nodes(room: &RoomHandle) -> Vec<String> {
    room.graph().await.unwrap().unwrap().nodes.keys().map(ToString::to_string).collect()
}

/// Looks every few milliseconds, for at most 10 s.
async fn until(what: &str, mut look: impl AsyncFnMut() -> bool) {
    let waited = timeout(Duration::from_secs(10), async {
        while !look().await {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    });
    assert!(waited.await.is_ok(), "not within 10 s: {what}");
}

async fn head(node: &Node) -> Seq {
    node.store.load(node.flow).await.unwrap().unwrap().head
}

#[tokio::test]
async fn first_visitors_share_one_room_and_one_document() {
    let node = node().await;
    let opened = futures_util::future::join_all((0..50).map(|_| node.registry.open(node.flow))).await;
    let rooms: Vec<_> = opened.into_iter().map(Result::unwrap).collect();
    rooms[0].edit(EditRequest::edits(ActorId::Server, add("a"))).await.unwrap();
    for room in &rooms {
        assert_eq!(nodes(room).await, ["a"]);
    }
    assert_eq!(node.registry.rooms().len(), 1);
}

#[tokio::test]
async fn a_flow_that_does_not_exist_does_not_open() {
    let node = node().await;
    assert!(matches!(node.registry.open(FlowId::generate()).await, Err(OpenError::Load(_))));
    assert!(node.registry.rooms().is_empty());
}

/// Other servers opened a blank document here, which then overwrote the stored one.
#[tokio::test]
async fn a_store_that_cannot_be_read_opens_nothing_and_the_next_visitor_tries_again() {
    let node = node().await;
    node.store.fail_loads(true);
    assert!(matches!(node.registry.open(node.flow).await, Err(OpenError::Load(_))));
    assert!(node.registry.rooms().is_empty(), "a failed load is not remembered");
    node.store.fail_loads(false);
    let room = node.registry.open(node.flow).await.unwrap();
    assert_eq!(room.lineage(), Some(uuid::Uuid::from_u128(7)));
}

#[tokio::test]
async fn a_stored_flow_with_a_hole_does_not_open() {
    let node = node().await;
    let room = node.registry.open(node.flow).await.unwrap();
    room.edit(EditRequest::edits(ActorId::Server, add("a"))).await.unwrap();
    room.edit(EditRequest::edits(ActorId::Server, add("b"))).await.unwrap();
    node.store.lose_update(node.flow, Seq(2));
    let other = start(Arc::clone(&node.store), node.flow, RoomLimits::default());
    assert!(matches!(other.registry.open(node.flow).await, Err(OpenError::Load(_))));
}

/// Only part of it would be shown, and the next snapshot would have made that the flow.
#[tokio::test]
async fn a_stored_update_that_builds_on_a_missing_one_does_not_open() {
    let node = node().await;
    let (mut first, mut second) = (FlowDoc::new(Some(7)), FlowDoc::new(Some(8)));
    let missing = first.edit(&add("a")).unwrap().update.unwrap();
    second.apply_update_v1(&missing).unwrap();
    let edit: Vec<Edit> =
        serde_json::from_value(serde_json::json!([{ "op": "removeNode", "id": "a" }])).unwrap();
    let update = second.edit(&edit).unwrap().update.unwrap();
    let batch = FlowBatch {
        flow: node.flow,
        batch: BatchId::generate(),
        at: Timestamp::UNIX_EPOCH,
        updates: vec![NewUpdate { actor: ActorId::Server, bytes: update.into() }],
        writers: vec![],
    };
    node.store.append(&[batch]).await.remove(0).unwrap();
    let refused = node.registry.open(node.flow).await;
    assert!(matches!(refused, Err(OpenError::Load(_))), "{refused:?}");
}

#[tokio::test]
async fn an_idle_room_closes_with_a_snapshot_and_opens_again() {
    let node = node_with(RoomLimits { idle_after: Duration::ZERO, ..RoomLimits::default() }).await;
    for round in 0..20 {
        let room = node.registry.open(node.flow).await.unwrap();
        assert_eq!(nodes(&room).await.len(), round);
        room.edit(EditRequest::edits(ActorId::Server, add(&format!("n{round}")))).await.unwrap();
        drop(room);
        if round % 2 == 0 {
            until("the room is closed", async || node.registry.rooms().is_empty()).await;
            let stored = node.store.load(node.flow).await.unwrap().unwrap();
            assert_eq!(stored.snapshot.unwrap().seq, stored.head);
        }
    }
}

/// Its timer is set for when the first has gone, is for nothing while the second is there, and
/// then for when they have gone.
#[tokio::test(start_paused = true)]
async fn a_room_closes_when_it_has_been_empty_for_long_enough_and_not_before() {
    const EMPTY_FOR: Duration = Duration::from_secs(60);
    let node = node_with(RoomLimits { idle_after: EMPTY_FOR, ..RoomLimits::default() }).await;
    let visit = async |conn, time| {
        let room = node.registry.open(node.flow).await.unwrap();
        settled(join(&room, conn).await).await;
        tokio::time::sleep(time).await;
        room.leave(conn).await.unwrap();
    };
    visit(ConnId(1), Duration::ZERO).await;
    tokio::time::sleep(EMPTY_FOR - Duration::from_secs(5)).await;
    assert_eq!(node.registry.rooms().len(), 1, "it was empty for 55 s");
    visit(ConnId(2), Duration::from_secs(30)).await;
    tokio::time::sleep(EMPTY_FOR - Duration::from_secs(5)).await;
    assert_eq!(node.registry.rooms().len(), 1, "it was empty for 55 s once more");
    tokio::time::sleep(Duration::from_secs(10)).await;
    assert_eq!(node.registry.rooms().len(), 0, "it was empty for 65 s");
}

/// While somebody holds a handle the room is the flow's only one.
#[tokio::test]
async fn a_room_that_is_held_does_not_close_however_idle() {
    let node = node_with(RoomLimits { idle_after: Duration::ZERO, ..RoomLimits::default() }).await;
    let held = node.registry.open(node.flow).await.unwrap();
    let rounds = (0..50).map(async |round| {
        let room = node.registry.open(node.flow).await.unwrap();
        room.edit(EditRequest::edits(ActorId::Server, add(&format!("n{round}")))).await.unwrap();
    });
    futures_util::future::join_all(rounds).await;
    assert_eq!(nodes(&held).await.len(), 50, "every edit went to the one room");
}

#[tokio::test]
async fn an_edit_is_answered_after_a_failing_store_has_it() {
    let node = node().await;
    let room = node.registry.open(node.flow).await.unwrap();
    node.store.fail_appends(3);
    room.edit(EditRequest::edits(ActorId::Server, add("a"))).await.unwrap();
    assert_eq!(head(&node).await, Seq(2));
}

/// The batch id makes a repeated append a no-op.
#[tokio::test]
async fn an_append_whose_answer_was_lost_is_repeated_and_stored_once() {
    let node = node().await;
    let room = node.registry.open(node.flow).await.unwrap();
    node.store.lose_append_answers(2);
    room.edit(EditRequest::edits(ActorId::Server, add("a"))).await.unwrap();
    room.edit(EditRequest::edits(ActorId::Server, add("b"))).await.unwrap();
    assert_eq!(head(&node).await, Seq(3));
}

#[tokio::test]
async fn edits_flow_while_the_store_is_away_and_nothing_is_acknowledged() {
    let node = node().await;
    let room = node.registry.open(node.flow).await.unwrap();
    let (ann, ben) = (join(&room, ConnId(1)).await, join(&room, ConnId(2)).await);
    let (ann, ben) = (settled(ann).await, settled(ben).await);
    node.store.hold_appends();
    // Client 9 writes into a root of its own.
    let update = Bytes::from_static(&[1, 1, 9, 0, 4, 1, 1, b't', 1, b'x', 0]);
    let checked =
        flow_protocol::check_update(update.clone(), &flow_protocol::UpdateLimits::default()).unwrap();
    let permit = room.reserve(update.len()).await;
    room.receive(ConnId(1), Inbound::Update { update: checked, permit }).await.unwrap();
    room.receive(ConnId(1), Inbound::Barrier { token: Bytes::from_static(b"x") }).await.unwrap();
    assert_eq!(message(&ben).await, Message::Update { update });
    let unanswered = timeout(Duration::from_millis(200), message(&ann)).await;
    assert!(unanswered.is_err(), "acknowledged before the commit: {unanswered:?}");
    node.store.release_appends();
    assert_eq!(message(&ann).await, Message::Barrier { token: Bytes::from_static(b"x") });
    assert_eq!(head(&node).await, Seq(2));
}

#[tokio::test]
async fn draining_commits_what_is_in_flight_and_opens_nothing_more() {
    let node = node().await;
    let room = node.registry.open(node.flow).await.unwrap();
    let outbox = settled(join(&room, ConnId(1)).await).await;
    room.edit(EditRequest::edits(ActorId::Server, add("a"))).await.unwrap();
    message(&outbox).await;
    node.registry.drain().await;
    assert_eq!(outbox.take().await, Taken::Close(flow_protocol::CloseCode::Restarting));
    room.leave(ConnId(1)).await.unwrap();
    drop(room);
    until("the room is closed", async || node.registry.rooms().is_empty()).await;
    assert!(matches!(node.registry.open(node.flow).await, Err(OpenError::ShuttingDown)));
}

async fn join(room: &RoomHandle, conn: ConnId) -> Outbox {
    let peer = PeerInfo { user: UserId::generate(), name: "x".into(), role: Role::Editor, may_edit: true };
    let outbox = room.join(conn, peer).await.unwrap();
    room.receive(conn, Inbound::Step1 { state_vector: Bytes::from_static(&[0]) }).await.unwrap();
    outbox
}

/// After the room's step 1 and step 2.
async fn settled(outbox: Outbox) -> Outbox {
    let mut seen = 0;
    while seen < 2 {
        match outbox.take().await {
            Taken::Frames(frames) => seen += frames.len(),
            other => panic!("{other:?}"),
        }
    }
    outbox
}

async fn message(outbox: &Outbox) -> Message {
    match outbox.take().await {
        Taken::Frames(frames) => frame::messages(frames[0].clone()).next().unwrap().unwrap(),
        other => panic!("{other:?}"),
    }
}

/// Depths are found again when a flow is opened, or chains could be stacked.
#[tokio::test]
async fn nesting_is_bounded_across_a_reopening() {
    let node = node().await;
    let chain = |from: u8, to: u8| -> Vec<Vec<u8>> {
        let link = |clock: u8| {
            let parent: &[u8] = if clock == 0 { &[1, 1, b't'] } else { &[0, 5, clock - 1] };
            [&[1, 1, 5, clock, 0x27], parent, &[1, b'k', 1, 0]].concat()
        };
        (from..to).map(link).collect()
    };
    for (from, to) in [(0, 60), (60, 100)] {
        let other = start(Arc::clone(&node.store), node.flow, RoomLimits::default());
        let room = other.registry.open(node.flow).await.unwrap();
        let outbox = settled(join(&room, ConnId(1)).await).await;
        for update in chain(from, to) {
            let checked =
                flow_protocol::check_update(update.into(), &flow_protocol::UpdateLimits::default()).unwrap();
            let permit = room.reserve(1).await;
            room.receive(ConnId(1), Inbound::Update { update: checked, permit }).await.unwrap();
        }
        room.receive(ConnId(1), Inbound::Barrier { token: Bytes::from_static(b"x") }).await.unwrap();
        match outbox.take().await {
            Taken::Frames(_) => assert_eq!(from, 0, "too deep, and stored"),
            closed => assert_eq!((from, closed), (60, Taken::Close(flow_protocol::CloseCode::Malformed))),
        }
    }
}

/// The relay tells nonsense, which costs the room its document. What comes while that
/// is read anew waits: it is neither lost nor acknowledged before it is stored.
#[tokio::test]
async fn updates_that_come_while_the_document_is_read_anew_are_applied_after_it() {
    let node = node().await;
    let room = node.registry.open(node.flow).await.unwrap();
    let ann = settled(join(&room, ConnId(1)).await).await;
    node.store.fail_loads(true);
    let nonsense = Bytes::from_static(&[1, 1, 9, 5, 4, 1, 1, b't', 1, b'x', 0]);
    let slice = LogSlice::of_batch(Seq(2), BatchId::generate(), [nonsense]);
    node.elsewhere.publish(node.flow, &slice).await.unwrap();
    // A room without its document answers nobody.
    let away = async || timeout(Duration::from_millis(50), room.graph()).await.is_err();
    until("the document is away", away).await;
    let update = Bytes::from_static(&[1, 1, 9, 0, 4, 1, 1, b's', 1, b'x', 0]);
    let checked = flow_protocol::check_update(update, &flow_protocol::UpdateLimits::default()).unwrap();
    let permit = room.reserve(1).await;
    room.receive(ConnId(1), Inbound::Update { update: checked, permit }).await.unwrap();
    room.receive(ConnId(1), Inbound::Barrier { token: Bytes::from_static(b"x") }).await.unwrap();
    node.store.fail_loads(false);
    let acknowledged = async || match ann.take().await {
        Taken::Frames(frames) => frames.contains(&frame::barrier(b"x")),
        other => panic!("{other:?}"),
    };
    until("the sound work is acknowledged", acknowledged).await;
    let stored = node.store.load(node.flow).await.unwrap().unwrap();
    assert!(
        stored.tail.iter().any(|update| update.bytes.ends_with(b"s\x01x\0")),
        "acknowledged and not stored"
    );
}

#[tokio::test]
async fn bytes_are_given_back_by_the_commit_and_not_before() {
    use futures_util::FutureExt;
    let node = node_with(RoomLimits { pending_room_bytes: 100, ..RoomLimits::default() }).await;
    let room = node.registry.open(node.flow).await.unwrap();
    let ann = settled(join(&room, ConnId(1)).await).await;
    node.store.hold_appends();
    let update = Bytes::from_static(&[1, 1, 9, 0, 4, 1, 1, b't', 1, b'x', 0]);
    let checked = flow_protocol::check_update(update, &flow_protocol::UpdateLimits::default()).unwrap();
    let permit = room.reserve(100).await;
    room.receive(ConnId(1), Inbound::Update { update: checked, permit }).await.unwrap();
    room.receive(ConnId(1), Inbound::Barrier { token: Bytes::from_static(b"x") }).await.unwrap();
    assert!(room.graph().await.unwrap().is_some(), "the room has applied it by now");
    assert!(room.reserve(1).now_or_never().is_none(), "given back before the commit");
    node.store.release_appends();
    message(&ann).await;
    assert!(timeout(Duration::from_secs(10), room.reserve(100)).await.is_ok());
}
