//! Files from the terminal, and in the archive of who sent them.

use std::io::{Cursor, Read};

use flow_base::{RunFileId, RunId};
use serde_json::{Value, json};
use tokio::process::Command;
use zip::ZipArchive;

use super::{PNG, asked, asking_for_files, read, refusal};
use crate::PROGRAM;
use crate::accounts::PASSWORD;
use crate::people::{Scene, scene};
use crate::runs::active;

async fn run(scene: &Scene, flow: &str, answers: &Value) -> (i32, Vec<Value>, String) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("answers.json");
    std::fs::write(&file, answers.to_string()).unwrap();
    let mut command = Command::new(PROGRAM);
    command.args(["run", flow, "--json", "--answers"]).arg(&file);
    let token = scene.ann.token().unwrap();
    command.env("INTERFLOW_URL", scene.server.url()).env("INTERFLOW_TOKEN", token.expose());
    let output = command.output().await.unwrap();
    let out = String::from_utf8(output.stdout).unwrap();
    let lines = out.lines().map(|line| serde_json::from_str(line).unwrap());
    (output.status.code().unwrap(), lines.collect(), String::from_utf8(output.stderr).unwrap())
}

#[tokio::test]
async fn a_file_is_given_by_its_path_in_the_terminal() {
    let scene = scene().await;
    let flow = active(&scene.ann, &asking_for_files()).await.to_string();
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, content: &[u8]| {
        let path = folder.path().join(name);
        std::fs::write(&path, content).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let (photo, text, table) = (write("ich.png", PNG), write("a b.txt", b"text"), write("t.csv", b"a,b"));
    let (code, lines, err) = run(&scene, &flow, &json!([text, photo, [text, table]])).await;
    assert_eq!(code, 0, "{err}");
    let said: Vec<_> = lines.iter().filter_map(|line| line["message"]["text"].as_str()).collect();
    assert_eq!(said[..3], ["A photo?", "A picture, please.", "Papers?"]);
    let output = &lines.last().unwrap()["outcome"]["output"];
    assert_eq!(
        (&output["photo"]["name"], &output["photo"]["type"]),
        (&json!("ich.png"), &json!("image/png"))
    );
    assert_eq!(
        (&output["papers"][0]["name"], &output["papers"][1]["type"]),
        (&json!("a b.txt"), &json!("text/csv"))
    );
    let id = |value: &Value| value.as_str().unwrap().parse::<RunFileId>().unwrap();
    let run_id: RunId = lines[0]["id"].as_str().unwrap().parse().unwrap();
    assert_eq!(read(&scene.ann, run_id, id(&output["photo"]["id"])).await.unwrap(), PNG);

    let missing = folder.path().join("nothing.png");
    let (code, lines, err) = run(&scene, &flow, &json!(["I have none"])).await;
    assert_eq!(code, 4, "the flow has heard it, and asks again: {err}");
    assert!(lines.iter().any(|line| line["message"]["text"] == "A picture, please."), "{lines:?}");
    assert!(err.contains("there is no file \"I have none\""), "{err}");
    let (code, _, err) = run(&scene, &flow, &json!([[missing]])).await;
    assert_eq!(code, 1);
    assert!(err.contains("could not read") && err.contains("nothing.png"), "{err}");
}

#[tokio::test]
async fn what_a_person_has_sent_is_in_their_archive_and_goes_with_them() {
    let scene = scene().await;
    let flow = active(&scene.ann, &asking_for_files()).await;
    let (ben, _) = scene.server.person("ben").await.unwrap();
    scene.ann.put_member(flow, "ben@example.org", flow_base::Role::Viewer).await.unwrap();
    let (bens, anns) = (asked(&ben, flow).await, asked(&scene.ann, flow).await);
    let photo = ben.send_run_file(bens, "größe.png", PNG).await.unwrap();
    scene.ann.send_run_file(anns, "hers.png", PNG).await.unwrap();

    let mut archive = ZipArchive::new(Cursor::new(ben.export_me().await.unwrap())).unwrap();
    let mut content = Vec::new();
    let name = format!("runs/{bens}/{}-größe.png", photo.id);
    archive.by_name(&name).unwrap().read_to_end(&mut content).unwrap();
    assert_eq!(content, PNG);
    let told: Value =
        serde_json::from_reader(archive.by_name(&format!("runs/{bens}.json")).unwrap()).unwrap();
    assert_eq!((&told["files"][0]["id"], &told["files"][0]["type"]), (&json!(photo.id), &json!("image/png")));
    let names: Vec<_> = archive.file_names().map(|name| name.unwrap().into_owned()).collect();
    assert!(!names.iter().any(|name| name.contains("hers")), "{names:?}");

    assert_eq!(read(&scene.ann, bens, photo.id).await.unwrap(), PNG);
    ben.erase_me(PASSWORD, None).await.unwrap();
    assert_eq!(refusal(read(&scene.ann, bens, photo.id).await).0, 404);
    assert_eq!(scene.ann.run(anns).await.unwrap().files.len(), 1);
}
