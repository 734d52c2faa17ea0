//! Files in chats, and from pages of others.

use flow_base::{RunFileId, RunId};
use reqwest::Client;
use serde_json::json;

use super::{PNG, asked, asking_for_files, guest, value};
use crate::chat::Chat;
use crate::people::{scene, scene_with};
use crate::runs::active;

/// The widget lives in pages of anybody, and sends files by requests.
#[tokio::test]
async fn pages_of_others_send_files_with_a_link_and_not_with_a_sign_in() {
    let scene = scene().await;
    let flow = active(&scene.ann, &asking_for_files()).await;
    let guest = guest(&scene, flow).await;
    let (guests, anns) = (asked(&guest, flow).await, asked(&scene.ann, flow).await);
    let url = |run: RunId| format!("{}/api/runs/{run}/files?name=a.png", scene.server.url());
    let http = Client::new();
    let preflight = http
        .request(reqwest::Method::OPTIONS, url(guests))
        .header("origin", "https://shop.example")
        .header("access-control-request-method", "POST")
        .header("access-control-request-headers", "authorization,content-type,x-resume-token");
    let preflight = preflight.send().await.unwrap();
    assert_eq!(preflight.status(), 204);
    assert_eq!(preflight.headers()["access-control-allow-origin"], "*");
    let allowed = preflight.headers()["access-control-allow-headers"].to_str().unwrap();
    assert!(allowed.contains("authorization") && allowed.contains("x-resume-token"), "{allowed}");
    assert!(preflight.headers().get("access-control-allow-credentials").is_none());
    for (run, of, status) in [(guests, &guest, 201), (anns, &scene.ann, 403)] {
        let request = http.post(url(run)).header("origin", "https://shop.example").body(PNG);
        let answer = request.bearer_auth(of.token().unwrap().expose()).send().await.unwrap();
        assert_eq!(
            (answer.status().as_u16(), &answer.headers()["access-control-allow-origin"]),
            (status, &"*".parse().unwrap())
        );
    }
    let elsewhere =
        http.get(format!("{}/api/runs", scene.server.url())).header("origin", "https://shop.example");
    let elsewhere = elsewhere.bearer_auth(scene.ann.token().unwrap().expose()).send().await.unwrap();
    assert!(elsewhere.headers().get("access-control-allow-origin").is_none(), "nothing else is open to them");
}

#[tokio::test]
async fn files_are_an_answer_in_a_chat_also_after_it_broke_off() {
    let scene = scene().await;
    let flow = active(&scene.ann, &asking_for_files()).await;
    let guest = guest(&scene, flow).await;
    let token = guest.token().unwrap().expose().clone();
    let mut chat = Chat::open(&scene, flow, &token).await;
    chat.send(json!({ "type": "chat:start" })).await;
    let connected = chat.next().await.unwrap();
    let run: RunId = connected["sessionId"].as_str().unwrap().parse().unwrap();
    let (_, asks) = chat.until_asked().await;
    assert_eq!(
        (&asks["types"], &asks["bytesMax"], &asks["filesMax"]),
        (&json!(["image/*"]), &json!(1024), &json!(1))
    );
    let page = guest.send_run_file(run, "photo.png", "<html><body>").await.unwrap();
    chat.send(json!({ "type": "chat:message", "files": [page.id], "visit": asks["visit"] })).await;
    let (said, asks) = chat.until_asked().await;
    assert_eq!((said, &asks["attempt"]), (vec!["A picture, please.".to_owned()], &json!(2)));
    chat.send(json!({ "type": "chat:message", "files": [RunFileId::generate()] })).await;
    assert_eq!(chat.until_asked().await.1["code"], "invalid");
    chat.send(json!({ "type": "chat:message", "files": ["photo.png"] })).await;
    assert_eq!(chat.until_asked().await.1["code"], "malformed");
    let photo = guest.send_run_file(run, "photo.png", PNG).await.unwrap();
    drop(chat);

    let mut chat = Chat::open(&scene, flow, &token).await;
    let resume = json!({ "type": "chat:start", "resume": connected["resumeToken"], "after": 2 });
    chat.send(resume).await;
    assert_eq!(chat.next().await.unwrap()["type"], "chat:connected");
    assert_eq!(chat.until_asked().await.1["visit"], asks["visit"]);
    chat.send(json!({ "type": "chat:message", "files": [photo.id], "idempotencyKey": "photo" })).await;
    assert_eq!(chat.until_asked().await.0, ["Papers?"]);
    let paper = guest.send_run_file(run, "a.txt", "text").await.unwrap();
    chat.send(json!({ "type": "chat:message", "files": [paper.id] })).await;
    let (_, ended) = chat.until_asked().await;
    assert_eq!(ended["output"], json!({ "photo": value(&photo), "papers": [value(&paper)] }));
}

/// A guest is known by where they come from, and a telephone comes from elsewhere by now.
#[tokio::test]
async fn the_token_of_a_chat_lets_send_from_elsewhere() {
    let scene = scene_with(&[("INTERFLOW_TRUSTED_PROXIES", "[\"127.0.0.1\"]")]).await;
    let flow = active(&scene.ann, &asking_for_files()).await;
    let guest = guest(&scene, flow).await;
    let token = guest.token().unwrap().expose().clone();
    let mut chat = Chat::open(&scene, flow, &token).await;
    chat.send(json!({ "type": "chat:start" })).await;
    let connected = chat.next().await.unwrap();
    let (run, resume) =
        (connected["sessionId"].as_str().unwrap(), connected["resumeToken"].as_str().unwrap());
    let send = async |resume: Option<&str>| {
        let url = format!("{}/api/runs/{run}/files?name=a.png", scene.server.url());
        let request =
            Client::new().post(url).bearer_auth(&token).header("x-forwarded-for", "192.0.2.7").body(PNG);
        let request =
            resume.into_iter().fold(request, |request, token| request.header("x-resume-token", token));
        request.send().await.unwrap().status().as_u16()
    };
    let mut forged = resume.to_owned();
    forged.replace_range(forged.len() - 1.., if forged.ends_with('0') { "1" } else { "0" });
    assert_eq!((send(None).await, send(Some(&forged)).await, send(Some(resume)).await), (404, 404, 201));
}
