use flow_base::{InvitationId, Role, UserId, WorkspaceId};
use flow_store::{
    AuditEvent, Conflict, INVITATIONS_PER_WORKSPACE, InvitationRecord, NewInvitation, Origin, Quotas,
    StoreError, WorkspaceMemberChange,
};
use sqlx::SqliteConnection;
use uuid::Uuid;

use super::exists;
use super::member::{self, current_role, may};
use super::quota::quotas;
use crate::SqliteStore;
use crate::audit::{Chain, record};
use crate::error::{Unreadable, backend, micros, moment, unreadable};
use crate::flow::role;

const CREATE: &str = "store the invitation";
const READ: &str = "read the invitations";
const REVOKE: &str = "end the invitation";
const ACCEPT: &str = "accept the invitation";

pub(super) async fn create(
    store: &SqliteStore,
    invitation: &NewInvitation,
    by: &Origin,
) -> Result<(), StoreError> {
    let mut tx = store.begin_write().await.map_err(backend(CREATE))?;
    if !exists(&mut tx, invitation.workspace).await.map_err(backend(CREATE))? {
        return Err(StoreError::Conflict(Conflict::UnknownWorkspace));
    }
    may(&mut tx, invitation.workspace, Role::Owner, by, CREATE).await?;
    if !insert(&mut tx, invitation, by).await.map_err(backend(CREATE))? {
        return Err(StoreError::Conflict(Conflict::TooManyInvitations));
    }
    let event = AuditEvent::InvitationCreated { invitation: invitation.id, role: invitation.role };
    let chain = Chain::Workspace(invitation.workspace);
    record(&mut tx, chain, &event, by).await.map_err(backend(CREATE))?;
    tx.commit().await.map_err(backend(CREATE))
}

/// Answers whether there was room for it.
async fn insert(
    tx: &mut SqliteConnection,
    invitation: &NewInvitation,
    by: &Origin,
) -> Result<bool, sqlx::Error> {
    let (id, workspace) = (invitation.id.as_uuid(), invitation.workspace.as_uuid());
    let (hash, role) = (invitation.hash.as_slice(), invitation.role.as_str());
    let created_by = invitation.created_by.as_uuid();
    let (created_at, expires_at) = (micros(by.at), micros(invitation.expires_at));
    let inserted = sqlx::query!(
        r#"
        insert into workspace_invitations (
            id, workspace_id, hash, role, created_by, created_at, expires_at, uses_max
        )
        select ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8
        where (select count(*) from workspace_invitations where workspace_id = ?2) < ?9
        "#,
        id,
        workspace,
        hash,
        role,
        created_by,
        created_at,
        expires_at,
        invitation.uses_max,
        INVITATIONS_PER_WORKSPACE,
    )
    .execute(tx)
    .await?;
    Ok(inserted.rows_affected() == 1)
}

pub(super) async fn list(
    store: &SqliteStore,
    workspace: WorkspaceId,
) -> Result<Vec<InvitationRecord>, StoreError> {
    let workspace = workspace.as_uuid();
    let rows = sqlx::query_as!(
        InvitationRow,
        r#"
        select
            workspace_invitations.id as "id: Uuid",
            workspace_invitations.workspace_id as "workspace_id: Uuid",
            workspaces.name as workspace_name,
            workspace_invitations.role,
            workspace_invitations.created_by as "created_by: Uuid",
            workspace_invitations.created_at,
            workspace_invitations.expires_at,
            workspace_invitations.uses,
            workspace_invitations.uses_max
        from workspace_invitations
        join workspaces on workspaces.id = workspace_invitations.workspace_id
        where workspace_invitations.workspace_id = ?1
        order by workspace_invitations.created_at desc, workspace_invitations.id desc
        "#,
        workspace,
    )
    .fetch_all(store.readers())
    .await
    .map_err(backend(READ))?;
    rows.into_iter().map(InvitationRecord::try_from).collect::<Result<_, _>>().map_err(unreadable(READ))
}

/// Also one that has ended.
pub(super) async fn find(
    store: &SqliteStore,
    hash: &[u8; 32],
) -> Result<Option<InvitationRecord>, StoreError> {
    let mut connection = store.readers().acquire().await.map_err(backend(READ))?;
    let row = find_in(&mut connection, hash).await.map_err(backend(READ))?;
    row.map(InvitationRecord::try_from).transpose().map_err(unreadable(READ))
}

