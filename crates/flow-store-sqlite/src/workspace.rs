//! `workspaces`, `workspace_members` and `workspace_invitations`.

mod invitation;
mod member;
pub(crate) mod quota;

use async_trait::async_trait;
use flow_base::{InvitationId, Role, Timestamp, UserId, WorkspaceId};
use flow_store::{
    AuditEvent, Conflict, InvitationRecord, Member, NewInvitation, NewWorkspace, Origin, OwnQuotas, Quotas,
    StoreError, WORKSPACES_PER_OWNER, WorkspaceMemberChange, WorkspaceRecord, WorkspaceStore, WorkspaceUsage,
};
use sqlx::SqliteConnection;
use uuid::Uuid;

use crate::SqliteStore;
use crate::account::user_exists;
use crate::audit::{Chain, record};
use crate::error::{Unreadable, backend, micros, moment, unreadable};

pub(crate) use member::may;

const CREATE: &str = "create the workspace";
const READ: &str = "read the workspaces";
const RENAME: &str = "rename the workspace";

#[async_trait]
impl WorkspaceStore for SqliteStore {
    async fn create_workspace(&self, workspace: &NewWorkspace, by: &Origin) -> Result<(), StoreError> {
        create(self, workspace, by).await
    }

    async fn workspace(
        &self,
        workspace: WorkspaceId,
        user: UserId,
    ) -> Result<Option<WorkspaceRecord>, StoreError> {
        let seen = seen_by(self, user, Some(workspace)).await?;
        Ok(seen.into_iter().next())
    }

    async fn workspaces(&self, user: UserId) -> Result<Vec<WorkspaceRecord>, StoreError> {
        seen_by(self, user, None).await
    }

    async fn all_workspaces(
        &self,
        after: Option<WorkspaceId>,
        limit: u32,
    ) -> Result<Vec<(WorkspaceId, String)>, StoreError> {
        all(self, after, limit).await
    }

    async fn rename_workspace(
        &self,
        workspace: WorkspaceId,
        name: &str,
        by: &Origin,
    ) -> Result<bool, StoreError> {
        rename(self, workspace, name, by).await
    }

    async fn workspace_members(&self, workspace: WorkspaceId) -> Result<Vec<Member>, StoreError> {
        member::list(self, workspace).await
    }

    async fn change_workspace_member(
        &self,
        change: WorkspaceMemberChange,
        quotas: &Quotas,
        by: &Origin,
    ) -> Result<bool, StoreError> {
        member::change(self, change, quotas, by).await
    }

    async fn transfer_workspace(
        &self,
        workspace: WorkspaceId,
        from: UserId,
        to: UserId,
        by: &Origin,
    ) -> Result<bool, StoreError> {
        member::transfer(self, workspace, from, to, by).await
    }

    async fn workspace_usage(
        &self,
        workspace: WorkspaceId,
    ) -> Result<Option<(WorkspaceUsage, OwnQuotas)>, StoreError> {
        quota::usage(self, workspace).await
    }

    async fn set_quotas(
        &self,
        workspace: WorkspaceId,
        quotas: &OwnQuotas,
        by: &Origin,
    ) -> Result<bool, StoreError> {
        quota::set(self, workspace, quotas, by).await
    }

    async fn create_invitation(&self, invitation: &NewInvitation, by: &Origin) -> Result<(), StoreError> {
        invitation::create(self, invitation, by).await
    }

    async fn invitations(&self, workspace: WorkspaceId) -> Result<Vec<InvitationRecord>, StoreError> {
        invitation::list(self, workspace).await
    }

    async fn revoke_invitation(
        &self,
        workspace: WorkspaceId,
        invitation: InvitationId,
        by: &Origin,
    ) -> Result<bool, StoreError> {
        invitation::revoke(self, workspace, invitation, by).await
    }

    async fn live_invitation(
        &self,
        hash: &[u8; 32],
        now: Timestamp,
    ) -> Result<Option<InvitationRecord>, StoreError> {
        let found = invitation::find(self, hash).await?;
        Ok(found.filter(|found| found.is_live(now)))
    }

    async fn accept_invitation(
        &self,
        hash: &[u8; 32],
        user: UserId,
        quotas: &Quotas,
        by: &Origin,
    ) -> Result<Option<WorkspaceId>, StoreError> {
        invitation::accept(self, hash, user, quotas, by).await
    }
}

