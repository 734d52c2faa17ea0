//! A flow as server-sent events.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use flow_base::{FlowId, Role};
use flow_client::Api;
use flow_model::Edit;
use flow_testing::TestServer;
use reqwest::{Response, StatusCode};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpSocket;
use tokio::time::timeout;

use crate::people::{add, live, make, peer, scene, scene_with, until};

const SOON: Duration = Duration::from_secs(20);

/// What a client makes of a stream: the events, and the flow they come to.
pub(crate) struct Events {
    body: Response,
    parsed: Parsed,
}

#[derive(Default)]
struct Parsed {
    text: String,
    last_id: Option<String>,
    nodes: BTreeSet<String>,
    resets: usize,
}

#[derive(Debug)]
pub(crate) struct Event {
    name: String,
    pub(crate) data: Value,
}

async fn request(server: &TestServer, api: &Api, flow: FlowId, last_id: Option<&str>) -> Response {
    request_path(server, api, &format!("flows/{flow}"), last_id).await
}

/// The stream of a flow or a run.
async fn request_path(server: &TestServer, api: &Api, of: &str, last_id: Option<&str>) -> Response {
    let url = format!("{}/api/{of}/stream", server.url());
    let mut request = reqwest::Client::new().get(url).bearer_auth(api.token().unwrap().expose());
    if let Some(id) = last_id {
        request = request.header("Last-Event-ID", id);
    }
    request.send().await.unwrap()
}

async fn open(server: &TestServer, api: &Api, flow: FlowId) -> Events {
    open_path(server, api, &format!("flows/{flow}")).await
}

pub(crate) async fn open_path(server: &TestServer, api: &Api, of: &str) -> Events {
    let body = request_path(server, api, of, None).await;
    assert_eq!(body.status(), StatusCode::OK);
    assert_eq!(body.headers()["content-type"], "text/event-stream");
    Events { body, parsed: Parsed::default() }
}

impl Parsed {
    fn take(&mut self) -> Option<Event> {
        let (whole, rest) = self.text.split_once("\n\n")?;
        let (whole, rest) = (whole.to_owned(), rest.to_owned());
        self.text = rest;
        let field = |name: &str| whole.lines().find_map(|line| line.strip_prefix(name));
        let Some(name) = field("event: ") else { return self.take() };
        let data: Value = serde_json::from_str(field("data: ").unwrap()).unwrap();
        self.last_id = field("id: ").map(str::to_owned).or(self.last_id.take());
        let ids = |nodes: &Value| -> Vec<String> {
            nodes.as_array().unwrap().iter().map(|node| node["id"].as_str().unwrap().to_owned()).collect()
        };
        match name {
            "reset" => {
                self.resets += 1;
                self.nodes = data["graph"]["nodes"].as_object().unwrap().keys().cloned().collect();
            }
            "change" => {
                for gone in ids(&data["diff"]["nodes"]["removed"]) {
                    assert!(self.nodes.remove(&gone), "it was there");
                }
                for new in ids(&data["diff"]["nodes"]["added"]) {
                    assert!(self.nodes.insert(new), "it was not there");
                }
            }
            _ => {}
        }
        Some(Event { name: name.to_owned(), data })
    }
}

impl Events {
    /// `None` when it has ended.
    async fn next(&mut self) -> Option<Event> {
        loop {
            if let Some(event) = self.parsed.take() {
                return Some(event);
            }
            let chunk = timeout(SOON, self.body.chunk()).await.expect("in time").ok()??;
            self.parsed.text.push_str(std::str::from_utf8(&chunk).unwrap());
        }
    }

    /// In time as a whole: what keeps the stream alive between events does not count.
    pub(crate) async fn until(&mut self, name: &str) -> Event {
        let found = async {
            loop {
                let event = self.next().await.expect("it goes on");
                if event.name == name {
                    return event;
                }
            }
        };
        timeout(SOON, found).await.unwrap_or_else(|_| panic!("no {name} in time"))
    }

    async fn until_nodes(&mut self, count: usize) {
        let found = async {
            while self.parsed.nodes.len() != count {
                self.next().await.expect("it goes on");
            }
        };
        if timeout(SOON, found).await.is_err() {
            panic!("not {count} nodes in time: {:?}", self.parsed.nodes);
        }
    }

    /// The code it was closed with.
    pub(crate) async fn closed(mut self) -> u64 {
        let code = self.until("closed").await.data["code"].as_u64().unwrap();
        assert!(self.next().await.is_none(), "nothing comes after that");
        code
    }
}

