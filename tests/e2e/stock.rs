//! The npm packages yjs and y-websocket, unchanged: see `tests/stock/clients.mjs`.

use std::path::Path;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use flow_model::{FlowDoc, FlowGraph};
use serde::Deserialize;
use tokio::process::Command;

use crate::people::{live, scene, until_graph};

#[derive(Deserialize)]
struct Ended {
    documents: Vec<String>,
}

async fn run_clients(seed: u64) {
    let scene = scene().await;
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/stock");
    assert!(folder.join("node_modules").exists(), "run `npm ci` in tests/stock, or `cargo xtask test`");
    let url = format!("{}/sync", scene.server.url().replace("http", "ws"));
    let ran = Command::new("node")
        .arg(folder.join("clients.mjs"))
        .args([&url, &scene.flow.to_string(), scene.ann.token().unwrap().expose(), &seed.to_string()])
        .kill_on_drop(true)
        .output()
        .await
        .expect("node is installed");
    let said = String::from_utf8_lossy(&ran.stderr);
    assert!(ran.status.success(), "seed {seed}: {said}");
    let ended: Ended = serde_json::from_slice(&ran.stdout).unwrap();
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
    for seed in 1..=3 {
        run_clients(seed).await;
    }
}
