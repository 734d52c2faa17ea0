use flow_base::{Role, UserId, WorkspaceId};
use flow_store::{AuditEvent, Conflict, Member, Origin, Quota, Quotas, StoreError, WorkspaceMemberChange};
use sqlx::SqliteConnection;
use uuid::Uuid;

use super::quota::quotas;
use crate::SqliteStore;
use crate::audit::{Chain, record};
use crate::error::{backend, unreadable};
use crate::flow::{MemberRow, role};

const LIST: &str = "read the workspace's members";
const CHANGE: &str = "change the workspace's members";

pub(super) async fn list(store: &SqliteStore, workspace: WorkspaceId) -> Result<Vec<Member>, StoreError> {
    let workspace = workspace.as_uuid();
    let rows = sqlx::query_as!(
        MemberRow,
        r#"
        select
            users.id as "user_id: Uuid",
            users.name,
            users.email,
            workspace_members.role
        from workspace_members
        join users on users.id = workspace_members.user_id
        where workspace_members.workspace_id = ?1
        order by workspace_members.role = 'owner' desc, users.name, users.id
        "#,
        workspace,
    )
    .fetch_all(store.readers())
    .await
    .map_err(backend(LIST))?;
    rows.into_iter().map(Member::try_from).collect::<Result<_, _>>().map_err(unreadable(LIST))
}

pub(super) async fn change(
    store: &SqliteStore,
    change: WorkspaceMemberChange,
    others: &Quotas,
    by: &Origin,
) -> Result<bool, StoreError> {
    let WorkspaceMemberChange { workspace, user, role } = change;
    let mut tx = store.begin_write().await.map_err(backend(CHANGE))?;
    let quotas = quotas(&mut tx, workspace, others).await.map_err(backend(CHANGE))?;
    let quotas = quotas.ok_or(StoreError::Conflict(Conflict::UnknownWorkspace))?;
    let leaves = role.is_none() && by.user == Some(user);
    if !leaves {
        may(&mut tx, workspace, Role::Owner, by, CHANGE).await?;
    }
    if !set(&mut tx, change, &quotas).await? {
        return Ok(false);
    }
    let event = AuditEvent::WorkspaceMemberChanged { user, role };
    record(&mut tx, Chain::Workspace(workspace), &event, by).await.map_err(backend(CHANGE))?;
    tx.commit().await.map_err(backend(CHANGE))?;
    Ok(true)
}

/// In a workspace that is there. Answers whether anything changed.
pub(super) async fn set(
    tx: &mut SqliteConnection,
    change: WorkspaceMemberChange,
    quotas: &Quotas,
) -> Result<bool, StoreError> {
    let stand = stand(tx, change.workspace, change.user).await.map_err(backend(CHANGE))?;
    if !stand.is_account {
        return Err(StoreError::Conflict(Conflict::UnknownUser));
    }
    let current = stand.role.as_deref().map(role).transpose().map_err(unreadable(CHANGE))?;
    if current == change.role {
        return Ok(false);
    }
    if stand.is_personal {
        return Err(StoreError::Conflict(Conflict::PersonalWorkspace));
    }
    if change.role != Some(Role::Owner) && !stand.others_own {
        return Err(StoreError::Conflict(Conflict::LastOwner));
    }
    if current.is_none() && quotas.members.is_some_and(|most| stand.members.cast_unsigned() >= most) {
        return Err(StoreError::Conflict(Conflict::QuotaReached(Quota::Members)));
    }
    put(tx, change.workspace, change.user, change.role).await.map_err(backend(CHANGE))?;
    if change.role < current {
        cap(tx, change.workspace, change.user, change.role).await.map_err(backend(CHANGE))?;
    }
    raise_access_rev(tx, change.workspace).await.map_err(backend(CHANGE))?;
    Ok(true)
}

pub(super) async fn transfer(
    store: &SqliteStore,
    workspace: WorkspaceId,
    from: UserId,
    to: UserId,
    by: &Origin,
) -> Result<bool, StoreError> {
    let mut tx = store.begin_write().await.map_err(backend(CHANGE))?;
    let giver = stand(&mut tx, workspace, from).await.map_err(backend(CHANGE))?;
    let taker = stand(&mut tx, workspace, to).await.map_err(backend(CHANGE))?;
    let owns = giver.role.as_deref() == Some(Role::Owner.as_str());
    if !owns || taker.role.is_none() || from == to {
        return Ok(false);
    }
    if giver.is_personal {
        return Err(StoreError::Conflict(Conflict::PersonalWorkspace));
    }
    put(&mut tx, workspace, to, Some(Role::Owner)).await.map_err(backend(CHANGE))?;
    put(&mut tx, workspace, from, Some(Role::Editor)).await.map_err(backend(CHANGE))?;
    cap(&mut tx, workspace, from, Some(Role::Editor)).await.map_err(backend(CHANGE))?;
    raise_access_rev(&mut tx, workspace).await.map_err(backend(CHANGE))?;
    let event = AuditEvent::WorkspaceTransferred { from, to };
    record(&mut tx, Chain::Workspace(workspace), &event, by).await.map_err(backend(CHANGE))?;
    tx.commit().await.map_err(backend(CHANGE))?;
    Ok(true)
}

