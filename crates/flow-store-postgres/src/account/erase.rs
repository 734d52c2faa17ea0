//! Taking away for good what is known of a person.

use flow_base::{Role, UserId, WorkspaceId};
use flow_store::{AuditEvent, Conflict, DISABLED_BY_ERASURE, ERASED_WORKSPACE, Origin, StoreError};
use sqlx::PgConnection;

use super::user::lock;
use crate::PostgresStore;
use crate::audit::{Chain, record};
use crate::error::Failure;
use crate::run::forget_user;
use crate::values::Moment;
use crate::webhook::give_up;

pub(super) async fn erase(
    store: &PostgresStore,
    user: UserId,
    heir: Option<UserId>,
    by: &Origin,
) -> Result<bool, Failure> {
    let mut tx = store.begin().await?;
    if !lock(&mut tx, user).await? {
        tx.undo().await;
        return Ok(false);
    }
    // Locked, so that the heir is not erased meanwhile. Two who name each other wait, and
    // one of them is told to try again.
    if let Some(heir) = heir
        && (heir == user || !lock(&mut tx, heir).await?)
    {
        return Err(tx.refuse(StoreError::Conflict(Conflict::UnknownUser)).await);
    }
    let workspaces = workspaces(&mut tx, user).await?;
    if heir.is_none() && workspaces.iter().any(|workspace| workspace.is_left && workspace.is_shared) {
        return Err(tx.refuse(StoreError::Conflict(Conflict::OwnsShared)).await);
    }
    // What is recorded below must not say again from where.
    let by = Origin { address: None, ..*by };
    leave(&mut tx, user, &workspaces, heir, &by).await?;
    hold_chains(&mut tx, &workspaces).await?;
    if heir.is_none() {
        remove_webhooks_and_secrets(&mut tx, &workspaces).await?;
    }
    disable_webhooks(&mut tx, user).await?;
    let personal = forget(&mut tx, user, &by).await?;
    for workspace in workspaces {
        let event = match heir.filter(|_| workspace.is_left) {
            Some(to) => AuditEvent::WorkspaceTransferred { from: user, to },
            None => AuditEvent::WorkspaceMemberChanged { user, role: None },
        };
        record(&mut tx, Chain::Workspace(workspace.id), &event, &by).await?;
    }
    record(&mut tx, Chain::Workspace(personal), &AuditEvent::AccountErased { user }, &by).await?;
    tx.commit().await?;
    Ok(true)
}

/// One that the user is a member of.
struct Membership {
    id: WorkspaceId,
    /// Nobody else owns it.
    is_left: bool,
    /// Others are in it.
    is_shared: bool,
}

/// In the order of their ids, in which their chains are taken, too; locked, so that their
/// members stay.
async fn workspaces(tx: &mut PgConnection, user: UserId) -> Result<Vec<Membership>, sqlx::Error> {
    sqlx::query!(
        r#"
        select workspaces.id
        from workspace_members
        join workspaces on workspaces.id = workspace_members.workspace_id
        where workspace_members.user_id = $1
        order by workspaces.id
        for no key update of workspaces
        "#,
        user.as_uuid(),
    )
    .fetch_all(&mut *tx)
    .await?;
    let rows = sqlx::query!(
        r#"
        select
            own.workspace_id,
            own.role = 'owner' and not exists (
                select 1
                from workspace_members as others
                where others.workspace_id = own.workspace_id
                    and others.user_id <> $1
                    and others.role = 'owner'
            ) as "is_left!",
            exists (
                select 1
                from workspace_members as others
                where others.workspace_id = own.workspace_id and others.user_id <> $1
            ) as "is_shared!"
        from workspace_members as own
        where own.user_id = $1
        order by own.workspace_id
        "#,
        user.as_uuid(),
    )
    .fetch_all(tx)
    .await?;
    let memberships = rows.into_iter().map(|row| Membership {
        id: WorkspaceId::from_uuid(row.workspace_id),
        is_left: row.is_left,
        is_shared: row.is_shared,
    });
    Ok(memberships.collect())
}

