//! Runs and chats of a version that is chosen, active or not.

use flow_base::{FlowId, LinkRole, Role};
use flow_client::{Api, NewFlow, StartRun};
use serde_json::{Value, json};

use crate::chat::Chat;
use crate::graph::code;
use crate::people::{Scene, scene};

/// Says a text, asks something, and ends.
fn saying(text: &str) -> Value {
    json!({
        "interflow": 1,
        "name": "Saying",
        "nodes": [
            { "id": "start", "type": "start", "data": {} },
            { "id": "say", "type": "message", "data": { "blocks": [{ "id": "a", "kind": "text", "text": text }] } },
            { "id": "ask", "type": "input", "data": { "variable": "name", "kind": "text", "prompt": "Your name?" } },
            { "id": "end", "type": "end", "data": {} },
        ],
        "edges": [
            { "source": "start", "sourceHandle": "out", "target": "say" },
            { "source": "say", "sourceHandle": "out", "target": "ask" },
            { "source": "ask", "sourceHandle": "out", "target": "end" },
        ],
        "variables": { "name": { "type": "text" } },
    })
}

/// A flow whose version 1 is kept and was never active, whose version 2 is active, and which
/// says something else by now.
async fn three(scene: &Scene) -> FlowId {
    let flow = NewFlow { flow: Some(saying("first")), ..NewFlow::default() };
    let flow = scene.ann.create_flow(&flow).await.unwrap().id;
    scene.ann.create_version(flow, "First").await.unwrap();
    scene.ann.put_flow(flow, &saying("second"), None).await.unwrap();
    scene.ann.activate(flow).await.unwrap();
    scene.ann.put_flow(flow, &saying("third"), None).await.unwrap();
    flow
}

async fn said(api: &Api, flow: FlowId, start: &StartRun) -> Value {
    api.start_run(flow, start).await.unwrap().messages[0]["text"].clone()
}

#[tokio::test]
async fn a_run_is_of_the_version_that_is_chosen() {
    let scene = scene().await;
    let flow = three(&scene).await;
    let of = |version| StartRun { version, ..StartRun::default() };
    for (version, text) in [(None, "second"), (Some(1), "first"), (Some(2), "second")] {
        assert_eq!(said(&scene.ann, flow, &of(version)).await, text, "{version:?}");
    }
    let preview = StartRun { preview: true, ..StartRun::default() };
    assert_eq!(said(&scene.ann, flow, &preview).await, "third");
    let turn = scene.ann.start_run(flow, &of(Some(1))).await.unwrap();
    let run = scene.ann.run(turn.run_id).await.unwrap();
    assert_eq!((run.summary.kind.as_str(), run.summary.flow_version), ("published", Some(1)));
    for unknown in [0, 3, u32::MAX] {
        assert_eq!(code(scene.ann.start_run(flow, &of(Some(unknown))).await), "not_found", "{unknown}");
    }
    let both = StartRun { version: Some(1), ..preview };
    assert_eq!(code(scene.ann.start_run(flow, &both).await), "invalid");
    // Whether or not any is active.
    scene.ann.deactivate(flow).await.unwrap();
    assert_eq!(code(scene.ann.start_run(flow, &of(None)).await), "not_active");
    assert_eq!(said(&scene.ann, flow, &of(Some(1))).await, "first");
}

#[tokio::test]
async fn who_may_not_try_a_flow_gets_the_active_version_and_no_other() {
    let scene = scene().await;
    let flow = three(&scene).await;
    let (ben, user) = scene.server.person("ben").await.unwrap();
    let link = scene.ann.create_link(flow, LinkRole::Run, None).await.unwrap();
    let guest = Api::new(&scene.server.url()).unwrap();
    guest.use_token(link.token);
    scene.ann.put_member(flow, &user.email, Role::Viewer).await.unwrap();
    for api in [&ben, &guest] {
        for version in [1, 2, 7] {
            let chosen = StartRun { version: Some(version), ..StartRun::default() };
            assert_eq!(code(api.start_run(flow, &chosen).await), "forbidden", "{version}");
        }
        assert_eq!(said(api, flow, &StartRun::default()).await, "second");
        let mut chat = Chat::open(&scene, flow, api.token().unwrap().expose()).await;
        chat.send(json!({ "type": "chat:start", "version": 1 })).await;
        assert_eq!(chat.until_asked().await.1["code"], "forbidden");
        chat.send(json!({ "type": "chat:start" })).await;
        assert_eq!(chat.until_asked().await.0[0], "second");
    }
    scene.ann.put_member(flow, &user.email, Role::Editor).await.unwrap();
    assert_eq!(said(&ben, flow, &StartRun { version: Some(1), ..StartRun::default() }).await, "first");
}

#[tokio::test]
async fn a_chat_is_of_the_version_that_is_chosen_and_stays_so_when_it_begins_anew() {
    let scene = scene().await;
    let flow = three(&scene).await;
    let token = scene.ann.token().unwrap().expose().clone();
    let mut chat = Chat::open(&scene, flow, &token).await;
    for (wrong, why) in [
        (json!({ "type": "chat:start", "version": 9 }), "not_found"),
        (json!({ "type": "chat:start", "version": 1, "preview": true }), "invalid"),
        (json!({ "type": "chat:start", "version": "first" }), "malformed"),
        (json!({ "type": "chat:start", "version": -1 }), "malformed"),
    ] {
        chat.send(wrong).await;
        assert_eq!(chat.until_asked().await.1["code"], why);
    }
    chat.send(json!({ "type": "chat:start", "version": 1 })).await;
    let resume = chat.next().await.unwrap()["resumeToken"].clone();
    assert_eq!(chat.until_asked().await.0[0], "first");
    chat.send(json!({ "type": "chat:reset" })).await;
    assert_eq!(said_anew(&mut chat).await, "first");
    // A client that goes on says which it wants when it begins anew.
    for (version, text) in [(Some(1), "first"), (None, "second")] {
        let mut chat = Chat::open(&scene, flow, &token).await;
        chat.send(json!({ "type": "chat:start", "resume": resume, "version": version })).await;
        assert_eq!(said_anew(&mut chat).await, "first", "what was begun stays as it was");
        chat.send(json!({ "type": "chat:reset" })).await;
        assert_eq!(said_anew(&mut chat).await, text);
    }
}

/// The first message of a chat that begins, or goes on from its beginning.
async fn said_anew(chat: &mut Chat) -> String {
    while chat.next().await.unwrap()["type"] != "chat:connected" {}
    chat.until_asked().await.0.remove(0)
}
