//! `flow_purges`, and the end of everything of a flow.

use async_trait::async_trait;
use flow_base::{FlowId, Timestamp, WorkspaceId};
use flow_store::{AuditEvent, Origin, PURGED_BYTES, PURGED_ROWS, Purge, PurgePart, PurgeStore, StoreError};
use sqlx::SqliteConnection;
use uuid::Uuid;

use crate::SqliteStore;
use crate::audit::{Chain, record};
use crate::error::{Unreadable, backend, micros, moment, unreadable};
use crate::{run, run_file, test_result};

const BEGIN: &str = "begin to purge a flow";
const PART: &str = "purge a part of the flow";
const LIST: &str = "list the purges";
const END: &str = "end the purge";

#[async_trait]
impl PurgeStore for SqliteStore {
    async fn begin_purge(
        &self,
        deleted_before: Timestamp,
        by: &Origin,
    ) -> Result<Option<FlowId>, StoreError> {
        let mut tx = self.begin_write().await.map_err(backend(BEGIN))?;
        let Some((flow, workspace)) = first(&mut tx, deleted_before).await.map_err(backend(BEGIN))? else {
            return Ok(None);
        };
        condemn(&mut tx, flow, by).await.map_err(backend(BEGIN))?;
        let event = AuditEvent::FlowPurged { flow };
        record(&mut tx, Chain::Workspace(workspace), &event, by).await.map_err(backend(BEGIN))?;
        tx.commit().await.map_err(backend(BEGIN))?;
        Ok(Some(flow))
    }

    async fn purge_part(&self, flow: FlowId) -> Result<PurgePart, StoreError> {
        let mut tx = self.begin_write().await.map_err(backend(PART))?;
        if !is_begun(&mut tx, flow).await.map_err(backend(PART))? {
            return Ok(PurgePart::NotOurs);
        }
        let is_left = part(&mut tx, flow).await.map_err(backend(PART))?;
        if !is_left {
            end(&mut tx, flow).await.map_err(backend(PART))?;
        }
        tx.commit().await.map_err(backend(PART))?;
        Ok(if is_left { PurgePart::More } else { PurgePart::Emptied })
    }

    async fn purges(&self, after: Option<FlowId>, limit: u32) -> Result<Vec<Purge>, StoreError> {
        let after = after.map(FlowId::as_uuid);
        let rows = sqlx::query!(
            r#"
            select
                flow_id as "flow_id: Uuid",
                began_at,
                has_archive as "has_archive: bool",
                is_emptied as "is_emptied: bool"
            from flow_purges
            where ?1 is null or flow_id > ?1
            order by flow_id
            limit ?2
            "#,
            after,
            limit,
        )
        .fetch_all(self.readers())
        .await
        .map_err(backend(LIST))?;
        let purges = rows.into_iter().map(|row| {
            Ok(Purge {
                flow: FlowId::from_uuid(row.flow_id),
                began_at: moment(row.began_at)?,
                has_archive: row.has_archive,
                is_emptied: row.is_emptied,
            })
        });
        purges.collect::<Result<_, Unreadable>>().map_err(unreadable(LIST))
    }

    async fn end_purge(&self, flow: FlowId) -> Result<bool, StoreError> {
        let flow = flow.as_uuid();
        let mut connection = self.write().await.map_err(backend(END))?;
        let ended = sqlx::query!("delete from flow_purges where flow_id = ?1 and is_emptied", flow)
            .execute(&mut *connection)
            .await
            .map_err(backend(END))?;
        Ok(ended.rows_affected() == 1)
    }
}

/// The flow that was deleted first.
async fn first(
    tx: &mut SqliteConnection,
    deleted_before: Timestamp,
) -> Result<Option<(FlowId, WorkspaceId)>, sqlx::Error> {
    let before = micros(deleted_before);
    let row = sqlx::query!(
        r#"
        select
            id as "id: Uuid",
            workspace_id as "workspace_id: Uuid"
        from flows
        where deleted_at > 0 and deleted_at <= ?1
        order by deleted_at, id
        limit 1
        "#,
        before,
    )
    .fetch_optional(tx)
    .await?;
    Ok(row.map(|row| (FlowId::from_uuid(row.id), WorkspaceId::from_uuid(row.workspace_id))))
}

