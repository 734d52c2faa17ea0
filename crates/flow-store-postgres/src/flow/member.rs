use flow_base::{FlowId, Role, UserId};
use flow_store::{AuditEvent, Conflict, Member, MemberChange, Origin, StoreError};
use sqlx::PgConnection;
use uuid::Uuid;

use super::row::role;
use crate::PostgresStore;
use crate::account::keep_user;
use crate::audit::{Chain, record};
use crate::error::{Failure, Unreadable};

const LIST: &str = "read the flow's members";
const CHANGE: &str = "change the flow's members";

pub(super) async fn list(store: &PostgresStore, flow: FlowId) -> Result<Vec<Member>, StoreError> {
    let members = store.call(LIST, async {
        let mut session = store.session().await?;
        let rows = sqlx::query_as!(
            MemberRow,
            r#"
            select
                users.id as user_id,
                users.name,
                users.email,
                flow_members.role
            from flow_members
            join users on users.id = flow_members.user_id
            join flows on flows.id = flow_members.flow_id
            where flow_members.flow_id = $1 and flows.deleted_at is null
            -- By the bytes of the name, whatever the database's own order is.
            order by flow_members.role = 'owner' desc, users.name collate "C", users.id
            "#,
            flow.as_uuid(),
        )
        .fetch_all(&mut *session)
        .await;
        let rows = session.settle(rows)?;
        let members: Result<_, Unreadable> = rows.into_iter().map(Member::try_from).collect();
        Ok(members?)
    });
    members.await
}

pub(super) async fn change(
    store: &PostgresStore,
    change: MemberChange,
    by: &Origin,
) -> Result<bool, StoreError> {
    store.call(CHANGE, try_change(store, change, by)).await
}

async fn try_change(store: &PostgresStore, change: MemberChange, by: &Origin) -> Result<bool, Failure> {
    let mut tx = store.begin().await?;
    keep_user(&mut tx, change.user).await?;
    // Changes of one flow's members come one after the other: what is read below stays
    // as it was read.
    let leaves = change.role.is_none() && by.user == Some(change.user);
    match lock_owned(&mut tx, change.flow, by).await? {
        None => return Err(tx.refuse(StoreError::UnknownFlow(change.flow)).await),
        Some(false) if !leaves => return Err(tx.refuse(StoreError::Conflict(Conflict::NotAllowed)).await),
        Some(_) => {}
    }
    let stand = stand(&mut tx, change.flow, change.user).await?;
    if !stand.is_account {
        return Err(tx.refuse(StoreError::Conflict(Conflict::UnknownUser)).await);
    }
    let current = stand.role.as_deref().map(role).transpose()?;
    if current == change.role {
        tx.undo().await;
        return Ok(false);
    }
    if change.role != Some(Role::Owner) && !stand.others_own {
        return Err(tx.refuse(StoreError::Conflict(Conflict::LastOwner)).await);
    }
    match change.role {
        Some(role) => put(&mut tx, change.flow, change.user, role).await?,
        None => {
            remove(&mut tx, change.flow, change.user).await?;
            remove_links(&mut tx, change.flow, change.user).await?;
        }
    }
    raise_access_rev(&mut tx, change.flow).await?;
    let MemberChange { flow, user, role } = change;
    record(&mut tx, Chain::Flow(flow), &AuditEvent::FlowMemberChanged { flow, user, role }, by).await?;
    tx.commit().await?;
    Ok(true)
}

/// Answers whether there is such a flow, and still is.
pub(super) async fn lock(tx: &mut PgConnection, flow: FlowId) -> Result<bool, sqlx::Error> {
    let locked = sqlx::query!(
        "select id from flows where id = $1 and deleted_at is null for no key update",
        flow.as_uuid(),
    )
    .fetch_optional(tx)
    .await?;
    Ok(locked.is_some())
}

/// Locks the flow for what only its owners do, with all that makes them owners. Answers
/// whether whoever does it is one, and `None` when there is no such flow, or no longer.
pub(crate) async fn lock_owned(
    tx: &mut PgConnection,
    flow: FlowId,
    by: &Origin,
) -> Result<Option<bool>, sqlx::Error> {
    let Some(user) = by.user else {
        return Ok(lock(tx, flow).await?.then_some(true));
    };
    keep_user(tx, user).await?;
    keep_workspace(tx, flow).await?;
    if !lock(tx, flow).await? {
        return Ok(None);
    }
    owns(tx, flow, user).await.map(Some)
}

/// Roles in the flow's workspace stay as they are until the transaction ends. Before the flow,
/// as whoever moves it locks them.
async fn keep_workspace(tx: &mut PgConnection, flow: FlowId) -> Result<(), sqlx::Error> {
    sqlx::query!(
        r#"
        select workspaces.id
        from workspaces
        join flows on flows.workspace_id = workspaces.id
        where flows.id = $1
        for share of workspaces
        "#,
        flow.as_uuid(),
    )
    .fetch_optional(tx)
    .await?;
    Ok(())
}

pub(super) async fn owns(tx: &mut PgConnection, flow: FlowId, user: UserId) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar!(
        r#"
        select exists (
            select 1
            from flow_members
            where flow_id = $1 and user_id = $2 and role = 'owner'
            union all
            select 1
            from flows
            join workspace_members on workspace_members.workspace_id = flows.workspace_id
            where flows.id = $1 and workspace_members.user_id = $2 and workspace_members.role = 'owner'
        ) as "owns!"
        "#,
        flow.as_uuid(),
        user.as_uuid(),
    )
    .fetch_one(tx)
    .await
}

/// What the user is to the flow, and whether somebody else owns it.
async fn stand(tx: &mut PgConnection, flow: FlowId, user: UserId) -> Result<StandRow, sqlx::Error> {
    sqlx::query_as!(
        StandRow,
        r#"
        select
            exists (
                select 1 from users where id = $2 and erased_at is null
            ) as "is_account!",
            (
                select role from flow_members where flow_id = $1 and user_id = $2
            ) as role,
            exists (
                select 1 from flow_members where flow_id = $1 and user_id <> $2 and role = 'owner'
            ) as "others_own!"
        "#,
        flow.as_uuid(),
        user.as_uuid(),
    )
    .fetch_one(tx)
    .await
}

async fn put(tx: &mut PgConnection, flow: FlowId, user: UserId, role: Role) -> Result<(), sqlx::Error> {
    sqlx::query!(
        r#"
        insert into flow_members (flow_id, user_id, role, workspace_id)
        select
            id,
            $2,
            $3,
            workspace_id
        from flows
        where id = $1
        on conflict (flow_id, user_id) do update
        set role = excluded.role
        "#,
        flow.as_uuid(),
        user.as_uuid(),
        role.as_str(),
    )
    .execute(tx)
    .await?;
    Ok(())
}

async fn remove(tx: &mut PgConnection, flow: FlowId, user: UserId) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "delete from flow_members where flow_id = $1 and user_id = $2",
        flow.as_uuid(),
        user.as_uuid(),
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// The share links that somebody has made.
async fn remove_links(tx: &mut PgConnection, flow: FlowId, user: UserId) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "delete from flow_links where flow_id = $1 and created_by = $2",
        flow.as_uuid(),
        user.as_uuid(),
    )
    .execute(tx)
    .await?;
    Ok(())
}

pub(super) async fn raise_access_rev(tx: &mut PgConnection, flow: FlowId) -> Result<(), sqlx::Error> {
    sqlx::query!("update flow_heads set access_rev = access_rev + 1 where flow_id = $1", flow.as_uuid())
        .execute(tx)
        .await?;
    Ok(())
}

struct StandRow {
    is_account: bool,
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
