//! Changes that programs make.

use flow_base::{ActorId, Role, Seq};
use flow_model::{FlowJson, canvas_hash};
use flow_room::{Change, EditDone, EditRefused, EditRequest, Effect, Event, RoomLimits, Ticket};

use crate::harness::{ANN, Harness, add, room, room_with, writer};

const TICKET: Ticket = Ticket(1);

fn request(change: Change, expected: Option<String>) -> Event {
    let request = EditRequest { change, expected, ..EditRequest::edits(ActorId::Server, Vec::new()) };
    Event::Edit { ticket: TICKET, request }
}

fn move_to(x: f64) -> Change {
    let edit = serde_json::json!({ "op": "moveNode", "id": "a", "x": x, "y": 0 });
    Change::Edits(vec![serde_json::from_value(edit).unwrap()])
}

fn hash(room: &Harness) -> String {
    canvas_hash(room.room.document().unwrap().graph())
}

/// The answer, if there is one since the last look.
fn answer(room: &mut Harness) -> Option<Result<EditDone, EditRefused>> {
    room.take().into_iter().find_map(|effect| match effect {
        Effect::Reply { ticket: TICKET, result } => Some(result.map(|done| *done)),
        _ => None,
    })
}

async fn room_with_a_node() -> Harness {
    let mut room = room().await;
    let update = add(&mut writer(&room), "a");
    room.join(ANN, Role::Editor).update(ANN, &update).commit();
    room
}

#[tokio::test]
async fn a_change_is_made_only_to_the_flow_that_was_seen() {
    let mut room = room_with_a_node().await;
    let seen = hash(&room);
    room.apply(request(move_to(1.0), Some(seen.clone()))).commit();
    let done = answer(&mut room).unwrap().unwrap();
    assert_eq!(done.graph.layout["a"].x, 1.0);
    assert_eq!(canvas_hash(&done.graph), hash(&room));
    room.apply(request(move_to(2.0), Some(seen)));
    assert!(matches!(answer(&mut room), Some(Err(EditRefused::Changed))));
    assert!(room.appended().is_empty());
    room.apply(request(move_to(2.0), Some(canvas_hash(&done.graph)))).commit();
    assert!(answer(&mut room).unwrap().is_ok());
}

#[tokio::test]
async fn a_change_names_a_position_by_which_it_is_stored() {
    let mut room = room_with_a_node().await;
    let head = room.head;
    room.apply(request(move_to(1.0), None));
    assert!(answer(&mut room).is_none(), "not before the commit");
    room.commit();
    assert_eq!(answer(&mut room).unwrap().unwrap().seq, Seq(head.0 + 1));
}

/// How the flow is read once all of it is stored.
#[tokio::test]
async fn no_edits_are_answered_once_what_there_is_is_stored() {
    let mut room = room_with_a_node().await;
    let update = add(&mut writer(&room), "b");
    room.apply(request(Change::Edits(Vec::new()), None));
    assert_eq!(answer(&mut room).unwrap().unwrap().seq, room.head);
    room.update(ANN, &update).take();
    room.apply(request(Change::Edits(Vec::new()), None));
    assert!(answer(&mut room).is_none());
    room.commit();
    let done = answer(&mut room).unwrap().unwrap();
    assert_eq!((done.graph.nodes.len(), done.seq), (2, room.head));
    assert!(room.appended().is_empty());
}

#[tokio::test]
async fn a_whole_flow_is_written_as_one_update_that_everybody_gets() {
    let mut room = room_with_a_node().await;
    let text =
        r#"{ "interflow": 1, "name": "Other", "nodes": [{ "id": "b", "type": "message", "data": {} }] }"#;
    let flow = FlowJson::parse(text).unwrap();
    room.take();
    room.apply(request(Change::Whole(Box::new(flow)), None));
    assert_eq!((room.fanned_out().len(), room.appended().len(), room.nodes()), (1, 1, vec!["b".to_owned()]));
    room.commit();
    assert_eq!(answer(&mut room).unwrap().unwrap().graph.meta.name, "Other");
}

/// What would pass the limit is refused, and what makes a full document smaller is not.
#[tokio::test]
async fn a_change_may_not_pass_the_limit_and_may_lead_back_below_it() {
    let mut room = room_with(RoomLimits { document_bytes: 4_000, ..RoomLimits::default() }).await;
    let sized = |text: String| {
        let flow = serde_json::json!({
            "interflow": 1, "name": "Flow",
            "nodes": [{ "id": "n", "type": "note", "data": { "text": text } }],
        });
        let bytes = flow.to_string().len();
        let change = Change::Whole(Box::new(FlowJson::from_value(&flow).unwrap()));
        let request = EditRequest { change, bytes, ..EditRequest::edits(ActorId::Server, Vec::new()) };
        Event::Edit { ticket: TICKET, request }
    };
    room.apply(sized("x".repeat(3_000))).commit();
    assert!(answer(&mut room).unwrap().is_ok());
    room.apply(sized("y".repeat(3_900)));
    assert!(matches!(answer(&mut room), Some(Err(EditRefused::TooLarge(4_000)))));
    assert!(room.appended().is_empty());
    room.apply(sized("z".repeat(10))).commit();
    assert!(answer(&mut room).unwrap().is_ok());
    let remove = serde_json::from_value(serde_json::json!({ "op": "removeNode", "id": "n" })).unwrap();
    let request = EditRequest { bytes: 5_000, ..EditRequest::edits(ActorId::Server, vec![remove]) };
    room.apply(Event::Edit { ticket: TICKET, request }).commit();
    assert!(answer(&mut room).unwrap().is_ok());
}
