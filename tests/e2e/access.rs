use flow_base::Role;
use flow_client::{ClientError, PeerState};
use flow_protocol::CloseCode;

use crate::people::{add, live, make, peer, scene, until, until_graph};

fn closed_with(code: CloseCode) -> impl Fn(&PeerState) -> bool {
    move |state| matches!(state, PeerState::Closed { code: closed, .. } if *closed == code)
}

#[tokio::test]
async fn a_stranger_sees_no_flow_over_http_or_websocket() {
    let scene = scene().await;
    let (eve, _) = scene.server.person("eve").await.unwrap();
    assert!(matches!(eve.flow(scene.flow).await, Err(ClientError::Refused { status: 404, .. })));
    assert!(matches!(eve.members(scene.flow).await, Err(ClientError::Refused { status: 404, .. })));
    assert!(matches!(eve.delete_flow(scene.flow).await, Err(ClientError::Refused { status: 404, .. })));
    assert!(eve.flows(50, None).await.unwrap().items.is_empty());
    until(&peer(&eve, scene.flow), "no such flow", closed_with(CloseCode::NoSuchFlow)).await;
}

#[tokio::test]
async fn who_is_not_signed_in_is_told_so() {
    let scene = scene().await;
    let nobody = flow_client::Api::new(&scene.server.url()).unwrap();
    nobody.use_token(flow_base::Secret::new("not.a.token".to_owned()));
    until(&peer(&nobody, scene.flow), "signed out", closed_with(CloseCode::SignedOut)).await;
    assert!(matches!(nobody.me().await, Err(ClientError::Refused { status: 401, .. })));
}

#[tokio::test]
async fn a_viewer_sees_and_cannot_write() {
    let scene = scene().await;
    let (vic, _) = scene.server.person("vic").await.unwrap();
    scene.ann.put_member(scene.flow, "vic@example.org", Role::Viewer).await.unwrap();
    let (ann, viewer) = (live(&scene.ann, scene.flow).await, live(&vic, scene.flow).await);
    make(&ann, add("seen")).await;
    until_graph(&viewer, "the viewer sees it", |graph| graph.nodes.contains_key("seen")).await;

    make(&viewer, add("forbidden")).await;
    let refused = until(&viewer, "refused", |state| matches!(state, PeerState::Refused { .. })).await;
    assert_eq!(refused.unsaved(), 1, "a refused edit is not saved");
    make(&ann, add("after")).await;
    assert!(ann.saved().await.unwrap().is_saved());
    let fresh = live(&scene.ann, scene.flow).await.graph();
    let nodes: Vec<_> = fresh.borrow().nodes.keys().map(ToString::to_string).collect();
    assert_eq!(nodes, ["after", "seen"]);
    assert!(matches!(
        vic.rename_flow(scene.flow, "Mine").await,
        Err(ClientError::Refused { status: 403, .. })
    ));
    assert!(matches!(vic.delete_flow(scene.flow).await, Err(ClientError::Refused { status: 403, .. })));
}

#[tokio::test]
async fn an_editor_who_becomes_a_viewer_keeps_the_socket_and_cannot_write() {
    let scene = scene().await;
    let (ed, _) = scene.server.person("ed").await.unwrap();
    scene.ann.put_member(scene.flow, "ed@example.org", Role::Editor).await.unwrap();
    let editor = live(&ed, scene.flow).await;
    make(&editor, add("first")).await;
    assert!(editor.saved().await.unwrap().is_saved());
    scene.ann.put_member(scene.flow, "ed@example.org", Role::Viewer).await.unwrap();
    // The change arrives within a second; edits until then may still be taken.
    let mut count = 0;
    let state = editor.state();
    flow_testing::eventually(
        "an edit is refused",
        async || {
            count += 1;
            make(&editor, add(&format!("try{count}"))).await;
            editor.saved().await.unwrap();
            state.borrow().clone()
        },
        |state| matches!(state, PeerState::Refused { .. }),
    )
    .await;
    // And back: what was refused is taken now.
    scene.ann.put_member(scene.flow, "ed@example.org", Role::Editor).await.unwrap();
    let ann = live(&scene.ann, scene.flow).await;
    let last = format!("try{count}");
    until_graph(&ann, "the refused edit arrives", |graph| graph.nodes.contains_key(last.as_str())).await;
    until(&editor, "everything is saved again", PeerState::is_saved).await;
}

#[tokio::test]
async fn a_removed_editor_is_sent_away_within_a_second_or_so() {
    let scene = scene().await;
    let (ed, user) = scene.server.person("ed").await.unwrap();
    scene.ann.put_member(scene.flow, "ed@example.org", Role::Editor).await.unwrap();
    let editor = live(&ed, scene.flow).await;
    scene.ann.remove_member(scene.flow, user.id).await.unwrap();
    until(&editor, "not allowed", closed_with(CloseCode::NotAllowed)).await;
    until(&peer(&ed, scene.flow), "no such flow any more", closed_with(CloseCode::NoSuchFlow)).await;
}

#[tokio::test]
async fn signing_out_ends_the_sockets_of_that_sign_in() {
    let scene = scene().await;
    let other = flow_client::Api::new(&scene.server.url()).unwrap();
    other.login("ann@example.org", "correct horse battery staple").await.unwrap();
    let (stays, goes) = (live(&scene.ann, scene.flow).await, live(&other, scene.flow).await);
    other.logout().await.unwrap();
    until(&goes, "signed out", closed_with(CloseCode::SignedOut)).await;
    assert!(stays.state().borrow().is_live());
}

#[tokio::test]
async fn deleting_a_flow_ends_its_sockets_and_hides_it() {
    let scene = scene().await;
    let ann = live(&scene.ann, scene.flow).await;
    scene.ann.delete_flow(scene.flow).await.unwrap();
    until(&ann, "not allowed", closed_with(CloseCode::NotAllowed)).await;
    assert!(matches!(scene.ann.flow(scene.flow).await, Err(ClientError::Refused { status: 404, .. })));
    assert!(scene.ann.flows(50, None).await.unwrap().items.is_empty());
}
