//! A socket without a client behind it: frames as bytes.

use std::time::Duration;

use bytes::Bytes;
use flow_base::FlowId;
use flow_client::Api;
use flow_model::FlowDoc;
use flow_protocol::frame::{self, Message};
use flow_protocol::{UpdateLimits, walk};
use flow_testing::{Speed, Throttled};
use futures_util::{SinkExt, StreamExt};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::{Error, Message as Frame};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, client_async, connect_async};

pub(crate) struct Raw<S = MaybeTlsStream<TcpStream>> {
    pub(crate) socket: WebSocketStream<S>,
    /// How long the server may be silent before the test fails.
    pub(crate) patience: Duration,
}

const PATIENCE: Duration = Duration::from_secs(20);

impl Raw {
    pub(crate) async fn join(api: &Api, flow: FlowId) -> Self {
        Self::join_with(api, flow, "").await
    }

    pub(crate) async fn join_with(api: &Api, flow: FlowId, query: &str) -> Self {
        let url = format!("{}?token={}{query}", api.sync_url(flow), api.token().unwrap().expose());
        Self::over(connect_async(url).await.unwrap().0)
    }

    /// The socket, or the status that the connection was refused with.
    pub(crate) async fn try_join(api: &Api, flow: FlowId) -> Result<Self, u16> {
        let url = format!("{}?token={}", api.sync_url(flow), api.token().unwrap().expose());
        match connect_async(url).await {
            Ok((socket, _)) => Ok(Self::over(socket)),
            Err(Error::Http(answer)) => Err(answer.status().as_u16()),
            Err(error) => panic!("neither joined nor refused: {error}"),
        }
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
}

impl Raw<Throttled> {
    pub(crate) async fn join_slowly(api: &Api, flow: FlowId, speed: Speed) -> Self {
        let url = format!("{}?token={}", api.sync_url(flow), api.token().unwrap().expose());
        let sync = api.sync_url(flow);
        let address = (sync.host_str().unwrap(), sync.port().unwrap());
        let address = tokio::net::lookup_host(address).await.unwrap().next().unwrap();
        let stream = Throttled::connect(address, speed).await.unwrap();
        Self::over(client_async(url, stream).await.unwrap().0)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Raw<S> {
    pub(crate) const fn over(socket: WebSocketStream<S>) -> Self {
        Self { socket, patience: PATIENCE }
    }

    pub(crate) async fn send(&mut self, frame: impl Into<Bytes>) {
        self.socket.send(Frame::Binary(frame.into())).await.unwrap();
    }

    /// The next message; the code, if the server closed.
    pub(crate) async fn next(&mut self) -> Result<Message, u16> {
        loop {
            let frame = timeout(self.patience, self.socket.next()).await.expect("the server is silent");
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

/// A number as the update format writes it.
pub(crate) fn var_uint(mut number: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    while number >= 0x80 {
        bytes.push(0x80 | (number & 0x7f) as u8);
        number >>= 7;
    }
    bytes.push((number & 0x7f) as u8);
    bytes
}

/// The next letters that a client appends to what it has written in the root text
/// `s`: of its clock and those that follow.
pub(crate) fn letters(client: u64, clock: u64, count: usize) -> Vec<u8> {
    let mut update = [vec![1, 1], var_uint(client), var_uint(clock)].concat();
    if clock == 0 {
        update.extend([4, 1, 1, b's']);
    } else {
        update.push(0x84);
        update.extend(var_uint(client));
        update.extend(var_uint(clock - 1));
    }
    update.extend(var_uint(count as u64));
    update.resize(update.len() + count, b'x');
    update.push(0);
    update
}

/// Asserts that neither document has anything the other lacks.
pub(crate) fn assert_equal(one: &FlowDoc, other: &FlowDoc) {
    assert!(!one.has_pending() && !other.has_pending(), "a document has a hole");
    for (has, lacks) in [(one, other), (other, one)] {
        let diff = has.encode_diff_v1(&lacks.state_vector_v1()).unwrap();
        let walked = walk(&diff, &UpdateLimits::unlimited()).unwrap();
        assert!(walked.sections().is_empty(), "one has what the other lacks");
        assert!(lacks.has_deleted(walked.deleted().map(|range| (range.client, range.clock, range.len))));
    }
    assert_eq!(one.graph(), other.graph());
}
