use axum::Json;
use axum::extract::{Query, State};
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use bytes::Bytes;
use flow_auth::Permission;
use flow_base::{ActorId, FlowId, Role, Timestamp, WorkspaceId};
use flow_model::{Diagnostic, Edit, FlowGraph, FlowJson};
use flow_store::{FlowQuery, FlowRecord, NewFlow, PageCursor};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::app::App;
use crate::caller::{Body, Caller, FlowPath};
use crate::error::ApiError;
use crate::measures;

const PAGE_DEFAULT: u32 = 50;
const PAGE_MAX: u32 = 200;
/// Characters of a flow's name.
const NAME_MAX: usize = 200;
const UNNAMED: &str = "Untitled flow";

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct FlowView {
    id: FlowId,
    workspace_id: WorkspaceId,
    name: String,
    description: String,
    tags: Vec<String>,
    /// What the caller is to the flow.
    role: Role,
    created_at: Timestamp,
    updated_at: Timestamp,
}

impl From<FlowRecord> for FlowView {
    fn from(record: FlowRecord) -> Self {
        let FlowRecord { id, workspace, name, description, tags, role, created_at, updated_at, .. } = record;
        Self { id, workspace_id: workspace, name, description, tags, role, created_at, updated_at }
    }
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Page {
    items: Vec<FlowView>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct ListQuery {
    limit: Option<u32>,
    cursor: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct CreateFlow {
    name: Option<String>,
    description: Option<String>,
    /// The id of a sample to start from; see `GET /api/samples`.
    sample: Option<String>,
    /// A flow in its JSON form to start from.
    flow: Option<serde_json::Value>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct PatchFlow {
    name: Option<String>,
    description: Option<String>,
    tags: Option<Vec<String>>,
}

/// `GET /api/flows`: the caller's flows, last changed first.
pub(crate) async fn list(
    State(app): State<App>,
    caller: Caller,
    Query(query): Query<ListQuery>,
) -> Result<Json<Page>, ApiError> {
    caller.allow(Permission::ReadFlow)?;
    let limit = query.limit.unwrap_or(PAGE_DEFAULT);
    if !(1..=PAGE_MAX).contains(&limit) {
        return Err(ApiError::invalid("limit", format!("is between 1 and {PAGE_MAX}")));
    }
    let after = query.cursor.as_deref().map(decode_cursor).transpose()?;
    let page = app.store().flows(FlowQuery { user: caller.user, after, limit }).await?;
    Ok(Json(Page {
        items: page.flows.into_iter().map(FlowView::from).collect(),
        next_cursor: page.next.map(encode_cursor),
    }))
}

/// `POST /api/flows`: creates a flow, empty, from a sample or from JSON; `201`.
pub(crate) async fn create(
    State(app): State<App>,
    caller: Caller,
    Body(body): Body<CreateFlow>,
) -> Result<impl IntoResponse, ApiError> {
    caller.allow(Permission::EditFlow)?;
    let user = app.store().user(caller.user).await?.ok_or(ApiError::SignedOut)?;
    let content = content(&body)?;
    let name = body.name.as_deref().map(check_name).transpose()?;
    let name = name.unwrap_or_else(|| content.name().to_owned());
    let description = body.description.unwrap_or_else(|| content.description().to_owned());
    let content = content.renamed(&name, &description);
    let tags = content.graph().meta.tags.clone();
    // Large flows take longer to write than an async thread may be held.
    let first = tokio::task::spawn_blocking(move || content.initial_update(Uuid::new_v4()));
    let first = first.await.map_err(ApiError::internal)?;
    let id = FlowId::generate();
    let flow = NewFlow {
        id,
        workspace: user.workspace,
        owner: caller.user,
        name,
        description,
        tags,
        created_at: app.now(),
        updates: vec![Bytes::from(first)],
    };
    app.store().create_flow(&flow).await?;
    measures::flow_created();
    let record = app.store().flow(id, caller.user).await?.ok_or(ApiError::NotFound("flow"))?;
    let location = [(header::LOCATION, format!("/api/flows/{id}"))];
    Ok((StatusCode::CREATED, location, Json(FlowView::from(record))))
}

/// `GET /api/flows/{id}`.
pub(crate) async fn get(
    State(app): State<App>,
    FlowPath(flow): FlowPath,
    caller: Caller,
) -> Result<Json<FlowView>, ApiError> {
    caller.require(&app, flow, Permission::ReadFlow).await?;
    let record = app.store().flow(flow, caller.user).await?.ok_or(ApiError::NotFound("flow"))?;
    Ok(Json(record.into()))
}

/// `PATCH /api/flows/{id}`: changes name, description and tags as an edit of the
/// document; answered after its commit, and live editors see it at once.
pub(crate) async fn rename(
    State(app): State<App>,
    FlowPath(flow): FlowPath,
    caller: Caller,
    Body(body): Body<PatchFlow>,
) -> Result<Json<FlowView>, ApiError> {
    caller.require(&app, flow, Permission::RenameFlow).await?;
    let name = body.name.as_deref().map(check_name).transpose()?;
    let edit = Edit::SetMeta { name, description: body.description, tags: body.tags };
    let room = app.room(flow).await?;
    room.edit(ActorId::User(caller.user), vec![edit]).await?;
    let graph = room.graph().await.ok().flatten().ok_or(ApiError::Unavailable(None))?;
    let record = app.store().flow(flow, caller.user).await?.ok_or(ApiError::NotFound("flow"))?;
    // The row in the list is written after the commit; the document is the truth.
    let mut view = FlowView::from(record);
    view.name.clone_from(&graph.meta.name);
    view.description.clone_from(&graph.meta.description);
    view.tags.clone_from(&graph.meta.tags);
    Ok(Json(view))
}

/// `DELETE /api/flows/{id}`: a soft delete; open sockets end; `204`.
pub(crate) async fn delete(
    State(app): State<App>,
    FlowPath(flow): FlowPath,
    caller: Caller,
) -> Result<StatusCode, ApiError> {
    caller.require(&app, flow, Permission::DeleteFlow).await?;
    match app.store().delete_flow(flow, app.now()).await? {
        true => Ok(StatusCode::NO_CONTENT),
        false => Err(ApiError::NotFound("flow")),
    }
}

/// `GET /api/flows/{id}/graph`: the flow as it is now, uncommitted edits included.
pub(crate) async fn graph(
    State(app): State<App>,
    FlowPath(flow): FlowPath,
    caller: Caller,
) -> Result<Json<FlowGraph>, ApiError> {
    caller.require(&app, flow, Permission::ReadFlow).await?;
    Ok(Json(read(&app, flow).await?))
}

/// `GET /api/flows/{id}/export`: the flow in its JSON form.
pub(crate) async fn export(
    State(app): State<App>,
    FlowPath(flow): FlowPath,
    caller: Caller,
) -> Result<Json<FlowJson>, ApiError> {
    caller.require(&app, flow, Permission::ReadFlow).await?;
    Ok(Json(FlowJson::from_graph(&read(&app, flow).await?)))
}

/// `GET /api/flows/{id}/diagnostics`: what validation finds now, errors first.
pub(crate) async fn diagnostics(
    State(app): State<App>,
    FlowPath(flow): FlowPath,
    caller: Caller,
) -> Result<Json<Vec<Diagnostic>>, ApiError> {
    caller.require(&app, flow, Permission::ReadFlow).await?;
    let graph = read(&app, flow).await?;
    // Looks at the whole flow: milliseconds for a large one.
    let found = tokio::task::spawn_blocking(move || flow_model::validate(&graph)).await;
    Ok(Json(found.map_err(ApiError::internal)?))
}

async fn read(app: &App, flow: FlowId) -> Result<FlowGraph, ApiError> {
    let room = app.room(flow).await?;
    room.graph().await.ok().flatten().ok_or(ApiError::Unavailable(None))
}

/// What the new flow starts with.
fn content(body: &CreateFlow) -> Result<FlowJson, ApiError> {
    match (&body.sample, &body.flow) {
        (Some(_), Some(_)) => Err(ApiError::invalid("sample", "cannot be given together with flow")),
        (Some(id), None) => {
            let sample = flow_model::samples().iter().find(|sample| sample.id == id);
            let sample = sample.ok_or_else(|| ApiError::invalid("sample", "there is no such sample"))?;
            FlowJson::parse(sample.json).map_err(ApiError::internal)
        }
        (None, Some(flow)) => {
            let content = FlowJson::from_value(flow).map_err(|error| ApiError::invalid("flow", error))?;
            let unnamed = content.name().trim().is_empty();
            let description = content.description().to_owned();
            Ok(if unnamed { content.renamed(UNNAMED, &description) } else { content })
        }
        (None, None) => Ok(FlowJson::empty(UNNAMED, "")),
    }
}

fn check_name(name: &str) -> Result<String, ApiError> {
    let name = name.trim();
    match name.chars().count() {
        0 => Err(ApiError::invalid("name", "is empty")),
        1..=NAME_MAX => Ok(name.to_owned()),
        _ => Err(ApiError::invalid("name", format!("has more than {NAME_MAX} characters"))),
    }
}

fn encode_cursor(cursor: PageCursor) -> String {
    let text = format!("{}.{}", cursor.updated_at.as_microsecond(), cursor.id);
    BASE64_URL_SAFE_NO_PAD.encode(text)
}

fn decode_cursor(text: &str) -> Result<PageCursor, ApiError> {
    let parse = || {
        let text = String::from_utf8(BASE64_URL_SAFE_NO_PAD.decode(text).ok()?).ok()?;
        let (at, id) = text.split_once('.')?;
        let updated_at = Timestamp::from_microsecond(at.parse().ok()?).ok()?;
        Some(PageCursor { updated_at, id: id.parse().ok()? })
    };
    parse().ok_or_else(|| ApiError::invalid("cursor", "is not one that a list has given"))
}
