//! Whom a workspace tells what happens in it.

use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use flow_auth::Permission;
use flow_base::{Secret, Timestamp, UserId, WebhookId, WorkspaceId};
use flow_store::{NewWebhook, WEBHOOK_EVENTS, WebhookChange, WebhookEvent, WebhookRecord};
use flow_webhook::secret_text;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::{PAGE_DEFAULT, PAGE_MAX};
use crate::app::App;
use crate::body::{Body, Params};
use crate::caller::{Caller, WorkspacePath};
use crate::error::ApiError;
use crate::openapi::fields;
use crate::segment::{DeliveryNumber, Segment};

pub(crate) const DESCRIPTION_MAX: usize = 1_000;

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Webhook)]
pub(crate) struct WebhookView {
    #[schema(value_type = Uuid)]
    id: WebhookId,
    url: String,
    description: String,
    #[schema(schema_with = fields::webhook_events)]
    events: Vec<String>,
    #[schema(value_type = Uuid)]
    created_by: UserId,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    enabled: bool,
    /// Since when, and why, if it is not.
    #[schema(value_type = Option<String>, format = DateTime, required)]
    disabled_at: Option<Timestamp>,
    #[schema(required)]
    disabled_reason: Option<String>,
    /// Since when nothing has arrived; `null` when the last delivery did.
    #[schema(value_type = Option<String>, format = DateTime, required)]
    failing_since: Option<Timestamp>,
}

impl From<WebhookRecord> for WebhookView {
    fn from(record: WebhookRecord) -> Self {
        let WebhookRecord { id, url, description, events, created_by, created_at, failing_since, .. } =
            record;
        let (enabled, (disabled_at, disabled_reason)) = (record.disabled.is_none(), record.disabled.unzip());
        Self {
            id,
            url,
            description,
            events,
            created_by,
            created_at,
            enabled,
            disabled_at,
            disabled_reason,
            failing_since,
        }
    }
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CreatedWebhook {
    #[serde(flatten)]
    view: WebhookView,
    /// What deliveries are signed with, shown here and never again.
    secret: String,
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct NewSecret {
    /// What deliveries are signed with from now on, shown here and never again.
    secret: String,
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct CreateWebhook {
    #[schema(schema_with = fields::webhook_url)]
    url: String,
    #[schema(schema_with = fields::webhook_events)]
    events: Vec<String>,
    #[serde(default)]
    #[schema(schema_with = fields::webhook_description, required = false)]
    description: String,
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct ChangeWebhook {
    #[schema(schema_with = fields::webhook_url_or_null, required = false)]
    url: Option<String>,
    #[schema(schema_with = fields::webhook_events_or_null, required = false)]
    events: Option<Vec<String>>,
    #[schema(schema_with = fields::webhook_description_or_null, required = false)]
    description: Option<String>,
    enabled: Option<bool>,
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct DeliveriesQuery {
    #[param(schema_with = fields::limit, required = false)]
    limit: Option<u32>,
    /// The `nextCursor` of the page before.
    cursor: Option<String>,
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DeliveryPage {
    /// Newest first.
    items: Vec<DeliveryView>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Delivery)]
pub(crate) struct DeliveryView {
    id: u64,
    /// The same for everybody who is told, and for what is told again.
    event_id: Uuid,
    event: String,
    /// What is sent.
    body: String,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    /// `pending`, `delivered` or `failed`.
    #[schema(schema_with = fields::delivery_state)]
    state: &'static str,
    attempts: u32,
    /// Of the next attempt, if there is to be one.
    #[schema(value_type = Option<String>, format = DateTime, required)]
    next_at: Option<Timestamp>,
    #[schema(value_type = Option<String>, format = DateTime, required)]
    last_at: Option<Timestamp>,
    /// Of the last answer, and how it began.
    #[schema(required)]
    status: Option<u16>,
    #[schema(required)]
    answer: Option<String>,
    /// Why the last attempt failed.
    #[schema(required)]
    error: Option<String>,
}

impl From<flow_store::DeliveryRecord> for DeliveryView {
    fn from(record: flow_store::DeliveryRecord) -> Self {
        let is_pending = record.state == flow_store::DeliveryState::Pending;
        Self {
            id: record.id,
            event_id: record.event_id,
            event: record.event,
            body: record.body,
            created_at: record.created_at,
            state: record.state.as_str(),
            attempts: record.attempts,
            next_at: is_pending.then_some(record.next_at),
            last_at: record.last_at,
            status: record.status,
            answer: record.answer,
            error: record.error,
        }
    }
}

/// A delivery that is to be made.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DeliveryCreated {
    delivery_id: u64,
}

/// `GET /api/workspaces/{id}/webhooks`: in the order they were made.
#[utoipa::path(
    get,
    path = "/workspaces/{workspace_id}/webhooks",
    operation_id = "listWebhooks",
    tag = "webhooks",
    params(WorkspacePath),
    responses((status = 200, body = [WebhookView])),
    security(("signIn" = []), ("apiKey" = ["manage"])),
    extensions(("x-role" = json!("owner"))),
)]
pub(crate) async fn list(
    State(app): State<App>,
    WorkspacePath(workspace): WorkspacePath,
    caller: Caller,
) -> Result<Json<Vec<WebhookView>>, ApiError> {
    caller.require_in(&app, workspace, Permission::ManageWorkspace).await?;
    let webhooks = app.store().webhooks(workspace).await?;
    Ok(Json(webhooks.into_iter().map(WebhookView::from).collect()))
}

/// `POST /api/workspaces/{id}/webhooks`: makes one; `201` with its secret.
#[utoipa::path(
    post,
    path = "/workspaces/{workspace_id}/webhooks",
    operation_id = "createWebhook",
    tag = "webhooks",
    params(WorkspacePath),
    request_body = CreateWebhook,
    responses((status = 201, body = CreatedWebhook), (status = 409, description = "There are as many as a workspace may have.")),
    security(("signIn" = []), ("apiKey" = ["manage"])),
    extensions(("x-role" = json!("owner"))),
)]
pub(crate) async fn create(
    State(app): State<App>,
    WorkspacePath(workspace): WorkspacePath,
    caller: Caller,
    Body(body): Body<CreateWebhook>,
) -> Result<impl IntoResponse, ApiError> {
    caller.require_in(&app, workspace, Permission::ManageWorkspace).await?;
    let CreateWebhook { url, events, description } = body;
    check_url(&app, &url)?;
    check_description(&description)?;
    let webhook = NewWebhook {
        id: WebhookId::generate(),
        workspace,
        url,
        description,
        events: check_events(events)?,
        secret: new_secret(),
        created_by: caller.user,
    };
    app.store().create_webhook(&webhook, &caller.origin(&app)).await?;
    let view = find(&app, workspace, webhook.id).await?.into();
    let created = CreatedWebhook { view, secret: secret_text(&webhook.secret).into_inner() };
    Ok((StatusCode::CREATED, [(header::CACHE_CONTROL, "no-store")], Json(created)))
}

