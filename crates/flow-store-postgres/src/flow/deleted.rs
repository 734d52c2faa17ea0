//! Flows that are deleted, and can be restored for a while.

use flow_base::{FlowId, Timestamp, UserId, WorkspaceId};
use flow_store::{AuditEvent, DeletedFlow, Origin, Quotas, StoreError};
use sqlx::PgConnection;

use super::member::raise_access_rev;
use crate::PostgresStore;
use crate::audit::{Chain, record};
use crate::error::Failure;
use crate::values::Moment;
use crate::workspace::quota::room_for_a_flow;

const LIST: &str = "list the deleted flows";

pub(super) async fn delete(store: &PostgresStore, flow: FlowId, by: &Origin) -> Result<bool, Failure> {
    let mut tx = store.begin().await?;
    let deleted = sqlx::query!(
        "update flows set deleted_at = $2 where id = $1 and deleted_at is null",
        flow.as_uuid(),
        Moment(by.at) as Moment,
    )
    .execute(&mut *tx)
    .await?;
    if deleted.rows_affected() == 0 {
        tx.undo().await;
        return Ok(false);
    }
    raise_access_rev(&mut tx, flow).await?;
    record(&mut tx, Chain::Flow(flow), &AuditEvent::FlowDeleted { flow }, by).await?;
    tx.commit().await?;
    Ok(true)
}

pub(super) async fn restore(
    store: &PostgresStore,
    flow: FlowId,
    (user, deleted_after): (UserId, Timestamp),
    quotas: &Quotas,
    by: &Origin,
) -> Result<bool, Failure> {
    let mut tx = store.begin().await?;
    let Some(workspace) = workspace_of(&mut tx, flow).await? else {
        tx.undo().await;
        return Ok(false);
    };
    // Locked before the flow, as by whoever moves or creates one. A deleted flow is moved
    // by nobody.
    let reason = room_for_a_flow(&mut tx, workspace, quotas).await?;
    if !undelete(&mut tx, flow, user, deleted_after).await? {
        tx.undo().await;
        return Ok(false);
    }
    if let Some(reason) = reason {
        return Err(tx.refuse(reason).await);
    }
    raise_access_rev(&mut tx, flow).await?;
    record(&mut tx, Chain::Workspace(workspace), &AuditEvent::FlowRestored { flow }, by).await?;
    tx.commit().await?;
    Ok(true)
}

async fn workspace_of(tx: &mut PgConnection, flow: FlowId) -> Result<Option<WorkspaceId>, sqlx::Error> {
    let found = sqlx::query_scalar!(
        "select workspace_id from flows where id = $1 and deleted_at is not null",
        flow.as_uuid(),
    )
    .fetch_optional(tx)
    .await?;
    Ok(found.map(WorkspaceId::from_uuid))
}

/// Answers whether the user owned it, and it was deleted, and not too long ago.
async fn undelete(
    tx: &mut PgConnection,
    flow: FlowId,
    user: UserId,
    deleted_after: Timestamp,
) -> Result<bool, sqlx::Error> {
    let restored = sqlx::query!(
        r#"
        update flows
        set deleted_at = null
        where id = $1
            and deleted_at > $3
            and (
                exists (
                    select 1
                    from flow_members
                    where flow_id = $1 and user_id = $2 and role = 'owner'
                )
                or exists (
                    select 1
                    from workspace_members
                    where workspace_id = flows.workspace_id and user_id = $2 and role = 'owner'
                )
            )
        "#,
        flow.as_uuid(),
        user.as_uuid(),
        Moment(deleted_after) as Moment,
    )
    .execute(tx)
    .await?;
    Ok(restored.rows_affected() == 1)
}

pub(super) async fn list(
    store: &PostgresStore,
    user: UserId,
    deleted_after: Timestamp,
    limit: u32,
) -> Result<Vec<DeletedFlow>, StoreError> {
    let rows = store.call(LIST, async {
        let mut session = store.session().await?;
        let rows = sqlx::query!(
            r#"
            select
                flows.id,
                flows.name,
                flows.deleted_at as "deleted_at!: Moment"
            from flows
            where flows.deleted_at > $2
                and flows.id in (
                    select flow_id from flow_members where user_id = $1 and role = 'owner'
                    union
                    select shared.id
                    from flows as shared
                    join workspace_members as own on own.workspace_id = shared.workspace_id
                    where own.user_id = $1 and own.role = 'owner'
                )
            order by flows.deleted_at desc, flows.id desc
            limit $3
            "#,
            user.as_uuid(),
            Moment(deleted_after) as Moment,
            i64::from(limit),
        )
        .fetch_all(&mut *session)
        .await;
        session.settle(rows)
    });
    let rows = rows.await?.into_iter();
    let flows = rows.map(|row| DeletedFlow {
        id: FlowId::from_uuid(row.id),
        name: row.name,
        deleted_at: row.deleted_at.0,
    });
    Ok(flows.collect())
}
