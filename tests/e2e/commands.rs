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