/// Takes away all roles, and leaves to the heir what nobody else owns or, without one,
/// deletes its flows.
async fn leave(
    tx: &mut PgConnection,
    user: UserId,
    workspaces: &[Membership],
    heir: Option<UserId>,
    by: &Origin,
) -> Result<(), sqlx::Error> {
    let all: Vec<_> = workspaces.iter().map(|workspace| workspace.id.as_uuid()).collect();
    let left = workspaces.iter().filter(|workspace| workspace.is_left);
    let left: Vec<_> = left.map(|workspace| workspace.id.as_uuid()).collect();
    sqlx::query!("update workspaces set access_rev = access_rev + 1 where id = any($1)", &all)
        .execute(&mut *tx)
        .await?;
    sqlx::query!("delete from workspace_members where user_id = $1", user.as_uuid())
        .execute(&mut *tx)
        .await?;
    sqlx::query!("delete from flow_members where user_id = $1", user.as_uuid()).execute(&mut *tx).await?;
    let Some(heir) = heir else {
        sqlx::query!(
            "update flows set deleted_at = $2 where workspace_id = any($1) and deleted_at is null",
            &left,
            Moment(by.at) as Moment,
        )
        .execute(tx)
        .await?;
        return Ok(());
    };
    sqlx::query!(
        r#"
        insert into workspace_members (workspace_id, user_id, role)
        select place.id, $2, $3
        from unnest($1::uuid[]) as place (id)
        on conflict (workspace_id, user_id) do update
        set role = excluded.role
        "#,
        &left,
        heir.as_uuid(),
        Role::Owner.as_str(),
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// What the user has just done is recorded before anything is forgotten, and what comes
/// after sees that the account is erased.
async fn hold_chains(tx: &mut PgConnection, workspaces: &[Membership]) -> Result<(), sqlx::Error> {
    let all: Vec<_> = workspaces.iter().map(|workspace| workspace.id.as_uuid()).collect();
    sqlx::query!(
        r#"
        select workspace_id
        from audit_heads
        where workspace_id = any($1)
        order by workspace_id
        for update
        "#,
        &all,
    )
    .fetch_all(tx)
    .await?;
    Ok(())
}

/// Nobody is there to look after them; and their addresses, and what they open, are somebody's.
async fn remove_webhooks_and_secrets(
    tx: &mut PgConnection,
    workspaces: &[Membership],
) -> Result<(), sqlx::Error> {
    let left = workspaces.iter().filter(|workspace| workspace.is_left);
    let left: Vec<_> = left.map(|workspace| workspace.id.as_uuid()).collect();
    sqlx::query!("delete from webhooks where workspace_id = any($1)", &left).execute(&mut *tx).await?;
    sqlx::query!("delete from workspace_secrets where workspace_id = any($1)", &left).execute(tx).await?;
    Ok(())
}

/// The others that the user has made, wherever: whoever owns the workspace now sees where they
/// lead, and may enable them again.
async fn disable_webhooks(tx: &mut PgConnection, user: UserId) -> Result<(), sqlx::Error> {
    let disabled = sqlx::query_scalar!(
        r#"
        update webhooks
        set
            disabled_at = now(),
            disabled_reason = $2
        where id in (
            select id
            from webhooks
            where created_by = $1 and disabled_at is null
            order by id
            for no key update
        )
        returning id
        "#,
        user.as_uuid(),
        DISABLED_BY_ERASURE,
    )
    .fetch_all(&mut *tx)
    .await?;
    give_up(tx, &disabled).await
}

/// Answers the personal workspace.
async fn forget(tx: &mut PgConnection, user: UserId, by: &Origin) -> Result<WorkspaceId, sqlx::Error> {
    let id = user.as_uuid();
    sqlx::query!("delete from sessions where user_id = $1", id).execute(&mut *tx).await?;
    sqlx::query!("delete from api_keys where user_id = $1", id).execute(&mut *tx).await?;
    sqlx::query!("delete from workspace_invitations where created_by = $1", id).execute(&mut *tx).await?;
    sqlx::query!("delete from flow_links where created_by = $1", id).execute(&mut *tx).await?;
    sqlx::query!(
        r#"
        update audit_events
        set
            personal = null,
            personal_salt = null
        where user_id = $1
        "#,
        id,
    )
    .execute(&mut *tx)
    .await?;
    forget_user(tx, user).await?;
    let personal = sqlx::query_scalar!(
        r#"
        update users
        set
            email = 'erased:' || id,
            name = '',
            password_hash = '',
            installation_owner = false,
            erased_at = $2
        where id = $1
        returning workspace_id
        "#,
        id,
        Moment(by.at) as Moment,
    )
    .fetch_one(&mut *tx)
    .await?;
    sqlx::query!("update workspaces set name = $2 where id = $1", personal, ERASED_WORKSPACE)
        .execute(tx)
        .await?;
    Ok(WorkspaceId::from_uuid(personal))
}
