//! `sessions` and `refresh_tokens`.

use flow_base::{SessionId, Timestamp, UserId};
use flow_store::{
    AuditEvent, Conflict, NewSession, Origin, PasswordChange, RefreshOutcome, RefreshRotation, SessionRecord,
    StoreError,
};
use sqlx::SqliteConnection;
use uuid::Uuid;

use crate::SqliteStore;
use crate::audit::{Chain, record};
use crate::error::{Unreadable, backend, micros, moment, unreadable};

const CREATE: &str = "store the sign-in";
const ROTATE: &str = "exchange the refresh token";
const READ: &str = "read the sign-in";
const LIST: &str = "read the sign-ins";
const REVOKE: &str = "end the sign-in";

pub(super) async fn create(store: &SqliteStore, session: &NewSession, by: &Origin) -> Result<(), StoreError> {
    let mut tx = store.begin_write().await.map_err(backend(CREATE))?;
    let password_hash = password_hash(&mut tx, session.user).await.map_err(backend(CREATE))?;
    match password_hash {
        None => return Err(StoreError::Conflict(Conflict::UnknownUser)),
        Some(current) if current != *session.password_hash.expose() => {
            return Err(StoreError::Conflict(Conflict::PasswordChanged));
        }
        Some(_) => {}
    }
    delete_expired(&mut tx, session.user, session.created_at).await.map_err(backend(CREATE))?;
    insert(&mut tx, session).await.map_err(backend(CREATE))?;
    insert_token(&mut tx, &session.refresh_hash, session.id, session.created_at)
        .await
        .map_err(backend(CREATE))?;
    let event = AuditEvent::SessionOpened { session: session.id };
    record(&mut tx, Chain::User(session.user), &event, by).await.map_err(backend(CREATE))?;
    tx.commit().await.map_err(backend(CREATE))
}

pub(super) async fn list(
    store: &SqliteStore,
    user: UserId,
    now: Timestamp,
    limit: u32,
) -> Result<Vec<SessionRecord>, StoreError> {
    let (user, now) = (user.as_uuid(), micros(now));
    let rows = sqlx::query_as!(
        SessionRow,
        r#"
        select
            id as "id: Uuid",
            user_agent,
            created_at,
            coalesce(last_used_at, created_at) as "last_used_at!: i64"
        from sessions
        where user_id = ?1
            and revoked_at is null
            and expires_at > ?2
        order by coalesce(last_used_at, created_at) desc, id desc
        limit ?3
        "#,
        user,
        now,
        limit,
    )
    .fetch_all(store.readers())
    .await
    .map_err(backend(LIST))?;
    rows.into_iter().map(SessionRecord::try_from).collect::<Result<_, _>>().map_err(unreadable(LIST))
}

pub(super) async fn is_live(
    store: &SqliteStore,
    session: SessionId,
    now: Timestamp,
) -> Result<bool, StoreError> {
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
    .fetch_one(store.readers())
    .await
    .map_err(backend(READ))
}

pub(super) async fn revoke(
    store: &SqliteStore,
    user: UserId,
    session: SessionId,
    by: &Origin,
) -> Result<bool, StoreError> {
    let mut tx = store.begin_write().await.map_err(backend(REVOKE))?;
    let revoked = revoke_in(&mut tx, user.as_uuid(), session.as_uuid(), micros(by.at)).await;
    if !revoked.map_err(backend(REVOKE))? {
        return Ok(false);
    }
    let event = AuditEvent::SessionEnded { session };
    record(&mut tx, Chain::User(user), &event, by).await.map_err(backend(REVOKE))?;
    tx.commit().await.map_err(backend(REVOKE))?;
    Ok(true)
}

pub(super) async fn rotate(
    store: &SqliteStore,
    rotation: &RefreshRotation,
    by: &Origin,
) -> Result<RefreshOutcome, StoreError> {
    let mut tx = store.begin_write().await.map_err(backend(ROTATE))?;
    let outcome = rotate_in(&mut tx, rotation).await.map_err(backend(ROTATE))?;
    if let RefreshOutcome::Reused { session, user } = outcome {
        let event = AuditEvent::SessionReused { session };
        record(&mut tx, Chain::User(user), &event, by).await.map_err(backend(ROTATE))?;
    }
    tx.commit().await.map_err(backend(ROTATE))?;
    Ok(outcome)
}

/// Ends the sign-ins that a change of password does not keep.
pub(super) async fn revoke_others(
    tx: &mut SqliteConnection,
    change: &PasswordChange,
) -> Result<(), sqlx::Error> {
    let (user, keep, now) = (change.user.as_uuid(), change.keep.map(SessionId::as_uuid), micros(change.now));
    sqlx::query!(
        "update sessions set revoked_at = ?3 where user_id = ?1 and id is not ?2 and revoked_at is null",
        user,
        keep,
        now,
    )
    .execute(tx)
    .await?;
    Ok(())
}

async fn rotate_in(
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
        revoke_in(tx, row.user_id, row.session_id, now).await?;
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
    sqlx::query!(
        "update sessions set expires_at = ?2, last_used_at = ?3 where id = ?1",
        row.session_id,
        expires_at,
        now,
    )
    .execute(&mut *tx)
    .await?;
    insert_token(tx, &rotation.successor_hash, session, rotation.now).await?;
    Ok(RefreshOutcome::Rotated { session, user })
}

/// Answers whether the session was the user's and live.
async fn revoke_in(
    tx: &mut SqliteConnection,
    user: Uuid,
    session: Uuid,
    now: i64,
) -> Result<bool, sqlx::Error> {
    let revoked = sqlx::query!(
        r#"
        update sessions
        set revoked_at = ?3
        where id = ?2
            and user_id = ?1
            and revoked_at is null
            and expires_at > ?3
        "#,
        user,
        session,
        now,
    )
    .execute(tx)
    .await?;
    Ok(revoked.rows_affected() == 1)
}

async fn password_hash(tx: &mut SqliteConnection, user: UserId) -> Result<Option<String>, sqlx::Error> {
    let user = user.as_uuid();
    sqlx::query_scalar!("select password_hash from users where id = ?1 and erased_at is null", user)
        .fetch_optional(tx)
        .await
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

async fn insert(tx: &mut SqliteConnection, session: &NewSession) -> Result<(), sqlx::Error> {
    let (id, user) = (session.id.as_uuid(), session.user.as_uuid());
    let (created_at, expires_at) = (micros(session.created_at), micros(session.expires_at));
    sqlx::query!(
        "insert into sessions (id, user_id, user_agent, created_at, expires_at) values (?1, ?2, ?3, ?4, ?5)",
        id,
        user,
        session.user_agent,
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

struct SessionRow {
    id: Uuid,
    user_agent: Option<String>,
    created_at: i64,
    last_used_at: i64,
}

impl TryFrom<SessionRow> for SessionRecord {
    type Error = Unreadable;

    fn try_from(row: SessionRow) -> Result<Self, Unreadable> {
        Ok(Self {
            id: SessionId::from_uuid(row.id),
            user_agent: row.user_agent,
            created_at: moment(row.created_at)?,
            last_used_at: moment(row.last_used_at)?,
        })
    }
}

struct TokenRow {
    session_id: Uuid,
    user_id: Uuid,
    replaced_at: Option<i64>,
}
