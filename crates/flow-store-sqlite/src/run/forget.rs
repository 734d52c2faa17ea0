//! The end of runs, and of what only they had.

use std::collections::BTreeSet;

use flow_base::{FlowId, Timestamp, UserId};
use flow_store::{PURGED_BYTES, PURGED_ROWS, StoreError};
use sqlx::SqliteConnection;

use crate::SqliteStore;
use crate::error::{backend, micros};

const FORGET: &str = "forget old runs";

pub(super) async fn forget(store: &SqliteStore, before: Timestamp, limit: u32) -> Result<u64, StoreError> {
    let mut tx = store.begin_write().await.map_err(backend(FORGET))?;
    let mut graphs = forget_ended(&mut tx, before, limit).await.map_err(backend(FORGET))?;
    let ended = u32::try_from(graphs.len()).expect("the limit is one, too");
    graphs.extend(forget_abandoned(&mut tx, before, limit - ended).await.map_err(backend(FORGET))?);
    let forgotten = graphs.len() as u64;
    forget_graphs(&mut tx, graphs).await.map_err(backend(FORGET))?;
    tx.commit().await.map_err(backend(FORGET))?;
    Ok(forgotten)
}

/// Answers what they were pinned to.
async fn forget_ended(
    tx: &mut SqliteConnection,
    before: Timestamp,
    limit: u32,
) -> Result<Vec<Vec<u8>>, sqlx::Error> {
    let before = micros(before);
    sqlx::query_scalar!(
        r#"
        delete from runs
        where id in (
            select id
            from runs
            where ended_at < ?1
            order by ended_at
            limit ?2
        )
        returning graph_hash
        "#,
        before,
        limit,
    )
    .fetch_all(tx)
    .await
}

/// What nobody has answered since. Answers what they were pinned to.
async fn forget_abandoned(
    tx: &mut SqliteConnection,
    before: Timestamp,
    limit: u32,
) -> Result<Vec<Vec<u8>>, sqlx::Error> {
    let before = micros(before);
    sqlx::query_scalar!(
        r#"
        delete from runs
        where id in (
            select id
            from runs
            where ended_at is null
                and started_at < ?1
                and updated_at < ?1
                and status = 'waiting'
                and wake_at is null
            order by started_at
            limit ?2
        )
        returning graph_hash
        "#,
        before,
        limit,
    )
    .fetch_all(tx)
    .await
}

/// Those of these that no run has any more.
async fn forget_graphs(tx: &mut SqliteConnection, hashes: Vec<Vec<u8>>) -> Result<(), sqlx::Error> {
    for hash in hashes.into_iter().collect::<BTreeSet<_>>() {
        sqlx::query!(
            r#"
            delete from run_graphs
            where hash = ?1 and not exists (select 1 from runs where graph_hash = ?1)
            "#,
            hash,
        )
        .execute(&mut *tx)
        .await?;
    }
    Ok(())
}

/// What somebody said to a flow goes with them.
pub(crate) async fn forget_user(tx: &mut SqliteConnection, user: UserId) -> Result<(), sqlx::Error> {
    let user = user.as_uuid();
    let graphs = sqlx::query_scalar!("delete from runs where user_id = ?1 returning graph_hash", user)
        .fetch_all(&mut *tx)
        .await?;
    forget_graphs(tx, graphs).await
}

/// Removes a part of the runs of a flow that is being removed for good; answers how many
/// rows. First what the first of them did, so that they themselves take nothing more along.
pub(crate) async fn purge(tx: &mut SqliteConnection, flow: FlowId) -> Result<u64, sqlx::Error> {
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

async fn purge_journal(tx: &mut SqliteConnection, flow: FlowId) -> Result<u64, sqlx::Error> {
    let (flow, bytes) = (flow.as_uuid(), bytes());
    let removed = sqlx::query!(
        r#"
        delete from run_journal
        where rowid in (
            select row
            from (
                select
                    row,
                    sum(bytes) over (order by run_id, version) - bytes as before
                from (
                    select
                        run_journal.rowid as row,
                        run_journal.run_id,
                        run_journal.version,
                        length(run_journal.entries) as bytes
                    from (select id from runs where flow_id = ?1 order by id limit ?2) as first_runs
                    join run_journal on run_journal.run_id = first_runs.id
                    order by run_journal.run_id, run_journal.version
                    limit ?2
                )
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

async fn purge_events(tx: &mut SqliteConnection, flow: FlowId) -> Result<u64, sqlx::Error> {
    let (flow, bytes) = (flow.as_uuid(), bytes());
    let removed = sqlx::query!(
        r#"
        delete from run_events
        where (run_id, "key") in (
            select
                run_id,
                "key"
            from (
                select
                    run_id,
                    "key",
                    sum(bytes) over (order by run_id, "key") - bytes as before
                from (
                    select
                        run_events.run_id,
                        run_events."key",
                        length(run_events.answer) as bytes
                    from (select id from runs where flow_id = ?1 order by id limit ?2) as first_runs
                    join run_events on run_events.run_id = first_runs.id
                    order by run_events.run_id, run_events."key"
                    limit ?2
                )
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

async fn purge_runs(tx: &mut SqliteConnection, flow: FlowId) -> Result<u64, sqlx::Error> {
    let (flow, bytes) = (flow.as_uuid(), bytes());
    let graphs = sqlx::query_scalar!(
        r#"
        delete from runs
        where flow_id = ?1
            and id <= (
                select max(id)
                from (
                    select
                        id,
                        sum(bytes) over (order by id) - bytes as before
                    from (
                        select
                            id,
                            length(state) as bytes
                        from runs
                        where flow_id = ?1
                        order by id
                        limit ?2
                    )
                )
                where before < ?3
            )
        returning graph_hash
        "#,
        flow,
        PURGED_ROWS,
        bytes,
    )
    .fetch_all(&mut *tx)
    .await?;
    let removed = graphs.len() as u64;
    forget_graphs(tx, graphs).await?;
    Ok(removed)
}

fn bytes() -> i64 {
    i64::try_from(PURGED_BYTES).expect("some megabytes fit")
}
