pub(super) mod change;

use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use bytes::Bytes;
use flow_auth::Permission;
use flow_base::{FlowId, Role, Timestamp, WorkspaceId};
use flow_model::{FlowJson, NAME_CHARS_MAX, Words};
use flow_store::{
    Conflict, FlowAccess, FlowFilter, FlowOrder, FlowQuery, FlowRecord, NewFlow, Quota, SearchWords,
};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::words::{check_description, check_name};
use super::{PAGE_DEFAULT, PAGE_MAX, blocking, json, paging, reading};
use crate::app::App;
use crate::body::{Body, JsonBytes, MaybeBody, Params};
use crate::caller::{Caller, FlowPath};
use crate::error::ApiError;
use crate::measures;
use crate::openapi::{fields, model};

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
    /// What the flow is called in addresses.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(schema_with = fields::slug, required = false)]
    slug: Option<String>,
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
        let (active_version, slug) = (record.active_version, record.slug);
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
            slug: slug.map(|slug| slug.to_string()),
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
    /// Who has the role of an owner on the flow itself: a user's id, or `me`.
    #[param(schema_with = fields::owner, required = false)]
    owner: Option<String>,
    #[param(value_type = Uuid, required = false)]
    workspace: Option<WorkspaceId>,
    /// `updatedAt`, `createdAt` or `name`; a `-` before it turns the order round.
    #[param(schema_with = fields::flow_sort, required = false)]
    sort: Option<String>,
    /// Counts from 1; in place of a cursor, for as far as 10,000 flows.
    #[param(schema_with = fields::page, required = false)]
    page: Option<u32>,
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct CreateFlow {
    /// Where the flow is to be; the caller's personal workspace if it is left out.
    #[schema(value_type = Option<Uuid>)]
    workspace_id: Option<WorkspaceId>,
    #[schema(schema_with = fields::flow_name_or_null)]
    name: Option<String>,
    #[schema(schema_with = fields::flow_description_or_null)]
    description: Option<String>,
    /// The id of a sample to start from; see `GET /api/samples`.
    #[schema(schema_with = fields::sample_or_null)]
    sample: Option<String>,
    /// A flow in its JSON form to start from.
    #[schema(value_type = Option<model::FlowJson>)]
    flow: Option<serde_json::Value>,
}

#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Duplicate {
    #[schema(schema_with = fields::flow_name_or_null)]
    name: Option<String>,
    /// Where the copy is to be; the caller's personal workspace if it is left out.
    #[schema(value_type = Option<Uuid>)]
    workspace_id: Option<WorkspaceId>,
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Move {
    #[schema(value_type = Uuid)]
    workspace_id: WorkspaceId,
}

/// What a flow that is added does not get from its content.
#[derive(Debug, Default)]
pub(super) struct New<'a> {
    /// `None`: the caller's personal one.
    pub(super) workspace: Option<WorkspaceId>,
    pub(super) name: Option<&'a str>,
    pub(super) description: Option<String>,
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
    let order = query.sort.as_deref().map_or_else(|| Ok(FlowOrder::default()), paging::order)?;
    let start = paging::start(query.cursor.as_deref(), query.page, order, limit)?;
    let me = caller.user;
    let owner = |text: &str| if text == "me" { Some(me) } else { text.parse().ok() };
    let owner = query.owner.as_deref().map(|text| {
        owner(text).ok_or_else(|| ApiError::invalid("owner", "this is neither a user's id nor me"))
    });
    let filter = FlowFilter {
        search: query.search.as_deref().and_then(SearchWords::of),
        tag: query.tag,
        active: query.status.map(|status| status == Status::Active),
        owner: owner.transpose()?,
        workspace: query.workspace,
    };
    let page = app.store().flows(&FlowQuery { user: me, filter, order, start, limit }).await?;
    Ok(Json(Page {
        items: page.flows.into_iter().map(FlowView::from).collect(),
        next_cursor: page.next.map(|cursor| paging::encode(&cursor)),
    }))
}

/// `POST /api/flows`: creates a flow, empty, from a sample or from JSON; `201`.
#[utoipa::path(
    post,
    path = "/flows",
    operation_id = "createFlow",
    tag = "flows",
    request_body = CreateFlow,
    responses((status = 404, description = "There is no such workspace."), (status = 201, body = FlowView, headers(("Location" = String, description = "Of what was made."))), (status = 409, description = "The workspace has as much as it may.")),
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
        Ok((content(&body)?, body))
    });
    let (content, CreateFlow { name, description, workspace_id: workspace, .. }) = read.await?;
    let new = New { workspace, name: name.as_deref(), description };
    let flow = add(&app, caller, content, new).await?;
    let location = [(header::LOCATION, flow.location())];
    Ok((StatusCode::CREATED, location, Json(flow)))
}

