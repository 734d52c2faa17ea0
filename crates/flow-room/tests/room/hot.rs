//! What a room makes of its hot tier.

use std::sync::Arc;

use bytes::Bytes;
use flow_base::{ActorId, BatchId, FlowId, ManualClock, Seq, Timestamp};
use flow_cluster::{Cache, CacheLimits, CachedFlow, LogSlice, LoggedUpdate, MemoryCache};
use flow_room::HotTier;
use flow_store::memory::MemoryStore;
use flow_store::{FlowBatch, LogStore, NewUpdate, Snapshot};

use crate::fixture::create_flow;

struct Fixture {
    store: MemoryStore,
    cache: Arc<MemoryCache>,
    flow: FlowId,
}

impl Fixture {
    /// A flow of one update, its creation.
    async fn new() -> Self {
        let (store, flow) = (MemoryStore::new(), FlowId::generate());
        create_flow(&store, flow).await;
        let clock = Arc::new(ManualClock::at(Timestamp::UNIX_EPOCH));
        Self { store, cache: Arc::new(MemoryCache::new(CacheLimits::default(), clock)), flow }
    }

    fn hot(&self) -> HotTier {
        HotTier::new(self.flow, Arc::clone(&self.cache) as Arc<dyn Cache>)
    }

    /// Stores updates as one batch; nobody is told.
    async fn append(&self, updates: &[&'static [u8]]) -> LogSlice {
        let actor = ActorId::Server;
        let new = |bytes: &&'static [u8]| NewUpdate { actor, bytes: Bytes::from_static(bytes) };
        let updates = updates.iter().map(new).collect();
        let batch = BatchId::generate();
        let given = FlowBatch { flow: self.flow, batch, at: Timestamp::UNIX_EPOCH, updates, writers: vec![] };
        let seqs = self.store.append(std::slice::from_ref(&given)).await.pop().unwrap().unwrap();
        LogSlice::of_batch(seqs.first, batch, given.updates.into_iter().map(|update| update.bytes))
    }

    async fn cached(&self) -> Vec<LoggedUpdate> {
        self.cache.load(self.flow).await.unwrap().unwrap().tail.updates
    }
}

#[tokio::test]
async fn a_flow_opens_from_the_cache_when_that_has_all_of_it() {
    let f = Fixture::new().await;
    let first = f.hot();
    let read = first.read(&f.store).await.unwrap();
    let added = f.append(&[b"a", b"b"]).await;
    first.push(&added).await.unwrap();
    // The store has no snapshot, so this is where it came from.
    first.put_snapshot(Snapshot { seq: read.tail.last(), state: Bytes::from_static(b"state") }).await;
    let again = f.hot().read(&f.store).await.unwrap();
    assert_eq!(again.snapshot, Some((Seq(1), Bytes::from_static(b"state"))));
    assert_eq!(again.tail, added);
}

#[tokio::test]
async fn a_cache_that_lags_is_made_up_to_date() {
    let f = Fixture::new().await;
    f.hot().read(&f.store).await.unwrap();
    f.append(&[b"a"]).await;
    let read = f.hot().read(&f.store).await.unwrap();
    assert_eq!(read.tail.updates.len(), 2);
    assert_eq!(f.cached().await, read.tail.updates);
}

/// A database restored from a backup beside a cache that was not emptied.
#[tokio::test]
async fn another_history_of_the_same_length_is_not_opened() {
    let f = Fixture::new().await;
    let opened = f.hot();
    opened.read(&f.store).await.unwrap();
    let stored = f.append(&[b"stored"]).await;
    let lost = LogSlice::of_batch(stored.first, BatchId::generate(), [Bytes::from_static(b"lost")]);
    opened.push(&lost).await.unwrap();
    let read = f.hot().read(&f.store).await.unwrap();
    assert_eq!(read.tail.updates[1], stored.updates[0]);
    assert_eq!(f.cached().await, read.tail.updates);
}

#[tokio::test]
async fn a_longer_history_is_replaced_and_nothing_of_it_is_read_later() {
    let f = Fixture::new().await;
    let opened = f.hot();
    opened.read(&f.store).await.unwrap();
    let lost = (2..=9).map(|_| Bytes::from_static(b"lost"));
    opened.push(&LogSlice::of_batch(Seq(2), BatchId::generate(), lost)).await.unwrap();
    let hot = f.hot();
    assert_eq!(hot.read(&f.store).await.unwrap().tail.updates.len(), 1);
    let stored = f.append(&[b"stored"]).await;
    assert_eq!(hot.updates_after(&f.store, Seq(1), 10).await.unwrap(), stored);
}

/// The cache was away when the flow was opened, and then back as it had been.
#[tokio::test]
async fn what_was_not_seen_at_opening_is_not_used_until_a_snapshot_replaces_it() {
    let f = Fixture::new().await;
    let old = f.hot();
    old.read(&f.store).await.unwrap();
    let lost = LogSlice::of_batch(Seq(2), BatchId::generate(), [Bytes::from_static(b"lost")]);
    old.push(&lost).await.unwrap();

    let hot = f.hot();
    let stored = f.append(&[b"stored"]).await;
    assert_eq!(hot.updates_after(&f.store, Seq(1), 10).await.unwrap(), stored);
    hot.push(&stored).await.unwrap();
    assert_eq!(f.cached().await[1], lost.updates[0], "nothing is mixed into it");
    hot.put_snapshot(Snapshot { seq: Seq(2), state: Bytes::from_static(b"state") }).await;
    assert_eq!(f.cached().await, []);
    let next = f.append(&[b"next"]).await;
    hot.push(&next).await.unwrap();
    assert_eq!(f.cached().await, next.updates);
}

/// As every flow does that nobody has edited for an hour: its room took a last snapshot.
#[tokio::test]
async fn a_flow_that_ends_with_its_snapshot_opens_from_the_cache_the_second_time() {
    let f = Fixture::new().await;
    let snapshot = Snapshot { seq: Seq(1), state: Bytes::from_static(b"state") };
    f.store.put_snapshot(f.flow, &snapshot, Timestamp::UNIX_EPOCH).await.unwrap();
    f.hot().read(&f.store).await.unwrap();
    let cached = f.cache.load(f.flow).await.unwrap().unwrap();
    assert_eq!(cached.batch(), f.store.head(f.flow).await.unwrap().unwrap().batch);
}

/// Bytes that claim to be the store's last update, and are none.
#[tokio::test]
async fn a_cache_that_holds_no_document_keeps_no_flow_shut() {
    let f = Fixture::new().await;
    let batch = f.store.head(f.flow).await.unwrap().unwrap().batch.unwrap();
    let tail = LogSlice::of_batch(Seq(1), batch, [Bytes::from_static(b"\xff\xff")]);
    f.cache.replace(f.flow, &CachedFlow { snapshot: None, tail }).await.unwrap();
    f.hot().examine(&f.store).await.unwrap();
    assert_eq!(f.cached().await, f.hot().read(&f.store).await.unwrap().tail.updates, "it is mended");
}
