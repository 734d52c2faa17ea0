//! People take along what is kept of them, and leave.

use std::io::{Cursor, Read};

use flow_base::{FlowId, Role};
use flow_client::{Api, NewFlow, RunAnswer, StartRun};
use flow_protocol::CloseCode;
use serde_json::{Value, json};
use zip::ZipArchive;

use crate::accounts::{PASSWORD, closed_with, code, refused, scene_on_postgres};
use crate::people::{Scene, add, live, make, scene, until};

fn file(archive: &mut ZipArchive<Cursor<Vec<u8>>>, name: &str) -> String {
    let mut text = String::new();
    archive.by_name(name).unwrap().read_to_string(&mut text).unwrap();
    text
}

#[tokio::test]
async fn an_archive_has_everything_of_a_person() {
    let scene = scene().await;
    scene.ann.edit_graph(scene.flow, &[add("kept")], None).await.unwrap();
    scene.ann.create_version(scene.flow, "First").await.unwrap();
    let (ben, _) = scene.server.person("ben").await.unwrap();
    let asking = json!({
        "interflow": 1,
        "nodes": [
            { "id": "start", "type": "start" },
            { "id": "ask", "type": "input", "data": { "variable": "name", "prompt": "Your name?" } },
            { "id": "end", "type": "end" },
        ],
        "edges": [
            { "source": "start", "sourceHandle": "out", "target": "ask" },
            { "source": "ask", "sourceHandle": "out", "target": "end" },
        ],
        "variables": { "name": { "type": "text" } },
    });
    let bens = ben.create_flow(&NewFlow { flow: Some(asking), ..NewFlow::default() }).await.unwrap().id;
    ben.activate(bens).await.unwrap();
    ben.put_member(bens, "ann@example.org", Role::Editor).await.unwrap();
    let run = scene.ann.start_run(bens, &StartRun::default()).await.unwrap();
    scene.ann.answer_run(run.run_id, &RunAnswer::text("Ada")).await.unwrap();

    let bytes = scene.ann.export_me().await.unwrap();
    let mut archive = ZipArchive::new(Cursor::new(bytes)).unwrap();
    let mut names: Vec<_> = archive.file_names().map(|name| name.unwrap().into_owned()).collect();
    names.sort_unstable();
    let expected = [
        "README.txt",
        "account.json",
        "audit.ndjson",
        "flows.ndjson",
        &format!("flows/{}.json", scene.flow),
        "keys.json",
        &format!("runs/{}.json", run.run_id),
        "sessions.json",
        &format!("versions/{}/1.json", scene.flow),
        "workspaces.json",
    ];
    assert_eq!(names, expected, "and nothing of Ben's");
    let account: Value = serde_json::from_str(&file(&mut archive, "account.json")).unwrap();
    assert_eq!(account["email"], "ann@example.org");
    assert!(file(&mut archive, "audit.ndjson").contains("account.exported"));
    let roles = file(&mut archive, "flows.ndjson");
    let roles: Vec<Value> = roles.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let roles: Vec<_> = roles.iter().map(|flow| (flow["id"].clone(), flow["role"].clone())).collect();
    let has = |flow: FlowId, role: &str| (json!(flow), json!(role));
    assert_eq!(roles, [has(scene.flow, "owner"), has(bens, "editor")]);
    let told: Value = serde_json::from_str(&file(&mut archive, expected[6])).unwrap();
    let journal = told["journal"].as_array().unwrap();
    assert_eq!(told["flowId"], json!(bens));
    assert!(journal.iter().any(|entry| entry["input"]["answer"] == "Ada"), "{told}");
    let flow: Value = serde_json::from_str(&file(&mut archive, expected[4])).unwrap();
    assert_eq!(flow, scene.ann.export_flow(scene.flow).await.unwrap());
    let again = NewFlow { flow: Some(flow), ..NewFlow::default() };
    scene.ann.create_flow(&again).await.unwrap();
    let version: Value = serde_json::from_str(&file(&mut archive, expected[8])).unwrap();
    assert_eq!((&version["name"], &version["flow"]["nodes"][0]["id"]), (&"First".into(), &"kept".into()));
    for name in names {
        assert!(!file(&mut archive, &name).contains("argon2"), "{name}");
    }
}

#[tokio::test]
async fn who_leaves_is_gone_and_their_flows_with_them() {
    let scene = scene().await;
    let (ben, _) = scene.server.person("ben").await.unwrap();
    scene.ann.put_member(scene.flow, "ben@example.org", Role::Editor).await.unwrap();
    let (hers, his) = (live(&scene.ann, scene.flow).await, live(&ben, scene.flow).await);
    assert_eq!(code(scene.ann.erase_me("wrong password", None).await), refused(422, "invalid"));
    assert_eq!(code(scene.ann.erase_me(PASSWORD, Some("ben@example.org")).await), refused(422, "invalid"));
    scene.ann.erase_me(PASSWORD, None).await.unwrap();
    until(&hers, "signed out", closed_with(CloseCode::SignedOut)).await;
    until(&his, "not allowed", closed_with(CloseCode::NotAllowed)).await;
    assert_eq!(code(ben.flow(scene.flow).await), refused(404, "not_found"));
    let again = Api::new(&scene.server.url()).unwrap();
    assert_eq!(code(again.login("ann@example.org", PASSWORD).await), refused(401, "wrong_credentials"));
    again.register("ann@example.org", PASSWORD, "Another Ann").await.unwrap();
    assert_eq!(again.flows(10, None).await.unwrap().items, []);
}

#[tokio::test]
async fn who_leaves_hands_over_and_history_goes_on_without_the_name() {
    leaves_and_hands_over(&scene().await).await;
}

#[tokio::test]
async fn who_leaves_hands_over_and_history_goes_on_without_the_name_on_postgres() {
    let (scene, _database) = scene_on_postgres().await;
    leaves_and_hands_over(&scene).await;
}

async fn leaves_and_hands_over(scene: &Scene) {
    let (ben, _) = scene.server.person("ben").await.unwrap();
    let home = scene.ann.workspaces().await.unwrap()[0].id;
    scene.ann.put_workspace_member(home, "ben@example.org", Role::Editor).await.unwrap();
    let hers = live(&scene.ann, scene.flow).await;
    make(&hers, add("by-ann")).await;
    assert!(hers.saved().await.unwrap().is_saved());
    let his = live(&ben, scene.flow).await;
    assert_eq!(code(scene.ann.erase_me(PASSWORD, None).await), refused(409, "owns_shared"));
    scene.ann.erase_me(PASSWORD, Some("ben@example.org")).await.unwrap();
    make(&his, add("by-ben")).await;
    assert!(his.saved().await.unwrap().is_saved());
    assert_eq!(ben.flow(scene.flow).await.unwrap().role, Role::Owner);
    let history = ben.history(scene.flow, None, 50).await.unwrap();
    let authors: Vec<_> = history.items.iter().map(|burst| burst.author.as_deref()).collect();
    assert!(authors.contains(&Some("ben")) && !authors.contains(&Some("ann")), "{authors:?}");
    let audit = ben.audit(home, None, 100).await.unwrap();
    let text = format!("{audit:?}");
    assert!(!text.contains("ann@example.org") && !text.contains("\"ann\""), "{text}");
    let by_ann = audit.items.iter().filter(|event| event.user_id.is_some() && event.user_name.is_none());
    assert!(by_ann.clone().count() >= 3 && by_ann.clone().all(|event| event.address.is_none()), "{text}");
    assert_eq!(
        ben.workspaces().await.unwrap().iter().filter(|known| known.id == home && !known.personal).count(),
        1
    );
}
