//! The logs as they are, and `flow_quarantine`.

use async_trait::async_trait;
use flow_base::{ActorId, BatchId, FlowId, Seq, Timestamp, UserId};
use flow_store::{
    Cure, LogCare, LogStand, Mending, PageSize, Quarantined, QuarantinedKind, RawSnapshot, RawUpdate,
    Snapshot, StoreError, encode_snapshot,
};
use sqlx::SqliteConnection;
use uuid::Uuid;

use crate::SqliteStore;
use crate::error::{Unreadable, backend, micros, moment, unreadable};
use crate::log::{position, seq};

const LIST: &str = "list the flows";
const STAND: &str = "read where the flow stands";
const READ: &str = "read the log as it is";
const MEND: &str = "mend the log";
const QUARANTINE: &str = "read the quarantine";

#[async_trait]
impl LogCare for SqliteStore {
    async fn flow_ids(&self, after: Option<FlowId>, limit: u32) -> Result<Vec<FlowId>, StoreError> {
        let after = after.map(FlowId::as_uuid);
        let rows = sqlx::query_scalar!(
            r#"
            select id as "id: Uuid"
            from flows
            where (?1 is null or id > ?1) and deleted_at is not 0
            order by id
            limit ?2
            "#,
            after,
            limit,
        )
        .fetch_all(self.readers())
        .await
        .map_err(backend(LIST))?;
        Ok(rows.into_iter().map(FlowId::from_uuid).collect())
    }

    async fn stand(&self, flow: FlowId) -> Result<Option<LogStand>, StoreError> {
        let id = flow.as_uuid();
        let row = sqlx::query_as!(
            StandRow,
            r#"
            select
                head_seq as "head_seq!",
                archived_seq as "archived_seq!",
                log_bytes as "log_bytes!",
                (
                    select max(seq) from flow_updates where flow_updates.flow_id = flow_heads.flow_id
                ) as "last_seq: i64",
                flows.projected_seq as "projected_seq!",
                flow_snapshots.seq as "snapshot_seq?",
                flow_snapshots.envelope as "envelope?"
            from flow_heads
            join flows on flows.id = flow_heads.flow_id
            left join flow_snapshots on flow_snapshots.flow_id = flow_heads.flow_id
            where flow_heads.flow_id = ?1 and not flow_heads.is_purged
            "#,
            id,
        )
        .fetch_optional(self.readers())
        .await
        .map_err(backend(STAND))?;
        Ok(row.map(LogStand::from))
    }

    async fn raw_updates(
        &self,
        flow: FlowId,
        after: Seq,
        last: Seq,
        page: PageSize,
    ) -> Result<Vec<RawUpdate>, StoreError> {
        if after < last
            && let Some(segment) = self.segment_after(flow, after).await?
        {
            let updates = self.cold().page(flow, &segment, (after, last), page).await?;
            return Ok(updates.into_iter().map(RawUpdate::from).collect());
        }
        let (id, after, last) = (flow.as_uuid(), position(after), position(last));
        let (updates, bytes) = (page.updates, i64::try_from(page.bytes).unwrap_or(i64::MAX));
        let rows = sqlx::query_as!(
            RawRow,
            r#"
            with
            lengths as (
                select
                    seq,
                    length("update") as bytes
                from flow_updates
                where flow_id = ?1 and seq > ?2 and seq <= ?3
                order by seq
                limit ?4
            ),
            page as (
                select
                    seq,
                    sum(bytes) over (order by seq) - bytes as before
                from lengths
            )
            select
                flow_updates.seq as "seq!: i64",
                flow_updates."update" as "bytes!: Vec<u8>"
            from page
            join flow_updates on flow_updates.flow_id = ?1 and flow_updates.seq = page.seq
            where page.before < ?5 or page.before = 0
            order by page.seq
            "#,
            id,
            after,
            last,
            updates,
            bytes,
        )
        .fetch_all(self.readers())
        .await
        .map_err(backend(READ))?;
        Ok(rows.into_iter().map(RawUpdate::from).collect())
    }

