use flow_base::{Role, UserId, WorkspaceId};
use flow_store::{AuditEvent, Conflict, Member, Origin, Quota, Quotas, StoreError, WorkspaceMemberChange};
use sqlx::PgConnection;

use super::quota::lock;
use crate::PostgresStore;
use crate::account::keep_user;
use crate::audit::{Chain, record};
use crate::error::{Failure, Unreadable};
use crate::flow::{MemberRow, role};

pub(super) async fn list(store: &PostgresStore, workspace: WorkspaceId) -> Result<Vec<Member>, Failure> {
    let mut session = store.session().await?;
    let rows = sqlx::query_as!(
        MemberRow,
        r#"
        select
            users.id as user_id,
            users.name,
            users.email,
            workspace_members.role
        from workspace_members
        join users on users.id = workspace_members.user_id
        where workspace_members.workspace_id = $1
        -- By the bytes of the name, whatever the database's own order is.
        order by workspace_members.role = 'owner' desc, users.name collate "C", users.id
        "#,
        workspace.as_uuid(),
    )
    .fetch_all(&mut *session)
    .await;
    let members: Result<_, Unreadable> = session.settle(rows)?.into_iter().map(Member::try_from).collect();
    Ok(members?)
}

pub(super) async fn change(
    store: &PostgresStore,
    change: WorkspaceMemberChange,
    quotas: &Quotas,
    by: &Origin,
) -> Result<bool, Failure> {
    let WorkspaceMemberChange { workspace, user, role } = change;
    let mut tx = store.begin().await?;
    keep_user(&mut tx, user).await?;
    // Changes of one workspace's members come one after the other: what is read below
    // stays as it was read.
    let Some(quotas) = lock(&mut tx, workspace, quotas).await? else {
        return Err(tx.refuse(StoreError::Conflict(Conflict::UnknownWorkspace)).await);
    };
    let leaves = role.is_none() && by.user == Some(user);
    if !leaves && !may(&mut tx, workspace, Role::Owner, by).await? {
        return Err(tx.refuse(StoreError::Conflict(Conflict::NotAllowed)).await);
    }
    match set(&mut tx, change, &quotas).await? {
        Err(conflict) => return Err(tx.refuse(StoreError::Conflict(conflict)).await),
        Ok(false) => {
            tx.undo().await;
            return Ok(false);
        }
        Ok(true) => {}
    }
    let event = AuditEvent::WorkspaceMemberChanged { user, role };
    record(&mut tx, Chain::Workspace(workspace), &event, by).await?;
    tx.commit().await?;
    Ok(true)
}

/// In a workspace that is locked. Answers whether anything changed, or why nothing may.
pub(super) async fn set(
    tx: &mut PgConnection,
    change: WorkspaceMemberChange,
    quotas: &Quotas,
) -> Result<Result<bool, Conflict>, Failure> {
    let stand = stand(tx, change.workspace, change.user).await?;
    if !stand.is_account {
        return Ok(Err(Conflict::UnknownUser));
    }
    let current = stand.role.as_deref().map(role).transpose()?;
    if current == change.role {
        return Ok(Ok(false));
    }
    if stand.is_personal {
        return Ok(Err(Conflict::PersonalWorkspace));
    }
    if change.role != Some(Role::Owner) && !stand.others_own {
        return Ok(Err(Conflict::LastOwner));
    }
    if current.is_none() && quotas.members.is_some_and(|most| stand.members.cast_unsigned() >= most) {
        return Ok(Err(Conflict::QuotaReached(Quota::Members)));
    }
    put(tx, change.workspace, change.user, change.role).await?;
    if change.role < current {
        cap(tx, change.workspace, change.user, change.role).await?;
    }
    raise_access_rev(tx, change.workspace).await?;
    Ok(Ok(true))
}

pub(super) async fn transfer(
    store: &PostgresStore,
    workspace: WorkspaceId,
    from: UserId,
    to: UserId,
    by: &Origin,
) -> Result<bool, Failure> {
    let mut tx = store.begin().await?;
    if lock(&mut tx, workspace, &Quotas::UNBOUNDED).await?.is_none() {
        tx.undo().await;
        return Ok(false);
    }
    let (giver, taker) = (stand(&mut tx, workspace, from).await?, stand(&mut tx, workspace, to).await?);
    let owns = giver.role.as_deref() == Some(Role::Owner.as_str());
    if !owns || taker.role.is_none() || from == to {
        tx.undo().await;
        return Ok(false);
    }
    if giver.is_personal {
        return Err(tx.refuse(StoreError::Conflict(Conflict::PersonalWorkspace)).await);
    }
    put(&mut tx, workspace, to, Some(Role::Owner)).await?;
    put(&mut tx, workspace, from, Some(Role::Editor)).await?;
    cap(&mut tx, workspace, from, Some(Role::Editor)).await?;
    raise_access_rev(&mut tx, workspace).await?;
    let event = AuditEvent::WorkspaceTransferred { from, to };
    record(&mut tx, Chain::Workspace(workspace), &event, by).await?;
    tx.commit().await?;
    Ok(true)
}