/// From now on there is no such flow, to this release and to the one before.
async fn condemn(tx: &mut SqliteConnection, flow: FlowId, by: &Origin) -> Result<(), sqlx::Error> {
    forget_words(tx).await?;
    let (flow, at) = (flow.as_uuid(), micros(by.at));
    sqlx::query!(
        r#"
        update flows
        set
            deleted_at = 0,
            name = '',
            description = '',
            tags = '[]',
            search = '',
            slug = null
        where id = ?1
        "#,
        flow,
    )
    .execute(&mut *tx)
    .await?;
    sqlx::query!("update flow_heads set is_purged = 1, access_rev = access_rev + 1 where flow_id = ?1", flow)
        .execute(&mut *tx)
        .await?;
    sqlx::query!(
        r#"
        insert into flow_purges (flow_id, began_at, has_archive)
        select
            flow_id,
            ?2,
            archived_seq > 0
        from flow_heads
        where flow_id = ?1
        "#,
        flow,
        at,
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// What is taken out of the search index from now on is removed from it, and not only marked
/// as removed. The setting stays; it is not checked, because it is no column.
async fn forget_words(tx: &mut SqliteConnection) -> Result<(), sqlx::Error> {
    sqlx::query("insert into flow_search (flow_search, rank) values ('secure-delete', 1)")
        .execute(tx)
        .await?;
    Ok(())
}

async fn is_begun(tx: &mut SqliteConnection, flow: FlowId) -> Result<bool, sqlx::Error> {
    let flow = flow.as_uuid();
    sqlx::query_scalar!(
        r#"
        select exists (
            select 1 from flow_purges where flow_id = ?1 and not is_emptied
        ) as "exists!: bool"
        "#,
        flow,
    )
    .fetch_one(tx)
    .await
}

/// Answers whether there was anything to remove.
async fn part(tx: &mut SqliteConnection, flow: FlowId) -> Result<bool, sqlx::Error> {
    Ok(updates(tx, flow).await? > 0
        || versions(tx, flow).await? > 0
        || quarantine(tx, flow).await? > 0
        || run_file::purge(tx, flow).await? > 0
        || run::purge(tx, flow).await? > 0
        || test_result::purge(tx, flow).await? > 0
        || rest(tx, flow).await? > 0)
}

/// How long bytes are is told without reading them.
async fn updates(tx: &mut SqliteConnection, flow: FlowId) -> Result<u64, sqlx::Error> {
    let (flow, bytes) = (flow.as_uuid(), bytes());
    let removed = sqlx::query!(
        r#"
        delete from flow_updates
        where flow_id = ?1
            and seq <= (
                select max(seq)
                from (
                    select
                        seq,
                        sum(bytes) over (order by seq) - bytes as before
                    from (
                        select
                            seq,
                            length("update") as bytes
                        from flow_updates
                        where flow_id = ?1
                        order by seq
                        limit ?2
                    )
                )
                where before < ?3
            )
        "#,
        flow,
        PURGED_ROWS,
        bytes,
    )
    .execute(tx)
    .await?;
    Ok(removed.rows_affected())
}

async fn versions(tx: &mut SqliteConnection, flow: FlowId) -> Result<u64, sqlx::Error> {
    let (flow, bytes) = (flow.as_uuid(), bytes());
    let removed = sqlx::query!(
        r#"
        delete from flow_versions
        where flow_id = ?1
            and number <= (
                select max(number)
                from (
                    select
                        number,
                        sum(bytes) over (order by number) - bytes as before
                    from (
                        select
                            number,
                            length(content) as bytes
                        from flow_versions
                        where flow_id = ?1
                        order by number
                        limit ?2
                    )
                )
                where before < ?3
            )
        "#,
        flow,
        PURGED_ROWS,
        bytes,
    )
    .execute(tx)
    .await?;
    Ok(removed.rows_affected())
}

async fn quarantine(tx: &mut SqliteConnection, flow: FlowId) -> Result<u64, sqlx::Error> {
    let (flow, most) = (flow.as_uuid(), bytes());
    let removed = sqlx::query!(
        r#"
        delete from flow_quarantine
        where flow_id = ?1
            and id <= (
                select max(id)
                from (
                    select
                        id,
                        sum(bytes) over (order by id) - bytes as before
                    from (
                        select
                            id,
                            length(bytes) as bytes
                        from flow_quarantine
                        where flow_id = ?1
                        order by id
                        limit ?2
                    )
                )
                where before < ?3
            )
        "#,
        flow,
        PURGED_ROWS,
        most,
    )
    .execute(tx)
    .await?;
    Ok(removed.rows_affected())
}

/// What has small rows, and the one snapshot.
async fn rest(tx: &mut SqliteConnection, flow: FlowId) -> Result<u64, sqlx::Error> {
    let flow = flow.as_uuid();
    let snapshots = sqlx::query!("delete from flow_snapshots where flow_id = ?1", flow);
    let mut removed = snapshots.execute(&mut *tx).await?.rows_affected();
    let clients = sqlx::query!(
        r#"
        delete from flow_clients
        where flow_id = ?1
            and client_id in (
                select client_id from flow_clients where flow_id = ?1 order by client_id limit ?2
            )
        "#,
        flow,
        PURGED_ROWS,
    );
    removed += clients.execute(&mut *tx).await?.rows_affected();
    let segments = sqlx::query!(
        r#"
        delete from flow_segments
        where flow_id = ?1
            and last_seq in (
                select last_seq from flow_segments where flow_id = ?1 order by last_seq limit ?2
            )
        "#,
        flow,
        PURGED_ROWS,
    );
    removed += segments.execute(&mut *tx).await?.rows_affected();
    let members = sqlx::query!(
        r#"
        delete from flow_members
        where flow_id = ?1
            and user_id in (
                select user_id from flow_members where flow_id = ?1 order by user_id limit ?2
            )
        "#,
        flow,
        PURGED_ROWS,
    );
    removed += members.execute(&mut *tx).await?.rows_affected();
    let links = sqlx::query!("delete from flow_links where flow_id = ?1", flow);
    Ok(removed + links.execute(tx).await?.rows_affected())
}

/// The flow itself.
async fn end(tx: &mut SqliteConnection, flow: FlowId) -> Result<(), sqlx::Error> {
    let flow = flow.as_uuid();
    sqlx::query!(
        "delete from flow_search where rowid = (select id from flow_search_ids where flow_id = ?1)",
        flow
    )
    .execute(&mut *tx)
    .await?;
    sqlx::query!("delete from flow_search_ids where flow_id = ?1", flow).execute(&mut *tx).await?;
    sqlx::query!("delete from flow_heads where flow_id = ?1", flow).execute(&mut *tx).await?;
    sqlx::query!("delete from flows where id = ?1", flow).execute(&mut *tx).await?;
    sqlx::query!("update flow_purges set is_emptied = 1 where flow_id = ?1", flow).execute(tx).await?;
    Ok(())
}

fn bytes() -> i64 {
    i64::try_from(PURGED_BYTES).expect("some megabytes fit")
}
