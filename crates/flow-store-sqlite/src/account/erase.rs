//! Taking away for good what is known of a person.

use flow_base::{Role, UserId, WorkspaceId};
use flow_store::{AuditEvent, Conflict, DISABLED_BY_ERASURE, ERASED_WORKSPACE, Origin, StoreError};
use sqlx::SqliteConnection;
use uuid::Uuid;

use super::user_exists;
use crate::SqliteStore;
use crate::audit::{Chain, record};
use crate::error::{backend, micros};
use crate::run::forget_user;
use crate::webhook::give_up;

const ERASE: &str = "erase the account";

pub(super) async fn erase(
    store: &SqliteStore,
    user: UserId,
    heir: Option<UserId>,
    by: &Origin,
) -> Result<bool, StoreError> {
    let mut tx = store.begin_write().await.map_err(backend(ERASE))?;
    if !user_exists(&mut tx, user).await.map_err(backend(ERASE))? {
        return Ok(false);
    }
    if let Some(heir) = heir
        && (heir == user || !user_exists(&mut tx, heir).await.map_err(backend(ERASE))?)
    {
        return Err(StoreError::Conflict(Conflict::UnknownUser));
    }
    let workspaces = workspaces(&mut tx, user).await.map_err(backend(ERASE))?;
    if heir.is_none() && workspaces.iter().any(|workspace| workspace.is_left && workspace.is_shared) {
        return Err(StoreError::Conflict(Conflict::OwnsShared));
    }
    // What is recorded below must not say again from where.
    let by = Origin { address: None, ..*by };
    for workspace in &workspaces {
        leave(&mut tx, user, workspace, heir, &by).await.map_err(backend(ERASE))?;
    }
    disable_webhooks(&mut tx, user).await.map_err(backend(ERASE))?;
    let personal = forget(&mut tx, user, &by).await.map_err(backend(ERASE))?;
    for workspace in workspaces {
        let event = match heir.filter(|_| workspace.is_left) {
            Some(to) => AuditEvent::WorkspaceTransferred { from: user, to },
            None => AuditEvent::WorkspaceMemberChanged { user, role: None },
        };
        record(&mut tx, Chain::Workspace(workspace.id), &event, &by).await.map_err(backend(ERASE))?;
    }
    let event = AuditEvent::AccountErased { user };
    record(&mut tx, Chain::Workspace(personal), &event, &by).await.map_err(backend(ERASE))?;
    tx.commit().await.map_err(backend(ERASE))?;
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

async fn workspaces(tx: &mut SqliteConnection, user: UserId) -> Result<Vec<Membership>, sqlx::Error> {
    let user = user.as_uuid();
    let rows = sqlx::query!(
        r#"
        select
            own.workspace_id as "id: Uuid",
            own.role = 'owner' and not exists (
                select 1
                from workspace_members as others
                where others.workspace_id = own.workspace_id
                    and others.user_id <> ?1
                    and others.role = 'owner'
            ) as "is_left!: bool",
            exists (
                select 1
                from workspace_members as others
                where others.workspace_id = own.workspace_id and others.user_id <> ?1
            ) as "is_shared!: bool"
        from workspace_members as own
        where own.user_id = ?1
        order by own.workspace_id
        "#,
        user,
    )
    .fetch_all(tx)
    .await?;
    let memberships = rows.into_iter().map(|row| Membership {
        id: WorkspaceId::from_uuid(row.id),
        is_left: row.is_left,
        is_shared: row.is_shared,
    });
    Ok(memberships.collect())
}

/// Takes the role away, and leaves to the heir what nobody else owns or, without one,
/// deletes its flows.
async fn leave(
    tx: &mut SqliteConnection,
    user: UserId,
    workspace: &Membership,
    heir: Option<UserId>,
    by: &Origin,
) -> Result<(), sqlx::Error> {
    let (user, id, at) = (user.as_uuid(), workspace.id.as_uuid(), micros(by.at));
    sqlx::query!("update workspaces set access_rev = access_rev + 1 where id = ?1", id)
        .execute(&mut *tx)
        .await?;
    sqlx::query!("delete from workspace_members where workspace_id = ?1 and user_id = ?2", id, user)
        .execute(&mut *tx)
        .await?;
    if !workspace.is_left {
        return Ok(());
    }
    let Some(heir) = heir.map(UserId::as_uuid) else {
        // Nobody is there to look after them; and their addresses, and what they open, are somebody's.
        sqlx::query!("delete from webhooks where workspace_id = ?1", id).execute(&mut *tx).await?;
        sqlx::query!("delete from workspace_secrets where workspace_id = ?1", id).execute(&mut *tx).await?;
        sqlx::query!(
            "update flows set deleted_at = ?2 where workspace_id = ?1 and deleted_at is null",
            id,
            at,
        )
        .execute(tx)
        .await?;
        return Ok(());
    };
    let role = Role::Owner.as_str();
    sqlx::query!(
        r#"
        insert into workspace_members (workspace_id, user_id, role)
        values (?1, ?2, ?3)
        on conflict (workspace_id, user_id) do update
        set role = excluded.role
        "#,
        id,
        heir,
        role,
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// Those that the user has made and that are left, wherever: whoever owns the workspace now
/// sees where they lead, and may enable them again.
async fn disable_webhooks(tx: &mut SqliteConnection, user: UserId) -> Result<(), sqlx::Error> {
    let user = user.as_uuid();
    let disabled = sqlx::query_scalar!(
        r#"
        update webhooks
        set
            disabled_at = cast(unixepoch('subsec') * 1000000 as integer),
            disabled_reason = ?2
        where created_by = ?1 and disabled_at is null
        returning id as "id: Uuid"
        "#,
        user,
        DISABLED_BY_ERASURE,
    )
    .fetch_all(&mut *tx)
    .await?;
    for webhook in disabled {
        give_up(tx, webhook).await?;
    }
    Ok(())
}

/// Answers the personal workspace.
async fn forget(tx: &mut SqliteConnection, user: UserId, by: &Origin) -> Result<WorkspaceId, sqlx::Error> {
    let (id, at, email) = (user.as_uuid(), micros(by.at), format!("erased:{user}"));
    sqlx::query!("delete from flow_members where user_id = ?1", id).execute(&mut *tx).await?;
    sqlx::query!("delete from sessions where user_id = ?1", id).execute(&mut *tx).await?;
    sqlx::query!("delete from api_keys where user_id = ?1", id).execute(&mut *tx).await?;
    sqlx::query!("delete from workspace_invitations where created_by = ?1", id).execute(&mut *tx).await?;
    sqlx::query!("delete from flow_links where created_by = ?1", id).execute(&mut *tx).await?;
    sqlx::query!("update audit_events set personal = null, personal_salt = null where user_id = ?1", id,)
        .execute(&mut *tx)
        .await?;
    forget_user(tx, user).await?;
    let personal = sqlx::query_scalar!(
        r#"
        update users
        set
            email = ?2,
            name = '',
            password_hash = '',
            installation_owner = 0,
            erased_at = ?3
        where id = ?1
        returning workspace_id as "id: Uuid"
        "#,
        id,
        email,
        at,
    )
    .fetch_one(&mut *tx)
    .await?;
    sqlx::query!("update workspaces set name = ?2 where id = ?1", personal, ERASED_WORKSPACE)
        .execute(&mut *tx)
        .await?;
    Ok(WorkspaceId::from_uuid(personal))
}
