//! What came of deliveries, and how their webhooks fare.

use flow_base::WebhookId;
use flow_store::{AttemptOutcome, Attempted, ClaimedDelivery, DeliveryState, TOLD_WHILE_DISABLED};
use sqlx::PgConnection;
use uuid::Uuid;

use super::delivery::number;
use crate::PostgresStore;
use crate::error::Failure;
use crate::values::text;

pub(super) async fn finish(
    store: &PostgresStore,
    claimed: &ClaimedDelivery,
    came: &Attempted,
) -> Result<bool, Failure> {
    let (state, failed, retry_in) = match &came.outcome {
        AttemptOutcome::Delivered => (DeliveryState::Delivered, None, None),
        AttemptOutcome::Failed { error, retry_in: Some(retry_in), .. } => {
            (DeliveryState::Pending, Some(error), Some(retry_in.as_secs_f64()))
        }
        AttemptOutcome::Failed { error, .. } => (DeliveryState::Failed, Some(error), None),
    };
    let (answer, error) = (came.answer.as_deref().map(text), failed.map(|error| text(error)));
    let mut tx = store.begin().await?;
    // First, in the order in which whoever disables it takes both.
    let failures = lock(&mut tx, claimed.webhook).await?;
    let ended = sqlx::query!(
        r#"
        update webhook_deliveries
        set
            state = $3,
            next_at = coalesce(now() + make_interval(secs => $4), next_at),
            last_at = now(),
            last_status = $5,
            last_error = $6,
            last_answer = $7
        where id = $1 and attempts = $2 and state = 'pending'
        "#,
        number(claimed.id),
        i64::from(claimed.attempt),
        state.as_str(),
        retry_in as Option<f64>,
        came.status.map(i64::from) as Option<i64>,
        error.as_deref() as Option<&str>,
        answer.as_deref() as Option<&str>,
    )
    .execute(&mut *tx)
    .await?;
    if ended.rows_affected() == 0 {
        tx.undo().await;
        return Ok(false);
    }
    // Otherwise another failure was counted meanwhile, or all was well.
    let is_news = failed.is_none() || failures == Some(i64::from(claimed.failures));
    if is_news && note(&mut tx, claimed.webhook, &came.outcome).await? {
        give_up(&mut tx, &[claimed.webhook.as_uuid()]).await?;
    }
    tx.commit().await?;
    Ok(true)
}

/// Locks the webhook; answers its failures in a row, `None` when it is gone.
async fn lock(tx: &mut PgConnection, webhook: WebhookId) -> Result<Option<i64>, sqlx::Error> {
    sqlx::query_scalar!("select failures from webhooks where id = $1 for no key update", webhook.as_uuid())
        .fetch_optional(tx)
        .await
}

/// How the webhook fares. Answers whether this has disabled it.
async fn note(
    tx: &mut PgConnection,
    webhook: WebhookId,
    outcome: &AttemptOutcome,
) -> Result<bool, sqlx::Error> {
    let AttemptOutcome::Failed { error, pause, disable_after, .. } = outcome else {
        sqlx::query!(
            "update webhooks set failures = 0, failing_since = null, paused_until = null where id = $1",
            webhook.as_uuid(),
        )
        .execute(tx)
        .await?;
        return Ok(false);
    };
    let disabled = sqlx::query_scalar!(
        r#"
        with failing as materialized (
            select
                disabled_at is null
                and failing_since is not null
                and failing_since <= now() - make_interval(secs => $4) as is_for_long
            from webhooks
            where id = $1
        )
        update webhooks
        set
            failures = failures + 1,
            failing_since = coalesce(failing_since, now()),
            paused_until = now() + make_interval(secs => $3),
            disabled_at = case when failing.is_for_long then now() else disabled_at end,
            disabled_reason = case when failing.is_for_long then $2 else disabled_reason end
        from failing
        where webhooks.id = $1
        returning failing.is_for_long as "is_for_long!"
        "#,
        webhook.as_uuid(),
        &*text(error),
        pause.as_secs_f64(),
        disable_after.as_secs_f64(),
    )
    .fetch_optional(tx)
    .await?;
    Ok(disabled == Some(true))
}

/// What waits for these webhooks, which are disabled.
pub(crate) async fn give_up(tx: &mut PgConnection, webhooks: &[Uuid]) -> Result<(), sqlx::Error> {
    sqlx::query!(
        r#"
        update webhook_deliveries
        set
            state = 'failed',
            last_at = now(),
            last_error = $2
        where webhook_id = any($1) and state = 'pending'
        "#,
        webhooks,
        TOLD_WHILE_DISABLED,
    )
    .execute(tx)
    .await?;
    Ok(())
}
