use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use bytes::Bytes;
use flow_auth::Permission;
use flow_base::{FlowId, Role, Timestamp, WorkspaceId};
use flow_model::{Edit, FlowJson};
use flow_room::Change;
use flow_store::{FlowFilter, FlowQuery, FlowRecord, NewFlow, PageCursor, SearchWords};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::graph::make;
use super::{PAGE_DEFAULT, PAGE_MAX, blocking, json, reading};
use crate::app::App;
use crate::caller::{Body, Caller, FlowPath, JsonBytes, MaybeBody, Params};
use crate::error::ApiError;
use crate::measures;
use crate::openapi::{fields, model};

/// Characters of a flow's name.
pub(crate) const NAME_MAX: usize = 200;
const UNNAMED: &str = "Untitled flow";
const COPY_OF: &str = " (copy)";

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Flow)]
pub(crate) struct FlowView {
    #[schema(value_type = Uuid)]
    id: FlowId,
    #[schema(value_type = Uuid)]
    workspace_id: WorkspaceId,
    name: String,
    description: String,
    tags: Vec<String>,
    /// What the caller is to the flow.
    #[schema(schema_with = fields::role)]
    role: Role,
    status: Status,
    /// The version that runs.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = u32)]
    active_version: Option<u32>,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    #[schema(value_type = String, format = DateTime)]
    updated_at: Timestamp,
}

/// Whether the flow runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = FlowStatus)]
pub(crate) enum Status {
    Draft,
    Active,
}

impl FlowView {
    pub(super) fn location(&self) -> String {
        format!("/api/flows/{}", self.id)
    }
}

impl From<FlowRecord> for FlowView {
    fn from(record: FlowRecord) -> Self {
        let FlowRecord { id, workspace, name, description, tags, role, created_at, updated_at, .. } = record;
        let active_version = record.active_version;
        let status = if active_version.is_some() { Status::Active } else { Status::Draft };
        Self {
            id,
            workspace_id: workspace,
            name,
            description,
            tags,
            role,
            status,
            active_version,
            created_at,
            updated_at,
        }
    }
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = FlowPage)]
pub(crate) struct Page {
    items: Vec<FlowView>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String)]
    next_cursor: Option<String>,
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct ListQuery {
    #[param(schema_with = fields::limit)]
    limit: Option<u32>,
    #[param(schema_with = fields::cursor, required = false)]
    cursor: Option<String>,
    /// Beginnings of words of name, description and tags.
    #[param(value_type = String, required = false)]
    search: Option<String>,
    #[param(value_type = String, required = false)]
    tag: Option<String>,
    #[param(value_type = Status, required = false)]
    status: Option<Status>,
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct CreateFlow {
    #[schema(schema_with = fields::flow_name_or_null)]
    name: Option<String>,
    description: Option<String>,
    /// The id of a sample to start from; see `GET /api/samples`.
    #[schema(schema_with = fields::sample_or_null)]
    sample: Option<String>,
    /// A flow in its JSON form to start from.
    #[schema(value_type = Option<model::FlowJson>)]
    flow: Option<serde_json::Value>,
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct PatchFlow {
    #[schema(schema_with = fields::flow_name_or_null)]
    name: Option<String>,
    description: Option<String>,
    #[schema(schema_with = fields::tags_or_null)]
    tags: Option<Vec<String>>,
}

#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Duplicate {
    #[schema(schema_with = fields::flow_name_or_null)]
    name: Option<String>,
}

/// `GET /api/flows`: the caller's flows, last changed first; those that are searched for.
#[utoipa::path(
    get,
    path = "/flows",
    operation_id = "listFlows",
    tag = "flows",
    params(ListQuery),
    responses((status = 200, body = Page)),
    security(("signIn" = []), ("apiKey" = ["read"])),
)]
pub(crate) async fn list(
    State(app): State<App>,
    caller: Caller,
    Params(query): Params<ListQuery>,
) -> Result<Json<Page>, ApiError> {
    caller.allow(Permission::ReadFlow)?;
    let limit = query.limit.unwrap_or(PAGE_DEFAULT);
    if !(1..=PAGE_MAX).contains(&limit) {
        return Err(ApiError::invalid("limit", format!("is between 1 and {PAGE_MAX}")));
    }
    let after = query.cursor.as_deref().map(decode_cursor).transpose()?;
    let filter = FlowFilter {
        search: query.search.as_deref().and_then(SearchWords::of),
        tag: query.tag,
        active: query.status.map(|status| status == Status::Active),
    };
    let page = app.store().flows(&FlowQuery { user: caller.user, filter, after, limit }).await?;
    Ok(Json(Page {
        items: page.flows.into_iter().map(FlowView::from).collect(),
        next_cursor: page.next.map(encode_cursor),
    }))
}

/// `POST /api/flows`: creates a flow, empty, from a sample or from JSON; `201`.
#[utoipa::path(
    post,
    path = "/flows",
    operation_id = "createFlow",
    tag = "flows",
    request_body = CreateFlow,
    responses((status = 201, body = FlowView, headers(("Location" = String, description = "Of what was made.")))),
    security(("signIn" = []), ("apiKey" = ["edit"])),
)]
pub(crate) async fn create(
    State(app): State<App>,
    caller: Caller,
    JsonBytes(body): JsonBytes,
) -> Result<impl IntoResponse, ApiError> {
    caller.allow(Permission::EditFlow)?;
    let read = reading(body, |body| {
        let body: CreateFlow = json(body)?;
        Ok((content(&body)?, body.name, body.description))
    });
    let (content, name, description) = read.await?;
    let flow = add(&app, caller, content, name.as_deref(), description).await?;
    let location = [(header::LOCATION, flow.location())];
    Ok((StatusCode::CREATED, location, Json(flow)))
}

