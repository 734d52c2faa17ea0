//! Whom a workspace tells what happens in it: a real server, and a receiver on this machine.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use flow_base::Role;
use flow_client::{Api, CreatedWebhook, DeliveryState, NewFlow, NewWebhook, WebhookChange};
use flow_testing::{TestDatabase, TestPostgres, TestServer, eventually};
use hmac::{Hmac, KeyInit as _, Mac as _};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use sha2::Sha256;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::PROGRAM;
use crate::accounts::{code, refused};

/// Somebody outside who is told.
struct Receiver {
    url: String,
    heard: Arc<Mutex<Vec<Heard>>>,
    /// What it answers.
    status: Arc<Mutex<u16>>,
}

#[derive(Debug, Clone)]
struct Heard {
    headers: BTreeMap<String, String>,
    body: String,
}

impl Heard {
    fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }

    /// As whoever has the secret checks it.
    fn is_signed_with(&self, secret: &str) -> bool {
        let signature = &self.headers["interflow-signature"];
        let (at, sum) = signature.strip_prefix("t=").unwrap().split_once(",v1=").unwrap();
        let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
        mac.update(format!("{at}.{}", self.body).as_bytes());
        let expected: String = mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
        sum == expected
    }
}

impl Receiver {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/hook", listener.local_addr().unwrap());
        let (heard, status) = (Arc::default(), Arc::new(Mutex::new(200)));
        let receiver = Self { url, heard: Arc::clone(&heard), status: Arc::clone(&status) };
        tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                tokio::spawn(hear(socket, Arc::clone(&heard), Arc::clone(&status)));
            }
        });
        receiver
    }

    fn answer(&self, status: u16) {
        *self.status.lock().unwrap() = status;
    }

    fn heard(&self) -> Vec<Heard> {
        self.heard.lock().unwrap().clone()
    }

    /// The names of what it heard, once it has heard so much.
    async fn until(&self, count: usize) -> Vec<String> {
        let heard = eventually("it is told", async || self.heard(), |heard| heard.len() >= count).await;
        heard.iter().map(|heard| heard.json()["type"].as_str().unwrap().to_owned()).collect()
    }
}

async fn hear(mut socket: TcpStream, heard: Arc<Mutex<Vec<Heard>>>, status: Arc<Mutex<u16>>) {
    let mut text = String::new();
    let mut bytes = [0; 4_096];
    let request = loop {
        let Ok(read @ 1..) = socket.read(&mut bytes).await else { return };
        text.push_str(std::str::from_utf8(&bytes[..read]).unwrap());
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let headers: BTreeMap<_, _> = head
            .lines()
            .filter_map(|line| line.split_once(": "))
            .map(|(name, value)| (name.to_lowercase(), value.to_owned()))
            .collect();
        if body.len() == headers["content-length"].parse::<usize>().unwrap() {
            break Heard { headers, body: body.to_owned() };
        }
    };
    heard.lock().unwrap().push(request);
    let status = *status.lock().unwrap();
    let answer = format!("HTTP/1.1 {status} X\r\nContent-Length: 6\r\n\r\nthanks");
    drop(socket.write_all(answer.as_bytes()).await);
}

/// Ann, who owns a workspace, at a server that may call this machine.
struct Scene {
    server: TestServer,
    ann: Api,
    workspace: String,
}

async fn scene(environment: &[(&str, &str)]) -> Scene {
    let private = [("INTERFLOW_WEBHOOKS__ALLOW_PRIVATE", "true")];
    let environment = [&private, environment].concat();
    let server = TestServer::start_with(PROGRAM, &environment).await.unwrap();
    let (ann, _) = server.person("ann").await.unwrap();
    let workspace = own_workspace(&server, &ann).await;
    Scene { server, ann, workspace }
}

async fn own_workspace(server: &TestServer, api: &Api) -> String {
    let (_, listed) = call(server, api, Method::GET, "api/workspaces", Value::Null).await;
    listed[0]["id"].as_str().unwrap().to_owned()
}

