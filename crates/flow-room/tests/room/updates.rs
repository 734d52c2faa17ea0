use flow_base::{ActorId, Role};
use flow_protocol::CloseCode;
use flow_room::{Access, EditRequest, Event, RoomLimits};

use crate::harness::{ANN, BEN, Harness, VIC, add, info, room, room_with, writer};

#[tokio::test]
async fn a_new_update_goes_to_the_others_and_to_the_log_as_it_was_received() {
    let mut room = room().await;
    let mut doc = writer(&room);
    let update = add(&mut doc, "a");
    room.join(ANN, Role::Editor).join(BEN, Role::Viewer).update(ANN, &update);
    assert_eq!(room.fanned_out(), [(update.clone().into(), Some(ANN))]);
    assert_eq!(room.appended()[0].bytes, update);
    assert_eq!(room.writers[0].client_id, doc.client_id());
    assert_eq!(room.nodes(), ["a"]);
}

#[tokio::test]
async fn an_update_that_adds_nothing_is_ignored_and_appends_nothing() {
    let mut room = room().await;
    let mut doc = writer(&room);
    let update = add(&mut doc, "a");
    room.join(ANN, Role::Editor).join(BEN, Role::Editor).update(ANN, &update).commit();
    room.take();
    let whole = doc.encode_state_v1();
    room.update(ANN, &update).update(BEN, &whole).update(ANN, &[0, 0]);
    assert!(room.fanned_out().is_empty());
    assert_eq!(room.appended(), []);
}

/// A client that rejoins sends its whole document; only what is new of it goes on.
#[tokio::test]
async fn of_a_partly_known_update_only_the_new_part_goes_on() {
    let mut room = room().await;
    let mut doc = writer(&room);
    let first = add(&mut doc, "a");
    room.join(ANN, Role::Editor).update(ANN, &first).commit();
    let second = add(&mut doc, "b");
    room.take();
    room.update(ANN, &doc.encode_state_v1());
    let sent = room.fanned_out();
    assert!(sent[0].0.len() < second.len() + 40, "{} bytes for {}", sent[0].0.len(), second.len());
    assert_eq!(room.appended().len(), 1);
    assert_eq!(room.nodes(), ["a", "b"]);
}

#[tokio::test]
async fn a_viewer_is_refused_what_adds_and_only_that() {
    let mut room = room().await;
    let mut doc = writer(&room);
    let known = doc.encode_state_v1();
    room.join(VIC, Role::Viewer).update(VIC, &known);
    assert!(!room.was_refused(VIC), "what adds nothing is ignored");
    let update = add(&mut doc, "a");
    room.update(VIC, &update);
    assert!(room.was_refused(VIC));
    assert_eq!((room.closed(VIC), room.appended().len()), (None, 0), "the socket stays open");
    assert!(room.nodes().is_empty());
}

#[tokio::test]
async fn a_viewer_is_refused_deletions_too() {
    let mut room = room().await;
    let mut doc = writer(&room);
    let update = add(&mut doc, "a");
    room.join(ANN, Role::Editor).join(VIC, Role::Viewer).update(ANN, &update);
    let remove = serde_json::from_value(serde_json::json!({ "op": "removeNode", "id": "a" })).unwrap();
    let removal = doc.edit(&[remove]).unwrap().update.unwrap();
    room.update(VIC, &removal);
    assert!(room.was_refused(VIC));
    assert_eq!(room.nodes(), ["a"]);
    room.take();
    room.update(ANN, &removal).update(VIC, &removal);
    assert!(!room.was_refused(VIC), "it is deleted by now");
}

#[tokio::test]
async fn who_loses_the_right_to_edit_stays_and_who_gains_it_is_asked_again() {
    let mut room = room().await;
    let mut doc = writer(&room);
    room.join(ANN, Role::Editor);
    room.apply(Event::AccessChanged {
        conn: ANN,
        access: Access::Granted { role: Role::Viewer, may_edit: false },
    });
    let update = add(&mut doc, "a");
    room.update(ANN, &update).barrier(ANN, b"x");
    assert!(room.was_refused(ANN) && room.closed(ANN).is_none());
    assert!(room.barriers_to(ANN).is_empty(), "no answers after a refusal");
    room.take();
    room.apply(Event::AccessChanged {
        conn: ANN,
        access: Access::Granted { role: Role::Editor, may_edit: true },
    });
    assert_eq!(room.sent_to(ANN).len(), 1, "a step 1");
    // It was sent behind the refused edit, which nobody holds yet.
    room.barrier(ANN, b"early");
    assert!(room.barriers_to(ANN).is_empty());
    room.answer(ANN, &update).barrier(ANN, b"y").commit();
    assert_eq!(room.barriers_to(ANN), [&b"y"[..]]);
}

