//! A document that cannot be built after all, when somebody has had it already.

use flow_cluster::{CachedFlow, LoggedUpdate};
use tokio::runtime;

use super::*;

/// Client 9 writes into a root of its own, and into what it wrote, which is no type. It
/// builds on nothing that is missing, and yrs fails half-way.
const NO_DOCUMENT: &[u8] = &[1, 2, 9, 0, 4, 1, 1, b't', 1, b'x', 4, 0, 9, 0, 1, b'y', 0];

/// Runs with one thread for long work.
fn block_on(test: impl Future) {
    let mut runtime = runtime::Builder::new_current_thread();
    let runtime = runtime.enable_all().max_blocking_threads(1).build().unwrap();
    runtime.block_on(async { timeout(Duration::from_secs(10), test).await.expect("it ends within 10 s") });
}

/// Holds up long work until this is dropped.
fn hold_up() -> std::sync::mpsc::Sender<()> {
    let (held, until) = std::sync::mpsc::channel();
    tokio::task::spawn_blocking(move || until.recv());
    held
}

/// Opens the flow, whose document is not built before this is dropped.
async fn open_and_hold(node: &Node) -> (RoomHandle, std::sync::mpsc::Sender<()>) {
    let examining = hold_up();
    let (registry, flow) = (node.registry.clone(), node.flow);
    let opened = tokio::spawn(async move { registry.open(flow).await });
    // Until it has been read and waits to be looked through: nothing before it waits long.
    for _ in 0..1_000 {
        tokio::task::yield_now().await;
    }
    let building = hold_up();
    drop(examining);
    (opened.await.unwrap().unwrap(), building)
}

/// What was stored besides its creation, and as what batch.
async fn append(node: &Node, update: impl Into<Bytes>) -> BatchId {
    let batch = BatchId::generate();
    let updates = vec![NewUpdate { actor: ActorId::Server, bytes: update.into() }];
    let batches = [FlowBatch { flow: node.flow, batch, at: Timestamp::UNIX_EPOCH, updates, writers: vec![] }];
    node.store.append(&batches).await.remove(0).unwrap();
    batch
}

struct Answered {
    room: RoomHandle,
    outbox: Outbox,
    /// Dropped, the document may be built.
    building: std::sync::mpsc::Sender<()>,
}

/// A peer that has nothing is given the stored bytes, and there is no document yet.
async fn answered(node: &Node) -> Answered {
    let (room, building) = open_and_hold(node).await;
    let outbox = settled(join(&room, ConnId(1)).await).await;
    Answered { room, outbox, building }
}

impl Answered {
    /// There will be no document, and the peer hears of it.
    async fn sent_away(self) {
        drop(self.building);
        assert_eq!(self.outbox.take().await, Taken::Ended);
        assert!(self.room.graph().await.is_err(), "there is no room");
    }
}

/// What the cache holds of the flow has the store's last batch, and another content. Yet
/// the store has node `a`.
async fn spoiled(node: &Node) -> CachedFlow {
    let created = node.store.load(node.flow).await.unwrap().unwrap().tail.remove(0);
    let mut written = FlowDoc::new(Some(7));
    written.apply_update_v1(&created.bytes).unwrap();
    let batch = append(node, written.edit(&add("a")).unwrap().update.unwrap()).await;
    let updates = vec![
        LoggedUpdate { batch: created.batch, bytes: created.bytes },
        LoggedUpdate { batch, bytes: Bytes::from_static(NO_DOCUMENT) },
    ];
    let spoiled = CachedFlow { snapshot: None, tail: LogSlice { first: Seq(1), updates } };
    node.cache.replace(node.flow, &spoiled).await.unwrap();
    spoiled
}

#[test]
fn who_was_answered_is_sent_away_when_what_is_stored_is_no_document() {
    block_on(async {
        let node = node().await;
        append(&node, NO_DOCUMENT).await;
        for _ in 0..2 {
            answered(&node).await.sent_away().await;
        }
    });
}

/// Or whoever comes next would be given the same.
#[test]
fn what_the_cache_holds_and_is_no_document_is_replaced_by_what_the_store_has() {
    block_on(async {
        let node = node().await;
        let spoiled = spoiled(&node).await;
        answered(&node).await.sent_away().await;
        let room = node.registry.open(node.flow).await.unwrap();
        assert_eq!(nodes(&room).await, ["a"]);
        assert_ne!(node.cache.load(node.flow).await.unwrap(), Some(spoiled));
    });
}

#[test]
fn a_store_that_is_away_meanwhile_leaves_it_to_the_next_visit_to_replace_it() {
    block_on(async {
        let node = node().await;
        spoiled(&node).await;
        let answered_first = answered(&node).await;
        node.store.fail_loads(true);
        answered_first.sent_away().await;
        node.store.fail_loads(false);
        answered(&node).await.sent_away().await;
        assert_eq!(nodes(&node.registry.open(node.flow).await.unwrap()).await, ["a"]);
    });
}
