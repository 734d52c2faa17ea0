//! `users`, `workspaces`, `workspace_members`, `sessions` and `refresh_tokens`.

use async_trait::async_trait;
use flow_base::{Role, Secret, SessionId, Timestamp, UserId, WorkspaceId};
use flow_store::{
    AccountStore, Conflict, NewSession, NewUser, RefreshOutcome, RefreshRotation, StoreError, User,
};
use sqlx::SqliteConnection;
use uuid::Uuid;

use crate::SqliteStore;
use crate::error::{Unreadable, backend, micros, moment, unreadable};

const CREATE_USER: &str = "create the account";
const READ_USER: &str = "read the account";
const CREATE_SESSION: &str = "store the sign-in";
const ROTATE: &str = "exchange the refresh token";
const READ_SESSION: &str = "read the sign-in";
const REVOKE: &str = "end the sign-in";

#[async_trait]
impl AccountStore for SqliteStore {
    async fn create_user(&self, user: &NewUser) -> Result<(), StoreError> {
        let mut tx = self.begin_write().await.map_err(backend(CREATE_USER))?;
        insert_workspace(&mut tx, user).await.map_err(backend(CREATE_USER))?;
        // An address that is taken ends the transaction unwritten.
        if !insert_user(&mut tx, user).await.map_err(backend(CREATE_USER))? {
            return Err(StoreError::Conflict(Conflict::EmailTaken));
        }
        insert_workspace_owner(&mut tx, user).await.map_err(backend(CREATE_USER))?;
        tx.commit().await.map_err(backend(CREATE_USER))
    }

    async fn user(&self, user: UserId) -> Result<Option<User>, StoreError> {
        let id = user.as_uuid();
        let row = sqlx::query_as!(
            UserRow,
            r#"
            select
                id as "id: Uuid",
                email,
                name,
                password_hash,
                workspace_id as "workspace_id: Uuid",
                created_at
            from users
            where id = ?1
            "#,
            id,
        )
        .fetch_optional(self.readers())
        .await
        .map_err(backend(READ_USER))?;
        row.map(User::try_from).transpose().map_err(unreadable(READ_USER))
    }

    async fn user_by_email(&self, email: &str) -> Result<Option<User>, StoreError> {
        let row = sqlx::query_as!(
            UserRow,
            r#"
            select
                id as "id: Uuid",
                email,
                name,
                password_hash,
                workspace_id as "workspace_id: Uuid",
                created_at
            from users
            where email = ?1
            "#,
            email,
        )
        .fetch_optional(self.readers())
        .await
        .map_err(backend(READ_USER))?;
        row.map(User::try_from).transpose().map_err(unreadable(READ_USER))
    }

    async fn create_session(&self, session: &NewSession) -> Result<(), StoreError> {
        let mut tx = self.begin_write().await.map_err(backend(CREATE_SESSION))?;
        if !user_exists(&mut tx, session.user).await.map_err(backend(CREATE_SESSION))? {
            return Err(StoreError::Conflict(Conflict::UnknownUser));
        }
        delete_expired(&mut tx, session.user, session.created_at).await.map_err(backend(CREATE_SESSION))?;
        insert_session(&mut tx, session).await.map_err(backend(CREATE_SESSION))?;
        insert_token(&mut tx, &session.refresh_hash, session.id, session.created_at)
            .await
            .map_err(backend(CREATE_SESSION))?;
        tx.commit().await.map_err(backend(CREATE_SESSION))
    }

    async fn rotate_refresh(&self, rotation: &RefreshRotation) -> Result<RefreshOutcome, StoreError> {
        let mut tx = self.begin_write().await.map_err(backend(ROTATE))?;
        let outcome = rotate(&mut tx, rotation).await.map_err(backend(ROTATE))?;
        tx.commit().await.map_err(backend(ROTATE))?;
        Ok(outcome)
    }

    async fn session_is_live(&self, session: SessionId, now: Timestamp) -> Result<bool, StoreError> {
        let (id, now) = (session.as_uuid(), micros(now));
        sqlx::query_scalar!(
            r#"
            select
                exists (
                    select 1 from sessions where id = ?1 and revoked_at is null and expires_at > ?2
                ) as "live!: bool"
            "#,
            id,
            now,
        )
        .fetch_one(self.readers())
        .await
        .map_err(backend(READ_SESSION))
    }

    async fn revoke_session(&self, session: SessionId, now: Timestamp) -> Result<bool, StoreError> {
        let mut connection = self.write().await.map_err(backend(REVOKE))?;
        revoke(&mut connection, session.as_uuid(), micros(now)).await.map_err(backend(REVOKE))
    }
}

