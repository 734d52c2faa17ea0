//! `flow_segments`, and what moves between the log and the archive.

use async_trait::async_trait;
use flow_base::{FlowId, Seq, Timestamp, UserId};
use flow_store::{
    ColdTier, KEPT_UPDATES, PageSize, SEGMENT_BYTES, SEGMENT_UPDATES_LEAST, SEGMENT_UPDATES_MOST, Segment,
    SegmentStore, StoreError, StoredUpdate, due,
};
use uuid::Uuid;

use crate::PostgresStore;
use crate::connections::Tx;
use crate::error::Failure;
use crate::log::{UpdateRow, read_page};
use crate::values::{Moment, position, seq};

const LIST: &str = "list the flows to archive";
const NEXT: &str = "read what is to be archived";
const ARCHIVE: &str = "note what was archived";
const SEGMENTS: &str = "list what is archived";
const BRING_BACK: &str = "bring back what was archived";

#[async_trait]
impl SegmentStore for PostgresStore {
    async fn flows_to_archive(&self, after: Option<FlowId>, limit: u32) -> Result<Vec<FlowId>, StoreError> {
        // No flow has this id: it is no UUID that anybody draws.
        let after = after.map_or(Uuid::nil(), FlowId::as_uuid);
        let rows = self.call(LIST, async {
            let mut session = self.session().await?;
            let rows = sqlx::query_scalar!(
                r#"
                select flow_id
                from flow_heads
                where flow_id > $1 and head_seq - archived_seq >= $2 and not is_purged
                order by flow_id
                limit $3
                "#,
                after,
                position(Seq(KEPT_UPDATES + SEGMENT_UPDATES_LEAST)),
                i64::from(limit),
            )
            .fetch_all(&mut *session)
            .await;
            session.settle(rows)
        });
        Ok(rows.await?.into_iter().map(FlowId::from_uuid).collect())
    }

    async fn next_segment(
        &self,
        flow: FlowId,
        before: Timestamp,
    ) -> Result<Option<Vec<StoredUpdate>>, StoreError> {
        let bounds = self.call(NEXT, bounds(self, flow)).await?;
        let (archived, last) = bounds.ok_or(StoreError::UnknownFlow(flow))?;
        if archived >= last {
            return Ok(None);
        }
        let page = PageSize { updates: SEGMENT_UPDATES_MOST, bytes: SEGMENT_BYTES };
        let page = self.call(NEXT, read_page(self, flow.as_uuid(), archived, last, page)).await?;
        let page = page.ok_or(StoreError::UnknownFlow(flow))?;
        if page.archived != archived {
            // Somebody else has archived it meanwhile.
            return Ok(None);
        }
        Ok(due(page.dense(flow, archived)?, before))
    }

    async fn archive(
        &self,
        flow: FlowId,
        segment: &Segment,
        updates: &[StoredUpdate],
    ) -> Result<bool, StoreError> {
        self.call(ARCHIVE, async {
            let mut tx = self.begin().await?;
            match lock(&mut tx, flow).await? {
                None => return Err(tx.refuse(StoreError::UnknownFlow(flow)).await),
                Some(archived) if archived.next() == segment.first => {}
                Some(_) => {
                    tx.undo().await;
                    return Ok(false);
                }
            }
            if take(&mut tx, flow, segment).await? != updates {
                tx.undo().await;
                return Ok(false);
            }
            note(&mut tx, flow, segment).await?;
            tx.commit().await?;
            Ok(true)
        })
        .await
    }

    async fn segments(&self, flow: FlowId, after: Seq, limit: u32) -> Result<Vec<Segment>, StoreError> {
        let rows = self.call(SEGMENTS, async {
            let mut session = self.session().await?;
            let rows = sqlx::query_as!(
                SegmentRow,
                r#"
                select
                    first_seq,
                    last_seq,
                    key,
                    sha256,
                    bytes,
                    created_at as "created_at: Moment"
                from flow_segments
                where flow_id = $1 and last_seq > $2
                order by last_seq
                limit $3
                "#,
                flow.as_uuid(),
                position(after),
                i64::from(limit),
            )
            .fetch_all(&mut *session)
            .await;
            session.settle(rows)
        });
        let segments: Option<Vec<_>> = rows.await?.into_iter().map(SegmentRow::into_segment).collect();
        segments.ok_or(StoreError::Damaged { flow, what: "a segment's checksum is none", source: None })
    }

    async fn bring_back(&self, flow: FlowId) -> Result<Option<Segment>, StoreError> {
        let Some(segment) = self.last_segment(flow).await? else { return Ok(None) };
        let updates = self.cold().read(flow, &segment).await?;
        self.call(BRING_BACK, async {
            let mut tx = self.begin().await?;
            // Otherwise somebody else was quicker.
            if lock(&mut tx, flow).await? != Some(segment.last) || !forget(&mut tx, flow, &segment).await? {
                tx.undo().await;
                return Ok(());
            }
            put(&mut tx, flow, &updates).await?;
            tx.commit().await
        })
        .await?;
        Ok(Some(segment))
    }
}

impl PostgresStore {
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
        let archived = self.call(BRING_BACK, async {
            let mut session = self.session().await?;
            let archived = sqlx::query_scalar!(
                "select archived_seq from flow_heads where flow_id = $1 and not is_purged",
                flow.as_uuid(),
            )
            .fetch_optional(&mut *session)
            .await;
            session.settle(archived)
        });
        match archived.await?.map(seq) {
            Some(last) if last > Seq::ZERO => self.segment_after(flow, Seq(last.0 - 1)).await,
            _ => Ok(None),
        }
    }
}

