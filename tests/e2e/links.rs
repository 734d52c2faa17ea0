//! Flows that are shared with whoever has a link.

use std::time::Duration;

use bytes::Bytes;
use flow_base::{Clock, LinkRole, Role, Secret, SystemClock};
use flow_client::{Api, CreatedLink, NewFlow, PeerState};
use flow_protocol::CloseCode;
use flow_protocol::awareness::{self, Entry};
use flow_protocol::frame::{self, Message};
use serde_json::{Value, json};

use crate::accounts::{closed_with, code, refused, scene_on_postgres};
use crate::people::{Scene, add, live, make, peer, scene, until, until_graph};
use crate::raw::Raw;

async fn guest(scene: &Scene, role: LinkRole) -> (Api, CreatedLink) {
    let link = scene.ann.create_link(scene.flow, role, None).await.unwrap();
    (with(scene, &link.token), link)
}

fn with(scene: &Scene, token: &Secret<String>) -> Api {
    let api = Api::new(&scene.server.url()).unwrap();
    api.use_token(token.clone());
    api
}

#[tokio::test]
async fn guests_look_edit_or_neither_as_their_link_says() {
    guests_do_as_their_link_says(&scene().await).await;
}

#[tokio::test]
async fn guests_look_edit_or_neither_as_their_link_says_on_postgres() {
    let (scene, _database) = scene_on_postgres().await;
    guests_do_as_their_link_says(&scene).await;
}

async fn guests_do_as_their_link_says(scene: &Scene) {
    let ann = live(&scene.ann, scene.flow).await;
    let (viewer, link) = guest(scene, LinkRole::Viewer).await;
    let shared = Api::new(&scene.server.url()).unwrap().look_at_link(&link.token).await.unwrap();
    assert_eq!((shared.flow_id, &*shared.flow_name, shared.role), (scene.flow, "Greeter", LinkRole::Viewer));
    let looking = live(&viewer, scene.flow).await;
    make(&ann, add("seen")).await;
    until_graph(&looking, "the guest sees it", |graph| graph.nodes.contains_key("seen")).await;
    make(&looking, add("forbidden")).await;
    until(&looking, "refused", |state| matches!(state, PeerState::Refused { .. })).await;
    assert_eq!(viewer.flow(scene.flow).await.unwrap().role, Role::Viewer);
    viewer.graph(scene.flow).await.unwrap();
    assert_eq!(code(viewer.edit_graph(scene.flow, &[add("no")], None).await), refused(403, "forbidden"));

    let (editor, _) = guest(scene, LinkRole::Editor).await;
    let editing = live(&editor, scene.flow).await;
    make(&editing, add("by-a-guest")).await;
    assert!(editing.saved().await.unwrap().is_saved());
    until_graph(&ann, "ann sees it", |graph| graph.nodes.contains_key("by-a-guest")).await;
    editor.edit_graph(scene.flow, &[add("over-http")], None).await.unwrap();
    assert_eq!(editor.rename_flow(scene.flow, "Ours").await.unwrap().name, "Ours");
    let history = scene.ann.history(scene.flow, None, 50).await.unwrap();
    assert!(history.items.iter().any(|burst| burst.author_id.is_some() && burst.author.is_none()));

    let (runner, _) = guest(scene, LinkRole::Run).await;
    until(&peer(&runner, scene.flow), "not allowed", closed_with(CloseCode::NotAllowed)).await;
    assert_eq!(code(runner.flow(scene.flow).await), refused(403, "forbidden"));
}