/// In a workspace that is locked: whether whoever does something there has this role at least.
/// They had when they asked; operators need none.
pub(crate) async fn may(
    tx: &mut PgConnection,
    workspace: WorkspaceId,
    least: Role,
    by: &Origin,
) -> Result<bool, Failure> {
    match by.user {
        Some(user) => Ok(current_role(tx, workspace, user).await? >= Some(least)),
        None => Ok(true),
    }
}

pub(super) async fn current_role(
    tx: &mut PgConnection,
    workspace: WorkspaceId,
    user: UserId,
) -> Result<Option<Role>, Failure> {
    let current = sqlx::query_scalar!(
        "select role from workspace_members where workspace_id = $1 and user_id = $2",
        workspace.as_uuid(),
        user.as_uuid(),
    )
    .fetch_optional(tx)
    .await?;
    Ok(current.as_deref().map(role).transpose()?)
}

/// What the user is to the workspace, and who else is there.
async fn stand(tx: &mut PgConnection, workspace: WorkspaceId, user: UserId) -> Result<StandRow, sqlx::Error> {
    sqlx::query_as!(
        StandRow,
        r#"
        select
            exists (
                select 1 from users where id = $2 and erased_at is null
            ) as "is_account!",
            exists (
                select 1 from users where id = $2 and workspace_id = $1
            ) as "is_personal!",
            (
                select role from workspace_members where workspace_id = $1 and user_id = $2
            ) as role,
            exists (
                select 1
                from workspace_members
                where workspace_id = $1 and user_id <> $2 and role = 'owner'
            ) as "others_own!",
            (
                select count(*) from workspace_members where workspace_id = $1
            ) as "members!"
        "#,
        workspace.as_uuid(),
        user.as_uuid(),
    )
    .fetch_one(tx)
    .await
}

async fn put(
    tx: &mut PgConnection,
    workspace: WorkspaceId,
    user: UserId,
    role: Option<Role>,
) -> Result<(), sqlx::Error> {
    let (workspace, user) = (workspace.as_uuid(), user.as_uuid());
    let Some(role) = role else {
        sqlx::query!(
            "delete from workspace_members where workspace_id = $1 and user_id = $2",
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
        values ($1, $2, $3)
        on conflict (workspace_id, user_id) do update
        set role = excluded.role
        "#,
        workspace,
        user,
        role.as_str(),
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// Takes what goes beyond a role from somebody who has become less. The flows' owners are
/// the workspace's.
async fn cap(
    tx: &mut PgConnection,
    workspace: WorkspaceId,
    user: UserId,
    role: Option<Role>,
) -> Result<(), sqlx::Error> {
    let beyond = [Role::Viewer, Role::Commenter, Role::Editor, Role::Owner].into_iter();
    let beyond: Vec<_> =
        beyond.filter(|held| Some(*held) > role).map(|held| held.as_str().to_owned()).collect();
    sqlx::query!(
        r#"
        delete from flow_members
        using flows
        where flows.id = flow_members.flow_id
            and flows.workspace_id = $1
            and flow_members.user_id = $2
            and flow_members.role = any($3)
        "#,
        workspace.as_uuid(),
        user.as_uuid(),
        &beyond,
    )
    .execute(&mut *tx)
    .await?;
    sqlx::query!(
        "delete from workspace_invitations where workspace_id = $1 and created_by = $2",
        workspace.as_uuid(),
        user.as_uuid(),
    )
    .execute(&mut *tx)
    .await?;
    if role.is_none() {
        sqlx::query!(
            r#"
            delete from flow_links
            using flows
            where flows.id = flow_links.flow_id
                and flows.workspace_id = $1
                and flow_links.created_by = $2
            "#,
            workspace.as_uuid(),
            user.as_uuid(),
        )
        .execute(tx)
        .await?;
    }
    Ok(())
}

async fn raise_access_rev(tx: &mut PgConnection, workspace: WorkspaceId) -> Result<(), sqlx::Error> {
    sqlx::query!("update workspaces set access_rev = access_rev + 1 where id = $1", workspace.as_uuid())
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
