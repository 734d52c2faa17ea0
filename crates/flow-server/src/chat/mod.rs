//! `GET /chat/{flow_id}`: talking to a flow over a WebSocket, one JSON object in each frame.
//!
//! A chat is a run with a person on the other side. Nothing is kept here: what is said is in
//! the run's journal, and a chat that broke off goes on from there. `docs/chat.md` has the
//! messages.

mod message;
mod progress;
mod session;

use std::net::IpAddr;

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use flow_auth::{LinkToken, Permission};
use flow_base::{Role, RunId};
use flow_protocol::CloseCode;
use serde::Deserialize;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use utoipa::IntoParams;

use crate::address::ClientAddress;
use crate::app::App;
use crate::body::Params;
use crate::caller::Caller;
use crate::error::ApiError;
use crate::flow_name::FlowName;
use crate::segment::Segment;
use crate::sync::handshake::Handshake;
use crate::sync::upgrade::{Refusal, origin_is_allowed, selected, token};
use crate::sync::{Registered, Socket};
use session::{Admitted, Session};

/// Of one frame from a client.
const FRAME_BYTES_MAX: usize = 128 << 10;
/// tungstenite's default of 128 KiB a socket would be most of an idle chat's cost.
const READ_BUFFER_BYTES: usize = 4 << 10;

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct ChatQuery {
    /// An access token, a key or a share link's token, for clients that can send no header.
    #[param(value_type = String, required = false)]
    token: Option<String>,
}

/// `GET /chat/{flow_id}`: talks to the flow over a WebSocket.
#[utoipa::path(
    get,
    path = "/chat/{flow_id}",
    operation_id = "chat",
    tag = "live",
    params(Segment<FlowName>, ChatQuery),
    responses(
        (status = 101, description = "One JSON object in each frame; what is refused for good is told by a close code."),
        (status = 400, description = "This is a WebSocket, and the request does not ask for one."),
        (status = 429, description = "One has too many connections."),
    ),
    security((), ("signIn" = []), ("apiKey" = ["run"])),
    extensions(("x-role" = json!("viewer")))
)]
pub(crate) async fn upgrade(
    State(app): State<App>,
    flow: Result<Segment<FlowName>, ApiError>,
    Params(query): Params<ChatQuery>,
    ClientAddress(address): ClientAddress,
    headers: HeaderMap,
    handshake: Handshake,
) -> Response {
    let config = WebSocketConfig::default()
        .max_message_size(Some(FRAME_BYTES_MAX))
        .max_frame_size(Some(FRAME_BYTES_MAX))
        .read_buffer_size(READ_BUFFER_BYTES);
    match admit(&app, flow, &query, &headers, address).await {
        Ok((session, selected)) => {
            handshake.complete_plain(config, selected, move |socket| session.run(socket))
        }
        Err(Refusal::Final(code)) => {
            // Without the subprotocol that it offers a browser does not hear the code.
            handshake.complete_plain(config, selected(&headers), move |mut socket| async move {
                session::close(&mut socket, code).await;
            })
        }
        Err(Refusal::Passing(error)) => error.into_response(),
    }
}

async fn admit(
    app: &App,
    flow: Result<Segment<FlowName>, ApiError>,
    query: &ChatQuery,
    headers: &HeaderMap,
    address: IpAddr,
) -> Result<(Session, Option<&'static str>), Refusal> {
    if app.stopping().is_cancelled() {
        return Err(ApiError::Unavailable(None).into());
    }
    let (token, selected) = token(query.token.as_deref(), headers);
    // A link is made to be put into pages of others; a sign-in is not.
    let is_link = token.is_some_and(LinkToken::is_meant_by);
    if !is_link && !origin_is_allowed(headers, app.allowed_origins()) {
        return Err(Refusal::Final(CloseCode::NotAllowed));
    }
    let caller = Caller::counted(app, token, address).await?;
    let Segment(flow) = flow?;
    let flow = flow.flow(app).await?;
    let access = caller.require(app, flow, Permission::TalkToFlow).await?;
    let reads = Permission::ReadFlow.is_given_to(access.role, caller.scopes);
    let record = app.store().flow_as(flow, Role::Viewer).await.map_err(ApiError::from)?;
    let name = record.ok_or(ApiError::NotFound("flow"))?.name;
    let connection = app.gate().connect(caller).await?;
    app.requests().count_open(caller.user).await?;
    // Whoever is told more has to stay able to read it.
    let needs = if reads { Permission::ReadFlow } else { Permission::TalkToFlow };
    let socket = Socket::outside(flow, caller, access.access_rev, needs);
    let registered = Registered::new(app, socket);
    let admitted = Admitted { caller, reads, connection, registered };
    Ok((Session::new(app.clone(), flow, name, admitted), selected))
}

/// What a chat goes on with: the run, and the server's word that it was told to whoever has
/// the token.
fn resume_token(app: &App, run: RunId) -> String {
    use std::fmt::Write as _;
    let hash = app.keys().keyed_hash("chat", run.as_uuid().as_bytes());
    hash.iter().fold(format!("{run}."), |mut token, byte| {
        write!(token, "{byte:02x}").expect("writing to a String cannot fail");
        token
    })
}

/// The run of such a token.
pub(crate) fn resumed(app: &App, token: &str) -> Option<RunId> {
    let run = token.split_once('.')?.0.parse().ok()?;
    let right = resume_token(app, run);
    // In the same time wherever they differ.
    let differs = right.bytes().zip(token.bytes()).fold(0, |differs, (a, b)| differs | (a ^ b));
    (differs == 0 && right.len() == token.len()).then_some(run)
}