/// Adds a flow of the caller's, under the content's own name and description unless
/// others are given.
pub(super) async fn add(
    app: &App,
    caller: Caller,
    content: FlowJson,
    name: Option<&str>,
    description: Option<String>,
) -> Result<FlowView, ApiError> {
    caller.allow(Permission::EditFlow)?;
    let user = app.store().user(caller.user).await?.ok_or(ApiError::SignedOut)?;
    let name = name.map(check_name).transpose()?;
    // What a flow came with is cut rather than refused.
    let own = || content.name().trim().chars().take(NAME_MAX).collect::<String>();
    let name = name.unwrap_or_else(own);
    let name = if name.is_empty() { UNNAMED.to_owned() } else { name };
    let description = description.unwrap_or_else(|| content.description().to_owned());
    let content = content.renamed(&name, &description);
    let tags = content.graph().meta.tags.clone();
    // Large flows take longer to write than an async thread may be held.
    let first = blocking(move || content.initial_update(Uuid::new_v4())).await?;
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
    Ok(record.into())
}

/// `POST /api/flows/{id}/duplicate`: a flow of the caller's own that says the same; `201`.
#[utoipa::path(
    post,
    path = "/flows/{flow_id}/duplicate",
    operation_id = "duplicateFlow",
    tag = "flows",
    params(FlowPath),
    request_body = Option<Duplicate>,
    responses((status = 201, body = FlowView, headers(("Location" = String, description = "Of what was made.")))),
    security(("signIn" = []), ("apiKey" = ["read", "edit"])),
    extensions(("x-role" = json!("viewer"))),
)]
pub(crate) async fn duplicate(
    State(app): State<App>,
    FlowPath(flow): FlowPath,
    caller: Caller,
    MaybeBody(body): MaybeBody<Duplicate>,
) -> Result<impl IntoResponse, ApiError> {
    caller.require(&app, flow, Permission::ReadFlow).await?;
    let content = FlowJson::from_graph(&super::graph::read(&app, flow).await?);
    let copy = || content.name().chars().take(NAME_MAX - COPY_OF.len()).collect::<String>() + COPY_OF;
    let name = body.name.unwrap_or_else(copy);
    let flow = add(&app, caller, content, Some(&name), None).await?;
    let location = [(header::LOCATION, flow.location())];
    Ok((StatusCode::CREATED, location, Json(flow)))
}

/// `GET /api/flows/{id}`: what the list says of a flow.
#[utoipa::path(
    get,
    path = "/flows/{flow_id}",
    operation_id = "getFlow",
    tag = "flows",
    params(FlowPath),
    responses((status = 200, body = FlowView)),
    security(("signIn" = []), ("apiKey" = ["read"])),
    extensions(("x-role" = json!("viewer"))),
)]
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
#[utoipa::path(
    patch,
    path = "/flows/{flow_id}",
    operation_id = "changeFlow",
    tag = "flows",
    params(FlowPath),
    request_body = PatchFlow,
    responses((status = 200, body = FlowView)),
    security(("signIn" = []), ("apiKey" = ["edit"])),
    extensions(("x-role" = json!("editor"))),
)]
pub(crate) async fn rename(
    State(app): State<App>,
    FlowPath(flow): FlowPath,
    caller: Caller,
    Body(body): Body<PatchFlow>,
) -> Result<Json<FlowView>, ApiError> {
    caller.require(&app, flow, Permission::RenameFlow).await?;
    let name = body.name.as_deref().map(check_name).transpose()?;
    let words = body.tags.iter().flatten().chain(&body.description).chain(&name);
    let bytes = words.map(String::len).sum();
    let edit = Edit::SetMeta { name, description: body.description, tags: body.tags };
    let change = Change::Edits(vec![edit]);
    let graph = make(&app, flow, caller, Permission::RenameFlow, change, bytes, None).await?.graph;
    let record = app.store().flow(flow, caller.user).await?.ok_or(ApiError::NotFound("flow"))?;
    // The row in the list is written after the commit; the document is the truth.
    let mut view = FlowView::from(record);
    view.name.clone_from(&graph.meta.name);
    view.description.clone_from(&graph.meta.description);
    view.tags.clone_from(&graph.meta.tags);
    Ok(Json(view))
}

/// `DELETE /api/flows/{id}`: a soft delete; open sockets end; `204`.
#[utoipa::path(
    delete,
    path = "/flows/{flow_id}",
    operation_id = "deleteFlow",
    tag = "flows",
    params(FlowPath),
    responses((status = 204)),
    security(("signIn" = []), ("apiKey" = ["manage"])),
    extensions(("x-role" = json!("owner"))),
)]
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

/// What the new flow starts with.
fn content(body: &CreateFlow) -> Result<FlowJson, ApiError> {
    match (&body.sample, &body.flow) {
        (Some(_), Some(_)) => Err(ApiError::invalid("sample", "cannot be given together with flow")),
        (Some(id), None) => {
            let sample = flow_model::samples().iter().find(|sample| sample.id == id);
            let sample = sample.ok_or_else(|| ApiError::invalid("sample", "there is no such sample"))?;
            FlowJson::parse(sample.json).map_err(ApiError::internal)
        }
        (None, Some(flow)) => FlowJson::from_value(flow).map_err(|error| ApiError::invalid("flow", error)),
        (None, None) => Ok(FlowJson::empty(UNNAMED, "")),
    }
}

pub(super) fn check_name(name: &str) -> Result<String, ApiError> {
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
