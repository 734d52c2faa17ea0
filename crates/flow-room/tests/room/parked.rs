use std::time::Duration;

use flow_base::Role;
use flow_protocol::CloseCode;
use flow_protocol::frame::Message;
use flow_room::RoomLimits;

use crate::harness::{ANN, BEN, add, room, room_with, writer};

#[tokio::test]
async fn what_lacks_its_base_is_kept_asked_for_once_and_applied_when_it_comes() {
    let mut room = room().await;
    let mut doc = writer(&room);
    let updates: Vec<_> = ["a", "b", "c"].map(|id| add(&mut doc, id)).into();
    room.join(ANN, Role::Editor);
    room.take();
    room.update(ANN, &updates[1]).update(ANN, &updates[2]).barrier(ANN, b"x");
    assert!(room.nodes().is_empty() && room.appended().is_empty());
    let asked = room.sent_to(ANN).iter().filter(|message| matches!(message, Message::Step1 { .. })).count();
    assert_eq!(asked, 1);
    assert!(!room.room.document().unwrap().has_pending(), "never inside a document");
    room.update(ANN, &updates[0]);
    assert_eq!(room.nodes(), ["a", "b", "c"]);
    while !room.appended().is_empty() {
        assert!(room.barriers_to(ANN).is_empty(), "the barrier waits for the parked part, too");
        room.commit();
    }
    assert_eq!(room.barriers_to(ANN), [&b"x"[..]]);
}

#[tokio::test]
async fn the_missing_part_may_come_from_somebody_else() {
    let mut room = room().await;
    let mut doc = writer(&room);
    let (first, second) = (add(&mut doc, "a"), add(&mut doc, "b"));
    room.join(ANN, Role::Editor).join(BEN, Role::Editor).update(ANN, &second).update(BEN, &first);
    assert_eq!(room.nodes(), ["a", "b"]);
}

#[tokio::test]
async fn what_never_comes_is_given_up_and_its_peer_syncs_afresh() {
    let mut room = room().await;
    let mut doc = writer(&room);
    let _missing = add(&mut doc, "a");
    let second = add(&mut doc, "b");
    room.join(ANN, Role::Editor).update(ANN, &second).after(Duration::from_secs(9));
    assert_eq!(room.closed(ANN), None);
    room.after(Duration::from_secs(2));
    assert_eq!(room.closed(ANN), Some(CloseCode::Overloaded));

    // The same remainder on the next connection: a hole of its own.
    room.take();
    room.join(BEN, Role::Editor).update(BEN, &second).barrier(BEN, b"x").after(Duration::from_secs(30));
    assert!(room.was_refused(BEN));
    assert_eq!(room.closed(BEN), None, "the connection goes on");
    assert!(room.barriers_to(BEN).is_empty());
}

#[tokio::test]
async fn too_much_that_cannot_be_applied_is_given_up_at_once() {
    let mut room = room_with(RoomLimits { parked_bytes: 100, ..RoomLimits::default() }).await;
    let mut doc = writer(&room);
    let _missing = add(&mut doc, "a");
    room.join(ANN, Role::Editor);
    for at in 0..10 {
        let update = add(&mut doc, &format!("n{at}"));
        room.update(ANN, &update);
    }
    assert_eq!(room.closed(ANN), Some(CloseCode::Overloaded));
}

#[tokio::test]
async fn what_an_editor_parked_is_dropped_once_they_may_not_edit() {
    let mut room = room().await;
    let mut doc = writer(&room);
    let (first, second) = (add(&mut doc, "a"), add(&mut doc, "b"));
    room.join(ANN, Role::Editor).join(BEN, Role::Editor).update(ANN, &second);
    let access = flow_room::Access::Granted { role: Role::Viewer, may_edit: false };
    room.apply(flow_room::Event::AccessChanged { conn: ANN, access });
    room.update(BEN, &first);
    assert_eq!(room.nodes(), ["a"]);
}

/// Cut off from the rest of its update, a remainder can be denser than an update
/// may be.
#[tokio::test]
async fn a_dense_remainder_is_kept_like_any_other() {
    let mut room = room().await;
    let mut update = vec![2, 1, 1, 0, 4, 1, 1, b't', 0xc0, 0xa9, 0x07];
    update.extend([b'x'; 120_000]);
    update.extend([0xe8, 0x07, 2, 1]);
    update.extend([0x87, 1, 5, 1].repeat(1_000));
    update.push(0);
    room.join(ANN, Role::Editor).update(ANN, &update).barrier(ANN, b"x");
    while !room.appended().is_empty() {
        room.commit();
        assert!(room.barriers_to(ANN).is_empty(), "the parked part is not stored");
    }
}
