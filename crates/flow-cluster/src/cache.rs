use std::fmt::Debug;

use async_trait::async_trait;
use bytes::Bytes;
use flow_base::{BatchId, FlowId, Seq};

use crate::{ClusterError, LogSlice};

/// The hot tier: the newest snapshot of a flow and its last updates.
///
/// It holds only what has been committed, forgets at will, and may lag behind the
/// log. Whoever opens a flow from it compares its last position and batch with the
/// head in the store, and replaces what is kept where they differ: behind a database
/// that was restored from a backup the cache may hold another history.
#[async_trait]
pub trait Cache: Debug + Send + Sync + 'static {
    /// What is kept of the flow; `None` when that is not a whole document.
    ///
    /// # Errors
    /// [`ClusterError`]; read the store.
    async fn load(&self, flow: FlowId) -> Result<Option<CachedFlow>, ClusterError>;

    /// The updates that follow `after` without a hole, as far as they are kept, at
    /// most `limit`; empty when the next one is not.
    ///
    /// # Errors
    /// [`ClusterError`]; read the store.
    async fn updates_after(&self, flow: FlowId, after: Seq, limit: usize) -> Result<LogSlice, ClusterError>;

    /// Keeps committed updates. Slices may come in any order and again.
    ///
    /// # Errors
    /// [`ClusterError`]; they were perhaps not kept.
    async fn push(&self, flow: FlowId, slice: &LogSlice) -> Result<(), ClusterError>;

    /// Keeps a snapshot that has been stored, unless a newer one is kept.
    ///
    /// # Errors
    /// [`ClusterError`]; it was perhaps not kept.
    async fn put_snapshot(&self, flow: FlowId, snapshot: &CachedSnapshot) -> Result<(), ClusterError>;

    /// Forgets whatever is kept of the flow and keeps this.
    ///
    /// # Errors
    /// [`ClusterError`]; either may be kept.
    async fn replace(&self, flow: FlowId, whole: &CachedFlow) -> Result<(), ClusterError>;
}

/// The document after every update up to `seq`, and perhaps some later ones.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CachedSnapshot {
    pub seq: Seq,
    /// Of the update at `seq`, where it is known.
    pub batch: Option<BatchId>,
    /// Yjs update, v1 encoding, of the whole document.
    pub state: Bytes,
}

/// A whole document, as new as the cache has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CachedFlow {
    /// `None` when every update from the first on is kept.
    pub snapshot: Option<CachedSnapshot>,
    pub tail: LogSlice,
}

impl CachedFlow {
    /// The batch of its last position, where it is known.
    #[must_use]
    pub fn batch(&self) -> Option<BatchId> {
        let last = self.tail.updates.last().map(|update| update.batch);
        last.or_else(|| self.snapshot.as_ref().and_then(|snapshot| snapshot.batch))
    }
}
