use std::net::IpAddr;

use axum::extract::State;
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use flow_auth::{Permission, display_name};
use flow_base::{ConnId, FlowId};
use flow_protocol::CloseCode;
use flow_room::{PeerInfo, RoomHandle};
use serde::Deserialize;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tracing::Instrument;
use utoipa::IntoParams;
use uuid::Uuid;

use super::connection::{Connection, finish};
use super::gate::Admission;
use super::handshake::{Handshake, Socket as WebSocket};
use super::sockets::Socket;
use super::write::refuse;
use crate::address::ClientAddress;
use crate::app::App;
use crate::body::Params;
use crate::caller::{Caller, bearer};
use crate::error::ApiError;
use crate::measures;
use crate::segment::Segment;

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct SyncQuery {
    /// An access token or a key, for clients that can send no header.
    #[param(value_type = String, required = false)]
    token: Option<String>,
    /// The flow's, as the client knows it; another one is refused with 4409.
    #[param(value_type = String, required = false)]
    lineage: Option<String>,
    /// How a guest wants to be called.
    #[param(value_type = String, required = false)]
    guest: Option<String>,
}

/// Selected when the client offers a token as a subprotocol, so that the token
/// is not echoed.
const SUBPROTOCOL: &str = "interflow";
const TOKEN_SUBPROTOCOL: &str = "interflow.token.";
const GUEST: &str = "Guest";
/// tungstenite's default of 128 KiB a socket would be most of an idle socket's cost.
const READ_BUFFER_BYTES: usize = 4 << 10;

/// `GET /sync/{flow_id}`: joins the flow's room over a WebSocket.
///
/// A browser cannot see why an upgrade failed, so what is final is told by a
/// close code right after it; what passes (429, 503) stays an HTTP answer.
#[utoipa::path(
    get,
    path = "/sync/{flow_id}",
    operation_id = "joinFlow",
    tag = "live",
    params(Segment<FlowId>, SyncQuery),
    responses(
        (status = 101, description = "The dialect of y-websocket; what is refused for good is told by a close code."),
        (status = 400, description = "This is a WebSocket, and the request does not ask for one."),
        (status = 429, description = "Too many people are here, or one has too many connections."),
    ),
    security((), ("signIn" = []), ("apiKey" = ["read"])),
    extensions(("x-role" = json!("viewer")))
)]
pub(crate) async fn upgrade(
    State(app): State<App>,
    flow: Result<Segment<FlowId>, ApiError>,
    Params(query): Params<SyncQuery>,
    ClientAddress(address): ClientAddress,
    headers: HeaderMap,
    handshake: Handshake,
) -> Response {
    let received_bytes = app.limits().received_message_bytes();
    let config = WebSocketConfig::default()
        .max_message_size(Some(received_bytes))
        .max_frame_size(Some(received_bytes))
        .read_buffer_size(READ_BUFFER_BYTES);
    let selected = selected(&headers);
    let budget = app.gate().intake();
    match admit(&app, flow, &query, &headers, address).await {
        Ok(admitted) => {
            handshake.complete(config, budget, selected, move |socket| run(app, admitted, socket))
        }
        Err(Refusal::Final(code)) => {
            measures::closed(code);
            handshake.complete(config, budget, selected, move |socket| close(socket, code))
        }
        Err(Refusal::Passing(error)) => error.into_response(),
    }
}

struct Admitted {
    room: RoomHandle,
    admission: Admission,
    caller: Caller,
    peer: PeerInfo,
    access_rev: u64,
}

pub(crate) enum Refusal {
    Final(CloseCode),
    Passing(ApiError),
}

impl From<ApiError> for Refusal {
    fn from(error: ApiError) -> Self {
        match error {
            ApiError::SignedOut => Self::Final(CloseCode::SignedOut),
            ApiError::Forbidden => Self::Final(CloseCode::NotAllowed),
            ApiError::NotFound(_) => Self::Final(CloseCode::NoSuchFlow),
            other => Self::Passing(other),
        }
    }
}

async fn admit(
    app: &App,
    flow: Result<Segment<FlowId>, ApiError>,
    query: &SyncQuery,
    headers: &HeaderMap,
    address: IpAddr,
) -> Result<Box<Admitted>, Refusal> {
    if app.stopping().is_cancelled() {
        // Over a connection from before the server stopped listening.
        return Err(ApiError::Unavailable(None).into());
    }
    if !origin_is_allowed(headers, app.allowed_origins()) {
        return Err(Refusal::Final(CloseCode::NotAllowed));
    }
    let (token, _) = token(query.token.as_deref(), headers);
    let caller = Caller::counted(app, token, address).await?;
    let Segment(flow) = flow?;
    let access = caller.require(app, flow, Permission::ReadFlow).await?;
    let name = name(app, caller, query.guest.as_deref()).await?;
    let admission = app.gate().admit(flow, caller).await?;
    let room = app.room(flow).await.map_err(ApiError::from)?;
    if let Some(lineage) = &query.lineage
        && lineage.parse::<Uuid>().ok() != room.lineage()
    {
        return Err(Refusal::Final(CloseCode::ForeignLineage));
    }
    app.requests().count_open(caller.user).await?;
    let may_edit = Permission::EditFlow.is_given_to(access.role, caller.scopes);
    let peer = PeerInfo { user: caller.user, name, role: access.role, may_edit };
    Ok(Box::new(Admitted { room, admission, caller, peer, access_rev: access.access_rev }))
}

