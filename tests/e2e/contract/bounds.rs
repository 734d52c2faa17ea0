//! How often anybody may ask, and how much they may send: of each operation.

use flow_testing::TestServer;
use reqwest::Client;
use serde_json::json;
use uuid::Uuid;

use super::document::{Document, Operation};
use super::world::{World, token};
use crate::PROGRAM;

/// Answered whatever was asked before: what a load balancer asks, what a page is made of, and
/// what has a token of its own.
const UNCOUNTED: [&str; 8] = [
    "getDocs",
    "getDocsFile",
    "getFlowSchema",
    "getLiveness",
    "getMetrics",
    "getOpenApi",
    "getReadiness",
    "listSamples",
];

/// A path of this operation, about nothing that there is.
fn somewhere(operation: &Operation) -> String {
    operation.parameters("path").iter().fold(operation.path.clone(), |path, parameter| {
        let name = parameter["name"].as_str().unwrap();
        let nothing = match parameter["schema"]["type"].as_str() {
            Some("integer") => "1".to_owned(),
            _ => Uuid::now_v7().to_string(),
        };
        path.replace(&format!("{{{name}}}"), &nothing)
    })
}

/// Without them it is no request for a WebSocket, which others leave alone.
const UPGRADE: [(&str, &str); 4] = [
    ("connection", "upgrade"),
    ("upgrade", "websocket"),
    ("sec-websocket-version", "13"),
    ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
];

/// One request a minute, which is taken before: each operation has to be refused now, whoever
/// asks, and before anything else is looked at.
#[tokio::test]
async fn every_operation_is_counted_but_those_that_say_so() {
    let settings =
        [("INTERFLOW_LIMITS__REQUESTS_PER_USER", "1"), ("INTERFLOW_LIMITS__REQUESTS_PER_KEY", "1")];
    let server = TestServer::start_with(PROGRAM, &settings).await.unwrap();
    let (ann, _) = server.person("ann").await.unwrap();
    let key =
        flow_client::NewKey { name: "Bot".into(), scopes: flow_base::Scope::ALL.to_vec(), expires_at: None };
    let key = ann.create_key(&key).await.unwrap().secret.expose().clone();
    let http = Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
    let me = http.get(format!("{}/api/auth/me", server.url())).bearer_auth(&key).send().await.unwrap();
    assert_eq!(me.status(), 200, "the key's one request");
    let document = Document::of(&server.url()).await;
    let mut counted = 0;
    for operation in document.operations() {
        let path = somewhere(&operation);
        for credential in [Some(token(&ann)), Some(key.clone()), None] {
            let request = http.request(operation.method.clone(), format!("{}{path}", server.url()));
            let request =
                UPGRADE.iter().fold(request, |request, (name, value)| request.header(*name, *value));
            let request = match &credential {
                Some(credential) => request.bearer_auth(credential),
                None => request,
            };
            let answer = request.send().await.unwrap();
            let (status, after) = (answer.status().as_u16(), answer.headers().get("retry-after").cloned());
            let at = format!("{} by {credential:?}", operation.id);
            if UNCOUNTED.contains(&&*operation.id) {
                assert_ne!(status, 429, "{at}");
                continue;
            }
            let body: serde_json::Value = answer.json().await.unwrap();
            assert_eq!((status, &body["error"]["code"]), (429, &json!("too_many_requests")), "{at}: {body}");
            let after: u64 = after.expect("it says when").to_str().unwrap().parse().unwrap();
            assert!((1..=60).contains(&after), "{at}: {after} s");
            assert!(document.response(&operation, 429).is_some(), "{at} is documented");
            counted += 1;
        }
    }
    assert!(counted > 200, "{counted} refusals are those of few operations");
}

#[tokio::test]
async fn every_body_has_a_bound() {
    let world = World::with(&[("INTERFLOW_LIMITS__BODY_BYTES", "100000")]).await;
    let mut bounded = 0;
    for (operation, row) in world.table() {
        if world.document.body(&operation).is_none() {
            continue;
        }
        let sample = (row.sample)(&world).await;
        let answer = world.send(&operation, &sample.body(json!({ "x": "x".repeat(100_000) }))).await;
        let said = (answer.status, &answer.body["error"]["code"]);
        assert_eq!(said, (413, &json!("too_large")), "{}: {}", operation.id, answer.body);
        bounded += 1;
    }
    assert!(bounded > 30, "{bounded} operations have a body");
}
