//! `users`, and the workspace that each has from the start.

use flow_base::{Role, Secret, UserId, WorkspaceId};
use flow_store::{
    AuditEvent, Conflict, Entry, NewUser, Origin, PasswordChange, StoreError, User, UserChange,
};
use sqlx::PgConnection;
use uuid::Uuid;

use super::session;
use crate::PostgresStore;
use crate::audit::{Chain, record};
use crate::error::Failure;
use crate::values::{Moment, text};

pub(super) async fn admit(
    store: &PostgresStore,
    user: &NewUser,
    entry: Entry,
    by: &Origin,
) -> Result<bool, Failure> {
    let mut tx = store.begin().await?;
    let inserted = insert(&mut tx, user, entry).await;
    let (mut tx, is_owner) = tx.go_on(inserted).await?;
    let Some(is_owner) = is_owner else {
        return Err(tx.refuse(StoreError::Conflict(Conflict::RegistrationClosed)).await);
    };
    let event = AuditEvent::AccountCreated { user: user.id };
    record(&mut tx, Chain::Workspace(user.workspace), &event, by).await?;
    tx.commit().await?;
    Ok(is_owner)
}

/// One statement, which an address that is taken ends unwritten; no answer when nobody is
/// let in.
///
/// Who would be the first account takes the row of the installation. Another one that
/// would as well waits for it, and then finds it taken.
async fn insert(tx: &mut PgConnection, user: &NewUser, entry: Entry) -> Result<Option<bool>, sqlx::Error> {
    sqlx::query_scalar!(
        r#"
        with first as (
            update installation
            set first_user_id = $4
            where first_user_id is null and not exists (select 1 from users)
            returning true
        ),
        entry as (
            select exists (select 1 from first) as is_first
        ),
        workspace as (
            insert into workspaces (id, name, created_at)
            select $1, $2, $3
            from entry
            where is_first or not $8
        ),
        account as (
            insert into users (id, email, name, password_hash, workspace_id, created_at, installation_owner)
            select $4, $5, $2, $6, $1, $3, is_first or $9
            from entry
            where is_first or not $8
        )
        insert into workspace_members (workspace_id, user_id, role)
        select $1, $4, $7
        from entry
        where is_first or not $8
        returning (select is_first or $9 from entry) as "is_owner!"
        "#,
        user.workspace.as_uuid(),
        &*text(&user.name),
        Moment(user.created_at) as Moment,
        user.id.as_uuid(),
        &*text(&user.email),
        &**user.password_hash.expose(),
        Role::Owner.as_str(),
        entry == Entry::FirstOnly,
        entry == Entry::AsOwner,
    )
    .fetch_optional(tx)
    .await
}

/// Whatever the account is, it stays so until the transaction ends: it is not erased while it
/// is given a role, or does something. Before all other locks, as whoever erases takes them.
/// Answers whether there is such an account.
pub(crate) async fn keep(tx: &mut PgConnection, user: UserId) -> Result<bool, sqlx::Error> {
    let kept =
        sqlx::query!("select id from users where id = $1 and erased_at is null for share", user.as_uuid())
            .fetch_optional(tx)
            .await?;
    Ok(kept.is_some())
}

/// Answers whether there is such an account.
pub(crate) async fn lock(tx: &mut PgConnection, user: UserId) -> Result<bool, sqlx::Error> {
    let locked = sqlx::query!(
        "select id from users where id = $1 and erased_at is null for no key update",
        user.as_uuid()
    )
    .fetch_optional(tx)
    .await?;
    Ok(locked.is_some())
}