/// Adds a flow of the caller's, under the content's own name and description unless
/// others are given.
pub(super) async fn add(
    app: &App,
    caller: Caller,
    content: FlowJson,
    new: New<'_>,
) -> Result<FlowView, ApiError> {
    let New { workspace, name, description } = new;
    let workspace = place(app, caller, workspace).await?;
    let name = name.map(check_name).transpose()?;
    // What a flow came with is cut rather than refused.
    let own = || content.name().trim().chars().take(NAME_CHARS_MAX).collect::<String>();
    let name = name.unwrap_or_else(own);
    let name = if name.is_empty() { UNNAMED.to_owned() } else { name };
    check_description(description.as_deref())?;
    let description = description.unwrap_or_else(|| content.description().to_owned());
    let content = content.renamed(&name, &description);
    // A copy says what its original does, which may be more than lists show.
    let Words { name, description, tags } = Words::of(&content.graph().meta);
    // Large flows take longer to write than an async thread may be held.
    let first = blocking(move || content.initial_update(Uuid::new_v4())).await?;
    let id = FlowId::generate();
    let flow = NewFlow {
        id,
        workspace,
        owner: caller.user,
        name,
        description,
        tags,
        created_at: app.now(),
        updates: vec![Bytes::from(first)],
    };
    app.store().create_flow(&flow, app.quotas(), &caller.origin(app)).await?;
    measures::flow_created();
    let record = app.store().flow(id, caller.user).await?.ok_or(ApiError::NotFound("flow"))?;
    Ok(record.into())
}

/// The flow as somebody with this access sees it.
async fn view(app: &App, flow: FlowId, access: FlowAccess) -> Result<FlowView, ApiError> {
    let record = app.store().flow_as(flow, access.role).await?;
    Ok(record.ok_or(ApiError::NotFound("flow"))?.into())
}

/// `POST /api/flows/{id}/duplicate`: a flow of the caller's own that says the same; `201`.
#[utoipa::path(
    post,
    path = "/flows/{flow_id}/duplicate",
    operation_id = "duplicateFlow",
    tag = "flows",
    params(FlowPath),
    request_body = Option<Duplicate>,
    responses((status = 201, body = FlowView, headers(("Location" = String, description = "Of what was made."))), (status = 409, description = "The workspace has as much as it may.")),
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
    let copy = || content.name().chars().take(NAME_CHARS_MAX - COPY_OF.len()).collect::<String>() + COPY_OF;
    let name = body.name.unwrap_or_else(copy);
    let new = New { workspace: body.workspace_id, name: Some(&name), description: None };
    let flow = add(&app, caller, content, new).await?;
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
    let access = caller.require(&app, flow, Permission::ReadFlow).await?;
    Ok(Json(view(&app, flow, access).await?))
}

/// `POST /api/flows/{id}/move`: puts the flow into another workspace, where the caller may
/// make flows; whoever had a role by the old one has it no more. Answers the flow.
#[utoipa::path(
    post,
    path = "/flows/{flow_id}/move",
    operation_id = "moveFlow",
    tag = "flows",
    params(FlowPath),
    request_body = Move,
    responses(
        (status = 200, body = FlowView),
        (status = 409, description = "The workspace has as much as it may."),
    ),
    security(("signIn" = []), ("apiKey" = ["manage", "edit"])),
    extensions(("x-role" = json!("owner"))),
)]
pub(crate) async fn change_workspace(
    State(app): State<App>,
    FlowPath(flow): FlowPath,
    caller: Caller,
    Body(body): Body<Move>,
) -> Result<Json<FlowView>, ApiError> {
    caller.require_member(&app, flow, Permission::ManageMembers).await?;
    let to = place(&app, caller, Some(body.workspace_id)).await?;
    app.store().move_flow(flow, to, app.quotas(), &caller.origin(&app)).await?;
    let record = app.store().flow(flow, caller.user).await?.ok_or(ApiError::NotFound("flow"))?;
    Ok(Json(record.into()))
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
    match app.store().delete_flow(flow, &caller.origin(&app)).await? {
        true => Ok(StatusCode::NO_CONTENT),
        false => Err(ApiError::NotFound("flow")),
    }
}

/// Where the caller may make a flow, with room for what it stores.
async fn place(app: &App, caller: Caller, workspace: Option<WorkspaceId>) -> Result<WorkspaceId, ApiError> {
    caller.allow(Permission::CreateFlow)?;
    let workspace = match workspace {
        Some(workspace) => caller.require_in(app, workspace, Permission::CreateFlow).await?.id,
        None => app.store().user(caller.user).await?.ok_or(ApiError::SignedOut)?.workspace,
    };
    room_to_store(app, workspace).await?;
    Ok(workspace)
}

/// Refuses what would store more in a workspace that stores as much as it may. Edits are
/// never refused for that: what somebody has typed is not lost to a quota.
pub(super) async fn room_to_store(app: &App, workspace: WorkspaceId) -> Result<(), ApiError> {
    let Some((usage, own)) = app.store().workspace_usage(workspace).await? else { return Ok(()) };
    let most = own.over(app.quotas()).storage_bytes;
    if most.is_some_and(|most| usage.storage_bytes >= most) {
        return Err(ApiError::Conflict(Conflict::QuotaReached(Quota::StorageBytes)));
    }
    Ok(())
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
            let flow = FlowJson::from_value(flow).and_then(|flow| flow.check_words().map(|()| flow));
            flow.map_err(|error| ApiError::invalid("flow", error))
        }
        (None, None) => Ok(FlowJson::empty(UNNAMED, "")),
    }
}
