use flow_base::{Timestamp, UserId};
use sqlx::PgConnection;

use super::graph;
use crate::PostgresStore;
use crate::error::Failure;
use crate::values::Moment;

/// What another node forgets at this moment is left to it.
pub(super) async fn forget(
    store: &PostgresStore,
    ended_before: Timestamp,
    limit: u32,
) -> Result<u64, Failure> {
    let mut tx = store.begin().await?;
    let graphs = sqlx::query_scalar!(
        r#"
        with old as materialized (
            select id
            from runs
            where ended_at < $1
            order by ended_at
            limit $2
            for update skip locked
        )
        delete from runs
        using old
        where runs.id = old.id
        returning runs.graph_hash
        "#,
        Moment(ended_before) as Moment,
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

/// Whom they were with is forgotten.
pub(crate) async fn forget_user(tx: &mut PgConnection, user: UserId) -> Result<(), sqlx::Error> {
    sqlx::query!(
        r#"
        update runs
        set user_id = null
        where id in (
            select id
            from runs
            where user_id = $1
            order by id
            for no key update
        )
        "#,
        user.as_uuid(),
    )
    .execute(tx)
    .await?;
    Ok(())
}
