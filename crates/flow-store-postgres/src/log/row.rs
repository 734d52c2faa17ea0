use flow_base::{ActorId, BatchId, Credential, FlowId, KeyId, LinkId, Seq, SessionId, UserId};
use flow_store::{FlowRevision, LogGrowth, LogHead, StoreError, StoredUpdate, Writer};
use uuid::Uuid;

use crate::values::{Moment, seq};

/// Of an answer that has one row for where the flow stands and one for each update.
pub(super) struct LogRow {
    /// Where the flow stands: only in that row.
    pub(super) head_seq: Option<i64>,
    pub(super) snapshot_seq: Option<i64>,
    /// Which update: only in its row.
    pub(super) seq: Option<i64>,
    pub(super) batch_id: Option<Uuid>,
    pub(super) actor_id: Option<Uuid>,
    pub(super) created_at: Option<Moment>,
    /// The snapshot's envelope, or the update.
    pub(super) bytes: Option<Vec<u8>>,
}

/// Where the flow stands.
pub(super) struct Stand {
    pub(super) head_seq: i64,
    pub(super) snapshot_seq: Option<i64>,
    pub(super) bytes: Option<Vec<u8>>,
}

impl LogRow {
    /// Where the flow stands, and the rows of the updates; nothing when there is no such
    /// flow.
    pub(super) fn split(mut rows: Vec<Self>) -> Option<(Stand, Vec<Self>)> {
        let place = rows.iter().position(|row| row.head_seq.is_some())?;
        let Self { head_seq, snapshot_seq, bytes, .. } = rows.swap_remove(place);
        Some((Stand { head_seq: head_seq?, snapshot_seq, bytes }, rows))
    }

    fn into_update(self) -> Option<StoredUpdate> {
        Some(StoredUpdate {
            seq: seq(self.seq?),
            batch: BatchId::from_uuid(self.batch_id?),
            actor: ActorId::from(self.actor_id.map(UserId::from_uuid)),
            created_at: self.created_at?.0,
            bytes: self.bytes?.into(),
        })
    }
}

/// The updates after `after` up to `last`, or the news that one is missing. They come in
/// the order of the parts of a union, which is nobody's promise.
pub(super) fn updates(
    flow: FlowId,
    after: Seq,
    last: Seq,
    rows: Vec<LogRow>,
) -> Result<Vec<StoredUpdate>, StoreError> {
    let damaged = |what| StoreError::Damaged { flow, what, source: None };
    // The positions are distinct and within bounds, so their number tells.
    if u64::try_from(rows.len()) != Ok(last.0.saturating_sub(after.0)) {
        return Err(damaged("the log has a hole"));
    }
    let updates: Option<Vec<_>> = rows.into_iter().map(LogRow::into_update).collect();
    let mut updates = updates.ok_or_else(|| damaged("an update of the log cannot be read"))?;
    updates.sort_by_key(|update| update.seq);
    Ok(updates)
}

pub(super) struct HeadRow {
    pub(super) head_seq: i64,
    pub(super) batch_id: Option<Uuid>,
}

impl From<HeadRow> for LogHead {
    fn from(row: HeadRow) -> Self {
        Self { seq: seq(row.head_seq), batch: row.batch_id.map(BatchId::from_uuid) }
    }
}

pub(super) struct WriterRow {
    pub(super) client_id: i64,
    pub(super) user_id: Uuid,
}

impl From<WriterRow> for Writer {
    fn from(row: WriterRow) -> Self {
        Self { client_id: row.client_id.cast_unsigned(), user: UserId::from_uuid(row.user_id) }
    }
}

pub(super) struct GrowthRow {
    pub(super) head_seq: i64,
    pub(super) log_bytes: i64,
    pub(super) snapshot_bytes: Option<i64>,
}

impl From<GrowthRow> for LogGrowth {
    fn from(row: GrowthRow) -> Self {
        Self {
            updates: row.head_seq.cast_unsigned(),
            update_bytes: row.log_bytes.cast_unsigned(),
            snapshot_bytes: row.snapshot_bytes.unwrap_or(0).cast_unsigned(),
        }
    }
}

/// What a row of the revisions is about, as the query numbers it; otherwise a link.
pub(super) const FLOW: i32 = 0;
const SESSION: i32 = 1;
const KEY: i32 = 2;

pub(super) struct RevisionRow {
    pub(super) kind: i32,
    pub(super) id: Uuid,
    pub(super) head_seq: i64,
    pub(super) access_rev: i64,
}

impl RevisionRow {
    /// What it is about, if not a flow.
    pub(super) fn credential(&self) -> Credential {
        match self.kind {
            SESSION => Credential::Session(SessionId::from_uuid(self.id)),
            KEY => Credential::Key(KeyId::from_uuid(self.id)),
            _ => Credential::Link(LinkId::from_uuid(self.id)),
        }
    }
}

impl From<RevisionRow> for FlowRevision {
    fn from(row: RevisionRow) -> Self {
        Self {
            flow: FlowId::from_uuid(row.id),
            head: seq(row.head_seq),
            access_rev: row.access_rev.cast_unsigned(),
        }
    }
}
