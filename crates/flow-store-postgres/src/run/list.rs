//! Runs, newest first. Who asks for those of a flow, or of a user, has them in the order of
//! an index, and so each has a statement of its own.

use flow_base::{FlowId, RunId, UserId};
use flow_store::{RunKind, RunQuery, RunStatus, RunSummary};
use uuid::Uuid;

use super::row::SummaryRow;
use crate::PostgresStore;
use crate::error::{Failure, Unreadable};
use crate::values::Moment;

/// As the statements take it.
struct Query {
    flow: Option<Uuid>,
    user: Option<Uuid>,
    kind: Option<&'static str>,
    status: Option<&'static str>,
    before: Uuid,
    limit: i64,
}

pub(super) async fn list(store: &PostgresStore, query: &RunQuery) -> Result<Vec<RunSummary>, Failure> {
    let query = Query {
        flow: query.flow.map(FlowId::as_uuid),
        user: query.user.map(UserId::as_uuid),
        kind: query.kind.map(RunKind::as_str),
        status: query.status.map(RunStatus::as_str),
        // No run has this id: it is no UUID that anybody draws.
        before: query.before.map_or(Uuid::max(), RunId::as_uuid),
        limit: i64::from(query.limit),
    };
    let rows = match (query.flow, query.user) {
        (Some(flow), _) => of_flow(store, flow, &query).await?,
        (None, Some(user)) => of_user(store, user, &query).await?,
        (None, None) => of_all(store, &query).await?,
    };
    let runs: Result<_, Unreadable> = rows.into_iter().map(RunSummary::try_from).collect();
    Ok(runs?)
}

/// Perhaps of one user.
async fn of_flow(store: &PostgresStore, flow: Uuid, query: &Query) -> Result<Vec<SummaryRow>, Failure> {
    let mut session = store.session().await?;
    let rows = sqlx::query_as!(
        SummaryRow,
        r#"
        select
            runs.id,
            runs.flow_id,
            runs.kind,
            runs.flow_version,
            runs.graph_hash,
            runs.user_id,
            runs.status,
            runs.entries,
            runs.started_at as "started_at: Moment",
            runs.updated_at as "updated_at: Moment",
            runs.ended_at as "ended_at: Moment",
            runs.outcome
        from runs
        where runs.flow_id = $1
            and runs.id < $2
            and ($3::uuid is null or runs.user_id = $3)
            and ($4::text is null or runs.kind = $4)
            and ($5::text is null or runs.status = $5)
            and (select flows.deleted_at from flows where flows.id = runs.flow_id) is distinct from 'epoch'
        order by runs.id desc
        limit $6
        "#,
        flow,
        query.before,
        query.user,
        query.kind,
        query.status,
        query.limit,
    )
    .fetch_all(&mut *session)
    .await;
    session.settle(rows)
}

async fn of_user(store: &PostgresStore, user: Uuid, query: &Query) -> Result<Vec<SummaryRow>, Failure> {
    let mut session = store.session().await?;
    let rows = sqlx::query_as!(
        SummaryRow,
        r#"
        select
            runs.id,
            runs.flow_id,
            runs.kind,
            runs.flow_version,
            runs.graph_hash,
            runs.user_id,
            runs.status,
            runs.entries,
            runs.started_at as "started_at: Moment",
            runs.updated_at as "updated_at: Moment",
            runs.ended_at as "ended_at: Moment",
            runs.outcome
        from runs
        where runs.user_id = $1
            and runs.id < $2
            and ($3::text is null or runs.kind = $3)
            and ($4::text is null or runs.status = $4)
            and (select flows.deleted_at from flows where flows.id = runs.flow_id) is distinct from 'epoch'
        order by runs.id desc
        limit $5
        "#,
        user,
        query.before,
        query.kind,
        query.status,
        query.limit,
    )
    .fetch_all(&mut *session)
    .await;
    session.settle(rows)
}

async fn of_all(store: &PostgresStore, query: &Query) -> Result<Vec<SummaryRow>, Failure> {
    let mut session = store.session().await?;
    let rows = sqlx::query_as!(
        SummaryRow,
        r#"
        select
            runs.id,
            runs.flow_id,
            runs.kind,
            runs.flow_version,
            runs.graph_hash,
            runs.user_id,
            runs.status,
            runs.entries,
            runs.started_at as "started_at: Moment",
            runs.updated_at as "updated_at: Moment",
            runs.ended_at as "ended_at: Moment",
            runs.outcome
        from runs
        where runs.id < $1
            and ($2::text is null or runs.kind = $2)
            and ($3::text is null or runs.status = $3)
            and (select flows.deleted_at from flows where flows.id = runs.flow_id) is distinct from 'epoch'
        order by runs.id desc
        limit $4
        "#,
        query.before,
        query.kind,
        query.status,
        query.limit,
    )
    .fetch_all(&mut *session)
    .await;
    session.settle(rows)
}
