use flow_base::{BatchId, Role};
use flow_store::{AuditEvent, Conflict, NewFlow, Origin, Quotas, StoreError, search_words};
use sqlx::PgConnection;

use crate::PostgresStore;
use crate::account::keep_user;
use crate::audit::{Chain, record};
use crate::error::Failure;
use crate::values::{Moment, length, text, texts};
use crate::workspace::may;
use crate::workspace::quota::room_for_a_flow;

const CREATE: &str = "create the flow";

pub(super) async fn create(
    store: &PostgresStore,
    flow: &NewFlow,
    quotas: &Quotas,
    by: &Origin,
) -> Result<(), StoreError> {
    store.call(CREATE, try_create(store, flow, quotas, by)).await
}

async fn try_create(
    store: &PostgresStore,
    flow: &NewFlow,
    quotas: &Quotas,
    by: &Origin,
) -> Result<(), Failure> {
    let mut tx = store.begin().await?;
    if !keep_user(&mut tx, flow.owner).await? {
        return Err(tx.refuse(StoreError::Conflict(Conflict::UnknownUser)).await);
    }
    if let Some(reason) = room_for_a_flow(&mut tx, flow.workspace, quotas).await? {
        return Err(tx.refuse(reason).await);
    }
    if !may(&mut tx, flow.workspace, Role::Editor, by).await? {
        return Err(tx.refuse(StoreError::Conflict(Conflict::NotAllowed)).await);
    }
    let inserted = insert(&mut tx, flow).await;
    let (mut tx, is_free) = tx.go_on(inserted).await?;
    if !is_free {
        return Err(tx.refuse(StoreError::Conflict(Conflict::FlowExists)).await);
    }
    let event = AuditEvent::FlowCreated { flow: flow.id };
    record(&mut tx, Chain::Workspace(flow.workspace), &event, by).await?;
    tx.commit().await
}

/// One statement, which writes nothing when the id is taken: then the answer is no. What it
/// refers to is checked at its end, and the constraint that is violated tells what is
/// missing.
async fn insert(tx: &mut PgConnection, flow: &NewFlow) -> Result<bool, sqlx::Error> {
    let updates: Vec<&[u8]> = flow.updates.iter().map(|update| &update[..]).collect();
    let bytes = length(updates.iter().map(|update| update.len()).sum());
    let created = sqlx::query!(
                r#"
                with created as (
                    insert into flows (
                        id, workspace_id, name, description, tags, created_at, updated_at, projected_seq, search
                    )
                    values ($1, $2, $3, $4, $5, $6, $6, $7, array_to_tsvector($13))
                    on conflict (id) do nothing
                    returning id
                ),
                headed as (
                    insert into flow_heads (flow_id, head_seq, access_rev, log_bytes)
                    select
                        id,
                        $7,
                        1,
                        $8
                    from created
                    returning flow_id
                ),
                logged as (
                    insert into flow_updates (flow_id, seq, batch_id, batch_updates, created_at, update)
                    select
                        headed.flow_id,
                        update.seq,
                        $9,
                        case update.seq when 1 then $7 end,
                        $6,
                        update.bytes
                    from headed
                    cross join unnest($10::bytea[]) with ordinality as update (bytes, seq)
                )
                insert into flow_members (flow_id, user_id, role, workspace_id)
                select
                    id,
                    $11,
                    $12,
                    $2

                from created
                "#,
                flow.id.as_uuid(),
                flow.workspace.as_uuid(),
                &*text(&flow.name),
                &*text(&flow.description),
                &texts(&flow.tags),
                Moment(flow.created_at) as Moment,
                length(flow.updates.len()),
                bytes,
                BatchId::generate().as_uuid(),
                &updates as &[&[u8]],
                flow.owner.as_uuid(),
                Role::Owner.as_str(),
                &search_words(&flow.name, &flow.description, &flow.tags),
    )
    .execute(tx)
    .await?;
    Ok(created.rows_affected() > 0)
}
