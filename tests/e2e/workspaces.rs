//! Workspaces that people share.

use flow_base::{Clock, Role, Secret, SystemClock, WorkspaceId};
use flow_client::{Api, NewFlow, NewInvitation};
use flow_protocol::CloseCode;
use serde_json::json;

use crate::accounts::{closed_with, code, refused, scene_on_postgres};
use crate::people::{Scene, add, live, make, peer, scene, scene_with, until, until_graph};

fn for_role(role: Role) -> NewInvitation {
    NewInvitation { role, expires_at: None, uses_max: None }
}

async fn flow_in(api: &Api, workspace: WorkspaceId) -> flow_base::FlowId {
    let new = NewFlow { workspace_id: Some(workspace), ..NewFlow::default() };
    let flow = api.create_flow(&new).await.unwrap();
    assert_eq!(flow.workspace_id, workspace);
    flow.id
}

#[tokio::test]
async fn people_join_a_workspace_by_invitation_and_share_its_flows() {
    people_share_a_workspace(&scene().await).await;
}

#[tokio::test]
async fn people_join_a_workspace_by_invitation_and_share_its_flows_on_postgres() {
    let (scene, _database) = scene_on_postgres().await;
    people_share_a_workspace(&scene).await;
}

async fn people_share_a_workspace(scene: &Scene) {
    let (ben, _) = scene.server.person("ben").await.unwrap();
    let team = scene.ann.create_workspace(" The team ").await.unwrap();
    assert_eq!((&*team.name, team.role, team.personal), ("The team", Role::Owner, false));
    let flow = flow_in(&scene.ann, team.id).await;
    until(&peer(&ben, flow), "no such flow", closed_with(CloseCode::NoSuchFlow)).await;

    let invitation = scene.ann.invite(team.id, &for_role(Role::Editor)).await.unwrap();
    let nobody = Api::new(&scene.server.url()).unwrap();
    let seen = nobody.look_at_invitation(&invitation.token).await.unwrap();
    assert_eq!((&*seen.workspace_name, seen.role), ("The team", Role::Editor));
    assert_eq!(code(nobody.accept_invitation(&invitation.token).await), refused(401, "signed_out"));
    assert_eq!(ben.accept_invitation(&invitation.token).await.unwrap(), team.id);
    assert_eq!(ben.accept_invitation(&invitation.token).await.unwrap(), team.id, "twice is as good as once");
    assert_eq!(scene.ann.invitations(team.id).await.unwrap()[0].uses, 1);

    let (hers, his) = (live(&scene.ann, flow).await, live(&ben, flow).await);
    make(&his, add("by-ben")).await;
    until_graph(&hers, "ann sees it", |graph| graph.nodes.contains_key("by-ben")).await;
    let listed = ben.flows(10, None).await.unwrap().items;
    assert_eq!(listed.iter().map(|flow| (flow.id, flow.role)).collect::<Vec<_>>(), [(flow, Role::Editor)]);
    flow_in(&ben, team.id).await;
    let whole = ben.workspace(team.id).await.unwrap();
    assert_eq!((whole.usage.flows, whole.usage.members), (Some(2), Some(2)));
    assert_eq!(whole.quotas.flows, Some(10_000));

    // A role in the workspace that ends ends on open sockets, too.
    let ben_id = ben.me().await.unwrap().id;
    scene.ann.remove_workspace_member(team.id, ben_id).await.unwrap();
    until(&his, "not allowed", closed_with(CloseCode::NotAllowed)).await;
    assert!(ben.flows(10, None).await.unwrap().items.iter().all(|listed| listed.id != flow));
    assert_eq!(code(ben.workspace(team.id).await), refused(404, "not_found"));
    scene.ann.revoke_invitation(team.id, invitation.invitation.id).await.unwrap();
    assert_eq!(code(ben.accept_invitation(&invitation.token).await), refused(404, "not_found"));
}