/// Whoever does something in the workspace has to have this role at least, as they had when
/// they asked; operators need none. Nobody else writes while this transaction does.
pub(crate) async fn may(
    tx: &mut SqliteConnection,
    workspace: WorkspaceId,
    least: Role,
    by: &Origin,
    action: &'static str,
) -> Result<(), StoreError> {
    let Some(user) = by.user else { return Ok(()) };
    let role = current_role(tx, workspace, user, action).await?;
    if role >= Some(least) { Ok(()) } else { Err(StoreError::Conflict(Conflict::NotAllowed)) }
}

pub(super) async fn current_role(
    tx: &mut SqliteConnection,
    workspace: WorkspaceId,
    user: UserId,
    action: &'static str,
) -> Result<Option<Role>, StoreError> {
    let (workspace, user) = (workspace.as_uuid(), user.as_uuid());
    let current = sqlx::query_scalar!(
        "select role from workspace_members where workspace_id = ?1 and user_id = ?2",
        workspace,
        user,
    )
    .fetch_optional(tx)
    .await
    .map_err(backend(action))?;
    current.as_deref().map(role).transpose().map_err(unreadable(action))
}

/// What the user is to the workspace, and who else is there.
async fn stand(
    tx: &mut SqliteConnection,
    workspace: WorkspaceId,
    user: UserId,
) -> Result<StandRow, sqlx::Error> {
    let (workspace, user) = (workspace.as_uuid(), user.as_uuid());
    sqlx::query_as!(
        StandRow,
        r#"
        select
            exists (
                select 1 from users where id = ?2 and erased_at is null
            ) as "is_account!: bool",
            exists (
                select 1 from users where id = ?2 and workspace_id = ?1
            ) as "is_personal!: bool",
            (
                select role from workspace_members where workspace_id = ?1 and user_id = ?2
            ) as "role?: String",
            exists (
                select 1
                from workspace_members
                where workspace_id = ?1 and user_id <> ?2 and role = 'owner'
            ) as "others_own!: bool",
            (
                select count(*) from workspace_members where workspace_id = ?1
            ) as "members!: i64"
        "#,
        workspace,
        user,
    )
    .fetch_one(tx)
    .await
}

pub(super) async fn put(
    tx: &mut SqliteConnection,
    workspace: WorkspaceId,
    user: UserId,
    role: Option<Role>,
) -> Result<(), sqlx::Error> {
    let (workspace, user) = (workspace.as_uuid(), user.as_uuid());
    let Some(role) = role.map(Role::as_str) else {
        sqlx::query!(
            "delete from workspace_members where workspace_id = ?1 and user_id = ?2",
            workspace,
            user,
        )
        .execute(tx)
        .await?;
        return Ok(());
    };
    sqlx::query!(
        r#"
        insert into workspace_members (workspace_id, user_id, role)
        values (?1, ?2, ?3)
        on conflict (workspace_id, user_id) do update
        set role = excluded.role
        "#,
        workspace,
        user,
        role,
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// Takes what goes beyond a role from somebody who has become less. The flows' owners are
/// the workspace's.
async fn cap(
    tx: &mut SqliteConnection,
    workspace: WorkspaceId,
    user: UserId,
    role: Option<Role>,
) -> Result<(), sqlx::Error> {
    let beyond = [Role::Viewer, Role::Commenter, Role::Editor, Role::Owner].into_iter();
    let beyond: Vec<_> = beyond.filter(|held| Some(*held) > role).map(Role::as_str).collect();
    let beyond = serde_json::json!(beyond).to_string();
    let (workspace, user) = (workspace.as_uuid(), user.as_uuid());
    sqlx::query!(
        r#"
        delete from flow_members
        where user_id = ?2
            and role in (select value from json_each(?3))
            and flow_id in (select id from flows where workspace_id = ?1)
        "#,
        workspace,
        user,
        beyond,
    )
    .execute(&mut *tx)
    .await?;
    sqlx::query!(
        "delete from workspace_invitations where workspace_id = ?1 and created_by = ?2",
        workspace,
        user,
    )
    .execute(&mut *tx)
    .await?;
    if role.is_none() {
        sqlx::query!(
            r#"
            delete from flow_links
            where created_by = ?2 and flow_id in (select id from flows where workspace_id = ?1)
            "#,
            workspace,
            user,
        )
        .execute(tx)
        .await?;
    }
    Ok(())
}

async fn raise_access_rev(tx: &mut SqliteConnection, workspace: WorkspaceId) -> Result<(), sqlx::Error> {
    let workspace = workspace.as_uuid();
    sqlx::query!("update workspaces set access_rev = access_rev + 1 where id = ?1", workspace)
        .execute(tx)
        .await?;
    Ok(())
}

struct StandRow {
    is_account: bool,
    is_personal: bool,
    role: Option<String>,
    others_own: bool,
    members: i64,
}