#[tokio::test]
async fn a_stream_begins_with_the_flow_and_tells_what_happens_to_it() {
    let scene = scene().await;
    let (vic, user) = scene.server.person("vic").await.unwrap();
    scene.ann.put_member(scene.flow, "vic@example.org", Role::Viewer).await.unwrap();
    scene.ann.edit_graph(scene.flow, &[add("before")], None).await.unwrap();
    let mut events = open(&scene.server, &vic, scene.flow).await;
    let reset = events.until("reset").await;
    assert_eq!(events.parsed.nodes, BTreeSet::from(["before".to_owned()]));
    let presence = events.until("presence").await;
    assert_eq!((&presence.data["all"], &presence.data["clients"]), (&json!(true), &json!([])));

    let changed = scene.ann.edit_graph(scene.flow, &[add("first")], None).await.unwrap();
    let change = events.until("change").await;
    assert_eq!(change.data["seq"], json!(changed.seq));
    assert!(change.data["seq"].as_u64() > reset.data["seq"].as_u64());
    assert_eq!(change.data["diff"]["nodes"]["added"][0]["id"], "first");
    assert!(change.data["summary"].as_str().unwrap().contains("added"), "{change:?}");
    let rename: Edit = serde_json::from_value(json!({ "op": "removeNode", "id": "before" })).unwrap();
    scene.ann.edit_graph(scene.flow, &[rename], None).await.unwrap();
    events.until("change").await;
    assert_eq!(events.parsed.nodes, BTreeSet::from(["first".to_owned()]));

    let here = live(&scene.ann, scene.flow).await;
    here.show(Some(json!({ "selection": ["first"] }))).unwrap();
    let seen = events.until("presence").await;
    let client = seen.data["clients"][0].clone();
    assert_eq!(
        (&client["state"]["selection"], &client["state"]["user"]["name"]),
        (&json!(["first"]), &json!("ann"))
    );
    // Who comes now is told of everybody.
    let mut later = open(&scene.server, &vic, scene.flow).await;
    assert_eq!(later.until("presence").await.data["clients"][0]["clientId"], client["clientId"]);
    drop(here);
    assert_eq!(events.until("presence").await.data["gone"], json!([client["clientId"]]));

    scene.ann.create_version(scene.flow, "Kept").await.unwrap();
    let version = events.until("version").await;
    assert_eq!((&version.data["version"], &version.data["name"]), (&json!(1), &json!("Kept")));
    assert_eq!(user.name, "vic");
}

#[tokio::test]
async fn who_comes_back_goes_on_where_they_were_or_is_told_everything() {
    let scene = scene().await;
    let mut events = open(&scene.server, &scene.ann, scene.flow).await;
    // The stream is open before the flow is read: what happens until then is in its beginning.
    events.until("presence").await;
    scene.ann.edit_graph(scene.flow, &[add("a")], None).await.unwrap();
    events.until("change").await;
    let Events { body, parsed } = events;
    drop(body);
    scene.ann.edit_graph(scene.flow, &[add("b")], None).await.unwrap();
    scene.ann.edit_graph(scene.flow, &[add("c")], None).await.unwrap();

    let body = request(&scene.server, &scene.ann, scene.flow, parsed.last_id.as_deref()).await;
    let mut back = Events { body, parsed };
    back.until_nodes(3).await;
    assert_eq!(back.parsed.resets, 1, "only what it had not had");

    let body = request(&scene.server, &scene.ann, scene.flow, Some("7-00000000-7")).await;
    let mut lost = Events { body, parsed: Parsed::default() };
    lost.until_nodes(3).await;
    assert_eq!(lost.parsed.resets, 1);
}

#[tokio::test]
async fn streams_are_refused_as_sockets_are() {
    let scene = scene_with(&[("INTERFLOW_LIMITS__CONNECTIONS_PER_USER", "2")]).await;
    let (eve, _) = scene.server.person("eve").await.unwrap();
    let url = format!("{}/api/flows/{}/stream", scene.server.url(), scene.flow);
    assert_eq!(reqwest::get(&url).await.unwrap().status(), StatusCode::UNAUTHORIZED);
    assert_eq!(request(&scene.server, &eve, scene.flow, None).await.status(), StatusCode::NOT_FOUND);
    let unknown = request(&scene.server, &scene.ann, FlowId::generate(), None).await;
    assert_eq!(unknown.status(), StatusCode::NOT_FOUND);

    let first = open(&scene.server, &scene.ann, scene.flow).await;
    let token = scene.ann.token().unwrap();
    let in_query = reqwest::get(format!("{url}?token={}", token.expose())).await.unwrap();
    assert_eq!(in_query.status(), StatusCode::OK);
    let third = request(&scene.server, &scene.ann, scene.flow, None).await;
    assert_eq!(third.status(), StatusCode::TOO_MANY_REQUESTS);
    drop((first, in_query));
    // Their places are free again once the server has seen them go.
    flow_testing::eventually(
        "there is a place",
        async || request(&scene.server, &scene.ann, scene.flow, None).await.status(),
        |status| *status == StatusCode::OK,
    )
    .await;
}

