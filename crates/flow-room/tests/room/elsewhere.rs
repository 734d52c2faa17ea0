//! Presence between nodes: two rooms of one flow, each told what the other says.

use std::sync::Arc;
use std::time::Duration;

use flow_base::{ConnId, NodeId, Role};
use flow_cluster::NodePresence;
use flow_protocol::awareness::{self, Entry};
use flow_protocol::frame::{self, Message};
use flow_room::{Effect, Event, PeerInfo};

use crate::harness::{ANN, BEN, Harness, info, room};

struct Node {
    id: NodeId,
    room: Harness,
}

impl Node {
    async fn new() -> Self {
        Self { id: NodeId::generate(), room: room().await }
    }

    /// What it says to other nodes, since the last look.
    fn says(&mut self) -> Vec<NodePresence> {
        let said = |effect| match effect {
            Effect::TellNodes(presence) => Some(presence),
            _ => None,
        };
        self.room.take().into_iter().filter_map(said).collect()
    }

    fn hears(&mut self, node: NodeId, presence: NodePresence) {
        self.room.apply(Event::NodeShows { node, presence: Arc::new(presence) });
    }

    /// Who it has shown its peers, or shown as gone, since the last look; the newest last.
    fn shows(&mut self) -> Vec<Entry> {
        // By then whatever waits to be shown together is shown.
        self.room.after(Duration::from_millis(100));
        let effects = self.room.take();
        let frames = effects.iter().filter_map(|effect| match effect {
            Effect::Show { frame, .. } => Some(frame.clone()),
            _ => None,
        });
        frames.flat_map(|frame| entries(frame::messages(frame).next().unwrap().unwrap())).collect()
    }
}

fn entries(message: Message) -> Vec<Entry> {
    match message {
        Message::Awareness { update } => awareness::decode(&update).unwrap(),
        other => panic!("no presence, but {other:?}"),
    }
}

/// Each hears what the other says, until neither says anything.
fn exchange(one: &mut Node, other: &mut Node) {
    loop {
        let (from_one, from_other) = (one.says(), other.says());
        if from_one.is_empty() && from_other.is_empty() {
            return;
        }
        from_one.into_iter().for_each(|said| other.hears(one.id, said));
        from_other.into_iter().for_each(|said| one.hears(other.id, said));
    }
}