/// `GET /api/workspaces/{id}/webhooks/{webhook}`: as it is, without its secret.
#[utoipa::path(
    get,
    path = "/workspaces/{workspace_id}/webhooks/{webhook_id}",
    operation_id = "getWebhook",
    tag = "webhooks",
    params(WorkspacePath, Segment<WebhookId>),
    responses((status = 200, body = WebhookView)),
    security(("signIn" = []), ("apiKey" = ["manage"])),
    extensions(("x-role" = json!("owner"))),
)]
pub(crate) async fn get(
    State(app): State<App>,
    WorkspacePath(workspace): WorkspacePath,
    Segment(webhook): Segment<WebhookId>,
    caller: Caller,
) -> Result<Json<WebhookView>, ApiError> {
    caller.require_in(&app, workspace, Permission::ManageWorkspace).await?;
    Ok(Json(find(&app, workspace, webhook).await?.into()))
}

/// `PATCH /api/workspaces/{id}/webhooks/{webhook}`: enabled again, it is told what was due.
#[utoipa::path(
    patch,
    path = "/workspaces/{workspace_id}/webhooks/{webhook_id}",
    operation_id = "changeWebhook",
    tag = "webhooks",
    params(WorkspacePath, Segment<WebhookId>),
    request_body = ChangeWebhook,
    responses((status = 200, body = WebhookView)),
    security(("signIn" = []), ("apiKey" = ["manage"])),
    extensions(("x-role" = json!("owner"))),
)]
pub(crate) async fn change(
    State(app): State<App>,
    WorkspacePath(workspace): WorkspacePath,
    Segment(webhook): Segment<WebhookId>,
    caller: Caller,
    Body(body): Body<ChangeWebhook>,
) -> Result<Json<WebhookView>, ApiError> {
    caller.require_in(&app, workspace, Permission::ManageWorkspace).await?;
    let ChangeWebhook { url, events, description, enabled } = body;
    url.as_deref().map_or(Ok(()), |url| check_url(&app, url))?;
    description.as_deref().map_or(Ok(()), check_description)?;
    let events = events.map(check_events).transpose()?;
    let change = WebhookChange { url, description, events, enabled, secret: None };
    if !app.store().change_webhook(workspace, webhook, &change, &caller.origin(&app)).await? {
        return Err(ApiError::NotFound("webhook"));
    }
    Ok(Json(find(&app, workspace, webhook).await?.into()))
}

