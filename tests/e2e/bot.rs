use std::process::Stdio;

use serde_json::Value;
use tokio::io::AsyncWriteExt;
use tokio::process::Command;

use crate::PROGRAM;
use crate::people::{live, scene, until_graph};

#[tokio::test]
async fn a_bot_applies_edits_from_its_input_and_prints_the_graph_as_it_changes() {
    let scene = scene().await;
    let ann = live(&scene.ann, scene.flow).await;
    let mut bot = Command::new(PROGRAM)
        .args(["bot", &scene.flow.to_string(), "--url", &scene.server.url(), "--once"])
        .env("INTERFLOW_TOKEN", scene.ann.token().unwrap().expose())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let lines = concat!(
        r#"{"op":"addNode","id":"start","type":"start","position":{"x":0,"y":0}}"#,
        "\n",
        r#"[{"op":"addNode","id":"hi","type":"message"},{"op":"connect","source":"start","target":"hi"}]"#,
        "\n",
        r#"{"op":"addNode","id":"start","type":"start"}"#,
        "\n",
        "no json\n",
    );
    bot.stdin.take().unwrap().write_all(lines.as_bytes()).await.unwrap();
    let out = bot.wait_with_output().await.unwrap();
    assert!(out.status.success(), "{out:?}");
    let reports: Vec<Value> = String::from_utf8(out.stdout)
        .unwrap()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let answers: Vec<_> = reports.iter().filter(|report| report["line"].is_u64()).collect();
    let events: Vec<_> = answers.iter().map(|answer| answer["event"].as_str().unwrap()).collect();
    assert_eq!(events, ["edited", "edited", "refused", "refused"], "{answers:?}");
    let last = reports.iter().rev().find(|report| report["event"] == "graph").unwrap();
    assert!(last["graph"]["nodes"].to_string().contains("start"), "{last}");
    until_graph(&ann, "ann sees what the bot drew", |graph| graph.nodes.len() == 2 && graph.edges.len() == 1)
        .await;
}
