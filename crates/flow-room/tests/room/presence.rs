use std::time::Duration;

use flow_base::{ConnId, Role};
use flow_protocol::awareness::{self, Entry};
use flow_protocol::frame::{self, Message};
use flow_room::{Effect, Event};
use serde_json::Value;

use crate::harness::{ANN, BEN, Harness, info, room};

fn shown(room: &Harness) -> Vec<(Vec<Entry>, Option<ConnId>)> {
    let frames = room.effects.iter().filter_map(|effect| match effect {
        Effect::Show { frame, except } => Some((frame.clone(), *except)),
        _ => None,
    });
    frames.map(|(frame, except)| (entries(frame::messages(frame).next().unwrap().unwrap()), except)).collect()
}

fn entries(message: Message) -> Vec<Entry> {
    match message {
        Message::Awareness { update } => awareness::decode(&update).unwrap(),
        other => panic!("no presence, but {other:?}"),
    }
}

fn state(entry: &Entry) -> Value {
    serde_json::from_slice(&entry.state).unwrap()
}

#[tokio::test]
async fn a_state_is_stamped_with_the_sign_in_and_shown_to_the_others() {
    let mut room = room().await;
    let ann = info("Ann", Role::Editor);
    room.join_as(ANN, ann.clone()).join(BEN, Role::Viewer);
    room.take();
    room.show(ANN, 7, 1, r##"{"user":{"id":"x","name":"Eve","color":"#f00"},"cursor":{"x":1,"y":2}}"##);
    let (entries, except) = &shown(&room)[0];
    assert_eq!((entries[0].client, entries[0].clock, *except), (7, 1, Some(ANN)));
    let state = state(&entries[0]);
    assert_eq!(state["user"]["id"], ann.user.to_string());
    assert_eq!((&state["user"]["name"], &state["user"]["color"]), (&"Ann".into(), &"#f00".into()));
    assert_eq!(state["cursor"]["x"], 1);
}

/// Stock clients send back every presence frame they receive.
#[tokio::test]
async fn echoes_and_entries_of_others_are_dropped() {
    let mut room = room().await;
    room.join(ANN, Role::Editor).join(BEN, Role::Editor);
    room.show(ANN, 7, 1, "{}").after(Duration::from_secs(1));
    room.show(BEN, 8, 1, "{}").after(Duration::from_secs(1));
    room.take();
    room.show(ANN, 7, 1, "{}").show(ANN, 7, 0, "{}").show(BEN, 7, 9, r#"{"forged":true}"#);
    room.show(BEN, 7, 9, "null").after(Duration::from_secs(1));
    assert!(shown(&room).is_empty());
}

#[tokio::test]
async fn whoever_joins_is_told_who_is_here() {
    let mut room = room().await;
    room.join(ANN, Role::Editor).show(ANN, 7, 1, "{}");
    room.take();
    room.join(BEN, Role::Viewer);
    let told = room.sent_to(BEN);
    let [Message::Step2 { .. }, Message::Awareness { update }] = &told[..] else { panic!("{told:?}") };
    assert_eq!(awareness::decode(update).unwrap()[0].client, 7);
}

#[tokio::test]
async fn presence_ends_with_its_connection() {
    let mut room = room().await;
    room.join(ANN, Role::Editor).join(BEN, Role::Editor).show(ANN, 7, 3, "{}").after(Duration::from_secs(1));
    room.take();
    room.apply(Event::Left { conn: ANN });
    assert_eq!(shown(&room)[0].0, [Entry::gone(7, 3)]);
}

#[tokio::test]
async fn a_newer_connection_of_the_same_user_takes_its_client_id_over() {
    let mut room = room().await;
    let ann = info("Ann", Role::Editor);
    room.join_as(ANN, ann.clone()).show(ANN, 7, 3, "{}").after(Duration::from_secs(1));
    // Reconnected before the old socket was seen to be gone.
    room.join_as(BEN, ann).show(BEN, 7, 3, "{}").after(Duration::from_secs(1));
    room.take();
    room.apply(Event::Left { conn: ANN });
    assert!(shown(&room).is_empty(), "the old connection removed what is the new one's");
    room.after(Duration::from_secs(1));
    room.apply(Event::Left { conn: BEN });
    assert_eq!(shown(&room)[0].0, [Entry::gone(7, 3)]);
}

/// Rejoining with an unchanged clock after the removal was announced, a client
/// would stay invisible to the others for up to 15 s.
#[tokio::test]
async fn a_client_that_comes_back_after_its_removal_is_told_of_it() {
    let mut room = room().await;
    let ann = info("Ann", Role::Editor);
    room.join_as(ANN, ann.clone()).show(ANN, 7, 3, "{}").after(Duration::from_secs(1));
    room.apply(Event::Left { conn: ANN }).after(Duration::from_secs(1));
    room.join_as(BEN, ann);
    room.take();
    room.show(BEN, 7, 3, "{}");
    let told = room.sent_to(BEN);
    assert_eq!(entries(told[0].clone()), [Entry::gone(7, 3)]);
    room.show(BEN, 7, 4, "{}").after(Duration::from_secs(1));
    assert_eq!(shown(&room)[0].0[0].client, 7);
}

#[tokio::test]
async fn a_busy_room_shows_changes_together_newest_first_state_only() {
    let mut room = room().await;
    room.join(ANN, Role::Editor).join(BEN, Role::Editor).show(ANN, 7, 1, "{}");
    room.take();
    for clock in 2..10 {
        room.show(ANN, 7, clock, &format!(r#"{{"at":{clock}}}"#));
        room.show(BEN, 8, clock, "{}");
    }
    assert!(shown(&room).is_empty(), "16 ms have not passed");
    room.after(Duration::from_millis(16));
    let shown = shown(&room);
    let [(entries, None)] = &shown[..] else { panic!("one frame for all: {shown:?}") };
    let ann = entries.iter().find(|entry| entry.client == 7).unwrap();
    assert_eq!((entries.len(), ann.clock, state(ann)["at"].as_u64()), (2, 9, Some(9)));
}

#[tokio::test]
async fn what_is_too_large_or_no_object_is_not_shown_and_said_once() {
    let mut room = room().await;
    room.join(ANN, Role::Editor);
    room.take();
    let large = format!(r#"{{"x":"{}"}}"#, "y".repeat(9_000));
    room.show(ANN, 7, 1, &large).show(ANN, 7, 2, &large).show(ANN, 7, 3, "[]").show(ANN, 7, 4, "{");
    room.after(Duration::from_secs(1));
    assert!(shown(&room).is_empty());
    assert_eq!(room.sent_to(ANN).len(), 1, "told once");
    room.barrier(ANN, b"x");
    assert_eq!(room.barriers_to(ANN).len(), 1, "presence is no refused edit");
}

#[tokio::test]
async fn an_id_belongs_to_whoever_shows_itself_under_it_first() {
    let mut room = room().await;
    room.join_as(BEN, info("Mallory", Role::Viewer)).join_as(ANN, info("Ann", Role::Editor));
    room.show(BEN, 77, 1, "null").show(ANN, 77, 1, "{}").after(Duration::from_secs(1));
    room.take();
    room.show(BEN, 77, 9_007_199_254_740_991, "{}").after(Duration::from_secs(1));
    assert!(shown(&room).is_empty());
}

/// A bot of the same account that shows nothing of itself sends back what it sees.
#[tokio::test]
async fn an_echo_of_the_same_account_leaves_no_ghost() {
    let mut room = room().await;
    let ann = info("Ann", Role::Editor);
    room.join_as(ANN, ann.clone()).show(ANN, 7, 3, "{}").after(Duration::from_secs(1));
    room.join_as(BEN, ann);
    let told = room.sent_to(BEN);
    let seen = entries(told.last().unwrap().clone());
    room.show(BEN, 7, 3, std::str::from_utf8(&seen[0].state).unwrap()).after(Duration::from_secs(1));
    room.take();
    room.apply(Event::Left { conn: ANN });
    assert_eq!(shown(&room)[0].0, [Entry::gone(7, 3)]);
}

/// A departure that was dropped with the peer's queue is told when it catches up.
#[tokio::test]
async fn a_peer_that_catches_up_hears_who_has_left() {
    let mut room = room().await;
    room.join(ANN, Role::Editor).show(ANN, 7, 3, "{}").join(BEN, Role::Viewer);
    let since = room.room.position();
    room.apply(Event::Left { conn: ANN });
    room.take();
    room.apply(Event::Drained { conn: BEN, since });
    assert_eq!(entries(room.sent_to(BEN).pop().unwrap()), [Entry::gone(7, 3)]);
}
