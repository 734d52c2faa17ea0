use std::time::Duration;

use flow_base::{Secret, WebhookId, WorkspaceId};
use flow_store::{AttemptOutcome, Attempted, ClaimedDelivery, DeliveryRecord, DeliveryState, WebhookEvent};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::PostgresStore;
use crate::error::{Failure, Unreadable};
use crate::values::{Moment, text};

/// Has this told to all webhooks of the workspace that want to know.
pub(crate) async fn tell_all(
    tx: &mut PgConnection,
    workspace: WorkspaceId,
    event: &WebhookEvent,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        r#"
        insert into webhook_deliveries (webhook_id, event_id, event, body, created_at, next_at)
        select id, $2, $3, $4, $5, now()
        from webhooks
        where workspace_id = $1 and disabled_at is null and $3 = any(events)
        "#,
        workspace.as_uuid(),
        event.id,
        event.name,
        event.body,
        Moment(event.at) as Moment,
    )
    .execute(tx)
    .await?;
    Ok(())
}

pub(super) async fn list(
    store: &PostgresStore,
    workspace: WorkspaceId,
    webhook: WebhookId,
    before: Option<u64>,
    limit: u32,
) -> Result<Vec<DeliveryRecord>, Failure> {
    let mut session = store.session().await?;
    let rows = sqlx::query_as!(
        DeliveryRow,
        r#"
        select
            webhook_deliveries.id as "id!",
            event_id as "event_id!",
            event as "event!",
            body as "body!",
            webhook_deliveries.created_at as "created_at!: Moment",
            state as "state!",
            attempts as "attempts!",
            next_at as "next_at!: Moment",
            last_at as "last_at?: Moment",
            last_status as "last_status?",
            last_error as "last_error?",
            last_answer as "last_answer?"
        from webhook_deliveries
        join webhooks on webhooks.id = webhook_deliveries.webhook_id
        where webhooks.workspace_id = $1 and webhook_id = $2 and webhook_deliveries.id < $3
        order by webhook_deliveries.id desc
        limit $4
        "#,
        workspace.as_uuid(),
        webhook.as_uuid(),
        before.map_or(i64::MAX, number),
        i64::from(limit),
    )
    .fetch_all(&mut *session)
    .await;
    let records: Result<_, Unreadable> =
        session.settle(rows)?.into_iter().map(DeliveryRecord::try_from).collect();
    Ok(records?)
}

pub(super) async fn tell(
    store: &PostgresStore,
    workspace: WorkspaceId,
    webhook: WebhookId,
    event: &WebhookEvent,
) -> Result<Option<u64>, Failure> {
    let mut session = store.session().await?;
    let id = sqlx::query_scalar!(
        r#"
        insert into webhook_deliveries (webhook_id, event_id, event, body, created_at, next_at)
        select id, $3, $4, $5, $6, now()
        from webhooks
        where id = $2 and workspace_id = $1
        returning id
        "#,
        workspace.as_uuid(),
        webhook.as_uuid(),
        event.id,
        event.name,
        event.body,
        Moment(event.at) as Moment,
    )
    .fetch_optional(&mut *session)
    .await;
    Ok(session.settle(id)?.map(i64::cast_unsigned))
}

pub(super) async fn redeliver(
    store: &PostgresStore,
    workspace: WorkspaceId,
    webhook: WebhookId,
    delivery: u64,
) -> Result<Option<u64>, Failure> {
    let mut session = store.session().await?;
    let id = sqlx::query_scalar!(
        r#"
        insert into webhook_deliveries (webhook_id, event_id, event, body, created_at, next_at)
        select
            told.webhook_id,
            told.event_id,
            told.event,
            told.body,
            told.created_at,
            now()
        from webhook_deliveries as told
        join webhooks on webhooks.id = told.webhook_id
        where told.id = $3 and told.webhook_id = $2 and webhooks.workspace_id = $1
        returning id
        "#,
        workspace.as_uuid(),
        webhook.as_uuid(),
        number(delivery),
    )
    .fetch_optional(&mut *session)
    .await;
    Ok(session.settle(id)?.map(i64::cast_unsigned))
}

/// What another node takes at this moment is left to it.
pub(super) async fn claim(
    store: &PostgresStore,
    limit: u32,
    lease: Duration,
) -> Result<Vec<ClaimedDelivery>, Failure> {
    let mut session = store.session().await?;
    let rows = sqlx::query_as!(
        ClaimedRow,
        r#"
        with due as materialized (
            select webhook_deliveries.id
            from webhook_deliveries
            join webhooks on webhooks.id = webhook_deliveries.webhook_id
            where state = 'pending'
                and next_at <= now()
                and disabled_at is null
                and (paused_until is null or paused_until <= now())
            order by next_at, webhook_deliveries.id
            limit $1
            for update of webhook_deliveries skip locked
        )
        update webhook_deliveries
        set
            attempts = webhook_deliveries.attempts + 1,
            next_at = now() + make_interval(secs => $2)
        from due, webhooks
        where webhook_deliveries.id = due.id and webhooks.id = webhook_deliveries.webhook_id
        returning
            webhook_deliveries.id,
            webhook_deliveries.webhook_id,
            webhooks.url,
            webhooks.secret,
            webhook_deliveries.event_id,
            webhook_deliveries.event,
            webhook_deliveries.body,
            webhook_deliveries.attempts,
            webhooks.failures
        "#,
        i64::from(limit),
        lease.as_secs_f64(),
    )
    .fetch_all(&mut *session)
    .await;
    let claimed: Result<Vec<_>, Unreadable> =
        session.settle(rows)?.into_iter().map(ClaimedDelivery::try_from).collect();
    let mut claimed = claimed?;
    claimed.sort_by_key(|claimed| claimed.id);
    Ok(claimed)
}

