use flow_base::Role;
use flow_model::FlowDoc;
use flow_protocol::StateVector;
use flow_room::{Durability, Effect, Event, Holding, Ticket};

use crate::harness::{ANN, BEN, add, room, writer};

#[tokio::test]
async fn a_barrier_waits_for_the_commit_of_everything_applied_before_it() {
    let mut room = room().await;
    let mut doc = writer(&room);
    room.join(ANN, Role::Editor).barrier(ANN, b"idle");
    assert_eq!(room.barriers_to(ANN), [&b"idle"[..]], "nothing is pending");
    room.take();
    room.update(ANN, &add(&mut doc, "a")).barrier(ANN, b"1");
    room.update(ANN, &add(&mut doc, "b")).barrier(ANN, b"2");
    assert!(room.barriers_to(ANN).is_empty());
    room.commit_some(0, 1);
    assert_eq!(room.barriers_to(ANN), [&b"1"[..]], "the second update was not in that commit");
    room.commit();
    assert_eq!(room.barriers_to(ANN), [&b"2"[..]]);
}

/// An edit sent again can be a no-op because another connection's pending one
/// brought the same: it is no more durable for that.
#[tokio::test]
async fn a_barrier_waits_for_what_others_have_pending_too() {
    let mut room = room().await;
    let mut doc = writer(&room);
    let update = add(&mut doc, "a");
    room.join(ANN, Role::Editor).join(BEN, Role::Editor).update(ANN, &update);
    room.take();
    room.update(BEN, &update).barrier(BEN, b"x");
    assert!(room.barriers_to(BEN).is_empty());
    room.commit();
    assert_eq!(room.barriers_to(BEN), [&b"x"[..]]);
}

#[tokio::test]
async fn what_is_applied_is_appended_once_and_saved_once_all_of_it_is_committed() {
    let mut room = room().await;
    let mut doc = writer(&room);
    let updates = ["a", "b", "c"].map(|id| add(&mut doc, id));
    room.join(ANN, Role::Editor);
    for update in &updates {
        room.update(ANN, update);
    }
    room.apply(Event::Tick);
    let appended: Vec<_> = room.appended().iter().map(|update| update.bytes.to_vec()).collect();
    assert_eq!(appended, updates);
    room.commit_some(0, 2);
    assert!(!room.room.is_saved());
    room.commit();
    assert!(room.room.is_saved());
}

#[tokio::test]
async fn when_nothing_can_ever_be_stored_everybody_is_sent_away_unacknowledged() {
    let mut room = room().await;
    let mut doc = writer(&room);
    room.join(ANN, Role::Editor).update(ANN, &add(&mut doc, "a")).barrier(ANN, b"x");
    room.take();
    room.apply(Event::AppendRefused(flow_room::AppendRefused { source: None }));
    assert_eq!(room.closed(ANN), Some(flow_protocol::CloseCode::Overloaded));
    assert!(room.barriers_to(ANN).is_empty());
}

#[tokio::test]
async fn barriers_that_wait_are_bounded() {
    let mut room = room().await;
    let mut doc = writer(&room);
    room.join(ANN, Role::Editor).update(ANN, &add(&mut doc, "a"));
    let mut sent = 0;
    while room.closed(ANN).is_none() {
        room.barrier(ANN, b"x");
        sent += 1;
        assert!(sent < 5_000, "barriers gather without bound");
    }
    assert_eq!(room.closed(ANN), Some(flow_protocol::CloseCode::Overloaded));
}

#[tokio::test]
async fn answered_barriers_make_room_for_more() {
    let mut room = room().await;
    let mut doc = writer(&room);
    room.join(ANN, Role::Editor);
    for round in 0..10 {
        room.update(ANN, &add(&mut doc, &format!("n{round}")));
        for _ in 0..500 {
            room.barrier(ANN, b"x");
        }
        room.commit();
        assert_eq!((room.closed(ANN), room.barriers_to(ANN).len()), (None, 500));
    }
}

fn durability(room: &mut crate::harness::Harness, doc: &FlowDoc) -> Option<Durability> {
    let state = StateVector::decode(&doc.state_vector_v1()).unwrap();
    room.apply(Event::AskDurable { ticket: Ticket(7), holding: Holding { state, deletions: None } });
    told_durability(room)
}

fn told_durability(room: &crate::harness::Harness) -> Option<Durability> {
    room.effects.iter().find_map(|effect| match effect {
        Effect::Durability { ticket: Ticket(7), durability } => *durability,
        _ => None,
    })
}

#[tokio::test]
async fn what_is_applied_is_durable_after_its_commit_and_what_is_not_there_never() {
    let mut room = room().await;
    let mut doc = writer(&room);
    let update = add(&mut doc, "a");
    room.join(ANN, Role::Editor).take();
    assert_eq!(durability(&mut room, &doc), Some(Durability::Missing));
    room.update(ANN, &update).take();
    assert_eq!(durability(&mut room, &doc), None, "the commit is under way");
    room.commit();
    assert_eq!(told_durability(&room), Some(Durability::Durable { seq: room.head }));
    room.take();
    assert_eq!(durability(&mut room, &doc), Some(Durability::Durable { seq: room.head }));
}
