//! A socket without a client behind it: frames as bytes.

use std::time::Duration;

use bytes::Bytes;
use flow_base::FlowId;
use flow_client::Api;
use flow_protocol::frame::{self, Message};
use futures_util::{SinkExt, StreamExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::{Error, Message as Frame};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

pub(crate) struct Raw {
    pub(crate) socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
}

impl Raw {
    pub(crate) async fn join(api: &Api, flow: FlowId) -> Self {
        Self::join_with(api, flow, "").await
    }

    pub(crate) async fn join_with(api: &Api, flow: FlowId, query: &str) -> Self {
        let url = format!("{}?token={}{query}", api.sync_url(flow), api.token().unwrap().expose());
        Self { socket: connect_async(url).await.unwrap().0 }
    }

    /// A connection that is answered with an error: the status, and the seconds
    /// after which to try again.
    pub(crate) async fn refused(api: &Api, flow: FlowId) -> (u16, u64) {
        let url = format!("{}?token={}", api.sync_url(flow), api.token().unwrap().expose());
        match connect_async(url).await {
            Err(Error::Http(answer)) => {
                let after = answer.headers()["retry-after"].to_str().unwrap().parse().unwrap();
                (answer.status().as_u16(), after)
            }
            other => panic!("not refused: {other:?}"),
        }
    }

    pub(crate) async fn send(&mut self, frame: impl Into<Bytes>) {
        self.socket.send(Frame::Binary(frame.into())).await.unwrap();
    }

    /// The next message; the code, if the server closed.
    pub(crate) async fn next(&mut self) -> Result<Message, u16> {
        loop {
            let frame =
                timeout(Duration::from_secs(20), self.socket.next()).await.expect("the server is silent");
            match frame {
                Some(Ok(Frame::Binary(bytes))) => {
                    let mut messages: Vec<_> = frame::messages(bytes).map(Result::unwrap).collect();
                    assert_eq!(messages.len(), 1, "one message a frame: {messages:?}");
                    return Ok(messages.remove(0));
                }
                Some(Ok(Frame::Close(close))) => return Err(close.map_or(1005, |close| close.code.into())),
                Some(Ok(_)) => {}
                Some(Err(error)) => panic!("the connection broke instead of being closed: {error}"),
                None => return Err(1006),
            }
        }
    }

    pub(crate) async fn until<T>(&mut self, mut found: impl FnMut(Message) -> Option<T>) -> T {
        loop {
            if let Some(found) = found(self.next().await.unwrap()) {
                return found;
            }
        }
    }

    pub(crate) async fn closed(&mut self) -> u16 {
        loop {
            if let Err(code) = self.next().await {
                return code;
            }
        }
    }

    /// Step 1 with nothing, answered.
    pub(crate) async fn sync(&mut self) -> Bytes {
        self.send(frame::step_1(&[0])).await;
        self.until(|message| match message {
            Message::Step2 { update } => Some(update),
            _ => None,
        })
        .await
    }
}

pub(crate) fn is_barrier(token: &'static [u8]) -> impl FnMut(Message) -> Option<()> {
    move |message| matches!(message, Message::Barrier { token: echoed } if echoed == token).then_some(())
}
