//! What flows are called in addresses.

use flow_base::{LinkRole, Role};
use flow_client::{Api, ClientError, Flow, FlowChange, FlowStatus, NewFlow, SlugChange};
use serde_json::json;

use crate::chat::Chat;
use crate::graph::code;
use crate::people::{Scene, scene};

async fn call(api: &Api, flow: flow_base::FlowId, slug: &str) -> Result<Flow, ClientError> {
    let change = FlowChange { slug: Some(SlugChange::Give(slug.to_owned())), ..FlowChange::default() };
    api.change_flow(flow, &change).await
}

async fn quiz(scene: &Scene) -> flow_base::FlowId {
    let flow = NewFlow { sample: Some("quiz".into()), ..NewFlow::default() };
    let flow = scene.ann.create_flow(&flow).await.unwrap().id;
    scene.ann.activate(flow).await.unwrap();
    flow
}

#[tokio::test]
async fn a_chat_is_found_by_the_flows_slug_with_its_link_and_no_other() {
    let scene = scene().await;
    let (flow, other) = (quiz(&scene).await, quiz(&scene).await);
    assert_eq!(call(&scene.ann, flow, "geo-quiz").await.unwrap().slug.as_deref(), Some("geo-quiz"));
    assert_eq!(scene.ann.flow(flow).await.unwrap().slug.as_deref(), Some("geo-quiz"));
    let link =
        async |flow| scene.ann.create_link(flow, LinkRole::Run, None).await.unwrap().token.expose().clone();
    let (token, others) = (link(flow).await, link(other).await);
    for address in ["geo-quiz", "GEO-Quiz"] {
        let mut chat = Chat::open_at(&scene, address, &token).await;
        chat.send(json!({ "type": "chat:start" })).await;
        let connected = chat.next().await.unwrap();
        assert_eq!(connected["flow"]["id"], json!(flow), "{connected}");
    }
    // Nobody finds out by it which slugs there are.
    for (address, token) in [("geo-quiz", &others), ("no-quiz", &token), ("a b", &token), ("api", &token)] {
        assert_eq!(Chat::open_at(&scene, address, token).await.closed().await, 4404, "{address}");
    }
    assert_eq!(Chat::open_at(&scene, "geo-quiz", "nonsense").await.closed().await, 4401);
    scene.ann.delete_flow(flow).await.unwrap();
    assert_eq!(Chat::open_at(&scene, "geo-quiz", &others).await.closed().await, 4404);
    assert_eq!(code(call(&scene.ann, other, "geo-quiz").await), "slug_taken", "it may be restored");
    scene.ann.restore_flow(flow).await.unwrap();
    let change = FlowChange { slug: Some(SlugChange::TakeAway), ..FlowChange::default() };
    assert_eq!(scene.ann.change_flow(flow, &change).await.unwrap().slug, None);
    assert_eq!(call(&scene.ann, other, "geo-quiz").await.unwrap().slug.as_deref(), Some("geo-quiz"));
}

#[tokio::test]
async fn a_slug_that_is_taken_or_none_changes_nothing() {
    let scene = scene().await;
    let (ben, _) = scene.server.person("ben").await.unwrap();
    let his = ben.create_flow(&NewFlow::default()).await.unwrap().id;
    call(&scene.ann, scene.flow, "orders").await.unwrap();
    let refused = |slug: &str| FlowChange {
        name: Some("Renamed".into()),
        status: Some(FlowStatus::Draft),
        slug: Some(SlugChange::Give(slug.to_owned())),
        ..FlowChange::default()
    };
    assert_eq!(code(ben.change_flow(his, &refused("orders")).await), "slug_taken");
    for slug in ["", "ab", "Orders", "or ders", "-orders", "new", &his.to_string(), &"x".repeat(65)] {
        assert_eq!(code(ben.change_flow(his, &refused(slug)).await), "invalid", "{slug:?}");
    }
    let flow = ben.flow(his).await.unwrap();
    assert_ne!((flow.slug, flow.name), (None, "Renamed".to_owned()));
    // Left out it stays, and a copy has none.
    scene.ann.rename_flow(scene.flow, "Renamed").await.unwrap();
    assert_eq!(scene.ann.flow(scene.flow).await.unwrap().slug.as_deref(), Some("orders"));
    assert_eq!(scene.ann.duplicate_flow(scene.flow, None).await.unwrap().slug, None);
    let exported = scene.ann.export_flow(scene.flow).await.unwrap().to_string();
    assert!(!exported.contains("orders"), "{exported}");
}

/// It says which chat people come to, as whether the flow runs does.
#[tokio::test]
async fn editors_who_are_members_call_a_flow_something() {
    let scene = scene().await;
    let (ben, _) = scene.server.person("ben").await.unwrap();
    for (role, may) in [(Role::Commenter, false), (Role::Editor, true)] {
        scene.ann.put_member(scene.flow, "ben@example.org", role).await.unwrap();
        let called = call(&ben, scene.flow, "orders").await;
        assert_eq!(called.is_ok(), may, "{role}");
    }
    let link = scene.ann.create_link(scene.flow, LinkRole::Editor, None).await.unwrap();
    let guest = Api::new(&scene.server.url()).unwrap();
    guest.use_token(link.token);
    assert_eq!(code(call(&guest, scene.flow, "mine").await), "forbidden");
}
