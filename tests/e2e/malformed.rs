//! Malformed and hostile traffic against a live server, each kind in a room with live
//! people and beside another room. After each, the same process serves both; in the
//! end its memory has come back, and another process loads both from the same data.

mod attacks;

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use flow_base::{FlowId, Role};
use flow_client::{Api, NewFlow, Peer};
use flow_model::FlowDoc;
use flow_protocol::frame::{self, Message};
use flow_testing::eventually;
use futures_util::{SinkExt, StreamExt};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::process::Command;
use tokio::time::timeout;
use tokio_tungstenite::client_async;
use tokio_tungstenite::tungstenite::Message as Frame;

use attacks::{Attack, By, Ends, Send, Then};

use crate::people::{Scene, add, live, make, scene_with, until_graph};
use crate::raw::{Raw, assert_equal, is_barrier};

/// A flow with two people who are at work.
struct Room {
    one: Peer,
    other: Peer,
}

impl Room {
    async fn open(api: &Api, flow: FlowId) -> Self {
        Self { one: live(api, flow).await, other: live(api, flow).await }
    }

    /// An edit of the one reaches the other and is acknowledged.
    async fn works(&self, after: &str) {
        let id = format!("n{}", self.one.graph().borrow().nodes.len());
        make(&self.one, add(&id)).await;
        until_graph(&self.other, &format!("edits flow after {after}"), |graph| {
            graph.nodes.contains_key(id.as_str())
        })
        .await;
        let saved = timeout(Duration::from_secs(20), self.one.saved()).await;
        assert!(saved.is_ok_and(|saved| saved.unwrap().is_saved()), "no acknowledgement after {after}");
    }

    async fn document(&self) -> FlowDoc {
        let mut doc = FlowDoc::new(None);
        doc.apply_update_v1(&self.one.document().await.unwrap()).unwrap();
        doc
    }
}

async fn stored(api: &Api, flow: FlowId) -> (Vec<u8>, FlowDoc) {
    let state = Raw::join(api, flow).await.sync().await.to_vec();
    let mut doc = FlowDoc::new(None);
    doc.apply_update_v1(&state).unwrap();
    (state, doc)
}

/// The stock library reads it alike.
async fn assert_yjs_reads(state: &[u8], doc: &FlowDoc) {
    let read = "import * as Y from 'yjs'; const doc = new Y.Doc(); let text = ''; \
        for await (const part of process.stdin) text += part; \
        Y.applyUpdate(doc, Buffer.from(text, 'base64')); \
        console.log(JSON.stringify([...doc.getMap('nodes').keys()]))";
    let mut node = Command::new("node")
        .args(["--input-type=module", "-e", read])
        .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/stock"))
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .expect("node is installed");
    node.stdin.take().unwrap().write_all(BASE64_STANDARD.encode(state).as_bytes()).await.unwrap();
    let ran = node.wait_with_output().await.unwrap();
    let nodes: BTreeSet<String> = serde_json::from_slice(&ran.stdout).expect("yjs reads the document");
    assert_eq!(nodes, doc.graph().nodes.keys().map(ToString::to_string).collect());
}

async fn attack(attack: &Attack, api: &Api, flow: FlowId, open: &mut Vec<TcpStream>) {
    match &attack.send {
        Send::Bytes(bytes) => {
            let mut socket = below_websocket(api, flow).await;
            socket.write_all(bytes).await.unwrap();
            let mut rest = Vec::new();
            // A reset is an end, too.
            let ended = timeout(Duration::from_secs(20), socket.read_to_end(&mut rest)).await;
            assert!(ended.is_ok(), "not cut for {}", attack.name);
        }
        Send::Half(bytes, then) => {
            let mut socket = below_websocket(api, flow).await;
            socket.write_all(bytes).await.unwrap();
            match then {
                Then::Silence => open.push(socket),
                Then::Reset => socket.set_zero_linger().unwrap(),
            }
        }
        Send::Messages(_) | Send::Text(_) => {
            let mut raw = Raw::join(api, flow).await;
            raw.sync().await;
            let Raw { socket, .. } = &mut raw;
            let messages = match &attack.send {
                Send::Messages(frames) => frames.iter().cloned().map(Frame::Binary).collect(),
                Send::Text(text) => vec![Frame::Text((*text).into())],
                Send::Bytes(_) | Send::Half(..) => unreachable!("above"),
            };
            for message in messages {
                socket.feed(message).await.unwrap();
            }
            socket.flush().await.unwrap();
            answered(raw, attack).await;
        }
    }
}

