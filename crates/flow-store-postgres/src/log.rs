//! `flow_updates`, `flow_heads` and `flow_clients`.

mod append;
mod row;

use std::collections::HashSet;

use async_trait::async_trait;
use flow_base::{Credential, FlowId, Seq, SeqRange, Timestamp};
use flow_store::{
    FlowBatch, FlowRevision, LogGrowth, LogHead, LogStore, Revisions, Snapshot, StoreError, StoredFlow,
    StoredUpdate, Writer,
};
use uuid::Uuid;

use crate::PostgresStore;
use crate::error::Failure;
use crate::values::{Moment, position, seq};
use row::{FLOW, GrowthRow, HeadRow, LogRow, RevisionRow, WriterRow, updates};

const LOAD: &str = "load the flow";
const READ_HEAD: &str = "read where the log ends";
const READ_UPDATES: &str = "read the log";
const READ_WRITERS: &str = "read the flow's writers";
const READ_GROWTH: &str = "read how large the flow is";
const READ_REVISIONS: &str = "read the revisions";

#[async_trait]
impl LogStore for PostgresStore {
    async fn append(&self, batches: &[FlowBatch]) -> Vec<Result<SeqRange, StoreError>> {
        append::append(self, batches).await
    }

    async fn load(&self, flow: FlowId) -> Result<Option<StoredFlow>, StoreError> {
        let rows = self.call(LOAD, read_flow(self, flow.as_uuid())).await?;
        let Some((stand, rows)) = LogRow::split(rows) else { return Ok(None) };
        let head = seq(stand.head_seq);
        let snapshot = crate::snapshot::decode(flow, head, stand.snapshot_seq, stand.bytes.as_deref())?;
        let after = snapshot.as_ref().map_or(Seq::ZERO, |snapshot| snapshot.seq);
        let tail = updates(flow, after, head, rows)?;
        Ok(Some(StoredFlow { head, snapshot, tail }))
    }

    async fn head(&self, flow: FlowId) -> Result<Option<LogHead>, StoreError> {
        let flow = flow.as_uuid();
        let row = self.call(READ_HEAD, async {
            let mut session = self.session().await?;
            let row = sqlx::query_as!(
                HeadRow,
                r#"
                select
                    head_seq,
                    (
                        select batch_id
                        from flow_updates
                        where flow_updates.flow_id = $1 and seq = head_seq
                    ) as batch_id
                from flow_heads
                where flow_id = $1
                "#,
                flow,
            )
            .fetch_optional(&mut *session)
            .await;
            session.settle(row)
        });
        Ok(row.await?.map(LogHead::from))
    }

    async fn updates_after(
        &self,
        flow: FlowId,
        after: Seq,
        limit: usize,
    ) -> Result<Vec<StoredUpdate>, StoreError> {
        let limit = u64::try_from(limit).unwrap_or(u64::MAX);
        let last = Seq(after.0.saturating_add(limit));
        let rows = self.call(READ_UPDATES, read_updates(self, flow.as_uuid(), after, last)).await?;
        let (stand, rows) = LogRow::split(rows).ok_or(StoreError::UnknownFlow(flow))?;
        updates(flow, after, last.min(seq(stand.head_seq)), rows)
    }

    async fn put_snapshot(
        &self,
        flow: FlowId,
        snapshot: &Snapshot,
        at: Timestamp,
    ) -> Result<bool, StoreError> {
        crate::snapshot::put(self, flow, snapshot, at).await
    }

    async fn writers(&self, flow: FlowId) -> Result<Vec<Writer>, StoreError> {
        let flow = flow.as_uuid();
        let rows = self.call(READ_WRITERS, async {
            let mut session = self.session().await?;
            let rows = sqlx::query_as!(
                WriterRow,
                r#"
                select
                    client_id,
                    user_id
                from flow_clients
                where flow_id = $1
                order by client_id
                "#,
                flow,
            )
            .fetch_all(&mut *session)
            .await;
            session.settle(rows)
        });
        Ok(rows.await?.into_iter().map(Writer::from).collect())
    }

    async fn growth(&self, flow: FlowId) -> Result<Option<LogGrowth>, StoreError> {
        let flow = flow.as_uuid();
        let row = self.call(READ_GROWTH, async {
            let mut session = self.session().await?;
            let row = sqlx::query_as!(
                GrowthRow,
                r#"
                select
                    head_seq,
                    log_bytes,
                    (
                        select octet_length(envelope)::bigint from flow_snapshots where flow_id = $1
                    ) as snapshot_bytes
                from flow_heads
                where flow_id = $1
                "#,
                flow,
            )
            .fetch_optional(&mut *session)
            .await;
            session.settle(row)
        });
        Ok(row.await?.map(LogGrowth::from))
    }

