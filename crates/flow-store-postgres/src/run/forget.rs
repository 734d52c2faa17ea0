use flow_base::{Timestamp, UserId};
use sqlx::PgConnection;

use super::graph;
use crate::PostgresStore;
use crate::error::Failure;
use crate::values::Moment;

/// What another node forgets at this moment is left to it.
pub(super) async fn forget(store: &PostgresStore, before: Timestamp, limit: u32) -> Result<u64, Failure> {
    let mut tx = store.begin().await?;
    let graphs = sqlx::query_scalar!(
        r#"
        with ended as materialized (
            select id
            from runs
            where ended_at < $1
            order by ended_at
            limit $2
            for update skip locked
        ),
        abandoned as materialized (
            select id
            from runs
            where ended_at is null
                and started_at < $1
                and updated_at < $1
                and status = 'waiting'
                and wake_at is null
            order by started_at
            limit $2 - (select count(*) from ended)
            for update skip locked
        ),
        old as materialized (
            select id
            from ended
            union all
            select id
            from abandoned
        )
        delete from runs
        using old
        where runs.id = old.id
        returning runs.graph_hash
        "#,
        Moment(before) as Moment,
        i64::from(limit),
    )
    .fetch_all(&mut *tx)
    .await?;
    let forgotten = graphs.len() as u64;
    if forgotten == 0 {
        tx.undo().await;
        return Ok(0);
    }
    graph::forget(&mut tx, graphs).await?;
    tx.commit().await?;
    Ok(forgotten)
}

/// What somebody said to a flow goes with them.
pub(crate) async fn forget_user(tx: &mut PgConnection, user: UserId) -> Result<(), sqlx::Error> {
    let graphs = sqlx::query_scalar!(
        r#"
        with theirs as materialized (
            select id
            from runs
            where user_id = $1
            order by id
            for update
        )
        delete from runs
        using theirs
        where runs.id = theirs.id
        returning runs.graph_hash
        "#,
        user.as_uuid(),
    )
    .fetch_all(&mut *tx)
    .await?;
    if graphs.is_empty() { Ok(()) } else { graph::forget(tx, graphs).await }
}
