use flow_base::{InvitationId, Role, UserId, WorkspaceId};
use flow_store::{
    AuditEvent, Conflict, INVITATIONS_PER_WORKSPACE, InvitationRecord, NewInvitation, Origin, Quotas,
    StoreError, WorkspaceMemberChange,
};
use sqlx::PgConnection;
use uuid::Uuid;

use super::member::{self, current_role, may};
use super::quota::lock;
use crate::PostgresStore;
use crate::account::keep_user;
use crate::audit::{Chain, record};
use crate::error::{Failure, Unreadable};
use crate::flow::role;
use crate::values::Moment;

pub(super) async fn create(
    store: &PostgresStore,
    invitation: &NewInvitation,
    by: &Origin,
) -> Result<(), Failure> {
    let mut tx = store.begin().await?;
    if lock(&mut tx, invitation.workspace, &Quotas::UNBOUNDED).await?.is_none() {
        return Err(tx.refuse(StoreError::Conflict(Conflict::UnknownWorkspace)).await);
    }
    if !may(&mut tx, invitation.workspace, Role::Owner, by).await? {
        return Err(tx.refuse(StoreError::Conflict(Conflict::NotAllowed)).await);
    }
    if !insert(&mut tx, invitation, by).await? {
        return Err(tx.refuse(StoreError::Conflict(Conflict::TooManyInvitations)).await);
    }
    let event = AuditEvent::InvitationCreated { invitation: invitation.id, role: invitation.role };
    record(&mut tx, Chain::Workspace(invitation.workspace), &event, by).await?;
    tx.commit().await
}

/// Answers whether there was room for it.
async fn insert(tx: &mut PgConnection, invitation: &NewInvitation, by: &Origin) -> Result<bool, sqlx::Error> {
    let inserted = sqlx::query!(
        r#"
        insert into workspace_invitations (
            id, workspace_id, hash, role, created_by, created_at, expires_at, uses_max
        )
        select $1, $2, $3, $4, $5, $6, $7, $8
        where (select count(*) from workspace_invitations where workspace_id = $2) < $9
        "#,
        invitation.id.as_uuid(),
        invitation.workspace.as_uuid(),
        &invitation.hash[..],
        invitation.role.as_str(),
        invitation.created_by.as_uuid(),
        Moment(by.at) as Moment,
        Moment(invitation.expires_at) as Moment,
        invitation.uses_max.map(i64::from),
        i64::from(INVITATIONS_PER_WORKSPACE),
    )
    .execute(tx)
    .await?;
    Ok(inserted.rows_affected() == 1)
}

pub(super) async fn list(
    store: &PostgresStore,
    workspace: WorkspaceId,
) -> Result<Vec<InvitationRecord>, Failure> {
    let mut session = store.session().await?;
    let rows = sqlx::query_as!(
        InvitationRow,
        r#"
        select
            workspace_invitations.id,
            workspace_invitations.workspace_id,
            workspaces.name as workspace_name,
            workspace_invitations.role,
            workspace_invitations.created_by,
            workspace_invitations.created_at as "created_at: Moment",
            workspace_invitations.expires_at as "expires_at: Moment",
            workspace_invitations.uses,
            workspace_invitations.uses_max
        from workspace_invitations
        join workspaces on workspaces.id = workspace_invitations.workspace_id
        where workspace_invitations.workspace_id = $1
        order by workspace_invitations.created_at desc, workspace_invitations.id desc
        "#,
        workspace.as_uuid(),
    )
    .fetch_all(&mut *session)
    .await;
    let all: Result<_, Unreadable> =
        session.settle(rows)?.into_iter().map(InvitationRecord::try_from).collect();
    Ok(all?)
}

/// Also one that has ended.
pub(super) async fn find(
    store: &PostgresStore,
    hash: &[u8; 32],
) -> Result<Option<InvitationRecord>, Failure> {
    let mut session = store.session().await?;
    let row = find_in(&mut session, hash).await;
    Ok(session.settle(row)?.map(InvitationRecord::try_from).transpose()?)
}

