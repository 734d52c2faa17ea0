//! Removing for good what was deleted long ago.
//!
//! A purge begins with one transaction, after which the flow is one that was never created,
//! and goes on in parts, so that no transaction is long however large the flow is. What is
//! begun is known until it is ended, which is when nothing of the flow is left in the
//! archive either: a crash at any point leaves a purge that anybody can go on with.

use std::fmt::Debug;

use async_trait::async_trait;
use flow_base::{FlowId, Timestamp};

use crate::{Origin, StoreError};

/// Rows that one part removes at most.
pub const PURGED_ROWS: u32 = 1_000;
/// A part ends with the row that passes this: the database writes as much once more.
pub const PURGED_BYTES: u64 = 16 << 20;

/// A flow that is being removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Purge {
    pub flow: FlowId,
    pub began_at: Timestamp,
    /// Parts of its log lay in the archive.
    pub has_archive: bool,
    /// The database has nothing of it any more but this.
    pub is_emptied: bool,
}

/// What came of removing a part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PurgePart {
    /// A part is gone; there may be more.
    More,
    /// Nothing is left in the database.
    Emptied,
    /// Nothing was done: somebody else is at it, or no such purge goes on.
    NotOurs,
}

/// The end of flows. Several nodes may call all of this at once.
#[async_trait]
pub trait PurgeStore: Debug + Send + Sync + 'static {
    /// Begins to remove the flow that was deleted first, if that was at `deleted_before` or
    /// earlier, and records it, in one transaction; answers which, `None` when there is none
    /// that nobody else is about to take. From then on it cannot be restored, nothing is
    /// added to it, and its name is gone; to whoever reads its log, or looks after it, there
    /// is no such flow. Of a restore at the same moment and this, one wins.
    ///
    /// # Errors
    /// [`StoreError::Backend`].
    async fn begin_purge(&self, deleted_before: Timestamp, by: &Origin)
    -> Result<Option<FlowId>, StoreError>;

    /// Removes a part of what is stored of the flow: at most [`PURGED_ROWS`] rows of one
    /// kind, and about [`PURGED_BYTES`]. With the last part the workspace's usage is without
    /// the flow.
    ///
    /// # Errors
    /// [`StoreError::Backend`].
    async fn purge_part(&self, flow: FlowId) -> Result<PurgePart, StoreError>;

    /// The purges that have not ended, in the order of their flows' ids: at most `limit`
    /// after `after`.
    ///
    /// # Errors
    /// [`StoreError::Backend`].
    async fn purges(&self, after: Option<FlowId>, limit: u32) -> Result<Vec<Purge>, StoreError>;

    /// Forgets the purge of a flow of which nothing is left, anywhere; answers whether there
    /// was one and the database had nothing of the flow.
    ///
    /// # Errors
    /// [`StoreError::Backend`].
    async fn end_purge(&self, flow: FlowId) -> Result<bool, StoreError>;
}
