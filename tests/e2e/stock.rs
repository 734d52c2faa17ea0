//! The npm packages yjs and y-websocket, unchanged: see the scripts in `tests/stock`.

use std::path::Path;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use flow_model::{FlowDoc, FlowGraph};
use serde::Deserialize;
use serde_json::json;
use tokio::process::Command;

use crate::people::{Scene, live, scene, until_graph};

#[derive(Deserialize)]
struct Ended {
    documents: Vec<String>,
    #[serde(default)]
    restored: u32,
}

/// What a script of `tests/stock` prints, run against the flow of a new server.
async fn run(scene: &Scene, script: &str, arguments: &[&str]) -> Vec<u8> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/stock");
    assert!(folder.join("node_modules").exists(), "run `npm ci` in tests/stock, or `cargo xtask test`");
    let url = format!("{}/sync", scene.server.url().replace("http", "ws"));
    let ran = Command::new("node")
        .arg(folder.join(script))
        .args([&url, &scene.flow.to_string(), scene.ann.token().unwrap().expose()])
        .args(arguments)
        .kill_on_drop(true)
        .output()
        .await
        .expect("node is installed");
    let said = String::from_utf8_lossy(&ran.stderr);
    assert!(ran.status.success(), "{script} {arguments:?}: {said}");
    ran.stdout
}

async fn run_clients(seed: u64) {
    let scene = scene().await;
    let printed = run(&scene, "clients.mjs", &[&seed.to_string()]).await;
    let ended: Ended = serde_json::from_slice(&printed).unwrap();
    let graphs: Vec<FlowGraph> = ended.documents.iter().map(|document| graph_of(document)).collect();
    assert!(graphs[0].nodes.len() > 1, "seed {seed}: the clients did little");
    assert!(graphs[0].nodes.contains_key("before-connecting"), "seed {seed}: an early edit is missing");
    let rust = live(&scene.ann, scene.flow).await;
    let seen = until_graph(&rust, "a Rust peer sees what they ended with", |graph| *graph == graphs[0]).await;
    assert!(graphs.iter().all(|graph| *graph == *seen), "seed {seed}");
}

fn graph_of(document: &str) -> FlowGraph {
    let mut doc = FlowDoc::new(None);
    doc.apply_update_v1(&BASE64_STANDARD.decode(document).unwrap()).unwrap();
    assert!(!doc.has_pending(), "a client has a hole");
    doc.graph().clone()
}

#[tokio::test]
async fn stock_clients_with_drops_and_offline_spells_end_equal_with_a_rust_peer() {
    for seed in 1..=6 {
        run_clients(seed).await;
    }
}

/// A restore is an edit like any other: it takes nobody's undo away, and leaves nothing behind
/// that a later undo would break.
#[tokio::test]
async fn ten_who_type_undo_their_own_while_versions_are_restored_under_them() {
    let scene = scene().await;
    let ask = json!({ "op": "addNode", "id": "ask", "type": "input",
        "data": { "kind": "text", "variable": "v", "prompt": "" } });
    scene.ann.edit_graph(scene.flow, &[serde_json::from_value(ask).unwrap()], None).await.unwrap();
    let typed = json!({ "op": "editText", "node": "ask", "field": "prompt", "index": 0, "insert": "Hello" });
    scene.ann.edit_graph(scene.flow, &[serde_json::from_value(typed).unwrap()], None).await.unwrap();
    assert_eq!(scene.ann.create_version(scene.flow, "First").await.unwrap().version, 1);
    let ended: Ended = serde_json::from_slice(&run(&scene, "undo.mjs", &[]).await).unwrap();
    assert!(ended.restored >= 5, "only {} restores while they typed", ended.restored);
    let (stored, _) = scene.ann.graph(scene.flow).await.unwrap();
    for document in &ended.documents {
        assert_eq!(serde_json::to_value(graph_of(document)).unwrap(), stored);
    }
}

/// In milliseconds.
#[derive(Debug, Deserialize)]
struct Seen {
    gone: f64,
    back: f64,
    left: f64,
    stamped: serde_json::Value,
}

/// A client that comes back with the clock at which it was announced to be gone would
/// stay invisible for up to 15 s, when it next says that it is there.
#[tokio::test]
async fn stock_clients_see_each_other_come_go_and_come_back() {
    let scene = scene().await;
    let seen: Seen = serde_json::from_slice(&run(&scene, "presence.mjs", &[]).await).unwrap();
    assert_eq!(seen.stamped["name"], "ann", "the server says who they are");
    for took in [seen.gone, seen.left] {
        assert!(took < 1_000.0, "a ghost stayed: {seen:?}");
    }
    assert!(seen.back < 5_000.0, "who came back was not seen: {seen:?}");
}
