//! Flows come in from other programs, and out again.

use std::process::Output;

use flow_base::FlowId;
use flow_model::{FlowJson, samples};
use reqwest::StatusCode;
use serde_json::{Value, json};
use tokio::process::Command;

use crate::PROGRAM;
use crate::people::{Scene, live, scene, until_graph};

const TYPEBOT: &str = include_str!("../../crates/flow-import/tests/exports/typebot-6-cake-order.json");
const NODE_RED: &str = include_str!("../../crates/flow-import/tests/exports/node-red-order-api.json");

fn export(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

async fn import(scene: &Scene, body: &Value) -> (StatusCode, Value) {
    let url = format!("{}/api/flows/import", scene.server.url());
    let token = scene.ann.token().unwrap();
    let answer =
        reqwest::Client::new().post(url).bearer_auth(token.expose()).json(body).send().await.unwrap();
    (answer.status(), answer.json().await.unwrap())
}

fn codes(list: &Value) -> Vec<&str> {
    list.as_array().unwrap().iter().map(|entry| entry["code"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn exports_of_every_format_become_flows_that_can_be_edited() {
    let scene = scene().await;
    let sample = samples()[0].json;
    for (body, format, name, node) in [
        (json!({ "data": export(TYPEBOT) }), "typebot", "Cake order", "bcake"),
        (json!({ "data": export(NODE_RED), "format": "node-red" }), "node-red", "Order API", "u1.s2"),
        (json!({ "data": export(sample), "name": " Quiz again " }), "interflow", "Quiz again", "ask"),
    ] {
        let (status, flow) = import(&scene, &body).await;
        assert_eq!(
            (status, &flow["format"], &flow["name"]),
            (StatusCode::CREATED, &json!(format), &json!(name))
        );
        let id: FlowId = flow["id"].as_str().unwrap().parse().unwrap();
        let ann = live(&scene.ann, id).await;
        until_graph(&ann, "the editor shows the flow", |graph| graph.nodes.contains_key(node)).await;
        // What comes out goes in again.
        let exported = scene.ann.export_flow(id).await.unwrap();
        let (_, again) = import(&scene, &json!({ "data": exported })).await;
        let again = again["id"].as_str().unwrap().parse().unwrap();
        assert_eq!(scene.ann.export_flow(again).await.unwrap(), exported);
    }
}

#[tokio::test]
async fn an_import_says_what_was_lost_and_what_is_wrong() {
    let scene = scene().await;
    let (_, flow) = import(&scene, &json!({ "data": export(TYPEBOT) })).await;
    let placeholder =
        json!({ "node": "bsheet", "code": "placeholder", "message": "Google Sheets has no counterpart" });
    assert!(flow["notes"].as_array().unwrap().contains(&placeholder), "{}", flow["notes"]);
    assert!(codes(&flow["notes"]).contains(&"option_dropped"));
    assert!(codes(&flow["diagnostics"]).contains(&"unknown_node_type"), "{}", flow["diagnostics"]);
    let id: FlowId = flow["id"].as_str().unwrap().parse().unwrap();
    let exported = scene.ann.export_flow(id).await.unwrap();
    assert_eq!(export(exported["source"]["json"].as_str().unwrap()), export(TYPEBOT), "the export is kept");
    let (_, sample) = import(&scene, &json!({ "data": export(samples()[0].json) })).await;
    assert_eq!((&sample["notes"], &sample["diagnostics"]), (&json!([]), &json!([])));
}

#[tokio::test]
async fn what_cannot_be_imported_is_answered_with_the_field_and_the_place() {
    let scene = scene().await;
    for (body, field, place) in [
        (json!({ "data": { "a": 1 } }), "data", "name it in format"),
        (json!({ "data": [], "format": "visio" }), "format", "expected interflow"),
        (json!({ "data": { "groups": [{}], "edges": [] } }), "data", "groups/0/id"),
        (json!({ "data": [{ "id": "a", "type": "b", "wires": 1 }] }), "data", "0/wires"),
        (json!({ "data": { "interflow": 1, "nodes": [{}] } }), "data", "nodes/0/id"),
        (json!({ "data": { "interflow": 1 }, "name": " " }), "name", "is empty"),
        (json!({ "data": { "interflow": 1 }, "nmae": "x" }), "nmae", "unknown field"),
        (json!({ "format": "typebot" }), "data", "missing field"),
    ] {
        let (status, answer) = import(&scene, &body).await;
        assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{body} {answer}");
        let error = &answer["error"];
        assert_eq!(error["details"]["field"], field, "{answer}");
        assert!(error["message"].as_str().unwrap().contains(place), "{answer}");
    }
    let url = format!("{}/api/flows/import", scene.server.url());
    let token = scene.ann.token().unwrap();
    let http = reqwest::Client::new();
    let post = |content_type: &'static str, body: &'static str| {
        http.post(&url).bearer_auth(token.expose()).header("content-type", content_type).body(body).send()
    };
    assert_eq!(post("application/json", "{").await.unwrap().status(), StatusCode::BAD_REQUEST);
    assert_eq!(post("text/plain", "{}").await.unwrap().status(), StatusCode::UNSUPPORTED_MEDIA_TYPE);
    let nobody = http.post(&url).json(&json!({ "data": {} })).send().await.unwrap();
    assert_eq!(nobody.status(), StatusCode::UNAUTHORIZED);
    let listed = scene.ann.flows(50, None).await.unwrap();
    assert_eq!(listed.items.len(), 1, "nothing was created on the way");
}

#[tokio::test]
async fn the_schema_is_served_as_it_is_published() {
    let scene = scene().await;
    let answer = reqwest::get(format!("{}/api/schema/interflow-1.json", scene.server.url())).await.unwrap();
    assert_eq!(answer.headers()["content-type"], "application/schema+json");
    assert_eq!(answer.text().await.unwrap(), include_str!("../../docs/schema/interflow-1.schema.json"));
}

async fn interflow(arguments: &[&str]) -> Output {
    Command::new(PROGRAM).args(arguments).kill_on_drop(true).output().await.unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[tokio::test]
async fn the_command_line_converts_and_validates_files() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, content: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, content).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let cakes = file("cakes.json", TYPEBOT);
    let converted = interflow(&["flow", "convert", &cakes]).await;
    assert_eq!(converted.status.code(), Some(0));
    let flow = FlowJson::parse(&text(&converted.stdout)).unwrap();
    assert_eq!(flow.name(), "Cake order");
    let notes = text(&converted.stderr);
    assert!(notes.contains("placeholder node \"bsheet\": Google Sheets has no counterpart"), "{notes}");
    let json = interflow(&["flow", "convert", &cakes, "--from", "typebot", "--json"]).await;
    assert_eq!(json.stdout, converted.stdout, "the flow is the same");
    let lines = text(&json.stderr);
    assert!(
        lines.lines().all(|line| export(line)["code"].is_string()) && lines.lines().count() > 5,
        "{lines}"
    );

    let invalid = interflow(&["flow", "validate", &file("flow.json", &flow.to_text())]).await;
    assert_eq!(invalid.status.code(), Some(3));
    let findings = text(&invalid.stdout);
    assert!(findings.contains("error unknown_node_type node \"bsheet\" field \"type\""), "{findings}");
    assert!(findings.ends_with("24 nodes and 17 edges: 2 errors, 0 warnings\n"), "{findings}");
    let sound = interflow(&["flow", "validate", "--json", &file("sound.json", samples()[0].json)]).await;
    assert_eq!(
        (sound.status.code(), export(&text(&sound.stdout))["summary"]["errors"].as_i64()),
        (Some(0), Some(0))
    );
}

#[tokio::test]
async fn the_command_line_says_why_a_file_cannot_be_read() {
    let folder = tempfile::tempdir().unwrap();
    let file = |content: &str| {
        let path = folder.path().join("file.json");
        std::fs::write(&path, content).unwrap();
        path.to_str().unwrap().to_owned()
    };
    for (command, content, code, why) in [
        (vec!["convert"], "{", 1, "holds no JSON"),
        (vec!["convert"], "{}", 1, "name it with --from"),
        (vec!["convert", "--from", "typebot"], "[]", 1, "cannot be read as typebot: expected an object"),
        (vec!["convert", "--from", "visio"], "[]", 2, "expected interflow, typebot or node-red"),
        (vec!["validate"], TYPEBOT, 1, "holds no flow in Interflow JSON: interflow: expected version 1"),
    ] {
        let file = file(content);
        let arguments: Vec<_> = ["flow"].into_iter().chain(command).chain([file.as_str()]).collect();
        let failed = interflow(&arguments).await;
        assert_eq!((failed.status.code(), failed.stdout.len()), (Some(code), 0), "{arguments:?}");
        assert!(text(&failed.stderr).contains(why), "{}", text(&failed.stderr));
    }
    let missing = interflow(&["flow", "validate", "/no/such/file"]).await;
    assert_eq!(missing.status.code(), Some(1));
    assert!(text(&missing.stderr).contains("could not open /no/such/file"));
}
