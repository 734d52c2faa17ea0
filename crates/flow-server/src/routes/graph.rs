//! What a flow says, and changes of it by programs.

use std::time::Duration;

use axum::Json;
use axum::extract::{FromRequestParts, State};
use axum::http::request::Parts;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum_extra::headers::{ETag, Header, HeaderMapExt as _, IfMatch, IfNoneMatch};
use bytes::Bytes;
use flow_auth::Permission;
use flow_base::{ActorId, FlowId, Seq};
use flow_model::{Diagnostic, Edit, FlowGraph, FlowJson, canvas_hash};
use flow_room::{Change, EditDone, EditRequest};
use serde::{Deserialize, Serialize};
use tokio::time::timeout;
use utoipa::ToSchema;

use super::words::check_name;
use super::{blocking, json, reading};
use crate::app::App;
use crate::body::JsonBytes;
use crate::caller::{Caller, FlowPath};
use crate::error::ApiError;
use crate::openapi::{fields, model};

/// How long a change waits until what came before it is stored.
const WAIT_FOR_ROOM: Duration = Duration::from_secs(30);
/// Edits of one change. While a room makes them nobody else's work gets on; whoever has more
/// to say makes several changes, or puts the flow as a whole. More are refused.
const EDITS_MAX: usize = 10_000;

#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct PatchGraph {
    #[schema(value_type = Vec<model::Edit>, max_items = 10_000)]
    edits: Vec<Edit>,
}

/// A conditional header, if the request has it. (Read as optional, one that is missing
/// would be an empty list, which nothing matches.)
#[derive(Debug)]
pub(crate) struct Condition<H>(pub(crate) Option<H>);

impl<H: Header> FromRequestParts<App> for Condition<H> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &App) -> Result<Self, ApiError> {
        if !parts.headers.contains_key(H::name()) {
            return Ok(Self(None));
        }
        let header = parts.headers.typed_try_get();
        header
            .map(Self)
            .map_err(|_| ApiError::invalid("header", format!("{} is no list of ETags", H::name())))
    }
}

/// What a change came to.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Change)]
pub(crate) struct ChangeView {
    /// For each edit the id of the node, edge or item it added or drew.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    ids: Vec<Option<String>>,
    /// A position of the history by which it is stored.
    #[schema(schema_with = fields::position)]
    seq: Seq,
    /// Of the flow after the change; also in the header.
    etag: String,
}

/// `GET /api/flows/{id}/graph`: the flow as it is now, uncommitted edits included; `304`
/// when it still has the `ETag` of `If-None-Match`.
#[utoipa::path(
    get,
    path = "/flows/{flow_id}/graph",
    operation_id = "getGraph",
    tag = "content",
    params(FlowPath, Condition<IfNoneMatch>),
    responses(
        (status = 200, body = model::Graph, headers(("ETag" = String, description = "Of what the flow says, and where it is drawn."))),
        (status = 304, description = "It is one of those that are known.", headers(("ETag" = String, description = "Of what the flow says, and where it is drawn."))),
    ),
    security(("signIn" = []), ("apiKey" = ["read"])),
    extensions(("x-role" = json!("viewer"))),
)]
pub(crate) async fn get(
    State(app): State<App>,
    FlowPath(flow): FlowPath,
    caller: Caller,
    Condition(known): Condition<IfNoneMatch>,
) -> Result<Response, ApiError> {
    caller.require(&app, flow, Permission::ReadFlow).await?;
    let graph = read(&app, flow).await?;
    // Looks at the whole flow: milliseconds for a large one.
    blocking(move || {
        let etag = etag(&canvas_hash(&graph));
        let is_known = known.is_some_and(|known| !known.precondition_passes(&etag));
        let mut response = if is_known {
            StatusCode::NOT_MODIFIED.into_response()
        } else {
            let body = serde_json::to_vec(&graph).map_err(ApiError::internal)?;
            ([(header::CONTENT_TYPE, "application/json")], Bytes::from(body)).into_response()
        };
        response.headers_mut().typed_insert(etag);
        Ok(response)
    })
    .await?
}

