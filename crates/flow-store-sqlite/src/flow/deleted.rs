//! Flows that were deleted and can still be restored.

use flow_base::{FlowId, Timestamp, UserId};
use flow_store::{DeletedFlow, StoreError};
use uuid::Uuid;

use super::raise_access_rev;
use crate::SqliteStore;
use crate::error::{Unreadable, backend, micros, moment, unreadable};

const RESTORE: &str = "restore the flow";
const LIST: &str = "list the deleted flows";

pub(super) async fn restore(
    store: &SqliteStore,
    flow: FlowId,
    user: UserId,
    deleted_after: Timestamp,
) -> Result<bool, StoreError> {
    let (id, user, after) = (flow.as_uuid(), user.as_uuid(), micros(deleted_after));
    let mut tx = store.begin_write().await.map_err(backend(RESTORE))?;
    let restored = sqlx::query!(
        r#"
        update flows
        set deleted_at = null
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
    .execute(&mut *tx)
    .await
    .map_err(backend(RESTORE))?;
    if restored.rows_affected() == 0 {
        return Ok(false);
    }
    raise_access_rev(&mut tx, flow).await.map_err(backend(RESTORE))?;
    tx.commit().await.map_err(backend(RESTORE))?;
    Ok(true)
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
