//! What flows say about themselves: lists hold many of them, so none may say too much.

use flow_model::{FlowDoc, FlowJson};
use flow_protocol::frame;
use flow_testing::eventually;
use serde_json::{Value, json};

use crate::people::{Scene, scene};
use crate::raw::{Raw, is_barrier};

async fn send(scene: &Scene, method: &str, path: &str, body: Value) -> (u16, Value) {
    let url = format!("{}/api/flows{path}", scene.server.url());
    let token = scene.ann.token().unwrap();
    let request = reqwest::Client::new().request(method.parse().unwrap(), url).bearer_auth(token.expose());
    let answer = request.json(&body).send().await.unwrap();
    (answer.status().as_u16(), answer.json().await.unwrap())
}

fn tags(many: usize) -> Vec<String> {
    (0..many).map(|at| format!("{at:03}")).collect()
}

/// A description of megabytes, or a hundred thousand tags, came back whole in every list
/// that the flow was in, from whoever had a link to edit it.
#[tokio::test]
async fn words_that_are_too_long_are_refused_by_every_way_in() {
    let scene = scene().await;
    let id = scene.flow;
    let (fits, long) = ("ä".repeat(5_000), "ä".repeat(5_001));
    let form = |description: &str, tags: Vec<String>| json!({ "interflow": 1, "name": "F", "description": description, "tags": tags });
    let edit = |edit: Value| json!({ "edits": [edit] });
    for (method, path, body, field) in [
        ("POST", String::new(), json!({ "description": long }), "description"),
        ("POST", String::new(), json!({ "flow": form(&long, vec![]) }), "flow"),
        ("POST", String::new(), json!({ "flow": form("", tags(65)) }), "flow"),
        ("POST", "/import".into(), json!({ "data": form(&long, vec![]) }), "data"),
        ("POST", "/import".into(), json!({ "data": form("", tags(65)) }), "data"),
        ("PATCH", format!("/{id}"), json!({ "description": long }), "description"),
        ("PATCH", format!("/{id}"), json!({ "tags": tags(65) }), "tags"),
        ("PUT", format!("/{id}"), form(&long, vec![]), "description"),
        ("PUT", format!("/{id}"), form("", tags(65)), "tags"),
    ] {
        let (status, said) = send(&scene, method, &path, body).await;
        let named = said["error"]["details"]["field"].as_str().unwrap_or_default();
        assert_eq!((status, named), (422, field), "{method} {path}: {said}");
    }
    for (wrong, field) in [
        (json!({ "op": "setMeta", "name": "x".repeat(201) }), "name"),
        (json!({ "op": "setMeta", "description": long }), "description"),
        (json!({ "op": "setMeta", "tags": tags(65) }), "tags"),
    ] {
        let (status, said) = send(&scene, "PATCH", &format!("/{id}/graph"), edit(wrong)).await;
        assert_eq!(status, 422, "{said}");
        assert!(said["error"]["message"].as_str().unwrap().contains(field), "{said}");
    }
    let most = json!({ "description": fits, "tags": tags(64) });
    let (status, said) = send(&scene, "PATCH", &format!("/{id}"), most).await;
    assert_eq!((status, &said["description"], &said["tags"]), (200, &json!(fits), &json!(tags(64))));
    let (status, _) = send(&scene, "POST", "/import", json!({ "data": form(&fits, tags(64)) })).await;
    assert_eq!(status, 201);
}

/// Sockets carry whatever the document may hold.
#[tokio::test]
async fn a_document_that_says_too_much_is_cut_in_lists_and_stays_whole_itself() {
    let scene = scene().await;
    let mut socket = Raw::join(&scene.ann, scene.flow).await;
    let mut doc = FlowDoc::new(None);
    doc.apply_update_v1(&socket.sync().await).unwrap();
    let long = json!({ "interflow": 1, "name": "n".repeat(1_000), "description": "d".repeat(100_000), "tags": tags(500) });
    let update = doc.replace(&FlowJson::from_value(&long).unwrap()).update.unwrap();
    socket.send(frame::update(&update)).await;
    socket.send(frame::barrier(b"stored")).await;
    socket.until(is_barrier(b"stored")).await;
    let listed = async || scene.ann.flow(scene.flow).await.unwrap();
    let listed = eventually("the list shows it", listed, |flow| !flow.tags.is_empty()).await;
    let cut = ("n".repeat(200), "d".repeat(5_000), tags(64));
    assert_eq!((listed.name, listed.description, listed.tags), cut);

    let path = format!("/{}", scene.flow);
    let (_, renamed) = send(&scene, "PATCH", &path, json!({ "name": "Short" })).await;
    assert_eq!(renamed["description"], json!(cut.1), "the answer to a change is cut, too");
    let (whole, _) = scene.ann.graph(scene.flow).await.unwrap();
    assert_eq!(whole["meta"]["description"].as_str().unwrap().len(), 100_000, "nobody's words are lost");
    let findings = scene.ann.diagnostics(scene.flow).await.unwrap();
    let long = findings.iter().filter(|finding| finding["code"] == "long_words");
    let fields: Vec<_> = long.map(|finding| &finding["field"]).collect();
    assert_eq!(fields, ["meta/description", "meta/tags"]);

    let (status, copy) = send(&scene, "POST", &format!("{path}/duplicate"), json!({})).await;
    assert_eq!((status, &copy["description"], &copy["tags"]), (201, &json!(cut.1), &json!(cut.2)));
}
