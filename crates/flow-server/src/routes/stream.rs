use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use flow_auth::Permission;
use serde::Deserialize;
use utoipa::IntoParams;

use crate::address::ClientAddress;
use crate::app::App;
use crate::body::Params;
use crate::caller::{Caller, FlowPath, bearer};
use crate::error::ApiError;
use crate::stream;
use crate::sync::{Registered, Socket};

#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
pub(crate) struct StreamQuery {
    /// A browser's `EventSource` can send no header of its own.
    token: Option<String>,
    /// As the header: what an `EventSource` made anew cannot send either.
    last_event_id: Option<String>,
}

/// `GET /api/flows/{id}/stream`: server-sent events. First `reset`, the flow as it is, unless
/// `Last-Event-ID` says from where to go on and all that has happened since is still kept.
#[utoipa::path(
    get,
    path = "/flows/{flow_id}/stream",
    operation_id = "streamFlow",
    tag = "flows",
    params(FlowPath, StreamQuery),
    responses((status = 200, body = String, content_type = "text/event-stream"), (status = 429, description = "There are too many connections.")),
    security(("signIn" = []), ("apiKey" = ["read"])),
    extensions(("x-role" = json!("viewer"))),
)]
pub(crate) async fn get(
    State(app): State<App>,
    FlowPath(flow): FlowPath,
    ClientAddress(address): ClientAddress,
    headers: HeaderMap,
    Params(query): Params<StreamQuery>,
) -> Result<Response, ApiError> {
    let token = query.token.as_deref().or_else(|| bearer(&headers));
    let caller = Caller::counted(&app, token, address).await?;
    let access = caller.require(&app, flow, Permission::ReadFlow).await?;
    if app.stopping().is_cancelled() {
        return Err(ApiError::Unavailable(None));
    }
    let admission = app.gate().admit(flow, caller).await?;
    // What does not open is refused, not told of as a stream.
    app.room(flow).await?;
    app.requests().count_open(caller.user).await?;
    let socket = Socket::outside(flow, caller, access.access_rev, Permission::ReadFlow);
    let listener = app.feeds().listen(&app, flow);
    let registered = Registered::new(&app, socket);
    let known = headers.get("last-event-id").and_then(|id| id.to_str().ok());
    let known = known.or(query.last_event_id.as_deref());
    let events = stream::events(registered, admission, listener, known);
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream")),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
        // nginx would gather events until they fill a buffer.
        (HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no")),
    ];
    Ok((headers, Body::from_stream(events)).into_response())
}