/// A link is for one flow and nothing of its people's.
#[tokio::test]
async fn guests_have_come_for_one_flow_and_nothing_else() {
    let scene = scene().await;
    let other = scene.ann.create_flow(&NewFlow::default()).await.unwrap().id;
    let (editor, link) = guest(&scene, LinkRole::Editor).await;
    assert_eq!(code(editor.flow(other).await), refused(404, "not_found"));
    until(&peer(&editor, other), "no such flow", closed_with(CloseCode::NoSuchFlow)).await;
    let forbidden = refused(403, "forbidden");
    assert_eq!(code(editor.me().await), forbidden);
    assert_eq!(code(editor.flows(10, None).await), forbidden);
    assert_eq!(code(editor.create_flow(&NewFlow::default()).await), forbidden);
    assert_eq!(code(editor.duplicate_flow(scene.flow, None).await), forbidden);
    assert_eq!(code(editor.members(scene.flow).await), forbidden);
    assert_eq!(code(editor.links(scene.flow).await), forbidden);
    assert_eq!(code(editor.create_link(scene.flow, LinkRole::Editor, None).await), forbidden);
    assert_eq!(code(editor.revoke_link(scene.flow, link.link.id).await), forbidden);
    assert_eq!(code(editor.delete_flow(scene.flow).await), forbidden);
    assert_eq!(code(editor.activate(scene.flow).await), forbidden);
    assert_eq!(code(editor.workspaces().await), forbidden);
    assert_eq!(code(editor.keys().await), forbidden);
    assert_eq!(code(editor.sessions().await), forbidden);

    // And who may share is asked, too.
    let (ed, _) = scene.server.person("ed").await.unwrap();
    assert_eq!(code(ed.links(scene.flow).await), refused(404, "not_found"));
    scene.ann.put_member(scene.flow, "ed@example.org", Role::Editor).await.unwrap();
    assert_eq!(code(ed.links(scene.flow).await), forbidden);
    assert_eq!(code(ed.create_link(scene.flow, LinkRole::Viewer, None).await), forbidden);
    assert_eq!(code(ed.revoke_link(scene.flow, link.link.id).await), forbidden);
    assert_eq!(scene.ann.links(scene.flow).await.unwrap(), [link.link]);
    let elsewhere = scene.ann.revoke_link(other, scene.ann.links(scene.flow).await.unwrap()[0].id).await;
    assert_eq!(code(elsewhere), refused(404, "not_found"));
}

#[tokio::test]
async fn a_link_that_ends_ends_on_open_sockets() {
    let scene = scene().await;
    let (viewer, link) = guest(&scene, LinkRole::Viewer).await;
    let looking = live(&viewer, scene.flow).await;
    let before = std::time::Instant::now();
    scene.ann.revoke_link(scene.flow, link.link.id).await.unwrap();
    until(&looking, "not allowed", closed_with(CloseCode::NotAllowed)).await;
    assert!(before.elapsed() < Duration::from_secs(5), "{:?}", before.elapsed());
    assert_eq!(code(viewer.flow(scene.flow).await), refused(401, "signed_out"));
    assert_eq!(code(viewer.look_at_link(&link.token).await), refused(404, "not_found"));

    let soon = SystemClock.now() + Duration::from_secs(3);
    let link = scene.ann.create_link(scene.flow, LinkRole::Viewer, Some(soon)).await.unwrap();
    let passing = with(&scene, &link.token);
    let looking = live(&passing, scene.flow).await;
    until(&looking, "not allowed", closed_with(CloseCode::NotAllowed)).await;
    let past = SystemClock.now() - Duration::from_secs(1);
    let refusal = scene.ann.create_link(scene.flow, LinkRole::Viewer, Some(past)).await;
    assert_eq!(code(refusal), refused(422, "invalid"));
    let deleted = guest(&scene, LinkRole::Viewer).await.0;
    let looking = live(&deleted, scene.flow).await;
    scene.ann.delete_flow(scene.flow).await.unwrap();
    until(&looking, "closed", |state| matches!(state, PeerState::Closed { .. })).await;
}

/// Whoever comes with a link says how they want to be called, and it is seen that they are
/// a guest.
#[tokio::test]
async fn guests_are_seen_as_guests() {
    let scene = scene().await;
    let mut ann = Raw::join(&scene.ann, scene.flow).await;
    ann.sync().await;
    let mut clock = 1;
    let (viewer, _) = guest(&scene, LinkRole::Viewer).await;
    for (query, name) in [("&guest=Ann", "Ann (guest)"), ("", "Guest"), ("&guest=%20", "Guest")] {
        let mut guest = Raw::join_with(&viewer, scene.flow, query).await;
        guest.sync().await;
        guest.send(announcement(7, clock, &json!({ "user": { "name": "Root", "id": "1" } }))).await;
        clock += 2;
        let seen = next_state(&mut ann, 7).await;
        assert_eq!(seen["user"]["name"], name);
        assert_ne!(seen["user"]["id"], "1");
    }
}

fn announcement(client: u64, clock: u64, state: &Value) -> Bytes {
    let state = state.to_string().into();
    frame::awareness(&awareness::encode([Entry { client, clock, state }].iter()))
}

/// The next state that this client id has, and is not its removal.
async fn next_state(socket: &mut Raw, client: u64) -> Value {
    socket
        .until(|message| {
            let Message::Awareness { update } = message else { return None };
            let entries = awareness::decode(&update).unwrap();
            let entry = entries.into_iter().find(|entry| entry.client == client && !entry.is_gone())?;
            Some(serde_json::from_slice(&entry.state).unwrap())
        })
        .await
}