/// `PATCH /api/flows/{id}/graph`: typed edits, all of them or none, answered after their
/// commit; live editors see them at once.
#[utoipa::path(
    patch,
    path = "/flows/{flow_id}/graph",
    operation_id = "editGraph",
    tag = "content",
    params(FlowPath, Condition<IfMatch>),
    request_body = PatchGraph,
    responses(
        (status = 200, body = ChangeView, headers(("ETag" = String, description = "Of what the flow says, and where it is drawn."))),
        (status = 412, description = "The flow is another by now."),
    ),
    security(("signIn" = []), ("apiKey" = ["edit"])),
    extensions(("x-role" = json!("editor"))),
)]
pub(crate) async fn patch(
    State(app): State<App>,
    FlowPath(flow): FlowPath,
    caller: Caller,
    Condition(wanted): Condition<IfMatch>,
    JsonBytes(body): JsonBytes,
) -> Result<Response, ApiError> {
    caller.require(&app, flow, Permission::EditFlow).await?;
    let bytes = body.len();
    let PatchGraph { edits } = reading(body, patch_of).await?;
    change(&app, flow, caller, Change::Edits(edits), bytes, wanted).await
}

fn patch_of(body: &[u8]) -> Result<PatchGraph, ApiError> {
    let patch: PatchGraph = json(body)?;
    if patch.edits.len() > EDITS_MAX {
        return Err(ApiError::invalid("edits", format!("has more than {EDITS_MAX} edits")));
    }
    Ok(patch)
}

/// `PUT /api/flows/{id}`: makes the flow say what the body says, as one edit that writes
/// only what differs.
#[utoipa::path(
    put,
    path = "/flows/{flow_id}",
    operation_id = "putFlow",
    tag = "content",
    params(FlowPath, Condition<IfMatch>),
    request_body = model::PutFlow,
    responses(
        (status = 200, body = ChangeView, headers(("ETag" = String, description = "Of what the flow says, and where it is drawn."))),
        (status = 412, description = "The flow is another by now."),
    ),
    security(("signIn" = []), ("apiKey" = ["edit"])),
    extensions(("x-role" = json!("editor"))),
)]
pub(crate) async fn put(
    State(app): State<App>,
    FlowPath(flow): FlowPath,
    caller: Caller,
    Condition(wanted): Condition<IfMatch>,
    JsonBytes(body): JsonBytes,
) -> Result<Response, ApiError> {
    caller.require(&app, flow, Permission::EditFlow).await?;
    let bytes = body.len();
    let content = reading(body, |body| {
        let content = FlowJson::from_value(&json(body)?);
        let content = content.and_then(|content| content.check_words().map(|()| content));
        content.map_err(|error| ApiError::invalid(error.path, error.message))
    });
    let content = content.await?;
    check_name(content.name())?;
    change(&app, flow, caller, Change::Whole(Box::new(content)), bytes, wanted).await
}

/// `GET /api/flows/{id}/export`: the flow in its JSON form.
#[utoipa::path(
    get,
    path = "/flows/{flow_id}/export",
    operation_id = "exportFlow",
    tag = "content",
    params(FlowPath),
    responses((status = 200, body = model::FlowJson)),
    security(("signIn" = []), ("apiKey" = ["read"])),
    extensions(("x-role" = json!("viewer"))),
)]
pub(crate) async fn export(
    State(app): State<App>,
    FlowPath(flow): FlowPath,
    caller: Caller,
) -> Result<Json<FlowJson>, ApiError> {
    caller.require(&app, flow, Permission::ReadFlow).await?;
    Ok(Json(FlowJson::from_graph(&read(&app, flow).await?)))
}