async fn find_in(
    connection: &mut PgConnection,
    hash: &[u8; 32],
) -> Result<Option<InvitationRow>, sqlx::Error> {
    sqlx::query_as!(
        InvitationRow,
        r#"
        select
            workspace_invitations.id,
            workspace_invitations.workspace_id,
            workspaces.name as workspace_name,
            workspace_invitations.role,
            workspace_invitations.created_by,
            workspace_invitations.created_at as "created_at: Moment",
            workspace_invitations.expires_at as "expires_at: Moment",
            workspace_invitations.uses,
            workspace_invitations.uses_max
        from workspace_invitations
        join workspaces on workspaces.id = workspace_invitations.workspace_id
        where workspace_invitations.hash = $1
        "#,
        &hash[..],
    )
    .fetch_optional(connection)
    .await
}

pub(super) async fn revoke(
    store: &PostgresStore,
    workspace: WorkspaceId,
    invitation: InvitationId,
    by: &Origin,
) -> Result<bool, Failure> {
    let mut tx = store.begin().await?;
    let revoked = sqlx::query!(
        "delete from workspace_invitations where id = $2 and workspace_id = $1",
        workspace.as_uuid(),
        invitation.as_uuid(),
    )
    .execute(&mut *tx)
    .await?;
    if revoked.rows_affected() == 0 {
        tx.undo().await;
        return Ok(false);
    }
    let event = AuditEvent::InvitationRevoked { invitation };
    record(&mut tx, Chain::Workspace(workspace), &event, by).await?;
    tx.commit().await?;
    Ok(true)
}

pub(super) async fn accept(
    store: &PostgresStore,
    hash: &[u8; 32],
    user: UserId,
    quotas: &Quotas,
    by: &Origin,
) -> Result<Option<WorkspaceId>, Failure> {
    let Some(found) = find(store, hash).await? else { return Ok(None) };
    let mut tx = store.begin().await?;
    keep_user(&mut tx, user).await?;
    let locked = lock(&mut tx, found.workspace, quotas).await?;
    // Read again under the lock: whoever was there before may have used it up.
    let found = find_in(&mut tx, hash).await?.map(InvitationRecord::try_from).transpose()?;
    let (Some(quotas), Some(found)) = (locked, found.filter(|found| found.is_live(by.at))) else {
        tx.undo().await;
        return Ok(None);
    };
    let InvitationRecord { id: invitation, workspace, role, .. } = found;
    if current_role(&mut tx, workspace, user).await? >= Some(role) {
        tx.undo().await;
        return Ok(Some(workspace));
    }
    let change = WorkspaceMemberChange { workspace, user, role: Some(role) };
    if let Err(conflict) = member::set(&mut tx, change, &quotas).await? {
        return Err(tx.refuse(StoreError::Conflict(conflict)).await);
    }
    let used =
        sqlx::query!("update workspace_invitations set uses = uses + 1 where id = $1", invitation.as_uuid(),)
            .execute(&mut *tx)
            .await?;
    // Somebody has revoked it meanwhile.
    if used.rows_affected() == 0 {
        tx.undo().await;
        return Ok(None);
    }
    let event = AuditEvent::InvitationAccepted { invitation, role };
    record(&mut tx, Chain::Workspace(workspace), &event, by).await?;
    tx.commit().await?;
    Ok(Some(workspace))
}

struct InvitationRow {
    id: Uuid,
    workspace_id: Uuid,
    workspace_name: String,
    role: String,
    created_by: Uuid,
    created_at: Moment,
    expires_at: Moment,
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
            created_at: row.created_at.0,
            expires_at: row.expires_at.0,
            uses: number(row.uses)?,
            uses_max: row.uses_max.map(number).transpose()?,
        })
    }
}
