//! What all nodes have in common: the store, the cache, the clock.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use flow_base::{Clock, FlowId, ManualClock, Seq, Timestamp};
use flow_cluster::{Cache, CacheLimits, MemoryCache};
use flow_model::FlowDoc;
use flow_store::memory::MemoryStore;
use flow_store::{PageSize, Snapshot, Store};

use crate::content::Content;
use crate::fixture::create_flow;
use crate::now;

/// What all nodes share, and outlives them.
pub(crate) struct Shared {
    pub(crate) store: Arc<dyn Store>,
    /// The same, where it can be told to fail.
    memory: Option<Arc<MemoryStore>>,
    cache: Arc<MemoryCache>,
    pub(crate) flow: FlowId,
    /// The manual clock, since the beginning.
    pub(crate) elapsed: Duration,
    clock: Arc<ManualClock>,
}

impl Shared {
    pub(crate) fn in_memory() -> Self {
        let memory = Arc::new(MemoryStore::new());
        Self { memory: Some(Arc::clone(&memory)), ..Self::on(memory) }
    }

    pub(crate) fn on(store: Arc<dyn Store>) -> Self {
        let flow = FlowId::generate();
        now(create_flow(&*store, flow));
        let clock = Arc::new(ManualClock::at(Timestamp::UNIX_EPOCH));
        let cache = Arc::new(MemoryCache::new(
            CacheLimits { updates: 30, ..CacheLimits::default() },
            Arc::clone(&clock) as Arc<dyn Clock>,
        ));
        Self { store, memory: None, cache, flow, elapsed: Duration::ZERO, clock }
    }

    pub(crate) fn cache(&self) -> Arc<dyn Cache> {
        Arc::clone(&self.cache) as Arc<dyn Cache>
    }

    /// Whether the store is to fail those who read; answers what it did before.
    pub(crate) fn fail_loads(&self, away: bool) -> bool {
        self.memory.as_ref().is_some_and(|memory| memory.fail_loads(away))
    }

    /// Every update of the log after `after`, as the store has it.
    pub(crate) fn log_after(&self, after: Seq) -> Vec<Bytes> {
        let updates = now(self.store.updates_after(self.flow, after, PageSize::WHOLE));
        updates.expect("the store is there").into_iter().map(|update| update.bytes).collect()
    }

    /// A snapshot holds everything up to its position, and nothing that is not in
    /// the log.
    pub(crate) fn check_snapshot(&self, snapshot: &Snapshot) {
        // The store may be away for rooms; it is not for the test.
        let away = self.fail_loads(false);
        let log = self.log_after(Seq::ZERO);
        self.fail_loads(away);
        let content = Content::of(&snapshot.state);
        let upto = usize::try_from(snapshot.seq.0).expect("a short log");
        assert!(upto <= log.len(), "the snapshot at {} is ahead of the log at {}", snapshot.seq, log.len());
        let mut replayed = FlowDoc::new(None);
        for (at, update) in log.iter().enumerate() {
            if at == upto {
                let missing = content.lacks(&Content::of_doc(&replayed));
                assert_eq!(missing, None, "the snapshot at {} lacks what the log has by then", snapshot.seq);
            }
            replayed.apply_update_v1(update).expect("the log can be replayed");
        }
        let replayed = Content::of_doc(&replayed);
        assert_eq!(replayed.lacks(&content), None, "the snapshot holds what the log does not");
    }

    pub(crate) fn pass(&mut self, time: Duration) {
        self.elapsed += time;
        self.clock.advance_ms(i64::try_from(time.as_millis()).expect("short"));
    }

    /// The cache forgets everything, as it may at any time.
    pub(crate) fn forget(&self) {
        self.cache.clear();
    }
}
