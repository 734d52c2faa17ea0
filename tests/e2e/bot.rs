use std::process::Stdio;

use flow_model::Edit;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::process::Command;

use crate::PROGRAM;
use crate::people::{live, make, scene, until_graph};

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

/// The next report of what a run came to.
async fn ran(lines: &mut (impl AsyncBufReadExt + Unpin)) -> Value {
    let ran = async {
        loop {
            let mut line = String::new();
            assert!(lines.read_line(&mut line).await.unwrap() > 0, "it goes on");
            let report: Value = serde_json::from_str(&line).unwrap();
            if ["ran", "notRun"].iter().any(|event| report["event"] == *event) {
                return report;
            }
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(30), ran).await.expect("it is run in time")
}

#[tokio::test]
async fn a_bot_runs_a_flow_whenever_what_it_says_has_changed() {
    let scene = scene().await;
    let folder = tempfile::tempdir().unwrap();
    let answers = folder.path().join("answers.json");
    std::fs::write(&answers, r#"["Ada"]"#).unwrap();
    let edit = |edit: Value| serde_json::from_value::<Edit>(edit).unwrap();
    let ann = live(&scene.ann, scene.flow).await;
    let variable = edit(json!({ "op": "setVariable", "name": "name", "type": "text", "default": "nobody" }));
    make(&ann, variable).await;
    let node = |id: &str, kind: &str, data: Value| {
        edit(json!({ "op": "addNode", "id": id, "type": kind, "data": data }))
    };
    make(&ann, node("start", "start", json!({}))).await;
    make(&ann, node("ask", "input", json!({ "variable": "name", "prompt": "Who are you?" }))).await;
    make(&ann, edit(json!({ "op": "connect", "source": "start", "target": "ask" }))).await;

    let mut bot = Command::new(PROGRAM)
        .args(["bot", &scene.flow.to_string(), "--url", &scene.server.url(), "--run-on-change", "--answers"])
        .arg(&answers)
        .env("INTERFLOW_TOKEN", scene.ann.token().unwrap().expose())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(bot.stdout.take().unwrap());
    let first = ran(&mut lines).await;
    assert_eq!(
        (&first["status"], &first["said"]),
        (&json!("completed"), &json!(["Who are you?"])),
        "{first}"
    );

    // What it says has changed, and then only where it stands.
    let hello = json!({ "blocks": [{ "id": "a", "text": "Hello {{ name }}" }] });
    make(&ann, node("hello", "message", hello)).await;
    make(&ann, edit(json!({ "op": "connect", "source": "ask", "target": "hello" }))).await;
    loop {
        // Where the two edits were seen one by one it is run after the first, too.
        let second = ran(&mut lines).await;
        if second["said"] == json!(["Who are you?", "Hello Ada"]) {
            break;
        }
        assert_eq!(second["said"], json!(["Who are you?"]), "{second}");
    }
    make(&ann, edit(json!({ "op": "moveNode", "id": "hello", "x": 9, "y": 9 }))).await;
    // It asks for more answers than there are.
    make(&ann, node("more", "input", json!({ "variable": "name", "prompt": "And then?" }))).await;
    make(&ann, edit(json!({ "op": "connect", "source": "hello", "target": "more" }))).await;
    let third = loop {
        let third = ran(&mut lines).await;
        if third["status"] == "waiting" {
            break third;
        }
    };
    assert_eq!((&third["asks"]["node"], &third["said"][2]), (&json!("more"), &json!("And then?")), "{third}");
    let run = scene.ann.run(serde_json::from_value(third["run"].clone()).unwrap()).await.unwrap();
    assert_eq!((&*run.summary.status, &*run.summary.kind), ("cancelled", "preview"));
}
