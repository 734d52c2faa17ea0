use flow_base::Role;
use flow_client::{Api, ClientError, NewFlow};
use flow_model::{FlowJson, samples};
use flow_testing::{TestServer, eventually};
use serde_json::{Value, json};

use crate::PROGRAM;
use crate::people::{live, scene, until_graph};

fn code<T: std::fmt::Debug>(answer: Result<T, ClientError>) -> String {
    match answer {
        Err(ClientError::Refused { code, .. }) => code,
        other => panic!("the server did not refuse: {other:?}"),
    }
}

#[tokio::test]
async fn an_account_is_made_once_and_signs_in_with_its_password_only() {
    let server = TestServer::start(PROGRAM).await.unwrap();
    let (ann, user) = server.person("ann").await.unwrap();
    assert_eq!(ann.me().await.unwrap(), user);
    let other = Api::new(&server.url()).unwrap();
    assert_eq!(code(other.register("Ann@Example.org", "another password", "Ann").await), "email_taken");
    assert_eq!(code(other.login("ann@example.org", "wrong password").await), "wrong_credentials");
    assert_eq!(code(other.login("nobody@example.org", "wrong password").await), "wrong_credentials");
    assert_eq!(code(other.register("x@example.org", "short", "X").await), "invalid");
    assert_eq!(code(other.register("no address", "long enough", "X").await), "invalid");
    other.login("ann@example.org", "correct horse battery staple").await.unwrap();
    assert_eq!(other.me().await.unwrap().id, user.id);
}

#[tokio::test]
async fn refreshing_replaces_the_tokens_and_logout_ends_them() {
    let server = TestServer::start(PROGRAM).await.unwrap();
    let (ann, _) = server.person("ann").await.unwrap();
    let before = ann.token().unwrap();
    ann.refresh().await.unwrap();
    ann.me().await.unwrap();
    ann.logout().await.unwrap();
    let old = Api::new(&server.url()).unwrap();
    old.use_token(before);
    assert_eq!(code(old.me().await), "signed_out", "the token outlived its sign-in");
}

#[tokio::test]
async fn a_browser_refreshes_by_a_cookie_that_scripts_cannot_read() {
    let server = TestServer::start(PROGRAM).await.unwrap();
    let http = reqwest::Client::new();
    let body = json!({ "email": "ann@example.org", "password": "long enough", "name": "Ann" });
    let url = |path: &str| format!("{}/api/auth/{path}", server.url());
    let answer = http.post(url("register")).json(&body).send().await.unwrap();
    let cookie = answer.headers()["set-cookie"].to_str().unwrap().to_owned();
    let kept =
        ["interflow_refresh=", "HttpOnly", "SameSite=Strict", "Path=/api/auth/refresh", "Max-Age=604800"];
    for part in kept {
        assert!(cookie.contains(part), "{cookie} lacks {part}");
    }
    assert!(!cookie.contains("Secure"), "there is no TLS: {cookie}");
    let cookie = cookie.split(';').next().unwrap();
    let refreshed = http.post(url("refresh")).header("cookie", cookie).send().await.unwrap();
    assert_eq!(refreshed.status(), 200);
    let without = http.post(url("refresh")).send().await.unwrap();
    assert_eq!(without.status(), 401);
}

/// A browser sends its cookie where it refreshes and nowhere else, not when it signs out.
#[tokio::test]
async fn signing_out_takes_the_cookie_away() {
    let server = TestServer::start(PROGRAM).await.unwrap();
    let (ann, _) = server.person("ann").await.unwrap();
    let logout = reqwest::Client::new().post(format!("{}/api/auth/logout", server.url()));
    let answer = logout.bearer_auth(ann.token().unwrap().expose()).send().await.unwrap();
    assert_eq!(answer.status(), 204);
    let cookie = answer.headers()["set-cookie"].to_str().unwrap();
    for part in ["interflow_refresh=;", "Path=/api/auth/refresh", "Max-Age=0"] {
        assert!(cookie.contains(part), "{cookie} lacks {part}");
    }
}

#[tokio::test]
async fn flows_are_created_listed_renamed_and_deleted() {
    let scene = scene().await;
    let second = scene.ann.create_flow(&NewFlow::default()).await.unwrap();
    assert_eq!((second.name.as_str(), second.role), ("Untitled flow", Role::Owner));
    let first_page = scene.ann.flows(1, None).await.unwrap();
    let second_page = scene.ann.flows(1, first_page.next_cursor.as_deref()).await.unwrap();
    assert_eq!(first_page.items[0].id, second.id, "newest first");
    assert_eq!(second_page.items[0].id, scene.flow);
    assert_eq!(second_page.next_cursor, None);

    let ann = live(&scene.ann, scene.flow).await;
    let renamed = scene.ann.rename_flow(scene.flow, "Farewell").await.unwrap();
    assert_eq!(renamed.name, "Farewell");
    until_graph(&ann, "live editors see the new name", |graph| graph.meta.name == "Farewell").await;
    let listed = async || scene.ann.flow(scene.flow).await.unwrap().name;
    eventually("the list shows the new name", listed, |name| name == "Farewell").await;
    assert_eq!(code(scene.ann.rename_flow(scene.flow, "  ").await), "invalid");

    scene.ann.delete_flow(second.id).await.unwrap();
    assert_eq!(code(scene.ann.flow(second.id).await), "not_found");
}

