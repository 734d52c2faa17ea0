//! What a room does when the CRDT library fails inside its document. No update is
//! known that does so and passes the checks, so these tests make one up.

use flow_base::{BatchId, Role, Timestamp, UserId};
use flow_cluster::LogSlice;
use flow_model::initial_update;
use flow_protocol::{UpdateLimits, check_update, frame};
use uuid::Uuid;

use super::*;
use crate::budget::Permit;
use crate::event::PeerInfo;
use crate::load::ReadFlow;

const ANN: ConnId = ConnId(1);
const BEN: ConnId = ConnId(2);

struct Fixture {
    room: Room,
    log: Vec<Bytes>,
    doc: FlowDoc,
    effects: Vec<Effect>,
}

fn moment() -> Moment {
    Moment { elapsed: Duration::ZERO, wall: Timestamp::UNIX_EPOCH }
}

fn loaded(log: &[Bytes]) -> LoadedFlow {
    let tail = LogSlice::of_batch(Seq(1), BatchId::generate(), log.to_vec());
    LoadedFlow::build(FlowId::generate(), &ReadFlow { snapshot: None, tail }).unwrap()
}

fn fixture() -> Fixture {
    let log = vec![Bytes::from(initial_update(Uuid::from_u128(7), "Flow", ""))];
    let room = Room::new(FlowId::generate(), loaded(&log), RoomLimits::default());
    let mut doc = FlowDoc::new(None);
    doc.apply_update_v1(&log[0]).unwrap();
    let mut fixture = Fixture { room, log, doc, effects: Vec::new() };
    for conn in [ANN, BEN] {
        let peer =
            PeerInfo { user: UserId::generate(), name: "x".into(), role: Role::Editor, may_edit: true };
        fixture.apply(Event::Joined { conn, peer });
        let state_vector = Bytes::from_static(&[0]);
        fixture.apply(Event::Received { conn, message: Inbound::Step1 { state_vector } });
    }
    fixture
}

impl Fixture {
    fn apply(&mut self, event: Event) -> Vec<Event> {
        self.effects.clear();
        self.room.apply_batch(moment(), [event], &mut self.effects)
    }

    fn add(&mut self, id: &str) -> Bytes {
        let edit = serde_json::json!({ "op": "addNode", "id": id, "type": "message" });
        let edits = [serde_json::from_value(edit).unwrap()];
        self.doc.edit(&edits).unwrap().update.unwrap().into()
    }

    fn received(conn: ConnId, update: &Bytes) -> Event {
        let update = check_update(update.clone(), &UpdateLimits::default()).unwrap();
        Event::Received { conn, message: Inbound::Update { update, permit: Permit::unbounded() } }
    }

    fn nodes(&self) -> Vec<String> {
        self.room.document().unwrap().graph().nodes.keys().map(ToString::to_string).collect()
    }
}

#[test]
fn a_panic_inside_the_document_costs_its_sender_the_connection_and_nobody_an_edit() {
    let mut f = fixture();
    let (kept, spoiling, later) = (f.add("kept"), f.add("spoiling"), f.add("later"));
    f.apply(Fixture::received(ANN, &kept));
    f.room.document.panics_next = true;
    f.apply(Fixture::received(BEN, &spoiling));
    let closed = |effect: &Effect| matches!(effect, Effect::Close { conn: BEN, code: CloseCode::Malformed });
    assert!(f.effects.iter().any(closed), "{:?}", f.effects);
    assert!(f.effects.iter().any(|effect| matches!(effect, Effect::Reload)));
    assert!(!f.effects.iter().any(|effect| matches!(effect, Effect::FanOut { .. })));
    assert!(f.room.document().is_none(), "nobody sees a spoiled document");

    f.apply(Event::Reloaded(Box::new(loaded(&f.log))));
    assert_eq!(f.nodes(), ["kept"], "what was accepted and not yet stored is back");
    let answered = |conn| {
        f.effects.iter().any(|effect| matches!(effect, Effect::AnswerJoin { conn: to, .. } if *to == conn))
    };
    assert!(answered(ANN), "peers may have missed what came in with the reading");
    assert!(!f.room.is_saved());
    f.apply(Fixture::received(ANN, &later));
    assert_eq!(f.nodes(), ["kept"], "it builds on what was set aside, and waits for it");
}

#[test]
fn what_comes_behind_a_panic_in_one_batch_is_handed_back() {
    let mut f = fixture();
    let (spoiling, behind) = (f.add("spoiling"), f.add("behind"));
    f.room.document.panics_next = true;
    let events = [Fixture::received(BEN, &spoiling), Fixture::received(ANN, &behind)];
    let held = f.room.apply_batch(moment(), events, &mut f.effects);
    assert_eq!(held.len(), 1);
}

/// The store is read before the append in flight is committed: what it brings lacks
/// the update, and a room that went on from the commit's position would miss it.
#[test]
fn what_is_committed_while_the_document_is_read_anew_is_not_taken_for_read() {
    let mut f = fixture();
    let (kept, spoiling) = (f.add("kept"), f.add("spoiling"));
    f.apply(Fixture::received(ANN, &kept));
    f.room.document.panics_next = true;
    f.apply(Fixture::received(BEN, &spoiling));
    let read_before = loaded(&f.log);
    f.room.following.reloaded(Seq(2));
    f.apply(Event::Reloaded(Box::new(read_before)));
    assert_eq!((f.nodes(), f.room.contiguous()), (vec!["kept".to_owned()], Seq(1)));
    let reads = |effect: &Effect| matches!(effect, Effect::ReadLog { after: Seq(1) });
    assert!(f.effects.iter().any(reads), "{:?}", f.effects);
    f.apply(Event::LogRead { slice: LogSlice::of_batch(Seq(2), BatchId::generate(), [kept]) });
    assert_eq!((f.nodes(), f.room.contiguous()), (vec!["kept".to_owned()], Seq(2)));
}

/// Somebody was answered from stored bytes; before the room hears of it, its document is
/// read anew, with what another node has stored meanwhile.
#[test]
fn who_was_answered_before_the_document_was_read_anew_is_brought_up_to_date() {
    let mut f = fixture();
    let (spoiling, elsewhere) = (f.add("spoiling"), f.add("elsewhere"));
    f.room.document.panics_next = true;
    f.apply(Fixture::received(ANN, &spoiling));
    assert!(f.room.document().is_none());
    let peer = PeerInfo { user: UserId::generate(), name: "x".into(), role: Role::Viewer, may_edit: false };
    f.log.extend([spoiling, elsewhere]);
    let log = f.log.clone();
    f.apply(Event::Reloaded(Box::new(loaded(&log))));
    let late = ConnId(9);
    f.apply(Event::Greeted { conn: late, peer });
    f.apply(Event::Answered { conn: late });
    let told = f.effects.iter().find_map(|effect| match effect {
        Effect::AnswerJoin { conn, frame, position } if *conn == late => Some((frame.clone(), *position)),
        _ => None,
    });
    let (frame, position) = told.expect("it is told");
    assert_eq!(position, f.room.position(), "or what comes next would be sent again, or not at all");
    let message = frame::messages(frame).next();
    let Some(Ok(frame::Message::Step2 { update })) = message else { panic!("unexpected: {message:?}") };
    // What it was answered before.
    let mut there = FlowDoc::new(None);
    there.apply_update_v1(&log[0]).unwrap();
    there.apply_update_v1(&update).unwrap();
    assert_eq!(there.graph(), f.room.document().unwrap().graph());
    assert_eq!(f.nodes(), ["elsewhere", "spoiling"]);
}
