//! `flow_segments`, and what moves between the log and the archive.

use async_trait::async_trait;
use flow_base::{FlowId, Seq, Timestamp};
use flow_store::{
    ColdTier, KEPT_UPDATES, PageSize, SEGMENT_BYTES, SEGMENT_UPDATES_LEAST, SEGMENT_UPDATES_MOST, Segment,
    SegmentStore, StoreError, StoredUpdate, due,
};
use sqlx::SqliteConnection;
use uuid::Uuid;

use crate::SqliteStore;
use crate::error::{Unreadable, backend, micros, moment, unreadable};
use crate::log::{position, seq, updates};

const LIST: &str = "list the flows to archive";
const NEXT: &str = "read what is to be archived";
const ARCHIVE: &str = "note what was archived";
const SEGMENTS: &str = "list what is archived";
const BRING_BACK: &str = "bring back what was archived";

#[async_trait]
impl SegmentStore for SqliteStore {
    async fn flows_to_archive(&self, after: Option<FlowId>, limit: u32) -> Result<Vec<FlowId>, StoreError> {
        let after = after.map(FlowId::as_uuid);
        let least = position(Seq(KEPT_UPDATES + SEGMENT_UPDATES_LEAST));
        let rows = sqlx::query_scalar!(
            r#"
            select flow_id as "flow_id: Uuid"
            from flow_heads
            where (?1 is null or flow_id > ?1) and head_seq - archived_seq >= ?2 and not is_purged
            order by flow_id
            limit ?3
            "#,
            after,
            least,
            limit,
        )
        .fetch_all(self.readers())
        .await
        .map_err(backend(LIST))?;
        Ok(rows.into_iter().map(FlowId::from_uuid).collect())
    }

    async fn next_segment(
        &self,
        flow: FlowId,
        before: Timestamp,
    ) -> Result<Option<Vec<StoredUpdate>>, StoreError> {
        let mut tx = self.begin_read().await.map_err(backend(NEXT))?;
        let Some((archived, last)) = bounds(&mut tx, flow).await.map_err(backend(NEXT))? else {
            return Err(StoreError::UnknownFlow(flow));
        };
        let page = PageSize { updates: SEGMENT_UPDATES_MOST, bytes: SEGMENT_BYTES };
        let updates = updates(&mut tx, flow, archived, last, page, NEXT).await?;
        Ok(due(updates, before))
    }

    async fn archive(
        &self,
        flow: FlowId,
        segment: &Segment,
        updates: &[StoredUpdate],
    ) -> Result<bool, StoreError> {
        let mut tx = self.begin_write().await.map_err(backend(ARCHIVE))?;
        let archived = archived(&mut tx, flow).await.map_err(backend(ARCHIVE))?;
        if archived.ok_or(StoreError::UnknownFlow(flow))?.next() != segment.first {
            return Ok(false);
        }
        let before = Seq(segment.first.0 - 1);
        let stored = self::updates(&mut tx, flow, before, segment.last, PageSize::WHOLE, ARCHIVE).await;
        match stored {
            Ok(stored) if stored == updates => {}
            Ok(_) | Err(StoreError::Damaged { .. }) => return Ok(false),
            Err(error) => return Err(error),
        }
        note(&mut tx, flow, segment).await.map_err(backend(ARCHIVE))?;
        tx.commit().await.map_err(backend(ARCHIVE))?;
        Ok(true)
    }

    async fn segments(&self, flow: FlowId, after: Seq, limit: u32) -> Result<Vec<Segment>, StoreError> {
        let (flow, after) = (flow.as_uuid(), position(after));
        let rows = sqlx::query_as!(
            SegmentRow,
            r#"
            select
                first_seq,
                last_seq,
                "key",
                sha256,
                bytes,
                created_at
            from flow_segments
            where flow_id = ?1 and last_seq > ?2
            order by last_seq
            limit ?3
            "#,
            flow,
            after,
            limit,
        )
        .fetch_all(self.readers())
        .await
        .map_err(backend(SEGMENTS))?;
        rows.into_iter().map(Segment::try_from).collect::<Result<_, _>>().map_err(unreadable(SEGMENTS))
    }

    async fn bring_back(&self, flow: FlowId) -> Result<Option<Segment>, StoreError> {
        let Some(segment) = self.last_segment(flow).await? else { return Ok(None) };
        let updates = self.cold().read(flow, &segment).await?;
        let mut tx = self.begin_write().await.map_err(backend(BRING_BACK))?;
        // Otherwise somebody else was quicker.
        if forget(&mut tx, flow, &segment).await.map_err(backend(BRING_BACK))? {
            for update in &updates {
                put(&mut tx, flow, update).await.map_err(backend(BRING_BACK))?;
            }
            tx.commit().await.map_err(backend(BRING_BACK))?;
        }
        Ok(Some(segment))
    }
}

impl SqliteStore {
    pub(crate) fn cold(&self) -> &ColdTier {
        &self.cold
    }

    /// The segment that the update after `after` lies in, unless its row is gone.
    pub(crate) async fn segment_after(
        &self,
        flow: FlowId,
        after: Seq,
    ) -> Result<Option<Segment>, StoreError> {
        Ok(self.segments(flow, after, 1).await?.pop())
    }

    async fn last_segment(&self, flow: FlowId) -> Result<Option<Segment>, StoreError> {
        let mut tx = self.begin_read().await.map_err(backend(BRING_BACK))?;
        let last = archived(&mut tx, flow).await.map_err(backend(BRING_BACK))?;
        drop(tx);
        match last {
            Some(last) if last > Seq::ZERO => self.segment_after(flow, Seq(last.0 - 1)).await,
            _ => Ok(None),
        }
    }
}

