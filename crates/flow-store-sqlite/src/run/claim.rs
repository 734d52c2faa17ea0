use std::time::Duration;

use flow_base::{NodeId, RunId};
use flow_store::{ClaimedRun, StoreError};
use uuid::Uuid;

use super::row::length;
use crate::SqliteStore;
use crate::error::backend;

const CLAIM: &str = "take runs that are due";
const RENEW: &str = "keep runs";

pub(super) async fn claim(
    store: &SqliteStore,
    node: NodeId,
    lasts: Duration,
    limit: u32,
) -> Result<Vec<ClaimedRun>, StoreError> {
    let (node, lasts) = (node.as_uuid(), length(lasts));
    // Seldom is anything due, and looking for it keeps nobody from writing.
    let is_due = sqlx::query_scalar!(
        r#"
        select exists (
            select 1
            from runs
            join flows on flows.id = runs.flow_id and flows.deleted_at is null
            where runs.due_at <= cast(unixepoch('subsec') * 1000000 as integer)
        ) as "due!: bool"
        "#,
    );
    if !is_due.fetch_one(store.readers()).await.map_err(backend(CLAIM))? {
        return Ok(Vec::new());
    }
    let mut connection = store.write().await.map_err(backend(CLAIM))?;
    let rows = sqlx::query!(
        r#"
        update runs
        set
            leased_by = ?1,
            lease_until = cast(unixepoch('subsec') * 1000000 as integer) + ?2
        where id in (
            select runs.id
            from runs
            join flows on flows.id = runs.flow_id and flows.deleted_at is null
            where runs.due_at <= cast(unixepoch('subsec') * 1000000 as integer)
            order by runs.due_at
            limit ?3
        )
        returning
            id as "id!: Uuid",
            status = 'busy' as "was_busy!: bool"
        "#,
        node,
        lasts,
        limit,
    )
    .fetch_all(&mut *connection)
    .await
    .map_err(backend(CLAIM))?;
    let claimed =
        rows.into_iter().map(|row| ClaimedRun { run: RunId::from_uuid(row.id), was_busy: row.was_busy });
    Ok(claimed.collect())
}

pub(super) async fn renew(
    store: &SqliteStore,
    node: NodeId,
    runs: &[RunId],
    lasts: Duration,
) -> Result<(), StoreError> {
    if runs.is_empty() {
        return Ok(());
    }
    let (node, lasts) = (node.as_uuid(), length(lasts));
    let mut tx = store.begin_write().await.map_err(backend(RENEW))?;
    for run in runs {
        let run = run.as_uuid();
        sqlx::query!(
            r#"
            update runs
            set lease_until = cast(unixepoch('subsec') * 1000000 as integer) + ?3
            where id = ?1 and leased_by = ?2
            "#,
            run,
            node,
            lasts,
        )
        .execute(&mut *tx)
        .await
        .map_err(backend(RENEW))?;
    }
    tx.commit().await.map_err(backend(RENEW))
}
