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
use sqlx::PgConnection;
use uuid::Uuid;

use crate::PostgresStore;
use crate::account::lock_user;
use crate::audit::{Chain, record};
use crate::error::{Failure, Unreadable};
use crate::values::{Moment, text};

pub(crate) use member::may;

const CREATE: &str = "create the workspace";
const READ: &str = "read the workspace";
const LIST: &str = "list the workspaces";
const RENAME: &str = "rename the workspace";
const MEMBERS: &str = "read the workspace's members";
const CHANGE: &str = "change the workspace's members";
const USAGE: &str = "read what the workspace has";
const SET_QUOTAS: &str = "set the workspace's quotas";
const INVITE: &str = "store the invitation";
const INVITATIONS: &str = "read the invitations";
const REVOKE: &str = "end the invitation";
const ACCEPT: &str = "accept the invitation";

#[async_trait]
impl WorkspaceStore for PostgresStore {
    async fn create_workspace(&self, workspace: &NewWorkspace, by: &Origin) -> Result<(), StoreError> {
        self.call(CREATE, create(self, workspace, by)).await
    }

    async fn workspace(
        &self,
        workspace: WorkspaceId,
        user: UserId,
    ) -> Result<Option<WorkspaceRecord>, StoreError> {
        let seen = self.call(READ, seen_by(self, user, Some(workspace))).await?;
        Ok(seen.into_iter().next())
    }

    async fn workspaces(&self, user: UserId) -> Result<Vec<WorkspaceRecord>, StoreError> {
        self.call(LIST, seen_by(self, user, None)).await
    }

    async fn all_workspaces(
        &self,
        after: Option<WorkspaceId>,
        limit: u32,
    ) -> Result<Vec<(WorkspaceId, String)>, StoreError> {
        self.call(LIST, all(self, after, limit)).await
    }

    async fn rename_workspace(
        &self,
        workspace: WorkspaceId,
        name: &str,
        by: &Origin,
    ) -> Result<bool, StoreError> {
        self.call(RENAME, rename(self, workspace, name, by)).await
    }

    async fn workspace_members(&self, workspace: WorkspaceId) -> Result<Vec<Member>, StoreError> {
        self.call(MEMBERS, member::list(self, workspace)).await
    }

    async fn change_workspace_member(
        &self,
        change: WorkspaceMemberChange,
        quotas: &Quotas,
        by: &Origin,
    ) -> Result<bool, StoreError> {
        self.call(CHANGE, member::change(self, change, quotas, by)).await
    }

    async fn transfer_workspace(
        &self,
        workspace: WorkspaceId,
        from: UserId,
        to: UserId,
        by: &Origin,
    ) -> Result<bool, StoreError> {
        self.call(CHANGE, member::transfer(self, workspace, from, to, by)).await
    }

    async fn workspace_usage(
        &self,
        workspace: WorkspaceId,
    ) -> Result<Option<(WorkspaceUsage, OwnQuotas)>, StoreError> {
        self.call(USAGE, quota::usage(self, workspace)).await
    }

    async fn set_quotas(
        &self,
        workspace: WorkspaceId,
        quotas: &OwnQuotas,
        by: &Origin,
    ) -> Result<bool, StoreError> {
        self.call(SET_QUOTAS, quota::set(self, workspace, quotas, by)).await
    }

    async fn create_invitation(&self, invitation: &NewInvitation, by: &Origin) -> Result<(), StoreError> {
        self.call(INVITE, invitation::create(self, invitation, by)).await
    }

    async fn invitations(&self, workspace: WorkspaceId) -> Result<Vec<InvitationRecord>, StoreError> {
        self.call(INVITATIONS, invitation::list(self, workspace)).await
    }

    async fn revoke_invitation(
        &self,
        workspace: WorkspaceId,
        invitation: InvitationId,
        by: &Origin,
    ) -> Result<bool, StoreError> {
        self.call(REVOKE, invitation::revoke(self, workspace, invitation, by)).await
    }

    async fn live_invitation(
        &self,
        hash: &[u8; 32],
        now: Timestamp,
    ) -> Result<Option<InvitationRecord>, StoreError> {
        let found = self.call(INVITATIONS, invitation::find(self, hash)).await?;
        Ok(found.filter(|found| found.is_live(now)))
    }

    async fn accept_invitation(
        &self,
        hash: &[u8; 32],
        user: UserId,
        quotas: &Quotas,
        by: &Origin,
    ) -> Result<Option<WorkspaceId>, StoreError> {
        self.call(ACCEPT, invitation::accept(self, hash, user, quotas, by)).await
    }
}

