//! The end of what was sent, before that of the runs.

use flow_base::{FlowId, Timestamp};
use flow_store::{PURGED_BYTES, PURGED_ROWS, StoreError};
use sqlx::SqliteConnection;

use crate::SqliteStore;
use crate::error::{backend, micros};

const FORGET: &str = "forget what was sent to old runs";

/// A part of what was sent to runs that are old. How many bytes it is, is told without reading
/// them.
pub(crate) async fn forget(store: &SqliteStore, before: Timestamp) -> Result<u64, StoreError> {
    let (before, bytes) = (micros(before), bytes());
    let mut tx = store.begin_write().await.map_err(backend(FORGET))?;
    let removed = sqlx::query!(
        r#"
        delete from run_files
        where id in (
            select id
            from (
                select
                    id,
                    sum(bytes) over (order by run_id, id) - bytes as before
                from (
                    select
                        run_files.id,
                        run_files.run_id,
                        run_files.bytes
                    from (
                        select id
                        from runs
                        where ended_at < ?1
                        union all
                        select id
                        from runs
                        where ended_at is null
                            and started_at < ?1
                            and updated_at < ?1
                            and status = 'waiting'
                            and wake_at is null
                    ) as old
                    join run_files on run_files.run_id = old.id
                    order by run_files.run_id, run_files.id
                    limit ?2
                )
            )
            where before < ?3
        )
        "#,
        before,
        PURGED_ROWS,
        bytes,
    )
    .execute(&mut *tx)
    .await
    .map_err(backend(FORGET))?;
    tx.commit().await.map_err(backend(FORGET))?;
    Ok(removed.rows_affected())
}

/// A part of what was sent to runs of a flow that is being removed for good.
pub(crate) async fn purge(tx: &mut SqliteConnection, flow: FlowId) -> Result<u64, sqlx::Error> {
    let (flow, bytes) = (flow.as_uuid(), bytes());
    let removed = sqlx::query!(
        r#"
        delete from run_files
        where id in (
            select id
            from (
                select
                    id,
                    sum(bytes) over (order by id) - bytes as before
                from (select id, bytes from run_files where flow_id = ?1 order by id limit ?2)
            )
            where before < ?3
        )
        "#,
        flow,
        PURGED_ROWS,
        bytes,
    )
    .execute(tx)
    .await?;
    Ok(removed.rows_affected())
}

fn bytes() -> i64 {
    i64::try_from(PURGED_BYTES).expect("some megabytes fit")
}
