use std::collections::HashSet;
use std::fmt::Debug;

use async_trait::async_trait;
use bytes::Bytes;
use flow_base::{ActorId, BatchId, Credential, FlowId, Seq, SeqRange, Timestamp, UserId};

use crate::{Conflict, PageSize, StoreError};

/// The largest Yjs client id there is: clients are JavaScript, whose numbers are
/// exact up to here.
pub const CLIENT_ID_MAX: u64 = (1 << 53) - 1;

/// A batch that is repeated is known again while so few updates were stored after it.
/// Rooms repeat only the batch they have in flight, so it is among the last ones.
pub const REPEATED_WITHIN: i64 = 1_000;

/// An update on its way into the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewUpdate {
    /// Who delivered it, which is not always who wrote it: see [`Writer`].
    pub actor: ActorId,
    /// Yjs update, v1 encoding.
    pub bytes: Bytes,
}

/// A Yjs client id and the user under whose sign-in it wrote first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Writer {
    pub client_id: u64,
    pub user: UserId,
}

/// Updates of one flow that are appended together or not at all.
#[derive(Debug, Clone)]
pub struct FlowBatch {
    pub flow: FlowId,
    /// The same for every repetition of this batch, and for no other.
    pub batch: BatchId,
    pub at: Timestamp,
    /// In order; at least one.
    pub updates: Vec<NewUpdate>,
    /// Client ids that the room saw for the first time. Known ones are kept as
    /// they are: the first writer stays the author.
    pub writers: Vec<Writer>,
}

impl FlowBatch {
    /// What can be said about the batches of one append without looking at the
    /// store, one answer for each: [`Conflict::FlowTwice`],
    /// [`Conflict::EmptyBatch`], [`Conflict::ClientIdTooLarge`]. Every store asks
    /// this before it writes, and writes none that it refuses.
    #[must_use]
    pub fn check_all(batches: &[Self]) -> Vec<Result<(), Conflict>> {
        let mut flows = HashSet::with_capacity(batches.len());
        let check = |batch: &Self| {
            if !flows.insert(batch.flow) {
                return Err(Conflict::FlowTwice);
            }
            batch.check()
        };
        batches.iter().map(check).collect()
    }

    fn check(&self) -> Result<(), Conflict> {
        if self.updates.is_empty() {
            return Err(Conflict::EmptyBatch);
        }
        if self.writers.iter().any(|writer| writer.client_id > CLIENT_ID_MAX) {
            return Err(Conflict::ClientIdTooLarge);
        }
        Ok(())
    }
}

/// An update as the log has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredUpdate {
    pub seq: Seq,
    pub batch: BatchId,
    pub actor: ActorId,
    pub created_at: Timestamp,
    pub bytes: Bytes,
}

impl StoredUpdate {
    /// Whether these are what a page of the updates after `after` up to `last` has: in
    /// order, without holes, and going as far as fits the page.
    #[must_use]
    pub fn are_page(updates: &[Self], (after, last): (Seq, Seq), page: PageSize) -> bool {
        let is_dense = (after.0 + 1..).zip(updates).all(|(seq, update)| update.seq.0 == seq);
        let bytes: u64 = updates.iter().map(|update| update.bytes.len() as u64).sum();
        let is_full = updates.len() as u64 >= u64::from(page.updates) || bytes >= page.bytes;
        is_dense && (after.0 + updates.len() as u64 >= last.0 || is_full && !updates.is_empty())
    }
}

/// The document as it is after every update from 1 to `seq`, and perhaps some
/// later ones, all of which were committed before it was published.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    pub seq: Seq,
    /// Yjs update, v1 encoding, of the whole document.
    pub state: Bytes,
}

/// What it takes to open a flow: the newest snapshot and every update after it,
/// read as of one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredFlow {
    pub head: Seq,
    pub snapshot: Option<Snapshot>,
    /// `snapshot.seq + 1 ..= head`, dense and in order.
    pub tail: Vec<StoredUpdate>,
}

/// Where a flow's log and its access rules stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FlowRevision {
    pub flow: FlowId,
    pub head: Seq,
    /// Raised with every change of who may do what, deletion included.
    pub access_rev: u64,
}

/// Where a flow's log ends, and in which history.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogHead {
    pub seq: Seq,
    /// The batch that the newest update came with; `None` while there is no update. The
    /// log only grows, so who has an update of this batch at this position has all before
    /// it as well, even where a database was restored from a backup.
    pub batch: Option<BatchId>,
}

/// How large what is stored of a flow has become.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LogGrowth {
    /// Updates in the log, which is the position of the last.
    pub updates: u64,
    /// Their bytes, without what the database adds.
    pub update_bytes: u64,
    /// So many of them lie in the archive.
    pub archived_updates: u64,
    /// The newest snapshot; 0 before the first.
    pub snapshot_bytes: u64,
}

