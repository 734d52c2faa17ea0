//! What somebody sends to a run: files that a question asks for.
//!
//! The body of a request is the file itself, and its name is in the query: `fetch` and
//! `XMLHttpRequest` send a `File` as it is, with progress, `curl --data-binary @photo.png` does,
//! and nothing has to be taken apart. What is said of its type is not believed; see `content`.

mod answer;
mod content;
mod intake;
mod name;

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use flow_auth::Permission;
use flow_base::{Role, RunFileId, RunId, Timestamp};
use flow_executor::machine::Ask;
use flow_executor::runner::RunFailed;
use flow_store::{RunFile, RunFileKept, RunSummary};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use utoipa::{IntoParams, ToSchema};

use super::{RunAccess, find_movable, find_readable};
use crate::app::App;
use crate::body::Params;
use crate::caller::Caller;
use crate::chat;
use crate::error::ApiError;
use crate::routes::audit::hex;
use crate::routes::blocking;
use crate::routes::flows::room_to_store;
use crate::segment::Segment;
use crate::sync::upgrade::origin_is_allowed;

pub(crate) use answer::resolved;

/// The word of a chat by which it goes on, from whoever it was given to: their address, by which
/// guests are told apart, may be another by now.
pub(crate) const RESUME_TOKEN: &str = "x-resume-token";

/// Whatever it is, a browser shows nothing of it and runs nothing in it.
const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; sandbox; frame-ancestors 'none'";

/// What somebody has sent to a run.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = RunFile)]
pub(crate) struct RunFileView {
    #[schema(value_type = Uuid)]
    id: RunFileId,
    name: String,
    /// Its media type, judged by its content.
    #[serde(rename = "type")]
    media_type: String,
    bytes: u64,
    /// Of the content, in hex.
    sha256: String,
    /// Where it is, on this server.
    url: String,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
}

// The document takes no other than a literal.
const _: () = assert!(name::NAME_CHARS_MAX == 255);

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct SendFileQuery {
    /// What it is called. A path is cut down to its last part.
    #[param(min_length = 1, max_length = 255)]
    name: String,
}

/// `POST /api/runs/{id}/files`: sends a file to a run that asks for one; the body is the file.
/// Answer with its id to have it looked at. The same file, sent again for the same question, is
/// the one that is there.
#[utoipa::path(
    post,
    path = "/runs/{run_id}/files",
    operation_id = "sendRunFile",
    tag = "runs",
    params(
        Segment<RunId>,
        SendFileQuery,
        ("X-Resume-Token" = Option<String>, Header, description = "Of the chat, from a guest whose address is another by now."),
    ),
    request_body(content = String, content_type = "application/octet-stream", description = "The file."),
    responses(
        (status = 201, body = RunFileView),
        (status = 408, description = "The file did not come in time."),
        (status = 409, description = "The run does not ask for a file, has as many as it may, or its workspace stores as much as it may."),
        (status = 413, description = "The file is larger than any may be."),
    ),
    security(("signIn" = []), ("apiKey" = ["run"])),
    extensions(("x-role" = json!("viewer"))),
)]
pub(crate) async fn send_file(
    State(app): State<App>,
    Segment(run): Segment<RunId>,
    caller: Caller,
    Params(query): Params<SendFileQuery>,
    headers: HeaderMap,
    body: Body,
) -> Result<impl IntoResponse, ApiError> {
    let admitted = match admit(&app, caller, run, &query, &headers).await {
        Ok(admitted) => admitted,
        Err(refused) => {
            intake::discard(body).await;
            return Err(refused);
        }
    };
    let Admitted { name, asks, turn } = admitted;
    let most = app.limits().file_bytes;
    let content = intake::receive(body, &headers, most).await?;
    let (file, content) = blocking(move || judged(run, name, &asks, content)).await?;
    let file = RunFile { created_at: app.now(), ..file };
    let kept = app.store().put_run_file(&file, &content, app.limits().run_files).await?;
    drop(turn);
    match kept {
        RunFileKept::Kept(file) => Ok((StatusCode::CREATED, Json(RunFileView::from(file)))),
        RunFileKept::Full => Err(ApiError::TooManyFiles),
        // It has ended meanwhile.
        RunFileKept::NoRun => Err(not_asked(&app, run).await),
    }
}

/// What is known before anything of the file is read.
struct Admitted {
    name: String,
    asks: Ask,
    turn: intake::Turn,
}

