use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use flow_base::{Clock, FlowId, Seq, Timestamp};

use crate::{Cache, CachedFlow, CachedSnapshot, ClusterError, LogSlice, LoggedUpdate};

/// Bounds of a [`MemoryCache`].
#[derive(Debug, Clone, Copy)]
pub struct CacheLimits {
    /// Of all flows together; the least recently used flow goes first.
    pub bytes: usize,
    /// The newest updates kept of one flow.
    pub updates: usize,
    /// A flow that nobody has asked for or written to for so long is forgotten.
    pub ttl_seconds: i64,
}

impl Default for CacheLimits {
    fn default() -> Self {
        Self { bytes: 64 << 20, updates: 1_000, ttl_seconds: 3_600 }
    }
}

/// The hot tier in this process's memory.
#[derive(Debug)]
pub struct MemoryCache {
    limits: CacheLimits,
    clock: Arc<dyn Clock>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    flows: HashMap<FlowId, Kept>,
    /// By when they were last used, to find the oldest.
    uses: BTreeMap<u64, FlowId>,
    next_use: u64,
    bytes: usize,
}

#[derive(Debug)]
struct Kept {
    snapshot: Option<CachedSnapshot>,
    /// Also some that the snapshot has: they name its batch.
    updates: BTreeMap<Seq, LoggedUpdate>,
    bytes: usize,
    used: u64,
    used_at: Timestamp,
}

/// What an update takes beside its bytes, about.
const ENTRY_BYTES: usize = 64;

impl MemoryCache {
    #[must_use]
    pub fn new(limits: CacheLimits, clock: Arc<dyn Clock>) -> Self {
        Self { limits, clock, state: Mutex::default() }
    }

    /// Forgets everything, as a cache may at any time.
    pub fn clear(&self) {
        *self.lock() = State::default();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // What a panic could leave half done here is a count of bytes.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change(&self, flow: FlowId, change: impl FnOnce(&mut Kept)) {
        let now = self.clock.now();
        let mut state = self.lock();
        state.use_flow(flow, now);
        let Some(kept) = state.flows.get_mut(&flow) else { return };
        let before = kept.bytes;
        change(kept);
        kept.trim(self.limits.updates);
        let after = kept.bytes;
        state.bytes = state.bytes + after - before;
        state.evict(&self.limits, now);
    }

    fn read<T>(&self, flow: FlowId, read: impl FnOnce(&Kept) -> T) -> Option<T> {
        let now = self.clock.now();
        let mut state = self.lock();
        state.evict(&self.limits, now);
        state.flows.contains_key(&flow).then(|| state.use_flow(flow, now));
        state.flows.get(&flow).map(read)
    }
}

impl State {
    fn use_flow(&mut self, flow: FlowId, now: Timestamp) {
        let used = self.next_use;
        self.next_use += 1;
        let fresh = || Kept { snapshot: None, updates: BTreeMap::new(), bytes: 0, used, used_at: now };
        let kept = self.flows.entry(flow).or_insert_with(fresh);
        self.uses.remove(&kept.used);
        (kept.used, kept.used_at) = (used, now);
        self.uses.insert(used, flow);
    }

    /// Lets go of what is past its time, then of what is too much.
    fn evict(&mut self, limits: &CacheLimits, now: Timestamp) {
        while let Some((&used, flow)) = self.uses.first_key_value() {
            let Some(kept) = self.flows.get(flow) else { break };
            let expired = now.duration_since(kept.used_at).as_secs() >= limits.ttl_seconds;
            if !expired && self.bytes <= limits.bytes {
                break;
            }
            self.bytes -= kept.bytes;
            self.flows.remove(flow);
            self.uses.remove(&used);
        }
    }
}

impl Kept {
    fn insert(&mut self, seq: Seq, update: &LoggedUpdate) {
        self.bytes += update.bytes.len() + ENTRY_BYTES;
        if let Some(before) = self.updates.insert(seq, update.clone()) {
            self.bytes -= before.bytes.len() + ENTRY_BYTES;
        }
    }

    fn put_snapshot(&mut self, snapshot: &CachedSnapshot) {
        let before = self.snapshot.as_ref();
        if before.is_some_and(|kept| kept.seq > snapshot.seq) {
            return;
        }
        self.bytes -= before.map_or(0, |kept| kept.state.len());
        self.bytes += snapshot.state.len();
        self.snapshot = Some(snapshot.clone());
    }

    /// The oldest updates go first: those after them can still fill a gap.
    fn trim(&mut self, updates_max: usize) {
        while self.updates.len() > updates_max {
            if let Some((_, update)) = self.updates.pop_first() {
                self.bytes -= update.bytes.len() + ENTRY_BYTES;
            }
        }
    }

    fn after(&self, seq: Seq, limit: usize) -> LogSlice {
        let mut slice = LogSlice::empty_after(seq);
        for (&at, update) in self.updates.range(seq.next()..).take(limit) {
            if at != slice.last().next() {
                break;
            }
            slice.updates.push(update.clone());
        }
        slice
    }
}

#[async_trait]
impl Cache for MemoryCache {
    async fn load(&self, flow: FlowId) -> Result<Option<CachedFlow>, ClusterError> {
        let loaded = self.read(flow, |kept| {
            let from = kept.snapshot.as_ref().map_or(Seq::ZERO, |snapshot| snapshot.seq);
            let tail = kept.after(from, usize::MAX);
            let whole = kept.snapshot.is_some() || !tail.updates.is_empty();
            let snapshot = kept.snapshot.clone().map(|snapshot| {
                let batch = kept.updates.get(&snapshot.seq).map(|update| update.batch);
                CachedSnapshot { batch: snapshot.batch.or(batch), ..snapshot }
            });
            whole.then_some(CachedFlow { snapshot, tail })
        });
        Ok(loaded.flatten())
    }

    async fn updates_after(&self, flow: FlowId, after: Seq, limit: usize) -> Result<LogSlice, ClusterError> {
        Ok(self.read(flow, |kept| kept.after(after, limit)).unwrap_or(LogSlice::empty_after(after)))
    }

    async fn push(&self, flow: FlowId, slice: &LogSlice) -> Result<(), ClusterError> {
        self.change(flow, |kept| {
            for (seq, update) in slice.iter() {
                kept.insert(seq, update);
            }
        });
        Ok(())
    }

    async fn put_snapshot(&self, flow: FlowId, snapshot: &CachedSnapshot) -> Result<(), ClusterError> {
        self.change(flow, |kept| kept.put_snapshot(snapshot));
        Ok(())
    }

    async fn replace(&self, flow: FlowId, whole: &CachedFlow) -> Result<(), ClusterError> {
        self.change(flow, |kept| {
            (kept.snapshot, kept.updates, kept.bytes) = (None, BTreeMap::new(), 0);
            if let Some(snapshot) = &whole.snapshot {
                kept.put_snapshot(snapshot);
            }
            for (seq, update) in whole.tail.iter() {
                kept.insert(seq, update);
            }
        });
        Ok(())
    }
}

#[cfg(test)]
mod tests;
