//! `webhooks` and `webhook_deliveries`.

mod delivery;
mod outcome;

use async_trait::async_trait;
use flow_base::{UserId, WebhookId, WorkspaceId};
use flow_store::{
    Attempted, AuditEvent, ClaimedDelivery, Conflict, DISABLED_BY_HAND, DeliveryRecord, NewWebhook, Origin,
    StoreError, WEBHOOKS_PER_WORKSPACE, WebhookChange, WebhookEvent, WebhookRecord, WebhookStore,
};
use sqlx::SqliteConnection;
use std::time::Duration;
use uuid::Uuid;

pub(crate) use delivery::tell_all;
pub(crate) use outcome::give_up;

use crate::SqliteStore;
use crate::audit::{Chain, record};
use crate::error::{Unreadable, backend, micros, moment, unreadable};
use crate::workspace::exists;

const CREATE: &str = "store the webhook";
const LIST: &str = "read the webhooks";
const CHANGE: &str = "change the webhook";
const DELETE: &str = "remove the webhook";

#[async_trait]
impl WebhookStore for SqliteStore {
    async fn create_webhook(&self, webhook: &NewWebhook, by: &Origin) -> Result<(), StoreError> {
        let mut tx = self.begin_write().await.map_err(backend(CREATE))?;
        if !exists(&mut tx, webhook.workspace).await.map_err(backend(CREATE))? {
            return Err(StoreError::Conflict(Conflict::UnknownWorkspace));
        }
        if !insert(&mut tx, webhook, by).await.map_err(backend(CREATE))? {
            return Err(StoreError::Conflict(Conflict::TooManyWebhooks));
        }
        let event = AuditEvent::WebhookCreated { webhook: webhook.id };
        record(&mut tx, Chain::Workspace(webhook.workspace), &event, by).await.map_err(backend(CREATE))?;
        tx.commit().await.map_err(backend(CREATE))
    }

    async fn webhooks(&self, workspace: WorkspaceId) -> Result<Vec<WebhookRecord>, StoreError> {
        let workspace = workspace.as_uuid();
        let rows = sqlx::query_as!(
            WebhookRow,
            r#"
            select
                id as "id: Uuid",
                workspace_id as "workspace_id: Uuid",
                url,
                description,
                events,
                created_by as "created_by: Uuid",
                created_at,
                failing_since,
                disabled_at,
                disabled_reason
            from webhooks
            where workspace_id = ?1
            order by id
            "#,
            workspace,
        )
        .fetch_all(self.readers())
        .await
        .map_err(backend(LIST))?;
        rows.into_iter().map(WebhookRecord::try_from).collect::<Result<_, _>>().map_err(unreadable(LIST))
    }

    async fn change_webhook(
        &self,
        workspace: WorkspaceId,
        webhook: WebhookId,
        change: &WebhookChange,
        by: &Origin,
    ) -> Result<bool, StoreError> {
        let mut tx = self.begin_write().await.map_err(backend(CHANGE))?;
        if !update(&mut tx, workspace, webhook, change).await.map_err(backend(CHANGE))? {
            return Ok(false);
        }
        if change.enabled == Some(false) {
            give_up(&mut tx, webhook.as_uuid()).await.map_err(backend(CHANGE))?;
        }
        let event = AuditEvent::WebhookChanged { webhook };
        record(&mut tx, Chain::Workspace(workspace), &event, by).await.map_err(backend(CHANGE))?;
        tx.commit().await.map_err(backend(CHANGE))?;
        Ok(true)
    }

    async fn delete_webhook(
        &self,
        workspace: WorkspaceId,
        webhook: WebhookId,
        by: &Origin,
    ) -> Result<bool, StoreError> {
        let (place, id) = (workspace.as_uuid(), webhook.as_uuid());
        let mut tx = self.begin_write().await.map_err(backend(DELETE))?;
        let deleted = sqlx::query!("delete from webhooks where id = ?1 and workspace_id = ?2", id, place)
            .execute(&mut *tx)
            .await
            .map_err(backend(DELETE))?;
        if deleted.rows_affected() == 0 {
            return Ok(false);
        }
        let event = AuditEvent::WebhookDeleted { webhook };
        record(&mut tx, Chain::Workspace(workspace), &event, by).await.map_err(backend(DELETE))?;
        tx.commit().await.map_err(backend(DELETE))?;
        Ok(true)
    }

    async fn deliveries(
        &self,
        workspace: WorkspaceId,
        webhook: WebhookId,
        before: Option<u64>,
        limit: u32,
    ) -> Result<Vec<DeliveryRecord>, StoreError> {
        delivery::list(self, workspace, webhook, before, limit).await
    }

