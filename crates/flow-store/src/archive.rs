//! The cold tier: old parts of logs, written once to a place that is cheap and read rarely.
//!
//! An [`Archive`] keeps segments as objects; [`SegmentStore`] knows which segments a log
//! has and moves updates there; a store that was given an archive reads through it
//! ([`ColdTier`]), so whoever reads a log need not know where its updates lie.

use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use flow_base::{FlowId, Seq, Timestamp};

use crate::{BoxError, LogStore, PageSize, REPEATED_WITHIN, StoreError, StoredUpdate};

/// So many of a flow's last updates are never archived: a batch that is repeated is looked
/// for among them, and nodes that are behind read them.
pub const KEPT_UPDATES: u64 = REPEATED_WITHIN.unsigned_abs();
/// A segment has at least so many updates, or [`SEGMENT_BYTES`] of them: each is an object
/// that has to be asked for, and a row that stays.
pub const SEGMENT_UPDATES_LEAST: u64 = 1_000;
/// Of one segment. It is read whole, and in memory then.
pub const SEGMENT_UPDATES_MOST: u32 = 10_000;
/// A segment ends with the update that passes this.
pub const SEGMENT_BYTES: u64 = 4 << 20;

/// For writing or reading one segment. Past it the call fails, retryably.
const ANSWER_WITHIN: Duration = Duration::from_secs(60);

/// A stretch of a flow's log that lies in the archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Segment {
    pub first: Seq,
    pub last: Seq,
    /// The object's name in the archive.
    pub key: String,
    /// Of the object.
    pub sha256: [u8; 32],
    /// Of the object.
    pub bytes: u64,
    pub created_at: Timestamp,
}

/// Why an archive could not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    #[error("the archive could not {action} {key}")]
    Unreachable {
        action: &'static str,
        key: String,
        #[source]
        source: BoxError,
    },
    #[error("the archive did not answer about {key} within {within:?}")]
    Late { key: String, within: Duration },
    #[error("{key} is not in the archive")]
    Missing { key: String },
    #[error("{key} in the archive is damaged")]
    Damaged {
        key: String,
        #[source]
        source: BoxError,
    },
}

impl ArchiveError {
    const fn is_retryable(&self) -> bool {
        matches!(self, Self::Unreachable { .. } | Self::Late { .. })
    }
}

/// Where segments are kept, as objects that are written once and never changed.
#[async_trait]
pub trait Archive: Debug + Send + Sync + 'static {
    /// Writes the updates (some, dense and in order) as one object, reads it back, and
    /// answers what is to be known of it. Once this has answered, the object survives the
    /// death of process and machine. The same updates make the same object, and others
    /// never one of its name, so repeating this is harmless, and so is doing it on two
    /// nodes at once.
    ///
    /// # Errors
    /// [`ArchiveError`]; something may have been written.
    async fn put(
        &self,
        flow: FlowId,
        updates: &[StoredUpdate],
        at: Timestamp,
    ) -> Result<Segment, ArchiveError>;

    /// The updates of a segment, as they were written.
    ///
    /// # Errors
    /// [`ArchiveError`]; whatever is not exactly the object that was written is damaged.
    async fn get(&self, flow: FlowId, segment: &Segment) -> Result<Vec<StoredUpdate>, ArchiveError>;

    /// Removes the objects of a flow that `is_known` does not know and that were written
    /// before `before`: leftovers of attempts that came to nothing. Answers how many.
    ///
    /// # Errors
    /// [`ArchiveError`]; some may have been removed.
    async fn sweep(
        &self,
        flow: FlowId,
        is_known: &(dyn for<'a> Fn(&'a str) -> bool + Sync),
        before: Timestamp,
    ) -> Result<u64, ArchiveError>;
}

