//! What every cache does.

use std::sync::Arc;

use flow_base::{FlowId, Seq, SystemClock};
use flow_cluster::{Cache, CacheLimits, CachedFlow, LogSlice, MemoryCache};

use crate::support::{node, slice, snapshot};

macro_rules! contract {
    ($($(#[$doc:meta])* $name:ident)*) => {
        mod in_memory {
            use super::*;

            $($(#[$doc])* #[tokio::test]
            async fn $name() {
                let cache = MemoryCache::new(CacheLimits::default(), Arc::new(SystemClock));
                super::$name(Flow { cache: &cache, id: FlowId::generate() }).await;
            })*
        }

        mod on_redis {
            use super::*;

            $($(#[$doc])* #[tokio::test]
            async fn $name() {
                let node = node().await;
                let cache = node.cluster.cache();
                super::$name(Flow { cache: &*cache, id: FlowId::generate() }).await;
            })*
        }
    };
}

contract! {
    nothing_is_kept_of_a_flow_that_nobody_has_used
    updates_count_as_far_as_there_is_no_hole
    a_whole_log_needs_no_snapshot
    what_is_kept_names_its_last_batch
    another_history_is_replaced_and_not_mixed
    an_older_snapshot_does_not_replace_a_newer_one
    updates_may_come_in_any_order_and_again
    slices_that_overlap_fill_a_hole_together
    the_last_thousand_updates_are_kept
    flows_have_nothing_to_do_with_each_other
    no_more_updates_are_read_than_were_asked_for
}

/// A flow in a cache.
#[derive(Clone, Copy)]
struct Flow<'a> {
    cache: &'a dyn Cache,
    id: FlowId,
}

impl Flow<'_> {
    async fn load(self) -> Option<CachedFlow> {
        self.cache.load(self.id).await.unwrap()
    }

    /// The positions it would be opened at: the snapshot's and the last.
    async fn loaded(self) -> Option<(u64, u64)> {
        let loaded = self.load().await?;
        Some((loaded.snapshot.map_or(0, |snapshot| snapshot.seq.0), loaded.tail.last().0))
    }

    async fn push(self, slice: &LogSlice) {
        self.cache.push(self.id, slice).await.unwrap();
    }

    async fn put(self, seq: u64) {
        self.cache.put_snapshot(self.id, &snapshot(seq, 100)).await.unwrap();
    }

    async fn after(self, seq: u64, limit: usize) -> LogSlice {
        self.cache.updates_after(self.id, Seq(seq), limit).await.unwrap()
    }
}

async fn nothing_is_kept_of_a_flow_that_nobody_has_used(flow: Flow<'_>) {
    assert_eq!(flow.load().await, None);
    assert_eq!(flow.after(7, 10).await, LogSlice::empty_after(Seq(7)));
}

async fn updates_count_as_far_as_there_is_no_hole(flow: Flow<'_>) {
    flow.push(&slice(4, 2)).await;
    assert_eq!(flow.loaded().await, None, "the beginning is missing");
    flow.put(2).await;
    assert_eq!(flow.loaded().await, Some((2, 2)), "3 is missing");
    assert_eq!(flow.after(2, 9).await, LogSlice::empty_after(Seq(2)));
    flow.push(&slice(3, 1)).await;
    assert_eq!(flow.loaded().await, Some((2, 5)));
}

async fn a_whole_log_needs_no_snapshot(flow: Flow<'_>) {
    let all = slice(1, 3);
    flow.push(&all).await;
    assert_eq!(flow.load().await, Some(CachedFlow { snapshot: None, tail: all }));
}

async fn what_is_kept_names_its_last_batch(flow: Flow<'_>) {
    let (first, second) = (slice(1, 3), slice(4, 1));
    flow.put(3).await;
    assert_eq!(flow.load().await.unwrap().batch(), None, "nobody said what it was stored with");
    flow.push(&first).await;
    assert_eq!(flow.load().await.unwrap().batch(), Some(first.updates[2].batch), "the snapshot's own");
    flow.push(&second).await;
    let loaded = flow.load().await.unwrap();
    assert_eq!((loaded.batch(), loaded.tail), (Some(second.updates[0].batch), second));
}

async fn another_history_is_replaced_and_not_mixed(flow: Flow<'_>) {
    flow.put(5).await;
    flow.push(&slice(6, 10)).await;
    let whole = CachedFlow { snapshot: Some(snapshot(2, 50)), tail: slice(3, 1) };
    flow.cache.replace(flow.id, &whole).await.unwrap();
    assert_eq!(flow.load().await, Some(whole));
    let log = CachedFlow { snapshot: None, tail: slice(1, 2) };
    flow.cache.replace(flow.id, &log).await.unwrap();
    assert_eq!(flow.load().await, Some(log));
    flow.push(&slice(3, 1)).await;
    assert_eq!(flow.loaded().await, Some((0, 3)));
}

async fn an_older_snapshot_does_not_replace_a_newer_one(flow: Flow<'_>) {
    for seq in [9, 4, 10, 100, 20] {
        flow.put(seq).await;
    }
    assert_eq!(flow.loaded().await, Some((100, 100)));
}

async fn updates_may_come_in_any_order_and_again(flow: Flow<'_>) {
    let all = slice(1, 40);
    let one = |seq: u64| {
        let updates = vec![all.updates[usize::try_from(seq - 1).unwrap()].clone()];
        LogSlice { first: Seq(seq), updates }
    };
    // 1, 8, 15 … in steps of 7 through 1 to 40 and around, which meets every one.
    for step in 0..40 {
        flow.push(&one(step * 7 % 40 + 1)).await;
    }
    flow.push(&one(17)).await;
    assert_eq!(flow.load().await, Some(CachedFlow { snapshot: None, tail: all }));
}

async fn slices_that_overlap_fill_a_hole_together(flow: Flow<'_>) {
    let all = slice(1, 12);
    let part = |from: usize, to: usize| LogSlice {
        first: Seq(from as u64),
        updates: all.updates[from - 1..to].to_vec(),
    };
    for (from, to) in [(1, 2), (9, 10), (5, 6), (4, 9), (2, 4), (10, 12)] {
        flow.push(&part(from, to)).await;
    }
    assert_eq!(flow.load().await, Some(CachedFlow { snapshot: None, tail: all }));
}

async fn the_last_thousand_updates_are_kept(flow: Flow<'_>) {
    let kept_after = async |seq| flow.after(seq, 9_999).await.updates.len();
    flow.push(&slice(1, 600)).await;
    flow.push(&slice(601, 405)).await;
    assert_eq!(flow.loaded().await, None, "the beginning is gone");
    assert_eq!((kept_after(4).await, kept_after(5).await), (0, 1_000));
    flow.push(&slice(1_006, 1_500)).await;
    assert_eq!((kept_after(1_504).await, kept_after(1_505).await), (0, 1_000));
}

async fn flows_have_nothing_to_do_with_each_other(flow: Flow<'_>) {
    let other = Flow { id: FlowId::generate(), ..flow };
    flow.push(&slice(1, 3)).await;
    other.put(9).await;
    assert_eq!((flow.loaded().await, other.loaded().await), (Some((0, 3)), Some((9, 9))));
    other.cache.replace(other.id, &CachedFlow { snapshot: None, tail: slice(1, 1) }).await.unwrap();
    assert_eq!((flow.loaded().await, other.loaded().await), (Some((0, 3)), Some((0, 1))));
}

async fn no_more_updates_are_read_than_were_asked_for(flow: Flow<'_>) {
    flow.push(&slice(1, 9)).await;
    assert_eq!(flow.after(3, 2).await.last(), Seq(5));
    assert_eq!(flow.after(3, 0).await, LogSlice::empty_after(Seq(3)));
    assert_eq!(flow.after(3, usize::MAX).await.last(), Seq(9));
}
