use flow_base::Role;
use flow_model::{Edit, FlowDoc};
use flow_protocol::frame::{self, Message};
use flow_room::{Effect, Event, Inbound, RoomLimits, Ticket};

use crate::harness::{ANN, BEN, Harness, VIC, add, room, room_with, writer};

/// The sizes this peer was told, in percent of the limit.
fn told(room: &Harness, conn: flow_base::ConnId) -> Vec<u64> {
    let sizes = room.sent_to(conn).into_iter().filter_map(|message| match message {
        Message::Growth { size } => frame::read_growth(&size),
        _ => None,
    });
    sizes.map(|(bytes, max)| bytes * 100 / max).collect()
}

/// The update that writes a text of so many bytes anew, deleting the old one.
fn write(doc: &mut FlowDoc, bytes: usize, delete: usize) -> Vec<u8> {
    let edit = serde_json::json!({
        "op": "editText", "node": "n", "field": "text", "index": 0, "delete": delete, "insert": "x".repeat(bytes),
    });
    let edits: Vec<Edit> = vec![serde_json::from_value(edit).unwrap()];
    doc.edit(&edits).unwrap().update.unwrap()
}

fn note(doc: &mut FlowDoc) -> Vec<u8> {
    let edit = serde_json::json!({ "op": "addNode", "id": "n", "type": "note", "data": { "text": "" } });
    doc.edit(&[serde_json::from_value(edit).unwrap()]).unwrap().update.unwrap()
}

#[tokio::test]
async fn editors_that_asked_hear_that_the_document_nears_its_limit_before_it_refuses() {
    let mut room = room_with(RoomLimits { document_bytes: 10_000, ..RoomLimits::default() }).await;
    let mut doc = writer(&room);
    room.join(ANN, Role::Editor).join(BEN, Role::Editor).receive(ANN, Inbound::Growth);
    room.update(ANN, &note(&mut doc));
    let mut heard = Vec::new();
    for _ in 0..200 {
        room.take();
        room.update(ANN, &write(&mut doc, 100, 0));
        assert!(told(&room, BEN).is_empty(), "who did not ask is not told");
        heard.extend(told(&room, ANN));
        if room.closed(ANN).is_some() {
            break;
        }
    }
    assert_eq!(room.closed(ANN), Some(flow_protocol::CloseCode::TooLarge));
    assert_eq!(heard.len(), 4, "once at each step: {heard:?}");
    assert!(heard[0] >= 80 && heard[3] >= 95, "{heard:?}");
    // Who asks later hears it at once.
    room.take();
    room.join(VIC, Role::Viewer).receive(VIC, Inbound::Growth);
    assert_eq!(told(&room, VIC).len(), 1);
}

/// The estimate counts everything that ever came in.
#[tokio::test]
async fn what_is_deleted_again_does_not_count() {
    let mut room = room_with(RoomLimits { document_bytes: 10_000, ..RoomLimits::default() }).await;
    let mut doc = writer(&room);
    room.join(ANN, Role::Editor).receive(ANN, Inbound::Growth).update(ANN, &note(&mut doc));
    room.update(ANN, &write(&mut doc, 4_000, 0));
    for _ in 0..20 {
        room.update(ANN, &write(&mut doc, 4_000, 4_000));
        assert!(told(&room, ANN).is_empty(), "{:?}", told(&room, ANN));
        assert_eq!(room.closed(ANN), None);
    }
}

#[tokio::test]
async fn nobody_is_told_of_a_document_that_is_small() {
    let mut room = room().await;
    let mut doc = writer(&room);
    room.join(ANN, Role::Editor).receive(ANN, Inbound::Growth).update(ANN, &add(&mut doc, "a"));
    assert!(told(&room, ANN).is_empty());
}

#[tokio::test]
async fn the_size_is_measured_with_what_was_deleted() {
    let mut room = room().await;
    let mut doc = writer(&room);
    room.join(ANN, Role::Editor).update(ANN, &note(&mut doc));
    room.update(ANN, &write(&mut doc, 500, 0)).update(ANN, &write(&mut doc, 0, 500)).take();
    room.apply(Event::Measure { ticket: Ticket(7) });
    let size = room.take().into_iter().find_map(|effect| match effect {
        Effect::Size { ticket: Ticket(7), size } => size,
        _ => None,
    });
    let size = size.expect("it is measured");
    assert_eq!(size.bytes, room.room.document().unwrap().encode_state_v1().len());
    assert_eq!((size.bytes_max, size.tombstones), (RoomLimits::default().document_bytes, 500));
}