/// Which parts of logs lie in the archive.
#[async_trait]
pub trait SegmentStore: Debug + Send + Sync + 'static {
    /// Flows whose logs have so many updates outside of the archive that a segment may be
    /// due, in the order of their ids: at most `limit` after `after`.
    ///
    /// # Errors
    /// [`StoreError::Backend`].
    async fn flows_to_archive(&self, after: Option<FlowId>, limit: u32) -> Result<Vec<FlowId>, StoreError>;

    /// The oldest updates that are not in the archive and may go there together; `None`
    /// when there are too few. They come before the last [`KEPT_UPDATES`] and before
    /// whatever was stored at `before` or later, the stored snapshot has them, and no batch
    /// is divided between them and what is kept.
    ///
    /// # Errors
    /// [`StoreError::UnknownFlow`]; [`StoreError::Damaged`] when one is missing;
    /// [`StoreError::Backend`].
    async fn next_segment(
        &self,
        flow: FlowId,
        before: Timestamp,
    ) -> Result<Option<Vec<StoredUpdate>>, StoreError>;

    /// Notes the segment and removes its updates from the log, in one transaction that
    /// holds the flow's head; answers `false`, and changes nothing, when they are not the
    /// next ones of the log or not exactly these any more.
    ///
    /// # Errors
    /// [`StoreError::UnknownFlow`]; [`StoreError::Backend`], after which it may have been
    /// done.
    async fn archive(
        &self,
        flow: FlowId,
        segment: &Segment,
        updates: &[StoredUpdate],
    ) -> Result<bool, StoreError>;

    /// At most `limit` segments that end after `after`, in order.
    ///
    /// # Errors
    /// [`StoreError::Backend`].
    async fn segments(&self, flow: FlowId, after: Seq, limit: u32) -> Result<Vec<Segment>, StoreError>;

    /// Puts the updates of the flow's last segment back into its log and forgets the
    /// segment, in one transaction; answers which it was, `None` when there was none. The
    /// object stays until somebody sweeps.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] and [`StoreError::Backend`] as what is archived is read.
    async fn bring_back(&self, flow: FlowId) -> Result<Option<Segment>, StoreError>;
}

/// What is due of `updates`, of which the store had as many as fit a segment: those
/// before the first that was stored at `before` or later, if they are enough.
#[must_use]
pub fn due(mut updates: Vec<StoredUpdate>, before: Timestamp) -> Option<Vec<StoredUpdate>> {
    let old = updates.iter().take_while(|update| update.created_at < before).count();
    updates.truncate(old);
    let bytes: u64 = updates.iter().map(|update| update.bytes.len() as u64).sum();
    let are_enough = updates.len() as u64 >= SEGMENT_UPDATES_LEAST || bytes >= SEGMENT_BYTES;
    are_enough.then_some(updates)
}

/// The archive as a store reads through it; perhaps none.
#[derive(Debug, Clone, Default)]
pub struct ColdTier(Option<Arc<dyn Archive>>);

#[derive(Debug, thiserror::Error)]
#[error("{key} holds a part of its log, and no archive is configured")]
struct NoArchive {
    key: String,
}

impl ColdTier {
    #[must_use]
    pub fn new(archive: Arc<dyn Archive>) -> Self {
        Self(Some(archive))
    }

    /// All updates of the segment.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] when the object is, or is gone; [`StoreError::Backend`] when
    /// it cannot be had, retryable unless there is no archive.
    pub async fn read(&self, flow: FlowId, segment: &Segment) -> Result<Vec<StoredUpdate>, StoreError> {
        const READ: &str = "read the archive";
        let Some(archive) = &self.0 else {
            let source = Box::new(NoArchive { key: segment.key.clone() });
            return Err(StoreError::Backend { action: READ, retryable: false, source });
        };
        let late = || ArchiveError::Late { key: segment.key.clone(), within: ANSWER_WITHIN };
        let read = tokio::time::timeout(ANSWER_WITHIN, archive.get(flow, segment)).await;
        read.unwrap_or_else(|_| Err(late())).map_err(|error| match error.is_retryable() {
            true => StoreError::Backend { action: READ, retryable: true, source: Box::new(error) },
            false => StoreError::Damaged {
                flow,
                what: "a part of the log cannot be read from the archive",
                source: Some(Box::new(error)),
            },
        })
    }

    /// As much as fits `page` of the segment's updates after `after` up to `last`.
    ///
    /// # Errors
    /// As [`ColdTier::read`].
    pub async fn page(
        &self,
        flow: FlowId,
        segment: &Segment,
        (after, last): (Seq, Seq),
        page: PageSize,
    ) -> Result<Vec<StoredUpdate>, StoreError> {
        let mut updates = self.read(flow, segment).await?;
        updates.retain(|update| update.seq > after && update.seq <= last);
        page.cut(&mut updates, |update| update.bytes.len());
        Ok(updates)
    }
}

/// Everything after `after` of a flow whose first updates, up to `archived`, lie in the
/// archive: those, and then the `tail` that does not.
///
/// # Errors
/// As [`LogStore::updates_after`].
pub async fn with_archived(
    store: &dyn LogStore,
    flow: FlowId,
    after: Seq,
    archived: Seq,
    tail: Vec<StoredUpdate>,
) -> Result<Vec<StoredUpdate>, StoreError> {
    const PAGE: PageSize = PageSize { updates: SEGMENT_UPDATES_MOST, bytes: u64::MAX };
    let mut updates = Vec::new();
    let mut read = after;
    while read < archived {
        let mut page = store.updates_after(flow, read, PAGE).await?;
        page.retain(|update| update.seq <= archived);
        let last = page.last().map(|update| update.seq);
        read = last.ok_or(StoreError::Damaged { flow, what: "the log has a hole", source: None })?;
        updates.append(&mut page);
    }
    updates.extend(tail);
    Ok(updates)
}
