use flow_base::{FlowId, Role, UserId};
use flow_store::{AuditEvent, Conflict, Member, MemberChange, Origin, StoreError};
use sqlx::SqliteConnection;
use uuid::Uuid;

use super::raise_access_rev;
use super::row::role;
use crate::SqliteStore;
use crate::account::user_exists;
use crate::audit::{Chain, record};
use crate::error::{Unreadable, backend, unreadable};

const LIST: &str = "read the flow's members";
const CHANGE: &str = "change the flow's members";

pub(super) async fn list(store: &SqliteStore, flow: FlowId) -> Result<Vec<Member>, StoreError> {
    let flow = flow.as_uuid();
    let rows = sqlx::query_as!(
        MemberRow,
        r#"
        select
            users.id as "user_id: Uuid",
            users.name,
            users.email,
            flow_members.role
        from flow_members
        join users on users.id = flow_members.user_id
        join flows on flows.id = flow_members.flow_id
        where flow_members.flow_id = ?1 and flows.deleted_at is null
        order by flow_members.role = 'owner' desc, users.name, users.id
        "#,
        flow,
    )
    .fetch_all(store.readers())
    .await
    .map_err(backend(LIST))?;
    rows.into_iter().map(Member::try_from).collect::<Result<_, _>>().map_err(unreadable(LIST))
}

pub(super) async fn change(
    store: &SqliteStore,
    change: MemberChange,
    by: &Origin,
) -> Result<bool, StoreError> {
    let mut tx = store.begin_write().await.map_err(backend(CHANGE))?;
    let stand = stand(&mut tx, change.flow, change.user)
        .await
        .map_err(backend(CHANGE))?
        .ok_or(StoreError::UnknownFlow(change.flow))?;
    let leaves = change.role.is_none() && by.user == Some(change.user);
    if !leaves {
        require_owner(&mut tx, change.flow, by, CHANGE).await?;
    }
    if !user_exists(&mut tx, change.user).await.map_err(backend(CHANGE))? {
        return Err(StoreError::Conflict(Conflict::UnknownUser));
    }
    let current = stand.role.as_deref().map(role).transpose().map_err(unreadable(CHANGE))?;
    if current == change.role {
        return Ok(false);
    }
    if change.role != Some(Role::Owner) && !stand.others_own {
        return Err(StoreError::Conflict(Conflict::LastOwner));
    }
    match change.role {
        Some(role) => put(&mut tx, change.flow, change.user, role).await.map_err(backend(CHANGE))?,
        None => {
            remove(&mut tx, change.flow, change.user).await.map_err(backend(CHANGE))?;
            remove_links(&mut tx, change.flow, change.user).await.map_err(backend(CHANGE))?;
        }
    }
    raise_access_rev(&mut tx, change.flow).await.map_err(backend(CHANGE))?;
    let MemberChange { flow, user, role } = change;
    let event = AuditEvent::FlowMemberChanged { flow, user, role };
    record(&mut tx, Chain::Flow(flow), &event, by).await.map_err(backend(CHANGE))?;
    tx.commit().await.map_err(backend(CHANGE))?;
    Ok(true)
}

/// Whoever does something to the flow has to own it, as they did when they asked; operators
/// need not. Nobody else writes while this transaction does.
pub(crate) async fn require_owner(
    tx: &mut SqliteConnection,
    flow: FlowId,
    by: &Origin,
    action: &'static str,
) -> Result<(), StoreError> {
    let Some(user) = by.user else { return Ok(()) };
    let owns = owns(tx, flow, user).await.map_err(backend(action))?;
    if owns { Ok(()) } else { Err(StoreError::Conflict(Conflict::NotAllowed)) }
}

async fn owns(tx: &mut SqliteConnection, flow: FlowId, user: UserId) -> Result<bool, sqlx::Error> {
    let (flow, user) = (flow.as_uuid(), user.as_uuid());
    sqlx::query_scalar!(
        r#"
        select exists (
            select 1
            from flow_members
            where flow_id = ?1 and user_id = ?2 and role = 'owner'
            union all
            select 1
            from flows
            join workspace_members on workspace_members.workspace_id = flows.workspace_id
            where flows.id = ?1 and workspace_members.user_id = ?2 and workspace_members.role = 'owner'
        ) as "owns!: bool"
        "#,
        flow,
        user,
    )
    .fetch_one(tx)
    .await
}

/// What the user is to the flow, and whether somebody else owns it; `None` when
/// there is no such flow, or no longer.
async fn stand(
    tx: &mut SqliteConnection,
    flow: FlowId,
    user: UserId,
) -> Result<Option<StandRow>, sqlx::Error> {
    let (flow, user) = (flow.as_uuid(), user.as_uuid());
    sqlx::query_as!(
        StandRow,
        r#"
        select
            (
                select role from flow_members where flow_id = ?1 and user_id = ?2
            ) as "role?: String",
            exists (
                select 1 from flow_members where flow_id = ?1 and user_id <> ?2 and role = 'owner'
            ) as "others_own!: bool"
        from flows
        where id = ?1 and deleted_at is null
        "#,
        flow,
        user,
    )
    .fetch_optional(tx)
    .await
}

pub(super) async fn put(
    tx: &mut SqliteConnection,
    flow: FlowId,
    user: UserId,
    role: Role,
) -> Result<(), sqlx::Error> {
    let (flow, user, role) = (flow.as_uuid(), user.as_uuid(), role.as_str());
    sqlx::query!(
        r#"
        insert into flow_members (flow_id, user_id, role, workspace_id)
        select
            id,
            ?2,
            ?3,
            workspace_id
        from flows
        where id = ?1
        on conflict (flow_id, user_id) do update
        set role = excluded.role
        "#,
        flow,
        user,
        role,
    )
    .execute(tx)
    .await?;
    Ok(())
}

async fn remove(tx: &mut SqliteConnection, flow: FlowId, user: UserId) -> Result<(), sqlx::Error> {
    let (flow, user) = (flow.as_uuid(), user.as_uuid());
    sqlx::query!("delete from flow_members where flow_id = ?1 and user_id = ?2", flow, user)
        .execute(tx)
        .await?;
    Ok(())
}

/// The share links that somebody has made.
async fn remove_links(tx: &mut SqliteConnection, flow: FlowId, user: UserId) -> Result<(), sqlx::Error> {
    let (flow, user) = (flow.as_uuid(), user.as_uuid());
    sqlx::query!("delete from flow_links where flow_id = ?1 and created_by = ?2", flow, user)
        .execute(tx)
        .await?;
    Ok(())
}

struct StandRow {
    role: Option<String>,
    others_own: bool,
}

pub(crate) struct MemberRow {
    pub(crate) user_id: Uuid,
    pub(crate) name: String,
    pub(crate) email: String,
    pub(crate) role: String,
}

impl TryFrom<MemberRow> for Member {
    type Error = Unreadable;

    fn try_from(row: MemberRow) -> Result<Self, Unreadable> {
        Ok(Self {
            user: UserId::from_uuid(row.user_id),
            name: row.name,
            email: row.email,
            role: role(&row.role)?,
        })
    }
}
