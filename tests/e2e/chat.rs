//! Talking to a flow over a WebSocket.

use std::time::Duration;

use flow_base::{FlowId, LinkRole};
use flow_client::NewFlow;
use flow_testing::eventually;
use futures_util::{SinkExt, StreamExt};
use reqwest::Url;
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

use crate::people::{Scene, scene, scene_with};

pub(crate) struct Chat(WebSocketStream<MaybeTlsStream<TcpStream>>);

impl Chat {
    pub(crate) async fn open(scene: &Scene, flow: FlowId, token: &str) -> Self {
        Self::open_at(scene, &flow.to_string(), token).await
    }

    /// By what the flow is called in addresses.
    pub(crate) async fn open_at(scene: &Scene, flow: &str, token: &str) -> Self {
        let mut url = Url::parse(&scene.server.url().replacen("http", "ws", 1)).unwrap();
        url.path_segments_mut().unwrap().extend(["chat", flow]);
        url.query_pairs_mut().append_pair("token", token);
        let (socket, _) = connect_async(url.as_str()).await.unwrap();
        Self(socket)
    }

    pub(crate) async fn send(&mut self, message: Value) {
        self.0.send(Message::Text(message.to_string().into())).await.unwrap();
    }

    /// The next frame; `None` when the socket was closed, with its code.
    pub(crate) async fn next(&mut self) -> Result<Value, Option<u16>> {
        loop {
            let frame =
                timeout(Duration::from_secs(20), self.0.next()).await.expect("something is said in time");
            match frame {
                Some(Ok(Message::Text(text))) => return Ok(serde_json::from_str(&text).unwrap()),
                Some(Ok(Message::Close(frame))) => return Err(frame.map(|frame| frame.code.into())),
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return Err(None),
            }
        }
    }

    /// The code it was closed with.
    pub(crate) async fn closed(mut self) -> u16 {
        loop {
            if let Err(code) = self.next().await {
                return code.expect("it says why");
            }
        }
    }

    /// Until the server has ended the connection.
    pub(crate) async fn closed_or_gone(mut self) {
        while self.next().await.is_ok() {}
    }

    /// What is said until it asks, or ends; and that.
    pub(crate) async fn until_asked(&mut self) -> (Vec<String>, Value) {
        let mut said = Vec::new();
        loop {
            let value = self.next().await.unwrap();
            match value["type"].as_str().unwrap() {
                "chat:bot_message" => said.push(value["message"]["text"].as_str().unwrap().to_owned()),
                "chat:input" | "chat:ended" | "chat:error" => return (said, value),
                _ => {}
            }
        }
    }
}

async fn quiz(scene: &Scene) -> FlowId {
    let flow = NewFlow { sample: Some("quiz".into()), ..NewFlow::default() };
    let flow = scene.ann.create_flow(&flow).await.unwrap().id;
    scene.ann.activate(flow).await.unwrap();
    flow
}

async fn run_link(scene: &Scene, flow: FlowId) -> (flow_base::LinkId, String) {
    let link = scene.ann.create_link(flow, LinkRole::Run, None).await.unwrap();
    (link.link.id, link.token.expose().clone())
}

#[tokio::test]
async fn somebody_with_a_link_talks_to_an_active_flow() {
    let scene = scene().await;
    let flow = quiz(&scene).await;
    let (_, token) = run_link(&scene, flow).await;
    let mut chat = Chat::open(&scene, flow, &token).await;
    chat.send(json!({ "type": "chat:start" })).await;
    let connected = chat.next().await.unwrap();
    assert_eq!((&connected["type"], &connected["flow"]["id"]), (&json!("chat:connected"), &json!(flow)));
    let (said, asks) = chat.until_asked().await;
    assert_eq!(said[0], "Welcome to the geography quiz! 🌍");
    assert_eq!(
        (&asks["type"], &asks["kind"], asks["options"].as_array().unwrap().len()),
        (&json!("chat:input"), &json!("choice"), 3)
    );
    for answer in ["The Danube", "Sweden", "Canberra", "The Arctic", "South America"] {
        chat.send(json!({ "type": "chat:message", "text": answer, "idempotencyKey": answer })).await;
        let (said, _) = chat.until_asked().await;
        assert!(said[0].starts_with("Right!"), "{said:?}");
    }
    chat.send(json!({ "type": "chat:message", "text": "no" })).await;
    let (said, ended) = chat.until_asked().await;
    assert_eq!(said, ["Thanks for playing!"]);
    assert_eq!(
        (&ended["reason"], &ended["output"]),
        (&json!("completed"), &json!({ "questions": 5, "score": 5 }))
    );
}

