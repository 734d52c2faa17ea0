use std::time::Duration;

use flow_base::{NodeId, RunId};
use flow_store::ClaimedRun;

use super::row::length;
use crate::PostgresStore;
use crate::error::Failure;

/// What another node moves on or takes at this moment is left to it.
pub(super) async fn claim(
    store: &PostgresStore,
    node: NodeId,
    lasts: Duration,
    limit: u32,
) -> Result<Vec<ClaimedRun>, Failure> {
    let mut session = store.session().await?;
    let rows = sqlx::query!(
        r#"
        with due as materialized (
            select runs.id
            from runs
            where runs.due_at <= now()
                and (select flows.deleted_at from flows where flows.id = runs.flow_id) is null
            order by runs.due_at
            limit $3
            for no key update of runs skip locked
        )
        update runs
        set
            leased_by = $1,
            lease_until = now() + make_interval(secs => $2)
        from due
        where runs.id = due.id
        returning
            runs.id,
            runs.status = 'busy' as "was_busy!"
        "#,
        node.as_uuid(),
        length(lasts),
        i64::from(limit),
    )
    .fetch_all(&mut *session)
    .await;
    let claimed = session.settle(rows)?.into_iter();
    Ok(claimed.map(|row| ClaimedRun { run: RunId::from_uuid(row.id), was_busy: row.was_busy }).collect())
}

pub(super) async fn renew(
    store: &PostgresStore,
    node: NodeId,
    runs: &[RunId],
    lasts: Duration,
) -> Result<(), Failure> {
    let runs: Vec<_> = runs.iter().map(|run| run.as_uuid()).collect();
    let mut session = store.session().await?;
    let renewed = sqlx::query!(
        r#"
        with held as materialized (
            select id
            from runs
            where id = any($1) and leased_by = $2
            order by id
            for no key update
        )
        update runs
        set lease_until = now() + make_interval(secs => $3)
        from held
        where runs.id = held.id
        "#,
        &runs,
        node.as_uuid(),
        length(lasts),
    )
    .execute(&mut *session)
    .await;
    session.settle(renewed)?;
    Ok(())
}
