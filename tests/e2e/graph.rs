//! Changes that programs make through the API.

use flow_base::Role;
use flow_client::ClientError;
use reqwest::{Method, StatusCode, header};
use serde_json::{Value, json};

use crate::people::{Scene, add, live, scene, scene_with, until_graph};

pub(crate) fn code<T: std::fmt::Debug>(answer: Result<T, ClientError>) -> String {
    match answer {
        Err(ClientError::Refused { code, .. }) => code,
        other => panic!("the server did not refuse: {other:?}"),
    }
}

/// The body of an error, and its status.
async fn refused(scene: &Scene, method: Method, path: &str, body: Value) -> (StatusCode, Value) {
    let url = format!("{}/api/flows/{}{path}", scene.server.url(), scene.flow);
    let token = scene.ann.token().unwrap();
    let request = reqwest::Client::new().request(method, url).bearer_auth(token.expose()).json(&body);
    let answer = request.send().await.unwrap();
    (answer.status(), answer.json::<Value>().await.unwrap()["error"].clone())
}

#[tokio::test]
async fn typed_edits_are_answered_when_they_are_stored_and_live_editors_see_them() {
    let mut scene = scene().await;
    let ben = live(&scene.ann, scene.flow).await;
    let changed = scene.ann.edit_graph(scene.flow, &[add("greet")], None).await.unwrap();
    assert_eq!(changed.ids, [Some("greet".to_owned())]);
    until_graph(&ben, "ben sees the node", |graph| graph.nodes.contains_key("greet")).await;
    let (graph, etag) = scene.ann.graph(scene.flow).await.unwrap();
    assert_eq!((graph["nodes"]["greet"]["type"].as_str(), &etag), (Some("message"), &changed.etag));
    drop(ben);
    scene.server.kill().await.unwrap();
    scene.server.restart().await.unwrap();
    assert_eq!(scene.ann.graph(scene.flow).await.unwrap(), (graph, etag));
}

#[tokio::test]
async fn a_change_to_what_another_has_changed_is_refused_where_that_is_asked() {
    let scene = scene().await;
    let (_, seen) = scene.ann.graph(scene.flow).await.unwrap();
    let first = scene.ann.edit_graph(scene.flow, &[add("a")], Some(&seen)).await.unwrap();
    assert_ne!(first.etag, seen);
    for late in [&seen, "\"anything\"", "W/\"weak\""] {
        assert_eq!(
            code(scene.ann.edit_graph(scene.flow, &[add("b")], Some(late)).await),
            "changed",
            "{late}"
        );
    }
    let flow = json!({ "interflow": 1, "name": "Late" });
    assert_eq!(code(scene.ann.put_flow(scene.flow, &flow, Some(&seen)).await), "changed");
    scene.ann.edit_graph(scene.flow, &[add("b")], Some(&first.etag)).await.unwrap();
    scene.ann.edit_graph(scene.flow, &[add("c")], Some("*")).await.unwrap();
    let (graph, _) = scene.ann.graph(scene.flow).await.unwrap();
    assert_eq!(graph["nodes"].as_object().unwrap().len(), 3);
}

#[tokio::test]
async fn a_graph_that_is_known_is_not_sent_again() {
    let scene = scene().await;
    let (_, etag) = scene.ann.graph(scene.flow).await.unwrap();
    let get = async |known: &str| {
        let url = format!("{}/api/flows/{}/graph", scene.server.url(), scene.flow);
        let request = reqwest::Client::new().get(url).bearer_auth(scene.ann.token().unwrap().expose());
        let answer = request.header(header::IF_NONE_MATCH, known).send().await.unwrap();
        let etag = answer.headers()[header::ETAG].to_str().unwrap().to_owned();
        (answer.status().as_u16(), etag, answer.bytes().await.unwrap().is_empty())
    };
    assert_eq!(get(&etag).await, (304, etag.clone(), true));
    assert_eq!(get("\"another\"").await, (200, etag.clone(), false));
    let changed = scene.ann.edit_graph(scene.flow, &[add("a")], None).await.unwrap();
    assert_eq!(get(&etag).await, (200, changed.etag, false));
}

#[tokio::test]
async fn a_whole_flow_is_put_as_one_edit_and_says_what_is_wrong_with_it() {
    let scene = scene().await;
    let ben = live(&scene.ann, scene.flow).await;
    scene.ann.edit_graph(scene.flow, &[add("old")], None).await.unwrap();
    let mut flow = scene.ann.export_flow(scene.flow).await.unwrap();
    flow["name"] = json!("Put");
    flow["nodes"] = json!([{ "id": "new", "type": "end", "typeVersion": 1, "data": {} }]);
    flow["layout"] = json!({ "new": { "x": 1.0, "y": 2.0 } });
    let changed = scene.ann.put_flow(scene.flow, &flow, None).await.unwrap();
    assert_eq!(scene.ann.export_flow(scene.flow).await.unwrap(), flow);
    let graph = until_graph(&ben, "ben sees it", |graph| graph.nodes.contains_key("new")).await;
    assert_eq!((graph.nodes.len(), graph.meta.name.as_str()), (1, "Put"));
    let again = scene.ann.put_flow(scene.flow, &flow, Some(&changed.etag)).await.unwrap();
    assert_eq!((again.seq, again.etag), (changed.seq, changed.etag), "nothing was written");

    let (status, error) = refused(&scene, Method::PUT, "", json!({ "interflow": 1, "nodes": 7 })).await;
    assert_eq!(
        (status.as_u16(), &error["code"], &error["details"]["field"]),
        (422, &json!("invalid"), &json!("nodes"))
    );
    let edits = json!({ "edits": [{ "op": "moveNode", "id": "new", "x": 0, "y": 0 }, { "op": "removeNode", "id": "no" }] });
    let (status, error) = refused(&scene, Method::PATCH, "/graph", edits).await;
    assert_eq!((status.as_u16(), &error["code"]), (422, &json!("edit_refused")));
    assert_eq!(error["details"], json!({ "edit": 1, "reason": "not_found" }));
    let (status, error) =
        refused(&scene, Method::PATCH, "/graph", json!({ "edits": [{ "op": "fly" }] })).await;
    assert_eq!((status.as_u16(), &error["code"]), (422, &json!("malformed_body")));
    assert_eq!(scene.ann.export_flow(scene.flow).await.unwrap(), flow, "nothing of that was made");
}

