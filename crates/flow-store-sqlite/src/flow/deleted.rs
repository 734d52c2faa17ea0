//! Flows that are deleted, and can be restored for a while.

use flow_base::{FlowId, Timestamp, UserId, WorkspaceId};
use flow_store::{AuditEvent, DeletedFlow, Origin, Quotas, StoreError};
use sqlx::SqliteConnection;
use uuid::Uuid;

use super::raise_access_rev;
use crate::SqliteStore;
use crate::audit::{Chain, record};
use crate::error::{Unreadable, backend, micros, moment, unreadable};
use crate::workspace::quota::room_for_a_flow;

const DELETE: &str = "delete the flow";
const RESTORE: &str = "restore the flow";
const LIST: &str = "list the deleted flows";

pub(super) async fn delete(store: &SqliteStore, flow: FlowId, by: &Origin) -> Result<bool, StoreError> {
    let (id, now) = (flow.as_uuid(), micros(by.at));
    let mut tx = store.begin_write().await.map_err(backend(DELETE))?;
    let deleted =
        sqlx::query!("update flows set deleted_at = ?2 where id = ?1 and deleted_at is null", id, now)
            .execute(&mut *tx)
            .await
            .map_err(backend(DELETE))?;
    if deleted.rows_affected() == 0 {
        return Ok(false);
    }
    raise_access_rev(&mut tx, flow).await.map_err(backend(DELETE))?;
    let event = AuditEvent::FlowDeleted { flow };
    record(&mut tx, Chain::Flow(flow), &event, by).await.map_err(backend(DELETE))?;
    tx.commit().await.map_err(backend(DELETE))?;
    Ok(true)
}

pub(super) async fn restore(
    store: &SqliteStore,
    flow: FlowId,
    (user, deleted_after): (UserId, Timestamp),
    quotas: &Quotas,
    by: &Origin,
) -> Result<bool, StoreError> {
    let mut tx = store.begin_write().await.map_err(backend(RESTORE))?;
    let restored = undelete(&mut tx, flow, user, deleted_after, quotas).await.map_err(backend(RESTORE))?;
    match restored {
        Undeleted::No => return Ok(false),
        Undeleted::Refused(reason) => return Err(reason),
        Undeleted::Yes => {}
    }
    raise_access_rev(&mut tx, flow).await.map_err(backend(RESTORE))?;
    let event = AuditEvent::FlowRestored { flow };
    record(&mut tx, Chain::Flow(flow), &event, by).await.map_err(backend(RESTORE))?;
    tx.commit().await.map_err(backend(RESTORE))?;
    Ok(true)
}

enum Undeleted {
    Yes,
    /// The user did not own it, or it was not deleted, or too long ago.
    No,
    Refused(StoreError),
}

async fn undelete(
    tx: &mut SqliteConnection,
    flow: FlowId,
    user: UserId,
    deleted_after: Timestamp,
    quotas: &Quotas,
) -> Result<Undeleted, sqlx::Error> {
    let (id, user, after) = (flow.as_uuid(), user.as_uuid(), micros(deleted_after));
    let workspace = sqlx::query_scalar!(
        r#"
        select workspace_id as "id: Uuid"
        from flows
        where id = ?1
            and deleted_at > ?3
            and (
                exists (
                    select 1
                    from flow_members
                    where flow_id = ?1 and user_id = ?2 and role = 'owner'
                )
                or exists (
                    select 1
                    from workspace_members
                    where workspace_id = flows.workspace_id and user_id = ?2 and role = 'owner'
                )
            )
        "#,
        id,
        user,
        after,
    )
    .fetch_optional(&mut *tx)
    .await?;
    let Some(workspace) = workspace.map(WorkspaceId::from_uuid) else { return Ok(Undeleted::No) };
    if let Some(reason) = room_for_a_flow(tx, workspace, quotas).await? {
        return Ok(Undeleted::Refused(reason));
    }
    sqlx::query!("update flows set deleted_at = null where id = ?1", id).execute(tx).await?;
    Ok(Undeleted::Yes)
}

pub(super) async fn list(
    store: &SqliteStore,
    user: UserId,
    deleted_after: Timestamp,
    limit: u32,
) -> Result<Vec<DeletedFlow>, StoreError> {
    let (user, after, limit) = (user.as_uuid(), micros(deleted_after), i64::from(limit));
    let rows = sqlx::query!(
        r#"
        select
            flows.id as "id: Uuid",
            flows.name,
            flows.deleted_at as "deleted_at!"
        from flows
        where flows.deleted_at > ?2
            and flows.id in (
                select flow_id from flow_members where user_id = ?1 and role = 'owner'
                union
                select shared.id
                from flows as shared
                join workspace_members as own on own.workspace_id = shared.workspace_id
                where own.user_id = ?1 and own.role = 'owner'
            )
        order by flows.deleted_at desc, flows.id desc
        limit ?3
        "#,
        user,
        after,
        limit,
    )
    .fetch_all(store.readers())
    .await
    .map_err(backend(LIST))?;
    let flows = rows.into_iter().map(|row| {
        let deleted_at = moment(row.deleted_at)?;
        Ok(DeletedFlow { id: FlowId::from_uuid(row.id), name: row.name, deleted_at })
    });
    flows.collect::<Result<_, Unreadable>>().map_err(unreadable(LIST))
}