async fn find_in(
    connection: &mut SqliteConnection,
    hash: &[u8; 32],
) -> Result<Option<InvitationRow>, sqlx::Error> {
    let hash = hash.as_slice();
    sqlx::query_as!(
        InvitationRow,
        r#"
        select
            workspace_invitations.id as "id: Uuid",
            workspace_invitations.workspace_id as "workspace_id: Uuid",
            workspaces.name as workspace_name,
            workspace_invitations.role,
            workspace_invitations.created_by as "created_by: Uuid",
            workspace_invitations.created_at,
            workspace_invitations.expires_at,
            workspace_invitations.uses,
            workspace_invitations.uses_max
        from workspace_invitations
        join workspaces on workspaces.id = workspace_invitations.workspace_id
        where workspace_invitations.hash = ?1
        "#,
        hash,
    )
    .fetch_optional(connection)
    .await
}

pub(super) async fn revoke(
    store: &SqliteStore,
    workspace: WorkspaceId,
    invitation: InvitationId,
    by: &Origin,
) -> Result<bool, StoreError> {
    let (workspace_id, id) = (workspace.as_uuid(), invitation.as_uuid());
    let mut tx = store.begin_write().await.map_err(backend(REVOKE))?;
    let revoked = sqlx::query!(
        "delete from workspace_invitations where id = ?2 and workspace_id = ?1",
        workspace_id,
        id,
    )
    .execute(&mut *tx)
    .await
    .map_err(backend(REVOKE))?;
    if revoked.rows_affected() == 0 {
        return Ok(false);
    }
    let event = AuditEvent::InvitationRevoked { invitation };
    record(&mut tx, Chain::Workspace(workspace), &event, by).await.map_err(backend(REVOKE))?;
    tx.commit().await.map_err(backend(REVOKE))?;
    Ok(true)
}

pub(super) async fn accept(
    store: &SqliteStore,
    hash: &[u8; 32],
    user: UserId,
    others: &Quotas,
    by: &Origin,
) -> Result<Option<WorkspaceId>, StoreError> {
    let mut tx = store.begin_write().await.map_err(backend(ACCEPT))?;
    let found = find_in(&mut tx, hash).await.map_err(backend(ACCEPT))?;
    let found = found.map(InvitationRecord::try_from).transpose().map_err(unreadable(ACCEPT))?;
    let Some(found) = found.filter(|found| found.is_live(by.at)) else { return Ok(None) };
    let InvitationRecord { id: invitation, workspace, role, .. } = found;
    if current_role(&mut tx, workspace, user, ACCEPT).await? >= Some(role) {
        return Ok(Some(workspace));
    }
    let quotas = quotas(&mut tx, workspace, others).await.map_err(backend(ACCEPT))?;
    let quotas = quotas.ok_or(StoreError::Conflict(Conflict::UnknownWorkspace))?;
    let change = WorkspaceMemberChange { workspace, user, role: Some(role) };
    member::set(&mut tx, change, &quotas).await?;
    let id = invitation.as_uuid();
    sqlx::query!("update workspace_invitations set uses = uses + 1 where id = ?1", id)
        .execute(&mut *tx)
        .await
        .map_err(backend(ACCEPT))?;
    let event = AuditEvent::InvitationAccepted { invitation, role };
    record(&mut tx, Chain::Workspace(workspace), &event, by).await.map_err(backend(ACCEPT))?;
    tx.commit().await.map_err(backend(ACCEPT))?;
    Ok(Some(workspace))
}

struct InvitationRow {
    id: Uuid,
    workspace_id: Uuid,
    workspace_name: String,
    role: String,
    created_by: Uuid,
    created_at: i64,
    expires_at: i64,
    uses: i64,
    uses_max: Option<i64>,
}

impl TryFrom<InvitationRow> for InvitationRecord {
    type Error = Unreadable;

    fn try_from(row: InvitationRow) -> Result<Self, Unreadable> {
        let number = |number: i64| u32::try_from(number).map_err(|_| Unreadable("number of uses"));
        Ok(Self {
            id: InvitationId::from_uuid(row.id),
            workspace: WorkspaceId::from_uuid(row.workspace_id),
            workspace_name: row.workspace_name,
            role: role(&row.role)?,
            created_by: UserId::from_uuid(row.created_by),
            created_at: moment(row.created_at)?,
            expires_at: moment(row.expires_at)?,
            uses: number(row.uses)?,
            uses_max: row.uses_max.map(number).transpose()?,
        })
    }
}
