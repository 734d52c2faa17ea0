//! Stretches of a log, without holes.

use flow_base::{ActorId, BatchId, FlowId, Seq, UserId};
use flow_store::{PageSize, StoreError, StoredUpdate};
use sqlx::SqliteConnection;
use uuid::Uuid;

use super::{position, seq};
use crate::error::{Unreadable, backend, moment};

/// As many of the updates after `after` up to `last` as fit the page, or the news that one
/// is missing.
pub(crate) async fn updates(
    tx: &mut SqliteConnection,
    flow: FlowId,
    after: Seq,
    last: Seq,
    page: PageSize,
    action: &'static str,
) -> Result<Vec<StoredUpdate>, StoreError> {
    if after >= last {
        return Ok(Vec::new());
    }
    let upto = Seq(after.0.saturating_add(page.updates.into())).min(last);
    let rows = if page.bytes == u64::MAX {
        rows_between(tx, flow, after, upto).await
    } else {
        rows_of_page(tx, flow, after, upto, page).await
    };
    let rows = rows.map_err(backend(action))?;
    let damaged = |what, source| StoreError::Damaged { flow, what, source };
    let updates = rows.into_iter().map(StoredUpdate::try_from).collect::<Result<Vec<_>, Unreadable>>();
    let updates =
        updates.map_err(|error| damaged("an update of the log cannot be read", Some(Box::new(error))))?;
    if !StoredUpdate::are_page(&updates, (after, last), page) {
        return Err(damaged("the log has a hole", None));
    }
    Ok(updates)
}

async fn rows_between(
    tx: &mut SqliteConnection,
    flow: FlowId,
    after: Seq,
    last: Seq,
) -> Result<Vec<UpdateRow>, sqlx::Error> {
    let (id, from, to) = (flow.as_uuid(), position(after), position(last));
    sqlx::query_as!(
        UpdateRow,
        r#"
        select
            seq,
            batch_id as "batch_id: Uuid",
            actor_id as "actor_id: Uuid",
            created_at,
            "update" as bytes
        from flow_updates
        where flow_id = ?1 and seq > ?2 and seq <= ?3
        order by seq
        "#,
        id,
        from,
        to,
    )
    .fetch_all(tx)
    .await
}

/// Of large updates not more than fit is read.
async fn rows_of_page(
    tx: &mut SqliteConnection,
    flow: FlowId,
    after: Seq,
    last: Seq,
    page: PageSize,
) -> Result<Vec<UpdateRow>, sqlx::Error> {
    let (id, from, to) = (flow.as_uuid(), position(after), position(last));
    let bytes = i64::try_from(page.bytes).unwrap_or(i64::MAX);
    sqlx::query_as!(
        UpdateRow,
        r#"
        with
        lengths as (
            select
                seq,
                length("update") as bytes
            from flow_updates
            where flow_id = ?1 and seq > ?2 and seq <= ?3
        ),
        page as (
            select
                seq,
                sum(bytes) over (order by seq) - bytes as before
            from lengths
        )
        select
            flow_updates.seq as "seq!: i64",
            batch_id as "batch_id!: Uuid",
            actor_id as "actor_id: Uuid",
            created_at as "created_at!: i64",
            "update" as "bytes!: Vec<u8>"
        from page
        join flow_updates on flow_updates.flow_id = ?1 and flow_updates.seq = page.seq
        where page.before < ?4 or page.before = 0
        order by page.seq
        "#,
        id,
        from,
        to,
        bytes,
    )
    .fetch_all(tx)
    .await
}

struct UpdateRow {
    seq: i64,
    batch_id: Uuid,
    actor_id: Option<Uuid>,
    created_at: i64,
    bytes: Vec<u8>,
}

impl TryFrom<UpdateRow> for StoredUpdate {
    type Error = Unreadable;

    fn try_from(row: UpdateRow) -> Result<Self, Unreadable> {
        Ok(Self {
            seq: seq(row.seq),
            batch: BatchId::from_uuid(row.batch_id),
            actor: ActorId::from(row.actor_id.map(UserId::from_uuid)),
            created_at: moment(row.created_at)?,
            bytes: row.bytes.into(),
        })
    }
}
