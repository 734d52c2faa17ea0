//! A peer and servers that do not answer as they should: overloaded ones, ones whose database
//! is away, and ones that nothing is heard of.
#![expect(clippy::unwrap_used, reason = "a failed step of a test is its failure")]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use flow_base::FlowId;
use flow_client::{Api, Peer, PeerOptions, PeerState};
use flow_model::Edit;
use flow_protocol::CloseCode;
use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio::time::timeout;
use tokio_tungstenite::accept_async;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;

/// More than a test takes, and less than a silent network is given.
const AT_ONCE: Duration = Duration::from_secs(5);
const PATIENCE: Duration = Duration::from_secs(60);

/// What a server says to whom it signs in, and to whose sockets it says that they are not.
#[derive(Debug, Clone, Copy)]
enum Answer {
    Status(u16),
    Nothing,
}

/// Signs everybody in, sends every socket away as signed out, or says nothing to it, and
/// answers each request for new tokens with the next of the answers, then the last again.
struct Server {
    url: String,
    seen: Arc<Seen>,
}

#[derive(Default)]
struct Seen {
    refreshes: AtomicUsize,
    /// Something was asked and will not be answered.
    silent: Notify,
}

impl Server {
    async fn start(sockets: Answer, refreshes: &'static [Answer]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let seen: Arc<Seen> = Arc::default();
        let noted = Arc::clone(&seen);
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                tokio::spawn(serve(stream, sockets, refreshes, Arc::clone(&noted)));
            }
        });
        Self { url, seen }
    }

    async fn peer(&self) -> Peer {
        let api = Api::new(&self.url).unwrap();
        api.login("ann@example.org", "password").await.unwrap();
        Peer::open(&api, PeerOptions::new(FlowId::generate())).unwrap()
    }
}

async fn serve(mut stream: TcpStream, sockets: Answer, refreshes: &[Answer], seen: Arc<Seen>) {
    let mut head = [0; 64];
    while stream.peek(&mut head).await.unwrap() < 32 {}
    let answer = match String::from_utf8_lossy(&head) {
        path if path.contains("/sync/") => match sockets {
            Answer::Nothing => Answer::Nothing,
            Answer::Status(code) => return send_away(stream, code).await,
        },
        path if path.contains("/refresh") => {
            let at = seen.refreshes.fetch_add(1, Ordering::SeqCst);
            refreshes[at.min(refreshes.len() - 1)]
        }
        _ => Answer::Status(200),
    };
    let Answer::Status(status) = answer else {
        // The connection stays, and nothing is said.
        seen.silent.notify_one();
        return std::future::pending().await;
    };
    // To its end, which is that of a JSON object: closed before, it would be reset.
    let mut request = Vec::new();
    while !request.ends_with(b"}") {
        assert!(stream.read_buf(&mut request).await.unwrap() > 0, "the request breaks off");
    }
    let user = json!({
        "id": FlowId::generate(), "email": "ann@example.org", "name": "Ann", "workspaceId": FlowId::generate(),
        "createdAt": "2026-11-01T00:00:00Z", "installationOwner": true,
    });
    let body = match status {
        200 => json!({ "token": "access", "refreshToken": "refresh", "expiresIn": 900, "user": user }),
        _ => json!({ "error": { "code": "unavailable", "message": "not now", "requestId": "1" } }),
    };
    let body = body.to_string();
    let head = format!(
        "HTTP/1.1 {status} X\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
        body.len()
    );
    stream.write_all((head + &body).as_bytes()).await.unwrap();
}

async fn send_away(stream: TcpStream, code: u16) {
    let mut socket = accept_async(stream).await.unwrap();
    let close = CloseFrame { code: code.into(), reason: "".into() };
    // The peer may be gone by now.
    drop(socket.send(Message::Close(Some(close))).await);
    while let Some(Ok(_)) = socket.next().await {}
}

fn add() -> Vec<Edit> {
    let edit = json!({ "op": "addNode", "type": "message", "position": { "x": 0, "y": 0 } });
    vec![serde_json::from_value(edit).unwrap()]
}

const SIGNED_OUT: Answer = Answer::Status(4401);

/// A server whose database was away while an access token expired closed the peers of everybody
/// for good: bots stayed away until somebody started them again.
#[tokio::test]
async fn only_a_sign_in_that_has_ended_closes_a_peer_for_good() {
    const PASSING: [u16; 4] = [503, 429, 502, 500];
    const ANSWERS: [Answer; 5] = [
        Answer::Status(PASSING[0]),
        Answer::Status(PASSING[1]),
        Answer::Status(PASSING[2]),
        Answer::Status(PASSING[3]),
        Answer::Status(401),
    ];
    let server = Server::start(SIGNED_OUT, &ANSWERS).await;
    let peer = server.peer().await;
    let mut state = peer.state();
    let closed = state.wait_for(|state| matches!(state, PeerState::Closed { .. }));
    let closed = timeout(PATIENCE, closed).await.expect("it is closed in the end").unwrap().clone();
    assert_eq!(closed, PeerState::Closed { unsaved: 0, code: CloseCode::SignedOut });
    assert_eq!(server.seen.refreshes.load(Ordering::SeqCst), ANSWERS.len(), "it tried until it was told");
}

#[tokio::test]
async fn edits_are_made_while_nothing_is_heard_of_the_server() {
    for server in [
        Server::start(Answer::Nothing, &[SIGNED_OUT]).await,
        Server::start(SIGNED_OUT, &[Answer::Nothing]).await,
    ] {
        let peer = server.peer().await;
        timeout(PATIENCE, server.seen.silent.notified()).await.expect("it asks");
        for made in 1..=3 {
            timeout(AT_ONCE, peer.edit(add())).await.expect("an edit waits for nobody").unwrap().unwrap();
            assert_eq!(*peer.state().borrow(), PeerState::Offline { unsaved: made });
        }
        peer.set_online(false).unwrap();
        timeout(AT_ONCE, peer.edit(add())).await.expect("an edit waits for nobody").unwrap().unwrap();
    }
}
