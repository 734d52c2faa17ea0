//! Versions, what runs, and what was deleted.

use flow_base::{FlowId, Role, Seq};
use flow_client::{Api, NewFlow, Peer, PeerState};
use flow_model::Edit;
use flow_testing::eventually;
use serde_json::json;

use crate::graph::code;
use crate::people::{Scene, add, live, make, scene, until, until_graph};

fn edit(json: serde_json::Value) -> Edit {
    serde_json::from_value(json).unwrap()
}

/// A flow that can run.
async fn quiz(api: &Api) -> FlowId {
    let flow = NewFlow { sample: Some("quiz".into()), ..NewFlow::default() };
    api.create_flow(&flow).await.unwrap().id
}

#[tokio::test]
async fn a_version_is_kept_as_the_flow_was_and_restored_as_an_edit() {
    let mut scene = scene().await;
    scene.ann.edit_graph(scene.flow, &[add("first")], None).await.unwrap();
    let before = scene.ann.export_flow(scene.flow).await.unwrap();
    let kept = scene.ann.create_version(scene.flow, "With one node").await.unwrap();
    assert_eq!((kept.version, kept.cause.as_str()), (1, "named"));
    assert_eq!(kept.author_id, Some(scene.ann.me().await.unwrap().id));

    let edits = [add("second"), edit(json!({ "op": "removeNode", "id": "first" }))];
    let changed = scene.ann.edit_graph(scene.flow, &edits, None).await.unwrap();
    assert!(changed.seq > kept.seq);
    let later = scene.ann.create_version(scene.flow, "Another").await.unwrap();
    assert_eq!((later.version, later.seq), (2, changed.seq));
    assert_ne!(later.content_hash, kept.content_hash);

    let listed = scene.ann.versions(scene.flow, 1, None).await.unwrap();
    assert_eq!(listed.items, [later]);
    let rest = scene.ann.versions(scene.flow, 1, listed.next_cursor.as_deref()).await.unwrap();
    assert_eq!((rest.items.as_slice(), rest.next_cursor), (std::slice::from_ref(&kept), None));

    let ben = live(&scene.ann, scene.flow).await;
    scene.server.kill().await.unwrap();
    scene.server.restart().await.unwrap();
    let read = scene.ann.version(scene.flow, 1).await.unwrap();
    assert_eq!((&read.version, &read.flow), (&kept, &before));
    scene.ann.restore_version(scene.flow, 1).await.unwrap();
    assert_eq!(scene.ann.export_flow(scene.flow).await.unwrap(), before);
    until_graph(&ben, "ben sees it", |graph| graph.nodes.contains_key("first") && graph.nodes.len() == 1)
        .await;
    let again = scene.ann.create_version(scene.flow, "As it was").await.unwrap();
    assert_eq!(again.content_hash, kept.content_hash);
}

#[tokio::test]
async fn wrong_versions_are_refused_with_what_is_wrong() {
    let scene = scene().await;
    assert_eq!(code(scene.ann.create_version(scene.flow, "  ").await), "invalid");
    assert_eq!(code(scene.ann.create_version(scene.flow, &"x".repeat(201)).await), "invalid");
    assert_eq!(code(scene.ann.versions(scene.flow, 0, None).await), "invalid");
    assert_eq!(code(scene.ann.versions(scene.flow, 1, Some("x")).await), "invalid");
    assert_eq!(code(scene.ann.version(scene.flow, 1).await), "not_found");
    assert_eq!(code(scene.ann.restore_version(scene.flow, 7).await), "not_found");
}

#[tokio::test]
async fn a_flow_is_activated_as_it_is_and_only_without_errors() {
    let scene = scene().await;
    assert_eq!(code(scene.ann.activate(scene.flow).await), "has_errors", "it has no start");
    assert_eq!(scene.ann.flow(scene.flow).await.unwrap().active_version, None);
    let flow = quiz(&scene.ann).await;
    let active = scene.ann.activate(flow).await.unwrap();
    assert_eq!((active.version, active.cause.as_str()), (1, "activation"));
    assert_eq!(scene.ann.flow(flow).await.unwrap().active_version, Some(1));
    scene.ann.deactivate(flow).await.unwrap();
    assert_eq!(scene.ann.flow(flow).await.unwrap().active_version, None);
    assert_eq!(scene.ann.activate(flow).await.unwrap().version, 2);
}

