use bytes::Bytes;
use flow_base::{BatchId, ManualClock};

use super::*;

struct Fixture {
    cache: MemoryCache,
    clock: Arc<ManualClock>,
    flow: FlowId,
}

fn cache(limits: CacheLimits) -> Fixture {
    let clock = Arc::new(ManualClock::at(Timestamp::UNIX_EPOCH));
    let cache = MemoryCache::new(limits, Arc::clone(&clock) as Arc<dyn Clock>);
    Fixture { cache, clock, flow: FlowId::generate() }
}

fn slice(first: u64, count: u8) -> LogSlice {
    let updates = (0..count).map(|at| Bytes::from(vec![at; 10]));
    LogSlice::of_batch(Seq(first), BatchId::generate(), updates)
}

fn snapshot(seq: u64, bytes: usize) -> CachedSnapshot {
    CachedSnapshot { seq: Seq(seq), batch: None, state: Bytes::from(vec![0; bytes]) }
}

impl Fixture {
    /// The positions it would open the flow at: the snapshot's and the last.
    async fn loaded(&self) -> Option<(u64, u64)> {
        let loaded = self.cache.load(self.flow).await.unwrap()?;
        Some((loaded.snapshot.map_or(0, |snapshot| snapshot.seq.0), loaded.tail.last().0))
    }

    async fn push(&self, first: u64, count: u8) {
        self.cache.push(self.flow, &slice(first, count)).await.unwrap();
    }

    async fn put(&self, seq: u64) {
        self.cache.put_snapshot(self.flow, &snapshot(seq, 100)).await.unwrap();
    }
}

#[tokio::test]
async fn updates_count_as_far_as_there_is_no_hole() {
    let f = cache(CacheLimits::default());
    assert_eq!(f.loaded().await, None);
    f.push(4, 2).await;
    assert_eq!(f.loaded().await, None, "the beginning is missing");
    f.put(2).await;
    assert_eq!(f.loaded().await, Some((2, 2)), "3 is missing");
    f.push(3, 1).await;
    assert_eq!(f.loaded().await, Some((2, 5)));
    assert_eq!(f.cache.updates_after(f.flow, Seq(3), 1).await.unwrap().last(), Seq(4));
    assert_eq!(f.cache.updates_after(f.flow, Seq(5), 9).await.unwrap(), LogSlice::empty_after(Seq(5)));
}

#[tokio::test]
async fn a_whole_log_needs_no_snapshot() {
    let f = cache(CacheLimits::default());
    f.push(1, 3).await;
    assert_eq!(f.loaded().await, Some((0, 3)));
}

#[tokio::test]
async fn what_is_kept_names_its_last_batch() {
    let f = cache(CacheLimits::default());
    let batch = async || f.cache.load(f.flow).await.unwrap().unwrap().batch();
    let (first, second) = (slice(1, 3), slice(4, 1));
    f.put(3).await;
    assert_eq!(batch().await, None, "nobody said what it was stored with");
    f.cache.push(f.flow, &first).await.unwrap();
    assert_eq!(batch().await, Some(first.updates[2].batch), "the snapshot's own last update");
    f.cache.push(f.flow, &second).await.unwrap();
    assert_eq!(batch().await, Some(second.updates[0].batch));
}

#[tokio::test]
async fn another_history_is_replaced_and_not_mixed() {
    let f = cache(CacheLimits::default());
    f.put(5).await;
    f.push(6, 10).await;
    let tail = slice(3, 1);
    let snapshot = Some(snapshot(2, 100));
    f.cache.replace(f.flow, &CachedFlow { snapshot, tail: tail.clone() }).await.unwrap();
    assert_eq!(f.loaded().await, Some((2, 3)));
    assert_eq!(f.cache.updates_after(f.flow, Seq(2), 9).await.unwrap(), tail);
    assert_eq!(f.cache.lock().bytes, 100 + 10 + ENTRY_BYTES);
}

#[tokio::test]
async fn an_older_snapshot_does_not_replace_a_newer_one() {
    let f = cache(CacheLimits::default());
    f.put(9).await;
    f.put(4).await;
    assert_eq!(f.loaded().await, Some((9, 9)));
}

#[tokio::test]
async fn the_oldest_updates_of_a_flow_go_first() {
    let f = cache(CacheLimits { updates: 3, ..CacheLimits::default() });
    f.push(1, 5).await;
    assert_eq!(f.loaded().await, None);
    assert_eq!(f.cache.updates_after(f.flow, Seq(2), 9).await.unwrap().last(), Seq(5));
    assert_eq!(f.cache.lock().bytes, 3 * (10 + ENTRY_BYTES));
}

#[tokio::test]
async fn the_flow_that_was_used_least_recently_goes_first() {
    let f = cache(CacheLimits { bytes: 250, ..CacheLimits::default() });
    let (other, third) = (FlowId::generate(), FlowId::generate());
    f.put(1).await;
    f.cache.put_snapshot(other, &snapshot(1, 100)).await.unwrap();
    assert!(f.loaded().await.is_some(), "used again");
    f.cache.put_snapshot(third, &snapshot(1, 100)).await.unwrap();
    assert!(f.cache.load(other).await.unwrap().is_none());
    assert!(f.loaded().await.is_some());
    assert_eq!(f.cache.lock().bytes, 200);
}

#[tokio::test]
async fn what_nobody_uses_is_forgotten_in_time() {
    let f = cache(CacheLimits::default());
    f.put(1).await;
    f.clock.advance_ms(3_599_000);
    assert!(f.loaded().await.is_some());
    f.clock.advance_ms(3_600_000);
    assert_eq!(f.loaded().await, None);
    f.put(1).await;
    f.cache.clear();
    assert_eq!(f.loaded().await, None);
    assert!(f.cache.lock().uses.is_empty());
}
