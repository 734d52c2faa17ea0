//! What answers say beside their bodies, and errors that no handler makes.

use std::collections::BTreeSet;

use flow_testing::TestServer;
use reqwest::{Client, Method, Response, StatusCode};
use serde_json::Value;

use crate::PROGRAM;

fn header<'a>(answer: &'a Response, name: &str) -> Option<&'a str> {
    answer.headers().get(name).map(|value| value.to_str().unwrap())
}

/// The code of an error in our form, which names its request.
async fn code(answer: Response) -> String {
    let id = header(&answer, "x-request-id").unwrap().to_owned();
    assert_eq!(header(&answer, "content-type"), Some("application/json"));
    let error = answer.json::<Value>().await.unwrap()["error"].clone();
    assert_eq!(error["requestId"], id.as_str(), "{error}");
    assert!(!error["message"].as_str().unwrap().is_empty(), "{error}");
    error["code"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_request_keeps_the_id_it_came_with_and_gets_one_otherwise() {
    let server = TestServer::start(PROGRAM).await.unwrap();
    let url = format!("{}/api/health/live", server.url());
    let ask = async |id: Option<&str>| {
        let request = Client::new().get(&url);
        let request = id.map_or_else(
            || request.try_clone().unwrap(),
            |id| request.try_clone().unwrap().header("x-request-id", id),
        );
        let answer = request.send().await.unwrap();
        assert_eq!(answer.headers().get_all("x-request-id").iter().count(), 1);
        header(&answer, "x-request-id").unwrap().to_owned()
    };
    assert_eq!(ask(Some("trace-1.A_b")).await, "trace-1.A_b");
    let mut drawn = BTreeSet::new();
    let long = "x".repeat(65);
    for bad in [None, Some(""), Some("two words"), Some("<script>"), Some(&*long)] {
        let id = ask(bad).await;
        assert!(id.parse::<uuid::Uuid>().is_ok() && drawn.insert(id.clone()), "{bad:?}: {id}");
    }
    let missing = Client::new().get(format!("{}/api/none", server.url())).header("x-request-id", "mine");
    let missing = missing.send().await.unwrap();
    assert_eq!(header(&missing, "x-request-id"), Some("mine"));
    assert_eq!(code(missing).await, "not_found");
}

#[tokio::test]
async fn what_is_no_route_or_no_method_of_it_is_answered_in_our_form() {
    let server = TestServer::start(PROGRAM).await.unwrap();
    let ask = async |method: &str, path: &str| {
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        Client::new().request(method, format!("{}{path}", server.url())).send().await.unwrap()
    };
    for path in ["/api", "/api/", "/api/none", "/api/flows/x/none", "/api/%ff", "/sync", "/sync/a/b"] {
        for method in ["GET", "POST", "DELETE"] {
            let answer = ask(method, path).await;
            assert_eq!(answer.status(), StatusCode::NOT_FOUND, "{method} {path}");
            assert_eq!(code(answer).await, "not_found", "{method} {path}");
        }
    }
    for (method, path, allowed) in [
        ("PUT", "/api/keys", "GET,HEAD,POST"),
        ("STRANGE", "/api/auth/login", "POST"),
        ("TRACE", "/api/samples", "GET,HEAD"),
        ("POST", "/sync/x", "GET,HEAD"),
        ("DELETE", "/metrics", "GET,HEAD"),
        ("POST", "/some/page", "GET,HEAD"),
        ("OPTIONS", "/api/samples", "GET,HEAD"),
    ] {
        let answer = ask(method, path).await;
        assert_eq!(answer.status(), StatusCode::METHOD_NOT_ALLOWED, "{method} {path}");
        assert_eq!(header(&answer, "allow"), Some(allowed), "{method} {path}");
        assert_eq!(code(answer).await, "method_not_allowed", "{method} {path}");
    }
}

#[tokio::test]
async fn browsers_are_told_what_an_answer_may_do() {
    let server = TestServer::start(PROGRAM).await.unwrap();
    for path in ["/", "/api/health/live", "/api/none", "/api/flows"] {
        let answer = reqwest::get(format!("{}{path}", server.url())).await.unwrap();
        let policy = header(&answer, "content-security-policy").unwrap();
        assert!(
            policy.starts_with("default-src 'self'") && policy.contains("frame-ancestors 'none'"),
            "{path}"
        );
        assert_eq!(header(&answer, "x-content-type-options"), Some("nosniff"), "{path}");
        assert_eq!(header(&answer, "referrer-policy"), Some("no-referrer"), "{path}");
        assert_eq!(header(&answer, "strict-transport-security"), None, "{path}");
    }
}

#[tokio::test]
async fn only_who_comes_by_tls_is_told_to_come_by_nothing_else() {
    let told = async |server: &TestServer, proto: &str| {
        let request = Client::new().get(format!("{}/", server.url())).header("x-forwarded-proto", proto);
        let answer = request.send().await.unwrap();
        header(&answer, "strict-transport-security").map(str::to_owned)
    };
    let year = Some("max-age=31536000".to_owned());
    let direct = TestServer::start(PROGRAM).await.unwrap();
    assert_eq!(told(&direct, "https").await, None, "anybody could say so");
    let proxied = [("INTERFLOW_TRUSTED_PROXIES", "[\"127.0.0.0/8\"]")];
    let proxied = TestServer::start_with(PROGRAM, &proxied).await.unwrap();
    assert_eq!((told(&proxied, "https").await, told(&proxied, "http").await), (year.clone(), None));
    let configured = TestServer::start_with(PROGRAM, &[("INTERFLOW_TLS", "true")]).await.unwrap();
    assert_eq!(told(&configured, "http").await, year);
}

/// A refresh token that came by TLS never goes without.
#[tokio::test]
async fn the_cookie_of_who_comes_by_tls_is_sent_by_nothing_else() {
    let trusted = [("INTERFLOW_TRUSTED_PROXIES", "[\"127.0.0.0/8\"]")];
    let proxied = TestServer::start_with(PROGRAM, &trusted).await.unwrap();
    let configured = TestServer::start_with(PROGRAM, &[("INTERFLOW_TLS", "true")]).await.unwrap();
    for (server, proto, secure) in
        [(&proxied, "https", true), (&proxied, "http", false), (&configured, "http", true)]
    {
        let (email, password) = (format!("{proto}@example.org"), "long enough");
        let body = serde_json::json!({ "email": email, "password": password, "name": "Ann" });
        let post = async |path: &str, token: Option<&str>| {
            let request = Client::new().post(format!("{}/api/auth/{path}", server.url())).json(&body);
            let request = request.header("x-forwarded-proto", proto).bearer_auth(token.unwrap_or_default());
            let answer = request.send().await.unwrap();
            assert!(answer.status().is_success(), "{path}: {}", answer.status());
            (header(&answer, "set-cookie").unwrap().contains("; Secure"), answer)
        };
        let (by_registering, answer) = post("register", None).await;
        let token = answer.json::<Value>().await.unwrap()["token"].as_str().unwrap().to_owned();
        let (by_signing_out, _) = post("logout", Some(&token)).await;
        assert_eq!((by_registering, by_signing_out), (secure, secure), "{proto}");
    }
}

#[tokio::test]
async fn pages_of_allowed_origins_may_use_the_api_and_no_others() {
    let allowed = [("INTERFLOW_ALLOWED_ORIGINS", "[\"https://app.example\"]")];
    let server = TestServer::start_with(PROGRAM, &allowed).await.unwrap();
    let url = format!("{}/api/flows", server.url());
    let preflight = async |origin: &str| {
        let request = Client::new().request(Method::OPTIONS, &url).header("origin", origin);
        let request = request.header("access-control-request-method", "PATCH");
        request.header("access-control-request-headers", "authorization,if-match").send().await.unwrap()
    };
    let answer = preflight("https://app.example").await;
    assert_eq!(header(&answer, "access-control-allow-origin"), Some("https://app.example"));
    assert!(header(&answer, "access-control-allow-methods").unwrap().contains("PATCH"));
    let sent = header(&answer, "access-control-allow-headers").unwrap();
    assert!(sent.contains("authorization") && sent.contains("if-match"), "{sent}");
    assert_eq!(header(&answer, "access-control-allow-credentials"), None, "no cookie goes along");
    for other in ["https://evil.example", "https://app.example.evil", "http://app.example", "null"] {
        assert_eq!(header(&preflight(other).await, "access-control-allow-origin"), None, "{other}");
    }
    // Errors can be read, too, and what names them.
    let refused = Client::new().get(&url).header("origin", "https://app.example").send().await.unwrap();
    assert_eq!(refused.status(), StatusCode::UNAUTHORIZED);
    assert_eq!(header(&refused, "access-control-allow-origin"), Some("https://app.example"));
    assert!(header(&refused, "access-control-expose-headers").unwrap().contains("x-request-id"));
    let varies = refused.headers().get_all("vary").iter().any(|by| by.to_str().unwrap().contains("origin"));
    assert!(varies, "caches keep the answers of one origin from another");

    let none = TestServer::start(PROGRAM).await.unwrap();
    let request =
        Client::new().get(format!("{}/api/samples", none.url())).header("origin", "https://app.example");
    assert_eq!(header(&request.send().await.unwrap(), "access-control-allow-origin"), None);
}

#[tokio::test]
async fn answers_are_compressed_for_who_can_read_that() {
    let server = TestServer::start(PROGRAM).await.unwrap();
    let ask = async |encoding: &str| {
        let request = Client::new().get(format!("{}/api/openapi.json", server.url()));
        let answer = request.header("accept-encoding", encoding).send().await.unwrap();
        let used = header(&answer, "content-encoding").map(str::to_owned);
        (used, answer.bytes().await.unwrap().len())
    };
    let (plain, bytes) = ask("identity").await;
    assert_eq!(plain, None);
    for encoding in ["gzip", "br"] {
        let (used, compressed) = ask(encoding).await;
        assert_eq!(used.as_deref(), Some(encoding));
        assert!(compressed * 4 < bytes, "{encoding}: {compressed} of {bytes}");
    }
}

/// The task of the connection panicked: a stream that had ended was asked once more.
#[tokio::test]
async fn what_is_sent_in_parts_can_be_compressed_to_its_end() {
    let server = TestServer::start(PROGRAM).await.unwrap();
    let (ann, _) = server.person("ann").await.unwrap();
    let token = ann.token().unwrap();
    let me = Client::new().get(format!("{}/api/auth/me", server.url())).bearer_auth(token.expose());
    let me: Value = me.send().await.unwrap().json().await.unwrap();
    let audit = format!("/api/workspaces/{}/audit/export", me["workspaceId"].as_str().unwrap());
    for path in ["/api/auth/me/export", &audit] {
        for encoding in ["identity", "gzip", "br"] {
            let request = Client::new().get(format!("{}{path}", server.url()));
            let request = request.bearer_auth(token.expose()).header("accept-encoding", encoding);
            let answer = request.send().await.unwrap();
            assert_eq!(answer.status(), 200, "{path}");
            assert!(!answer.bytes().await.unwrap().is_empty(), "{path} {encoding}");
        }
    }
}