/// Ann at one node, Ben at another; each has heard of the other.
async fn two() -> (Node, Node, PeerInfo) {
    let (mut one, mut other) = (Node::new().await, Node::new().await);
    let ann = info("Ann", Role::Editor);
    one.room.join_as(ANN, ann.clone()).show(ANN, 7, 3, r#"{"at":"one"}"#);
    other.room.join(BEN, Role::Editor).show(BEN, 8, 1, "{}");
    exchange(&mut one, &mut other);
    (one, other, ann)
}

fn pass(nodes: &mut [&mut Node], time: Duration) {
    nodes.iter_mut().for_each(|node| {
        node.room.after(time);
    });
}

const SECOND: Duration = Duration::from_secs(1);

/// Whoever joins now hears that these clients are here.
fn here(node: &mut Node) -> Vec<u64> {
    let asking = ConnId(99);
    node.room.join(asking, Role::Viewer);
    let told = node.room.sent_to(asking);
    let shown = told.into_iter().filter(|message| matches!(message, Message::Awareness { .. }));
    let mut clients: Vec<u64> = shown.flat_map(entries).map(|entry| entry.client).collect();
    clients.sort_unstable();
    node.room.apply(Event::Left { conn: asking });
    clients
}

#[tokio::test]
async fn people_at_another_node_are_seen_with_their_stamp() {
    let (mut one, mut other, _) = two().await;
    assert_eq!((here(&mut one), here(&mut other)), (vec![7, 8], vec![7, 8]));
    one.says();
    one.room.show(ANN, 7, 4, r#"{"at":"one again"}"#).after(SECOND);
    let said = one.says();
    let [NodePresence::Changed(changed)] = &said[..] else { panic!("{said:?}") };
    assert_eq!(changed[0].client, 7);
    other.shows();
    said.into_iter().for_each(|said| other.hears(one.id, said));
    let shown = other.shows();
    assert_eq!((shown[0].client, shown[0].clock), (7, 4));
    assert!(shown[0].state.windows(5).any(|text| text == b"\"Ann\""), "{:?}", shown[0].state);
}

#[tokio::test]
async fn who_leaves_another_node_is_gone_at_once() {
    let (mut one, mut other, _) = two().await;
    pass(&mut [&mut one, &mut other], SECOND);
    one.says();
    one.room.apply(Event::Left { conn: ANN }).after(SECOND);
    let said = one.says();
    other.room.take();
    said.into_iter().for_each(|said| other.hears(one.id, said));
    assert_eq!(other.shows(), [Entry::gone(7, 3)]);
}

/// What a node said last may have been lost.
#[tokio::test]
async fn who_is_not_named_any_more_is_gone() {
    let (mut one, mut other, _) = two().await;
    pass(&mut [&mut one, &mut other], SECOND);
    one.room.join(ConnId(9), Role::Viewer).apply(Event::Left { conn: ANN });
    drop(one.says());
    pass(&mut [&mut one, &mut other], 8 * SECOND);
    other.room.take();
    let said = one.says();
    assert!(matches!(said[..], [NodePresence::Everybody { asks: false, .. }]), "{said:?}");
    said.into_iter().for_each(|said| other.hears(one.id, said));
    assert_eq!(other.shows(), [Entry::gone(7, 3)]);
}

#[tokio::test]
async fn a_node_that_died_leaves_no_ghosts() {
    let (_, mut other, _) = two().await;
    other.room.after(24 * SECOND);
    assert_eq!(here(&mut other), [7, 8]);
    other.shows();
    other.room.after(2 * SECOND);
    assert_eq!(other.shows(), [Entry::gone(7, 3)]);
    assert_eq!(here(&mut other), [8]);
}

#[tokio::test]
async fn a_node_that_says_it_is_there_stays() {
    let (mut one, mut other, _) = two().await;
    for _ in 0..10 {
        pass(&mut [&mut one, &mut other], 8 * SECOND);
        exchange(&mut one, &mut other);
    }
    assert_eq!((here(&mut one), here(&mut other)), (vec![7, 8], vec![7, 8]));
}

#[tokio::test]
async fn a_client_that_moves_to_another_node_is_not_removed_by_the_first() {
    let (mut one, mut other, ann) = two().await;
    pass(&mut [&mut one, &mut other], SECOND);
    one.room.join(ConnId(9), Role::Viewer);
    // Its old socket is not seen to be gone yet.
    other.room.join_as(ANN, ann).show(ANN, 7, 3, r#"{"at":"other"}"#);
    exchange(&mut one, &mut other);
    pass(&mut [&mut one, &mut other], SECOND);
    one.room.apply(Event::Left { conn: ANN });
    let said = one.says();
    other.room.take();
    said.into_iter().for_each(|said| other.hears(one.id, said));
    // It hears of it, and goes past that clock.
    assert_eq!(entries(other.room.sent_to(ANN)[0].clone()), [Entry::gone(7, 3)]);
    assert_eq!(other.shows(), []);
    other.room.after(SECOND).show(ANN, 7, 4, "{}").after(SECOND);
    exchange(&mut one, &mut other);
    assert_eq!((here(&mut one), here(&mut other)), (vec![7, 8], vec![7, 8]));
}

#[tokio::test]
async fn nobody_takes_a_strangers_client_id_over() {
    let (mut one, mut other, _) = two().await;
    pass(&mut [&mut one, &mut other], SECOND);
    one.room.join(BEN, Role::Editor).show(BEN, 8, 9, r#"{"forged":true}"#);
    other.room.take();
    exchange(&mut one, &mut other);
    pass(&mut [&mut one, &mut other], SECOND);
    exchange(&mut one, &mut other);
    assert_eq!(other.shows(), []);
}

/// Whoever opens the flow, or has missed something, asks; nobody waits for the next round.
#[tokio::test]
async fn who_joins_a_room_that_was_empty_hears_of_everybody_at_once() {
    let (mut one, mut other, _) = two().await;
    other.room.apply(Event::Left { conn: BEN }).after(60 * SECOND);
    assert!(here(&mut other).is_empty());
    other.room.join(BEN, Role::Editor);
    exchange(&mut one, &mut other);
    assert_eq!(here(&mut other), [7]);
    other.says();
    other.room.apply(Event::RelayMissed);
    let asks =
        other.says().into_iter().any(|said| matches!(said, NodePresence::Everybody { asks: true, .. }));
    assert!(asks);
}

#[tokio::test]
async fn changes_are_told_only_where_somebody_listens() {
    let mut one = Node::new().await;
    one.room.join(ANN, Role::Editor).show(ANN, 7, 1, "{}");
    one.says();
    one.room.after(SECOND).show(ANN, 7, 2, "{}").after(SECOND);
    assert_eq!(one.says(), []);
}

/// The others' answer is still on its way: until it is here nobody is known to listen.
#[tokio::test]
async fn who_comes_or_leaves_before_the_others_have_answered_is_told_to_them() {
    let (mut one, mut other) = (Node::new().await, Node::new().await);
    one.room.join(ANN, Role::Editor).show(ANN, 7, 3, "{}").after(SECOND);
    one.says();
    let leaves = ConnId(31);
    other.room.join(leaves, Role::Editor).show(leaves, 10, 1, "{}");
    other.room.after(SECOND).apply(Event::RelayMissed);
    let mut asked = other.says();
    other
        .room
        .join(BEN, Role::Editor)
        .show(BEN, 8, 1, "{}")
        .apply(Event::Left { conn: leaves })
        .after(SECOND);
    asked.extend(other.says());
    asked.into_iter().for_each(|said| one.hears(other.id, said));
    exchange(&mut one, &mut other);
    pass(&mut [&mut one, &mut other], Duration::from_millis(100));
    exchange(&mut one, &mut other);
    assert_eq!(here(&mut one), [7, 8]);
}

#[tokio::test]
async fn a_room_that_closes_tells_of_the_last_who_left() {
    let (mut one, mut other, _) = two().await;
    let cay = ConnId(20);
    one.room.join(cay, Role::Viewer).show(cay, 9, 3, "{}");
    pass(&mut [&mut one, &mut other], SECOND);
    exchange(&mut one, &mut other);
    assert_eq!(here(&mut other), [7, 8, 9]);
    one.room.apply(Event::Drain).apply(Event::Left { conn: ANN });
    one.room.elapsed += Duration::from_millis(2);
    one.room.apply(Event::Left { conn: cay });
    let moment = flow_room::Moment { elapsed: one.room.elapsed, wall: crate::harness::now() };
    assert!(!one.room.room.may_close(moment), "not before it is told");
    one.room.after(Duration::from_millis(20));
    one.says().into_iter().for_each(|said| other.hears(one.id, said));
    other.shows();
    assert_eq!(here(&mut other), [8]);
}

/// More states than fit into one message are said before everybody is named.
#[tokio::test]
async fn who_is_only_named_stays_as_shown_before() {
    let (mut one, mut other, _) = two().await;
    pass(&mut [&mut one, &mut other], 8 * SECOND);
    other.shows();
    for said in one.says() {
        let NodePresence::Everybody { mut shown, asks } = said else { continue };
        other.hears(one.id, NodePresence::Changed(shown.clone()));
        shown.iter_mut().for_each(|shown| shown.state = None);
        other.hears(one.id, NodePresence::Everybody { shown, asks });
    }
    assert_eq!(other.shows(), []);
    assert_eq!(here(&mut other), [7, 8]);
}

/// Who reads who is there waits until the others have had time to say it.
#[tokio::test]
async fn a_room_says_how_long_the_others_have_been_listened_to() {
    let mut node = Node::new().await;
    let asked = |node: &Node| node.room.room.present(node.room.moment()).asked;
    assert_eq!(asked(&node), None, "nobody is there who could have asked");
    node.room.after(SECOND).join(ANN, Role::Viewer);
    assert_eq!(asked(&node), Some(Duration::ZERO));
    node.room.after(SECOND).join(BEN, Role::Viewer);
    assert_eq!(asked(&node), Some(SECOND), "since the first");
    node.room.apply(Event::Left { conn: ANN }).after(SECOND);
    assert_eq!(asked(&node), Some(2 * SECOND));
    node.room.apply(Event::Left { conn: BEN });
    assert_eq!(asked(&node), None);
    node.room.join(ANN, Role::Viewer);
    assert_eq!(asked(&node), Some(Duration::ZERO), "what was said meanwhile was not heard");
}