pub(super) async fn finish(
    store: &PostgresStore,
    claimed: &ClaimedDelivery,
    came: &Attempted,
) -> Result<bool, Failure> {
    let (state, failed) = match &came.outcome {
        AttemptOutcome::Delivered => (DeliveryState::Delivered, None),
        AttemptOutcome::Failed { error, retry_in, pause, disable_after } => {
            let state = if retry_in.is_some() { DeliveryState::Pending } else { DeliveryState::Failed };
            (state, Some((error, retry_in.map(|retry_in| retry_in.as_secs_f64()), pause, disable_after)))
        }
    };
    let answer = came.answer.as_deref().map(text);
    let error = failed.map(|(error, ..)| text(error));
    let retry_in = failed.and_then(|(_, retry_in, ..)| retry_in);
    let mut session = store.session().await?;
    let finished = sqlx::query!(
        r#"
        with ended as (
            update webhook_deliveries
            set
                state = $3,
                next_at = coalesce(now() + make_interval(secs => $4), next_at),
                last_at = now(),
                last_status = $5,
                last_error = $6,
                last_answer = $7
            where id = $1 and attempts = $2 and state = 'pending'
            returning webhook_id
        )
        update webhooks
        set
            failures = case when $6::text is null then 0 else failures + 1 end,
            failing_since = case when $6 is null then null else coalesce(failing_since, now()) end,
            paused_until = case when $6 is null then null else now() + make_interval(secs => $8) end,
            disabled_at = case
                when $6 is not null
                    and disabled_at is null
                    and failing_since <= now() - make_interval(secs => $9)
                    then now()
                else disabled_at
            end,
            disabled_reason = case
                when $6 is not null
                    and disabled_at is null
                    and failing_since <= now() - make_interval(secs => $9)
                    then $6
                else disabled_reason
            end
        from ended
        where webhooks.id = ended.webhook_id
        "#,
        number(claimed.id),
        i64::from(claimed.attempt),
        state.as_str(),
        retry_in as Option<f64>,
        came.status.map(i64::from) as Option<i64>,
        error.as_deref() as Option<&str>,
        answer.as_deref() as Option<&str>,
        failed.map_or(0.0, |(.., pause, _)| pause.as_secs_f64()),
        failed.map_or(0.0, |(.., disable_after)| disable_after.as_secs_f64()),
    )
    .execute(&mut *session)
    .await;
    Ok(session.settle(finished)?.rows_affected() == 1)
}

pub(super) async fn forget(store: &PostgresStore, older_than: Duration, limit: u32) -> Result<u64, Failure> {
    let mut session = store.session().await?;
    let forgotten = sqlx::query!(
        r#"
        delete from webhook_deliveries
        where id in (
            select id
            from webhook_deliveries
            where state <> 'pending' and last_at <= now() - make_interval(secs => $1)
            order by last_at
            limit $2
        )
        "#,
        older_than.as_secs_f64(),
        i64::from(limit),
    )
    .execute(&mut *session)
    .await;
    Ok(session.settle(forgotten)?.rows_affected())
}

struct DeliveryRow {
    id: i64,
    event_id: Uuid,
    event: String,
    body: String,
    created_at: Moment,
    state: String,
    attempts: i64,
    next_at: Moment,
    last_at: Option<Moment>,
    last_status: Option<i64>,
    last_error: Option<String>,
    last_answer: Option<String>,
}

impl TryFrom<DeliveryRow> for DeliveryRecord {
    type Error = Unreadable;

    fn try_from(row: DeliveryRow) -> Result<Self, Unreadable> {
        let status = row.last_status.map(u16::try_from).transpose();
        Ok(Self {
            id: row.id.cast_unsigned(),
            event_id: row.event_id,
            event: row.event,
            body: row.body,
            created_at: row.created_at.0,
            state: row.state.parse().map_err(|()| Unreadable("state of a delivery"))?,
            attempts: u32::try_from(row.attempts).map_err(|_| Unreadable("number of attempts"))?,
            next_at: row.next_at.0,
            last_at: row.last_at.map(|at| at.0),
            status: status.map_err(|_| Unreadable("status of an answer"))?,
            error: row.last_error,
            answer: row.last_answer,
        })
    }
}

struct ClaimedRow {
    id: i64,
    webhook_id: Uuid,
    url: String,
    secret: Vec<u8>,
    event_id: Uuid,
    event: String,
    body: String,
    attempts: i64,
    failures: i64,
}

impl TryFrom<ClaimedRow> for ClaimedDelivery {
    type Error = Unreadable;

    fn try_from(row: ClaimedRow) -> Result<Self, Unreadable> {
        let secret: [u8; 32] = row.secret.try_into().map_err(|_| Unreadable("secret of a webhook"))?;
        Ok(Self {
            id: row.id.cast_unsigned(),
            webhook: WebhookId::from_uuid(row.webhook_id),
            url: row.url,
            secret: Secret::new(secret),
            event_id: row.event_id,
            event: row.event,
            body: row.body,
            attempt: u32::try_from(row.attempts).map_err(|_| Unreadable("number of attempts"))?,
            failures: u32::try_from(row.failures).map_err(|_| Unreadable("number of failures"))?,
        })
    }
}

fn number(id: u64) -> i64 {
    i64::try_from(id).unwrap_or(i64::MAX)
}
