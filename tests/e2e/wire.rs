//! The protocol, byte by byte, as a client of another make sees it.

use std::time::Duration;

use bytes::Bytes;
use flow_base::{FlowId, Role};
use flow_model::FlowDoc;
use flow_protocol::frame::{self, Message};
use flow_protocol::{CloseCode, UpdateLimits, walk};
use flow_store::LogStore;
use flow_store_sqlite::SqliteStore;
use futures_util::SinkExt;
use tokio::time::timeout;
use tokio_tungstenite::connect_async;
use tokio_tungstenite::tungstenite::Message as Frame;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;

use crate::people::{add, live, make, scene};
use crate::raw::{Raw, is_barrier, letters};

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

#[tokio::test]
async fn what_is_missing_may_come_from_somebody_else() {
    let scene = scene().await;
    let (mut lacks, mut has) =
        (Raw::join(&scene.ann, scene.flow).await, Raw::join(&scene.ann, scene.flow).await);
    lacks.sync().await;
    has.sync().await;
    lacks.send(frame::update(&letters(7, 3, 1))).await;
    lacks.send(frame::barrier(b"late")).await;
    lacks.until(|message| matches!(message, Message::Step1 { .. }).then_some(())).await;
    has.send(frame::update(&letters(7, 0, 3))).await;
    lacks.until(is_barrier(b"late")).await;
    // Both parts reach everybody, the rest only once it has its base.
    let mut fresh = FlowDoc::new(None);
    let mut joining = Raw::join(&scene.ann, scene.flow).await;
    fresh.apply_update_v1(&joining.sync().await).unwrap();
    assert_eq!(fresh.clock(7), 4);
}

/// A client with a hole in its own document brings it along whenever it joins.
#[tokio::test]
async fn what_never_gets_its_base_is_given_up_and_does_not_come_back_a_second_time() {
    let scene = scene().await;
    let hole = frame::update(&letters(7, 3, 1));
    let mut raw = Raw::join(&scene.ann, scene.flow).await;
    raw.sync().await;
    raw.send(hole.clone()).await;
    raw.send(hole.clone()).await;
    raw.send(frame::barrier(b"never")).await;
    let mut asked = 0;
    let code = loop {
        match raw.next().await {
            Ok(Message::Step1 { .. }) => asked += 1,
            Ok(Message::Barrier { .. }) => panic!("acknowledged without its base"),
            Ok(_) => {}
            Err(code) => break code,
        }
    };
    assert_eq!((code, asked), (CloseCode::Overloaded.code(), 1), "asked once, then sent away to sync afresh");

    let mut again = Raw::join(&scene.ann, scene.flow).await;
    again.sync().await;
    again.send(hole).await;
    again.until(|message| matches!(message, Message::PermissionDenied { .. }).then_some(())).await;
    // It goes on, but nothing it has is known to be whole.
    again.send(frame::update(&letters(8, 0, 1))).await;
    again.send(frame::barrier(b"refused")).await;
    let mut fresh = FlowDoc::new(None);
    fresh.apply_update_v1(&sync_without_answer(&mut again).await).unwrap();
    assert_eq!((fresh.clock(7), fresh.clock(8)), (0, 1));
}

/// Step 1, answered; nothing that is a barrier or a refusal comes before the answer.
async fn sync_without_answer(raw: &mut Raw) -> Bytes {
    raw.send(frame::step_1(&[0])).await;
    raw.until(|message| match message {
        Message::Step2 { update } => Some(update),
        Message::Barrier { .. } | Message::PermissionDenied { .. } => panic!("answered: {message:?}"),
        _ => None,
    })
    .await
}

#[tokio::test]
async fn what_adds_nothing_is_not_appended() {
    let scene = scene().await;
    let mut raw = Raw::join(&scene.ann, scene.flow).await;
    let state = raw.sync().await;
    raw.send(frame::update(&letters(7, 0, 5))).await;
    raw.send(frame::barrier(b"once")).await;
    raw.until(is_barrier(b"once")).await;
    let store = SqliteStore::open(scene.server.database()).await.unwrap();
    let head = store.load(scene.flow).await.unwrap().unwrap().head;
    // The same again, a part of it, everything there was, nothing at all.
    for update in [letters(7, 0, 5), letters(7, 0, 2), state.to_vec(), vec![0, 0]] {
        raw.send(frame::update(&update)).await;
        raw.send(frame::step_2(&update)).await;
    }
    raw.send(frame::barrier(b"again")).await;
    raw.until(is_barrier(b"again")).await;
    assert_eq!(store.load(scene.flow).await.unwrap().unwrap().head, head);
    // What brings something new is appended without what was there.
    raw.send(frame::update(&letters(7, 0, 6))).await;
    raw.send(frame::barrier(b"new")).await;
    raw.until(is_barrier(b"new")).await;
    let stored = store.load(scene.flow).await.unwrap().unwrap();
    assert_eq!(stored.head, head.next());
    let last = stored.tail.last().unwrap();
    let walked = walk(&last.bytes, &UpdateLimits::unlimited()).unwrap();
    assert_eq!((walked.sections()[0].clock, walked.sections()[0].end), (5, 6));
}

#[tokio::test]
async fn a_viewer_is_refused_what_adds_something_and_nothing_else() {
    let scene = scene().await;
    let (vic, _) = scene.server.person("vic").await.unwrap();
    scene.ann.put_member(scene.flow, "vic@example.org", Role::Viewer).await.unwrap();
    let mut raw = Raw::join(&vic, scene.flow).await;
    let state = raw.sync().await;
    // Stock clients send all they have in answer to any step 1.
    raw.send(frame::step_2(&state)).await;
    raw.send(frame::update(&[0, 0])).await;
    assert_eq!(sync_without_answer(&mut raw).await, state);
    raw.send(frame::barrier(b"nothing of mine")).await;
    raw.until(is_barrier(b"nothing of mine")).await;

    raw.send(frame::update(&letters(7, 0, 1))).await;
    raw.until(|message| matches!(message, Message::PermissionDenied { .. }).then_some(())).await;
    raw.send(frame::barrier(b"refused")).await;
    assert_eq!(sync_without_answer(&mut raw).await, state);
}
