use std::sync::Arc;

use flow_base::Role;
use flow_protocol::CloseCode;
use flow_protocol::frame::Message;
use flow_room::{Effect, Event, load};
use flow_store::{FlowBatch, LogStore, NewUpdate};

use crate::harness::{ANN, BEN, add, room, writer};

/// An item whose parent is a text's character: yrs fails half-way, and what it
/// applied before stays in the document.
fn spoiling(parent_client: u8, parent_clock: u8) -> Vec<u8> {
    let mut update = vec![1, 2, 9, 0];
    // First something sound, so that half of the update is applied.
    update.extend([4, 1, 1, b'z', 1, b'!']);
    update.extend([0x21, 0]);
    update.extend([parent_client, parent_clock, 1, b'k', 1]);
    update.push(0);
    update
}

#[tokio::test]
async fn a_spoiled_document_is_read_anew_with_what_was_accepted_and_its_peer_is_sent_away() {
    let mut room = room().await;
    let mut doc = writer(&room);
    let stored = add(&mut doc, "stored");
    room.join(ANN, Role::Editor).join(BEN, Role::Editor).update(ANN, &stored);
    let batch = FlowBatch { flow: room.flow, ..room.batch().clone() };
    room.store.append(&[batch]).await.into_iter().for_each(|result| assert!(result.is_ok()));
    room.commit();
    room.update(ANN, &add(&mut doc, "pending")).barrier(ANN, b"x");
    room.take();

    // Client 5 writes a text of one character; then comes an item inside it.
    room.update(BEN, &[1, 1, 5, 0, 4, 1, 1, b't', 1, b'c', 0]);
    room.take();
    room.update(BEN, &spoiling(5, 0));
    assert_eq!(room.closed(BEN), Some(CloseCode::Malformed));
    assert!(room.effects.iter().any(|effect| matches!(effect, Effect::Reload)));
    assert!(room.room.document().is_none(), "nobody sees a spoiled document");

    let log: Arc<dyn LogStore> = Arc::clone(&room.store) as Arc<dyn LogStore>;
    let loaded = load(&log, room.flow).await.unwrap();
    room.take();
    room.apply(Event::Reloaded(Box::new(loaded)));
    assert_eq!(room.nodes(), ["pending", "stored"]);
    assert!(room.barriers_to(ANN).is_empty(), "what was pending still is");
    while room.appended().is_some() {
        room.commit();
        let quarantined = |update: &NewUpdate| update.bytes == spoiling(5, 0);
        assert!(
            !room.effects.iter().any(
                |effect| matches!(effect, Effect::Append(batch) if batch.updates.iter().any(quarantined))
            )
        );
    }
    assert!(room.room.is_saved());
}

/// Found by the simulation: the queue kept for peers that are behind knows nothing of
/// what another node had stored and the reading brought in.
#[tokio::test]
async fn a_peer_that_was_behind_gets_what_came_in_with_the_reading() {
    let mut room = room().await;
    let mut elsewhere = writer(&room);
    let position = room.room.position();
    room.join(ANN, Role::Editor).join(BEN, Role::Editor);
    room.update(BEN, &[1, 1, 5, 0, 4, 1, 1, b't', 1, b'c', 0]);
    room.update(BEN, &spoiling(5, 0));
    let other = NewUpdate { actor: flow_base::ActorId::Server, bytes: add(&mut elsewhere, "theirs").into() };
    let batch = FlowBatch { updates: vec![other], ..room.batch().clone() };
    room.store.append(&[batch]).await.into_iter().for_each(|result| assert!(result.is_ok()));
    let log: Arc<dyn LogStore> = Arc::clone(&room.store) as Arc<dyn LogStore>;
    let loaded = load(&log, room.flow).await.unwrap();
    room.apply(Event::Reloaded(Box::new(loaded))).take();
    room.apply(Event::Drained { conn: ANN, since: position.next() });
    let mut ann = flow_model::FlowDoc::new(None);
    for message in room.sent_to(ANN) {
        if let Message::Step2 { update } | Message::Update { update } = message {
            ann.apply_update_v1(&update).unwrap();
        }
    }
    assert!(ann.graph().nodes.contains_key("theirs"));
}