#[tokio::test]
async fn who_may_not_edit_may_look_and_who_may_not_look_learns_nothing() {
    let scene = scene().await;
    let (vic, _) = scene.server.person("vic").await.unwrap();
    let flow = json!({ "interflow": 1, "name": "Mine" });
    for expected in ["not_found", "forbidden"] {
        assert_eq!(code(vic.edit_graph(scene.flow, &[add("a")], None).await), expected);
        assert_eq!(code(vic.put_flow(scene.flow, &flow, None).await), expected);
        assert_eq!(code(vic.create_version(scene.flow, "v").await), expected);
        assert_eq!(code(vic.activate(scene.flow).await), expected);
        assert_eq!(code(vic.deactivate(scene.flow).await), expected);
        scene.ann.put_member(scene.flow, "vic@example.org", Role::Viewer).await.unwrap();
    }
    vic.graph(scene.flow).await.unwrap();
    vic.versions(scene.flow, 10, None).await.unwrap();
    let copy = vic.duplicate_flow(scene.flow, None).await.unwrap();
    assert_eq!((copy.name.as_str(), copy.role), ("Greeter (copy)", Role::Owner));
    let (eve, _) = scene.server.person("eve").await.unwrap();
    assert_eq!(code(eve.graph(scene.flow).await), "not_found");
    assert_eq!(code(eve.diagnostics(scene.flow).await), "not_found");
    assert_eq!(code(eve.duplicate_flow(scene.flow, None).await), "not_found");
    assert_eq!(code(eve.versions(scene.flow, 10, None).await), "not_found");
}

/// Every route of a flow: who has nothing to do with it learns nothing, and who may look
/// changes nothing.
#[tokio::test]
async fn each_route_of_a_flow_asks_who_calls() {
    const READS: &[&str] = &[
        "",
        "/graph",
        "/export",
        "/diagnostics",
        "/growth",
        "/members",
        "/versions",
        "/versions/1",
        "/versions/1/diff",
        "/history",
        "/history/1",
    ];
    let scene = scene().await;
    scene.ann.create_version(scene.flow, "First").await.unwrap();
    let (vic, _) = scene.server.person("vic").await.unwrap();
    let (eve, _) = scene.server.person("eve").await.unwrap();
    scene.ann.put_member(scene.flow, "vic@example.org", Role::Viewer).await.unwrap();
    let flow = json!({ "interflow": 1, "name": "Mine" });
    let member = json!({ "email": "eve@example.org", "role": "editor" });
    let writes = [
        (Method::PUT, "", flow),
        (Method::PATCH, "", json!({ "name": "Mine" })),
        (Method::PATCH, "/graph", json!({ "edits": [] })),
        (Method::POST, "/versions", json!({ "name": "Mine" })),
        (Method::POST, "/versions/1/restore", json!({})),
        (Method::PATCH, "/activate", json!({})),
        (Method::PATCH, "/deactivate", json!({})),
        (Method::POST, "/members", member),
        (Method::DELETE, "", json!({})),
    ];
    let status = async |who: &flow_client::Api, method: Method, path: &str, body: &Value| {
        let url = format!("{}/api/flows/{}{path}", scene.server.url(), scene.flow);
        let request = reqwest::Client::new().request(method, url).bearer_auth(who.token().unwrap().expose());
        request.json(body).send().await.unwrap().status().as_u16()
    };
    for path in READS {
        assert_eq!(status(&vic, Method::GET, path, &json!({})).await, 200, "{path}");
        assert_eq!(status(&eve, Method::GET, path, &json!({})).await, 404, "{path}");
    }
    for (method, path, body) in &writes {
        assert_eq!(status(&vic, method.clone(), path, body).await, 403, "{method} {path}");
        assert_eq!(status(&eve, method.clone(), path, body).await, 404, "{method} {path}");
    }
    for path in ["/restore", "/duplicate"] {
        assert_eq!(status(&eve, Method::POST, path, &json!({})).await, 404, "{path}");
    }
    let graph = scene.ann.graph(scene.flow).await.unwrap().0;
    assert_eq!(graph["meta"]["name"], "Greeter");
}

/// By whatever way a program writes, the document stays within its limit.
#[tokio::test]
async fn no_way_in_leads_past_the_document_limit() {
    let scene = scene_with(&[("INTERFLOW_LIMITS__DOCUMENT_BYTES", "4000")]).await;
    let long = "x".repeat(5_000);
    let note = json!({ "op": "addNode", "type": "note", "data": { "text": long } });
    let flow = json!({ "interflow": 1, "name": "Long", "description": long });
    for (method, path, body) in [
        (Method::PATCH, "", json!({ "description": long })),
        (Method::PATCH, "/graph", json!({ "edits": [note] })),
        (Method::PUT, "", flow),
    ] {
        let (status, error) = refused(&scene, method.clone(), path, body).await;
        assert_eq!((status.as_u16(), &error["code"]), (413, &json!("too_large")), "{method} {path}");
    }
    scene.ann.edit_graph(scene.flow, &[add("a")], None).await.unwrap();
}
