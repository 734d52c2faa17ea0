//! What everybody may ask is counted by where it comes from, bodies have a bound, and other
//! people's workspaces are nobody's.

use flow_base::{Role, WorkspaceId};
use flow_client::{ClientError, NewFlow};
use flow_model::FlowJson;
use flow_testing::TestServer;
use serde_json::{Value, json};

use crate::PROGRAM;
use crate::people::{add, scene, scene_with};

fn status<T: std::fmt::Debug>(answer: Result<T, ClientError>) -> u16 {
    match answer {
        Err(ClientError::Refused { status, .. }) => status,
        other => panic!("the server did not refuse: {other:?}"),
    }
}

#[tokio::test]
async fn whoever_does_not_say_who_they_are_is_counted_by_their_address() {
    let server =
        TestServer::start_with(PROGRAM, &[("INTERFLOW_LIMITS__REQUESTS_PER_USER", "4")]).await.unwrap();
    let token = "x".repeat(43);
    let asks = [
        ("auth/register", json!({ "email": "no address", "password": "long enough", "name": "X" }), 422),
        ("auth/login", json!({ "email": "nobody@example.org", "password": "wrong" }), 401),
        ("auth/refresh", json!({ "refreshToken": token }), 401),
        ("links/look", json!({ "token": token }), 404),
        ("invitations/look", json!({ "token": token }), 404),
    ];
    let ask = async |path: &str, body: &Value| {
        let url = format!("{}/api/{path}", server.url());
        reqwest::Client::new().post(url).json(body).send().await.unwrap()
    };
    for (path, body, answer) in &asks[..4] {
        assert_eq!(ask(path, body).await.status(), *answer, "{path}");
    }
    for (path, body, _) in &asks {
        let answer = ask(path, body).await;
        assert_eq!(answer.status(), 429, "{path}");
        assert!(answer.headers().contains_key("retry-after"), "{path}");
        assert_eq!(answer.json::<Value>().await.unwrap()["error"]["code"], "too_many_requests", "{path}");
    }
}

#[tokio::test]
async fn a_body_has_as_many_bytes_as_are_configured() {
    let scene = scene_with(&[("INTERFLOW_LIMITS__BODY_BYTES", "2000")]).await;
    let described = |bytes: usize| NewFlow { description: Some("x".repeat(bytes)), ..NewFlow::default() };
    scene.ann.create_flow(&described(1_500)).await.unwrap();
    assert_eq!(status(scene.ann.create_flow(&described(2_500)).await), 413);
}

/// A workspace that one is not a member of is answered as one that is not there, wherever a
/// flow is to be put.
#[tokio::test]
async fn no_flow_is_put_into_anothers_workspace() {
    let scene = scene().await;
    let (_, ben) = scene.server.person("ben").await.unwrap();
    let (url, token) = (scene.server.url(), scene.ann.token().unwrap());
    let data = FlowJson::empty("Foreign", "").to_value();
    for workspace in [ben.workspace_id, WorkspaceId::generate()] {
        for (path, body) in [
            ("flows".to_owned(), json!({ "workspaceId": workspace })),
            (format!("flows/{}/duplicate", scene.flow), json!({ "workspaceId": workspace })),
            (format!("flows/{}/move", scene.flow), json!({ "workspaceId": workspace })),
            ("flows/import".to_owned(), json!({ "data": data, "workspaceId": workspace })),
        ] {
            let request = reqwest::Client::new().post(format!("{url}/api/{path}")).json(&body);
            let answer = request.bearer_auth(token.expose()).send().await.unwrap();
            assert_eq!(answer.status(), 404, "{path}");
        }
    }
    assert_eq!(scene.ann.flows(10, None).await.unwrap().items.len(), 1, "nothing was made");
}

#[tokio::test]
async fn an_editor_activates_and_restores_and_a_commenter_does_not() {
    let scene = scene().await;
    let (ben, _) = scene.server.person("ben").await.unwrap();
    scene
        .ann
        .edit_graph(
            scene.flow,
            &[serde_json::from_value(json!({ "op": "addNode", "type": "start", "id": "start" })).unwrap()],
            None,
        )
        .await
        .unwrap();
    scene.ann.create_version(scene.flow, "Kept").await.unwrap();
    scene.ann.edit_graph(scene.flow, &[add("later")], None).await.unwrap();
    let role = async |role| scene.ann.put_member(scene.flow, "ben@example.org", role).await.unwrap();
    role(Role::Commenter).await;
    assert_eq!(status(ben.activate(scene.flow).await), 403);
    assert_eq!(status(ben.restore_version(scene.flow, 1).await), 403);
    role(Role::Editor).await;
    ben.restore_version(scene.flow, 1).await.unwrap();
    let (graph, _) = ben.graph(scene.flow).await.unwrap();
    assert_eq!(graph["nodes"].as_object().unwrap().keys().collect::<Vec<_>>(), ["start"]);
    ben.activate(scene.flow).await.unwrap();
    ben.deactivate(scene.flow).await.unwrap();
}