#[tokio::test]
async fn nothing_is_taken_from_a_peer_that_was_sent_away() {
    let mut room = room().await;
    let mut doc = writer(&room);
    room.join(ANN, Role::Editor);
    room.apply(Event::AccessChanged { conn: ANN, access: Access::Ended(CloseCode::NotAllowed) });
    room.update(ANN, &add(&mut doc, "late"));
    assert!(room.nodes().is_empty() && room.appended().is_empty());
}

/// Others build on the clocks of what was deleted and collected.
#[tokio::test]
async fn an_update_of_nothing_but_collected_structs_is_stored() {
    let mut room = room().await;
    room.join(ANN, Role::Editor).update(ANN, &[1, 1, 5, 0, 0, 3, 0]);
    assert_eq!(room.appended().len(), 1);
    room.commit();
    room.update(ANN, &[1, 1, 5, 3, 4, 1, 1, b't', 1, b'c', 0]);
    assert_eq!(room.appended().len(), 1);
}

/// 100,000 nested maps end a server by overflowing its stack when the outermost
/// is deleted.
#[tokio::test]
async fn types_nested_too_deeply_are_refused_also_over_several_updates() {
    let mut room = room().await;
    room.join(ANN, Role::Editor);
    let mut closed_at = None;
    for clock in 0..100_u8 {
        // Client 5: a map in a root, then each in the one before.
        let parent: &[u8] = if clock == 0 { &[1, 1, b't'] } else { &[0, 5, clock - 1] };
        let update = [&[1, 1, 5, clock, 0x27], parent, &[1, b'k', 1, 0]].concat();
        room.update(ANN, &update);
        if room.closed(ANN).is_some() {
            closed_at.get_or_insert(clock);
        }
    }
    assert_eq!(closed_at, Some(65));
    assert_eq!(room.closed(ANN), Some(CloseCode::Malformed));
    assert!(room.room.document().is_some(), "the document is as it was");
}

/// What is pasted and deleted again does not fill a flow.
#[tokio::test]
async fn a_document_is_measured_before_anybody_is_refused_for_its_size() {
    let mut room = room_with(RoomLimits { document_bytes: 10_000, ..RoomLimits::default() }).await;
    room.join(ANN, Role::Editor);
    for client in 1..60_u8 {
        let mut update = vec![1, 1, client, 0, 4, 1, 1, b't', 0xe8, 0x07];
        update.extend([b'x'; 1_000]);
        update.extend([1, client, 1, 0, 0xe8, 0x07]);
        room.update(ANN, &update);
    }
    assert_eq!(room.closed(ANN), None);
}

#[tokio::test]
async fn losing_all_access_closes_the_socket() {
    let mut room = room().await;
    room.join(ANN, Role::Editor);
    room.apply(Event::AccessChanged { conn: ANN, access: Access::Ended(CloseCode::NotAllowed) });
    assert_eq!(room.closed(ANN), Some(CloseCode::NotAllowed));
}

fn lineage_attack(room: &Harness, attack: impl FnOnce(&yrs::Doc)) -> Vec<u8> {
    use yrs::updates::decoder::Decode;
    use yrs::{ReadTxn, Transact};
    let doc = yrs::Doc::new();
    let state = room.room.document().unwrap().encode_state_v1();
    doc.transact_mut().apply_update(yrs::Update::decode_v1(&state).unwrap()).unwrap();
    let before = doc.transact().state_vector();
    attack(&doc);
    doc.transact().encode_diff_v1(&before)
}

/// Setting a key again names the earlier value as its origin and no key at all.
#[tokio::test]
async fn the_lineage_can_be_neither_set_nor_set_again_nor_deleted() {
    use yrs::{Map, Transact};
    for key in ["lineage", "schema"] {
        let mut room = room().await;
        let attacks = [
            lineage_attack(&room, |doc| {
                let meta = doc.get_or_insert_map("meta");
                meta.insert(&mut doc.transact_mut(), key, "mine");
            }),
            lineage_attack(&room, |doc| {
                let meta = doc.get_or_insert_map("meta");
                meta.remove(&mut doc.transact_mut(), key);
            }),
            {
                let doc = yrs::Doc::new();
                let meta = doc.get_or_insert_map("meta");
                meta.insert(&mut doc.transact_mut(), key, "mine");
                let txn = doc.transact();
                yrs::ReadTxn::encode_diff_v1(&txn, &yrs::StateVector::default())
            },
        ];
        let before = room.room.document().unwrap().lineage();
        for (at, attack) in attacks.iter().enumerate() {
            room.take();
            room.join(ANN, Role::Owner).update(ANN, attack);
            assert_eq!(room.closed(ANN), Some(CloseCode::ForeignLineage), "{key}, attack {at}");
            assert_eq!(room.room.document().unwrap().lineage(), before);
            assert_eq!(room.appended(), []);
        }
        let harmless = lineage_attack(&room, |doc| {
            let meta = doc.get_or_insert_map("meta");
            meta.insert(&mut doc.transact_mut(), "name", "Another");
        });
        room.take();
        room.join(BEN, Role::Owner).update(BEN, &harmless);
        assert_eq!(room.closed(BEN), None);
        assert_eq!(room.room.document().unwrap().graph().meta.name, "Another");
    }
}

