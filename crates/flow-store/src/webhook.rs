//! Whom a workspace tells what happens in it.
//!
//! What is to be told is written by the transaction that does it, once for each webhook that
//! wants to know (a transactional outbox): nothing is told that did not happen, and
//! nothing that happened is forgotten. Workers claim what is due, tell it, and say what
//! came of it. It may be told more than once.

use std::fmt::Debug;
use std::time::Duration;

use async_trait::async_trait;
use flow_base::{FlowId, Secret, Timestamp, UserId, WebhookId, WorkspaceId};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{AuditRecord, Origin, StoreError};

/// Webhooks that a workspace may have.
pub const WEBHOOKS_PER_WORKSPACE: u32 = 20;

/// The name of the event that is sent on request, whatever the webhook wants to know.
pub const PING: &str = "ping";
const VERSION_CREATED: &str = "version.created";
/// Deliveries that may wait for one webhook. More that happens is not told to it.
pub const DELIVERIES_WAITING: u32 = 10_000;
/// Of one webhook that are claimed at a time: one that is slow, or is told much, keeps no
/// other waiting.
pub const CLAIMED_OF_ONE: usize = 2;

/// What can be told.
pub const WEBHOOK_EVENTS: &[&str] = &[
    "flow.created",
    "flow.deleted",
    "flow.restored",
    "flow.moved",
    "flow.activated",
    "flow.deactivated",
    "flow.memberChanged",
    VERSION_CREATED,
    "link.created",
    "link.revoked",
    "workspace.renamed",
    "workspace.memberChanged",
    "workspace.transferred",
    "invitation.accepted",
];

/// Something that happened, as it is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebhookEvent {
    pub id: Uuid,
    /// One of [`WEBHOOK_EVENTS`], or [`PING`].
    pub name: String,
    /// JSON.
    pub body: String,
    pub at: Timestamp,
}

impl WebhookEvent {
    /// What is told of something that was done; `None` when nothing is.
    #[must_use]
    pub fn of(record: &AuditRecord) -> Option<Self> {
        let mut data: Value = serde_json::from_str(&record.event).ok()?;
        let Some(Value::String(name)) = data.as_object_mut()?.remove("type") else { return None };
        let is_told = WEBHOOK_EVENTS.contains(&&*name);
        is_told.then(|| Self::new(name, record.workspace, record.user, record.at, &data))
    }

    /// A version was made.
    #[must_use]
    pub fn version_created(workspace: WorkspaceId, flow: FlowId, number: u32, by: &Origin) -> Self {
        let data = json!({ "flow": flow, "version": number });
        Self::new(VERSION_CREATED.to_owned(), workspace, by.user, by.at, &data)
    }

    /// Somebody wants to see whether anything arrives.
    #[must_use]
    pub fn ping(workspace: WorkspaceId, by: &Origin) -> Self {
        Self::new(PING.to_owned(), workspace, by.user, by.at, &json!({}))
    }

    fn new(name: String, workspace: WorkspaceId, user: Option<UserId>, at: Timestamp, data: &Value) -> Self {
        let id = Uuid::now_v7();
        let body = json!({
            "id": id,
            "type": name,
            "at": at.to_string(),
            "workspace": workspace,
            "user": user,
            "data": data,
        });
        Self { id, name, body: body.to_string(), at }
    }
}

#[derive(Debug, Clone)]
pub struct NewWebhook {
    pub id: WebhookId,
    pub workspace: WorkspaceId,
    pub url: String,
    pub description: String,
    /// Of [`WEBHOOK_EVENTS`].
    pub events: Vec<String>,
    pub secret: Secret<[u8; 32]>,
    pub created_by: UserId,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebhookRecord {
    pub id: WebhookId,
    pub workspace: WorkspaceId,
    pub url: String,
    pub description: String,
    pub events: Vec<String>,
    pub created_by: UserId,
    pub created_at: Timestamp,
    /// Since when nothing has arrived; `None` when the last delivery did, or none was made.
    pub failing_since: Option<Timestamp>,
    /// Since when nothing is told, and why.
    pub disabled: Option<(Timestamp, String)>,
}

/// What is changed of a webhook; `None` stays as it is.
#[derive(Debug, Clone, Default)]
pub struct WebhookChange {
    pub url: Option<String>,
    pub description: Option<String>,
    pub events: Option<Vec<String>>,
    /// Disabled, what waits for it is given up; enabled again, it is told what happens from
    /// then on.
    pub enabled: Option<bool>,
    pub secret: Option<Secret<[u8; 32]>>,
}

/// The reason where somebody disabled it.
pub const DISABLED_BY_HAND: &str = "disabled by an owner";
/// The reason where the account that made it is erased: it had chosen the address.
pub const DISABLED_BY_ERASURE: &str = "the account that made it was erased";
/// Why a delivery was given up that waited for a webhook when that was disabled, or was asked
/// for while it is.
pub const TOLD_WHILE_DISABLED: &str = "the webhook is disabled";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeliveryState {
    Pending,
    Delivered,
    /// Given up; it can be delivered again by hand.
    Failed,
}

impl DeliveryState {
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Delivered => "delivered",
            Self::Failed => "failed",
        }
    }
}

