use std::time::Duration;

use flow_base::{Secret, WebhookId, WorkspaceId};
use flow_store::{
    ClaimedDelivery, DELIVERIES_WAITING, DeliveryRecord, StoreError, TOLD_WHILE_DISABLED, WebhookEvent,
};
use sqlx::SqliteConnection;
use uuid::Uuid;

use crate::SqliteStore;
use crate::error::{Unreadable, backend, micros, moment, unreadable};

const LIST: &str = "read the deliveries";
const TELL: &str = "store the delivery";
const CLAIM: &str = "take deliveries";
const FORGET: &str = "forget old deliveries";

/// Has this told to all webhooks of the workspace that want to know.
pub(crate) async fn tell_all(
    tx: &mut SqliteConnection,
    workspace: WorkspaceId,
    event: &WebhookEvent,
) -> Result<(), sqlx::Error> {
    let (workspace, event_id, at) = (workspace.as_uuid(), event.id, micros(event.at));
    sqlx::query!(
        r#"
        insert into webhook_deliveries (webhook_id, event_id, event, body, created_at, next_at)
        select
            id,
            ?2,
            ?3,
            ?4,
            ?5,
            cast(unixepoch('subsec') * 1000000 as integer)
        from webhooks
        where workspace_id = ?1
            and disabled_at is null
            and exists (select 1 from json_each(webhooks.events) where value = ?3)
            and (
                select count(*)
                from (
                    select 1
                    from webhook_deliveries as waiting
                    where waiting.webhook_id = webhooks.id and waiting.state = 'pending'
                    limit ?6
                )
            ) < ?6
        "#,
        workspace,
        event_id,
        event.name,
        event.body,
        at,
        DELIVERIES_WAITING,
    )
    .execute(tx)
    .await?;
    Ok(())
}

pub(super) async fn list(
    store: &SqliteStore,
    workspace: WorkspaceId,
    webhook: WebhookId,
    before: Option<u64>,
    limit: u32,
) -> Result<Vec<DeliveryRecord>, StoreError> {
    let (workspace, webhook) = (workspace.as_uuid(), webhook.as_uuid());
    let before = before.map_or(i64::MAX, number);
    let rows = sqlx::query_as!(
        DeliveryRow,
        r#"
        select
            webhook_deliveries.id,
            event_id as "event_id: Uuid",
            event,
            body,
            webhook_deliveries.created_at,
            state,
            attempts,
            next_at,
            last_at,
            last_status,
            last_error,
            last_answer
        from webhook_deliveries
        join webhooks on webhooks.id = webhook_deliveries.webhook_id
        where webhooks.workspace_id = ?1 and webhook_id = ?2 and webhook_deliveries.id < ?3
        order by webhook_deliveries.id desc
        limit ?4
        "#,
        workspace,
        webhook,
        before,
        limit,
    )
    .fetch_all(store.readers())
    .await
    .map_err(backend(LIST))?;
    rows.into_iter().map(DeliveryRecord::try_from).collect::<Result<_, _>>().map_err(unreadable(LIST))
}

pub(super) async fn tell(
    store: &SqliteStore,
    workspace: WorkspaceId,
    webhook: WebhookId,
    event: &WebhookEvent,
) -> Result<Option<u64>, StoreError> {
    let (workspace, webhook, event_id) = (workspace.as_uuid(), webhook.as_uuid(), event.id);
    let at = micros(event.at);
    let mut connection = store.write().await.map_err(backend(TELL))?;
    let id = sqlx::query_scalar!(
        r#"
        insert into webhook_deliveries (
            webhook_id, event_id, event, body, created_at, next_at, state, last_at, last_error
        )
        select
            id,
            ?3,
            ?4,
            ?5,
            ?6,
            cast(unixepoch('subsec') * 1000000 as integer),
            iif(disabled_at is null, 'pending', 'failed'),
            iif(disabled_at is null, null, cast(unixepoch('subsec') * 1000000 as integer)),
            iif(disabled_at is null, null, ?7)
        from webhooks
        where id = ?2 and workspace_id = ?1
        returning id as "id!"
        "#,
        workspace,
        webhook,
        event_id,
        event.name,
        event.body,
        at,
        TOLD_WHILE_DISABLED,
    )
    .fetch_optional(&mut *connection)
    .await
    .map_err(backend(TELL))?;
    Ok(id.map(i64::cast_unsigned))
}

pub(super) async fn redeliver(
    store: &SqliteStore,
    workspace: WorkspaceId,
    webhook: WebhookId,
    delivery: u64,
) -> Result<Option<u64>, StoreError> {
    let (workspace, webhook, delivery) = (workspace.as_uuid(), webhook.as_uuid(), number(delivery));
    let mut connection = store.write().await.map_err(backend(TELL))?;
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
            cast(unixepoch('subsec') * 1000000 as integer),
            iif(disabled_at is null, 'pending', 'failed'),
            iif(disabled_at is null, null, cast(unixepoch('subsec') * 1000000 as integer)),
            iif(disabled_at is null, null, ?4)
        from webhook_deliveries as told
        join webhooks on webhooks.id = told.webhook_id
        where told.id = ?3 and told.webhook_id = ?2 and webhooks.workspace_id = ?1
        returning id as "id!"
        "#,
        workspace,
        webhook,
        delivery,
        TOLD_WHILE_DISABLED,
    )
    .fetch_optional(&mut *connection)
    .await
    .map_err(backend(TELL))?;
    Ok(id.map(i64::cast_unsigned))
}

