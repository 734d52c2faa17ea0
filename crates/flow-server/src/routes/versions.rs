//! What a flow said, kept under numbers; and which of it runs.

use axum::Json;
use axum::extract::{FromRequestParts, State};
use axum::http::request::Parts;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum_extra::headers::IfMatch;
use bytes::Bytes;
use flow_auth::Permission;
use flow_base::{ActorId, FlowId, Role, Seq, Timestamp, UserId};
use flow_model::{Diagnostic, FlowJson, GraphDiff, Severity, content_hash};
use flow_room::{Change, EditDone, EditRequest};
use flow_store::{NewVersion, VersionCause, VersionRecord, decode_content, encode_content};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::flows::room_to_store;
use super::{PAGE_DEFAULT, PAGE_MAX, blocking, graph};
use crate::app::App;
use crate::body::{Body, MaybeBody, Params};
use crate::caller::{Caller, FlowPath};
use crate::error::ApiError;
use crate::openapi::{fields, model};
use crate::segment::{Segment, VersionNumber};

/// Characters of a version's name, and of its description.
pub(crate) const NAME_MAX: usize = 200;
pub(crate) const DESCRIPTION_MAX: usize = 5_000;

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Version)]
pub(crate) struct VersionView {
    version: u32,
    name: String,
    description: String,
    #[schema(schema_with = fields::version_cause)]
    cause: &'static str,
    /// A position of the history by which all of it was stored.
    #[schema(schema_with = fields::position)]
    seq: Seq,
    /// SHA-256 of what the version says, without its layout.
    content_hash: String,
    /// Who made it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Uuid)]
    author_id: Option<UserId>,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
}

impl From<VersionRecord> for VersionView {
    fn from(record: VersionRecord) -> Self {
        let VersionRecord { number, name, description, cause, seq, content_hash, author, created_at } =
            record;
        let (cause, author_id) = (cause.as_str(), author.user());
        Self { version: number, name, description, cause, seq, content_hash, author_id, created_at }
    }
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct VersionPage {
    items: Vec<VersionView>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String)]
    next_cursor: Option<String>,
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct VersionWithFlow {
    #[serde(flatten)]
    version: VersionView,
    /// In its JSON form.
    #[schema(value_type = model::FlowJson)]
    flow: FlowJson,
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct ListQuery {
    #[param(schema_with = fields::limit, required = false)]
    limit: Option<u32>,
    #[param(schema_with = fields::cursor, required = false)]
    cursor: Option<String>,
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct DiffQuery {
    /// A version's number, or `current`.
    #[param(schema_with = fields::against, required = false)]
    against: Option<String>,
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Diff)]
pub(crate) struct DiffView {
    /// In a line of English.
    summary: String,
    #[schema(value_type = model::GraphDiff)]
    diff: GraphDiff,
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct CreateVersion {
    #[schema(schema_with = fields::version_name)]
    name: String,
    #[serde(default)]
    #[schema(schema_with = fields::version_description, required = false)]
    description: String,
}

#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Activate {
    /// Of the version that becomes active.
    #[serde(default)]
    #[schema(schema_with = fields::version_name_or_empty, required = false)]
    name: String,
}

/// A flow and one of its versions in the path.
#[derive(Debug, Clone, Copy)]
pub(crate) struct VersionPath {
    flow: FlowId,
    number: u32,
}

impl FromRequestParts<App> for VersionPath {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, ApiError> {
        let FlowPath(flow) = FlowPath::from_request_parts(parts, app).await?;
        let Segment(VersionNumber(number)) = Segment::from_request_parts(parts, app).await?;
        Ok(Self { flow, number })
    }
}

/// `GET /api/flows/{id}/versions`: newest first.
#[utoipa::path(
    get,
    path = "/flows/{flow_id}/versions",
    operation_id = "listVersions",
    tag = "versions",
    params(FlowPath, ListQuery),
    responses((status = 200, body = VersionPage)),
    security(("signIn" = []), ("apiKey" = ["read"])),
    extensions(("x-role" = json!("viewer"))),
)]
pub(crate) async fn list(
    State(app): State<App>,
    FlowPath(flow): FlowPath,
    caller: Caller,
    Params(query): Params<ListQuery>,
) -> Result<Json<VersionPage>, ApiError> {
    caller.require(&app, flow, Permission::ReadFlow).await?;
    let limit = query.limit.unwrap_or(PAGE_DEFAULT);
    if !(1..=PAGE_MAX).contains(&limit) {
        return Err(ApiError::invalid("limit", format!("is between 1 and {PAGE_MAX}")));
    }
    let before = query.cursor.map(|cursor| cursor.parse());
    let before =
        before.transpose().map_err(|_| ApiError::invalid("cursor", "is not one that a list has given"))?;
    // One more than asked for tells whether there is a next page.
    let mut versions = app.store().versions(flow, before, limit + 1).await?;
    let more = versions.len() > limit as usize;
    versions.truncate(limit as usize);
    let next_cursor = versions.last().filter(|_| more).map(|last| last.number.to_string());
    Ok(Json(VersionPage { items: versions.into_iter().map(VersionView::from).collect(), next_cursor }))
}

