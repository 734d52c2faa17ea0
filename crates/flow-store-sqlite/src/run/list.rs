//! Runs, newest first. Who asks for those of a flow, or of a user, has them in the order of
//! an index, and so each has a statement of its own.

use flow_base::{FlowId, RunId, UserId};
use flow_store::{RunKind, RunQuery, RunStatus, RunSummary, StoreError};
use uuid::Uuid;

use super::row::SummaryRow;
use crate::SqliteStore;
use crate::error::{backend, unreadable};

const LIST: &str = "list the runs";

/// As the statements take it.
struct Query {
    flow: Option<Uuid>,
    user: Option<Uuid>,
    kind: Option<&'static str>,
    status: Option<&'static str>,
    before: Uuid,
    limit: u32,
}

pub(super) async fn list(store: &SqliteStore, query: &RunQuery) -> Result<Vec<RunSummary>, StoreError> {
    let query = Query {
        flow: query.flow.map(FlowId::as_uuid),
        user: query.user.map(UserId::as_uuid),
        kind: query.kind.map(RunKind::as_str),
        status: query.status.map(RunStatus::as_str),
        // No run has this id: it is no UUID that anybody draws.
        before: query.before.map_or(Uuid::max(), RunId::as_uuid),
        limit: query.limit,
    };
    let rows = match (query.flow, query.user) {
        (Some(_), _) => of_flow(store, &query).await,
        (None, Some(_)) => of_user(store, &query).await,
        (None, None) => of_all(store, &query).await,
    };
    let rows = rows.map_err(backend(LIST))?.into_iter();
    rows.map(RunSummary::try_from).collect::<Result<_, _>>().map_err(unreadable(LIST))
}

/// Perhaps of one user.
async fn of_flow(store: &SqliteStore, query: &Query) -> Result<Vec<SummaryRow>, sqlx::Error> {
    sqlx::query_as!(
        SummaryRow,
        r#"
        select
            runs.id as "id!: Uuid",
            flow_id as "flow_id!: Uuid",
            kind as "kind!",
            flow_version,
            graph_hash as "graph_hash!",
            user_id as "user_id: Uuid",
            status as "status!",
            entries as "entries!",
            started_at as "started_at!",
            runs.updated_at as "updated_at!",
            ended_at,
            outcome
        from runs
        join flows on flows.id = runs.flow_id and flows.deleted_at is not 0
        where runs.flow_id = ?1
            and runs.id < ?2
            and (?3 is null or runs.user_id = ?3)
            and (?4 is null or runs.kind = ?4)
            and (?5 is null or runs.status = ?5)
        order by runs.id desc
        limit ?6
        "#,
        query.flow,
        query.before,
        query.user,
        query.kind,
        query.status,
        query.limit,
    )
    .fetch_all(store.readers())
    .await
}

async fn of_user(store: &SqliteStore, query: &Query) -> Result<Vec<SummaryRow>, sqlx::Error> {
    sqlx::query_as!(
        SummaryRow,
        r#"
        select
            runs.id as "id!: Uuid",
            flow_id as "flow_id!: Uuid",
            kind as "kind!",
            flow_version,
            graph_hash as "graph_hash!",
            user_id as "user_id: Uuid",
            status as "status!",
            entries as "entries!",
            started_at as "started_at!",
            runs.updated_at as "updated_at!",
            ended_at,
            outcome
        from runs
        join flows on flows.id = runs.flow_id and flows.deleted_at is not 0
        where runs.user_id = ?1
            and runs.id < ?2
            and (?3 is null or runs.kind = ?3)
            and (?4 is null or runs.status = ?4)
        order by runs.id desc
        limit ?5
        "#,
        query.user,
        query.before,
        query.kind,
        query.status,
        query.limit,
    )
    .fetch_all(store.readers())
    .await
}

async fn of_all(store: &SqliteStore, query: &Query) -> Result<Vec<SummaryRow>, sqlx::Error> {
    sqlx::query_as!(
        SummaryRow,
        r#"
        select
            runs.id as "id!: Uuid",
            flow_id as "flow_id!: Uuid",
            kind as "kind!",
            flow_version,
            graph_hash as "graph_hash!",
            user_id as "user_id: Uuid",
            status as "status!",
            entries as "entries!",
            started_at as "started_at!",
            runs.updated_at as "updated_at!",
            ended_at,
            outcome
        from runs
        join flows on flows.id = runs.flow_id and flows.deleted_at is not 0
        where runs.id < ?1
            and (?2 is null or runs.kind = ?2)
            and (?3 is null or runs.status = ?3)
        order by runs.id desc
        limit ?4
        "#,
        query.before,
        query.kind,
        query.status,
        query.limit,
    )
    .fetch_all(store.readers())
    .await
}
