//! Whom a workspace tells what happens in it.

use flow_base::{Secret, Timestamp, UserId, WebhookId, WorkspaceId};
use reqwest::Method;
use serde::{Deserialize, Serialize};
use url::form_urlencoded;

use super::Api;
use crate::ClientError;

/// What a new webhook is for.
#[derive(Debug, Clone, Serialize)]
pub struct NewWebhook {
    pub url: String,
    /// Names of events, such as `flow.created`; at least one.
    pub events: Vec<String>,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub description: String,
}

/// What to change of a webhook; what is `None` stays.
#[derive(Debug, Clone, Default, Serialize)]
pub struct WebhookChange {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub events: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub enabled: Option<bool>,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Webhook {
    pub id: WebhookId,
    pub url: String,
    pub description: String,
    pub events: Vec<String>,
    pub created_by: UserId,
    pub created_at: Timestamp,
    pub enabled: bool,
    /// Since when, and why, if it is not enabled.
    pub disabled_at: Option<Timestamp>,
    pub disabled_reason: Option<String>,
    /// Since when nothing has arrived; `None` when the last delivery did.
    pub failing_since: Option<Timestamp>,
}

/// A webhook that was made just now.
#[derive(Debug, Clone, Deserialize)]
pub struct CreatedWebhook {
    #[serde(flatten)]
    pub webhook: Webhook,
    /// What deliveries are signed with; told only here.
    pub secret: Secret<String>,
}

/// Something that a webhook is told, and how that goes.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Delivery {
    pub id: u64,
    /// The same for everybody who is told, and for what is told again: a UUID.
    pub event_id: String,
    pub event: String,
    /// What is sent.
    pub body: String,
    pub created_at: Timestamp,
    pub state: DeliveryState,
    pub attempts: u32,
    /// Of the next attempt, if there is to be one.
    pub next_at: Option<Timestamp>,
    pub last_at: Option<Timestamp>,
    /// Of the last answer, and how it began.
    pub status: Option<u16>,
    pub answer: Option<String>,
    /// Why the last attempt failed.
    pub error: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum DeliveryState {
    Pending,
    Delivered,
    Failed,
}

/// Newest first.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DeliveryPage {
    pub items: Vec<Delivery>,
    pub next_cursor: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct DeliveryCreated {
    delivery_id: u64,
}

#[derive(Debug, Deserialize)]
struct NewSecret {
    secret: Secret<String>,
}

impl Api {
    /// In the order they were made.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn webhooks(&self, workspace: WorkspaceId) -> Result<Vec<Webhook>, ClientError> {
        self.send(Method::GET, &all(workspace), None::<&()>).await
    }

    /// # Errors
    /// [`ClientError`]; with the code `invalid` when the address may not be called.
    pub async fn create_webhook(
        &self,
        workspace: WorkspaceId,
        webhook: &NewWebhook,
    ) -> Result<CreatedWebhook, ClientError> {
        self.send(Method::POST, &all(workspace), Some(webhook)).await
    }

    /// # Errors
    /// [`ClientError`].
    pub async fn webhook(&self, workspace: WorkspaceId, webhook: WebhookId) -> Result<Webhook, ClientError> {
        self.send(Method::GET, &one(workspace, webhook), None::<&()>).await
    }

    /// Enabled again, it is told what was due.
    ///
    /// # Errors
    /// As [`Api::create_webhook`].
    pub async fn change_webhook(
        &self,
        workspace: WorkspaceId,
        webhook: WebhookId,
        change: &WebhookChange,
    ) -> Result<Webhook, ClientError> {
        self.send(Method::PATCH, &one(workspace, webhook), Some(change)).await
    }

    /// With its deliveries.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn delete_webhook(
        &self,
        workspace: WorkspaceId,
        webhook: WebhookId,
    ) -> Result<(), ClientError> {
        self.send_empty(Method::DELETE, &one(workspace, webhook)).await
    }

    /// Gives it another secret, at once, which is told only here.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn renew_webhook_secret(
        &self,
        workspace: WorkspaceId,
        webhook: WebhookId,
    ) -> Result<Secret<String>, ClientError> {
        let path = format!("{}/secret", one(workspace, webhook));
        Ok(self.send::<NewSecret>(Method::POST, &path, None::<&()>).await?.secret)
    }

    /// Tells it that it is there; answers the delivery that does.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn ping_webhook(&self, workspace: WorkspaceId, webhook: WebhookId) -> Result<u64, ClientError> {
        let path = format!("{}/ping", one(workspace, webhook));
        Ok(self.send::<DeliveryCreated>(Method::POST, &path, None::<&()>).await?.delivery_id)
    }

    /// What it was told and is to be told.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn deliveries(
        &self,
        workspace: WorkspaceId,
        webhook: WebhookId,
        limit: u32,
        cursor: Option<&str>,
    ) -> Result<DeliveryPage, ClientError> {
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.append_pair("limit", &limit.to_string());
        query.extend_pairs(cursor.map(|cursor| ("cursor", cursor)));
        let path = format!("{}/deliveries?{}", one(workspace, webhook), query.finish());
        self.send(Method::GET, &path, None::<&()>).await
    }

    /// Tells it the same once more; answers the delivery that does.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn redeliver(
        &self,
        workspace: WorkspaceId,
        webhook: WebhookId,
        delivery: u64,
    ) -> Result<u64, ClientError> {
        let path = format!("{}/deliveries/{delivery}/redeliver", one(workspace, webhook));
        Ok(self.send::<DeliveryCreated>(Method::POST, &path, None::<&()>).await?.delivery_id)
    }
}

fn all(workspace: WorkspaceId) -> String {
    format!("api/workspaces/{workspace}/webhooks")
}

fn one(workspace: WorkspaceId, webhook: WebhookId) -> String {
    format!("api/workspaces/{workspace}/webhooks/{webhook}")
}