/// `POST /api/flows/{id}/versions`: keeps what the flow says now, once all of it is
/// stored; `201`.
#[utoipa::path(
    post,
    path = "/flows/{flow_id}/versions",
    operation_id = "createVersion",
    tag = "versions",
    params(FlowPath),
    request_body = CreateVersion,
    responses((status = 201, body = VersionView, headers(("Location" = String, description = "Of what was made."))), (status = 409, description = "The workspace has as much as it may.")),
    security(("signIn" = []), ("apiKey" = ["edit"])),
    extensions(("x-role" = json!("editor"))),
)]
pub(crate) async fn create(
    State(app): State<App>,
    FlowPath(flow): FlowPath,
    caller: Caller,
    Body(body): Body<CreateVersion>,
) -> Result<impl IntoResponse, ApiError> {
    caller.require(&app, flow, Permission::EditFlow).await?;
    if body.name.trim().is_empty() {
        return Err(ApiError::invalid("name", "is empty"));
    }
    let now = stored_now(&app, flow, caller).await?;
    let version = keep(&app, flow, caller, now, body, VersionCause::Named).await?;
    let location = [(header::LOCATION, format!("/api/flows/{flow}/versions/{}", version.version))];
    Ok((StatusCode::CREATED, location, Json(version)))
}

/// `GET /api/flows/{id}/versions/{v}`: a version and what it says.
#[utoipa::path(
    get,
    path = "/flows/{flow_id}/versions/{version}",
    operation_id = "getVersion",
    tag = "versions",
    params(FlowPath, Segment<VersionNumber>),
    responses((status = 200, body = VersionWithFlow)),
    security(("signIn" = []), ("apiKey" = ["read"])),
    extensions(("x-role" = json!("viewer"))),
)]
pub(crate) async fn get(
    State(app): State<App>,
    path: VersionPath,
    caller: Caller,
) -> Result<Json<VersionWithFlow>, ApiError> {
    caller.require(&app, path.flow, Permission::ReadFlow).await?;
    let (version, flow, _) = read(&app, path).await?;
    Ok(Json(VersionWithFlow { version, flow }))
}

/// `GET /api/flows/{id}/versions/{v}/diff?against=`: what leads from the version to
/// another, or to the flow as it is now.
#[utoipa::path(
    get,
    path = "/flows/{flow_id}/versions/{version}/diff",
    operation_id = "diffVersion",
    tag = "versions",
    params(FlowPath, Segment<VersionNumber>, DiffQuery),
    responses((status = 200, body = DiffView)),
    security(("signIn" = []), ("apiKey" = ["read"])),
    extensions(("x-role" = json!("viewer"))),
)]
pub(crate) async fn diff(
    State(app): State<App>,
    path: VersionPath,
    caller: Caller,
    Params(query): Params<DiffQuery>,
) -> Result<Json<DiffView>, ApiError> {
    caller.require(&app, path.flow, Permission::ReadFlow).await?;
    let (_, before, _) = read(&app, path).await?;
    let after = match query.against.as_deref() {
        None | Some("current") => graph::read(&app, path.flow).await?,
        Some(number) => {
            let number =
                number.parse().map_err(|_| ApiError::invalid("against", "is a version or `current`"))?;
            read(&app, VersionPath { number, ..path }).await?.1.graph().clone()
        }
    };
    let view = blocking(move || {
        let diff = flow_model::diff(before.graph(), &after);
        DiffView { summary: flow_model::summary(&diff, &after), diff }
    });
    Ok(Json(view.await?))
}

/// `POST /api/flows/{id}/versions/{v}/restore`: makes the flow say again what it said,
/// name and tags included, as an edit that everybody may go on from, and undo by another
/// restore.
#[utoipa::path(
    post,
    path = "/flows/{flow_id}/versions/{version}/restore",
    operation_id = "restoreVersion",
    tag = "versions",
    params(FlowPath, Segment<VersionNumber>, graph::Condition<IfMatch>),
    responses(
        (status = 200, body = graph::ChangeView, headers(("ETag" = String, description = "Of what the flow says, and where it is drawn."))),
        (status = 412, description = "The flow is another by now."),
        (status = 413, description = "The flow would become too large."),
    ),
    security(("signIn" = []), ("apiKey" = ["edit"])),
    extensions(("x-role" = json!("editor"))),
)]
pub(crate) async fn restore(
    State(app): State<App>,
    path: VersionPath,
    caller: Caller,
    graph::Condition(wanted): graph::Condition<IfMatch>,
) -> Result<Response, ApiError> {
    caller.require(&app, path.flow, Permission::EditFlow).await?;
    let (_, flow, bytes) = read(&app, path).await?;
    graph::change(&app, path.flow, caller, Change::Whole(Box::new(flow)), bytes, wanted).await
}