async fn rotate(
    tx: &mut SqliteConnection,
    rotation: &RefreshRotation,
) -> Result<RefreshOutcome, sqlx::Error> {
    let (presented, now) = (rotation.presented_hash.as_slice(), micros(rotation.now));
    let found = sqlx::query_as!(
        TokenRow,
        r#"
        select
            sessions.id as "session_id: Uuid",
            sessions.user_id as "user_id: Uuid",
            refresh_tokens.replaced_at
        from refresh_tokens
        join sessions on sessions.id = refresh_tokens.session_id
        where refresh_tokens.hash = ?1
            and sessions.revoked_at is null
            and sessions.expires_at > ?2
        "#,
        presented,
        now,
    )
    .fetch_optional(&mut *tx)
    .await?;
    let Some(row) = found else { return Ok(RefreshOutcome::Unknown) };
    let (session, user) = (SessionId::from_uuid(row.session_id), UserId::from_uuid(row.user_id));
    if row.replaced_at.is_some_and(|at| at <= micros(rotation.honour_replaced_after)) {
        revoke(tx, row.session_id, now).await?;
        return Ok(RefreshOutcome::Reused { session, user });
    }

    // The first replacement counts, or repeating would stretch the grace.
    sqlx::query!(
        "update refresh_tokens set replaced_at = ?2 where hash = ?1 and replaced_at is null",
        presented,
        now,
    )
    .execute(&mut *tx)
    .await?;
    let expires_at = micros(rotation.expires_at);
    sqlx::query!("update sessions set expires_at = ?2 where id = ?1", row.session_id, expires_at)
        .execute(&mut *tx)
        .await?;
    insert_token(tx, &rotation.successor_hash, session, rotation.now).await?;
    Ok(RefreshOutcome::Rotated { session, user })
}

/// Answers whether the session was live.
async fn revoke(tx: &mut SqliteConnection, session: Uuid, now: i64) -> Result<bool, sqlx::Error> {
    let revoked = sqlx::query!(
        "update sessions set revoked_at = ?2 where id = ?1 and revoked_at is null and expires_at > ?2",
        session,
        now,
    )
    .execute(tx)
    .await?;
    Ok(revoked.rows_affected() == 1)
}

pub(crate) async fn user_exists(tx: &mut SqliteConnection, user: UserId) -> Result<bool, sqlx::Error> {
    let user = user.as_uuid();
    sqlx::query_scalar!(r#"select exists (select 1 from users where id = ?1) as "exists!: bool""#, user)
        .fetch_one(tx)
        .await
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
async fn insert_user(tx: &mut SqliteConnection, user: &NewUser) -> Result<bool, sqlx::Error> {
    let (id, workspace, at) = (user.id.as_uuid(), user.workspace.as_uuid(), micros(user.created_at));
    let password_hash = user.password_hash.expose();
    let inserted = sqlx::query!(
        r#"
        insert into users (id, email, name, password_hash, workspace_id, created_at)
        values (?1, ?2, ?3, ?4, ?5, ?6)
        on conflict (email) do nothing
        "#,
        id,
        user.email,
        user.name,
        password_hash,
        workspace,
        at,
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

/// Forgets the user's sign-ins that have run out, with their tokens. To every
/// caller they are as over as before.
async fn delete_expired(tx: &mut SqliteConnection, user: UserId, now: Timestamp) -> Result<(), sqlx::Error> {
    let (user, now) = (user.as_uuid(), micros(now));
    sqlx::query!("delete from sessions where user_id = ?1 and expires_at <= ?2", user, now)
        .execute(tx)
        .await?;
    Ok(())
}

async fn insert_session(tx: &mut SqliteConnection, session: &NewSession) -> Result<(), sqlx::Error> {
    let (id, user) = (session.id.as_uuid(), session.user.as_uuid());
    let (created_at, expires_at) = (micros(session.created_at), micros(session.expires_at));
    sqlx::query!(
        "insert into sessions (id, user_id, created_at, expires_at) values (?1, ?2, ?3, ?4)",
        id,
        user,
        created_at,
        expires_at,
    )
    .execute(tx)
    .await?;
    Ok(())
}

async fn insert_token(
    tx: &mut SqliteConnection,
    hash: &[u8; 32],
    session: SessionId,
    at: Timestamp,
) -> Result<(), sqlx::Error> {
    let (hash, session, at) = (hash.as_slice(), session.as_uuid(), micros(at));
    sqlx::query!(
        "insert into refresh_tokens (hash, session_id, created_at) values (?1, ?2, ?3)",
        hash,
        session,
        at,
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
        })
    }
}

struct TokenRow {
    session_id: Uuid,
    user_id: Uuid,
    replaced_at: Option<i64>,
}
