use std::sync::Arc;

use bytes::Bytes;
use flow_base::{ActorId, BatchId, Role, Seq};
use flow_cluster::LogSlice;
use flow_model::FlowDoc;
use flow_protocol::frame::Message;
use flow_room::{Effect, Event, load};
use flow_store::{FlowBatch, LogStore, NewUpdate};

use crate::harness::{ANN, Harness, add, now, room, writer};

/// The relay says that another node has committed what no document can take.
fn nonsense(room: &Harness) -> Event {
    let update = Bytes::from_static(&[1, 1, 9, 5, 4, 1, 1, b't', 1, b'x', 0]);
    let slice = LogSlice::of_batch(room.room.contiguous().next(), BatchId::generate(), [update]);
    Event::Relayed { slice: Arc::new(slice) }
}

#[tokio::test]
async fn a_relay_that_tells_nonsense_costs_nothing_but_reading_the_flow_anew() {
    let mut room = room().await;
    let mut doc = writer(&room);
    room.join(ANN, Role::Editor).update(ANN, &add(&mut doc, "pending")).barrier(ANN, b"x").take();
    room.apply(nonsense(&room));
    assert!(room.effects.iter().any(|effect| matches!(effect, Effect::Reload)));
    assert!(room.fanned_out().is_empty() && room.room.document().is_none());
    let log: Arc<dyn LogStore> = Arc::clone(&room.store) as Arc<dyn LogStore>;
    let loaded = load(&log, room.flow).await.unwrap();
    room.take();
    room.apply(Event::Reloaded(Box::new(loaded)));
    assert_eq!(room.nodes(), ["pending"]);
    assert_eq!(room.room.contiguous(), Seq(1));
    assert!(room.barriers_to(ANN).is_empty(), "what was pending still is");
    room.commit();
    assert_eq!(room.barriers_to(ANN).len(), 1);
}

/// Found by the simulation: the queue kept for peers that are behind knows nothing of
/// what another node had stored and the reading brought in.
#[tokio::test]
async fn a_peer_that_was_behind_gets_what_came_in_with_the_reading() {
    let mut room = room().await;
    let mut elsewhere = writer(&room);
    let position = room.room.position();
    room.join(ANN, Role::Editor);
    room.apply(nonsense(&room));
    let bytes = add(&mut elsewhere, "theirs").into();
    let updates = vec![NewUpdate { actor: ActorId::Server, bytes }];
    let batch =
        FlowBatch { flow: room.flow, batch: BatchId::generate(), at: now(), updates, writers: Vec::new() };
    room.store.append(&[batch]).await.into_iter().for_each(|result| assert!(result.is_ok()));
    let log: Arc<dyn LogStore> = Arc::clone(&room.store) as Arc<dyn LogStore>;
    let loaded = load(&log, room.flow).await.unwrap();
    room.apply(Event::Reloaded(Box::new(loaded))).take();
    room.apply(Event::Drained { conn: ANN, since: position });
    let mut ann = FlowDoc::new(None);
    for message in room.sent_to(ANN) {
        if let Message::Step2 { update } | Message::Update { update } = message {
            ann.apply_update_v1(&update).unwrap();
        }
    }
    assert!(ann.graph().nodes.contains_key("theirs"));
}
