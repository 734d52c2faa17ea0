//! What was done in a workspace, by whom and from where.

use std::collections::HashMap;
use std::net::IpAddr;

use axum::Json;
use axum::body::Body as Stream;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use flow_auth::Permission;
use flow_base::{Timestamp, UserId, WorkspaceId};
use flow_store::{AuditEvent, AuditPage, AuditRecord, Personal, StoreError};
use futures_util::stream;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use utoipa::{IntoParams, ToSchema};

use super::{PAGE_DEFAULT, PAGE_MAX};
use crate::app::App;
use crate::body::Params;
use crate::caller::{Caller, WorkspacePath};
use crate::error::ApiError;
use crate::openapi::fields;

/// Of an export, events that are in memory at a time.
const EXPORT_PAGE: u32 = 500;

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct AuditQuery {
    /// The `nextBefore` of the page before.
    #[param(schema_with = fields::position, required = false)]
    before: Option<u64>,
    #[param(schema_with = fields::limit, required = false)]
    limit: Option<u32>,
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = AuditPage)]
pub(crate) struct AuditPageView {
    /// Newest first.
    items: Vec<EventView>,
    /// The `before` of the next page.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(schema_with = fields::position, required = false)]
    next_before: Option<u64>,
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = AuditEvent)]
pub(crate) struct EventView {
    /// 1, 2, … in the workspace.
    #[schema(schema_with = fields::position)]
    seq: u64,
    #[schema(value_type = String, format = DateTime)]
    at: Timestamp,
    /// Who did it; an operator of the installation if it is left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Uuid)]
    user_id: Option<UserId>,
    /// As long as the account exists.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String)]
    user_name: Option<String>,
    /// With what: `session:…`, `key:…`, `link:…`.
    #[serde(skip_serializing_if = "String::is_empty")]
    credential: String,
    /// From where, if that was known, as long as the account exists.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String)]
    address: Option<IpAddr>,
    /// What; its `type` says which fields it has.
    #[schema(value_type = Object)]
    event: Box<RawValue>,
    /// Hexadecimal; covers the event and the hash of the one before.
    hash: String,
}

/// `GET /api/workspaces/{id}/audit?before=&limit=`: a page of what was done; for owners.
#[utoipa::path(
    get,
    path = "/workspaces/{workspace_id}/audit",
    operation_id = "listAudit",
    tag = "workspaces",
    params(WorkspacePath, AuditQuery),
    responses((status = 200, body = AuditPageView)),
    security(("signIn" = []), ("apiKey" = ["manage"])),
    extensions(("x-role" = json!("owner"))),
)]
pub(crate) async fn list(
    State(app): State<App>,
    WorkspacePath(workspace): WorkspacePath,
    caller: Caller,
    Params(query): Params<AuditQuery>,
) -> Result<Json<AuditPageView>, ApiError> {
    caller.require_in(&app, workspace, Permission::ReadAudit).await?;
    let limit = query.limit.unwrap_or(PAGE_DEFAULT);
    if !(1..=PAGE_MAX).contains(&limit) {
        return Err(ApiError::invalid("limit", format!("is between 1 and {PAGE_MAX}")));
    }
    let page = AuditPage::Before(query.before.unwrap_or(u64::MAX));
    // One more than asked for tells whether there is a next page.
    let mut events = app.store().audit(workspace, page, limit + 1).await?;
    let more = events.len() > limit as usize;
    events.truncate(limit as usize);
    let next_before = events.last().filter(|_| more).map(|event| event.seq);
    let names = names(&app, &events).await?;
    let items = events.into_iter().map(|event| EventView::new(event, &names));
    Ok(Json(AuditPageView { items: items.collect::<Result<_, _>>()?, next_before }))
}

/// `GET /api/workspaces/{id}/audit/export`: everything, in order, a line of JSON for each
/// event with all that its hash covers; for owners. That it was taken is an event, too.
#[utoipa::path(
    get,
    path = "/workspaces/{workspace_id}/audit/export",
    operation_id = "exportAudit",
    tag = "workspaces",
    params(WorkspacePath),
    responses((status = 200, body = String, content_type = "application/x-ndjson")),
    security(("signIn" = []), ("apiKey" = ["manage"])),
    extensions(("x-role" = json!("owner"))),
)]
pub(crate) async fn export(
    State(app): State<App>,
    WorkspacePath(workspace): WorkspacePath,
    caller: Caller,
) -> Result<Response, ApiError> {
    caller.require_in(&app, workspace, Permission::ReadAudit).await?;
    app.store().record(workspace, &AuditEvent::AuditExported, &caller.origin(&app)).await?;
    // The export ends with the event that it has made: others go on meanwhile.
    let end = app.store().audit_head(workspace).await?.seq;
    let lines = stream::try_unfold(0, move |after| {
        let app = app.clone();
        async move { lines(&app, workspace, after, end).await }
    });
    let headers = [
        (header::CONTENT_TYPE, "application/x-ndjson"),
        (header::CONTENT_DISPOSITION, "attachment; filename=\"audit.ndjson\""),
        (header::CACHE_CONTROL, "no-store"),
    ];
    Ok((headers, Stream::from_stream(lines)).into_response())
}

/// The lines of the next events and where they end; `None` at the end.
async fn lines(
    app: &App,
    workspace: WorkspaceId,
    after: u64,
    end: u64,
) -> Result<Option<(Bytes, u64)>, StoreError> {
    if after >= end {
        return Ok(None);
    }
    let mut events = app.store().audit(workspace, AuditPage::After(after), EXPORT_PAGE).await?;
    events.retain(|event| event.seq <= end);
    let Some(last) = events.last().map(|event| event.seq) else { return Ok(None) };
    let lines: String = events.iter().map(line).collect();
    Ok(Some((lines.into(), last)))
}

/// Binary fields are hexadecimal.
pub(super) fn line(event: &AuditRecord) -> String {
    let personal = event.personal.as_ref();
    let line = serde_json::json!({
        "workspaceId": event.workspace,
        "seq": event.seq,
        "at": event.at,
        "userId": event.user,
        "credential": event.credential,
        "event": event.event,
        "personal": personal.map(|personal| &personal.text),
        "personalSalt": personal.map(|personal| hex(&personal.salt)),
        "personalHash": hex(&event.personal_hash),
        "hash": hex(&event.hash),
    });
    format!("{line}\n")
}

impl EventView {
    fn new(record: AuditRecord, names: &HashMap<UserId, String>) -> Result<Self, ApiError> {
        Ok(Self {
            seq: record.seq,
            at: record.at,
            user_id: record.user,
            user_name: record.user.and_then(|user| names.get(&user)).cloned(),
            credential: record.credential,
            address: record.personal.as_ref().and_then(Personal::address),
            event: RawValue::from_string(record.event).map_err(ApiError::internal)?,
            hash: hex(&record.hash),
        })
    }
}

/// Of those whose accounts exist.
async fn names(app: &App, events: &[AuditRecord]) -> Result<HashMap<UserId, String>, ApiError> {
    let mut names = HashMap::new();
    for user in events.iter().filter_map(|event| event.user) {
        if names.contains_key(&user) {
            continue;
        }
        if let Some(known) = app.store().user(user).await? {
            names.insert(user, known.name);
        }
    }
    Ok(names)
}

pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
