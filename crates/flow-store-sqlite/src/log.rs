//! `flow_updates`, `flow_heads` and `flow_clients`.

mod append;
mod page;

use async_trait::async_trait;
use flow_base::{BatchId, Credential, FlowId, KeyId, LinkId, Seq, SeqRange, SessionId, Timestamp, UserId};
use flow_store::{
    FlowBatch, FlowRevision, LogGrowth, LogHead, LogStore, PageSize, Revisions, Snapshot, StoreError,
    StoredFlow, StoredUpdate, Writer, with_archived,
};
use serde_json::json;
use sqlx::SqliteConnection;
use uuid::Uuid;

pub(crate) use append::{Heads, Placed, write};
pub(crate) use page::updates;

use crate::SqliteStore;
use crate::error::{backend, micros};
use crate::segment::archived;

const LOAD: &str = "load the flow";
const READ_HEAD: &str = "read where the log ends";
const READ_UPDATES: &str = "read the log";
const READ_WRITERS: &str = "read the flow's writers";
const READ_GROWTH: &str = "read how large the flow is";
const READ_REVISIONS: &str = "read the revisions";

#[async_trait]
impl LogStore for SqliteStore {
    async fn append(&self, batches: &[FlowBatch]) -> Vec<Result<SeqRange, StoreError>> {
        append::append(self, batches).await
    }

    async fn load(&self, flow: FlowId) -> Result<Option<StoredFlow>, StoreError> {
        let mut tx = self.begin_read().await.map_err(backend(LOAD))?;
        let Some(head) = head(&mut tx, flow).await.map_err(backend(LOAD))? else { return Ok(None) };
        let archived = archived(&mut tx, flow).await.map_err(backend(LOAD))?.unwrap_or(Seq::ZERO);
        let snapshot = crate::snapshot::read(&mut tx, flow, head).await?;
        let after = snapshot.as_ref().map_or(Seq::ZERO, |snapshot| snapshot.seq);
        let mut tail = updates(&mut tx, flow, after.max(archived), head, PageSize::WHOLE, LOAD).await?;
        // Others may read while the archive answers.
        drop(tx);
        if after < archived {
            tail = with_archived(self, flow, after, archived, tail).await?;
        }
        Ok(Some(StoredFlow { head, snapshot, tail }))
    }

    async fn head(&self, flow: FlowId) -> Result<Option<LogHead>, StoreError> {
        let flow = flow.as_uuid();
        let row = sqlx::query_as!(
            HeadRow,
            r#"
            select
                head_seq,
                (
                    select batch_id
                    from flow_updates
                    where flow_updates.flow_id = flow_heads.flow_id and seq = head_seq
                ) as "batch_id: Uuid"
            from flow_heads
            where flow_id = ?1 and not is_purged
            "#,
            flow,
        )
        .fetch_optional(self.readers())
        .await
        .map_err(backend(READ_HEAD))?;
        Ok(row.map(LogHead::from))
    }

