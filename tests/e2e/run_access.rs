//! Streams of runs and chats end with the access of who holds them, and with the server.

use flow_base::{FlowId, LinkRole, Role, RunId, Scope};
use flow_client::{Api, NewFlow, NewKey, StartRun};
use flow_testing::TestServer;
use serde_json::json;
use tokio::time::Instant;

use crate::chat::Chat;
use crate::people::{Scene, scene};
use crate::stream::{Events, open_path};

/// A flow that asks something, active.
async fn quiz(scene: &Scene) -> FlowId {
    let flow = NewFlow { sample: Some("quiz".into()), ..NewFlow::default() };
    let flow = scene.ann.create_flow(&flow).await.unwrap().id;
    scene.ann.activate(flow).await.unwrap();
    flow
}

async fn with_token(server: &TestServer, token: flow_base::Secret<String>) -> Api {
    let api = Api::new(&server.url()).unwrap();
    api.use_token(token);
    api
}

/// The stream of a run, once the first turn is told.
async fn watched(scene: &Scene, api: &Api, run: RunId) -> Events {
    let mut events = open_path(&scene.server, api, &format!("runs/{run}")).await;
    events.until("turn").await;
    events
}

/// A chat that was asked something.
async fn talking(scene: &Scene, api: &Api, flow: FlowId) -> Chat {
    let mut chat = Chat::open(scene, flow, api.token().unwrap().expose()).await;
    chat.send(json!({ "type": "chat:start" })).await;
    assert_eq!(chat.until_asked().await.1["type"], "chat:input");
    chat
}

/// What becomes of both when `ending` has been done.
async fn ended(scene: &Scene, api: &Api, flow: FlowId, run: RunId, ending: impl AsyncFnOnce()) -> (u64, u16) {
    let (events, chat) = (watched(scene, api, run).await, talking(scene, api, flow).await);
    let began = Instant::now();
    ending().await;
    let codes = (events.closed().await, chat.closed().await);
    // A second, and what a busy machine adds to it.
    assert!(began.elapsed().as_secs() < 5, "{:?}", began.elapsed());
    codes
}

#[tokio::test]
async fn streams_of_runs_and_chats_end_with_their_access() {
    let scene = scene().await;
    let flow = quiz(&scene).await;
    let run = scene.ann.start_run(flow, &StartRun::default()).await.unwrap().run_id;

    let other = Api::new(&scene.server.url()).unwrap();
    other.login("ann@example.org", "correct horse battery staple").await.unwrap();
    let signed_out = ended(&scene, &other, flow, run, async || other.logout().await.unwrap()).await;
    assert_eq!(signed_out, (4401, 4401));

    let key = NewKey { name: "Bot".into(), scopes: vec![Scope::Read, Scope::Run], expires_at: None };
    let key = scene.ann.create_key(&key).await.unwrap();
    let bot = with_token(&scene.server, key.secret.clone()).await;
    let revoked =
        ended(&scene, &bot, flow, run, async || scene.ann.revoke_key(key.key.id).await.unwrap()).await;
    assert_eq!(revoked, (4401, 4401));

    let (vic, user) = scene.server.person("vic").await.unwrap();
    scene.ann.put_member(flow, "vic@example.org", Role::Viewer).await.unwrap();
    let removed =
        ended(&scene, &vic, flow, run, async || scene.ann.remove_member(flow, user.id).await.unwrap()).await;
    assert_eq!(removed, (4403, 4403));

    let link = scene.ann.create_link(flow, LinkRole::Run, None).await.unwrap();
    let guest = with_token(&scene.server, link.token.clone()).await;
    let own = guest.start_run(flow, &StartRun::default()).await.unwrap().run_id;
    let unlinked =
        ended(&scene, &guest, flow, own, async || scene.ann.revoke_link(flow, link.link.id).await.unwrap());
    assert_eq!(unlinked.await, (4403, 4403));

    let deleted =
        ended(&scene, &scene.ann, flow, run, async || scene.ann.delete_flow(flow).await.unwrap()).await;
    assert_eq!(deleted, (4403, 4403));
}

#[tokio::test]
async fn a_server_that_stops_ends_its_streams_of_runs_and_chats() {
    let mut scene = scene().await;
    let flow = quiz(&scene).await;
    let run = scene.ann.start_run(flow, &StartRun::default()).await.unwrap().run_id;
    let (events, chat) = (watched(&scene, &scene.ann, run).await, talking(&scene, &scene.ann, flow).await);
    let (stopped, told, closed) = tokio::join!(scene.server.stop(), events.closed(), chat.closed());
    stopped.unwrap();
    assert_eq!((told, closed), (1012, 1012));
}