    async fn revisions(
        &self,
        flows: &[FlowId],
        credentials: &[Credential],
        now: Timestamp,
    ) -> Result<Revisions, StoreError> {
        let mut asked =
            Asked { flows: flows.iter().map(|flow| flow.as_uuid()).collect(), ..Asked::default() };
        for credential in credentials {
            match credential {
                Credential::Session(session) => asked.sessions.push(session.as_uuid()),
                Credential::Key(key) => asked.keys.push(key.as_uuid()),
                Credential::Link(link) => asked.links.push(link.as_uuid()),
            }
        }
        let rows = self.call(READ_REVISIONS, read_revisions(self, &asked, now)).await?;
        let (heads, live): (Vec<_>, Vec<_>) = rows.into_iter().partition(|row| row.kind == FLOW);
        let live: HashSet<_> = live.into_iter().map(|row| row.credential()).collect();
        let asked: HashSet<_> = credentials.iter().copied().collect();
        Ok(Revisions {
            flows: heads.into_iter().map(FlowRevision::from).collect(),
            ended: asked.difference(&live).copied().collect(),
        })
    }

    async fn ping(&self) -> Result<(), StoreError> {
        let one = self.call("reach the database", async {
            let mut session = self.session().await?;
            let one = sqlx::query_scalar!(r#"select 1 as "one!""#).fetch_one(&mut *session).await;
            session.settle(one)
        });
        one.await.map(drop)
    }
}

/// The head and the snapshot in one row, and the updates after the snapshot in further
/// ones, all as of one moment because it is one statement.
async fn read_flow(store: &PostgresStore, flow: Uuid) -> Result<Vec<LogRow>, Failure> {
    let mut session = store.session().await?;
    let rows = sqlx::query_as!(
        LogRow,
        r#"
        with stand as materialized (
            select
                flow_heads.head_seq,
                flow_snapshots.seq as snapshot_seq,
                flow_snapshots.envelope
            from flow_heads
            left join flow_snapshots on flow_snapshots.flow_id = flow_heads.flow_id
            where flow_heads.flow_id = $1
        )
        select
            head_seq,
            snapshot_seq,
            null::bigint as seq,
            null::uuid as batch_id,
            null::uuid as actor_id,
            null::timestamptz as "created_at: Moment",
            envelope as bytes
        from stand
        union all
        select
            null,
            null,
            seq,
            batch_id,
            actor_id,
            created_at,
            update
        from flow_updates
        where flow_id = $1
            and seq > (select coalesce(snapshot_seq, 0) from stand)
            and seq <= (select head_seq from stand)
        "#,
        flow,
    )
    .fetch_all(&mut *session)
    .await;
    session.settle(rows)
}

/// The head in one row, and the updates after `after` up to `last` in further ones.
async fn read_updates(
    store: &PostgresStore,
    flow: Uuid,
    after: Seq,
    last: Seq,
) -> Result<Vec<LogRow>, Failure> {
    let mut session = store.session().await?;
    let rows = sqlx::query_as!(
        LogRow,
        r#"
        with stand as materialized (
            select head_seq
            from flow_heads
            where flow_id = $1
        )
        select
            head_seq,
            null::bigint as snapshot_seq,
            null::bigint as seq,
            null::uuid as batch_id,
            null::uuid as actor_id,
            null::timestamptz as "created_at: Moment",
            null::bytea as bytes
        from stand
        union all
        select
            null,
            null,
            seq,
            batch_id,
            actor_id,
            created_at,
            update
        from flow_updates
        where flow_id = $1
            and seq > $2
            and seq <= $3
            and seq <= (select head_seq from stand)
        "#,
        flow,
        position(after),
        position(last),
    )
    .fetch_all(&mut *session)
    .await;
    session.settle(rows)
}

/// What the revisions are asked about.
#[derive(Debug, Default)]
struct Asked {
    flows: Vec<Uuid>,
    sessions: Vec<Uuid>,
    keys: Vec<Uuid>,
    links: Vec<Uuid>,
}

async fn read_revisions(
    store: &PostgresStore,
    asked: &Asked,
    now: Timestamp,
) -> Result<Vec<RevisionRow>, Failure> {
    let mut session = store.session_first().await?;
    let rows = sqlx::query_as!(
        RevisionRow,
        r#"
        select
            0 as "kind!",
            flow_heads.flow_id as "id!",
            flow_heads.head_seq as "head_seq!",
            flow_heads.access_rev + workspaces.access_rev as "access_rev!"
        from flow_heads
        join flows on flows.id = flow_heads.flow_id
        join workspaces on workspaces.id = flows.workspace_id
        where flow_heads.flow_id = any($1)
        union all
        select
            1,
            id,
            0,
            0
        from sessions
        where id = any($2)
            and revoked_at is null
            and expires_at > $4
        union all
        select
            2,
            id,
            0,
            0
        from api_keys
        where id = any($3) and (expires_at is null or expires_at > $4)
        union all
        select
            3,
            id,
            0,
            0
        from flow_links
        where id = any($5) and (expires_at is null or expires_at > $4)
        "#,
        &asked.flows,
        &asked.sessions,
        &asked.keys,
        Moment(now) as Moment,
        &asked.links,
    )
    .fetch_all(&mut *session)
    .await;
    session.settle(rows)
}