#[tokio::test]
async fn a_document_at_its_limit_refuses_what_adds_and_takes_what_does_not() {
    let mut room = room_with(RoomLimits { document_bytes: 400, ..RoomLimits::default() }).await;
    let mut doc = writer(&room);
    let mut at = 0;
    room.join(ANN, Role::Editor);
    while room.closed(ANN).is_none() {
        at += 1;
        assert!(at < 50, "the limit is never reached");
        let update = add(&mut doc, &format!("n{at}"));
        room.update(ANN, &update);
    }
    assert_eq!(room.closed(ANN), Some(CloseCode::TooLarge));
    let whole = room.room.document().unwrap().encode_state_v1();
    room.take();
    room.join(BEN, Role::Editor).update(BEN, &whole);
    assert_eq!(room.closed(BEN), None);
}

#[tokio::test]
async fn typed_edits_are_made_whole_or_not_at_all_and_answered_after_the_commit() {
    let mut room = room().await;
    let edit = |json: serde_json::Value| serde_json::from_value(json).unwrap();
    let good = edit(serde_json::json!({ "op": "addNode", "id": "a", "type": "message" }));
    let bad = edit(serde_json::json!({ "op": "removeNode", "id": "nobody" }));
    let author = ActorId::User(info("x", Role::Editor).user);
    room.join(ANN, Role::Editor);
    room.take();
    let ticket = flow_room::Ticket(1);
    room.apply(Event::Edit { ticket, request: EditRequest::edits(author, vec![good, bad]) });
    let refused = room.take();
    assert!(refused.iter().any(|effect| matches!(effect, flow_room::Effect::Reply { result: Err(_), .. })));
    assert!(room.nodes().is_empty() && room.appended().is_empty());

    let good = edit(serde_json::json!({ "op": "addNode", "id": "a", "type": "message" }));
    room.apply(Event::Edit { ticket, request: EditRequest::edits(author, vec![good]) });
    let is_reply =
        |effect: &flow_room::Effect| matches!(effect, flow_room::Effect::Reply { result: Ok(_), .. });
    assert!(!room.take().iter().any(is_reply), "not before the commit");
    assert_eq!(room.appended()[0].actor, author);
    room.commit();
    assert!(room.effects.iter().any(is_reply));
}

#[tokio::test]
async fn every_update_goes_out_once_and_in_order() {
    let mut room = room().await;
    let mut doc = writer(&room);
    room.join(ANN, Role::Editor).join(BEN, Role::Viewer);
    let updates: Vec<_> = (0..50).map(|at| add(&mut doc, &format!("n{at}"))).collect();
    let before = room.room.position().0;
    for update in &updates {
        room.update(ANN, update);
    }
    let sent: Vec<_> = room.fanned_out().into_iter().map(|(update, _)| update.to_vec()).collect();
    assert_eq!(sent, updates);
    let positions: Vec<_> = room
        .take()
        .into_iter()
        .filter_map(|effect| match effect {
            flow_room::Effect::FanOut { position, .. } => Some(position.0),
            _ => None,
        })
        .collect();
    assert_eq!(positions, (before + 1..=before + 50).collect::<Vec<_>>());
}

#[tokio::test]
async fn who_sends_anothers_work_again_is_not_its_writer() {
    let mut room = room().await;
    let (mut first, mut second) = (writer(&room), writer(&room));
    let (ann, ben) = (info("Ann", Role::Editor), info("Ben", Role::Editor));
    room.join_as(ANN, ann.clone()).join_as(BEN, ben.clone()).update(ANN, &add(&mut first, "a"));
    assert_eq!(room.writers[0].user, ann.user);
    room.commit();
    second.apply_update_v1(&first.encode_state_v1()).unwrap();
    add(&mut second, "b");
    room.update(BEN, &second.encode_state_v1());
    let writers: Vec<_> = room.writers.iter().map(|writer| (writer.client_id, writer.user)).collect();
    assert_eq!(writers, [(second.client_id(), ben.user)]);
}

/// An item within a character. No client is known to make one, and should one do, its
/// other work stays welcome.
#[tokio::test]
async fn what_stands_where_nothing_can_is_denied_and_its_sender_stays() {
    let mut room = room().await;
    room.join(ANN, Role::Editor).update(ANN, &[1, 1, 5, 0, 4, 1, 1, b't', 1, b'c', 0]).take();
    room.update(ANN, &[1, 1, 6, 0, 0x21, 0, 5, 0, 1, b'k', 1, 0]);
    assert!(room.was_refused(ANN) && room.closed(ANN).is_none());
    assert!(room.fanned_out().is_empty() && room.room.document().is_some());
    room.take();
    room.barrier(ANN, b"x").commit();
    assert!(room.barriers_to(ANN).is_empty(), "its document holds what ours does not");
}