#[tokio::test]
async fn a_workspace_is_its_owners_to_manage() {
    let scene = scene().await;
    let team = scene.ann.create_workspace("Team").await.unwrap().id;
    let (ed, _) = scene.server.person("ed").await.unwrap();
    let (eve, eve_user) = scene.server.person("eve").await.unwrap();
    scene.ann.put_workspace_member(team, "ed@example.org", Role::Editor).await.unwrap();
    let (forbidden, not_found) = (refused(403, "forbidden"), refused(404, "not_found"));
    for (who, expected) in [(&ed, &forbidden), (&eve, &not_found)] {
        assert_eq!(&code(who.rename_workspace(team, "Mine").await), expected);
        assert_eq!(&code(who.put_workspace_member(team, "eve@example.org", Role::Owner).await), expected);
        assert_eq!(&code(who.remove_workspace_member(team, eve_user.id).await), expected);
        assert_eq!(&code(who.transfer_workspace(team, eve_user.id).await), expected);
        assert_eq!(&code(who.invite(team, &for_role(Role::Viewer)).await), expected);
        assert_eq!(&code(who.invitations(team).await), expected);
        assert_eq!(&code(who.audit(team, None, 10).await), expected);
        assert_eq!(&code(who.export_audit(team).await), expected);
    }
    assert_eq!(code(eve.workspace_members(team).await), not_found);
    assert_eq!(ed.workspace_members(team).await.unwrap().len(), 2);
    let new = NewFlow { workspace_id: Some(team), ..NewFlow::default() };
    assert_eq!(code(eve.create_flow(&new).await), not_found);
    scene.ann.put_workspace_member(team, "ed@example.org", Role::Viewer).await.unwrap();
    assert_eq!(code(ed.create_flow(&new).await), forbidden);
    assert_eq!(scene.ann.rename_workspace(team, "Crew").await.unwrap().name, "Crew");
    assert_eq!(code(scene.ann.rename_workspace(team, " ").await), refused(422, "invalid"));
    assert_eq!(
        code(scene.ann.put_workspace_member(team, "no@example.org", Role::Viewer).await),
        refused(422, "invalid")
    );
    assert_eq!(code(scene.ann.remove_workspace_member(team, eve_user.id).await), not_found);

    // Everybody may leave, but not the last owner, and nobody their personal one.
    let me = scene.ann.me().await.unwrap();
    assert_eq!(code(scene.ann.remove_workspace_member(team, me.id).await), refused(409, "last_owner"));
    let personal = scene.ann.workspaces().await.unwrap()[0].clone();
    assert!(personal.personal);
    assert_eq!(
        code(scene.ann.remove_workspace_member(personal.id, me.id).await),
        refused(409, "personal_workspace")
    );
    let ed_id = ed.me().await.unwrap().id;
    assert_eq!(code(scene.ann.transfer_workspace(team, eve_user.id).await), refused(422, "invalid"));
    let members = scene.ann.transfer_workspace(team, ed_id).await.unwrap();
    let roles: Vec<_> = members.iter().map(|member| (&*member.name, member.role)).collect();
    assert_eq!(roles, [("ed", Role::Owner), ("ann", Role::Editor)]);
    scene.ann.remove_workspace_member(team, me.id).await.unwrap();
    assert_eq!(code(scene.ann.workspace(team).await), not_found);
}

#[tokio::test]
async fn a_flow_moves_with_its_owner_into_another_workspace() {
    let scene = scene().await;
    let (ben, _) = scene.server.person("ben").await.unwrap();
    let team = scene.ann.create_workspace("Team").await.unwrap().id;
    scene.ann.put_workspace_member(team, "ben@example.org", Role::Editor).await.unwrap();
    let hers = live(&scene.ann, scene.flow).await;
    let moved = scene.ann.move_flow(scene.flow, team).await.unwrap();
    assert_eq!((moved.id, moved.workspace_id, moved.role), (scene.flow, team, Role::Owner));
    let his = live(&ben, scene.flow).await;
    make(&his, add("by-ben")).await;
    until_graph(&hers, "her socket has stayed", |graph| graph.nodes.contains_key("by-ben")).await;
    assert_eq!(code(ben.move_flow(scene.flow, team).await), refused(403, "forbidden"), "it is not his");
    let home = scene.ann.workspaces().await.unwrap().into_iter().find(|known| known.personal);
    scene.ann.move_flow(scene.flow, home.unwrap().id).await.unwrap();
    until(&his, "not allowed", closed_with(CloseCode::NotAllowed)).await;
    let bens = ben.workspaces().await.unwrap()[0].id;
    assert_eq!(code(scene.ann.move_flow(scene.flow, bens).await), refused(404, "not_found"));
}