pub(super) async fn any(store: &PostgresStore) -> Result<bool, Failure> {
    let mut session = store.session().await?;
    let any = sqlx::query_scalar!(r#"select exists (select 1 from users) as "exists!""#)
        .fetch_one(&mut *session)
        .await;
    session.settle(any)
}

pub(super) async fn by_id(store: &PostgresStore, user: UserId) -> Result<Option<User>, Failure> {
    let mut session = store.session().await?;
    let row = sqlx::query_as!(
        UserRow,
        r#"
        select
            id,
            email,
            name,
            password_hash,
            workspace_id,
            created_at as "created_at: Moment",
            installation_owner
        from users
        where id = $1 and erased_at is null
        "#,
        user.as_uuid(),
    )
    .fetch_optional(&mut *session)
    .await;
    Ok(session.settle(row)?.map(User::from))
}

pub(super) async fn by_email(store: &PostgresStore, email: &str) -> Result<Option<User>, Failure> {
    let mut session = store.session().await?;
    let row = sqlx::query_as!(
        UserRow,
        r#"
        select
            id,
            email,
            name,
            password_hash,
            workspace_id,
            created_at as "created_at: Moment",
            installation_owner
        from users
        where email = $1 and erased_at is null
        "#,
        &*text(email),
    )
    .fetch_optional(&mut *session)
    .await;
    Ok(session.settle(row)?.map(User::from))
}

pub(super) async fn page(
    store: &PostgresStore,
    after: Option<UserId>,
    limit: u32,
) -> Result<Vec<User>, Failure> {
    let mut session = store.session().await?;
    let rows = sqlx::query_as!(
        UserRow,
        r#"
        select
            id,
            email,
            name,
            password_hash,
            workspace_id,
            created_at as "created_at: Moment",
            installation_owner
        from users
        where ($1::uuid is null or id > $1) and erased_at is null
        order by id
        limit $2
        "#,
        after.map(UserId::as_uuid),
        i64::from(limit),
    )
    .fetch_all(&mut *session)
    .await;
    Ok(session.settle(rows)?.into_iter().map(User::from).collect())
}

pub(super) async fn change(
    store: &PostgresStore,
    user: UserId,
    change: &UserChange,
    by: &Origin,
) -> Result<Option<User>, Failure> {
    let mut tx = store.begin().await?;
    let updated = update(&mut tx, user, change).await;
    let (mut tx, row) = tx.go_on(updated).await?;
    if row.is_some() {
        let event = AuditEvent::AccountChanged { email: change.email.is_some(), name: change.name.is_some() };
        record(&mut tx, Chain::User(user), &event, by).await?;
    }
    tx.commit().await?;
    Ok(row.map(User::from))
}

async fn update(
    tx: &mut PgConnection,
    user: UserId,
    change: &UserChange,
) -> Result<Option<UserRow>, sqlx::Error> {
    let (email, name) = (change.email.as_deref().map(text), change.name.as_deref().map(text));
    sqlx::query_as!(
        UserRow,
        r#"
        update users
        set
            email = coalesce($2, email),
            name = coalesce($3, name)
        where id = $1 and erased_at is null
        returning
            id,
            email,
            name,
            password_hash,
            workspace_id,
            created_at as "created_at: Moment",
            installation_owner
        "#,
        user.as_uuid(),
        email.as_deref(),
        name.as_deref(),
    )
    .fetch_optional(tx)
    .await
}

/// Two statements: the second sees the sign-ins that the first has waited for, because
/// who stores one holds the account's row.
pub(super) async fn change_password(
    store: &PostgresStore,
    change: &PasswordChange,
    by: &Origin,
) -> Result<bool, Failure> {
    let mut tx = store.begin().await?;
    let changed = sqlx::query!(
        "update users set password_hash = $2 where id = $1 and erased_at is null",
        change.user.as_uuid(),
        &**change.password_hash.expose(),
    )
    .execute(&mut *tx)
    .await?;
    session::revoke_others(&mut tx, change).await?;
    let event = AuditEvent::PasswordChanged { user: change.user };
    record(&mut tx, Chain::User(change.user), &event, by).await?;
    tx.commit().await?;
    Ok(changed.rows_affected() == 1)
}

struct UserRow {
    id: Uuid,
    email: String,
    name: String,
    password_hash: String,
    workspace_id: Uuid,
    created_at: Moment,
    installation_owner: bool,
}

impl From<UserRow> for User {
    fn from(row: UserRow) -> Self {
        Self {
            id: UserId::from_uuid(row.id),
            email: row.email,
            name: row.name,
            password_hash: Secret::new(row.password_hash),
            workspace: WorkspaceId::from_uuid(row.workspace_id),
            created_at: row.created_at.0,
            is_installation_owner: row.installation_owner,
        }
    }
}
