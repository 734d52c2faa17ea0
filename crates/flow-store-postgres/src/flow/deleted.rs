//! Flows that were deleted and can still be restored.

use flow_base::{FlowId, Timestamp, UserId};
use flow_store::{DeletedFlow, StoreError};

use crate::PostgresStore;
use crate::values::Moment;

const RESTORE: &str = "restore the flow";
const LIST: &str = "list the deleted flows";

pub(super) async fn restore(
    store: &PostgresStore,
    flow: FlowId,
    user: UserId,
    deleted_after: Timestamp,
) -> Result<bool, StoreError> {
    let restored = store.call(RESTORE, async {
        let mut session = store.session().await?;
        let restored = sqlx::query!(
            r#"
            with restored as (
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
                returning id
            )
            update flow_heads
            set access_rev = access_rev + 1
            from restored
            where flow_heads.flow_id = restored.id
            "#,
            flow.as_uuid(),
            user.as_uuid(),
            Moment(deleted_after) as Moment,
        )
        .execute(&mut *session)
        .await;
        session.settle(restored)
    });
    Ok(restored.await?.rows_affected() == 1)
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
