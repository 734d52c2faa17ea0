//! What came of deliveries, and how their webhooks fare.

use flow_store::{
    AttemptOutcome, Attempted, ClaimedDelivery, DeliveryState, StoreError, TOLD_WHILE_DISABLED,
};
use sqlx::SqliteConnection;
use uuid::Uuid;

use super::delivery::{length, number};
use crate::SqliteStore;
use crate::error::backend;

const FINISH: &str = "note what came of a delivery";

pub(super) async fn finish(
    store: &SqliteStore,
    claimed: &ClaimedDelivery,
    came: &Attempted,
) -> Result<bool, StoreError> {
    let mut tx = store.begin_write().await.map_err(backend(FINISH))?;
    if !end(&mut tx, claimed, came).await.map_err(backend(FINISH))? {
        return Ok(false);
    }
    note(&mut tx, claimed, &came.outcome).await.map_err(backend(FINISH))?;
    tx.commit().await.map_err(backend(FINISH))?;
    Ok(true)
}

/// Answers whether the claim is the last one.
async fn end(
    tx: &mut SqliteConnection,
    claimed: &ClaimedDelivery,
    came: &Attempted,
) -> Result<bool, sqlx::Error> {
    let (state, error, retry_in) = match &came.outcome {
        AttemptOutcome::Delivered => (DeliveryState::Delivered, None, None),
        AttemptOutcome::Failed { error, retry_in: Some(retry_in), .. } => {
            (DeliveryState::Pending, Some(error), Some(length(*retry_in)))
        }
        AttemptOutcome::Failed { error, .. } => (DeliveryState::Failed, Some(error), None),
    };
    let (id, attempt, state) = (number(claimed.id), claimed.attempt, state.as_str());
    let ended = sqlx::query!(
        r#"
        update webhook_deliveries
        set
            state = ?3,
            next_at = coalesce(cast(unixepoch('subsec') * 1000000 as integer) + ?4, next_at),
            last_at = cast(unixepoch('subsec') * 1000000 as integer),
            last_status = ?5,
            last_error = ?6,
            last_answer = ?7
        where id = ?1 and attempts = ?2 and state = 'pending'
        "#,
        id,
        attempt,
        state,
        retry_in,
        came.status,
        error,
        came.answer,
    )
    .execute(tx)
    .await?;
    Ok(ended.rows_affected() == 1)
}

/// How the webhook fares. Where another failure was counted meanwhile, or all was well, a
/// failure is no news.
async fn note(
    tx: &mut SqliteConnection,
    claimed: &ClaimedDelivery,
    outcome: &AttemptOutcome,
) -> Result<(), sqlx::Error> {
    let (id, failures) = (claimed.webhook.as_uuid(), claimed.failures);
    let AttemptOutcome::Failed { error, pause, disable_after, .. } = outcome else {
        sqlx::query!(
            "update webhooks set failures = 0, failing_since = null, paused_until = null where id = ?1",
            id,
        )
        .execute(tx)
        .await?;
        return Ok(());
    };
    let (pause, disable_after) = (length(*pause), length(*disable_after));
    let is_disabled = sqlx::query_scalar!(
        r#"
        update webhooks
        set
            failures = failures + 1,
            failing_since = coalesce(failing_since, cast(unixepoch('subsec') * 1000000 as integer)),
            paused_until = cast(unixepoch('subsec') * 1000000 as integer) + ?2,
            disabled_at = case
                when disabled_at is null
                    and failing_since <= cast(unixepoch('subsec') * 1000000 as integer) - ?3
                    then cast(unixepoch('subsec') * 1000000 as integer)
                else disabled_at
            end,
            disabled_reason = case
                when disabled_at is null
                    and failing_since <= cast(unixepoch('subsec') * 1000000 as integer) - ?3
                    then ?4
                else disabled_reason
            end
        where id = ?1 and failures = ?5
        returning disabled_at is not null as "is_disabled!: bool"
        "#,
        id,
        pause,
        disable_after,
        error,
        failures,
    )
    .fetch_optional(&mut *tx)
    .await?;
    if is_disabled == Some(true) {
        give_up(tx, id).await?;
    }
    Ok(())
}

/// What waits for a webhook that is disabled.
pub(crate) async fn give_up(tx: &mut SqliteConnection, webhook: Uuid) -> Result<(), sqlx::Error> {
    sqlx::query!(
        r#"
        update webhook_deliveries
        set
            state = 'failed',
            last_at = cast(unixepoch('subsec') * 1000000 as integer),
            last_error = ?2
        where webhook_id = ?1 and state = 'pending'
        "#,
        webhook,
        TOLD_WHILE_DISABLED,
    )
    .execute(tx)
    .await?;
    Ok(())
}
