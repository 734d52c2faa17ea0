//! `users`, and the workspace that each has from the start.

use flow_base::{Role, Secret, UserId, WorkspaceId};
use flow_store::{
    AuditEvent, Conflict, Entry, NewUser, Origin, PasswordChange, StoreError, User, UserChange,
};
use sqlx::SqliteConnection;
use uuid::Uuid;

use super::session;
use crate::SqliteStore;
use crate::audit::{Chain, record};
use crate::error::{Unreadable, backend, micros, moment, unreadable};

const CREATE: &str = "create the account";
const READ: &str = "read the account";
const CHANGE: &str = "change the account";
const CHANGE_PASSWORD: &str = "change the password";

pub(super) async fn admit(
    store: &SqliteStore,
    user: &NewUser,
    entry: Entry,
    by: &Origin,
) -> Result<bool, StoreError> {
    // The write lock is held from here on: nobody else can become the first meanwhile.
    let mut tx = store.begin_write().await.map_err(backend(CREATE))?;
    let is_first = !any_in(&mut tx).await.map_err(backend(CREATE))?;
    if entry == Entry::FirstOnly && !is_first {
        return Err(StoreError::Conflict(Conflict::RegistrationClosed));
    }
    let is_owner = is_first || entry == Entry::AsOwner;
    insert_workspace(&mut tx, user).await.map_err(backend(CREATE))?;
    // An address that is taken ends the transaction unwritten.
    if !insert(&mut tx, user, is_owner).await.map_err(backend(CREATE))? {
        return Err(StoreError::Conflict(Conflict::EmailTaken));
    }
    insert_workspace_owner(&mut tx, user).await.map_err(backend(CREATE))?;
    let event = AuditEvent::AccountCreated { user: user.id };
    record(&mut tx, Chain::Workspace(user.workspace), &event, by).await.map_err(backend(CREATE))?;
    tx.commit().await.map_err(backend(CREATE))?;
    Ok(is_owner)
}

pub(super) async fn any(store: &SqliteStore) -> Result<bool, StoreError> {
    let mut connection = store.readers().acquire().await.map_err(backend(READ))?;
    any_in(&mut connection).await.map_err(backend(READ))
}

pub(super) async fn by_id(store: &SqliteStore, user: UserId) -> Result<Option<User>, StoreError> {
    let mut connection = store.readers().acquire().await.map_err(backend(READ))?;
    let row = find(&mut connection, user).await.map_err(backend(READ))?;
    row.map(User::try_from).transpose().map_err(unreadable(READ))
}

pub(super) async fn by_email(store: &SqliteStore, email: &str) -> Result<Option<User>, StoreError> {
    let row = sqlx::query_as!(
        UserRow,
        r#"
        select
            id as "id: Uuid",
            email,
            name,
            password_hash,
            workspace_id as "workspace_id: Uuid",
            created_at,
            installation_owner as "installation_owner: bool"
        from users
        where email = ?1 and erased_at is null
        "#,
        email,
    )
    .fetch_optional(store.readers())
    .await
    .map_err(backend(READ))?;
    row.map(User::try_from).transpose().map_err(unreadable(READ))
}

pub(super) async fn page(
    store: &SqliteStore,
    after: Option<UserId>,
    limit: u32,
) -> Result<Vec<User>, StoreError> {
    let after = after.map(UserId::as_uuid);
    let rows = sqlx::query_as!(
        UserRow,
        r#"
        select
            id as "id: Uuid",
            email,
            name,
            password_hash,
            workspace_id as "workspace_id: Uuid",
            created_at,
            installation_owner as "installation_owner: bool"
        from users
        where (?1 is null or id > ?1) and erased_at is null
        order by id
        limit ?2
        "#,
        after,
        limit,
    )
    .fetch_all(store.readers())
    .await
    .map_err(backend(READ))?;
    rows.into_iter().map(User::try_from).collect::<Result<_, _>>().map_err(unreadable(READ))
}

pub(super) async fn change(
    store: &SqliteStore,
    user: UserId,
    change: &UserChange,
    by: &Origin,
) -> Result<Option<User>, StoreError> {
    let mut tx = store.begin_write().await.map_err(backend(CHANGE))?;
    if let Some(email) = &change.email
        && is_anothers(&mut tx, user, email).await.map_err(backend(CHANGE))?
    {
        return Err(StoreError::Conflict(Conflict::EmailTaken));
    }
    update(&mut tx, user, change).await.map_err(backend(CHANGE))?;
    let row = find(&mut tx, user).await.map_err(backend(CHANGE))?;
    if row.is_some() {
        let event = AuditEvent::AccountChanged { email: change.email.is_some(), name: change.name.is_some() };
        record(&mut tx, Chain::User(user), &event, by).await.map_err(backend(CHANGE))?;
    }
    tx.commit().await.map_err(backend(CHANGE))?;
    row.map(User::try_from).transpose().map_err(unreadable(CHANGE))
}