    async fn updates_after(
        &self,
        flow: FlowId,
        after: Seq,
        page: PageSize,
    ) -> Result<Vec<StoredUpdate>, StoreError> {
        // What is brought back from the archive at this moment is found the second time.
        for _ in 0..2 {
            let mut tx = self.begin_read().await.map_err(backend(READ_UPDATES))?;
            let head = head(&mut tx, flow).await.map_err(backend(READ_UPDATES))?;
            let head = head.ok_or(StoreError::UnknownFlow(flow))?;
            let archived = archived(&mut tx, flow).await.map_err(backend(READ_UPDATES))?;
            if archived.is_none_or(|archived| archived <= after) {
                return updates(&mut tx, flow, after, head, page, READ_UPDATES).await;
            }
            drop(tx);
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
        let rows = sqlx::query_as!(
            WriterRow,
            r#"
            select
                client_id,
                user_id as "user_id: Uuid"
            from flow_clients
            where flow_id = ?1
            order by client_id
            "#,
            flow,
        )
        .fetch_all(self.readers())
        .await
        .map_err(backend(READ_WRITERS))?;
        Ok(rows.into_iter().map(Writer::from).collect())
    }

    async fn growth(&self, flow: FlowId) -> Result<Option<LogGrowth>, StoreError> {
        let flow = flow.as_uuid();
        let row = sqlx::query_as!(
            GrowthRow,
            r#"
            select
                head_seq,
                archived_seq,
                log_bytes,
                (
                    select length(envelope) from flow_snapshots where flow_id = ?1
                ) as "snapshot_bytes: i64"
            from flow_heads
            where flow_id = ?1 and not is_purged
            "#,
            flow,
        )
        .fetch_optional(self.readers())
        .await
        .map_err(backend(READ_GROWTH))?;
        Ok(row.map(LogGrowth::from))
    }

    async fn revisions(
        &self,
        flows: &[FlowId],
        credentials: &[Credential],
        now: Timestamp,
    ) -> Result<Revisions, StoreError> {
        let flow_ids = json!(flows.iter().map(|flow| hex(flow.as_uuid())).collect::<Vec<_>>()).to_string();
        let (mut session_ids, mut key_ids, mut link_ids) = (Vec::new(), Vec::new(), Vec::new());
        for credential in credentials {
            match credential {
                Credential::Session(session) => session_ids.push(hex(session.as_uuid())),
                Credential::Key(key) => key_ids.push(hex(key.as_uuid())),
                Credential::Link(link) => link_ids.push(hex(link.as_uuid())),
            }
        }
        let (session_ids, key_ids) = (json!(session_ids).to_string(), json!(key_ids).to_string());
        let link_ids = json!(link_ids).to_string();
        let now = micros(now);
        // Each row costs two threads a word: of the sessions, keys and links only those that have
        // ended, which are few.
        let rows = sqlx::query_as!(
            RevisionRow,
            r#"
            select
                0 as "kind!: i64",
                flow_heads.flow_id as "id!: Uuid",
                flow_heads.head_seq as "head_seq!: i64",
                flow_heads.access_rev + workspaces.access_rev as "access_rev!: i64"
            from flow_heads
            join flows on flows.id = flow_heads.flow_id
            join workspaces on workspaces.id = flows.workspace_id
            where flow_heads.flow_id in (select unhex(value) from json_each(?1))
            union all
            select
                1,
                unhex(asked.value),
                0,
                0
            from json_each(?2) as asked
            where not exists (
                select 1
                from sessions
                where id = unhex(asked.value)
                    and revoked_at is null
                    and expires_at > ?4
            )
            union all
            select
                2,
                unhex(asked.value),
                0,
                0
            from json_each(?3) as asked
            where not exists (
                select 1
                from api_keys
                where id = unhex(asked.value) and (expires_at is null or expires_at > ?4)
            )
            union all
            select
                3,
                unhex(asked.value),
                0,
                0
            from json_each(?5) as asked
            where not exists (
                select 1
                from flow_links
                where id = unhex(asked.value) and (expires_at is null or expires_at > ?4)
            )
            "#,
            flow_ids,
            session_ids,
            key_ids,
            now,
            link_ids,
        )
        .fetch_all(self.readers())
        .await
        .map_err(backend(READ_REVISIONS))?;

        let mut revisions = Revisions::default();
        for row in rows {
            match row.kind {
                FLOW => revisions.flows.push(FlowRevision::from(row)),
                SESSION => revisions.ended.push(Credential::Session(SessionId::from_uuid(row.id))),
                KEY => revisions.ended.push(Credential::Key(KeyId::from_uuid(row.id))),
                _ => revisions.ended.push(Credential::Link(LinkId::from_uuid(row.id))),
            }
        }
        Ok(revisions)
    }

    async fn ping(&self) -> Result<(), StoreError> {
        sqlx::query_scalar!(r#"select 1 as "one!: i64""#)
            .fetch_one(self.readers())
            .await
            .map_err(backend("reach the database"))?;
        Ok(())
    }
}

/// The flow's newest position; `None` when it was never created.
pub(crate) async fn head(tx: &mut SqliteConnection, flow: FlowId) -> Result<Option<Seq>, sqlx::Error> {
    let flow = flow.as_uuid();
    let head =
        sqlx::query_scalar!("select head_seq from flow_heads where flow_id = ?1 and not is_purged", flow)
            .fetch_optional(tx)
            .await?;
    Ok(head.map(seq))
}

struct HeadRow {
    head_seq: i64,
    batch_id: Option<Uuid>,
}

impl From<HeadRow> for LogHead {
    fn from(row: HeadRow) -> Self {
        Self { seq: seq(row.head_seq), batch: row.batch_id.map(BatchId::from_uuid) }
    }
}

struct WriterRow {
    client_id: i64,
    user_id: Uuid,
}

impl From<WriterRow> for Writer {
    fn from(row: WriterRow) -> Self {
        Self { client_id: row.client_id.cast_unsigned(), user: UserId::from_uuid(row.user_id) }
    }
}

struct GrowthRow {
    head_seq: i64,
    archived_seq: i64,
    log_bytes: i64,
    snapshot_bytes: Option<i64>,
}

impl From<GrowthRow> for LogGrowth {
    fn from(row: GrowthRow) -> Self {
        Self {
            updates: row.head_seq.cast_unsigned(),
            update_bytes: row.log_bytes.cast_unsigned(),
            archived_updates: row.archived_seq.cast_unsigned(),
            snapshot_bytes: row.snapshot_bytes.unwrap_or(0).cast_unsigned(),
        }
    }
}

/// What a row of the revisions is about, as the query numbers it; otherwise a link.
const FLOW: i64 = 0;
const SESSION: i64 = 1;
const KEY: i64 = 2;

struct RevisionRow {
    kind: i64,
    id: Uuid,
    head_seq: i64,
    access_rev: i64,
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

/// A position from a column, all of which are checked not to be negative.
pub(crate) fn seq(value: i64) -> Seq {
    Seq(value.cast_unsigned())
}

/// A position for a column. None that the log has is cut: 2^63 updates do not fit a disk.
pub(crate) fn position(seq: Seq) -> i64 {
    i64::try_from(seq.0).unwrap_or(i64::MAX)
}

/// An id as JSON carries it to `unhex`.
fn hex(id: Uuid) -> String {
    id.simple().to_string()
}