#[tokio::test]
async fn every_sample_can_be_started_from_and_exports_as_it_was() {
    let scene = scene().await;
    for sample in samples() {
        let flow = NewFlow { sample: Some(sample.id.into()), ..NewFlow::default() };
        let flow = scene.ann.create_flow(&flow).await.unwrap();
        assert_eq!(flow.name, sample.name);
        let exported = scene.ann.export_flow(flow.id).await.unwrap();
        let expected = serde_json::to_value(FlowJson::parse(sample.json).unwrap()).unwrap();
        assert_eq!(exported, expected, "{}", sample.id);
        let again = NewFlow { flow: Some(exported.clone()), ..NewFlow::default() };
        let again = scene.ann.create_flow(&again).await.unwrap();
        assert_eq!(scene.ann.export_flow(again.id).await.unwrap(), exported, "{}", sample.id);
    }
}

#[tokio::test]
async fn bad_input_is_answered_with_what_is_wrong() {
    let scene = scene().await;
    let unknown = NewFlow { sample: Some("no-such".into()), ..NewFlow::default() };
    assert_eq!(code(scene.ann.create_flow(&unknown).await), "invalid");
    let broken = NewFlow { flow: Some(json!({ "interflow": 1, "nodes": 7 })), ..NewFlow::default() };
    assert_eq!(code(scene.ann.create_flow(&broken).await), "invalid");
    assert_eq!(code(scene.ann.flows(0, None).await), "invalid");
    assert_eq!(code(scene.ann.flows(10, Some("bogus")).await), "invalid");
    assert_eq!(code(scene.ann.put_member(scene.flow, "nobody@example.org", Role::Editor).await), "invalid");
    let me = scene.ann.me().await.unwrap().id;
    assert_eq!(code(scene.ann.remove_member(scene.flow, me).await), "last_owner");

    let http = reqwest::Client::new();
    let post = http.post(format!("{}/api/auth/login", scene.server.url()));
    let answer = post.header("content-type", "application/json").body("{").send().await.unwrap();
    assert_eq!(answer.status(), 400);
    assert_eq!(answer.json::<Value>().await.unwrap()["error"]["code"], "malformed_body");
    let missing = http.get(format!("{}/api/no-such", scene.server.url())).send().await.unwrap();
    assert_eq!(missing.status(), 404);
}

#[tokio::test]
async fn the_server_says_whether_it_is_alive_and_ready() {
    let server = TestServer::start(PROGRAM).await.unwrap();
    for path in ["live", "ready"] {
        let answer = reqwest::get(format!("{}/api/health/{path}", server.url())).await.unwrap();
        assert_eq!(answer.status(), 200);
        assert!(answer.headers().contains_key("x-request-id"));
        assert!(answer.headers().contains_key("content-security-policy"));
    }
}

#[tokio::test]
async fn validation_says_what_a_flow_lacks() {
    let scene = scene().await;
    let ann = live(&scene.ann, scene.flow).await;
    crate::people::make(&ann, crate::people::add("lonely")).await;
    assert!(ann.saved().await.unwrap().is_saved());
    let url = format!("{}/api/flows/{}/diagnostics", scene.server.url(), scene.flow);
    let request = reqwest::Client::new().get(url).bearer_auth(scene.ann.token().unwrap().expose());
    let found: Vec<Value> = request.send().await.unwrap().json().await.unwrap();
    let codes: Vec<_> = found.iter().map(|finding| finding["code"].as_str().unwrap()).collect();
    assert!(codes.contains(&"no_start"), "{codes:?}");
}