/// Nothing twice and nothing missing.
#[tokio::test]
async fn a_chat_that_broke_off_goes_on_where_it_was() {
    let scene = scene().await;
    let flow = quiz(&scene).await;
    let (_, token) = run_link(&scene, flow).await;
    let mut chat = Chat::open(&scene, flow, &token).await;
    chat.send(json!({ "type": "chat:start" })).await;
    let resume = chat.next().await.unwrap()["resumeToken"].clone();
    // The first message, and then it is gone.
    let first = loop {
        let value = chat.next().await.unwrap();
        if value["type"] == "chat:bot_message" {
            break value["message"]["id"].as_u64().unwrap();
        }
    };
    drop(chat);
    let mut chat = Chat::open(&scene, flow, &token).await;
    chat.send(json!({ "type": "chat:start", "resume": resume, "after": first })).await;
    assert_eq!(chat.next().await.unwrap()["type"], "chat:connected");
    let (said, asks) = chat.until_asked().await;
    assert_eq!((said.len(), &asks["type"]), (2, &json!("chat:input")), "{said:?}");
    chat.send(json!({ "type": "chat:message", "text": "The Danube" })).await;
    let (said, _) = chat.until_asked().await;
    assert_eq!(said[0], "Right! That makes 1. 🎉");
    // Nobody makes up the token of another's chat.
    let mut forged = resume.as_str().unwrap().to_owned();
    forged.replace_range(forged.len() - 1.., if forged.ends_with('0') { "1" } else { "0" });
    let mut other = Chat::open(&scene, flow, &token).await;
    other.send(json!({ "type": "chat:start", "resume": forged })).await;
    assert_eq!(other.next().await.unwrap()["type"], "chat:error");
}

#[tokio::test]
async fn a_chat_begins_anew_and_says_what_is_wrong() {
    let scene = scene().await;
    let flow = quiz(&scene).await;
    let (_, token) = run_link(&scene, flow).await;
    let mut chat = Chat::open(&scene, flow, &token).await;
    chat.send(json!({ "type": "chat:message", "text": "hello?" })).await;
    assert_eq!(chat.next().await.unwrap()["type"], "chat:error");
    chat.0.send(Message::Text("{".into())).await.unwrap();
    assert_eq!(chat.next().await.unwrap()["code"], "malformed");
    chat.send(json!({ "type": "x".repeat(10_000) })).await;
    let malformed = chat.next().await.unwrap();
    assert_eq!(malformed["code"], "malformed");
    assert!(malformed["message"].as_str().unwrap().chars().count() <= 200, "{malformed}");
    let deep = (0..40).fold(json!(1), |inner, _| json!([inner]));
    chat.send(json!({ "type": "chat:start", "variables": { "a": deep } })).await;
    assert_eq!(chat.next().await.unwrap()["code"], "invalid");
    chat.send(json!({ "type": "chat:start" })).await;
    let (_, asks) = chat.until_asked().await;
    let visit = asks["visit"].as_u64().unwrap();
    chat.send(json!({ "type": "chat:message", "text": "The Danube", "visit": visit + 100 })).await;
    let (_, refused) = chat.until_asked().await;
    assert_eq!((&refused["code"], &refused["asks"]["visit"]), (&json!("not_waiting"), &json!(visit)));
    chat.send(json!({ "type": "chat:reset" })).await;
    let (said, _) = chat.until_asked().await;
    assert_eq!(said[0], "Welcome to the geography quiz! 🌍");
}

