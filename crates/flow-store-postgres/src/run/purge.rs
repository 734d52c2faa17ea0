use flow_base::FlowId;
use flow_store::{PURGED_BYTES, PURGED_ROWS};

use super::graph;
use crate::connections::Tx;
use crate::error::Failure;

/// Removes a part of the runs of a flow that is being removed for good; answers how many
/// rows. First what the first of them did, so that they themselves take nothing more along.
pub(crate) async fn purge(tx: &mut Tx, flow: FlowId) -> Result<u64, Failure> {
    let journal = purge_journal(tx, flow).await?;
    if journal > 0 {
        return Ok(journal);
    }
    let events = purge_events(tx, flow).await?;
    if events > 0 {
        return Ok(events);
    }
    purge_runs(tx, flow).await
}

async fn purge_journal(tx: &mut Tx, flow: FlowId) -> Result<u64, Failure> {
    let removed = sqlx::query!(
        r#"
        with part as materialized (
            select
                run_id,
                version,
                sum(bytes) over (order by run_id, version) - bytes as before
            from (
                select
                    run_journal.run_id,
                    run_journal.version,
                    octet_length(run_journal.entries) as bytes
                from (select id from runs where flow_id = $1 order by id limit $2) as first_runs
                cross join lateral (
                    select
                        run_id,
                        version,
                        entries
                    from run_journal
                    where run_journal.run_id = first_runs.id
                    order by version
                    limit $2
                ) as run_journal
                order by
                    run_journal.run_id,
                    run_journal.version
                limit $2
            ) as first_rows
        )
        delete from run_journal
        using part
        where part.before < $3
            and run_journal.run_id = part.run_id
            and run_journal.version = part.version
        "#,
        flow.as_uuid(),
        i64::from(PURGED_ROWS),
        bytes(),
    )
    .execute(&mut **tx)
    .await?;
    Ok(removed.rows_affected())
}

async fn purge_events(tx: &mut Tx, flow: FlowId) -> Result<u64, Failure> {
    let removed = sqlx::query!(
        r#"
        with part as materialized (
            select
                run_id,
                key,
                sum(bytes) over (order by run_id, key) - bytes as before
            from (
                select
                    run_events.run_id,
                    run_events.key,
                    octet_length(run_events.answer) as bytes
                from (select id from runs where flow_id = $1 order by id limit $2) as first_runs
                cross join lateral (
                    select
                        run_id,
                        key,
                        answer
                    from run_events
                    where run_events.run_id = first_runs.id
                    order by key
                    limit $2
                ) as run_events
                order by
                    run_events.run_id,
                    run_events.key
                limit $2
            ) as first_rows
        )
        delete from run_events
        using part
        where part.before < $3
            and run_events.run_id = part.run_id
            and run_events.key = part.key
        "#,
        flow.as_uuid(),
        i64::from(PURGED_ROWS),
        bytes(),
    )
    .execute(&mut **tx)
    .await?;
    Ok(removed.rows_affected())
}

async fn purge_runs(tx: &mut Tx, flow: FlowId) -> Result<u64, Failure> {
    let graphs = sqlx::query_scalar!(
        r#"
        delete from runs
        where flow_id = $1
            and id <= (
                select id
                from (
                    select
                        id,
                        sum(bytes) over (order by id) - bytes as before
                    from (
                        select
                            id,
                            octet_length(state) as bytes
                        from runs
                        where flow_id = $1
                        order by id
                        limit $2
                    ) as first_rows
                ) as part
                where part.before < $3
                order by id desc
                limit 1
            )
        returning graph_hash
        "#,
        flow.as_uuid(),
        i64::from(PURGED_ROWS),
        bytes(),
    )
    .fetch_all(&mut **tx)
    .await?;
    let removed = graphs.len() as u64;
    if removed > 0 {
        graph::forget(tx, graphs).await?;
    }
    Ok(removed)
}

fn bytes() -> i64 {
    i64::try_from(PURGED_BYTES).expect("some megabytes fit")
}