async fn create(store: &SqliteStore, workspace: &NewWorkspace, by: &Origin) -> Result<(), StoreError> {
    let mut tx = store.begin_write().await.map_err(backend(CREATE))?;
    if !user_exists(&mut tx, workspace.owner).await.map_err(backend(CREATE))? {
        return Err(StoreError::Conflict(Conflict::UnknownUser));
    }
    if owned(&mut tx, workspace.owner).await.map_err(backend(CREATE))? >= i64::from(WORKSPACES_PER_OWNER) {
        return Err(StoreError::Conflict(Conflict::TooManyWorkspaces));
    }
    insert(&mut tx, workspace, by).await.map_err(backend(CREATE))?;
    let (id, owner) = (workspace.id, workspace.owner);
    member::put(&mut tx, id, owner, Some(Role::Owner)).await.map_err(backend(CREATE))?;
    record(&mut tx, Chain::Workspace(id), &AuditEvent::WorkspaceCreated, by)
        .await
        .map_err(backend(CREATE))?;
    tx.commit().await.map_err(backend(CREATE))
}

async fn owned(tx: &mut SqliteConnection, user: UserId) -> Result<i64, sqlx::Error> {
    let user = user.as_uuid();
    sqlx::query_scalar!("select count(*) from workspace_members where user_id = ?1 and role = 'owner'", user)
        .fetch_one(tx)
        .await
}

async fn insert(tx: &mut SqliteConnection, workspace: &NewWorkspace, by: &Origin) -> Result<(), sqlx::Error> {
    let (id, at) = (workspace.id.as_uuid(), micros(by.at));
    sqlx::query!(
        "insert into workspaces (id, name, created_at) values (?1, ?2, ?3)",
        id,
        workspace.name,
        at,
    )
    .execute(tx)
    .await?;
    Ok(())
}

pub(crate) async fn exists(tx: &mut SqliteConnection, workspace: WorkspaceId) -> Result<bool, sqlx::Error> {
    let workspace = workspace.as_uuid();
    sqlx::query_scalar!(
        r#"select exists (select 1 from workspaces where id = ?1) as "exists!: bool""#,
        workspace,
    )
    .fetch_one(tx)
    .await
}

/// Those that the user is a member of, or this one if the user is.
async fn seen_by(
    store: &SqliteStore,
    user: UserId,
    only: Option<WorkspaceId>,
) -> Result<Vec<WorkspaceRecord>, StoreError> {
    let (user, only) = (user.as_uuid(), only.map(WorkspaceId::as_uuid));
    let rows = sqlx::query_as!(
        WorkspaceRow,
        r#"
        select
            workspaces.id as "id: Uuid",
            workspaces.name,
            workspace_members.role,
            exists (
                select 1 from users where users.workspace_id = workspaces.id and users.erased_at is null
            ) as "is_personal!: bool",
            workspaces.created_at
        from workspace_members
        join workspaces on workspaces.id = workspace_members.workspace_id
        where workspace_members.user_id = ?1 and workspaces.id = coalesce(?2, workspaces.id)
        order by 4 desc, workspaces.name, workspaces.id
        "#,
        user,
        only,
    )
    .fetch_all(store.readers())
    .await
    .map_err(backend(READ))?;
    rows.into_iter().map(WorkspaceRecord::try_from).collect::<Result<_, _>>().map_err(unreadable(READ))
}

async fn all(
    store: &SqliteStore,
    after: Option<WorkspaceId>,
    limit: u32,
) -> Result<Vec<(WorkspaceId, String)>, StoreError> {
    let after = after.map(WorkspaceId::as_uuid);
    let rows = sqlx::query!(
        r#"select id as "id: Uuid", name from workspaces where ?1 is null or id > ?1 order by id limit ?2"#,
        after,
        limit,
    )
    .fetch_all(store.readers())
    .await
    .map_err(backend(READ))?;
    Ok(rows.into_iter().map(|row| (WorkspaceId::from_uuid(row.id), row.name)).collect())
}

async fn rename(
    store: &SqliteStore,
    workspace: WorkspaceId,
    name: &str,
    by: &Origin,
) -> Result<bool, StoreError> {
    let id = workspace.as_uuid();
    let mut tx = store.begin_write().await.map_err(backend(RENAME))?;
    let renamed = sqlx::query!("update workspaces set name = ?2 where id = ?1", id, name)
        .execute(&mut *tx)
        .await
        .map_err(backend(RENAME))?;
    if renamed.rows_affected() == 0 {
        return Ok(false);
    }
    let event = AuditEvent::WorkspaceRenamed;
    record(&mut tx, Chain::Workspace(workspace), &event, by).await.map_err(backend(RENAME))?;
    tx.commit().await.map_err(backend(RENAME))?;
    Ok(true)
}

struct WorkspaceRow {
    id: Uuid,
    name: String,
    role: String,
    is_personal: bool,
    created_at: i64,
}

impl TryFrom<WorkspaceRow> for WorkspaceRecord {
    type Error = Unreadable;

    fn try_from(row: WorkspaceRow) -> Result<Self, Unreadable> {
        Ok(Self {
            id: WorkspaceId::from_uuid(row.id),
            name: row.name,
            role: row.role.parse().map_err(|_| Unreadable("role"))?,
            is_personal: row.is_personal,
            created_at: moment(row.created_at)?,
        })
    }
}
