use std::time::Duration;

use bytes::Bytes;
use flow_base::Role;
use flow_model::FlowDoc;
use flow_protocol::CloseCode;
use flow_protocol::frame::Message;
use flow_room::{Effect, Event, Inbound, Moment, Position, RoomLimits};

use crate::harness::{ANN, BEN, Harness, VIC, add, info, now, room, room_with, writer};

#[tokio::test]
async fn editors_are_asked_for_what_they_have_and_viewers_are_not() {
    let mut room = room().await;
    room.apply(Event::Joined { conn: ANN, peer: info("ann", Role::Editor) });
    room.apply(Event::Joined { conn: VIC, peer: info("vic", Role::Viewer) });
    assert!(matches!(room.sent_to(ANN)[..], [Message::Step1 { .. }]));
    assert!(room.sent_to(VIC).is_empty());
}

#[tokio::test]
async fn step_1_is_answered_with_everything_that_is_lacking() {
    let mut room = room().await;
    let mut doc = writer(&room);
    room.join(ANN, Role::Editor).update(ANN, &add(&mut doc, "a"));
    room.take();
    room.join(BEN, Role::Viewer);
    let [Message::Step2 { update }] = &room.sent_to(BEN)[..] else { panic!("no step 2") };
    let mut fresh = FlowDoc::new(None);
    fresh.apply_update_v1(update).unwrap();
    assert_eq!(fresh.graph(), room.room.document().unwrap().graph());
}

/// The same answer, in the same memory: a thousand peers that come back at once
/// mostly say the same.
#[tokio::test]
async fn equal_questions_share_one_answer_until_something_changes() {
    let mut room = room().await;
    let answer = |effects: Vec<Effect>| {
        effects.into_iter().find_map(|effect| match effect {
            Effect::AnswerJoin { frame, .. } => Some(frame),
            _ => None,
        })
    };
    room.join(ANN, Role::Viewer);
    let first = answer(room.take()).unwrap();
    room.join(BEN, Role::Editor);
    let second = answer(room.take()).unwrap();
    assert_eq!(first.as_ptr(), second.as_ptr());
    let mut doc = writer(&room);
    room.update(BEN, &add(&mut doc, "a"));
    room.take();
    room.join(VIC, Role::Viewer);
    assert_ne!(answer(room.take()).unwrap(), first);
}

#[tokio::test]
async fn a_state_vector_that_cannot_be_read_closes_its_socket() {
    let mut room = room().await;
    room.apply(Event::Joined { conn: ANN, peer: info("ann", Role::Editor) });
    room.receive(ANN, Inbound::Step1 { state_vector: Bytes::from_static(&[255, 255, 255, 122]) });
    assert_eq!(room.closed(ANN), Some(CloseCode::Malformed));
}

fn since_frames(room: &mut Harness, since: Position) -> usize {
    room.take();
    room.apply(Event::Drained { conn: BEN, since });
    caught_up(room.take()).0.len()
}

fn caught_up(effects: Vec<Effect>) -> (Vec<Bytes>, Position) {
    let found = effects.into_iter().find_map(|effect| match effect {
        Effect::CatchUp { conn: BEN, frames, position } => Some((frames, position)),
        Effect::AnswerJoin { conn: BEN, frame, position } => Some((vec![frame], position)),
        _ => None,
    });
    found.expect("ben is caught up")
}

#[tokio::test]
async fn a_peer_that_fell_behind_gets_the_updates_since_or_a_diff() {
    let mut room = room_with(RoomLimits { recent_bytes: 2_000, ..RoomLimits::default() }).await;
    let mut doc = writer(&room);
    room.join(ANN, Role::Editor).join(BEN, Role::Viewer);
    let since = room.room.position();
    room.update(ANN, &add(&mut doc, "a")).update(ANN, &add(&mut doc, "b"));
    room.take();
    room.apply(Event::Drained { conn: BEN, since });
    let (frames, position) = caught_up(room.take());
    assert_eq!((frames.len(), position), (2, room.room.position()));

    for id in ["c", "d", "e"] {
        room.update(ANN, &add(&mut doc, id));
    }
    let (some, whole) = (since_frames(&mut room, Position(since.0 + 2)), since_frames(&mut room, since));
    assert_eq!((some, whole), (3, 1), "many are merged into one");

    for at in 0..20 {
        room.update(ANN, &add(&mut doc, &format!("n{at}")));
    }
    room.take();
    room.apply(Event::Drained { conn: BEN, since });
    let (frames, _) = caught_up(room.take());
    let [frame] = &frames[..] else { panic!("one diff in place of {} frames", frames.len()) };
    let Some(Ok(Message::Step2 { update })) = flow_protocol::frame::messages(frame.clone()).next() else {
        panic!()
    };
    let mut fresh = FlowDoc::new(None);
    fresh.apply_update_v1(&update).unwrap();
    assert_eq!(fresh.graph(), room.room.document().unwrap().graph());
}

#[tokio::test]
async fn a_draining_room_sends_everybody_away_and_lets_nobody_in() {
    let mut room = room().await;
    room.join(ANN, Role::Editor);
    room.apply(Event::Drain);
    assert_eq!(room.closed(ANN), Some(CloseCode::Restarting));
    room.take();
    room.join(BEN, Role::Editor);
    assert_eq!(room.closed(BEN), Some(CloseCode::Restarting));
}

/// The one who drains it still holds its handle as it hears of it. With nobody left in it
/// nothing else would happen for a minute, and the server waited for it in vain.
#[tokio::test]
async fn a_room_that_drains_looks_again_soon_whether_it_may_close() {
    let mut room = room().await;
    let now = Moment { elapsed: room.elapsed, wall: now() };
    assert!(room.room.deadline(now).unwrap() > Duration::from_secs(30));
    room.apply(Event::Drain);
    assert!(room.room.deadline(now).unwrap() < Duration::from_secs(1));
}