async fn create(store: &PostgresStore, workspace: &NewWorkspace, by: &Origin) -> Result<(), Failure> {
    let mut tx = store.begin().await?;
    // One user's workspaces are made one after the other: what is counted stays so.
    if !lock_user(&mut tx, workspace.owner).await? {
        return Err(tx.refuse(StoreError::Conflict(Conflict::UnknownUser)).await);
    }
    if !insert(&mut tx, workspace, by).await? {
        return Err(tx.refuse(StoreError::Conflict(Conflict::TooManyWorkspaces)).await);
    }
    record(&mut tx, Chain::Workspace(workspace.id), &AuditEvent::WorkspaceCreated, by).await?;
    tx.commit().await
}

/// Answers whether there was room for it.
async fn insert(tx: &mut PgConnection, workspace: &NewWorkspace, by: &Origin) -> Result<bool, sqlx::Error> {
    let inserted = sqlx::query!(
        r#"
        with room as (
            select count(*) < $6 as is_there
            from workspace_members
            where user_id = $4 and role = $5
        ),
        created as (
            insert into workspaces (id, name, created_at)
            select $1, $2, $3
            from room
            where is_there
            returning id
        )
        insert into workspace_members (workspace_id, user_id, role)
        select id, $4, $5
        from created
        "#,
        workspace.id.as_uuid(),
        &*text(&workspace.name),
        Moment(by.at) as Moment,
        workspace.owner.as_uuid(),
        Role::Owner.as_str(),
        i64::from(WORKSPACES_PER_OWNER),
    )
    .execute(tx)
    .await?;
    Ok(inserted.rows_affected() == 1)
}

/// Those that the user is a member of, or this one if the user is.
async fn seen_by(
    store: &PostgresStore,
    user: UserId,
    only: Option<WorkspaceId>,
) -> Result<Vec<WorkspaceRecord>, Failure> {
    let mut session = store.session().await?;
    let rows = sqlx::query_as!(
        WorkspaceRow,
        r#"
        select
            workspaces.id,
            workspaces.name,
            workspace_members.role,
            exists (
                select 1 from users where users.workspace_id = workspaces.id and users.erased_at is null
            ) as "is_personal!",
            workspaces.created_at as "created_at: Moment"
        from workspace_members
        join workspaces on workspaces.id = workspace_members.workspace_id
        where workspace_members.user_id = $1 and workspaces.id = coalesce($2, workspaces.id)
        -- By the bytes of the name, whatever the database's own order is.
        order by 4 desc, workspaces.name collate "C", workspaces.id
        "#,
        user.as_uuid(),
        only.map(WorkspaceId::as_uuid),
    )
    .fetch_all(&mut *session)
    .await;
    let seen: Result<_, Unreadable> =
        session.settle(rows)?.into_iter().map(WorkspaceRecord::try_from).collect();
    Ok(seen?)
}

async fn all(
    store: &PostgresStore,
    after: Option<WorkspaceId>,
    limit: u32,
) -> Result<Vec<(WorkspaceId, String)>, Failure> {
    let mut session = store.session().await?;
    let rows = sqlx::query!(
        "select id, name from workspaces where $1::uuid is null or id > $1 order by id limit $2",
        after.map(WorkspaceId::as_uuid),
        i64::from(limit),
    )
    .fetch_all(&mut *session)
    .await;
    let rows = session.settle(rows)?.into_iter();
    Ok(rows.map(|row| (WorkspaceId::from_uuid(row.id), row.name)).collect())
}

async fn rename(
    store: &PostgresStore,
    workspace: WorkspaceId,
    name: &str,
    by: &Origin,
) -> Result<bool, Failure> {
    let mut tx = store.begin().await?;
    let renamed =
        sqlx::query!("update workspaces set name = $2 where id = $1", workspace.as_uuid(), &*text(name),)
            .execute(&mut *tx)
            .await?;
    if renamed.rows_affected() == 0 {
        tx.undo().await;
        return Ok(false);
    }
    record(&mut tx, Chain::Workspace(workspace), &AuditEvent::WorkspaceRenamed, by).await?;
    tx.commit().await?;
    Ok(true)
}

struct WorkspaceRow {
    id: Uuid,
    name: String,
    role: String,
    is_personal: bool,
    created_at: Moment,
}

impl TryFrom<WorkspaceRow> for WorkspaceRecord {
    type Error = Unreadable;

    fn try_from(row: WorkspaceRow) -> Result<Self, Unreadable> {
        Ok(Self {
            id: WorkspaceId::from_uuid(row.id),
            name: row.name,
            role: row.role.parse().map_err(|_| Unreadable("role"))?,
            is_personal: row.is_personal,
            created_at: row.created_at.0,
        })
    }
}