#[tokio::test]
async fn what_the_server_counts_is_what_the_documentation_names() {
    let scene = crate::people::scene_with(&[("INTERFLOW_METRICS_TOKEN", "0123")]).await;
    let ann = live(&scene.ann, scene.flow).await;
    crate::people::make(&ann, crate::people::add("counted")).await;
    assert!(ann.saved().await.unwrap().is_saved());
    let http = reqwest::Client::new();
    // Its name would be kept for ever.
    let strange = reqwest::Method::from_bytes(b"STRANGE").unwrap();
    http.request(strange, format!("{}/api/flows", scene.server.url())).send().await.unwrap();
    let url = format!("{}/metrics", scene.server.url());
    assert_eq!(http.get(&url).bearer_auth("123").send().await.unwrap().status(), 404);
    let text = http.get(&url).bearer_auth("0123").send().await.unwrap().text().await.unwrap();
    assert!(!text.contains("STRANGE") && text.contains("method=\"other\""));
    let value = |name: &str| {
        let line =
            text.lines().find(|line| line.starts_with(name)).unwrap_or_else(|| panic!("no {name}\n{text}"));
        line.rsplit(' ').next().unwrap().parse::<f64>().unwrap()
    };
    assert_eq!((value("interflow_connections "), value("interflow_rooms ")), (1.0, 1.0));
    assert!(value("interflow_updates_applied_total{from=\"peer\"}") >= 1.0);
    for kind in ["step_1", "update", "barrier"] {
        assert!(value(&format!("interflow_messages_received_total{{kind=\"{kind}\"}}")) >= 1.0, "{kind}");
    }
    for histogram in ["commit", "ack", "append", "fan_out", "room_open"] {
        assert!(value(&format!("interflow_{histogram}_seconds_count")) >= 1.0, "{histogram}");
    }
    assert!(!text.contains(&scene.flow.to_string()), "an id in a label");
    let documented = include_str!("../../docs/metrics.md");
    for line in text.lines().filter(|line| line.starts_with("# TYPE ")) {
        let name = line.split(' ').nth(2).unwrap();
        assert!(documented.contains(&format!("`{name}")), "{name} is not documented");
    }
}

#[tokio::test]
async fn with_a_token_only_who_has_it_sees_what_is_counted() {
    let server = TestServer::start_with(PROGRAM, &[("INTERFLOW_METRICS_TOKEN", "let me see")]).await.unwrap();
    let url = format!("{}/metrics", server.url());
    assert_eq!(reqwest::get(&url).await.unwrap().status(), 404);
    let asked = reqwest::Client::new().get(&url).bearer_auth("let me see").send().await.unwrap();
    assert_eq!(asked.status(), 200);
    assert!(asked.headers()["content-type"].to_str().unwrap().starts_with("text/plain"));
}

#[tokio::test]
async fn flows_are_searched_and_filtered() {
    let scene = scene().await;
    let quiz = NewFlow { sample: Some("quiz".into()), ..NewFlow::default() };
    let quiz = scene.ann.create_flow(&quiz).await.unwrap();
    let list = async |query: &str| {
        let url = format!("{}/api/flows?{query}", scene.server.url());
        let request = reqwest::Client::new().get(url).bearer_auth(scene.ann.token().unwrap().expose());
        request.send().await.unwrap().json::<Value>().await.unwrap()
    };
    let names = async |query: &str| {
        let page = list(query).await;
        let names =
            page["items"].as_array().unwrap().iter().map(|flow| flow["name"].as_str().unwrap().to_owned());
        names.collect::<Vec<_>>()
    };
    assert_eq!(names("search=gree").await, ["Greeter"]);
    assert_eq!(names("search=nothing%20like%20it").await, Vec::<String>::new());
    assert_eq!(names("search=%20").await.len(), 2, "no word is no search");
    scene.ann.activate(quiz.id).await.unwrap();
    assert_eq!(names("status=active").await, [quiz.name.as_str()]);
    assert_eq!(names("status=draft").await, ["Greeter"]);
    assert_eq!(names("tag=no-such").await, Vec::<String>::new());
    assert_eq!(list("status=asleep").await["error"]["code"], "malformed_query");
    let (first, last) =
        if quiz.name.as_str() < "Greeter" { (&*quiz.name, "Greeter") } else { ("Greeter", &*quiz.name) };
    assert_eq!(names("sort=name").await, [first, last]);
    assert_eq!(names("sort=-name").await, [last, first]);
    assert_eq!(names("sort=createdAt").await, ["Greeter", &*quiz.name]);
    assert_eq!(names("sort=name&limit=1&page=2").await, [last]);
    let cursor = list("sort=name&limit=1").await["nextCursor"].as_str().unwrap().to_owned();
    assert_eq!(names(&format!("sort=name&limit=1&cursor={cursor}")).await, [last]);
    assert_eq!(names("owner=me").await.len(), 2);
    assert_eq!(names(&format!("owner={}", flow_base::UserId::generate())).await, Vec::<String>::new());
    assert_eq!(names(&format!("workspace={}", quiz.workspace_id)).await.len(), 2);
    for (wrong, field) in
        [("sort=size", "sort"), ("owner=you", "owner"), ("page=0", "page"), ("cursor=x", "cursor")]
    {
        assert_eq!(list(wrong).await["error"]["details"]["field"], field, "{wrong}");
    }
    assert_eq!(list(&format!("page=2&cursor={cursor}")).await["error"]["details"]["field"], "page");
    assert_eq!(list("limit=many").await["error"]["code"], "malformed_query");
    scene.ann.rename_flow(scene.flow, "Farewell").await.unwrap();
    eventually("the new name is found", async || names("search=farew").await, |names| names.len() == 1).await;
    assert_eq!(names("search=greeter").await, Vec::<String>::new());
}