/// As the others see who comes. A guest's own word for it is marked as such, or anybody
/// could come under anybody's name.
async fn name(app: &App, caller: Caller, guest: Option<&str>) -> Result<String, ApiError> {
    if caller.is_guest() {
        let called = guest.and_then(|name| display_name(name).ok());
        return Ok(called.map_or_else(|| GUEST.to_owned(), |name| format!("{name} (guest)")));
    }
    let user = app.store().user(caller.user).await?;
    Ok(user.ok_or(ApiError::SignedOut)?.name)
}

/// What is awaited here makes up the memory of an idle socket: what only begins or ends
/// one has futures of its own, which go before or come after.
async fn run(app: App, admitted: Box<Admitted>, socket: Box<WebSocket>) {
    let Some(connection) = join(app, admitted).await else {
        return Box::pin(close(socket, CloseCode::Restarting)).await;
    };
    let span = connection.span();
    connection.run(socket).instrument(span).await;
    connection.app.sockets().remove(connection.conn);
    drop(connection.admission);
    // A room that has ended has let go of its peers by itself.
    drop(Box::pin(connection.room.leave(connection.conn)).await);
}

/// `None` when the room has ended meanwhile.
async fn join(app: App, admitted: Box<Admitted>) -> Option<Connection> {
    let Admitted { room, admission, caller, peer, access_rev } = *admitted;
    let conn = ConnId::next();
    let outbox = room.join(conn, peer).await.ok()?;
    let entry = Socket {
        flow: room.flow(),
        caller,
        access_rev,
        needs: Permission::ReadFlow,
        room: Some(room.clone()),
        outbox: outbox.clone(),
        ended: false,
    };
    measures::opened();
    app.sockets().insert(conn, entry);
    Some(Connection { conn, user: caller.user, app, room, outbox, admission })
}

/// Says why, and gives the client time to read it.
async fn close(mut socket: Box<WebSocket>, code: CloseCode) {
    refuse(&socket, code).await;
    finish(&mut socket).await;
}

/// Programs send no `Origin`. Browsers do, and may come from our own page or from
/// where the operator allows.
pub(crate) fn origin_is_allowed(headers: &HeaderMap, allowed: &[String]) -> bool {
    let Some(origin) = headers.get(header::ORIGIN) else { return true };
    let Ok(origin) = origin.to_str() else { return false };
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
    let own = origin.split_once("://").is_some_and(|(_, from)| Some(from) == host);
    own || allowed.iter().any(|allowed| allowed == origin)
}

/// The token, wherever it is, and the subprotocol that is selected, so that it is not echoed.
pub(crate) fn token<'h>(
    query: Option<&'h str>,
    headers: &'h HeaderMap,
) -> (Option<&'h str>, Option<&'static str>) {
    let token = query.or_else(|| bearer(headers)).or_else(|| subprotocol_token(headers));
    (token, selected(headers))
}

pub(crate) fn selected(headers: &HeaderMap) -> Option<&'static str> {
    offered(headers).any(|protocol| protocol == SUBPROTOCOL).then_some(SUBPROTOCOL)
}

fn subprotocol_token(headers: &HeaderMap) -> Option<&str> {
    offered(headers).find_map(|protocol| protocol.strip_prefix(TOKEN_SUBPROTOCOL))
}

fn offered(headers: &HeaderMap) -> impl Iterator<Item = &str> {
    let values = headers.get_all(header::SEC_WEBSOCKET_PROTOCOL).iter();
    values.filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(',')).map(str::trim)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(header::HeaderName, &str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (name.clone(), value.parse().unwrap())).collect()
    }

    /// Thousands of sockets are open on which nothing happens. A future has room for all
    /// that is ever awaited in it: box what is seldom awaited.
    #[test]
    fn a_socket_at_rest_takes_little_memory() {
        fn size<Ran>(_: fn(App, Box<Admitted>, Box<WebSocket>) -> Ran) -> usize {
            size_of::<Ran>()
        }
        let bytes = size(run);
        assert!(bytes <= 1_536, "{bytes} bytes");
    }

    #[test]
    fn browsers_connect_from_our_page_or_an_allowed_one() {
        let allowed = ["https://app.example".to_owned()];
        let from = |origin| headers(&[(header::HOST, "flows.example:8080"), (header::ORIGIN, origin)]);
        assert!(origin_is_allowed(&headers(&[]), &allowed));
        assert!(origin_is_allowed(&from("http://flows.example:8080"), &allowed));
        assert!(origin_is_allowed(&from("https://app.example"), &allowed));
        assert!(!origin_is_allowed(&from("http://evil.example"), &allowed));
        assert!(!origin_is_allowed(&from("null"), &allowed));
    }

    #[test]
    fn a_token_may_come_as_a_subprotocol() {
        let offered = headers(&[(header::SEC_WEBSOCKET_PROTOCOL, "interflow, interflow.token.a.b.c")]);
        assert_eq!(subprotocol_token(&offered), Some("a.b.c"));
        assert_eq!(subprotocol_token(&headers(&[])), None);
    }
}
