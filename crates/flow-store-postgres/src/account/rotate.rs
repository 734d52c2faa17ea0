//! What becomes of a refresh token.

use flow_base::{SessionId, UserId};
use flow_store::{AuditEvent, Origin, RefreshOutcome, RefreshRotation, StoreError};
use sqlx::PgConnection;
use uuid::Uuid;

use super::session;
use crate::PostgresStore;
use crate::audit::{Chain, record};
use crate::error::Failure;
use crate::values::Moment;

const ROTATE: &str = "exchange the refresh token";

pub(super) async fn rotate(
    store: &PostgresStore,
    rotation: &RefreshRotation,
    by: &Origin,
) -> Result<RefreshOutcome, StoreError> {
    store.call(ROTATE, try_rotate(store, rotation, by)).await
}

async fn try_rotate(
    store: &PostgresStore,
    rotation: &RefreshRotation,
    by: &Origin,
) -> Result<RefreshOutcome, Failure> {
    let mut tx = store.begin().await?;
    let Some(row) = find(&mut tx, rotation).await? else {
        tx.undo().await;
        return Ok(RefreshOutcome::Unknown);
    };
    let (session, user) = (SessionId::from_uuid(row.session_id), UserId::from_uuid(row.user_id));
    // In the tables' precision, in which the token's own moment has been cut off.
    let honoured_after = rotation.honour_replaced_after.as_microsecond();
    if row.replaced_at.is_some_and(|at| at.0.as_microsecond() <= honoured_after) {
        session::revoke_in(&mut tx, row.user_id, row.session_id, rotation.now).await?;
        record(&mut tx, Chain::User(user), &AuditEvent::SessionReused { session }, by).await?;
        tx.commit().await?;
        return Ok(RefreshOutcome::Reused { session, user });
    }
    replace(&mut tx, row.session_id, rotation).await?;
    tx.commit().await?;
    Ok(RefreshOutcome::Rotated { session, user })
}

/// The live session of the token. Both are locked, the session first, so that exchanges
/// of one session come one after the other and each sees what the last has done.
async fn find(tx: &mut PgConnection, rotation: &RefreshRotation) -> Result<Option<TokenRow>, sqlx::Error> {
    sqlx::query_as!(
        TokenRow,
        r#"
        select
            sessions.id as session_id,
            sessions.user_id,
            refresh_tokens.replaced_at as "replaced_at: Moment"
        from sessions
        join refresh_tokens on refresh_tokens.session_id = sessions.id
        where refresh_tokens.hash = $1
            and sessions.revoked_at is null
            and sessions.expires_at > $2
        for no key update
        "#,
        &rotation.presented_hash[..],
        Moment(rotation.now) as Moment,
    )
    .fetch_optional(tx)
    .await
}

/// One statement: the token is marked, the session prolonged, the successor stored.
async fn replace(
    tx: &mut PgConnection,
    session: Uuid,
    rotation: &RefreshRotation,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        r#"
        with replaced as (
            -- The first replacement counts, or repeating would stretch the grace.
            update refresh_tokens
            set replaced_at = $2
            where hash = $1 and replaced_at is null
        ),
        prolonged as (
            update sessions
            set
                expires_at = $4,
                last_used_at = $2
            where id = $3
        )
        insert into refresh_tokens (hash, session_id, created_at)
        values ($5, $3, $2)
        "#,
        &rotation.presented_hash[..],
        Moment(rotation.now) as Moment,
        session,
        Moment(rotation.expires_at) as Moment,
        &rotation.successor_hash[..],
    )
    .execute(tx)
    .await?;
    Ok(())
}

struct TokenRow {
    session_id: Uuid,
    user_id: Uuid,
    replaced_at: Option<Moment>,
}
