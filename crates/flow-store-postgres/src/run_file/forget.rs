//! The end of what was sent, before that of the runs.

use flow_base::{FlowId, Timestamp};
use flow_store::{PURGED_BYTES, PURGED_ROWS};

use crate::PostgresStore;
use crate::connections::Tx;
use crate::error::Failure;
use crate::values::Moment;

/// A part of what was sent to runs that are old. How many bytes it is, is told without reading
/// them.
pub(crate) async fn forget(store: &PostgresStore, before: Timestamp) -> Result<u64, Failure> {
    let mut session = store.session().await?;
    let removed = sqlx::query!(
        r#"
        with part as materialized (
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
                    where ended_at < $1
                    union all
                    select id
                    from runs
                    where ended_at is null
                        and started_at < $1
                        and updated_at < $1
                        and status = 'waiting'
                        and wake_at is null
                ) as old
                join run_files on run_files.run_id = old.id
                order by
                    run_files.run_id,
                    run_files.id
                limit $2
            ) as first_rows
        )
        delete from run_files
        using part
        where part.before < $3::bigint and run_files.id = part.id
        "#,
        Moment(before) as Moment,
        i64::from(PURGED_ROWS),
        bytes(),
    )
    .execute(&mut *session)
    .await;
    Ok(session.settle(removed)?.rows_affected())
}

/// A part of what was sent to runs of a flow that is being removed for good.
pub(crate) async fn purge(tx: &mut Tx, flow: FlowId) -> Result<u64, Failure> {
    let removed = sqlx::query!(
        r#"
        with part as materialized (
            select
                id,
                sum(bytes) over (order by id) - bytes as before
            from (
                select
                    id,
                    bytes
                from run_files
                where flow_id = $1
                order by id
                limit $2
            ) as first_rows
        )
        delete from run_files
        using part
        where part.before < $3::bigint and run_files.id = part.id
        "#,
        flow.as_uuid(),
        i64::from(PURGED_ROWS),
        bytes(),
    )
    .execute(&mut **tx)
    .await?;
    Ok(removed.rows_affected())
}

fn bytes() -> i64 {
    i64::try_from(PURGED_BYTES).expect("some megabytes fit")
}