async fn call(
    server: &TestServer,
    api: &Api,
    method: Method,
    path: &str,
    body: Value,
) -> (StatusCode, Value) {
    let url = format!("{}/{path}", server.url());
    let mut request = reqwest::Client::new().request(method, url).bearer_auth(api.token().unwrap().expose());
    if !body.is_null() {
        request = request.json(&body);
    }
    let response = request.send().await.unwrap();
    (response.status(), response.json().await.unwrap_or(Value::Null))
}

impl Scene {
    async fn call(&self, method: Method, path: &str, body: Value) -> (StatusCode, Value) {
        let path = format!("api/workspaces/{}/webhooks{path}", self.workspace);
        call(&self.server, &self.ann, method, &path, body).await
    }

    /// Its id and secret.
    async fn webhook(&self, url: &str, events: &[&str]) -> (String, String) {
        let body = json!({ "url": url, "events": events });
        let (status, made) = self.call(Method::POST, "", body).await;
        assert_eq!(status, StatusCode::CREATED, "{made}");
        (made["id"].as_str().unwrap().to_owned(), made["secret"].as_str().unwrap().to_owned())
    }

    /// Newest first.
    async fn deliveries(&self, webhook: &str) -> Vec<Value> {
        let (status, page) = self.call(Method::GET, &format!("/{webhook}/deliveries"), Value::Null).await;
        assert_eq!(status, StatusCode::OK);
        page["items"].as_array().unwrap().clone()
    }

    async fn until_newest(&self, webhook: &str, state: &str) -> Value {
        let newest = async || self.deliveries(webhook).await.into_iter().next().unwrap_or_default();
        eventually("it is so", newest, |newest| newest["state"] == state).await
    }
}

#[tokio::test]
async fn what_happens_in_a_workspace_is_told_signed_and_once() {
    let scene = scene(&[]).await;
    let receiver = Receiver::start().await;
    let events = ["flow.created", "flow.deleted", "version.created", "flow.memberChanged"];
    let (webhook, secret) = scene.webhook(&receiver.url, &events).await;
    let flow = scene.ann.create_flow(&NewFlow::default()).await.unwrap().id;
    scene.server.person("ben").await.unwrap();
    scene.ann.put_member(flow, "ben@example.org", Role::Viewer).await.unwrap();
    scene.ann.create_version(flow, "Kept").await.unwrap();
    scene.ann.rename_flow(flow, "Nobody asked for this").await.unwrap();
    scene.ann.delete_flow(flow).await.unwrap();
    let mut told = receiver.until(4).await;
    told.sort();
    assert_eq!(told, ["flow.created", "flow.deleted", "flow.memberChanged", "version.created"]);
    for heard in receiver.heard() {
        assert!(heard.is_signed_with(&secret), "{heard:?}");
        let json = heard.json();
        assert_eq!((&json["workspace"], &json["data"]["flow"]), (&json!(scene.workspace), &json!(flow)));
        assert_eq!(heard.headers["interflow-event-id"], json["id"].as_str().unwrap());
        assert_eq!(heard.headers["interflow-event"], json["type"].as_str().unwrap());
        assert_eq!(heard.headers["content-type"], "application/json");
    }
    let newest = scene.until_newest(&webhook, "delivered").await;
    assert_eq!(
        (&newest["status"], &newest["answer"], &newest["attempts"]),
        (&json!(200), &json!("thanks"), &json!(1))
    );
    assert_eq!((&newest["nextAt"], &newest["error"]), (&Value::Null, &Value::Null));
    assert_eq!(scene.deliveries(&webhook).await.len(), 4);

    let id = newest["id"].as_u64().unwrap();
    let path = format!("/{webhook}/deliveries/{id}/redeliver");
    let (status, again) = scene.call(Method::POST, &path, Value::Null).await;
    assert!(status == StatusCode::ACCEPTED && again["deliveryId"].as_u64() > Some(id), "{again}");
    receiver.until(5).await;
    let heard = receiver.heard();
    assert_eq!(heard.iter().filter(|heard| heard.body == newest["body"].as_str().unwrap()).count(), 2);

    // Another secret, at once.
    let (_, renewed) = scene.call(Method::POST, &format!("/{webhook}/secret"), Value::Null).await;
    scene.call(Method::POST, &format!("/{webhook}/ping"), Value::Null).await;
    assert_eq!(receiver.until(6).await.last().map(String::as_str), Some("ping"));
    let last = receiver.heard().pop().unwrap();
    assert!(last.is_signed_with(renewed["secret"].as_str().unwrap()) && !last.is_signed_with(&secret));
}

