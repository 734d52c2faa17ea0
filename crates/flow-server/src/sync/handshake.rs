use axum::extract::FromRequestParts;
use axum::http::request;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use hyper_util::server::conn::auto::upgrade::{Parts, downcast};
use tokio::net::TcpStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};

use super::intake::IntakeBudget;
use super::transport::Transport;
use crate::error::ApiError;

/// A WebSocket of ours. axum's own hides the bytes below it and takes only whole
/// messages: neither can be seen whether a slow peer makes progress, nor can a
/// large message be written in pieces.
pub(crate) type Socket = WebSocketStream<Transport>;

/// One that is written to as it is read, by one task.
pub(crate) type Plain = WebSocketStream<TcpStream>;

/// A request to become a WebSocket: RFC 6455, section 4.2.1.
#[derive(Debug)]
pub(crate) struct Handshake {
    key: HeaderValue,
    upgrade: OnUpgrade,
}

impl<S: Sync> FromRequestParts<S> for Handshake {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut request::Parts, _: &S) -> Result<Self, ApiError> {
        let headers = &parts.headers;
        let asks =
            says(headers, &header::CONNECTION, "upgrade") && says(headers, &header::UPGRADE, "websocket");
        if !asks || !says(headers, &header::SEC_WEBSOCKET_VERSION, "13") {
            return Err(ApiError::NoWebSocket);
        }
        let key = headers.get(header::SEC_WEBSOCKET_KEY).cloned().ok_or(ApiError::NoWebSocket)?;
        let upgrade = parts.extensions.remove::<OnUpgrade>().ok_or(ApiError::NoWebSocket)?;
        Ok(Self { key, upgrade })
    }
}

/// Whether a header is, or lists, this word.
fn says(headers: &HeaderMap, name: &HeaderName, word: &str) -> bool {
    let values = headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).any(|listed| listed.trim().eq_ignore_ascii_case(word))
}

impl Handshake {
    /// The response that makes it one; `serve` then runs as a task of its own. When
    /// the client goes before that, `serve` is dropped with all it holds.
    pub(crate) fn complete<F, Ended>(
        self,
        config: WebSocketConfig,
        budget: IntakeBudget,
        subprotocol: Option<&'static str>,
        serve: F,
    ) -> Response
    where
        F: FnOnce(Box<Socket>) -> Ended + Send + 'static,
        Ended: Future<Output = ()> + Send,
    {
        tokio::spawn(async move {
            if let Some(socket) = upgraded(self.upgrade, config, budget).await {
                serve(socket).await;
            }
        });
        switching(&self.key, subprotocol)
    }

    /// As [`Handshake::complete`], for a socket that few write to and little is sent on.
    pub(crate) fn complete_plain<F, Ended>(
        self,
        config: WebSocketConfig,
        subprotocol: Option<&'static str>,
        serve: F,
    ) -> Response
    where
        F: FnOnce(Box<Plain>) -> Ended + Send + 'static,
        Ended: Future<Output = ()> + Send,
    {
        tokio::spawn(async move {
            let Some((stream, read)) = raw(self.upgrade).await else { return };
            let socket = Plain::from_partially_read(stream, read, Role::Server, Some(config)).await;
            serve(Box::new(socket)).await;
        });
        switching(&self.key, subprotocol)
    }
}

fn switching(key: &HeaderValue, subprotocol: Option<&'static str>) -> Response {
    let accepted = derive_accept_key(key.as_bytes());
    let headers = [
        (header::CONNECTION, "upgrade"),
        (header::UPGRADE, "websocket"),
        (header::SEC_WEBSOCKET_ACCEPT, accepted.as_str()),
    ];
    let mut response = (StatusCode::SWITCHING_PROTOCOLS, headers).into_response();
    if let Some(subprotocol) = subprotocol {
        let selected = HeaderValue::from_static(subprotocol);
        response.headers_mut().insert(header::SEC_WEBSOCKET_PROTOCOL, selected);
    }
    response
}

/// Boxed, because it is handed on from future to future, and each would keep room for it
/// as long as it runs.
async fn upgraded(upgrade: OnUpgrade, config: WebSocketConfig, budget: IntakeBudget) -> Option<Box<Socket>> {
    let (stream, read) = raw(upgrade).await?;
    let transport = Transport::new(stream, &budget);
    Some(Box::new(Socket::from_partially_read(transport, read, Role::Server, Some(config)).await))
}

/// The connection below, and what was read of it already.
async fn raw(upgrade: OnUpgrade) -> Option<(TcpStream, Vec<u8>)> {
    let upgraded = match upgrade.await {
        Ok(upgraded) => upgraded,
        Err(error) => {
            tracing::debug!(%error, "an upgrade was not completed");
            return None;
        }
    };
    // The socket itself: through hyper's wrapping it could not be written to by
    // whoever has something for it.
    let Ok(Parts { io, read_buf, .. }) = downcast::<TokioIo<TcpStream>>(upgraded) else {
        tracing::error!("the server listens on something else than TCP");
        return None;
    };
    // A copy: it is almost always empty, and the memory around it, of a whole request,
    // would be this socket's buffer as long as it lives.
    Some((io.into_inner(), read_buf.to_vec()))
}