impl std::str::FromStr for DeliveryState {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        match text {
            "pending" => Ok(Self::Pending),
            "delivered" => Ok(Self::Delivered),
            "failed" => Ok(Self::Failed),
            _ => Err(()),
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeliveryRecord {
    /// Grows with time.
    pub id: u64,
    pub event_id: Uuid,
    pub event: String,
    pub body: String,
    pub created_at: Timestamp,
    pub state: DeliveryState,
    pub attempts: u32,
    /// Of the next attempt, while there is one.
    pub next_at: Timestamp,
    pub last_at: Option<Timestamp>,
    pub status: Option<u16>,
    pub error: Option<String>,
    /// The beginning of the answer.
    pub answer: Option<String>,
}

/// A delivery that is ours to make, for a while.
#[derive(Debug, Clone)]
pub struct ClaimedDelivery {
    pub id: u64,
    pub webhook: WebhookId,
    pub url: String,
    pub secret: Secret<[u8; 32]>,
    pub event_id: Uuid,
    pub event: String,
    pub body: String,
    /// 1 for the first. Also the proof that the claim is the last one.
    pub attempt: u32,
    /// Failures of this webhook in a row before this.
    pub failures: u32,
}

/// What came of an attempt.
#[derive(Debug, Clone)]
pub struct Attempted {
    pub status: Option<u16>,
    pub answer: Option<String>,
    pub outcome: AttemptOutcome,
}

#[derive(Debug, Clone)]
pub enum AttemptOutcome {
    Delivered,
    Failed {
        error: String,
        /// Until the next attempt; `None`: there is none.
        retry_in: Option<Duration>,
        /// Nothing is sent to this webhook for so long.
        pause: Duration,
        /// A webhook that has failed for so long is disabled.
        disable_after: Duration,
    },
}

/// Webhooks and what is delivered to them. Times are judged by the store's clock, so that
/// nodes whose clocks differ share the work.
#[async_trait]
pub trait WebhookStore: Debug + Send + Sync + 'static {
    /// # Errors
    /// [`StoreError::Conflict`] when there is no such workspace, or it has
    /// [`WEBHOOKS_PER_WORKSPACE`]; [`StoreError::Backend`].
    async fn create_webhook(&self, webhook: &NewWebhook, by: &Origin) -> Result<(), StoreError>;

    /// Those of a workspace, in the order they were made.
    ///
    /// # Errors
    /// [`StoreError::Backend`].
    async fn webhooks(&self, workspace: WorkspaceId) -> Result<Vec<WebhookRecord>, StoreError>;

    /// Answers whether the workspace has this webhook.
    ///
    /// # Errors
    /// [`StoreError::Backend`].
    async fn change_webhook(
        &self,
        workspace: WorkspaceId,
        webhook: WebhookId,
        change: &WebhookChange,
        by: &Origin,
    ) -> Result<bool, StoreError>;

    /// With its deliveries. Answers whether the workspace had this webhook.
    ///
    /// # Errors
    /// [`StoreError::Backend`].
    async fn delete_webhook(
        &self,
        workspace: WorkspaceId,
        webhook: WebhookId,
        by: &Origin,
    ) -> Result<bool, StoreError>;

    /// At most `limit` deliveries with an id below `before`, newest first; none when the
    /// workspace has no such webhook.
    ///
    /// # Errors
    /// [`StoreError::Backend`].
    async fn deliveries(
        &self,
        workspace: WorkspaceId,
        webhook: WebhookId,
        before: Option<u64>,
        limit: u32,
    ) -> Result<Vec<DeliveryRecord>, StoreError>;

    /// Has this told to one webhook; answers the delivery's id, `None` when the workspace has
    /// no such webhook. One that is disabled is told nothing: the delivery is given up at once,
    /// and so in [`WebhookStore::redeliver`].
    ///
    /// # Errors
    /// [`StoreError::Backend`].
    async fn tell(
        &self,
        workspace: WorkspaceId,
        webhook: WebhookId,
        event: &WebhookEvent,
    ) -> Result<Option<u64>, StoreError>;

    /// Has what was told, or was to be, told once more, as a new delivery; answers its id,
    /// `None` when there is no such delivery.
    ///
    /// # Errors
    /// [`StoreError::Backend`].
    async fn redeliver(
        &self,
        workspace: WorkspaceId,
        webhook: WebhookId,
        delivery: u64,
    ) -> Result<Option<u64>, StoreError>;

    /// Takes at most `limit` deliveries that are due, of each webhook the oldest, and no more
    /// than [`CLAIMED_OF_ONE`], of webhooks that are neither disabled nor paused, in no order. Nobody else gets them before `lease` is over.
    ///
    /// # Errors
    /// [`StoreError::Backend`].
    async fn claim_deliveries(&self, limit: u32, lease: Duration)
    -> Result<Vec<ClaimedDelivery>, StoreError>;

    /// Says what came of a claimed delivery; answers `false`, and changes nothing, when
    /// somebody else has claimed it since, or it was given up. A failure counts for its
    /// webhook, pauses and perhaps disables it, unless another was counted since this was
    /// claimed: deliveries under way at the same time meet the same failure.
    ///
    /// # Errors
    /// [`StoreError::Backend`].
    async fn finish_delivery(&self, claimed: &ClaimedDelivery, came: &Attempted) -> Result<bool, StoreError>;

    /// Forgets at most `limit` deliveries that ended longer ago than this; answers how many.
    ///
    /// # Errors
    /// [`StoreError::Backend`].
    async fn forget_deliveries(&self, older_than: Duration, limit: u32) -> Result<u64, StoreError>;
}