/// `PATCH /api/flows/{id}/activate`: what the flow says now becomes a version, and that
/// runs from here on; where somebody has activated a later state at the same moment, that is
/// answered. Refused with the errors that validation finds.
#[utoipa::path(
    patch,
    path = "/flows/{flow_id}/activate",
    operation_id = "activateFlow",
    tag = "versions",
    params(FlowPath),
    request_body = Option<Activate>,
    responses((status = 200, body = VersionView), (status = 409, description = "The workspace has as much as it may.")),
    security(("signIn" = []), ("apiKey" = ["manage"])),
    extensions(("x-role" = json!("editor"))),
)]
pub(crate) async fn activate(
    State(app): State<App>,
    FlowPath(flow): FlowPath,
    caller: Caller,
    MaybeBody(body): MaybeBody<Activate>,
) -> Result<Json<VersionView>, ApiError> {
    caller.require(&app, flow, Permission::PublishFlow).await?;
    publish(&app, flow, caller, body.name).await.map(Json)
}

/// Makes what the flow says now a version that runs, if it has no errors.
pub(super) async fn publish(
    app: &App,
    flow: FlowId,
    caller: Caller,
    name: String,
) -> Result<VersionView, ApiError> {
    let now = stored_now(app, flow, caller).await?;
    let graph = now.graph.clone();
    let mut found = blocking(move || graph::findings(&graph)).await?;
    found.retain(|finding: &Diagnostic| finding.severity == Severity::Error);
    if !found.is_empty() {
        return Err(ApiError::HasErrors(found));
    }
    let version = CreateVersion { name, description: String::new() };
    keep(app, flow, caller, now, version, VersionCause::Activation).await
}

/// `PATCH /api/flows/{id}/deactivate`: nothing of the flow runs any more; `204`.
#[utoipa::path(
    patch,
    path = "/flows/{flow_id}/deactivate",
    operation_id = "deactivateFlow",
    tag = "versions",
    params(FlowPath),
    responses((status = 204)),
    security(("signIn" = []), ("apiKey" = ["manage"])),
    extensions(("x-role" = json!("editor"))),
)]
pub(crate) async fn deactivate(
    State(app): State<App>,
    FlowPath(flow): FlowPath,
    caller: Caller,
) -> Result<StatusCode, ApiError> {
    caller.require(&app, flow, Permission::PublishFlow).await?;
    app.store().deactivate(flow, &caller.origin(&app)).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// What the flow says now, once all of it is stored.
async fn stored_now(app: &App, flow: FlowId, caller: Caller) -> Result<EditDone, ApiError> {
    let nothing = EditRequest::edits(ActorId::User(caller.user), Vec::new());
    Ok(*app.room(flow).await?.edit(nothing).await?)
}

async fn keep(
    app: &App,
    flow: FlowId,
    caller: Caller,
    now: EditDone,
    body: CreateVersion,
    cause: VersionCause,
) -> Result<VersionView, ApiError> {
    let CreateVersion { name, description } = body;
    for (field, text, max) in [("name", &name, NAME_MAX), ("description", &description, DESCRIPTION_MAX)] {
        if text.chars().count() > max {
            return Err(ApiError::invalid(field, format!("has more than {max} characters")));
        }
    }
    let record = app.store().flow_as(flow, Role::Viewer).await?.ok_or(ApiError::NotFound("flow"))?;
    room_to_store(app, record.workspace).await?;
    let EditDone { graph, seq, .. } = now;
    let (content_hash, content) = blocking(move || {
        let content = FlowJson::from_graph(&graph).to_value();
        // A version must be readable for ever; a document may say what no form can hold.
        FlowJson::from_value(&content).map_err(|error| ApiError::invalid("flow", error))?;
        let content = encode_content(content.to_string().as_bytes());
        Ok::<_, ApiError>((content_hash(&graph), Bytes::from(content)))
    })
    .await??;
    let version = NewVersion {
        flow,
        name: name.trim().to_owned(),
        description,
        cause,
        seq,
        content_hash,
        content,
        author: ActorId::User(caller.user),
        created_at: app.now(),
    };
    Ok(app.store().create_version(&version, &caller.origin(app)).await?.into())
}

/// A version, what it says, and how many bytes of JSON that is.
/// What a version says.
pub(super) async fn content(app: &App, flow: FlowId, number: u32) -> Result<FlowJson, ApiError> {
    Ok(read(app, VersionPath { flow, number }).await?.1)
}

async fn read(app: &App, path: VersionPath) -> Result<(VersionView, FlowJson, usize), ApiError> {
    let version = app.store().version(path.flow, path.number).await?;
    let (record, content) = version.ok_or(ApiError::NotFound("version"))?;
    let flow = blocking(move || {
        let content = decode_content(&content).map_err(ApiError::internal)?;
        let value = serde_json::from_slice(&content).map_err(ApiError::internal)?;
        let flow = FlowJson::from_value(&value).map_err(ApiError::internal)?;
        Ok::<_, ApiError>((flow, content.len()))
    });
    let (flow, bytes) = flow.await??;
    Ok((record.into(), flow, bytes))
}
