//! In which workspace a flow is.

use flow_base::{FlowId, Role, WorkspaceId};
use flow_store::{AuditEvent, Origin, Quotas, StoreError};
use sqlx::SqliteConnection;
use uuid::Uuid;

use super::member::require_owner;
use crate::SqliteStore;
use crate::audit::{Chain, record};
use crate::error::backend;
use crate::workspace::may;
use crate::workspace::quota::room_for_a_flow;

const MOVE: &str = "move the flow";

pub(super) async fn change(
    store: &SqliteStore,
    flow: FlowId,
    to: WorkspaceId,
    quotas: &Quotas,
    by: &Origin,
) -> Result<bool, StoreError> {
    let mut tx = store.begin_write().await.map_err(backend(MOVE))?;
    let from = place(&mut tx, flow).await.map_err(backend(MOVE))?;
    let from = from.ok_or(StoreError::UnknownFlow(flow))?;
    if from == to {
        return Ok(false);
    }
    require_owner(&mut tx, flow, by, MOVE).await?;
    if let Some(reason) = room_for_a_flow(&mut tx, to, quotas).await.map_err(backend(MOVE))? {
        return Err(reason);
    }
    may(&mut tx, to, Role::Editor, by, MOVE).await?;
    put(&mut tx, flow, from, to).await.map_err(backend(MOVE))?;
    for workspace in [from, to] {
        let event = AuditEvent::FlowMoved { flow, from, to };
        record(&mut tx, Chain::Workspace(workspace), &event, by).await.map_err(backend(MOVE))?;
    }
    tx.commit().await.map_err(backend(MOVE))?;
    Ok(true)
}

async fn place(tx: &mut SqliteConnection, flow: FlowId) -> Result<Option<WorkspaceId>, sqlx::Error> {
    let flow = flow.as_uuid();
    let place = sqlx::query_scalar!(
        r#"select workspace_id as "id: Uuid" from flows where id = ?1 and deleted_at is null"#,
        flow,
    )
    .fetch_optional(tx)
    .await?;
    Ok(place.map(WorkspaceId::from_uuid))
}

/// The revision of the flow's access, which is the sum of its own and its workspace's, only
/// ever grows.
async fn put(
    tx: &mut SqliteConnection,
    flow: FlowId,
    from: WorkspaceId,
    to: WorkspaceId,
) -> Result<(), sqlx::Error> {
    let (flow, from, to) = (flow.as_uuid(), from.as_uuid(), to.as_uuid());
    sqlx::query!("update flows set workspace_id = ?2 where id = ?1", flow, to).execute(&mut *tx).await?;
    sqlx::query!("update flow_members set workspace_id = ?2 where flow_id = ?1", flow, to)
        .execute(&mut *tx)
        .await?;
    sqlx::query!(
        r#"
        update flow_heads
        set
            access_rev = access_rev + 1 + max(
                0,
                (select access_rev from workspaces where id = ?2)
                - (select access_rev from workspaces where id = ?3)
            )
        where flow_id = ?1
        "#,
        flow,
        from,
        to,
    )
    .execute(&mut *tx)
    .await?;
    Ok(())
}