#[tokio::test]
async fn a_stream_ends_within_a_second_of_its_access() {
    let scene = scene().await;
    let (vic, user) = scene.server.person("vic").await.unwrap();
    scene.ann.put_member(scene.flow, "vic@example.org", Role::Viewer).await.unwrap();
    let other = Api::new(&scene.server.url()).unwrap();
    other.login("ann@example.org", "correct horse battery staple").await.unwrap();
    let mut removed = open(&scene.server, &vic, scene.flow).await;
    let mut signed_out = open(&scene.server, &other, scene.flow).await;
    removed.until("reset").await;
    signed_out.until("reset").await;

    let began = Instant::now();
    scene.ann.remove_member(scene.flow, user.id).await.unwrap();
    assert_eq!(removed.closed().await, 4403);
    assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
    other.logout().await.unwrap();
    assert_eq!(signed_out.closed().await, 4401);

    let mut deleted = open(&scene.server, &scene.ann, scene.flow).await;
    deleted.until("reset").await;
    scene.ann.delete_flow(scene.flow).await.unwrap();
    assert_eq!(deleted.closed().await, 4403);
}

#[tokio::test]
async fn a_server_that_stops_ends_its_streams() {
    let mut scene = scene().await;
    let mut events = open(&scene.server, &scene.ann, scene.flow).await;
    events.until("reset").await;
    let (stopped, code) = tokio::join!(scene.server.stop(), events.closed());
    stopped.unwrap();
    assert_eq!(code, 1012);
}

/// Megabytes happen while it reads nothing. What it missed is not kept for it: it is told
/// everything anew, and ends where the others are.
#[tokio::test]
async fn a_reader_that_is_too_slow_is_told_everything_anew() {
    let scene = scene_with(&[("INTERFLOW_LIMITS__DOCUMENT_MESSAGES_PER_USER", "0")]).await;
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4 << 10).unwrap();
    let address = scene.server.url().strip_prefix("http://").unwrap().parse().unwrap();
    let mut slow = socket.connect(address).await.unwrap();
    let token = scene.ann.token().unwrap();
    let asked = format!(
        "GET /api/flows/{}/stream HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\n\r\n",
        scene.flow,
        token.expose()
    );
    slow.write_all(asked.as_bytes()).await.unwrap();
    let mut quick = open(&scene.server, &scene.ann, scene.flow).await;
    quick.until("reset").await;

    let writer = live(&scene.ann, scene.flow).await;
    for at in 0..120 {
        let text = format!("{at}").repeat(20_000);
        let note =
            json!({ "op": "addNode", "id": format!("n{at}"), "type": "note", "data": { "text": text } });
        make(&writer, serde_json::from_value(note).unwrap()).await;
        if at % 4 == 3 {
            // So that it is told in pieces.
            quick.until_nodes(at + 1).await;
        }
    }
    assert_eq!(quick.parsed.resets, 1, "who keeps up is told once");

    let mut parsed = Parsed::default();
    let mut bytes = vec![0; 64 << 10];
    while parsed.nodes.len() < 120 {
        let read = timeout(SOON, slow.read(&mut bytes)).await.expect("in time").unwrap();
        assert!(read > 0, "it goes on");
        parsed.text.push_str(&String::from_utf8_lossy(&bytes[..read]));
        // Chunks of HTTP/1.1 have their lengths between them.
        parsed.text = without_chunk_lengths(&parsed.text);
        while parsed.take().is_some() {}
    }
    assert!(parsed.resets >= 2, "{} resets", parsed.resets);
    until(&peer(&scene.ann, scene.flow), "others are not concerned", flow_client::PeerState::is_live).await;
}

/// Our events never have a carriage return in them.
fn without_chunk_lengths(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find("\r\n") {
        let line_start = rest[..at].rfind('\n').map_or(0, |place| place + 1);
        out.push_str(&rest[..line_start]);
        rest = &rest[at + 2..];
    }
    out + rest
}
