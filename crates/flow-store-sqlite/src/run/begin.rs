use flow_base::{FlowId, Timestamp};
use flow_store::{NewRun, RunCommit, RunCommitted};
use sqlx::SqliteConnection;
use uuid::Uuid;

use super::commit::{Row, append};

pub(super) async fn begin(
    tx: &mut SqliteConnection,
    commit: &RunCommit,
    new: &NewRun,
) -> Result<RunCommitted, sqlx::Error> {
    if let Some(stands) = stands(tx, commit).await? {
        return Ok(stands);
    }
    let Some((workspace, own)) = place(tx, new.flow).await? else { return Ok(RunCommitted::NoFlow) };
    let most = own.map(i64::cast_unsigned).or(new.runs_per_day);
    if !count(tx, workspace, commit.at, most).await? {
        return Ok(RunCommitted::TooMany);
    }
    let (hash, graph) = (&new.graph_hash[..], &new.graph[..]);
    sqlx::query!(
        "insert into run_graphs (hash, content) values (?1, ?2) on conflict (hash) do nothing",
        hash,
        graph,
    )
    .execute(&mut *tx)
    .await?;
    insert(tx, commit, new).await?;
    append(tx, commit, 1).await?;
    Ok(RunCommitted::Stored)
}

/// What becomes of it because there is such a run already.
async fn stands(tx: &mut SqliteConnection, commit: &RunCommit) -> Result<Option<RunCommitted>, sqlx::Error> {
    let run = commit.run.as_uuid();
    let last = sqlx::query_scalar!(
        r#"
        select last_commit as "last_commit: Uuid"
        from runs
        join flows on flows.id = runs.flow_id and flows.deleted_at is not 0
        where runs.id = ?1
        "#,
        run,
    )
    .fetch_optional(tx)
    .await?;
    Ok(last.map(|last| if last == commit.id { RunCommitted::Stored } else { RunCommitted::Stale }))
}

/// The flow's workspace, and how many runs a day that may have by its own number.
async fn place(tx: &mut SqliteConnection, flow: FlowId) -> Result<Option<(Uuid, Option<i64>)>, sqlx::Error> {
    let flow = flow.as_uuid();
    let row = sqlx::query!(
        r#"
        select
            workspaces.id as "id: Uuid",
            runs_per_day_max
        from flows
        join workspaces on workspaces.id = flows.workspace_id
        where flows.id = ?1 and flows.deleted_at is null
        "#,
        flow,
    )
    .fetch_optional(tx)
    .await?;
    Ok(row.map(|row| (row.id, row.runs_per_day_max)))
}

/// Counts one more run of the day, unless those are as many as there may be.
async fn count(
    tx: &mut SqliteConnection,
    workspace: Uuid,
    at: Timestamp,
    most: Option<u64>,
) -> Result<bool, sqlx::Error> {
    let day = at.as_second().div_euclid(24 * 60 * 60);
    let most = most.map(|most| i64::try_from(most).unwrap_or(i64::MAX));
    let counted = sqlx::query!(
        r#"
        insert into run_days (workspace_id, day, began)
        select ?1, ?2, 1
        where ?3 is null or ?3 > 0
        on conflict (workspace_id, day) do update
        set began = began + 1
        where ?3 is null or began < ?3
        "#,
        workspace,
        day,
        most,
    )
    .execute(tx)
    .await?;
    Ok(counted.rows_affected() == 1)
}

async fn insert(tx: &mut SqliteConnection, commit: &RunCommit, new: &NewRun) -> Result<(), sqlx::Error> {
    let row = Row::of(commit);
    let (run, flow, kind) = (commit.run.as_uuid(), new.flow.as_uuid(), new.kind.as_str());
    let (hash, user) = (&new.graph_hash[..], new.user.map(flow_base::UserId::as_uuid));
    let (state, outcome) = (&commit.state[..], commit.outcome.as_deref());
    sqlx::query!(
        r#"
        insert into runs (
            id, flow_id, kind, flow_version, graph_hash, user_id, version, last_commit, status,
            state, entries, wake_at, leased_by, lease_until, started_at, updated_at, ended_at, outcome
        )
        values (
            ?1, ?2, ?3, ?4, ?5, ?6, 1, ?7, ?8, ?9, ?10, ?11, ?12,
            iif(?12 is null, 0, cast(unixepoch('subsec') * 1000000 as integer) + ?13),
            ?14, ?14, ?15, ?16
        )
        "#,
        run,
        flow,
        kind,
        new.flow_version,
        hash,
        user,
        commit.id,
        row.status,
        state,
        commit.entry_count,
        row.wake_at,
        row.leased_by,
        row.lasts,
        row.at,
        row.ended_at,
        outcome,
    )
    .execute(tx)
    .await?;
    Ok(())
}
