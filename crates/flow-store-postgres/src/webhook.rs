//! `webhooks` and `webhook_deliveries`.

mod delivery;
mod outcome;

use std::time::Duration;

use async_trait::async_trait;
use flow_base::{UserId, WebhookId, WorkspaceId};
use flow_store::{
    Attempted, AuditEvent, ClaimedDelivery, Conflict, DISABLED_BY_HAND, DeliveryRecord, NewWebhook, Origin,
    StoreError, WEBHOOKS_PER_WORKSPACE, WebhookChange, WebhookEvent, WebhookRecord, WebhookStore,
};
use sqlx::PgConnection;
use uuid::Uuid;

pub(crate) use delivery::tell_all;
pub(crate) use outcome::give_up;

use crate::PostgresStore;
use crate::audit::{Chain, record};
use crate::error::Failure;
use crate::values::{Moment, text};

const CREATE: &str = "store the webhook";
const LIST: &str = "read the webhooks";
const CHANGE: &str = "change the webhook";
const DELETE: &str = "remove the webhook";

#[async_trait]
impl WebhookStore for PostgresStore {
    async fn create_webhook(&self, webhook: &NewWebhook, by: &Origin) -> Result<(), StoreError> {
        self.call(CREATE, create(self, webhook, by)).await
    }

    async fn webhooks(&self, workspace: WorkspaceId) -> Result<Vec<WebhookRecord>, StoreError> {
        let rows = self.call(LIST, async {
            let mut session = self.session().await?;
            let rows = sqlx::query_as!(
                WebhookRow,
                r#"
                select
                    id,
                    workspace_id,
                    url,
                    description,
                    events,
                    created_by,
                    created_at as "created_at: Moment",
                    failing_since as "failing_since: Moment",
                    disabled_at as "disabled_at: Moment",
                    disabled_reason
                from webhooks
                where workspace_id = $1
                order by id
                "#,
                workspace.as_uuid(),
            )
            .fetch_all(&mut *session)
            .await;
            session.settle(rows)
        });
        Ok(rows.await?.into_iter().map(WebhookRecord::from).collect())
    }

    async fn change_webhook(
        &self,
        workspace: WorkspaceId,
        webhook: WebhookId,
        change: &WebhookChange,
        by: &Origin,
    ) -> Result<bool, StoreError> {
        self.call(CHANGE, async {
            let mut tx = self.begin().await?;
            // First, in the order in which whoever tells it something takes both.
            let event = AuditEvent::WebhookChanged { webhook };
            record(&mut tx, Chain::Workspace(workspace), &event, by).await?;
            if !update(&mut tx, workspace, webhook, change).await? {
                tx.undo().await;
                return Ok(false);
            }
            if change.enabled == Some(false) {
                give_up(&mut tx, &[webhook.as_uuid()]).await?;
            }
            tx.commit().await?;
            Ok(true)
        })
        .await
    }

    async fn delete_webhook(
        &self,
        workspace: WorkspaceId,
        webhook: WebhookId,
        by: &Origin,
    ) -> Result<bool, StoreError> {
        self.call(DELETE, async {
            let mut tx = self.begin().await?;
            // First, in the order in which whoever tells it something takes both.
            let event = AuditEvent::WebhookDeleted { webhook };
            record(&mut tx, Chain::Workspace(workspace), &event, by).await?;
            let deleted = sqlx::query!(
                "delete from webhooks where id = $1 and workspace_id = $2",
                webhook.as_uuid(),
                workspace.as_uuid(),
            )
            .execute(&mut *tx)
            .await?;
            if deleted.rows_affected() == 0 {
                tx.undo().await;
                return Ok(false);
            }
            tx.commit().await?;
            Ok(true)
        })
        .await
    }

    async fn deliveries(
        &self,
        workspace: WorkspaceId,
        webhook: WebhookId,
        before: Option<u64>,
        limit: u32,
    ) -> Result<Vec<DeliveryRecord>, StoreError> {
        self.call("read the deliveries", delivery::list(self, workspace, webhook, before, limit)).await
    }

    async fn tell(
        &self,
        workspace: WorkspaceId,
        webhook: WebhookId,
        event: &WebhookEvent,
    ) -> Result<Option<u64>, StoreError> {
        self.call("store the delivery", delivery::tell(self, workspace, webhook, event)).await
    }

    async fn redeliver(
        &self,
        workspace: WorkspaceId,
        webhook: WebhookId,
        delivery: u64,
    ) -> Result<Option<u64>, StoreError> {
        self.call("store the delivery", delivery::redeliver(self, workspace, webhook, delivery)).await
    }

    async fn claim_deliveries(
        &self,
        limit: u32,
        lease: Duration,
    ) -> Result<Vec<ClaimedDelivery>, StoreError> {
        self.call("take deliveries", delivery::claim(self, limit, lease)).await
    }

