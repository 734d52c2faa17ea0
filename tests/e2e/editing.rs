use std::sync::Arc;

use flow_client::{Peer, PeerOptions, PeerState};
use flow_testing::eventually;
use serde_json::{Value, json};

use crate::people::{add, live, make, peer, scene, until, until_graph};

#[tokio::test]
async fn two_peers_edit_live_and_offline_and_end_equal() {
    let scene = scene().await;
    let (ann, ben) = (live(&scene.ann, scene.flow).await, live(&scene.ann, scene.flow).await);
    make(&ann, add("greet")).await;
    until_graph(&ben, "ben sees ann's node", |graph| graph.nodes.contains_key("greet")).await;

    ben.set_online(false).unwrap();
    until(&ben, "ben is offline", |state| matches!(state, PeerState::Offline { .. })).await;
    make(&ben, add("ask")).await;
    make(&ann, add("answer")).await;
    assert_eq!(
        until(&ben, "one edit unsaved", |state| state.unsaved() > 0).await,
        PeerState::Offline { unsaved: 1 }
    );

    ben.set_online(true).unwrap();
    let whole = |graph: &flow_model::FlowGraph| graph.nodes.len() == 3;
    let at_ann = until_graph(&ann, "ann sees all", whole).await;
    let at_ben = until_graph(&ben, "ben sees all", whole).await;
    assert_eq!(at_ann, at_ben);
    until(&ben, "ben is saved", PeerState::is_saved).await;
    let fresh = live(&scene.ann, scene.flow).await;
    assert_eq!(until_graph(&fresh, "a fresh peer sees all", whole).await, at_ann);
}

#[tokio::test]
async fn what_is_saved_is_there_after_a_kill_and_restart() {
    let mut scene = scene().await;
    let ann = live(&scene.ann, scene.flow).await;
    make(&ann, add("kept")).await;
    assert!(ann.saved().await.unwrap().is_saved());
    scene.server.kill().await.unwrap();
    drop(ann);
    scene.server.restart().await.unwrap();
    let ben = live(&scene.ann, scene.flow).await;
    until_graph(&ben, "the saved node", |graph| graph.nodes.contains_key("kept")).await;
}

#[tokio::test]
async fn a_peer_lives_through_a_restart_and_its_edits_arrive() {
    let mut scene = scene().await;
    let ann = live(&scene.ann, scene.flow).await;
    scene.server.stop().await.unwrap();
    until(&ann, "offline", |state| matches!(state, PeerState::Offline { .. })).await;
    make(&ann, add("meanwhile")).await;
    scene.server.restart().await.unwrap();
    until(&ann, "saved again", PeerState::is_saved).await;
    assert!(exported(&scene).await["nodes"].to_string().contains("meanwhile"));
}

async fn exported(scene: &crate::people::Scene) -> Value {
    scene.ann.export_flow(scene.flow).await.unwrap()
}

#[tokio::test]
async fn a_document_kept_offline_arrives_with_another_peer() {
    let scene = scene().await;
    let ann = live(&scene.ann, scene.flow).await;
    ann.set_online(false).unwrap();
    make(&ann, add("offline")).await;
    let kept = ann.document().await.unwrap();
    drop(ann);
    let again = PeerOptions { document: Some(kept), ..PeerOptions::new(scene.flow) };
    let again = Peer::open(&scene.ann, again).unwrap();
    assert!(again.saved().await.unwrap().is_saved());
    let ben = live(&scene.ann, scene.flow).await;
    until_graph(&ben, "the kept node", |graph| graph.nodes.contains_key("offline")).await;
}

#[tokio::test]
async fn a_document_of_another_history_is_refused_and_the_flow_stays_whole() {
    let scene = scene().await;
    let other = scene.ann.create_flow(&flow_client::NewFlow::default()).await.unwrap().id;
    let foreign = live(&scene.ann, other).await;
    make(&foreign, add("foreign")).await;
    let document = foreign.document().await.unwrap();
    let wrong = PeerOptions { document: Some(document), ..PeerOptions::new(scene.flow) };
    let wrong = Peer::open(&scene.ann, wrong).unwrap();
    let closed = until(&wrong, "closed", |state| matches!(state, PeerState::Closed { .. })).await;
    assert_eq!(closed, PeerState::Closed { unsaved: 1, code: flow_protocol::CloseCode::ForeignLineage });
    let graph = live(&scene.ann, scene.flow).await.graph();
    assert!(graph.borrow().nodes.is_empty());
}

#[tokio::test]
async fn presence_is_shown_with_the_name_of_the_sign_in_and_gone_with_its_socket() {
    let scene = scene().await;
    let ann = live(&scene.ann, scene.flow).await;
    let shown = json!({ "user": { "name": "somebody else", "color": "#f00" }, "cursor": { "x": 1, "y": 2 } });
    let options = PeerOptions { presence: Some(shown), ..PeerOptions::new(scene.flow) };
    let ben = Peer::open(&scene.ann, options).unwrap();
    let presence = ann.presence();
    let look = async || Arc::clone(&presence.borrow());
    let seen = eventually("ben is shown", look, |seen| seen.len() == 1).await;
    assert_eq!(seen[0]["user"]["name"], "ann", "the name is the server's to say");
    assert_eq!(seen[0]["user"]["color"], "#f00");
    assert_eq!(seen[0]["cursor"], json!({ "x": 1, "y": 2 }));
    ben.show(Some(json!({ "cursor": { "x": 3, "y": 4 } }))).unwrap();
    let look = async || Arc::clone(&presence.borrow());
    eventually("ben has moved", look, |seen| seen.iter().any(|state| state["cursor"]["x"] == 3)).await;
    drop(ben);
    let look = async || Arc::clone(&presence.borrow());
    eventually("ben is gone", look, |seen| seen.is_empty()).await;
}

#[tokio::test]
async fn a_room_that_closed_idle_opens_again_with_everything() {
    let scene = crate::people::scene_with(&[("INTERFLOW_LIMITS__IDLE_SECONDS", "0")]).await;
    for round in 0..5 {
        let ann = live(&scene.ann, scene.flow).await;
        let seen = until_graph(&ann, "all nodes so far", |graph| graph.nodes.len() == round).await;
        assert_eq!(seen.nodes.len(), round);
        make(&ann, add(&format!("n{round}"))).await;
        assert!(ann.saved().await.unwrap().is_saved());
    }
    let last = peer(&scene.ann, scene.flow);
    until_graph(&last, "all nodes", |graph| graph.nodes.len() == 5).await;
}
