use std::sync::Arc;

use bytes::Bytes;
use flow_base::{BatchId, Role, Seq, SeqRange};
use flow_cluster::LogSlice;
use flow_model::FlowDoc;
use flow_room::{Committed, Effect, Event, RoomLimits};

use crate::harness::{ANN, Harness, add, room, room_with, writer};

fn slice(first: u64, updates: Vec<Vec<u8>>) -> LogSlice {
    LogSlice::of_batch(Seq(first), BatchId::generate(), updates.into_iter().map(Bytes::from))
}

fn relayed(first: u64, updates: Vec<Vec<u8>>) -> Event {
    Event::Relayed { slice: Arc::new(slice(first, updates)) }
}

/// After which position the log is read, if it is.
fn reads(room: &mut Harness) -> Option<u64> {
    let mut reads = room.take().into_iter().filter_map(|effect| match effect {
        Effect::ReadLog { after } => Some(after.0),
        _ => None,
    });
    let first = reads.next();
    assert_eq!(reads.next(), None, "the log is read twice at once");
    first
}

fn nodes_of(doc: &mut FlowDoc, ids: &[&str]) -> Vec<Vec<u8>> {
    ids.iter().map(|id| add(doc, id)).collect()
}

#[tokio::test]
async fn a_hole_in_the_positions_means_that_another_node_wrote_and_is_read() {
    let mut room = room().await;
    let (mut doc, mut elsewhere) = (writer(&room), writer(&room));
    room.join(ANN, Role::Editor).update(ANN, &add(&mut doc, "a"));
    let other = add(&mut elsewhere, "b");
    let head = room.room.contiguous().0;
    room.commit_after(1);
    assert_eq!(room.room.contiguous().0, head, "not beyond what is known");
    assert_eq!(reads(&mut room), Some(head));
    room.apply(Event::LogRead { slice: slice(head + 1, vec![other.clone()]) });
    assert_eq!(room.fanned_out(), [(other.into(), None)]);
    assert_eq!(reads(&mut room), Some(head + 1), "the log is read in pages");
    room.apply(Event::LogRead { slice: slice(head + 2, vec![doc.encode_state_v1()]) });
    assert!(room.fanned_out().is_empty(), "only what the peers do not have");
    assert_eq!(reads(&mut room), None);
    assert_eq!(room.room.contiguous().0, head + 2);
    assert_eq!(room.nodes(), ["a", "b"]);
    assert_eq!(room.appended(), [], "it is stored already");
}

#[tokio::test]
async fn what_another_node_commits_is_applied_fanned_out_and_not_stored_again() {
    let mut room = room().await;
    let mut elsewhere = writer(&room);
    room.join(ANN, Role::Editor).take();
    let updates = nodes_of(&mut elsewhere, &["a", "b"]);
    room.apply(relayed(2, updates.clone()));
    assert_eq!(room.fanned_out().len(), 2);
    assert_eq!((room.nodes().len(), room.room.contiguous(), room.appended().len()), (2, Seq(3), 0));
    room.take();
    room.apply(relayed(2, updates));
    assert!(room.fanned_out().is_empty(), "said twice");
    assert_eq!(reads(&mut room), None);
}

#[tokio::test]
async fn updates_that_come_out_of_order_wait_for_those_before_them() {
    let mut room = room().await;
    let mut elsewhere = writer(&room);
    let [a, b, c] = nodes_of(&mut elsewhere, &["a", "b", "c"]).try_into().unwrap();
    room.apply(relayed(4, vec![c]));
    assert_eq!(reads(&mut room), Some(1), "the relay may have lost what is missing");
    room.apply(relayed(3, vec![b]));
    assert_eq!(reads(&mut room), None, "one read is enough");
    assert!(room.nodes().is_empty());
    room.apply(relayed(2, vec![a]));
    assert_eq!((room.nodes().len(), room.room.contiguous()), (3, Seq(4)));
    room.apply(Event::LogRead { slice: LogSlice::empty_after(Seq(1)) });
    assert_eq!(reads(&mut room), None);
}