    async fn tell(
        &self,
        workspace: WorkspaceId,
        webhook: WebhookId,
        event: &WebhookEvent,
    ) -> Result<Option<u64>, StoreError> {
        delivery::tell(self, workspace, webhook, event).await
    }

    async fn redeliver(
        &self,
        workspace: WorkspaceId,
        webhook: WebhookId,
        delivery: u64,
    ) -> Result<Option<u64>, StoreError> {
        delivery::redeliver(self, workspace, webhook, delivery).await
    }

    async fn claim_deliveries(
        &self,
        limit: u32,
        lease: Duration,
    ) -> Result<Vec<ClaimedDelivery>, StoreError> {
        delivery::claim(self, limit, lease).await
    }

    async fn finish_delivery(&self, claimed: &ClaimedDelivery, came: &Attempted) -> Result<bool, StoreError> {
        outcome::finish(self, claimed, came).await
    }

    async fn forget_deliveries(&self, older_than: Duration, limit: u32) -> Result<u64, StoreError> {
        delivery::forget(self, older_than, limit).await
    }
}

/// Answers whether there was room for it.
async fn insert(tx: &mut SqliteConnection, webhook: &NewWebhook, by: &Origin) -> Result<bool, sqlx::Error> {
    let (id, workspace) = (webhook.id.as_uuid(), webhook.workspace.as_uuid());
    let (events, secret) = (list(&webhook.events), &webhook.secret.expose()[..]);
    let (created_by, at) = (webhook.created_by.as_uuid(), micros(by.at));
    let inserted = sqlx::query!(
        r#"
        insert into webhooks (id, workspace_id, url, description, events, secret, created_by, created_at)
        select ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8
        where (select count(*) from webhooks where workspace_id = ?2) < ?9
        "#,
        id,
        workspace,
        webhook.url,
        webhook.description,
        events,
        secret,
        created_by,
        at,
        WEBHOOKS_PER_WORKSPACE,
    )
    .execute(tx)
    .await?;
    Ok(inserted.rows_affected() == 1)
}

/// Answers whether it is there.
async fn update(
    tx: &mut SqliteConnection,
    workspace: WorkspaceId,
    webhook: WebhookId,
    change: &WebhookChange,
) -> Result<bool, sqlx::Error> {
    let (workspace, id) = (workspace.as_uuid(), webhook.as_uuid());
    let events = change.events.as_deref().map(list);
    let secret = change.secret.as_ref().map(|secret| &secret.expose()[..]);
    let updated = sqlx::query!(
        r#"
        update webhooks
        set
            url = coalesce(?3, url),
            description = coalesce(?4, description),
            events = coalesce(?5, events),
            secret = coalesce(?6, secret),
            failures = iif(?7 is true, 0, failures),
            failing_since = iif(?7 is true, null, failing_since),
            paused_until = iif(?7 is true, null, paused_until),
            disabled_at = case
                when ?7 is true then null
                when ?7 is false then coalesce(disabled_at, cast(unixepoch('subsec') * 1000000 as integer))
                else disabled_at
            end,
            disabled_reason = case
                when ?7 is true then null
                when ?7 is false then coalesce(disabled_reason, ?8)
                else disabled_reason
            end
        where id = ?1 and workspace_id = ?2
        "#,
        id,
        workspace,
        change.url,
        change.description,
        events,
        secret,
        change.enabled,
        DISABLED_BY_HAND,
    )
    .execute(tx)
    .await?;
    Ok(updated.rows_affected() == 1)
}

fn list(events: &[String]) -> String {
    serde_json::json!(events).to_string()
}

struct WebhookRow {
    id: Uuid,
    workspace_id: Uuid,
    url: String,
    description: String,
    events: String,
    created_by: Uuid,
    created_at: i64,
    failing_since: Option<i64>,
    disabled_at: Option<i64>,
    disabled_reason: Option<String>,
}

impl TryFrom<WebhookRow> for WebhookRecord {
    type Error = Unreadable;

    fn try_from(row: WebhookRow) -> Result<Self, Unreadable> {
        Ok(Self {
            id: WebhookId::from_uuid(row.id),
            workspace: WorkspaceId::from_uuid(row.workspace_id),
            url: row.url,
            description: row.description,
            events: serde_json::from_str(&row.events).map_err(|_| Unreadable("list of events"))?,
            created_by: UserId::from_uuid(row.created_by),
            created_at: moment(row.created_at)?,
            failing_since: row.failing_since.map(moment).transpose()?,
            disabled: row.disabled_at.map(moment).transpose()?.zip(row.disabled_reason),
        })
    }
}
