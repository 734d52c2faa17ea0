use std::time::Duration;

use flow_base::Role;
use flow_model::{FlowDoc, FlowJson};
use flow_room::{EditRequest, Effect, Event, Moment, RoomLimits};
use flow_store::Snapshot;

use crate::harness::{ANN, Harness, add, now, room_with, writer};

fn limits() -> RoomLimits {
    RoomLimits { snapshot_updates: 4, ..RoomLimits::default() }
}

fn published(room: &Harness) -> Option<Snapshot> {
    room.effects.iter().find_map(|effect| match effect {
        Effect::Publish(snapshot) => Some(snapshot.clone()),
        _ => None,
    })
}

fn nodes(snapshot: &Snapshot) -> usize {
    let mut doc = FlowDoc::new(None);
    doc.apply_update_v1(&snapshot.state).unwrap();
    doc.graph().nodes.len()
}

#[tokio::test]
async fn a_snapshot_is_published_only_after_everything_in_it_is_committed() {
    let mut room = room_with(limits()).await;
    let mut doc = writer(&room);
    room.join(ANN, Role::Editor);
    for id in ["a", "b", "c"] {
        room.update(ANN, &add(&mut doc, id));
    }
    assert!(published(&room).is_none(), "nothing is committed");
    room.commit_some(0, 1);
    assert!(published(&room).is_none(), "b and c are not");
    room.commit();
    let snapshot = published(&room).expect("all is committed");
    assert_eq!((nodes(&snapshot), snapshot.seq), (3, room.head));
}

/// Where traffic never pauses a snapshot still comes, and names no more than it has.
#[tokio::test]
async fn a_snapshot_taken_under_traffic_names_what_it_contains() {
    let mut room = room_with(limits()).await;
    let mut doc = writer(&room);
    room.join(ANN, Role::Editor);
    let mut snapshots = 0;
    for at in 0..30 {
        room.update(ANN, &add(&mut doc, &format!("n{at}"))).update(ANN, &add(&mut doc, &format!("m{at}")));
        room.commit_some(0, room.appended().len() - 1);
        if let Some(snapshot) = published(&room) {
            snapshots += 1;
            // Position 1 is the flow's `meta`; every later one adds a node.
            assert!(nodes(&snapshot) as u64 + 1 >= snapshot.seq.0);
            assert!(snapshot.seq <= room.head);
            room.apply(Event::SnapshotDone { stored: true });
        }
        assert!(!room.room.is_saved(), "traffic never pauses");
    }
    assert!(snapshots > 5, "{snapshots} snapshots");
}

#[tokio::test]
async fn an_idle_room_closes_once_everything_is_stored_and_not_before() {
    let mut room = room_with(limits()).await;
    let mut doc = writer(&room);
    room.join(ANN, Role::Editor).update(ANN, &add(&mut doc, "a"));
    let may_close = |room: &Harness| room.room.may_close(Moment { elapsed: room.elapsed, wall: now() });
    room.after(Duration::from_secs(100));
    assert!(!may_close(&room), "somebody is here");
    room.apply(Event::Left { conn: ANN }).after(Duration::from_secs(59));
    assert!(!may_close(&room), "not idle for long enough");
    room.after(Duration::from_secs(2));
    assert!(!may_close(&room), "an update is not stored");
    room.commit();
    assert!(published(&room).is_some(), "a snapshot before it closes");
    assert!(!may_close(&room), "it is not stored yet");
    room.apply(Event::SnapshotDone { stored: true });
    assert!(!may_close(&room), "the list of flows is not up to date");
    room.apply(Event::ProjectionDone { stored: true });
    assert!(may_close(&room));
}

#[tokio::test]
async fn a_changed_name_is_shown_in_the_list_after_its_commit() {
    let mut room = room_with(limits()).await;
    let edit = serde_json::from_value(serde_json::json!({ "op": "setMeta", "name": "New" })).unwrap();
    room.join(ANN, Role::Editor);
    room.apply(Event::Edit {
        ticket: flow_room::Ticket(1),
        request: EditRequest::edits(flow_base::ActorId::Server, vec![edit]),
    });
    let projected = |room: &Harness| {
        room.effects.iter().find_map(|effect| match effect {
            Effect::Project(projection) => Some(projection.name.clone()),
            _ => None,
        })
    };
    assert_eq!(projected(&room), None);
    room.commit();
    assert_eq!(projected(&room).as_deref(), Some("New"));
}

/// What a document says may be megabytes; a list holds many flows.
#[tokio::test]
async fn words_that_are_too_long_are_shown_by_their_beginning() {
    let mut room = room_with(limits()).await;
    room.join(ANN, Role::Editor);
    let mut doc = writer(&room);
    let tags: Vec<_> = (0..100_000).map(|at| at.to_string()).collect();
    let long = serde_json::json!({ "interflow": 1, "name": "n".repeat(1_000), "description": "d".repeat(1 << 20), "tags": tags });
    let update = doc.replace(&FlowJson::from_value(&long).unwrap()).update.unwrap();
    room.update(ANN, &update);
    room.commit();
    let shown = room.take().into_iter().find_map(|effect| match effect {
        Effect::Project(projection) => Some(projection),
        _ => None,
    });
    let shown = shown.expect("the words changed");
    assert_eq!((shown.name.len(), shown.description.len(), shown.tags.len()), (200, 5_000, 64));
}

#[tokio::test]
async fn what_cannot_be_stored_is_tried_again_after_a_while_and_not_at_once() {
    let limits = RoomLimits { snapshot_updates: 2, snapshot_ratio: 1_000, ..RoomLimits::default() };
    let mut room = room_with(limits).await;
    let edit = serde_json::from_value(serde_json::json!({ "op": "setMeta", "name": "New" })).unwrap();
    room.join(ANN, Role::Editor);
    room.apply(Event::Edit {
        ticket: flow_room::Ticket(1),
        request: EditRequest::edits(flow_base::ActorId::Server, vec![edit]),
    });
    room.commit();
    let tries = |room: &mut Harness| {
        let effects = room.take();
        let snapshots = effects.iter().filter(|effect| matches!(effect, Effect::Publish(_))).count();
        let projections = effects.iter().filter(|effect| matches!(effect, Effect::Project(_))).count();
        (snapshots, projections)
    };
    assert_eq!(tries(&mut room), (1, 1));
    room.apply(Event::SnapshotDone { stored: false }).apply(Event::ProjectionDone { stored: false });
    assert_eq!(tries(&mut room), (0, 0), "at once");
    room.after(Duration::from_secs(20));
    assert_eq!(tries(&mut room), (1, 1));
}
