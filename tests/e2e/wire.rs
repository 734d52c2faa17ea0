//! The protocol, byte by byte, as a client of another make sees it.

use std::time::Duration;

use bytes::Bytes;
use flow_base::FlowId;
use flow_protocol::CloseCode;
use flow_protocol::frame::{self, Message};
use futures_util::SinkExt;
use tokio::time::timeout;
use tokio_tungstenite::connect_async;
use tokio_tungstenite::tungstenite::Message as Frame;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;

use crate::people::{add, live, make, scene};
use crate::raw::{Raw, is_barrier};

#[tokio::test]
async fn joining_starts_with_a_step_1_and_answers_ours() {
    let scene = scene().await;
    let mut raw = Raw::join(&scene.ann, scene.flow).await;
    assert!(matches!(raw.next().await, Ok(Message::Step1 { .. })));
    assert!(!raw.sync().await.is_empty());
}

#[tokio::test]
async fn several_messages_in_one_frame_are_taken() {
    let scene = scene().await;
    let mut raw = Raw::join(&scene.ann, scene.flow).await;
    raw.send([&frame::step_1(&[0])[..], &frame::barrier(b"x")[..]].concat()).await;
    raw.until(is_barrier(b"x")).await;
}

#[tokio::test]
async fn a_barrier_is_answered_when_nothing_is_pending_and_after_a_commit() {
    let scene = scene().await;
    let mut raw = Raw::join(&scene.ann, scene.flow).await;
    raw.sync().await;
    raw.send(frame::barrier(b"idle")).await;
    raw.until(is_barrier(b"idle")).await;
    // Client 7 writes text into the root `scratch`.
    raw.send(frame::update(&[
        1, 1, 7, 0, 4, 1, 7, b's', b'c', b'r', b'a', b't', b'c', b'h', 2, b'h', b'i', 0,
    ]))
    .await;
    raw.send(frame::barrier(b"edit")).await;
    raw.until(is_barrier(b"edit")).await;
}

#[tokio::test]
async fn a_frame_beyond_the_limit_is_closed_as_too_large() {
    let scene = crate::people::scene_with(&[("INTERFLOW_LIMITS__FRAME_BYTES", "100000")]).await;
    let mut raw = Raw::join(&scene.ann, scene.flow).await;
    raw.sync().await;
    raw.send(vec![0; 100_001]).await;
    assert_eq!(raw.closed().await, CloseCode::TooLarge.code());
}

#[tokio::test]
async fn an_update_of_the_lineage_is_refused_and_the_flow_stays_whole() {
    let scene = scene().await;
    let before = live(&scene.ann, scene.flow).await.graph().borrow().meta.lineage.clone();
    // Client 7 sets `meta.lineage` to null, as one who does not know of ours.
    let mut update = vec![1, 1, 7, 0, 0x28, 1, 4];
    update.extend(b"meta\x07lineage");
    update.extend([1, 126, 0]);
    let mut raw = Raw::join(&scene.ann, scene.flow).await;
    raw.sync().await;
    raw.send(frame::update(&update)).await;
    assert_eq!(raw.closed().await, CloseCode::ForeignLineage.code());
    let mut foreign =
        Raw::join_with(&scene.ann, scene.flow, &format!("&lineage={}", FlowId::generate())).await;
    assert_eq!(foreign.closed().await, CloseCode::ForeignLineage.code());
    assert_eq!(live(&scene.ann, scene.flow).await.graph().borrow().meta.lineage, before);
}

/// A stock client with a hole in its own document sends this with every step 2.
#[tokio::test]
async fn an_update_that_lacks_its_base_is_asked_for_and_not_acknowledged() {
    let scene = scene().await;
    let mut raw = Raw::join(&scene.ann, scene.flow).await;
    raw.sync().await;
    // Client 7, clock 3: clocks 0 to 2 are missing.
    raw.send(frame::update(&[1, 1, 7, 3, 4, 1, 1, b's', 1, b'x', 0])).await;
    raw.send(frame::barrier(b"late")).await;
    raw.until(|message| matches!(message, Message::Step1 { .. }).then_some(())).await;
    // The missing part comes: now both are applied, and the barrier is answered.
    raw.send(frame::update(&[1, 1, 7, 0, 4, 1, 1, b's', 3, b'a', b'b', b'c', 0])).await;
    raw.until(is_barrier(b"late")).await;
}

#[tokio::test]
async fn a_token_may_come_as_a_subprotocol_and_is_not_echoed() {
    let scene = scene().await;
    let mut request = scene.ann.sync_url(scene.flow).as_str().into_client_request().unwrap();
    let offered = format!("interflow, interflow.token.{}", scene.ann.token().unwrap().expose());
    request.headers_mut().insert("sec-websocket-protocol", offered.parse().unwrap());
    let (socket, answer) = connect_async(request).await.unwrap();
    assert_eq!(answer.headers()["sec-websocket-protocol"], "interflow");
    let mut raw = Raw::over(socket);
    raw.sync().await;
}

#[tokio::test]
async fn a_page_from_elsewhere_cannot_connect() {
    let scene = scene().await;
    let url = format!("{}?token={}", scene.ann.sync_url(scene.flow), scene.ann.token().unwrap().expose());
    let mut request = url.into_client_request().unwrap();
    request.headers_mut().insert("origin", "http://evil.example".parse().unwrap());
    let mut raw = Raw::over(connect_async(request).await.unwrap().0);
    assert_eq!(raw.closed().await, CloseCode::NotAllowed.code());
}

/// It makes the server answer and never reads: its queue grows past the hard
/// bound, and a write that cannot end must not keep the socket open.
#[tokio::test]
async fn a_peer_that_reads_nothing_is_closed_and_the_others_are_served() {
    let scene = crate::people::scene_with(&[("INTERFLOW_LIMITS__OUTBOX_HARD_BYTES", "100000")]).await;
    let ann = live(&scene.ann, scene.flow).await;
    let mut deaf = Raw::join(&scene.ann, scene.flow).await;
    deaf.sync().await;
    let flood = Bytes::from(frame::barrier(&[7; 64]).repeat(10_000));
    let until_closed = async { while deaf.socket.send(Frame::Binary(flood.clone())).await.is_ok() {} };
    let closed = timeout(Duration::from_secs(30), until_closed).await;
    assert!(closed.is_ok(), "the server keeps a socket open that reads nothing");
    make(&ann, add("served")).await;
    assert!(ann.saved().await.unwrap().is_saved());
}