#[tokio::test]
async fn a_workspace_has_no_more_than_its_quotas() {
    let scene = scene_with(&[
        ("INTERFLOW_QUOTAS__FLOWS", "2"),
        ("INTERFLOW_QUOTAS__MEMBERS", "1"),
        ("INTERFLOW_QUOTAS__STORAGE_BYTES", "20000"),
    ])
    .await;
    let full = refused(409, "quota_reached");
    let second = scene.ann.create_flow(&NewFlow::default()).await.unwrap();
    assert_eq!(code(scene.ann.create_flow(&NewFlow::default()).await), full);
    assert_eq!(code(scene.ann.duplicate_flow(scene.flow, None).await), full);
    scene.ann.delete_flow(second.id).await.unwrap();
    let third = scene.ann.create_flow(&NewFlow::default()).await.unwrap();
    assert_eq!(code(scene.ann.restore_flow(second.id).await), full);
    scene.ann.delete_flow(third.id).await.unwrap();
    scene.ann.restore_flow(second.id).await.unwrap();
    scene.server.person("ben").await.unwrap();
    let team = scene.ann.create_workspace("Team").await.unwrap().id;
    assert_eq!(code(scene.ann.put_workspace_member(team, "ben@example.org", Role::Viewer).await), full);

    // What is stored: an edit is never refused for it.
    let peer = live(&scene.ann, scene.flow).await;
    let note = json!({
        "op": "addNode", "type": "note", "position": { "x": 0, "y": 0 }, "data": { "text": "x".repeat(25_000) },
    });
    make(&peer, serde_json::from_value(note).unwrap()).await;
    assert!(peer.saved().await.unwrap().is_saved());
    assert_eq!(code(scene.ann.create_version(scene.flow, "v").await), full);
    scene.ann.delete_flow(second.id).await.unwrap();
    assert_eq!(code(scene.ann.create_flow(&NewFlow::default()).await), full);
    make(&peer, add("still")).await;
    assert!(peer.saved().await.unwrap().is_saved());
    let home = scene.ann.workspaces().await.unwrap()[0].id;
    let usage = scene.ann.workspace(home).await.unwrap().usage;
    assert!(usage.storage_bytes > Some(25_000), "{usage:?}");
    scene.ann.create_flow(&NewFlow { workspace_id: Some(team), ..NewFlow::default() }).await.unwrap();
}

#[tokio::test]
async fn an_invitation_is_bounded_and_its_token_is_told_once() {
    let scene = scene().await;
    let team = scene.ann.create_workspace("Team").await.unwrap().id;
    let now = SystemClock.now();
    let day = std::time::Duration::from_secs(24 * 3600);
    for (expires_at, uses_max) in [(Some(now - day), None), (Some(now + day * 91), None), (None, Some(0))] {
        let new = NewInvitation { role: Role::Viewer, expires_at, uses_max };
        assert_eq!(code(scene.ann.invite(team, &new).await), refused(422, "invalid"));
    }
    let once = NewInvitation { uses_max: Some(1), ..for_role(Role::Viewer) };
    let invitation = scene.ann.invite(team, &once).await.unwrap();
    let (ben, _) = scene.server.person("ben").await.unwrap();
    let (eve, _) = scene.server.person("eve").await.unwrap();
    ben.accept_invitation(&invitation.token).await.unwrap();
    for wrong in [invitation.token, Secret::new("ifi_nonsense".to_owned())] {
        assert_eq!(code(eve.accept_invitation(&wrong).await), refused(404, "not_found"));
        assert_eq!(code(eve.look_at_invitation(&wrong).await), refused(404, "not_found"));
    }
}