    async fn finish_delivery(&self, claimed: &ClaimedDelivery, came: &Attempted) -> Result<bool, StoreError> {
        self.call("note what came of a delivery", outcome::finish(self, claimed, came)).await
    }

    async fn forget_deliveries(&self, older_than: Duration, limit: u32) -> Result<u64, StoreError> {
        self.call("forget old deliveries", delivery::forget(self, older_than, limit)).await
    }
}

async fn create(store: &PostgresStore, webhook: &NewWebhook, by: &Origin) -> Result<(), Failure> {
    let mut tx = store.begin().await?;
    // One workspace's webhooks are made one after the other: what is counted stays so.
    let workspace = sqlx::query_scalar!(
        "select id from workspaces where id = $1 for no key update",
        webhook.workspace.as_uuid(),
    )
    .fetch_optional(&mut *tx)
    .await?;
    if workspace.is_none() {
        return Err(tx.refuse(StoreError::Conflict(Conflict::UnknownWorkspace)).await);
    }
    if !insert(&mut tx, webhook, by).await? {
        return Err(tx.refuse(StoreError::Conflict(Conflict::TooManyWebhooks)).await);
    }
    let event = AuditEvent::WebhookCreated { webhook: webhook.id };
    record(&mut tx, Chain::Workspace(webhook.workspace), &event, by).await?;
    tx.commit().await
}

/// Answers whether there was room for it.
async fn insert(tx: &mut PgConnection, webhook: &NewWebhook, by: &Origin) -> Result<bool, sqlx::Error> {
    let inserted = sqlx::query!(
        r#"
        insert into webhooks (id, workspace_id, url, description, events, secret, created_by, created_at)
        select $1, $2, $3, $4, $5, $6, $7, $8
        where (select count(*) from webhooks where workspace_id = $2) < $9
        "#,
        webhook.id.as_uuid(),
        webhook.workspace.as_uuid(),
        &*text(&webhook.url),
        &*text(&webhook.description),
        &webhook.events,
        &webhook.secret.expose()[..],
        webhook.created_by.as_uuid(),
        Moment(by.at) as Moment,
        i64::from(WEBHOOKS_PER_WORKSPACE),
    )
    .execute(tx)
    .await?;
    Ok(inserted.rows_affected() == 1)
}

/// Answers whether it is there.
async fn update(
    tx: &mut PgConnection,
    workspace: WorkspaceId,
    webhook: WebhookId,
    change: &WebhookChange,
) -> Result<bool, sqlx::Error> {
    let (url, description) = (change.url.as_deref().map(text), change.description.as_deref().map(text));
    let secret = change.secret.as_ref().map(|secret| &secret.expose()[..]);
    let updated = sqlx::query!(
        r#"
        update webhooks
        set
            url = coalesce($3, url),
            description = coalesce($4, description),
            events = coalesce($5, events),
            secret = coalesce($6, secret),
            failures = case when $7::bool is true then 0 else failures end,
            failing_since = case when $7 is true then null else failing_since end,
            paused_until = case when $7 is true then null else paused_until end,
            disabled_at = case
                when $7 is true then null
                when $7 is false then coalesce(disabled_at, now())
                else disabled_at
            end,
            disabled_reason = case
                when $7 is true then null
                when $7 is false then coalesce(disabled_reason, $8)
                else disabled_reason
            end
        where id = $1 and workspace_id = $2
        "#,
        webhook.as_uuid(),
        workspace.as_uuid(),
        url.as_deref() as Option<&str>,
        description.as_deref() as Option<&str>,
        change.events.as_deref() as Option<&[String]>,
        secret as Option<&[u8]>,
        change.enabled as Option<bool>,
        DISABLED_BY_HAND,
    )
    .execute(tx)
    .await?;
    Ok(updated.rows_affected() == 1)
}

struct WebhookRow {
    id: Uuid,
    workspace_id: Uuid,
    url: String,
    description: String,
    events: Vec<String>,
    created_by: Uuid,
    created_at: Moment,
    failing_since: Option<Moment>,
    disabled_at: Option<Moment>,
    disabled_reason: Option<String>,
}

impl From<WebhookRow> for WebhookRecord {
    fn from(row: WebhookRow) -> Self {
        Self {
            id: WebhookId::from_uuid(row.id),
            workspace: WorkspaceId::from_uuid(row.workspace_id),
            url: row.url,
            description: row.description,
            events: row.events,
            created_by: UserId::from_uuid(row.created_by),
            created_at: row.created_at.0,
            failing_since: row.failing_since.map(|since| since.0),
            disabled: row.disabled_at.map(|at| at.0).zip(row.disabled_reason),
        }
    }
}
