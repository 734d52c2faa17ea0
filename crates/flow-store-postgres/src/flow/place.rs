//! In which workspace a flow is.

use flow_base::{FlowId, Role, WorkspaceId};
use flow_store::{AuditEvent, Conflict, Origin, Quotas, StoreError};
use sqlx::PgConnection;

use super::member::{lock as lock_flow, owns};
use crate::PostgresStore;
use crate::account::keep_user;
use crate::audit::{Chain, record};
use crate::error::Failure;
use crate::workspace::may;
use crate::workspace::quota::{lock, room_for_a_flow};

pub(super) async fn change(
    store: &PostgresStore,
    flow: FlowId,
    to: WorkspaceId,
    quotas: &Quotas,
    by: &Origin,
) -> Result<bool, Failure> {
    let mut tx = store.begin().await?;
    if let Some(user) = by.user {
        keep_user(&mut tx, user).await?;
    }
    let Some(from) = place(&mut tx, flow).await? else {
        return Err(tx.refuse(StoreError::UnknownFlow(flow)).await);
    };
    if from == to {
        tx.undo().await;
        return Ok(false);
    }
    // In the order of their ids, so that two who move at once do not wait for each other.
    let reason = if from < to {
        lock(&mut tx, from, quotas).await?;
        room_for_a_flow(&mut tx, to, quotas).await?
    } else {
        let reason = room_for_a_flow(&mut tx, to, quotas).await?;
        lock(&mut tx, from, quotas).await?;
        reason
    };
    if let Some(reason) = reason {
        return Err(tx.refuse(reason).await);
    }
    if !is_allowed(&mut tx, flow, to, by).await? {
        return Err(tx.refuse(StoreError::Conflict(Conflict::NotAllowed)).await);
    }
    if !put(&mut tx, flow, from, to).await? {
        // Somebody else has moved or deleted it meanwhile.
        return Err(tx.refuse(StoreError::UnknownFlow(flow)).await);
    }
    for workspace in [from.min(to), from.max(to)] {
        record(&mut tx, Chain::Workspace(workspace), &AuditEvent::FlowMoved { flow, from, to }, by).await?;
    }
    tx.commit().await?;
    Ok(true)
}

/// Whether whoever moves it owns it, and may make flows where it goes. Both workspaces are
/// locked, and after them the flow: roles stay as they are read.
async fn is_allowed(
    tx: &mut PgConnection,
    flow: FlowId,
    to: WorkspaceId,
    by: &Origin,
) -> Result<bool, Failure> {
    let Some(user) = by.user else { return Ok(true) };
    lock_flow(tx, flow).await?;
    Ok(owns(tx, flow, user).await? && may(tx, to, Role::Editor, by).await?)
}

async fn place(tx: &mut PgConnection, flow: FlowId) -> Result<Option<WorkspaceId>, sqlx::Error> {
    let place = sqlx::query_scalar!(
        "select workspace_id from flows where id = $1 and deleted_at is null",
        flow.as_uuid(),
    )
    .fetch_optional(tx)
    .await?;
    Ok(place.map(WorkspaceId::from_uuid))
}

/// Answers whether it was still there. The revision of its access, which is the sum of its
/// own and its workspace's, only ever grows.
async fn put(
    tx: &mut PgConnection,
    flow: FlowId,
    from: WorkspaceId,
    to: WorkspaceId,
) -> Result<bool, sqlx::Error> {
    let moved = sqlx::query!(
        r#"
        with moved as (
            update flows
            set workspace_id = $3
            where id = $1 and workspace_id = $2 and deleted_at is null
            returning id
        ),
        members as (
            update flow_members
            set workspace_id = $3
            from moved
            where flow_members.flow_id = moved.id
        ),
        lost as (
            select greatest(left_behind.access_rev - found.access_rev, 0) as revisions
            from workspaces as left_behind
            cross join workspaces as found
            where left_behind.id = $2 and found.id = $3
        )
        update flow_heads
        set access_rev = flow_heads.access_rev + 1 + lost.revisions
        from moved
        cross join lost
        where flow_heads.flow_id = moved.id
        "#,
        flow.as_uuid(),
        from.as_uuid(),
        to.as_uuid(),
    )
    .execute(tx)
    .await?;
    Ok(moved.rows_affected() == 1)
}
