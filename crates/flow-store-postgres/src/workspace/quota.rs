//! What workspaces have, and may have.

use flow_base::WorkspaceId;
use flow_store::{AuditEvent, Conflict, Origin, OwnQuotas, Quota, Quotas, StoreError, WorkspaceUsage};
use sqlx::PgConnection;

use crate::PostgresStore;
use crate::audit::{Chain, record};
use crate::error::Failure;

/// Locks the workspace, so that what is counted in it stays so until the transaction ends;
/// answers its quotas, `None` when there is no such workspace.
pub(crate) async fn lock(
    tx: &mut PgConnection,
    workspace: WorkspaceId,
    others: &Quotas,
) -> Result<Option<Quotas>, sqlx::Error> {
    let row = sqlx::query_as!(
        QuotaRow,
        r#"
        select flows_max, members_max, storage_bytes_max, runs_per_day_max
        from workspaces
        where id = $1
        for no key update
        "#,
        workspace.as_uuid(),
    )
    .fetch_optional(tx)
    .await?;
    Ok(row.map(|row| OwnQuotas::from(row).over(others)))
}

/// Locks the workspace and looks whether it may have one more flow; answers why not.
pub(crate) async fn room_for_a_flow(
    tx: &mut PgConnection,
    workspace: WorkspaceId,
    others: &Quotas,
) -> Result<Option<StoreError>, sqlx::Error> {
    let Some(quotas) = lock(tx, workspace, others).await? else {
        return Ok(Some(StoreError::Conflict(Conflict::UnknownWorkspace)));
    };
    let Some(most) = quotas.flows else { return Ok(None) };
    let most = i64::try_from(most).unwrap_or(i64::MAX);
    let is_full = sqlx::query_scalar!(
        r#"
        select count(*) >= $2 as "is_full!"
        from (
            select 1
            from flows
            where workspace_id = $1 and deleted_at is null
            limit $2
        ) as some_flows
        "#,
        workspace.as_uuid(),
        most,
    )
    .fetch_one(tx)
    .await?;
    Ok(is_full.then_some(StoreError::Conflict(Conflict::QuotaReached(Quota::Flows))))
}

pub(super) async fn usage(
    store: &PostgresStore,
    workspace: WorkspaceId,
) -> Result<Option<(WorkspaceUsage, OwnQuotas)>, Failure> {
    let mut session = store.session().await?;
    let row = sqlx::query!(
        r#"
        select
            flows_max,
            members_max,
            storage_bytes_max,
            runs_per_day_max,
            (
                select count(*) from flows where workspace_id = $1 and deleted_at is null
            ) as "flows!",
            (
                select count(*) from workspace_members where workspace_id = $1
            ) as "members!",
            (
                select coalesce(sum(flow_heads.log_bytes), 0)::bigint
                from flows
                join flow_heads on flow_heads.flow_id = flows.id
                where flows.workspace_id = $1
            ) as "log_bytes!",
            (
                select coalesce(sum(octet_length(flow_versions.content)), 0)::bigint
                from flows
                join flow_versions on flow_versions.flow_id = flows.id
                where flows.workspace_id = $1
            ) as "version_bytes!",
            (
                select coalesce(sum(run_files.bytes), 0)::bigint
                from flows
                join run_files on run_files.flow_id = flows.id
                where flows.workspace_id = $1
            ) as "file_bytes!"
        from workspaces
        where id = $1
        "#,
        workspace.as_uuid(),
    )
    .fetch_optional(&mut *session)
    .await;
    Ok(session.settle(row)?.map(|row| {
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
    store: &PostgresStore,
    workspace: WorkspaceId,
    quotas: &OwnQuotas,
    by: &Origin,
) -> Result<bool, Failure> {
    // One that no column can hold is as good as the greatest.
    let number = |quota: Option<u64>| quota.map(|quota| i64::try_from(quota).unwrap_or(i64::MAX));
    let mut tx = store.begin().await?;
    let set = sqlx::query!(
        r#"
        update workspaces
        set
            flows_max = $2,
            members_max = $3,
            storage_bytes_max = $4,
            runs_per_day_max = $5
        where id = $1
        "#,
        workspace.as_uuid(),
        number(quotas.flows),
        number(quotas.members),
        number(quotas.storage_bytes),
        number(quotas.runs_per_day),
    )
    .execute(&mut *tx)
    .await?;
    if set.rows_affected() == 0 {
        tx.undo().await;
        return Ok(false);
    }
    record(&mut tx, Chain::Workspace(workspace), &AuditEvent::quotas_changed(quotas), by).await?;
    tx.commit().await?;
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
