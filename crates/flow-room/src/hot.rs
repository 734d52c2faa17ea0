//! A flow's hot tier, as its room uses it.
//!
//! The cache is never believed: a flow is opened from it only where its last update is
//! the store's last, of the same batch. Where it is not, what is kept is replaced by what
//! the store has, because it may be another history: of a database that was restored from
//! a backup beside a cache that was not emptied. Until it is known to be this history,
//! nothing is read from it and nothing added to it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use flow_base::{FlowId, Seq};
use flow_cluster::{Cache, CachedFlow, CachedSnapshot, ClusterError, LogSlice};
use flow_store::{LogHead, LogStore, PageSize, Snapshot, StoreError};
use tokio::time::timeout;

use crate::load::{Examined, LoadError, ReadFlow, examine, slice_after, stored};
use crate::measures;

#[derive(Debug)]
pub struct HotTier {
    flow: FlowId,
    cache: Arc<dyn Cache>,
    /// What is kept is of the store's history.
    is_ours: AtomicBool,
    /// The flow was opened from the cache.
    was_hit: AtomicBool,
    /// The last question failed: that is said once.
    failing: AtomicBool,
}

/// A cache that takes longer to read is not worth waiting for: the store has it too.
const READ_WITHIN: Duration = Duration::from_secs(1);
/// Of a log at a time; a single update may have more.
const READ_BYTES: u64 = 8 << 20;
/// A whole document is larger.
const WRITE_WITHIN: Duration = Duration::from_secs(5);

impl HotTier {
    #[must_use]
    pub fn new(flow: FlowId, cache: Arc<dyn Cache>) -> Self {
        let [is_ours, was_hit, failing] = [(); 3].map(|()| AtomicBool::new(false));
        Self { flow, cache, is_ours, was_hit, failing }
    }

    /// Reads the flow: from the cache when that has all of it, from the store otherwise.
    ///
    /// # Errors
    /// [`LoadError`]. A cache that fails is not needed; a store that fails is.
    pub async fn read(&self, store: &dyn LogStore) -> Result<ReadFlow, LoadError> {
        if let Some(cached) = self.ask(READ_WITHIN, self.cache.load(self.flow)).await.flatten() {
            let head = self.head(store).await?;
            if cached.batch().is_some() && (cached.tail.last(), cached.batch()) == (head.seq, head.batch) {
                measures::cache("flow", "hit");
                self.is_ours.store(true, Ordering::Relaxed);
                self.was_hit.store(true, Ordering::Relaxed);
                let snapshot = cached.snapshot.map(|snapshot| (snapshot.seq, snapshot.state));
                return Ok(ReadFlow { snapshot, tail: cached.tail });
            }
        }
        measures::cache("flow", "miss");
        self.read_stored(store).await
    }

    /// Reads the flow and looks through it. What the cache has may be no document,
    /// whatever it says of itself: then the store has it.
    ///
    /// # Errors
    /// As [`HotTier::read`].
    pub async fn examine(&self, store: &dyn LogStore) -> Result<Examined, LoadError> {
        match examine(self.flow, self.read(store).await?).await {
            Err(LoadError::Damaged { seq, .. }) if self.was_hit.load(Ordering::Relaxed) => {
                tracing::error!(flow = %self.flow, %seq, "the cache holds what is no document; reading the store");
                examine(self.flow, self.read_stored(store).await?).await
            }
            examined => examined,
        }
    }

    /// What was examined could not be built after all. If it came from the cache, that is
    /// replaced, so that whoever comes next opens what the store has.
    pub(crate) async fn distrust(&self, store: &dyn LogStore) {
        if self.was_hit.load(Ordering::Relaxed) {
            let read = self.read_stored(store).await;
            if let Err(error) = read {
                let error = &error as &dyn std::error::Error;
                tracing::warn!(flow = %self.flow, error, "could not replace what the cache holds");
            }
        }
    }

