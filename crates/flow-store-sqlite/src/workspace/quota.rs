//! What workspaces have, and may have.

use flow_base::WorkspaceId;
use flow_store::{AuditEvent, Conflict, Origin, OwnQuotas, Quota, Quotas, StoreError, WorkspaceUsage};
use sqlx::SqliteConnection;

use crate::SqliteStore;
use crate::audit::{Chain, record};
use crate::error::backend;

const USAGE: &str = "read what the workspace has";
const SET: &str = "set the workspace's quotas";

/// The workspace's quotas; `None` when there is no such workspace.
pub(super) async fn quotas(
    tx: &mut SqliteConnection,
    workspace: WorkspaceId,
    others: &Quotas,
) -> Result<Option<Quotas>, sqlx::Error> {
    let id = workspace.as_uuid();
    let row = sqlx::query_as!(
        QuotaRow,
        r#"
        select flows_max, members_max, storage_bytes_max, runs_per_day_max
        from workspaces
        where id = ?1
        "#,
        id,
    )
    .fetch_optional(tx)
    .await?;
    Ok(row.map(|row| OwnQuotas::from(row).over(others)))
}

/// Whether the workspace may have one more flow; answers why not.
pub(crate) async fn room_for_a_flow(
    tx: &mut SqliteConnection,
    workspace: WorkspaceId,
    others: &Quotas,
) -> Result<Option<StoreError>, sqlx::Error> {
    let Some(quotas) = quotas(tx, workspace, others).await? else {
        return Ok(Some(StoreError::Conflict(Conflict::UnknownWorkspace)));
    };
    let Some(most) = quotas.flows else { return Ok(None) };
    let (id, most) = (workspace.as_uuid(), i64::try_from(most).unwrap_or(i64::MAX));
    let is_full = sqlx::query_scalar!(
        r#"
        select count(*) >= ?2 as "is_full!: bool"
        from (
            select 1
            from flows
            where workspace_id = ?1 and deleted_at is null
            limit ?2
        )
        "#,
        id,
        most,
    )
    .fetch_one(tx)
    .await?;
    Ok(is_full.then_some(StoreError::Conflict(Conflict::QuotaReached(Quota::Flows))))
}

pub(super) async fn usage(
    store: &SqliteStore,
    workspace: WorkspaceId,
) -> Result<Option<(WorkspaceUsage, OwnQuotas)>, StoreError> {
    let id = workspace.as_uuid();
    let row = sqlx::query!(
        r#"
        select
            flows_max,
            members_max,
            storage_bytes_max,
            runs_per_day_max,
            (
                select count(*) from flows where workspace_id = ?1 and deleted_at is null
            ) as "flows!: i64",
            (
                select count(*) from workspace_members where workspace_id = ?1
            ) as "members!: i64",
            (
                select coalesce(sum(flow_heads.log_bytes), 0)
                from flows
                join flow_heads on flow_heads.flow_id = flows.id
                where flows.workspace_id = ?1
            ) as "log_bytes!: i64",
            (
                select coalesce(sum(length(flow_versions.content)), 0)
                from flows
                join flow_versions on flow_versions.flow_id = flows.id
                where flows.workspace_id = ?1
            ) as "version_bytes!: i64",
            (
                select coalesce(sum(run_files.bytes), 0)
                from flows
                join run_files on run_files.flow_id = flows.id
                where flows.workspace_id = ?1
            ) as "file_bytes!: i64"
        from workspaces
        where id = ?1
        "#,
        id,
    )
    .fetch_optional(store.readers())
    .await
    .map_err(backend(USAGE))?;
    Ok(row.map(|row| {
        let usage = WorkspaceUsage {
            flows: row.flows.cast_unsigned(),
            members: row.members.cast_unsigned(),
            storage_bytes: [row.log_bytes, row.version_bytes, row.file_bytes]
                .map(i64::cast_unsigned)
                .iter()
                .sum(),
        };
        let own = QuotaRow {
            flows_max: row.flows_max,
            members_max: row.members_max,
            storage_bytes_max: row.storage_bytes_max,
            runs_per_day_max: row.runs_per_day_max,
        };
        (usage, own.into())
    }))
}

pub(super) async fn set(
    store: &SqliteStore,
    workspace: WorkspaceId,
    quotas: &OwnQuotas,
    by: &Origin,
) -> Result<bool, StoreError> {
    // One that no column can hold is as good as the greatest.
    let number = |quota: Option<u64>| quota.map(|quota| i64::try_from(quota).unwrap_or(i64::MAX));
    let (id, flows, members) = (workspace.as_uuid(), number(quotas.flows), number(quotas.members));
    let (storage_bytes, runs_per_day) = (number(quotas.storage_bytes), number(quotas.runs_per_day));
    let mut tx = store.begin_write().await.map_err(backend(SET))?;
    let set = sqlx::query!(
        r#"
        update workspaces
        set
            flows_max = ?2,
            members_max = ?3,
            storage_bytes_max = ?4,
            runs_per_day_max = ?5
        where id = ?1
        "#,
        id,
        flows,
        members,
        storage_bytes,
        runs_per_day,
    )
    .execute(&mut *tx)
    .await
    .map_err(backend(SET))?;
    if set.rows_affected() == 0 {
        return Ok(false);
    }
    let event = AuditEvent::quotas_changed(quotas);
    record(&mut tx, Chain::Workspace(workspace), &event, by).await.map_err(backend(SET))?;
    tx.commit().await.map_err(backend(SET))?;
    Ok(true)
}

struct QuotaRow {
    flows_max: Option<i64>,
    members_max: Option<i64>,
    storage_bytes_max: Option<i64>,
    runs_per_day_max: Option<i64>,
}

impl From<QuotaRow> for OwnQuotas {
    fn from(row: QuotaRow) -> Self {
        Self {
            flows: row.flows_max.map(i64::cast_unsigned),
            members: row.members_max.map(i64::cast_unsigned),
            storage_bytes: row.storage_bytes_max.map(i64::cast_unsigned),
            runs_per_day: row.runs_per_day_max.map(i64::cast_unsigned),
        }
    }
}
