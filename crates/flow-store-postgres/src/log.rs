//! `flow_updates`, `flow_heads` and `flow_clients`.

mod append;
mod row;

use std::collections::HashSet;

use async_trait::async_trait;
use flow_base::{Credential, FlowId, Seq, SeqRange, Timestamp};
use flow_store::{
    FlowBatch, FlowRevision, LogGrowth, LogHead, LogStore, PageSize, Revisions, Snapshot, StoreError,
    StoredFlow, StoredUpdate, Writer, with_archived,
};
use uuid::Uuid;

use crate::PostgresStore;
use crate::error::Failure;
use crate::values::{Moment, position, seq};
use row::{FLOW, GrowthRow, HeadRow, LogRow, Page, RevisionRow, WriterRow, updates};

pub(crate) use row::UpdateRow;

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
        let (head, archived) = (seq(stand.head_seq), seq(stand.archived_seq));
        let snapshot = crate::snapshot::decode(flow, head, stand.snapshot_seq, stand.bytes.as_deref())?;
        let after = snapshot.as_ref().map_or(Seq::ZERO, |snapshot| snapshot.seq);
        let mut tail = updates(flow, (after.max(archived), head), PageSize::WHOLE, rows)?;
        if after < archived {
            tail = with_archived(self, flow, after, archived, tail).await?;
        }
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
                where flow_id = $1 and not is_purged
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
        page: PageSize,
    ) -> Result<Vec<StoredUpdate>, StoreError> {
        // What is brought back from the archive at this moment is found the second time.
        for _ in 0..2 {
            let read = self.call(READ_UPDATES, read_page(self, flow.as_uuid(), after, END, page)).await?;
            let read = read.ok_or(StoreError::UnknownFlow(flow))?;
            if read.archived <= after {
                return read.dense(flow, after);
            }
            let segment = self.segment_after(flow, after).await?;
            if let Some(segment) = segment.filter(|segment| segment.first <= after.next()) {
                return self.cold().page(flow, &segment, (after, segment.last), page).await;
            }
        }
        Err(StoreError::Damaged { flow, what: "a segment of the log is missing", source: None })
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
                    archived_seq,
                    log_bytes,
                    (
                        select octet_length(envelope)::bigint from flow_snapshots where flow_id = $1
                    ) as snapshot_bytes
                from flow_heads
                where flow_id = $1 and not is_purged
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
                flow_heads.archived_seq,
                flow_snapshots.seq as snapshot_seq,
                flow_snapshots.envelope
            from flow_heads
            left join flow_snapshots on flow_snapshots.flow_id = flow_heads.flow_id
            where flow_heads.flow_id = $1 and not flow_heads.is_purged
        )
        select
            head_seq,
            archived_seq,
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
            null,
            seq,
            batch_id,
            actor_id,
            created_at,
            update
        from flow_updates
        where flow_id = $1
            and seq > (select greatest(snapshot_seq, archived_seq) from stand)
            and seq <= (select head_seq from stand)
        "#,
        flow,
    )
    .fetch_all(&mut *session)
    .await;
    session.settle(rows)
}

/// Wherever the log ends.
const END: Seq = Seq(u64::MAX);

/// Where the log stands in one row, and as many of the updates after `after` up to `last` as
/// fit the page in further ones: none if those are archived. `None` when there is no such
/// flow.
pub(crate) async fn read_page(
    store: &PostgresStore,
    flow: Uuid,
    after: Seq,
    last: Seq,
    page: PageSize,
) -> Result<Option<Page>, Failure> {
    let mut session = store.session().await?;
    let rows = sqlx::query_as!(
        LogRow,
        r#"
        with
        stand as materialized (
            select
                head_seq,
                archived_seq
            from flow_heads
            where flow_id = $1 and not is_purged
        ),
        lengths as (
            select
                seq,
                octet_length(update) as bytes
            from flow_updates
            where flow_id = $1
                and seq > $2
                and seq <= $3
                and seq <= (select head_seq from stand)
                and (select archived_seq from stand) <= $2
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
            head_seq,
            archived_seq,
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
            null,
            flow_updates.seq,
            batch_id,
            actor_id,
            created_at,
            update
        from page
        join flow_updates on flow_updates.flow_id = $1 and flow_updates.seq = page.seq
        where page.before < $5 or page.before = 0
        "#,
        flow,
        position(after),
        position(last),
        i64::from(page.updates),
        i64::try_from(page.bytes).unwrap_or(i64::MAX),
    )
    .fetch_all(&mut *session)
    .await;
    let rows = session.settle(rows)?;
    let Some((stand, rows)) = LogRow::split(rows) else { return Ok(None) };
    let last = last.min(seq(stand.head_seq));
    Ok(Some(Page { archived: seq(stand.archived_seq), last, size: page, rows }))
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