#[tokio::test]
async fn what_fails_is_shown_and_tried_again_and_a_disabled_one_is_told_nothing() {
    let scene = scene(&[]).await;
    let receiver = Receiver::start().await;
    let (webhook, _) = scene.webhook(&receiver.url, &["flow.created"]).await;
    receiver.answer(500);
    scene.ann.create_flow(&NewFlow::default()).await.unwrap();
    let failed = eventually(
        "the failure is shown",
        async || scene.deliveries(&webhook).await.remove(0),
        |newest| newest["attempts"] == 1 && newest["error"].is_string(),
    )
    .await;
    assert_eq!((&failed["state"], &failed["status"]), (&json!("pending"), &json!(500)));
    assert_eq!(failed["error"], "it was answered with 500");
    assert!(failed["nextAt"].as_str() > failed["lastAt"].as_str());
    let path = format!("/{webhook}");
    let (_, view) = scene.call(Method::GET, &path, Value::Null).await;
    assert!(
        view["failingSince"].is_string() && view["enabled"] == true && view["secret"].is_null(),
        "{view}"
    );

    let (status, off) = scene.call(Method::PATCH, &path, json!({ "enabled": false })).await;
    assert_eq!((status, &off["disabledReason"]), (StatusCode::OK, &json!("disabled by an owner")));
    receiver.answer(200);
    scene.ann.create_flow(&NewFlow::default()).await.unwrap();
    let (_, on) = scene.call(Method::PATCH, &path, json!({ "enabled": true })).await;
    assert_eq!((&on["enabled"], &on["failingSince"]), (&json!(true), &Value::Null));
    scene.call(Method::POST, &format!("/{webhook}/ping"), Value::Null).await;
    assert_eq!(
        receiver.until(2).await,
        ["flow.created", "ping"],
        "the second flow was made while it was off"
    );
    let (status, _) = scene.call(Method::DELETE, &path, Value::Null).await;
    assert_eq!(status, StatusCode::NO_CONTENT);
    assert_eq!(scene.call(Method::GET, &path, Value::Null).await.0, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn nobody_near_the_server_is_called() {
    let server = TestServer::start(PROGRAM).await.unwrap();
    let (ann, _) = server.person("ann").await.unwrap();
    let workspace = own_workspace(&server, &ann).await;
    let scene = Scene { server, ann, workspace };
    let refused = async |url: &str| {
        let (status, error) =
            scene.call(Method::POST, "", json!({ "url": url, "events": ["flow.created"] })).await;
        assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{url}: {error}");
        assert!(error["error"]["details"].to_string().contains("url"), "{error}");
    };
    for url in [
        "https://127.0.0.1/",
        "https://10.0.0.1/",
        "https://[::1]/",
        "https://[::ffff:169.254.169.254]/latest/meta-data",
        "https://2130706433/",
        "http://example.org/",
        "ftp://example.org/",
        "https://ann:secret@example.org/",
        "nonsense",
    ] {
        refused(url).await;
    }
    // A name is looked up when it is called.
    let receiver = Receiver::start().await;
    let port = receiver.url.rsplit_once(':').unwrap().1;
    let (webhook, _) = scene.webhook(&format!("https://localhost:{port}"), &["flow.created"]).await;
    scene.call(Method::POST, &format!("/{webhook}/ping"), Value::Null).await;
    let failed = eventually(
        "it is refused",
        async || scene.deliveries(&webhook).await.remove(0),
        |newest| newest["error"].is_string(),
    )
    .await;
    assert_eq!(
        (&failed["error"], &failed["status"]),
        (&json!("the name has no address that may be called"), &Value::Null)
    );
    assert!(receiver.heard().is_empty());
}

#[tokio::test]
async fn webhooks_are_the_owners_to_see_and_wrong_ones_are_refused() {
    let scene = scene(&[]).await;
    let receiver = Receiver::start().await;
    let (webhook, _) = scene.webhook(&receiver.url, &["flow.created"]).await;
    let (eve, _) = scene.server.person("eve").await.unwrap();
    let (ed, _) = scene.server.person("ed").await.unwrap();
    let team =
        call(&scene.server, &scene.ann, Method::POST, "api/workspaces", json!({ "name": "Team" })).await.1;
    let team = team["id"].as_str().unwrap();
    let member = json!({ "email": "ed@example.org", "role": "editor" });
    call(&scene.server, &scene.ann, Method::POST, &format!("api/workspaces/{team}/members"), member).await;
    let at = |workspace: &str| format!("api/workspaces/{workspace}/webhooks");
    let wanted = [
        (Method::GET, String::new()),
        (Method::POST, String::new()),
        (Method::GET, format!("/{webhook}")),
        (Method::PATCH, format!("/{webhook}")),
        (Method::DELETE, format!("/{webhook}")),
        (Method::POST, format!("/{webhook}/ping")),
        (Method::POST, format!("/{webhook}/secret")),
        (Method::GET, format!("/{webhook}/deliveries")),
        (Method::POST, format!("/{webhook}/deliveries/1/redeliver")),
    ];
    for (method, path) in wanted {
        let body = match method {
            Method::POST if path.is_empty() => json!({ "url": receiver.url, "events": ["flow.created"] }),
            Method::PATCH => json!({ "enabled": false }),
            _ => Value::Null,
        };
        let path_at = |workspace: &str| format!("{}{path}", at(workspace));
        let as_eve =
            call(&scene.server, &eve, method.clone(), &path_at(&scene.workspace), body.clone()).await;
        assert_eq!(as_eve.0, StatusCode::NOT_FOUND, "{method} {path}");
        let as_ed = call(&scene.server, &ed, method.clone(), &path_at(team), body.clone()).await;
        assert_eq!(as_ed.0, StatusCode::FORBIDDEN, "{method} {path}");
        // Another workspace of hers has no part in it.
        if !path.is_empty() {
            let elsewhere =
                call(&scene.server, &scene.ann, method.clone(), &path_at(team), body.clone()).await;
            assert_eq!(elsewhere.0, StatusCode::NOT_FOUND, "{method} {path}");
        }
    }
    for body in [
        json!({ "url": receiver.url, "events": [] }),
        json!({ "url": receiver.url, "events": ["flow.imagined"] }),
        json!({ "url": receiver.url, "events": ["flow.created"], "description": "x".repeat(1_001) }),
    ] {
        assert_eq!(scene.call(Method::POST, "", body).await.0, StatusCode::UNPROCESSABLE_ENTITY);
    }
    for _ in 1..20 {
        scene.webhook(&receiver.url, &["flow.created"]).await;
    }
    let (status, full) =
        scene.call(Method::POST, "", json!({ "url": receiver.url, "events": ["flow.created"] })).await;
    assert_eq!((status, &full["error"]["code"]), (StatusCode::CONFLICT, &json!("too_many_webhooks")));
}

#[tokio::test]
async fn a_program_makes_webhooks_and_looks_after_them() {
    let scene = scene(&[]).await;
    let (ann, workspace) = (&scene.ann, scene.workspace.parse().unwrap());
    let receiver = Receiver::start().await;
    let (url, events) = (receiver.url.clone(), vec!["flow.created".to_owned()]);
    let new = NewWebhook { url: url.clone(), events: events.clone(), description: "Bots".into() };
    let CreatedWebhook { webhook: made, secret } = ann.create_webhook(workspace, &new).await.unwrap();
    assert_eq!((&made.url, &made.events, &*made.description), (&url, &events, "Bots"));
    assert_eq!(ann.webhooks(workspace).await.unwrap(), std::slice::from_ref(&made));
    assert_eq!(ann.webhook(workspace, made.id).await.unwrap(), made);

    let ping = ann.ping_webhook(workspace, made.id).await.unwrap();
    receiver.until(1).await;
    assert!(receiver.heard()[0].is_signed_with(secret.expose()));
    let newest = async || ann.deliveries(workspace, made.id, 1, None).await.unwrap();
    let page = eventually("it is told", newest, |page| page.items[0].state == DeliveryState::Delivered).await;
    let told = &page.items[0];
    assert_eq!((told.id, &*told.event, told.status, told.attempts), (ping, "ping", Some(200), 1));
    let renewed = ann.renew_webhook_secret(workspace, made.id).await.unwrap();
    let again = ann.redeliver(workspace, made.id, ping).await.unwrap();
    receiver.until(2).await;
    assert!(again > ping && receiver.heard()[1].is_signed_with(renewed.expose()));
    let first = ann.deliveries(workspace, made.id, 1, None).await.unwrap();
    let rest = ann.deliveries(workspace, made.id, 1, first.next_cursor.as_deref()).await.unwrap();
    assert_eq!((first.items[0].id, rest.items[0].id, rest.next_cursor), (again, ping, None));

    let change = WebhookChange { enabled: Some(false), ..WebhookChange::default() };
    let off = ann.change_webhook(workspace, made.id, &change).await.unwrap();
    assert!(!off.enabled && off.disabled_at.is_some() && off.url == url);
    let wrong = WebhookChange { events: Some(Vec::new()), ..WebhookChange::default() };
    assert_eq!(code(ann.change_webhook(workspace, made.id, &wrong).await), refused(422, "invalid"));
    ann.delete_webhook(workspace, made.id).await.unwrap();
    assert_eq!(code(ann.webhook(workspace, made.id).await), refused(404, "not_found"));
}

/// Two servers share the work, and one of them dies: everything is told, and nothing that
/// did not happen.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_dies_what_happened_is_told() {
    let database: TestDatabase = TestPostgres::shared_database().await.unwrap();
    let environment = [
        ("INTERFLOW_DATABASE_URL", database.url()),
        ("INTERFLOW_SIGNING_KEY", "a signing key that several servers share"),
    ];
    let mut scene = scene(&environment).await;
    let private = [("INTERFLOW_WEBHOOKS__ALLOW_PRIVATE", "true")];
    let _other = TestServer::start_with(PROGRAM, &[&private[..], &environment].concat()).await.unwrap();
    let receiver = Receiver::start().await;
    scene.webhook(&receiver.url, &["flow.created"]).await;
    let mut made = Vec::new();
    for _ in 0..40 {
        made.push(scene.ann.create_flow(&NewFlow::default()).await.unwrap().id.to_string());
    }
    scene.server.kill().await.unwrap();
    made.sort();
    let flows = || -> Vec<String> {
        let mut flows: Vec<_> = receiver
            .heard()
            .iter()
            .map(|heard| heard.json()["data"]["flow"].as_str().unwrap().to_owned())
            .collect();
        flows.sort();
        flows.dedup();
        flows
    };
    // What the dead one had claimed is told once its claim has ended.
    let deadline = tokio::time::Instant::now() + Duration::from_secs(90);
    while flows() != made {
        assert!(tokio::time::Instant::now() < deadline, "{} of {} are told", flows().len(), made.len());
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    scene.server.restart().await.unwrap();
}