pub(super) async fn change_password(
    store: &SqliteStore,
    change: &PasswordChange,
    by: &Origin,
) -> Result<bool, StoreError> {
    let mut tx = store.begin_write().await.map_err(backend(CHANGE_PASSWORD))?;
    let (id, hash) = (change.user.as_uuid(), change.password_hash.expose());
    let changed =
        sqlx::query!("update users set password_hash = ?2 where id = ?1 and erased_at is null", id, hash)
            .execute(&mut *tx)
            .await
            .map_err(backend(CHANGE_PASSWORD))?;
    session::revoke_others(&mut tx, change).await.map_err(backend(CHANGE_PASSWORD))?;
    let event = AuditEvent::PasswordChanged { user: change.user };
    record(&mut tx, Chain::User(change.user), &event, by).await.map_err(backend(CHANGE_PASSWORD))?;
    tx.commit().await.map_err(backend(CHANGE_PASSWORD))?;
    Ok(changed.rows_affected() == 1)
}

pub(crate) async fn exists(tx: &mut SqliteConnection, user: UserId) -> Result<bool, sqlx::Error> {
    let user = user.as_uuid();
    sqlx::query_scalar!(
        r#"select exists (select 1 from users where id = ?1 and erased_at is null) as "exists!: bool""#,
        user
    )
    .fetch_one(tx)
    .await
}

async fn any_in(connection: &mut SqliteConnection) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar!(r#"select exists (select 1 from users) as "exists!: bool""#)
        .fetch_one(connection)
        .await
}

async fn find(connection: &mut SqliteConnection, user: UserId) -> Result<Option<UserRow>, sqlx::Error> {
    let id = user.as_uuid();
    sqlx::query_as!(
        UserRow,
        r#"
        select
            id as "id: Uuid",
            email,
            name,
            password_hash,
            workspace_id as "workspace_id: Uuid",
            created_at,
            installation_owner as "installation_owner: bool"
        from users
        where id = ?1 and erased_at is null
        "#,
        id,
    )
    .fetch_optional(connection)
    .await
}

async fn is_anothers(tx: &mut SqliteConnection, user: UserId, email: &str) -> Result<bool, sqlx::Error> {
    let id = user.as_uuid();
    // Of an account that does not exist nothing is changed, so no address is taken from it.
    sqlx::query_scalar!(
        r#"
        select
            exists (
                select 1 from users where email = ?2 and id <> ?1
            ) and exists (
                select 1 from users where id = ?1
            ) as "taken!: bool"
        "#,
        id,
        email,
    )
    .fetch_one(tx)
    .await
}

async fn update(tx: &mut SqliteConnection, user: UserId, change: &UserChange) -> Result<(), sqlx::Error> {
    let id = user.as_uuid();
    sqlx::query!(
        r#"
        update users
        set
            email = coalesce(?2, email),
            name = coalesce(?3, name)
        where id = ?1 and erased_at is null
        "#,
        id,
        change.email,
        change.name,
    )
    .execute(tx)
    .await?;
    Ok(())
}

async fn insert_workspace(tx: &mut SqliteConnection, user: &NewUser) -> Result<(), sqlx::Error> {
    let (workspace, at) = (user.workspace.as_uuid(), micros(user.created_at));
    sqlx::query!(
        "insert into workspaces (id, name, created_at) values (?1, ?2, ?3)",
        workspace,
        user.name,
        at,
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// Answers whether the address was free.
async fn insert(tx: &mut SqliteConnection, user: &NewUser, is_owner: bool) -> Result<bool, sqlx::Error> {
    let (id, workspace, at) = (user.id.as_uuid(), user.workspace.as_uuid(), micros(user.created_at));
    let password_hash = user.password_hash.expose();
    let inserted = sqlx::query!(
        r#"
        insert into users (id, email, name, password_hash, workspace_id, created_at, installation_owner)
        values (?1, ?2, ?3, ?4, ?5, ?6, ?7)
        on conflict (email) do nothing
        "#,
        id,
        user.email,
        user.name,
        password_hash,
        workspace,
        at,
        is_owner,
    )
    .execute(tx)
    .await?;
    Ok(inserted.rows_affected() == 1)
}

async fn insert_workspace_owner(tx: &mut SqliteConnection, user: &NewUser) -> Result<(), sqlx::Error> {
    let (workspace, id, role) = (user.workspace.as_uuid(), user.id.as_uuid(), Role::Owner.as_str());
    sqlx::query!(
        "insert into workspace_members (workspace_id, user_id, role) values (?1, ?2, ?3)",
        workspace,
        id,
        role,
    )
    .execute(tx)
    .await?;
    Ok(())
}

struct UserRow {
    id: Uuid,
    email: String,
    name: String,
    password_hash: String,
    workspace_id: Uuid,
    created_at: i64,
    installation_owner: bool,
}

impl TryFrom<UserRow> for User {
    type Error = Unreadable;

    fn try_from(row: UserRow) -> Result<Self, Unreadable> {
        Ok(Self {
            id: UserId::from_uuid(row.id),
            email: row.email,
            name: row.name,
            password_hash: Secret::new(row.password_hash),
            workspace: WorkspaceId::from_uuid(row.workspace_id),
            created_at: moment(row.created_at)?,
            is_installation_owner: row.installation_owner,
        })
    }
}
