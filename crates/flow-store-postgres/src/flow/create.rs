use flow_base::{BatchId, Role};
use flow_store::{Conflict, NewFlow, StoreError, search_words};

use crate::PostgresStore;
use crate::values::{Moment, length, text, texts};

const CREATE: &str = "create the flow";

/// One statement, and so one transaction, which writes nothing when the id is taken. What
/// it refers to is checked at its end, and the constraint that is violated tells what is
/// missing.
pub(super) async fn create(store: &PostgresStore, flow: &NewFlow) -> Result<(), StoreError> {
    let updates: Vec<&[u8]> = flow.updates.iter().map(|update| &update[..]).collect();
    let bytes = length(updates.iter().map(|update| update.len()).sum());
    let created = store
        .call(CREATE, async {
            let mut session = store.session().await?;
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
                insert into flow_members (flow_id, user_id, role)
                select
                    id,
                    $11,
                    $12
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
            .execute(&mut *session)
            .await;
            session.settle(created)
        })
        .await?;
    if created.rows_affected() == 0 {
        return Err(StoreError::Conflict(Conflict::FlowExists));
    }
    Ok(())
}