/// The answer to [`LogStore::revisions`].
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Revisions {
    /// One per known flow that was asked for.
    pub flows: Vec<FlowRevision>,
    /// Those of the sign-ins and keys asked for that are revoked, expired or unknown.
    pub ended: Vec<Credential>,
}

/// The append-only log of every flow, and the snapshots that shorten reading it.
#[async_trait]
pub trait LogStore: Debug + Send + Sync + 'static {
    /// Appends each flow's updates in order, durably, and answers one result
    /// per batch, in the order given: the positions its updates were given.
    ///
    /// `seq` is dense per flow and assigned here and nowhere else. A batch that
    /// is already stored, among the last [`REPEATED_WITHIN`] updates of its flow, is
    /// answered with its positions again and stores nothing, so callers may repeat
    /// it after an error or a timeout. One flow's
    /// failure leaves the other flows' batches unharmed. `Ok` means that the
    /// updates survive the death of process and machine.
    ///
    /// At most one batch per flow may be given in one call: which of two failed
    /// could not be said without storing the later before the earlier. Further
    /// ones are refused.
    ///
    /// A flow whose log somebody else holds (another node's append, a mending)
    /// fails, retryably, within about a second; the others do not wait longer.
    ///
    /// Not cancel safe: a dropped call may or may not have stored its batches;
    /// repeat it.
    ///
    /// # Errors
    /// Per batch: [`StoreError::UnknownFlow`] when the flow was never created (a
    /// deleted one still takes updates); [`StoreError::Conflict`] as
    /// [`FlowBatch::check_all`] says; [`StoreError::Backend`] when the outcome is unknown, so acknowledge nothing.
    async fn append(&self, batches: &[FlowBatch]) -> Vec<Result<SeqRange, StoreError>>;

    /// Everything needed to open the flow, read as of one moment; `None` when
    /// it was never created. A deleted flow still loads.
    ///
    /// # Errors
    /// [`StoreError::Backend`], and [`StoreError::Damaged`] when the tail has a
    /// hole or the snapshot cannot be read or is ahead of the log. Neither means that the flow is empty.
    /// Without a snapshot all of the log is read, and the archive's failures are the flow's.
    async fn load(&self, flow: FlowId) -> Result<Option<StoredFlow>, StoreError>;

    /// Where the flow's log ends; `None` when the flow was never created.
    ///
    /// # Errors
    /// [`StoreError::Backend`].
    async fn head(&self, flow: FlowId) -> Result<Option<LogHead>, StoreError>;

    /// The next updates after `after`, in order and without holes: as many as fit the page and
    /// lie together, in the log or in the archive, and at least one if there is any.
    ///
    /// # Errors
    /// As [`LogStore::load`], and [`StoreError::UnknownFlow`].
    async fn updates_after(
        &self,
        flow: FlowId,
        after: Seq,
        page: PageSize,
    ) -> Result<Vec<StoredUpdate>, StoreError>;

    /// Publishes a snapshot unless a newer one (a higher `seq`) is there;
    /// answers whether it was stored.
    ///
    /// # Errors
    /// [`StoreError::UnknownFlow`]; [`StoreError::Conflict`] when it is ahead of
    /// the log; [`StoreError::Backend`].
    async fn put_snapshot(
        &self,
        flow: FlowId,
        snapshot: &Snapshot,
        at: Timestamp,
    ) -> Result<bool, StoreError>;

    /// Who wrote first under each of the flow's client ids, by client id; empty
    /// when the flow was never created.
    ///
    /// # Errors
    /// [`StoreError::Backend`].
    async fn writers(&self, flow: FlowId) -> Result<Vec<Writer>, StoreError>;

    /// How large the flow's log and snapshot are; `None` when it was never created.
    /// Costs no more for a long log.
    ///
    /// # Errors
    /// [`StoreError::Backend`].
    async fn growth(&self, flow: FlowId) -> Result<Option<LogGrowth>, StoreError>;

    /// Where these flows, sign-ins and keys stand now, in one query. Deleted flows
    /// count as known: that they are gone is a change of access.
    ///
    /// # Errors
    /// [`StoreError::Backend`].
    async fn revisions(
        &self,
        flows: &[FlowId],
        credentials: &[Credential],
        now: Timestamp,
    ) -> Result<Revisions, StoreError>;

    /// Answers once the store can serve a query.
    ///
    /// # Errors
    /// [`StoreError::Backend`] when it cannot.
    async fn ping(&self) -> Result<(), StoreError>;
}