    async fn mend(&self, mending: &Mending) -> Result<bool, StoreError> {
        let mut tx = self.begin_write().await.map_err(backend(MEND))?;
        let stand = stand_to_mend(&mut tx, mending.flow).await.map_err(backend(MEND))?;
        let stand = stand.ok_or(StoreError::UnknownFlow(mending.flow))?;
        if !mending.is_of_the_log(seq(stand.archived_seq))
            || (seq(stand.head_seq), stand.snapshot_seq.map(seq)) != (mending.head, mending.snapshot)
        {
            return Ok(false);
        }
        mend(&mut tx, mending).await.map_err(backend(MEND))?;
        tx.commit().await.map_err(backend(MEND))?;
        Ok(true)
    }

    async fn quarantine(&self, flow: FlowId, after: u64, limit: u32) -> Result<Vec<Quarantined>, StoreError> {
        let (id, after) = (flow.as_uuid(), i64::try_from(after).unwrap_or(i64::MAX));
        let rows = sqlx::query_as!(
            QuarantineRow,
            r#"
            select
                id,
                seq,
                batch_id as "batch_id: Uuid",
                actor_id as "actor_id: Uuid",
                created_at,
                bytes,
                reason,
                quarantined_at
            from flow_quarantine
            where flow_id = ?1 and id > ?2
            order by id
            limit ?3
            "#,
            id,
            after,
            limit,
        )
        .fetch_all(self.readers())
        .await
        .map_err(backend(QUARANTINE))?;
        let items: Result<_, Unreadable> = rows.into_iter().map(Quarantined::try_from).collect();
        items.map_err(unreadable(QUARANTINE))
    }
}

struct MendRow {
    head_seq: i64,
    archived_seq: i64,
    snapshot_seq: Option<i64>,
}

/// Read inside the transaction that mends, which holds the file's only write lock.
async fn stand_to_mend(tx: &mut SqliteConnection, flow: FlowId) -> Result<Option<MendRow>, sqlx::Error> {
    let id = flow.as_uuid();
    sqlx::query_as!(
        MendRow,
        r#"
        select
            head_seq as "head_seq!",
            archived_seq as "archived_seq!",
            (
                select seq from flow_snapshots where flow_snapshots.flow_id = flow_heads.flow_id
            ) as "snapshot_seq: i64"
        from flow_heads
        where flow_id = ?1 and not is_purged
        "#,
        id,
    )
    .fetch_optional(tx)
    .await
}

async fn mend(tx: &mut SqliteConnection, mending: &Mending) -> Result<(), sqlx::Error> {
    if let Some(reason) = &mending.distrust {
        keep_snapshot(tx, mending.flow, reason, mending.at).await?;
    }
    for cure in &mending.cures {
        keep_update(tx, mending.flow, cure, mending.at).await?;
        put_update(tx, mending.flow, cure.seq, &cure.put, mending.at).await?;
    }
    put_update(tx, mending.flow, mending.last, &mending.appended, mending.at).await?;
    put_snapshot(tx, mending).await?;
    let (id, head) = (mending.flow.as_uuid(), position(mending.last));
    let bytes = i64::try_from(mending.log_bytes).unwrap_or(i64::MAX);
    sqlx::query!("update flow_heads set head_seq = ?2, log_bytes = ?3 where flow_id = ?1", id, head, bytes)
        .execute(&mut *tx)
        .await?;
    sqlx::query!("update flows set projected_seq = min(projected_seq, ?2) where id = ?1", id, head)
        .execute(&mut *tx)
        .await?;
    Ok(())
}

async fn keep_snapshot(
    tx: &mut SqliteConnection,
    flow: FlowId,
    reason: &str,
    at: Timestamp,
) -> Result<(), sqlx::Error> {
    let (id, at) = (flow.as_uuid(), micros(at));
    sqlx::query!(
        r#"
        insert into flow_quarantine (flow_id, seq, created_at, bytes, reason, quarantined_at)
        select
            flow_id,
            seq,
            created_at,
            envelope,
            ?2,
            ?3
        from flow_snapshots
        where flow_id = ?1
        "#,
        id,
        reason,
        at,
    )
    .execute(tx)
    .await?;
    Ok(())
}

