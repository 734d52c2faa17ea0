//! The verbs of the command line that talk to a server.

use std::path::Path;

use flow_client::NewFlow;
use serde_json::{Value, json};
use tokio::process::Command;

use crate::PROGRAM;
use crate::people::{Scene, add, scene};

struct Ran {
    code: i32,
    out: String,
    err: String,
}

impl Ran {
    /// Lines of JSON.
    fn json(&self) -> Vec<Value> {
        self.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

async fn run(scene: &Scene, arguments: &[&str]) -> Ran {
    let token = scene.ann.token().unwrap();
    let mut command = Command::new(PROGRAM);
    command.args(arguments).env("INTERFLOW_URL", scene.server.url()).env("INTERFLOW_TOKEN", token.expose());
    let output = command.output().await.unwrap();
    Ran {
        code: output.status.code().unwrap(),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[tokio::test]
async fn flows_are_listed_exported_and_imported_again() {
    let scene = scene().await;
    let quiz = NewFlow { sample: Some("quiz".into()), ..NewFlow::default() };
    let quiz = scene.ann.create_flow(&quiz).await.unwrap();
    let listed = run(&scene, &["flow", "list"]).await;
    assert_eq!((listed.code, listed.out.lines().count()), (0, 2), "{}", listed.err);
    assert!(listed.out.contains(&format!("{} owner     draft  Greeter", scene.flow)), "{}", listed.out);
    let named = run(&scene, &["flow", "list", "--sort", "-name", "--limit", "1", "--json"]).await;
    let first = [&*quiz.name, "Greeter"].into_iter().max().unwrap();
    assert_eq!(named.json()[0]["name"], first);
    assert_eq!(run(&scene, &["flow", "list", "--search", "gree"]).await.out.lines().count(), 1);

    let one = run(&scene, &["flow", "export", &quiz.id.to_string()]).await;
    let exported: Value = serde_json::from_str(&one.out).unwrap();
    assert_eq!(exported, scene.ann.export_flow(quiz.id).await.unwrap());
    let folder = tempfile::tempdir().unwrap();
    let all = run(&scene, &["flow", "export", "--all", "--output", text(folder.path())]).await;
    assert_eq!(all.code, 0, "{}", all.err);
    let file = folder.path().join(format!("{}.json", quiz.id));
    let nothing = run(&scene, &["flow", "export", "--all"]).await;
    assert_eq!(nothing.code, 2, "{}", nothing.err);

    let broken = folder.path().join("broken.json");
    std::fs::write(&broken, "{").unwrap();
    let imported = run(&scene, &["flow", "import", text(&file), text(&broken), "--json"]).await;
    assert_eq!(imported.code, 1, "{}", imported.err);
    assert!(imported.err.contains("broken.json: it is no JSON"), "{}", imported.err);
    let imported = imported.json();
    assert_eq!(
        (imported.len(), &imported[0]["name"], &imported[0]["format"]),
        (1, &quiz.name.into(), &"interflow".into())
    );
    let id = imported[0]["id"].as_str().unwrap().parse().unwrap();
    assert_eq!(scene.ann.export_flow(id).await.unwrap(), exported);
    let renamed = run(&scene, &["flow", "import", text(&file), "--name", "Another"]).await;
    assert!(renamed.out.contains(" Another "), "{}", renamed.out);
}

#[tokio::test]
async fn versions_are_kept_compared_restored_and_activated() {
    let scene = scene().await;
    let flow = scene.flow.to_string();
    let kept = run(&scene, &["version", "create", &flow, "Empty", "--json"]).await;
    assert_eq!((kept.code, &kept.json()[0]["version"]), (0, &json!(1)), "{}", kept.err);
    scene.ann.edit_graph(scene.flow, &[add("new")], None).await.unwrap();
    let diff = run(&scene, &["version", "diff", &flow, "1"]).await;
    assert!(diff.out.contains("\"new\""), "{}", diff.out);
    let restored = run(&scene, &["version", "restore", &flow, "1"]).await;
    assert_eq!(restored.code, 0, "{}", restored.err);
    let now = scene.ann.export_flow(scene.flow).await.unwrap();
    let then: Value =
        serde_json::from_str(&run(&scene, &["version", "export", &flow, "1"]).await.out).unwrap();
    assert_eq!(now, then);
    let listed = run(&scene, &["version", "list", &flow]).await;
    assert_eq!(listed.out, "1 named      Empty\n");
    // Nothing starts in it.
    let refused = run(&scene, &["version", "activate", &flow]).await;
    assert_eq!(refused.code, 3, "{}", refused.err);
    assert!(refused.err.contains("the flow has errors"), "{}", refused.err);
    let missing = run(&scene, &["version", "export", &flow, "7"]).await;
    assert_eq!(missing.code, 1, "{}", missing.err);

    let quiz = NewFlow { sample: Some("quiz".into()), ..NewFlow::default() };
    let quiz = scene.ann.create_flow(&quiz).await.unwrap().id.to_string();
    assert_eq!(run(&scene, &["version", "activate", &quiz]).await.out, "1 activation \n");
    assert!(run(&scene, &["flow", "list", "--status", "active"]).await.out.contains(&quiz));
    assert_eq!(run(&scene, &["version", "deactivate", &quiz]).await.code, 0);
    assert_eq!(run(&scene, &["flow", "list", "--status", "active"]).await.out, "");
}

#[tokio::test]
async fn shells_complete_the_commands() {
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let output = Command::new(PROGRAM).args(["completions", shell]).output().await.unwrap();
        let script = String::from_utf8(output.stdout).unwrap();
        assert!(output.status.success() && script.contains("backup"), "{shell}");
    }
}

/// The five answers and the one that ends it, from a file.
#[tokio::test]
async fn a_flow_is_run_in_the_terminal() {
    let scene = scene().await;
    let quiz = NewFlow { sample: Some("quiz".into()), ..NewFlow::default() };
    let quiz = scene.ann.create_flow(&quiz).await.unwrap().id.to_string();
    let draft = run(&scene, &["run", &quiz]).await;
    assert_eq!(draft.code, 1, "{}", draft.err);
    assert!(draft.err.contains("the flow is not active"), "{}", draft.err);

    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("answers.json");
    let answers = json!(["The Danube", "Sweden", 3, "The Arctic", "South America", false]);
    std::fs::write(&file, answers.to_string()).unwrap();
    let done = run(&scene, &["run", &quiz, "--preview", "--answers", text(&file)]).await;
    assert_eq!(done.code, 0, "{}", done.err);
    assert!(done.out.contains("5 of 5. You know your way around the world!"), "{}", done.out);
    assert!(done.out.contains("  2. The Danube\n"), "{}", done.out);

    std::fs::write(&file, json!(["The Danube"]).to_string()).unwrap();
    let left = run(&scene, &["run", &quiz, "--preview", "--answers", text(&file), "--json"]).await;
    assert_eq!(left.code, 4, "{}", left.err);
    let told: Vec<_> = left.json().iter().map(|line| line["type"].as_str().unwrap().to_owned()).collect();
    assert_eq!(told, ["run", "message", "message", "message", "input", "message", "message", "input"]);
}

#[tokio::test]
async fn a_run_that_fails_says_why_and_where() {
    let scene = scene().await;
    let flow = json!({
        "interflow": 1,
        "nodes": [
            { "id": "start", "type": "start", "data": {} },
            { "id": "broken", "type": "set", "data": { "assignments": [{ "id": "a", "variable": "x", "kind": "expression", "expression": "1 / zero" }] } },
        ],
        "edges": [{ "source": "start", "sourceHandle": "out", "target": "broken" }],
        "variables": { "x": { "type": "number" }, "zero": { "type": "number", "default": 1 } },
    });
    let flow = NewFlow { flow: Some(flow), ..NewFlow::default() };
    let flow = scene.ann.create_flow(&flow).await.unwrap().id.to_string();
    assert_eq!(run(&scene, &["run", &flow, "--preview"]).await.code, 0);
    let failed = run(&scene, &["run", &flow, "--preview", "--var", "zero=0"]).await;
    assert_eq!((failed.code, failed.err.as_str()), (5, "interflow: x: a division by zero (node broken)\n"));
    let wrong = run(&scene, &["run", &flow, "--preview", "--var", "nothing=0"]).await;
    assert_eq!((wrong.code, wrong.err.contains("there is no such parameter")), (5, true), "{}", wrong.err);
}