/// The last position that is archived, and the last that may be: the snapshot covers it,
/// enough follows it, and its batch ends with it.
async fn bounds(store: &PostgresStore, flow: FlowId) -> Result<Option<(Seq, Seq)>, Failure> {
    let mut session = store.session().await?;
    // Going back from there costs no more than the batch that ends later.
    let row = sqlx::query!(
        r#"
        with stand as materialized (
            select
                flow_heads.archived_seq,
                least(flow_heads.head_seq - $2, coalesce(flow_snapshots.seq, 0)) as last_seq
            from flow_heads
            left join flow_snapshots on flow_snapshots.flow_id = flow_heads.flow_id
            where flow_heads.flow_id = $1 and not flow_heads.is_purged
        )
        select
            archived_seq as "archived_seq!",
            (
                select seq
                from flow_updates
                where flow_id = $1
                    and seq > stand.archived_seq
                    and seq <= stand.last_seq
                    and batch_id is distinct from (
                        select batch_id
                        from flow_updates as kept
                        where kept.flow_id = $1 and kept.seq = stand.last_seq + 1
                    )
                order by seq desc
                limit 1
            ) as last_seq
        from stand
        "#,
        flow.as_uuid(),
        position(Seq(KEPT_UPDATES)),
    )
    .fetch_optional(&mut *session)
    .await;
    let row = session.settle(row)?;
    Ok(row.map(|row| (seq(row.archived_seq), seq(row.last_seq.unwrap_or(0)))))
}

/// The last position that is archived, of a log that is held from now on.
async fn lock(tx: &mut Tx, flow: FlowId) -> Result<Option<Seq>, Failure> {
    let archived = sqlx::query_scalar!(
        "select archived_seq from flow_heads where flow_id = $1 and not is_purged for no key update",
        flow.as_uuid(),
    )
    .fetch_optional(&mut **tx)
    .await?;
    Ok(archived.map(seq))
}

/// Removes the segment's updates; answers them.
async fn take(tx: &mut Tx, flow: FlowId, segment: &Segment) -> Result<Vec<StoredUpdate>, Failure> {
    let rows = sqlx::query_as!(
        UpdateRow,
        r#"
        delete from flow_updates
        where flow_id = $1 and seq between $2 and $3
        returning
            seq,
            batch_id,
            actor_id,
            created_at as "created_at: Moment",
            update as bytes
        "#,
        flow.as_uuid(),
        position(segment.first),
        position(segment.last),
    )
    .fetch_all(&mut **tx)
    .await?;
    let mut updates: Vec<_> = rows.into_iter().map(StoredUpdate::from).collect();
    updates.sort_by_key(|update| update.seq);
    Ok(updates)
}

async fn note(tx: &mut Tx, flow: FlowId, segment: &Segment) -> Result<(), Failure> {
    sqlx::query!(
        r#"
        with noted as (
            insert into flow_segments (flow_id, first_seq, last_seq, key, sha256, bytes, created_at)
            values ($1, $2, $3, $4, $5, $6, $7)
        )
        update flow_heads
        set archived_seq = $3
        where flow_id = $1
        "#,
        flow.as_uuid(),
        position(segment.first),
        position(segment.last),
        &segment.key,
        &segment.sha256[..],
        position(Seq(segment.bytes)),
        Moment(segment.created_at) as Moment,
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// Answers whether the segment was there.
async fn forget(tx: &mut Tx, flow: FlowId, segment: &Segment) -> Result<bool, Failure> {
    let forgotten = sqlx::query!(
        r#"
        with forgotten as (
            delete from flow_segments
            where flow_id = $1 and last_seq = $2 and key = $3
            returning
                flow_id,
                first_seq
        )
        update flow_heads
        set archived_seq = forgotten.first_seq - 1
        from forgotten
        where flow_heads.flow_id = forgotten.flow_id
        "#,
        flow.as_uuid(),
        position(segment.last),
        &segment.key,
    )
    .execute(&mut **tx)
    .await?;
    Ok(forgotten.rows_affected() == 1)
}

/// Without the entries by which repeated batches are known: these are not repeated any
/// more, and how many updates their batches had is not told.
async fn put(tx: &mut Tx, flow: FlowId, updates: &[StoredUpdate]) -> Result<(), Failure> {
    let seqs: Vec<_> = updates.iter().map(|update| position(update.seq)).collect();
    let batches: Vec<_> = updates.iter().map(|update| update.batch.as_uuid()).collect();
    let actors: Vec<_> = updates.iter().map(|update| update.actor.user().map(UserId::as_uuid)).collect();
    let moments: Vec<_> = updates.iter().map(|update| Moment(update.created_at)).collect();
    let bytes: Vec<&[u8]> = updates.iter().map(|update| &*update.bytes).collect();
    sqlx::query!(
        r#"
        insert into flow_updates (flow_id, seq, batch_id, actor_id, created_at, update)
        select
            $1,
            put.seq,
            put.batch_id,
            put.actor_id,
            put.created_at,
            put.update
        from unnest($2::bigint[], $3::uuid[], $4::uuid[], $5::timestamptz[], $6::bytea[])
            as put (seq, batch_id, actor_id, created_at, update)
        "#,
        flow.as_uuid(),
        &seqs,
        &batches,
        &actors as &[Option<Uuid>],
        &moments as &[Moment],
        &bytes as &[&[u8]],
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}

struct SegmentRow {
    first_seq: i64,
    last_seq: i64,
    key: String,
    sha256: Vec<u8>,
    bytes: i64,
    created_at: Moment,
}

impl SegmentRow {
    fn into_segment(self) -> Option<Segment> {
        Some(Segment {
            first: seq(self.first_seq),
            last: seq(self.last_seq),
            key: self.key,
            sha256: self.sha256.try_into().ok()?,
            bytes: self.bytes.cast_unsigned(),
            created_at: self.created_at.0,
        })
    }
}