#[tokio::test]
async fn a_deleted_flow_comes_back_as_it_was_for_its_owner() {
    let scene = scene().await;
    let (ben, _) = scene.server.person("ben").await.unwrap();
    scene.ann.put_member(scene.flow, "ben@example.org", Role::Editor).await.unwrap();
    scene.ann.edit_graph(scene.flow, &[add("kept")], None).await.unwrap();
    let before = scene.ann.export_flow(scene.flow).await.unwrap();
    assert_eq!(code(scene.ann.restore_flow(scene.flow).await), "not_found", "it is not deleted");
    scene.ann.delete_flow(scene.flow).await.unwrap();
    let deleted = scene.ann.deleted_flows().await.unwrap();
    assert_eq!(deleted.iter().map(|flow| flow.id).collect::<Vec<_>>(), [scene.flow]);
    assert_eq!(ben.deleted_flows().await.unwrap(), []);
    assert_eq!(code(ben.restore_flow(scene.flow).await), "not_found");
    scene.ann.restore_flow(scene.flow).await.unwrap();
    assert_eq!(scene.ann.deleted_flows().await.unwrap(), []);
    assert_eq!(scene.ann.export_flow(scene.flow).await.unwrap(), before);
    ben.export_flow(scene.flow).await.unwrap();
    make(&live(&ben, scene.flow).await, add("more")).await;
}

#[tokio::test]
async fn the_history_tells_who_did_what_and_what_the_flow_was() {
    let scene = scene().await;
    let (ben, _) = scene.server.person("ben").await.unwrap();
    scene.ann.put_member(scene.flow, "ben@example.org", Role::Editor).await.unwrap();
    let created = scene.ann.export_flow(scene.flow).await.unwrap();
    let greet = json!({ "op": "addNode", "id": "greet", "type": "message", "label": "Greet" });
    let first = scene.ann.edit_graph(scene.flow, &[edit(greet)], None).await.unwrap();
    let one_node = scene.ann.export_flow(scene.flow).await.unwrap();
    let moved = |x: i32| [edit(json!({ "op": "moveNode", "id": "greet", "x": x, "y": 0 }))];
    ben.edit_graph(scene.flow, &moved(1), None).await.unwrap();
    let last = ben.edit_graph(scene.flow, &moved(2), None).await.unwrap();

    let history = scene.ann.history(scene.flow, None, 50).await.unwrap();
    let told: Vec<_> =
        history.items.iter().map(|burst| (burst.author.as_deref(), burst.summary.as_str())).collect();
    assert_eq!(told[0], (Some("ben"), "moved Greet"));
    assert_eq!(told[1], (Some("ann"), "added the message Greet"));
    assert_eq!((told.len(), told[2].0), (3, None), "the server created it: {told:?}");
    let ranges: Vec<_> = history.items.iter().map(|burst| (burst.first_seq, burst.last_seq)).collect();
    assert_eq!(ranges[0], (Seq(first.seq.0 + 1), last.seq));
    assert_eq!(ranges[1], (first.seq, first.seq));
    assert_eq!(history.next_to, None);

    let page = scene.ann.history(scene.flow, None, 1).await.unwrap();
    assert_eq!((&page.items[..], page.next_to), (&history.items[..1], Some(first.seq)));
    let page = scene.ann.history(scene.flow, page.next_to, 1).await.unwrap();
    assert_eq!(page.items, history.items[1..2]);
    assert_eq!(code(scene.ann.history(scene.flow, None, 0).await), "invalid");

    assert_eq!(scene.ann.flow_at(scene.flow, Seq(first.seq.0 - 1)).await.unwrap(), created);
    assert_eq!(scene.ann.flow_at(scene.flow, first.seq).await.unwrap(), one_node);
    for unknown in [Seq::ZERO, Seq(last.seq.0 + 1), Seq(u64::MAX)] {
        assert_eq!(code(scene.ann.flow_at(scene.flow, unknown).await), "not_found");
    }
    let (eve, _) = scene.server.person("eve").await.unwrap();
    assert_eq!(code(eve.history(scene.flow, None, 1).await), "not_found");
    assert_eq!(code(eve.flow_at(scene.flow, first.seq).await), "not_found");
}

#[tokio::test]
async fn versions_are_compared_with_each_other_and_with_what_is_there_now() {
    let scene = scene().await;
    scene.ann.create_version(scene.flow, "Empty").await.unwrap();
    scene.ann.edit_graph(scene.flow, &[add("a")], None).await.unwrap();
    scene.ann.create_version(scene.flow, "With a").await.unwrap();
    scene.ann.edit_graph(scene.flow, &[edit(json!({ "op": "removeNode", "id": "a" }))], None).await.unwrap();
    let between = scene.ann.version_diff(scene.flow, 1, Some(2)).await.unwrap();
    assert_eq!(between["diff"]["nodes"]["added"][0]["id"], "a");
    assert!(between["summary"].as_str().unwrap().starts_with("added"), "{between}");
    let now = scene.ann.version_diff(scene.flow, 2, None).await.unwrap();
    assert_eq!(now["diff"]["nodes"]["removed"][0]["id"], "a");
    assert_eq!(code(scene.ann.version_diff(scene.flow, 2, Some(3)).await), "not_found");
}