/// `POST /api/workspaces/{id}/webhooks/{webhook}/secret`: another one, at once.
#[utoipa::path(
    post,
    path = "/workspaces/{workspace_id}/webhooks/{webhook_id}/secret",
    operation_id = "renewWebhookSecret",
    tag = "webhooks",
    params(WorkspacePath, Segment<WebhookId>),
    responses((status = 200, body = NewSecret)),
    security(("signIn" = []), ("apiKey" = ["manage"])),
    extensions(("x-role" = json!("owner"))),
)]
pub(crate) async fn renew_secret(
    State(app): State<App>,
    WorkspacePath(workspace): WorkspacePath,
    Segment(webhook): Segment<WebhookId>,
    caller: Caller,
) -> Result<impl IntoResponse, ApiError> {
    caller.require_in(&app, workspace, Permission::ManageWorkspace).await?;
    let secret = new_secret();
    let change = WebhookChange { secret: Some(secret.clone()), ..WebhookChange::default() };
    if !app.store().change_webhook(workspace, webhook, &change, &caller.origin(&app)).await? {
        return Err(ApiError::NotFound("webhook"));
    }
    let secret = secret_text(&secret).into_inner();
    Ok(([(header::CACHE_CONTROL, "no-store")], Json(NewSecret { secret })))
}

/// `DELETE /api/workspaces/{id}/webhooks/{webhook}`: with its deliveries; `204`.
#[utoipa::path(
    delete,
    path = "/workspaces/{workspace_id}/webhooks/{webhook_id}",
    operation_id = "deleteWebhook",
    tag = "webhooks",
    params(WorkspacePath, Segment<WebhookId>),
    responses((status = 204)),
    security(("signIn" = []), ("apiKey" = ["manage"])),
    extensions(("x-role" = json!("owner"))),
)]
pub(crate) async fn remove(
    State(app): State<App>,
    WorkspacePath(workspace): WorkspacePath,
    Segment(webhook): Segment<WebhookId>,
    caller: Caller,
) -> Result<StatusCode, ApiError> {
    caller.require_in(&app, workspace, Permission::ManageWorkspace).await?;
    match app.store().delete_webhook(workspace, webhook, &caller.origin(&app)).await? {
        true => Ok(StatusCode::NO_CONTENT),
        false => Err(ApiError::NotFound("webhook")),
    }
}

/// `GET /api/workspaces/{id}/webhooks/{webhook}/deliveries?limit=&cursor=`: newest first;
/// those that ended a month ago are forgotten.
#[utoipa::path(
    get,
    path = "/workspaces/{workspace_id}/webhooks/{webhook_id}/deliveries",
    operation_id = "listDeliveries",
    tag = "webhooks",
    params(WorkspacePath, Segment<WebhookId>, DeliveriesQuery),
    responses((status = 200, body = DeliveryPage)),
    security(("signIn" = []), ("apiKey" = ["manage"])),
    extensions(("x-role" = json!("owner"))),
)]
pub(crate) async fn deliveries(
    State(app): State<App>,
    WorkspacePath(workspace): WorkspacePath,
    Segment(webhook): Segment<WebhookId>,
    caller: Caller,
    Params(query): Params<DeliveriesQuery>,
) -> Result<Json<DeliveryPage>, ApiError> {
    caller.require_in(&app, workspace, Permission::ManageWorkspace).await?;
    let limit = query.limit.unwrap_or(PAGE_DEFAULT);
    if !(1..=PAGE_MAX).contains(&limit) {
        return Err(ApiError::invalid("limit", format!("is between 1 and {PAGE_MAX}")));
    }
    let before = query.cursor.map(|cursor| cursor.parse());
    let before =
        before.transpose().map_err(|_| ApiError::invalid("cursor", "is not one that a list has given"))?;
    find(&app, workspace, webhook).await?;
    // One more than asked for tells whether there is a next page.
    let mut deliveries = app.store().deliveries(workspace, webhook, before, limit + 1).await?;
    let more = deliveries.len() > limit as usize;
    deliveries.truncate(limit as usize);
    let next_cursor = deliveries.last().filter(|_| more).map(|last| last.id.to_string());
    Ok(Json(DeliveryPage { items: deliveries.into_iter().map(DeliveryView::from).collect(), next_cursor }))
}