async fn answered(mut raw: Raw, attack: &Attack) {
    match attack.ends {
        Ends::Closed(code) => assert_eq!(raw.closed().await, code.code(), "{}", attack.name),
        Ends::GoesOn => {
            raw.send(frame::barrier(b"after")).await;
            raw.until(is_barrier(b"after")).await;
        }
        Ends::Denied => {
            raw.until(|message| matches!(message, Message::PermissionDenied { .. }).then_some(())).await;
        }
        Ends::Asked => {
            raw.until(|message| matches!(message, Message::Step1 { .. }).then_some(())).await;
        }
        Ends::Cut | Ends::Open => {}
    }
}

/// A connection that has become a WebSocket, and whose bytes are ours.
async fn below_websocket(api: &Api, flow: FlowId) -> TcpStream {
    let url = format!("{}?token={}", api.sync_url(flow), api.token().unwrap().expose());
    let sync = api.sync_url(flow);
    let stream = TcpStream::connect((sync.host_str().unwrap(), sync.port().unwrap())).await.unwrap();
    let mut socket = client_async(url, stream).await.unwrap().0;
    // The room has let it in when it says something.
    socket.next().await.unwrap().unwrap();
    socket.into_inner()
}

/// More than what stays behind of closed rooms, and far less than what the traffic took.
const SLACK: u64 = 64 << 20;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_malformed_traffic_harms_the_server_or_anybody_in_it() {
    let limits = [
        ("INTERFLOW_LIMITS__FRAME_BYTES", "4194304"),
        ("INTERFLOW_LIMITS__IDLE_SECONDS", "1"),
        // So that floods are not slowed down before they reach the room.
        ("INTERFLOW_LIMITS__DOCUMENT_MESSAGES_PER_USER", "0"),
        ("INTERFLOW_LIMITS__CONNECTIONS_PER_USER", "0"),
        ("INTERFLOW_LIMITS__OPENS_PER_USER", "0"),
        // What each attack is refused for is said in it.
        ("INTERFLOW_LOG", "error"),
    ];
    let Scene { mut server, ann, flow } = scene_with(&limits).await;
    let (eve, _) = server.person("eve").await.unwrap();
    let (vic, _) = server.person("vic").await.unwrap();
    ann.put_member(flow, "eve@example.org", Role::Editor).await.unwrap();
    ann.put_member(flow, "vic@example.org", Role::Viewer).await.unwrap();
    let beside = ann.create_flow(&NewFlow::default()).await.unwrap().id;
    let attacked = Room::open(&ann, flow).await;
    let neighbour = Room::open(&ann, beside).await;
    attacked.works("opening").await;
    neighbour.works("opening").await;
    let (pid, memory) = (server.pid(), server.memory().unwrap());

    let (state, _) = stored(&ann, flow).await;
    let attacks = [
        attacks::messages(),
        attacks::presence(),
        attacks::websocket(),
        attacks::lineage(attacks::lineage_item(&state)),
        attacks::updates(),
    ];
    let attacks: Vec<Attack> = attacks.into_iter().flatten().collect();
    println!("{} kinds of traffic", attacks.len());
    let mut open = Vec::new();
    let mut most = memory;
    for kind in &attacks {
        let by = if kind.by == By::Viewer { &vic } else { &eve };
        let attacked_by = timeout(Duration::from_secs(60), attack(kind, by, flow, &mut open)).await;
        assert!(attacked_by.is_ok(), "no end of {}", kind.name);
        attacked.works(kind.name).await;
        neighbour.works(kind.name).await;
        let (_, fresh) = stored(&ann, flow).await;
        assert_equal(&fresh, &attacked.document().await);
        assert_eq!(server.pid(), pid, "after {}", kind.name);
        most = most.max(server.memory().unwrap());
    }

    let (state, last) = stored(&ann, flow).await;
    let (_, last_beside) = stored(&ann, beside).await;
    assert_yjs_reads(&state, &last).await;
    drop((attacked, neighbour, open));
    let back = async || server.memory().unwrap();
    let after = eventually("memory comes back", back, |now| *now < memory + SLACK).await;
    println!("memory: {} MiB before, {} MiB at most, {} MiB after", memory >> 20, most >> 20, after >> 20);

    server.stop().await.unwrap();
    server.restart().await.unwrap();
    for (flow, last) in [(flow, last), (beside, last_beside)] {
        assert_equal(&stored(&ann, flow).await.1, &last);
        Room::open(&ann, flow).await.works("the restart").await;
    }
}
