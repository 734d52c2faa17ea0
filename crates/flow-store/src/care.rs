//! Looking after logs: what the tools need that verify, repair and measure them.
//!
//! Servers never call this. [`LogStore`](crate::LogStore) refuses what is damaged;
//! here it is shown as it is, so that somebody can say what is wrong and mend it.

use std::fmt::Debug;

use async_trait::async_trait;
use bytes::Bytes;
use flow_base::{ActorId, BatchId, FlowId, Seq, Timestamp};

use crate::{StoreError, StoredUpdate};

/// A v1 update that says nothing: no structs, no deletions.
pub const EMPTY_UPDATE: Bytes = Bytes::from_static(&[0, 0]);

/// What is stored beside a flow's updates, as of one moment and unchecked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogStand {
    /// What the head says: the position that the next update comes after.
    pub head: Seq,
    /// The greatest position that has an update, in the archive or not; 0 when none has.
    pub last: Seq,
    /// The last position whose update lies in the archive; 0 when none does.
    pub archived: Seq,
    /// What is counted as the bytes of all updates.
    pub log_bytes: u64,
    pub snapshot: Option<RawSnapshot>,
    /// The position that name, description and tags are said to reflect.
    pub projected: Seq,
}

/// A snapshot as its row has it. The envelope may name another position, or be no envelope.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RawSnapshot {
    pub seq: Seq,
    pub envelope: Bytes,
}

/// An update as its row has it. The bytes may be anything.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RawUpdate {
    pub seq: Seq,
    pub bytes: Bytes,
}

impl From<StoredUpdate> for RawUpdate {
    fn from(update: StoredUpdate) -> Self {
        Self { seq: update.seq, bytes: update.bytes }
    }
}

/// How much one page of a log may have.
#[derive(Debug, Clone, Copy)]
pub struct PageSize {
    /// At least 1.
    pub updates: u32,
    /// A page ends with the update that passes this, so that it has one at least.
    pub bytes: u64,
}

impl PageSize {
    /// Without bounds.
    pub const WHOLE: Self = Self { updates: u32::MAX, bytes: u64::MAX };

    /// Cuts off what does not fit a page.
    pub fn cut<T>(self, updates: &mut Vec<T>, length: impl Fn(&T) -> usize) {
        let (mut count, mut bytes) = (0, 0);
        for update in &*updates {
            if count > 0 && (count >= self.updates || bytes >= self.bytes) {
                break;
            }
            count += 1;
            bytes += length(update) as u64;
        }
        updates.truncate(usize::try_from(count).unwrap_or(usize::MAX));
    }
}

/// What puts a flow's log in order: all of it or, if the log has moved, nothing.
#[derive(Debug, Clone)]
pub struct Mending {
    pub flow: FlowId,
    /// The head when the log was looked at.
    pub head: Seq,
    /// The position in the snapshot's row then; `None` when there was none.
    pub snapshot: Option<Seq>,
    pub at: Timestamp,
    /// In order, each position once.
    pub cures: Vec<Cure>,
    /// Why the snapshot cannot be trusted. With `None` it is sound, and needs not be kept.
    pub distrust: Option<String>,
    /// What goes into the log behind everything else: [`EMPTY_UPDATE`] if nothing. There
    /// is always one, because caches know a log by its last batch, and this is another.
    pub appended: Bytes,
    /// Where, which is the head from then on.
    pub last: Seq,
    /// The bytes of all updates, this one included.
    pub log_bytes: u64,
    /// The whole document after `last`, as a Yjs update: the snapshot from then on.
    pub state: Bytes,
}

impl Mending {
    /// Whether it is for nothing that lies in the archive, which ends with `archived`.
    #[must_use]
    pub fn is_of_the_log(&self, archived: Seq) -> bool {
        self.cures.iter().all(|cure| cure.seq > archived)
    }
}

/// What becomes of one position of a log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cure {
    pub seq: Seq,
    /// Why what is there, if anything is, goes into the quarantine.
    pub reason: String,
    /// What takes its place.
    pub put: Bytes,
}

/// Something that was taken out of a log, or a snapshot that was distrusted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quarantined {
    /// Grows with time.
    pub id: u64,
    /// Of the update, or the one that the snapshot's row named.
    pub seq: Seq,
    pub kind: QuarantinedKind,
    /// When it was stored.
    pub created_at: Timestamp,
    pub bytes: Bytes,
    pub reason: String,
    pub quarantined_at: Timestamp,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum QuarantinedKind {
    Update {
        batch: BatchId,
        actor: ActorId,
    },
    /// The bytes are its envelope.
    Snapshot,
}

/// The logs as they are, sound or not, and the one way to change what they say.
#[async_trait]
pub trait LogCare: Debug + Send + Sync + 'static {
    /// The flows that were ever created, deleted ones included until they are purged, in the
    /// order of their ids: at most `limit` after `after`.
    ///
    /// # Errors
    /// [`StoreError::Backend`].
    async fn flow_ids(&self, after: Option<FlowId>, limit: u32) -> Result<Vec<FlowId>, StoreError>;

    /// Where the flow stands; `None` when it has no log. An update at or before
    /// `head` at that moment never changes but by [`LogCare::mend`], so what is read later
    /// of those is still of that moment.
    ///
    /// # Errors
    /// [`StoreError::Backend`].
    async fn stand(&self, flow: FlowId) -> Result<Option<LogStand>, StoreError>;

    /// The first updates with `after < seq <= last` that are there, in order: as many as
    /// fit the page and lie together, and at least one if any is left. Holes are simply not
    /// in it.
    ///
    /// # Errors
    /// [`StoreError::Backend`], and [`StoreError::Damaged`] where a part of the log in the
    /// archive cannot be read: all of it is missing then, which is no hole.
    async fn raw_updates(
        &self,
        flow: FlowId,
        after: Seq,
        last: Seq,
        page: PageSize,
    ) -> Result<Vec<RawUpdate>, StoreError>;

    /// Carries out a mending in one transaction that holds the flow's head: puts the cures
    /// in place, appends, replaces the snapshot, corrects the head and the count, and
    /// takes back the projection where it is ahead. What is taken out goes into
    /// the quarantine; an update that takes the place of another keeps its batch, so that
    /// batch is still known as stored. Answers `false`, and changes nothing, when
    /// the head or the snapshot are not those that the mending is for, or one of the cures is
    /// for what lies in the archive: bring that back first.
    ///
    /// # Errors
    /// [`StoreError::UnknownFlow`]; [`StoreError::Backend`].
    async fn mend(&self, mending: &Mending) -> Result<bool, StoreError>;

    /// What was taken out of the flow's log, oldest first: at most `limit` with an id
    /// above `after`.
    ///
    /// # Errors
    /// [`StoreError::Backend`].
    async fn quarantine(&self, flow: FlowId, after: u64, limit: u32) -> Result<Vec<Quarantined>, StoreError>;
}