/// `POST …/deliveries/{delivery}/redeliver`: the same event, as a new delivery; `202`.
#[utoipa::path(
    post,
    path = "/workspaces/{workspace_id}/webhooks/{webhook_id}/deliveries/{delivery_id}/redeliver",
    operation_id = "redeliver",
    tag = "webhooks",
    params(WorkspacePath, Segment<WebhookId>, Segment<DeliveryNumber>),
    responses((status = 202, body = DeliveryCreated)),
    security(("signIn" = []), ("apiKey" = ["manage"])),
    extensions(("x-role" = json!("owner"))),
)]
pub(crate) async fn redeliver(
    State(app): State<App>,
    WorkspacePath(workspace): WorkspacePath,
    Segment(webhook): Segment<WebhookId>,
    Segment(DeliveryNumber(delivery)): Segment<DeliveryNumber>,
    caller: Caller,
) -> Result<impl IntoResponse, ApiError> {
    caller.require_in(&app, workspace, Permission::ManageWorkspace).await?;
    let made = app.store().redeliver(workspace, webhook, delivery).await?;
    let delivery_id = made.ok_or(ApiError::NotFound("delivery"))?;
    Ok((StatusCode::ACCEPTED, Json(DeliveryCreated { delivery_id })))
}

/// `POST /api/workspaces/{id}/webhooks/{webhook}/ping`: sends an event that says nothing; `202`.
#[utoipa::path(
    post,
    path = "/workspaces/{workspace_id}/webhooks/{webhook_id}/ping",
    operation_id = "pingWebhook",
    tag = "webhooks",
    params(WorkspacePath, Segment<WebhookId>),
    responses((status = 202, body = DeliveryCreated)),
    security(("signIn" = []), ("apiKey" = ["manage"])),
    extensions(("x-role" = json!("owner"))),
)]
pub(crate) async fn ping(
    State(app): State<App>,
    WorkspacePath(workspace): WorkspacePath,
    Segment(webhook): Segment<WebhookId>,
    caller: Caller,
) -> Result<impl IntoResponse, ApiError> {
    caller.require_in(&app, workspace, Permission::ManageWorkspace).await?;
    let event = WebhookEvent::ping(workspace, &caller.origin(&app));
    let told = app.store().tell(workspace, webhook, &event).await?;
    let delivery_id = told.ok_or(ApiError::NotFound("webhook"))?;
    Ok((StatusCode::ACCEPTED, Json(DeliveryCreated { delivery_id })))
}

async fn find(app: &App, workspace: WorkspaceId, webhook: WebhookId) -> Result<WebhookRecord, ApiError> {
    let webhooks = app.store().webhooks(workspace).await?;
    webhooks.into_iter().find(|there| there.id == webhook).ok_or(ApiError::NotFound("webhook"))
}

/// From the operating system's seeded generator.
fn new_secret() -> Secret<[u8; 32]> {
    Secret::new(rand::random())
}

/// What its name leads to is looked at each time it is called.
fn check_url(app: &App, url: &str) -> Result<(), ApiError> {
    let checked = flow_egress::check_url(url, app.may_call_private());
    checked.map(drop).map_err(|error| ApiError::invalid("url", error.to_string()))
}

fn check_description(description: &str) -> Result<(), ApiError> {
    if description.chars().count() > DESCRIPTION_MAX {
        return Err(ApiError::invalid("description", format!("has more than {DESCRIPTION_MAX} characters")));
    }
    Ok(())
}

fn check_events(mut events: Vec<String>) -> Result<Vec<String>, ApiError> {
    events.sort();
    events.dedup();
    if events.is_empty() {
        return Err(ApiError::invalid("events", "is empty"));
    }
    if let Some(unknown) = events.iter().find(|event| !WEBHOOK_EVENTS.contains(&event.as_str())) {
        let unknown: String = unknown.chars().take(64).collect();
        return Err(ApiError::invalid("events", format!("{unknown:?} is none that can be told")));
    }
    Ok(events)
}