/// One run a day is all that the workspace may have.
#[tokio::test]
async fn a_chat_that_cannot_begin_anew_stays() {
    let scene = scene_with(&[("INTERFLOW_QUOTAS__RUNS_PER_DAY", "1")]).await;
    let flow = quiz(&scene).await;
    let (_, token) = run_link(&scene, flow).await;
    let mut chat = Chat::open(&scene, flow, &token).await;
    chat.send(json!({ "type": "chat:start" })).await;
    assert_eq!(chat.until_asked().await.1["type"], "chat:input");
    chat.send(json!({ "type": "chat:start" })).await;
    assert_eq!(chat.until_asked().await.1["code"], "quota_reached");
    // The first goes on as if nothing had been.
    chat.send(json!({ "type": "chat:message", "text": "The Danube" })).await;
    let (said, asks) = chat.until_asked().await;
    assert!(said[0].starts_with("Right!"), "{said:?}");
    assert_eq!(asks["type"], "chat:input");
    chat.send(json!({ "type": "chat:reset" })).await;
    let told = [chat.until_asked().await.1, chat.until_asked().await.1];
    assert!(told.iter().any(|told| told["code"] == "quota_reached"), "{told:?}");
    assert!(told.iter().any(|told| told["reason"] == "cancelled"), "{told:?}");
}

#[tokio::test]
async fn a_chat_is_a_connection_of_its_user() {
    let scene = scene_with(&[("INTERFLOW_LIMITS__CONNECTIONS_PER_USER", "1")]).await;
    let flow = quiz(&scene).await;
    let (_, token) = run_link(&scene, flow).await;
    let chat = Chat::open(&scene, flow, &token).await;
    let url = format!("{}/chat/{flow}?token={token}", scene.server.url().replacen("http", "ws", 1));
    match connect_async(&url).await {
        Err(tokio_tungstenite::tungstenite::Error::Http(answer)) => assert_eq!(answer.status(), 429),
        other => panic!("{other:?}"),
    }
    drop(chat);
    eventually("the place is free", async || connect_async(&url).await.is_ok(), |open| *open).await;
}

#[tokio::test]
async fn who_may_not_talk_is_told_so_by_a_close_code() {
    let scene = scene().await;
    let flow = quiz(&scene).await;
    let (link, token) = run_link(&scene, flow).await;
    let code =
        async |flow: FlowId, token: &str| Chat::open(&scene, flow, token).await.next().await.unwrap_err();
    assert_eq!(code(flow, "nobody").await, Some(4401));
    assert_eq!(code(FlowId::generate(), &token).await, Some(4404));
    let (_, ben) = (scene.server.person("ben").await.unwrap(), scene.server.person("cleo").await.unwrap().0);
    assert_eq!(code(flow, ben.token().unwrap().expose()).await, Some(4404));
    scene.ann.revoke_link(flow, link).await.unwrap();
    assert_eq!(code(flow, &token).await, Some(4401));
}

#[tokio::test]
async fn a_page_of_others_may_use_a_link_and_no_sign_in() {
    let scene = scene().await;
    let flow = quiz(&scene).await;
    let (_, link) = run_link(&scene, flow).await;
    let sign_in = scene.ann.token().unwrap().expose().clone();
    let url = format!("{}/chat/{flow}", scene.server.url().replacen("http", "ws", 1));
    let open = async |token: &str| {
        let mut request = url.as_str().into_client_request().unwrap();
        let headers = request.headers_mut();
        headers.insert("origin", "https://shop.example".parse().unwrap());
        headers
            .insert("sec-websocket-protocol", format!("interflow, interflow.token.{token}").parse().unwrap());
        let (socket, answer) = connect_async(request).await.unwrap();
        // Or a browser takes it for a failure, and hears no code.
        assert_eq!(answer.headers()["sec-websocket-protocol"], "interflow");
        Chat(socket)
    };
    let mut chat = open(&link).await;
    chat.send(json!({ "type": "chat:start" })).await;
    assert_eq!(chat.next().await.unwrap()["type"], "chat:connected");
    assert_eq!(open(&sign_in).await.next().await.unwrap_err(), Some(4403));
}