pub(super) async fn claim(
    store: &SqliteStore,
    limit: u32,
    lease: Duration,
) -> Result<Vec<ClaimedDelivery>, StoreError> {
    let lease = length(lease);
    // Seldom is anything due, and looking for it keeps nobody from writing.
    let is_due = sqlx::query_scalar!(
        r#"
        select exists (
            select 1
            from webhook_deliveries
            where state = 'pending' and next_at <= cast(unixepoch('subsec') * 1000000 as integer)
        ) as "due!: bool"
        "#,
    );
    if !is_due.fetch_one(store.readers()).await.map_err(backend(CLAIM))? {
        return Ok(Vec::new());
    }
    let mut tx = store.begin_write().await.map_err(backend(CLAIM))?;
    let mut rows = sqlx::query_as!(
        ClaimedRow,
        r#"
        with turns as materialized (
            select id, random() as turn
            from webhooks
        )
        select
            webhook_deliveries.id as "id!",
            webhook_id as "webhook_id!: Uuid",
            url as "url!",
            secret as "secret!",
            event_id as "event_id!: Uuid",
            event as "event!",
            body as "body!",
            attempts + 1 as "attempt!: i64",
            failures as "failures!"
        from webhooks
        join turns on turns.id = webhooks.id
        join webhook_deliveries on webhook_deliveries.webhook_id = webhooks.id
        where disabled_at is null
            and (paused_until is null or paused_until <= cast(unixepoch('subsec') * 1000000 as integer))
            and webhook_deliveries.id in (
                select first.id
                from webhook_deliveries as first
                where first.webhook_id = webhooks.id
                    and first.state = 'pending'
                    and first.next_at <= cast(unixepoch('subsec') * 1000000 as integer)
                order by first.next_at, first.id
                limit 2
            )
        order by turns.turn, next_at, webhook_deliveries.id
        limit ?1
        "#,
        limit,
    )
    .fetch_all(&mut *tx)
    .await
    .map_err(backend(CLAIM))?;
    rows.sort_by_key(|row| row.id);
    for row in &rows {
        sqlx::query!(
            r#"
            update webhook_deliveries
            set
                attempts = ?2,
                next_at = cast(unixepoch('subsec') * 1000000 as integer) + ?3
            where id = ?1
            "#,
            row.id,
            row.attempt,
            lease,
        )
        .execute(&mut *tx)
        .await
        .map_err(backend(CLAIM))?;
    }
    tx.commit().await.map_err(backend(CLAIM))?;
    rows.into_iter().map(ClaimedDelivery::try_from).collect::<Result<_, _>>().map_err(unreadable(CLAIM))
}

pub(super) async fn forget(store: &SqliteStore, older_than: Duration, limit: u32) -> Result<u64, StoreError> {
    let older_than = length(older_than);
    let mut connection = store.write().await.map_err(backend(FORGET))?;
    let forgotten = sqlx::query!(
        r#"
        delete from webhook_deliveries
        where id in (
            select id
            from webhook_deliveries
            where state <> 'pending' and last_at <= cast(unixepoch('subsec') * 1000000 as integer) - ?1
            order by last_at
            limit ?2
        )
        "#,
        older_than,
        limit,
    )
    .execute(&mut *connection)
    .await
    .map_err(backend(FORGET))?;
    Ok(forgotten.rows_affected())
}

struct DeliveryRow {
    id: i64,
    event_id: Uuid,
    event: String,
    body: String,
    created_at: i64,
    state: String,
    attempts: i64,
    next_at: i64,
    last_at: Option<i64>,
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
            created_at: moment(row.created_at)?,
            state: row.state.parse().map_err(|()| Unreadable("state of a delivery"))?,
            attempts: u32::try_from(row.attempts).map_err(|_| Unreadable("number of attempts"))?,
            next_at: moment(row.next_at)?,
            last_at: row.last_at.map(moment).transpose()?,
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
    attempt: i64,
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
            attempt: u32::try_from(row.attempt).map_err(|_| Unreadable("number of attempts"))?,
            failures: u32::try_from(row.failures).map_err(|_| Unreadable("number of failures"))?,
        })
    }
}

pub(super) fn number(id: u64) -> i64 {
    i64::try_from(id).unwrap_or(i64::MAX)
}

/// In microseconds.
pub(super) fn length(time: Duration) -> i64 {
    i64::try_from(time.as_micros()).unwrap_or(i64::MAX)
}