/// Ten people type and move while versions are restored under them.
#[tokio::test]
async fn restoring_under_fire_disconnects_nobody_and_all_end_equal() {
    const PEOPLE: usize = 10;
    let scene = scene().await;
    let ask = json!({ "op": "addNode", "id": "ask", "type": "input", "data": { "kind": "text", "variable": "v", "prompt": "" } });
    scene.ann.edit_graph(scene.flow, &[edit(ask)], None).await.unwrap();
    scene.ann.create_version(scene.flow, "Empty").await.unwrap();
    let mut people = Vec::new();
    for _ in 0..PEOPLE {
        people.push(live(&scene.ann, scene.flow).await);
    }
    let typing = people.into_iter().enumerate().map(|(at, peer)| tokio::spawn(keep_typing(at, peer)));
    let typing: Vec<_> = typing.collect();
    for round in 1..=12_u32 {
        scene.ann.create_version(scene.flow, &format!("Round {round}")).await.unwrap();
        scene.ann.restore_version(scene.flow, 1 + round % 3).await.unwrap();
    }
    let mut people = Vec::new();
    for typing in typing {
        people.push(typing.await.unwrap());
    }
    for peer in &people {
        until(peer, "saved", PeerState::is_saved).await;
    }
    all_equal(&scene, &people).await;
    let last = scene.ann.restore_version(scene.flow, 1).await.unwrap();
    let graph = all_equal(&scene, &people).await;
    assert_eq!(graph.nodes["ask"].data.get("prompt"), None, "nobody types any more: it is as it was");
    assert!(!last.etag.is_empty());
}

/// Types, moves and adds; each edit fits or names something that a restore took away.
async fn keep_typing(at: usize, peer: Peer) -> Peer {
    for round in 0..40 {
        let edits = [
            json!({ "op": "editText", "node": "ask", "field": "prompt", "index": 0, "insert": "x" }),
            json!({ "op": "addNode", "id": format!("n{at}-{round}"), "type": "message" }),
            json!({ "op": "moveNode", "id": "ask", "x": at * round, "y": round }),
        ];
        peer.edit(vec![edit(edits[round % 3].clone())]).await.unwrap().unwrap();
        let state = peer.state().borrow().clone();
        assert!(!matches!(state, PeerState::Offline { .. }), "{at} was disconnected: {state:?}");
        tokio::task::yield_now().await;
    }
    peer
}

async fn all_equal(scene: &Scene, people: &[Peer]) -> flow_model::FlowGraph {
    let wanted = async || serde_json::to_value(scene.ann.graph(scene.flow).await.unwrap().0).unwrap();
    for peer in people {
        let graph = peer.graph();
        let both = async || (wanted().await, serde_json::to_value(&**graph.borrow()).unwrap());
        let (said, _) =
            eventually("a peer says what the server says", both, |(server, peer)| server == peer).await;
        for layout in said["layout"].as_object().unwrap().values() {
            assert!(layout["x"].is_number() && layout["y"].is_number(), "{layout}");
        }
    }
    (**people[0].graph().borrow()).clone()
}

/// The state of a flow can be changed with the rest of what lists show of it.
#[tokio::test]
async fn a_status_is_patched_with_the_name() {
    let scene = scene().await;
    let flow = quiz(&scene.ann).await;
    let patch = async |body: serde_json::Value| {
        let url = format!("{}/api/flows/{flow}", scene.server.url());
        let request = reqwest::Client::new().patch(url).bearer_auth(scene.ann.token().unwrap().expose());
        let answer = request.json(&body).send().await.unwrap();
        (answer.status().as_u16(), answer.json::<serde_json::Value>().await.unwrap())
    };
    let (status, flow) = patch(serde_json::json!({ "status": "active", "name": "Live" })).await;
    assert_eq!((status, &flow["status"], &flow["name"]), (200, &"active".into(), &"Live".into()), "{flow}");
    let (_, again) = patch(serde_json::json!({ "status": "active" })).await;
    assert_eq!(again["activeVersion"], 1, "it goes on with the version it has");
    let (_, draft) = patch(serde_json::json!({ "status": "draft" })).await;
    assert_eq!((&draft["status"], draft.get("activeVersion")), (&"draft".into(), None));
    let (status, _) = patch(serde_json::json!({ "status": "asleep" })).await;
    assert_eq!(status, 422);
}