/// `GET /api/flows/{id}/diagnostics`: what validation finds now, errors first.
#[utoipa::path(
    get,
    path = "/flows/{flow_id}/diagnostics",
    operation_id = "validateFlow",
    tag = "content",
    params(FlowPath),
    responses((status = 200, body = [model::Diagnostic])),
    security(("signIn" = []), ("apiKey" = ["read"])),
    extensions(("x-role" = json!("viewer"))),
)]
pub(crate) async fn diagnostics(
    State(app): State<App>,
    FlowPath(flow): FlowPath,
    caller: Caller,
) -> Result<Json<Vec<Diagnostic>>, ApiError> {
    caller.require(&app, flow, Permission::ReadFlow).await?;
    let graph = read(&app, flow).await?;
    Ok(Json(blocking(move || findings(&graph)).await?))
}

/// Everything that is wrong with a flow, its templates and expressions included. Looks at the
/// whole flow.
pub(super) fn findings(graph: &FlowGraph) -> Vec<Diagnostic> {
    let mut findings = flow_model::validate(graph);
    findings.extend(flow_executor::plan::check(graph));
    findings.sort();
    findings
}

pub(super) async fn read(app: &App, flow: FlowId) -> Result<FlowGraph, ApiError> {
    let room = app.room(flow).await?;
    room.graph().await.ok().flatten().ok_or(ApiError::Unavailable(None))
}

/// Makes a change of so many bytes, if the flow is what the caller has seen, and answers it.
pub(super) async fn change(
    app: &App,
    flow: FlowId,
    caller: Caller,
    change: Change,
    bytes: usize,
    wanted: Option<IfMatch>,
) -> Result<Response, ApiError> {
    let expected = match wanted {
        Some(wanted) if !wanted.is_any() => Some(expected(app, flow, &wanted).await?),
        _ => None,
    };
    let EditDone { ids, graph, seq } =
        make(app, flow, caller, Permission::EditFlow, change, bytes, expected).await?;
    let hash = blocking(move || canvas_hash(&graph)).await?;
    let etag = etag(&hash);
    let mut response = Json(ChangeView { ids, seq, etag: quoted(&hash) }).into_response();
    response.headers_mut().typed_insert(etag);
    Ok(response)
}

/// Makes a change of so many bytes, of the flow that has the hash if one is expected. While
/// too much waits to be stored it waits, too, as edits over a socket do.
pub(super) async fn make(
    app: &App,
    flow: FlowId,
    caller: Caller,
    permission: Permission,
    change: Change,
    bytes: usize,
    expected: Option<String>,
) -> Result<EditDone, ApiError> {
    let room = app.room(flow).await?;
    let permit = timeout(WAIT_FOR_ROOM, room.reserve(bytes)).await;
    let permit = permit.map_err(|_| ApiError::Unavailable(None))?;
    // Reading the body and waiting took time, in which the role may have been taken away.
    caller.require(app, flow, permission).await?;
    let request = EditRequest { actor: ActorId::User(caller.user), change, expected, bytes, permit };
    Ok(*room.edit(request).await?)
}

/// The present hash, if it is one of those wanted. The room compares once more, when it
/// makes the change.
async fn expected(app: &App, flow: FlowId, wanted: &IfMatch) -> Result<String, ApiError> {
    let graph = read(app, flow).await?;
    let hash = blocking(move || canvas_hash(&graph)).await?;
    if wanted.precondition_passes(&etag(&hash)) { Ok(hash) } else { Err(ApiError::Changed) }
}

fn etag(hash: &str) -> ETag {
    quoted(hash).parse().expect("a hash in hex in quotes is a strong ETag")
}

fn quoted(hash: &str) -> String {
    format!("\"{hash}\"")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_has_a_bounded_number_of_edits() {
        let body = |count: usize| {
            let edits = vec![serde_json::json!({ "op": "removeNode", "id": "a" }); count];
            serde_json::json!({ "edits": edits }).to_string()
        };
        let taken = patch_of(body(EDITS_MAX).as_bytes()).expect("so many are taken");
        assert_eq!(taken.edits.len(), EDITS_MAX);
        let refused = patch_of(body(EDITS_MAX + 1).as_bytes()).expect_err("one more is not");
        assert!(matches!(&refused, ApiError::Invalid { field, .. } if field == "edits"), "{refused:?}");
    }
}
