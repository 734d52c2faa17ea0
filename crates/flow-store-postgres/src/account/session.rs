//! `sessions`, and the first token of each.

use flow_base::{SessionId, Timestamp, UserId};
use flow_store::{AuditEvent, Conflict, NewSession, Origin, PasswordChange, SessionRecord, StoreError};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::PostgresStore;
use crate::audit::{Chain, record};
use crate::error::Failure;
use crate::values::{Moment, text};

pub(super) async fn create(store: &PostgresStore, new: &NewSession, by: &Origin) -> Result<(), Failure> {
    let mut tx = store.begin().await?;
    let reason = match insert(&mut tx, new).await? {
        Some(true) => {
            let event = AuditEvent::SessionOpened { session: new.id };
            record(&mut tx, Chain::User(new.user), &event, by).await?;
            return tx.commit().await;
        }
        Some(false) => Conflict::PasswordChanged,
        None => Conflict::UnknownUser,
    };
    Err(tx.refuse(StoreError::Conflict(reason)).await)
}

/// Answers whether the account has the password, if there is the account.
///
/// Forgets the user's sign-ins that have run out, too, with their tokens. To every caller
/// they are as over as before.
///
/// The account's row is locked, so that a change of the password comes before, and is
/// seen here, or after, and ends this sign-in.
async fn insert(tx: &mut PgConnection, new: &NewSession) -> Result<Option<bool>, sqlx::Error> {
    let user_agent = new.user_agent.as_deref().map(text);
    sqlx::query_scalar!(
        r#"
        with account as materialized (
            select password_hash = $6 as is_same
            from users
            where id = $2 and erased_at is null
            for share
        ),
        expired as (
            delete from sessions
            where user_id = $2 and expires_at <= $3
        ),
        created as (
            insert into sessions (id, user_id, user_agent, created_at, expires_at)
            select $1, $2, $7, $3, $4
            from account
            where is_same
        ),
        token as (
            insert into refresh_tokens (hash, session_id, created_at)
            select $5, $1, $3
            from account
            where is_same
        )
        select is_same as "is_same!"
        from account
        "#,
        new.id.as_uuid(),
        new.user.as_uuid(),
        Moment(new.created_at) as Moment,
        Moment(new.expires_at) as Moment,
        &new.refresh_hash[..],
        &**new.password_hash.expose(),
        user_agent.as_deref(),
    )
    .fetch_optional(tx)
    .await
}

pub(super) async fn list(
    store: &PostgresStore,
    user: UserId,
    now: Timestamp,
    limit: u32,
) -> Result<Vec<SessionRecord>, Failure> {
    let mut session = store.session().await?;
    let rows = sqlx::query_as!(
        SessionRow,
        r#"
        select
            id,
            user_agent,
            created_at as "created_at: Moment",
            coalesce(last_used_at, created_at) as "last_used_at!: Moment"
        from sessions
        where user_id = $1
            and revoked_at is null
            and expires_at > $2
        order by coalesce(last_used_at, created_at) desc, id desc
        limit $3
        "#,
        user.as_uuid(),
        Moment(now) as Moment,
        i64::from(limit),
    )
    .fetch_all(&mut *session)
    .await;
    Ok(session.settle(rows)?.into_iter().map(SessionRecord::from).collect())
}

pub(super) async fn is_live(
    store: &PostgresStore,
    session: SessionId,
    now: Timestamp,
) -> Result<bool, Failure> {
    let id = session.as_uuid();
    let mut session = store.session().await?;
    let live = sqlx::query_scalar!(
        r#"
        select
            exists (
                select 1 from sessions where id = $1 and revoked_at is null and expires_at > $2
            ) as "is_live!"
        "#,
        id,
        Moment(now) as Moment,
    )
    .fetch_one(&mut *session)
    .await;
    session.settle(live)
}

pub(super) async fn revoke(
    store: &PostgresStore,
    user: UserId,
    session: SessionId,
    by: &Origin,
) -> Result<bool, Failure> {
    let mut tx = store.begin().await?;
    if !revoke_in(&mut tx, user.as_uuid(), session.as_uuid(), by.at).await? {
        tx.undo().await;
        return Ok(false);
    }
    record(&mut tx, Chain::User(user), &AuditEvent::SessionEnded { session }, by).await?;
    tx.commit().await?;
    Ok(true)
}

/// Answers whether the session was the user's and live.
pub(super) async fn revoke_in(
    connection: &mut PgConnection,
    user: Uuid,
    session: Uuid,
    now: Timestamp,
) -> Result<bool, sqlx::Error> {
    let revoked = sqlx::query!(
        r#"
        update sessions
        set revoked_at = $3
        where id = $2
            and user_id = $1
            and revoked_at is null
            and expires_at > $3
        "#,
        user,
        session,
        Moment(now) as Moment,
    )
    .execute(connection)
    .await?;
    Ok(revoked.rows_affected() == 1)
}

/// Ends the sign-ins that a change of password does not keep.
pub(super) async fn revoke_others(tx: &mut PgConnection, change: &PasswordChange) -> Result<(), sqlx::Error> {
    sqlx::query!(
        r#"
        update sessions
        set revoked_at = $3
        where user_id = $1
            and id is distinct from $2
            and revoked_at is null
        "#,
        change.user.as_uuid(),
        change.keep.map(SessionId::as_uuid),
        Moment(change.now) as Moment,
    )
    .execute(tx)
    .await?;
    Ok(())
}

struct SessionRow {
    id: Uuid,
    user_agent: Option<String>,
    created_at: Moment,
    last_used_at: Moment,
}

impl From<SessionRow> for SessionRecord {
    fn from(row: SessionRow) -> Self {
        Self {
            id: SessionId::from_uuid(row.id),
            user_agent: row.user_agent,
            created_at: row.created_at.0,
            last_used_at: row.last_used_at.0,
        }
    }
}