async fn admit(
    app: &App,
    caller: Caller,
    run: RunId,
    query: &SendFileQuery,
    headers: &HeaderMap,
) -> Result<Admitted, ApiError> {
    check_origin(app, caller, headers)?;
    let (summary, _) = find_to_send(app, caller, run, headers).await?;
    let name = name::read(&query.name)?;
    let view = app.runs().view(run).await?;
    let Some(asks) = view.asks.clone().filter(|asks| asks.kind == "file") else {
        return Err(RunFailed::NotWaited(Box::new(view)).into());
    };
    let flow = app.store().flow_as(summary.flow, Role::Viewer).await?.ok_or(ApiError::NotFound("run"))?;
    room_to_store(app, flow.workspace).await?;
    let turn = intake::Turn::take(caller.user).ok_or(ApiError::Busy)?;
    Ok(Admitted { name, asks, turn })
}

/// A link is made to be put into pages of others; a sign-in is not.
fn check_origin(app: &App, caller: Caller, headers: &HeaderMap) -> Result<(), ApiError> {
    let is_allowed = caller.is_guest() || origin_is_allowed(headers, app.allowed_origins());
    if is_allowed { Ok(()) } else { Err(ApiError::Forbidden) }
}

/// As [`find_movable`], also for who has the chat's token.
async fn find_to_send(
    app: &App,
    caller: Caller,
    run: RunId,
    headers: &HeaderMap,
) -> Result<(RunSummary, RunAccess), ApiError> {
    if !goes_on(app, run, headers) {
        return find_movable(app, caller, run).await;
    }
    let record = app.store().run(run).await?.ok_or(ApiError::NotFound("run"))?;
    let access = match caller.require(app, record.summary.flow, Permission::TalkToFlow).await {
        Err(ApiError::NotFound(_)) => return Err(ApiError::NotFound("run")),
        access => access?,
    };
    let reads = Permission::ReadFlow.is_given_to(access.role, caller.scopes);
    Ok((record.summary, RunAccess { reads, acts: true, rev: access.access_rev }))
}

fn goes_on(app: &App, run: RunId, headers: &HeaderMap) -> bool {
    let token = headers.get(RESUME_TOKEN).and_then(|token| token.to_str().ok());
    token.and_then(|token| chat::resumed(app, token)) == Some(run)
}

/// Where the run is instead of asking for a file.
async fn not_asked(app: &App, run: RunId) -> ApiError {
    match app.runs().view(run).await {
        Ok(view) => RunFailed::NotWaited(Box::new(view)).into(),
        Err(failed) => failed.into(),
    }
}

/// Looks at all of it, which takes a moment.
fn judged(run: RunId, name: String, asks: &Ask, content: Bytes) -> (RunFile, Bytes) {
    let file = RunFile {
        id: RunFileId::generate(),
        run,
        visit: asks.visit,
        attempt: asks.attempt,
        media_type: content::media_type(&content, &name).into_owned(),
        name,
        bytes: content.len() as u64,
        sha256: Sha256::digest(&content).into(),
        created_at: Timestamp::UNIX_EPOCH,
    };
    (file, content)
}

/// `GET /api/runs/{id}/files/{file}`: what was sent to the run, as it was sent; to be saved, and
/// not to be shown.
#[utoipa::path(
    get,
    path = "/runs/{run_id}/files/{file_id}",
    operation_id = "getRunFile",
    tag = "runs",
    params(Segment<RunId>, Segment<RunFileId>),
    responses((status = 200, content_type = "*/*", body = String)),
    security(("signIn" = []), ("apiKey" = ["read"])),
    extensions(("x-role" = json!("viewer"))),
)]
pub(crate) async fn get_file(
    State(app): State<App>,
    Segment(run): Segment<RunId>,
    Segment(id): Segment<RunFileId>,
    caller: Caller,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    check_origin(&app, caller, &headers)?;
    find_readable(&app, caller, run).await?;
    let (file, content) = app.store().run_file(run, id).await?.ok_or(ApiError::NotFound("file"))?;
    let kind = HeaderValue::try_from(&file.media_type).map_err(ApiError::internal)?;
    let headers = [
        (header::CONTENT_TYPE, kind),
        (header::CONTENT_DISPOSITION, name::disposition(&file.name)),
        (header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(CONTENT_SECURITY_POLICY)),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
        (
            header::HeaderName::from_static("cross-origin-resource-policy"),
            HeaderValue::from_static("same-origin"),
        ),
    ];
    Ok((headers, content).into_response())
}

/// All that was sent to a run.
pub(crate) async fn files_of(app: &App, run: RunId) -> Result<Vec<RunFileView>, ApiError> {
    Ok(app.store().run_files(run).await?.into_iter().map(RunFileView::from).collect())
}

/// Where a file is, on this server.
pub(crate) fn path(file: &RunFile) -> String {
    format!("/api/runs/{}/files/{}", file.run, file.id)
}

impl From<RunFile> for RunFileView {
    fn from(file: RunFile) -> Self {
        Self {
            id: file.id,
            url: path(&file),
            name: file.name,
            media_type: file.media_type,
            bytes: file.bytes,
            sha256: hex(&file.sha256),
            created_at: file.created_at,
        }
    }
}