/// The flow's last archived position; `None` when it was never created.
pub(crate) async fn archived(tx: &mut SqliteConnection, flow: FlowId) -> Result<Option<Seq>, sqlx::Error> {
    let flow = flow.as_uuid();
    let archived =
        sqlx::query_scalar!("select archived_seq from flow_heads where flow_id = ?1 and not is_purged", flow)
            .fetch_optional(tx)
            .await?;
    Ok(archived.map(seq))
}

/// The last position that is archived, and the last that may be: the snapshot covers it,
/// enough follows it, and its batch ends with it.
async fn bounds(tx: &mut SqliteConnection, flow: FlowId) -> Result<Option<(Seq, Seq)>, sqlx::Error> {
    let (flow, kept) = (flow.as_uuid(), position(Seq(KEPT_UPDATES)));
    // Going back from there costs no more than the batch that ends later.
    let row = sqlx::query!(
        r#"
        select
            archived_seq,
            (
                select seq
                from flow_updates
                where flow_updates.flow_id = flow_heads.flow_id
                    and seq > archived_seq
                    and seq <= min(head_seq - ?2, coalesce(flow_snapshots.seq, 0))
                    and batch_id is not (
                        select batch_id
                        from flow_updates as kept
                        where kept.flow_id = flow_heads.flow_id
                            and kept.seq = min(head_seq - ?2, coalesce(flow_snapshots.seq, 0)) + 1
                    )
                order by seq desc
                limit 1
            ) as "last_seq: i64"
        from flow_heads
        left join flow_snapshots on flow_snapshots.flow_id = flow_heads.flow_id
        where flow_heads.flow_id = ?1 and not flow_heads.is_purged
        "#,
        flow,
        kept,
    )
    .fetch_optional(tx)
    .await?;
    Ok(row.map(|row| (seq(row.archived_seq), seq(row.last_seq.unwrap_or(0)))))
}

async fn note(tx: &mut SqliteConnection, flow: FlowId, segment: &Segment) -> Result<(), sqlx::Error> {
    let (flow, first, last) = (flow.as_uuid(), position(segment.first), position(segment.last));
    let (sha256, bytes) = (&segment.sha256[..], position(Seq(segment.bytes)));
    let at = micros(segment.created_at);
    sqlx::query!(
        r#"
        insert into flow_segments (flow_id, first_seq, last_seq, "key", sha256, bytes, created_at)
        values (?1, ?2, ?3, ?4, ?5, ?6, ?7)
        "#,
        flow,
        first,
        last,
        segment.key,
        sha256,
        bytes,
        at,
    )
    .execute(&mut *tx)
    .await?;
    sqlx::query!("delete from flow_updates where flow_id = ?1 and seq between ?2 and ?3", flow, first, last)
        .execute(&mut *tx)
        .await?;
    sqlx::query!("update flow_heads set archived_seq = ?2 where flow_id = ?1", flow, last)
        .execute(&mut *tx)
        .await?;
    Ok(())
}

/// Answers whether it was the flow's last segment.
async fn forget(tx: &mut SqliteConnection, flow: FlowId, segment: &Segment) -> Result<bool, sqlx::Error> {
    let (flow, before, last) = (flow.as_uuid(), position(segment.first) - 1, position(segment.last));
    let moved = sqlx::query!(
        "update flow_heads set archived_seq = ?2 where flow_id = ?1 and archived_seq = ?3",
        flow,
        before,
        last,
    )
    .execute(&mut *tx)
    .await?;
    if moved.rows_affected() == 0 {
        return Ok(false);
    }
    let forgotten = sqlx::query!(
        r#"delete from flow_segments where flow_id = ?1 and last_seq = ?2 and "key" = ?3"#,
        flow,
        last,
        segment.key,
    )
    .execute(&mut *tx)
    .await?;
    Ok(forgotten.rows_affected() == 1)
}

async fn put(tx: &mut SqliteConnection, flow: FlowId, update: &StoredUpdate) -> Result<(), sqlx::Error> {
    let (flow, seq, batch) = (flow.as_uuid(), position(update.seq), update.batch.as_uuid());
    let (actor, at) = (update.actor.user().map(flow_base::UserId::as_uuid), micros(update.created_at));
    let bytes = &*update.bytes;
    sqlx::query!(
        r#"
        insert into flow_updates (flow_id, seq, batch_id, actor_id, created_at, "update")
        values (?1, ?2, ?3, ?4, ?5, ?6)
        "#,
        flow,
        seq,
        batch,
        actor,
        at,
        bytes,
    )
    .execute(tx)
    .await?;
    Ok(())
}

struct SegmentRow {
    first_seq: i64,
    last_seq: i64,
    key: String,
    sha256: Vec<u8>,
    bytes: i64,
    created_at: i64,
}

impl TryFrom<SegmentRow> for Segment {
    type Error = Unreadable;

    fn try_from(row: SegmentRow) -> Result<Self, Unreadable> {
        Ok(Self {
            first: seq(row.first_seq),
            last: seq(row.last_seq),
            key: row.key,
            sha256: row.sha256.try_into().map_err(|_| Unreadable("checksum of a segment"))?,
            bytes: row.bytes.cast_unsigned(),
            created_at: moment(row.created_at)?,
        })
    }
}