    async fn read_stored(&self, store: &dyn LogStore) -> Result<ReadFlow, LoadError> {
        let read = ReadFlow::from(stored(store, self.flow).await?);
        let mut snapshot = None;
        if let Some((seq, state)) = read.snapshot.clone() {
            // Without an update behind it only the store knows its batch.
            let head = if read.tail.updates.is_empty() { Some(self.head(store).await?) } else { None };
            let batch = head.filter(|head| head.seq == seq).and_then(|head| head.batch);
            snapshot = Some(CachedSnapshot { seq, batch, state });
        }
        self.replace(&CachedFlow { snapshot, tail: read.tail.clone() }).await;
        Ok(read)
    }

    /// The next stored updates, at most `limit`: from the cache if it has some.
    ///
    /// # Errors
    /// As [`LogStore::updates_after`]; a cache that fails is not needed.
    pub async fn updates_after(
        &self,
        store: &dyn LogStore,
        after: Seq,
        limit: usize,
    ) -> Result<LogSlice, StoreError> {
        if self.is_ours.load(Ordering::Relaxed)
            && let Some(slice) =
                self.ask(READ_WITHIN, self.cache.updates_after(self.flow, after, limit)).await
            && !slice.updates.is_empty()
        {
            measures::cache("updates", "hit");
            return Ok(slice);
        }
        measures::cache("updates", "miss");
        let updates = u32::try_from(limit).unwrap_or(u32::MAX);
        let page = PageSize { updates, bytes: READ_BYTES };
        let updates = store.updates_after(self.flow, after, page).await?;
        Ok(slice_after(after, updates))
    }

    /// Keeps committed updates.
    ///
    /// # Errors
    /// [`ClusterError`]; they were perhaps not kept.
    pub async fn push(&self, slice: &LogSlice) -> Result<(), ClusterError> {
        if !self.is_ours.load(Ordering::Relaxed) {
            return Ok(());
        }
        within(WRITE_WITHIN, self.cache.push(self.flow, slice)).await
    }

    /// Keeps a snapshot that has been stored.
    pub async fn put_snapshot(&self, snapshot: Snapshot) {
        let Snapshot { seq, state } = snapshot;
        let snapshot = CachedSnapshot { seq, batch: None, state };
        if self.is_ours.load(Ordering::Relaxed) {
            self.ask(WRITE_WITHIN, self.cache.put_snapshot(self.flow, &snapshot)).await;
        } else {
            // It was away when the flow was opened, and may hold anything.
            self.replace(&CachedFlow { snapshot: Some(snapshot), tail: LogSlice::empty_after(seq) }).await;
        }
    }

    async fn replace(&self, whole: &CachedFlow) {
        let replaced = self.ask(WRITE_WITHIN, self.cache.replace(self.flow, whole)).await;
        self.is_ours.store(replaced.is_some(), Ordering::Relaxed);
    }

    async fn head(&self, store: &dyn LogStore) -> Result<LogHead, LoadError> {
        let head = store.head(self.flow).await;
        let head = head.map_err(|source| LoadError::Store { flow: self.flow, source })?;
        head.ok_or(LoadError::Missing(self.flow))
    }

    /// What the cache said, or nothing: the store has it too.
    async fn ask<T>(
        &self,
        limit: Duration,
        answer: impl Future<Output = Result<T, ClusterError>>,
    ) -> Option<T> {
        let answer = within(limit, answer).await;
        match &answer {
            Ok(_) => self.failing.store(false, Ordering::Relaxed),
            Err(error) => {
                measures::cache("any", "failed");
                if !self.failing.swap(true, Ordering::Relaxed) {
                    let error = error as &dyn std::error::Error;
                    tracing::warn!(flow = %self.flow, error, "the cache failed; going on without it");
                }
            }
        }
        answer.ok()
    }
}

async fn within<T>(
    limit: Duration,
    answer: impl Future<Output = Result<T, ClusterError>>,
) -> Result<T, ClusterError> {
    let late = |elapsed: tokio::time::error::Elapsed| ClusterError {
        what: "ask the cache in time",
        source: elapsed.into(),
    };
    timeout(limit, answer).await.unwrap_or_else(|elapsed| Err(late(elapsed)))
}
