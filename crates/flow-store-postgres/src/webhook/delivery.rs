use std::time::Duration;

use flow_base::{Secret, WebhookId, WorkspaceId};
use flow_store::{ClaimedDelivery, DELIVERIES_WAITING, DeliveryRecord, TOLD_WHILE_DISABLED, WebhookEvent};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::PostgresStore;
use crate::error::{Failure, Unreadable};
use crate::values::Moment;

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
            and (
                select count(*)
                from (
                    select 1
                    from webhook_deliveries as waiting
                    where waiting.webhook_id = webhooks.id and waiting.state = 'pending'
                    limit $6
                ) as some_waiting
            ) < $6
        -- One that is deleted or disabled at this moment is told nothing, and fails nobody:
        -- whoever does that comes before this, or gives up what is told here.
        for share of webhooks
        "#,
        workspace.as_uuid(),
        event.id,
        event.name,
        event.body,
        Moment(event.at) as Moment,
        i64::from(DELIVERIES_WAITING),
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
        insert into webhook_deliveries (
            webhook_id, event_id, event, body, created_at, next_at, state, last_at, last_error
        )
        select
            id,
            $3,
            $4,
            $5,
            $6,
            now(),
            case when disabled_at is null then 'pending' else 'failed' end,
            case when disabled_at is not null then now() end,
            case when disabled_at is not null then $7::text end
        from webhooks
        where id = $2 and workspace_id = $1
        for share
        returning id
        "#,
        workspace.as_uuid(),
        webhook.as_uuid(),
        event.id,
        event.name,
        event.body,
        Moment(event.at) as Moment,
        TOLD_WHILE_DISABLED,
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
        insert into webhook_deliveries (
            webhook_id, event_id, event, body, created_at, next_at, state, last_at, last_error
        )
        select
            told.webhook_id,
            told.event_id,
            told.event,
            told.body,
            told.created_at,
            now(),
            case when webhooks.disabled_at is null then 'pending' else 'failed' end,
            case when webhooks.disabled_at is not null then now() end,
            case when webhooks.disabled_at is not null then $4::text end
        from webhook_deliveries as told
        join webhooks on webhooks.id = told.webhook_id
        where told.id = $3 and told.webhook_id = $2 and webhooks.workspace_id = $1
        for share of webhooks
        returning id
        "#,
        workspace.as_uuid(),
        webhook.as_uuid(),
        number(delivery),
        TOLD_WHILE_DISABLED,
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
            -- Two of each webhook, and these in no order: one that is slow, or is told much,
            -- keeps no other waiting.
            select first.id
            from (
                select id, random() as turn
                from webhooks
                where disabled_at is null and (paused_until is null or paused_until <= now())
            ) as turns
            cross join lateral (
                select webhook_deliveries.id, webhook_deliveries.next_at
                from webhook_deliveries
                where webhook_deliveries.webhook_id = turns.id
                    and webhook_deliveries.state = 'pending'
                    and webhook_deliveries.next_at <= now()
                order by webhook_deliveries.next_at, webhook_deliveries.id
                limit 2
                for update skip locked
            ) as first
            order by turns.turn, first.next_at, first.id
            limit $1
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

pub(super) fn number(id: u64) -> i64 {
    i64::try_from(id).unwrap_or(i64::MAX)
}
