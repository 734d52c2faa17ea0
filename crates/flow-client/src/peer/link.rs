//! One WebSocket connection: frames in, frames out, and why it ended.

use std::time::Duration;

use bytes::Bytes;
use flow_base::FlowId;
use flow_protocol::CloseCode;
use flow_protocol::frame::{self, Message};
use futures_util::{SinkExt, StreamExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message as Frame;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async_with_config};

use super::Token;
use crate::Api;

const CONNECT_WITHIN: Duration = Duration::from_secs(10);
/// The server says something every 15 s.
const SILENT_FOR: Duration = Duration::from_secs(45);
/// The server sends a whole document in one frame.
const FRAME_BYTES_MAX: usize = 64 << 20;

#[derive(Debug)]
pub(super) struct Link {
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
}

/// Why there is no connection (any more).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cut {
    /// Trying again makes sense.
    Passing,
    /// The server said something final.
    Final(CloseCode),
}

impl Link {
    pub(super) async fn connect(
        api: &Api,
        flow: FlowId,
        token: &Token,
        lineage: Option<String>,
    ) -> Result<Self, Cut> {
        let mut url = api.sync_url(flow);
        url.query_pairs_mut()
            .append_pair("token", token.expose())
            .extend_pairs(lineage.map(|id| ("lineage", id)));
        let config = WebSocketConfig::default()
            .max_message_size(Some(FRAME_BYTES_MAX))
            .max_frame_size(Some(FRAME_BYTES_MAX));
        let connecting = connect_async_with_config(url.as_str(), Some(config), true);
        match timeout(CONNECT_WITHIN, connecting).await {
            Ok(Ok((socket, _))) => Ok(Self { socket }),
            Ok(Err(error)) => {
                tracing::debug!(%flow, %error, "could not connect");
                Err(Cut::Passing)
            }
            Err(_) => Err(Cut::Passing),
        }
    }

    /// The next messages. Cancel safe.
    pub(super) async fn receive(&mut self) -> Result<Vec<Message>, Cut> {
        loop {
            match timeout(SILENT_FOR, self.socket.next()).await {
                Ok(Some(Ok(Frame::Binary(bytes)))) => {
                    // A frame this client cannot read is one of a newer server.
                    return Ok(frame::messages(bytes).map_while(Result::ok).collect());
                }
                Ok(Some(Ok(Frame::Close(close)))) => {
                    let code = close.and_then(|close| CloseCode::from_code(close.code.into()));
                    return Err(match code.filter(|code| code.is_final()) {
                        Some(code) => Cut::Final(code),
                        None => Cut::Passing,
                    });
                }
                Ok(Some(Ok(_))) => {}
                Ok(Some(Err(_)) | None) | Err(_) => return Err(Cut::Passing),
            }
        }
    }

    pub(super) async fn send(&mut self, frames: impl IntoIterator<Item = Bytes>) -> Result<(), Cut> {
        for frame in frames {
            self.socket.feed(Frame::Binary(frame)).await.map_err(|_| Cut::Passing)?;
        }
        self.socket.flush().await.map_err(|_| Cut::Passing)
    }
}
