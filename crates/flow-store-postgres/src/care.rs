//! The logs as they are, and `flow_quarantine`.

mod mend;

use async_trait::async_trait;
use flow_base::{ActorId, BatchId, FlowId, Seq, UserId};
use flow_store::{
    LogCare, LogStand, Mending, PageSize, Quarantined, QuarantinedKind, RawSnapshot, RawUpdate, StoreError,
};
use uuid::Uuid;

use crate::PostgresStore;
use crate::values::{Moment, position, seq};

const LIST: &str = "list the flows";
const STAND: &str = "read where the flow stands";
const READ: &str = "read the log as it is";
const MEND: &str = "mend the log";
const QUARANTINE: &str = "read the quarantine";

#[async_trait]
impl LogCare for PostgresStore {
    async fn flow_ids(&self, after: Option<FlowId>, limit: u32) -> Result<Vec<FlowId>, StoreError> {
        // No flow has this id: it is no UUID that anybody draws.
        let after = after.map_or(Uuid::nil(), FlowId::as_uuid);
        let rows = self.call(LIST, async {
            let mut session = self.session().await?;
            let rows = sqlx::query_scalar!(
                r#"
                select id
                from flows
                where id > $1 and deleted_at is distinct from 'epoch'
                order by id
                limit $2
                "#,
                after,
                i64::from(limit),
            )
            .fetch_all(&mut *session)
            .await;
            session.settle(rows)
        });
        Ok(rows.await?.into_iter().map(FlowId::from_uuid).collect())
    }

    async fn stand(&self, flow: FlowId) -> Result<Option<LogStand>, StoreError> {
        let row = self.call(STAND, async {
            let mut session = self.session().await?;
            let row = sqlx::query_as!(
                StandRow,
                r#"
                select
                    flow_heads.head_seq,
                    flow_heads.archived_seq,
                    flow_heads.log_bytes,
                    (select max(seq) from flow_updates where flow_id = $1) as last_seq,
                    flows.projected_seq,
                    flow_snapshots.seq as "snapshot_seq?",
                    flow_snapshots.envelope as "envelope?"
                from flow_heads
                join flows on flows.id = flow_heads.flow_id
                left join flow_snapshots on flow_snapshots.flow_id = flow_heads.flow_id
                where flow_heads.flow_id = $1 and not flow_heads.is_purged
                "#,
                flow.as_uuid(),
            )
            .fetch_optional(&mut *session)
            .await;
            session.settle(row)
        });
        Ok(row.await?.map(LogStand::from))
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
        let bytes = i64::try_from(page.bytes).unwrap_or(i64::MAX);
        let rows = self.call(READ, async {
            let mut session = self.session().await?;
            let rows = sqlx::query_as!(
                RawRow,
                r#"
                with
                lengths as (
                    select
                        seq,
                        octet_length(update) as bytes
                    from flow_updates
                    where flow_id = $1 and seq > $2 and seq <= $3
                    order by seq
                    limit $4
                ),
                page as (
                    select
                        seq,
                        sum(bytes) over (order by seq) - bytes as before
                    from lengths
                )
                select
                    flow_updates.seq,
                    flow_updates.update as bytes
                from page
                join flow_updates on flow_updates.flow_id = $1 and flow_updates.seq = page.seq
                where page.before < $5 or page.before = 0
                order by page.seq
                "#,
                flow.as_uuid(),
                position(after),
                position(last),
                i64::from(page.updates),
                bytes,
            )
            .fetch_all(&mut *session)
            .await;
            session.settle(rows)
        });
        Ok(rows.await?.into_iter().map(RawUpdate::from).collect())
    }

    async fn mend(&self, mending: &Mending) -> Result<bool, StoreError> {
        self.call(MEND, mend::mend(self, mending)).await
    }

    async fn quarantine(&self, flow: FlowId, after: u64, limit: u32) -> Result<Vec<Quarantined>, StoreError> {
        let after = i64::try_from(after).unwrap_or(i64::MAX);
        let rows = self.call(QUARANTINE, async {
            let mut session = self.session().await?;
            let rows = sqlx::query_as!(
                QuarantineRow,
                r#"
                select
                    id,
                    seq,
                    batch_id,
                    actor_id,
                    created_at as "created_at: Moment",
                    bytes,
                    reason,
                    quarantined_at as "quarantined_at: Moment"
                from flow_quarantine
                where flow_id = $1 and id > $2
                order by id
                limit $3
                "#,
                flow.as_uuid(),
                after,
                i64::from(limit),
            )
            .fetch_all(&mut *session)
            .await;
            session.settle(rows)
        });
        Ok(rows.await?.into_iter().map(Quarantined::from).collect())
    }
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
    created_at: Moment,
    bytes: Vec<u8>,
    reason: String,
    quarantined_at: Moment,
}

impl From<QuarantineRow> for Quarantined {
    fn from(row: QuarantineRow) -> Self {
        let actor = ActorId::from(row.actor_id.map(UserId::from_uuid));
        let update = |batch| QuarantinedKind::Update { batch: BatchId::from_uuid(batch), actor };
        Self {
            id: row.id.cast_unsigned(),
            seq: seq(row.seq),
            kind: row.batch_id.map_or(QuarantinedKind::Snapshot, update),
            created_at: row.created_at.0,
            bytes: row.bytes.into(),
            reason: row.reason,
            quarantined_at: row.quarantined_at.0,
        }
    }
}