async fn keep_update(
    tx: &mut SqliteConnection,
    flow: FlowId,
    cure: &Cure,
    at: Timestamp,
) -> Result<(), sqlx::Error> {
    let (id, seq, at) = (flow.as_uuid(), position(cure.seq), micros(at));
    sqlx::query!(
        r#"
        insert into flow_quarantine (
            flow_id, seq, batch_id, actor_id, created_at, bytes, reason, quarantined_at
        )
        select
            flow_id,
            seq,
            batch_id,
            actor_id,
            created_at,
            "update",
            ?3,
            ?4
        from flow_updates
        where flow_id = ?1 and seq = ?2
        "#,
        id,
        seq,
        cure.reason,
        at,
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// In the place of another update, whose batch it keeps, or where none is, in a batch of its own.
async fn put_update(
    tx: &mut SqliteConnection,
    flow: FlowId,
    seq: Seq,
    bytes: &[u8],
    at: Timestamp,
) -> Result<(), sqlx::Error> {
    let (id, seq, batch, at) = (flow.as_uuid(), position(seq), BatchId::generate().as_uuid(), micros(at));
    sqlx::query!(
        r#"
        insert into flow_updates (flow_id, seq, batch_id, actor_id, created_at, "update")
        values (?1, ?2, ?3, null, ?4, ?5)
        on conflict (flow_id, seq) do update
        set "update" = excluded."update"
        "#,
        id,
        seq,
        batch,
        at,
        bytes,
    )
    .execute(tx)
    .await?;
    Ok(())
}

async fn put_snapshot(tx: &mut SqliteConnection, mending: &Mending) -> Result<(), sqlx::Error> {
    let (id, seq, at) = (mending.flow.as_uuid(), position(mending.last), micros(mending.at));
    let envelope = encode_snapshot(&Snapshot { seq: mending.last, state: mending.state.clone() });
    sqlx::query!(
        r#"
        insert into flow_snapshots (flow_id, seq, envelope, created_at)
        values (?1, ?2, ?3, ?4)
        on conflict (flow_id) do update
        set
            seq = excluded.seq,
            envelope = excluded.envelope,
            created_at = excluded.created_at
        "#,
        id,
        seq,
        envelope,
        at,
    )
    .execute(tx)
    .await?;
    Ok(())
}

struct StandRow {
    head_seq: i64,
    archived_seq: i64,
    log_bytes: i64,
    last_seq: Option<i64>,
    projected_seq: i64,
    snapshot_seq: Option<i64>,
    envelope: Option<Vec<u8>>,
}

impl From<StandRow> for LogStand {
    fn from(row: StandRow) -> Self {
        let snapshot = row.snapshot_seq.zip(row.envelope);
        Self {
            head: seq(row.head_seq),
            last: seq(row.last_seq.unwrap_or(0).max(row.archived_seq)),
            archived: seq(row.archived_seq),
            log_bytes: row.log_bytes.cast_unsigned(),
            snapshot: snapshot.map(|(at, envelope)| RawSnapshot { seq: seq(at), envelope: envelope.into() }),
            projected: seq(row.projected_seq),
        }
    }
}

struct RawRow {
    seq: i64,
    bytes: Vec<u8>,
}

impl From<RawRow> for RawUpdate {
    fn from(row: RawRow) -> Self {
        Self { seq: seq(row.seq), bytes: row.bytes.into() }
    }
}

struct QuarantineRow {
    id: i64,
    seq: i64,
    batch_id: Option<Uuid>,
    actor_id: Option<Uuid>,
    created_at: i64,
    bytes: Vec<u8>,
    reason: String,
    quarantined_at: i64,
}

impl TryFrom<QuarantineRow> for Quarantined {
    type Error = Unreadable;

    fn try_from(row: QuarantineRow) -> Result<Self, Unreadable> {
        let actor = ActorId::from(row.actor_id.map(UserId::from_uuid));
        let update = |batch| QuarantinedKind::Update { batch: BatchId::from_uuid(batch), actor };
        Ok(Self {
            id: row.id.cast_unsigned(),
            seq: seq(row.seq),
            kind: row.batch_id.map_or(QuarantinedKind::Snapshot, update),
            created_at: moment(row.created_at)?,
            bytes: row.bytes.into(),
            reason: row.reason,
            quarantined_at: moment(row.quarantined_at)?,
        })
    }
}
