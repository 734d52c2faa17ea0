//! The way into a room: TCP, then the WebSocket upgrade.

use anyhow::{Context, bail, ensure};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::handshake::client::{Response, generate_request};
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::handshake::machine::TryParse as _;
use url::Url;

/// Where a peer joins its room.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    url: Url,
}

/// A connection that has been upgraded.
#[derive(Debug)]
pub struct Opened {
    pub stream: TcpStream,
    /// What came right behind the answer to the upgrade.
    pub received: Vec<u8>,
}

impl Address {
    /// # Errors
    /// When it is no `ws://` address.
    pub fn new(url: Url) -> anyhow::Result<Self> {
        ensure!(url.scheme() == "ws", "{url}: only ws:// is spoken, not {}", url.scheme());
        ensure!(url.host_str().is_some(), "{url} names no host");
        Ok(Self { url })
    }
}

/// More than any answer to an upgrade has.
const ANSWER_BYTES_MAX: usize = 16 << 10;

/// Connects and upgrades.
///
/// # Errors
/// When the server cannot be reached or refuses.
pub async fn open(address: &Address) -> anyhow::Result<Opened> {
    let url = &address.url;
    let host = (url.host_str().unwrap_or_default(), url.port_or_known_default().unwrap_or(80));
    let mut stream = TcpStream::connect(host).await.context("could not connect to the server")?;
    stream.set_nodelay(true).context("could not set TCP_NODELAY")?;
    // A run after this one needs the ports again: what ends here does not wait for a minute.
    socket2::SockRef::from(&stream)
        .set_linger(Some(std::time::Duration::ZERO))
        .context("could not set SO_LINGER")?;

    let request = url.as_str().into_client_request().context("the address makes no request")?;
    let (request, key) = generate_request(request).context("the address makes no request")?;
    stream.write_all(&request).await.context("the server went away before the upgrade")?;

    let mut received = Vec::with_capacity(1 << 10);
    loop {
        let read = stream.read_buf(&mut received).await.context("the server went away during the upgrade")?;
        let parsed = Response::try_parse(&received).context("the server's answer is no HTTP")?;
        if let Some((len, response)) = parsed {
            check(&response, &key)?;
            received.drain(..len);
            received.shrink_to_fit();
            return Ok(Opened { stream, received });
        }
        ensure!(read > 0, "the server closed the connection during the upgrade");
        ensure!(received.len() < ANSWER_BYTES_MAX, "the server's answer to the upgrade does not end");
    }
}

fn check(response: &Response, key: &str) -> anyhow::Result<()> {
    if response.status().as_u16() != 101 {
        bail!("the server refuses the upgrade: {}", response.status());
    }
    let accept = response.headers().get("sec-websocket-accept");
    ensure!(
        accept.is_some_and(|accept| accept.as_bytes() == derive_accept_key(key.as_bytes()).as_bytes()),
        "the server's answer to the upgrade has the wrong key"
    );
    Ok(())
}