/// Two busy nodes each see the other's commits before the answer to their own.
#[tokio::test]
async fn a_hole_that_is_our_own_append_is_waited_for_and_not_read() {
    let mut room = room().await;
    let (mut doc, mut elsewhere) = (writer(&room), writer(&room));
    room.join(ANN, Role::Editor).update(ANN, &add(&mut doc, "a")).take();
    room.apply(relayed(3, nodes_of(&mut elsewhere, &["b"])));
    assert_eq!(reads(&mut room), None);
    room.commit();
    assert_eq!((room.nodes().len(), room.room.contiguous()), (2, Seq(3)));
    assert_eq!(reads(&mut room), None);
}

#[tokio::test]
async fn a_room_that_hears_of_no_relay_follows_the_store() {
    let mut room = room().await;
    let mut elsewhere = writer(&room);
    room.apply(Event::HeadSeen { head: Seq(1) });
    assert_eq!(reads(&mut room), None, "nothing is new");
    room.apply(Event::HeadSeen { head: Seq(2) });
    assert_eq!(reads(&mut room), Some(1));
    room.apply(Event::HeadSeen { head: Seq(2) });
    assert_eq!(reads(&mut room), None, "it is being read");
    room.apply(Event::LogRead { slice: slice(2, nodes_of(&mut elsewhere, &["a"])) });
    assert_eq!(room.nodes(), ["a"]);
    room.take();
    room.apply(Event::RelayMissed);
    assert_eq!(reads(&mut room), Some(2));
}

#[tokio::test]
async fn while_an_append_is_under_way_a_new_head_may_be_that_append() {
    let mut room = room().await;
    let mut doc = writer(&room);
    room.join(ANN, Role::Editor).update(ANN, &add(&mut doc, "a")).take();
    room.apply(Event::HeadSeen { head: Seq(2) });
    assert_eq!(reads(&mut room), None);
    room.apply(Event::HeadSeen { head: Seq(2) });
    assert_eq!(reads(&mut room), Some(1), "it has taken long: it may be another node's");
}

#[tokio::test]
async fn commits_are_told_to_the_other_nodes() {
    let mut room = room().await;
    let mut doc = writer(&room);
    let update = add(&mut doc, "a");
    room.join(ANN, Role::Editor).update(ANN, &update).take();
    let seqs = SeqRange::after(Seq(4), 1).unwrap();
    let batch = BatchId::generate();
    room.apply(Event::Committed(Committed { batch, seqs }));
    let told = room.take().into_iter().find_map(|effect| match effect {
        Effect::Relay(slice) => Some(slice),
        _ => None,
    });
    assert_eq!(told, Some(LogSlice::of_batch(Seq(5), batch, [Bytes::from(update)])));
}

/// The snapshot's number says "everything up to here": another node's update that
/// was read after it was taken is not in it.
#[tokio::test]
async fn a_snapshot_does_not_claim_what_was_read_after_it_was_taken() {
    let limits = RoomLimits { snapshot_updates: 2, snapshot_ratio: 1_000, ..RoomLimits::default() };
    let mut room = room_with(limits).await;
    let (mut doc, mut elsewhere) = (writer(&room), writer(&room));
    room.join(ANN, Role::Editor).update(ANN, &add(&mut doc, "a"));
    // It was taken with "a", not committed. Now another node's 2 arrives.
    room.apply(relayed(2, nodes_of(&mut elsewhere, &["c"])));
    room.take();
    room.head = Seq(2);
    room.commit();
    let published = room.take().into_iter().find_map(|effect| match effect {
        Effect::Publish(snapshot) => Some(snapshot),
        _ => None,
    });
    let snapshot = published.expect("everything in it is committed");
    let mut opened = FlowDoc::new(None);
    opened.apply_update_v1(&snapshot.state).unwrap();
    assert_eq!(opened.graph().nodes.len(), 1, "it was to be taken before the relayed update");
    assert_eq!(snapshot.seq, Seq(1));
}

#[tokio::test]
async fn a_log_that_cannot_be_read_ends_the_room_and_not_its_peers_work() {
    let mut room = room().await;
    room.join(ANN, Role::Editor).take();
    room.apply(Event::Unreadable);
    assert_eq!(room.closed(ANN), Some(flow_protocol::CloseCode::Overloaded));
    assert!(room.room.has_failed());
}
