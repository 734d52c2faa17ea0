//! What was done, and that nobody can change it afterwards unseen.

use std::ffi::OsStr;
use std::process::Output;

use flow_base::{LinkRole, Role};
use flow_client::Api;
use serde_json::Value;
use sqlx::{AssertSqlSafe, Connection, PgConnection, SqliteConnection};
use tokio::process::Command;

use crate::PROGRAM;
use crate::accounts::scene_on_postgres;
use crate::people::{Scene, scene};

async fn types(api: &Api, workspace: flow_base::WorkspaceId) -> Vec<String> {
    let page = api.audit(workspace, None, 200).await.unwrap();
    page.items.iter().map(|entry| entry.event["type"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn owners_see_what_was_done_by_whom_and_from_where() {
    owners_see_what_was_done(&scene().await).await;
}

#[tokio::test]
async fn owners_see_what_was_done_by_whom_and_from_where_on_postgres() {
    let (scene, _database) = scene_on_postgres().await;
    owners_see_what_was_done(&scene).await;
}

async fn owners_see_what_was_done(scene: &Scene) {
    let (ben, ben_user) = scene.server.person("ben").await.unwrap();
    let me = scene.ann.me().await.unwrap();
    let team = scene.ann.create_workspace("Team").await.unwrap().id;
    scene.ann.put_workspace_member(team, "ben@example.org", Role::Editor).await.unwrap();
    scene.ann.move_flow(scene.flow, team).await.unwrap();
    let link = scene.ann.create_link(scene.flow, LinkRole::Viewer, None).await.unwrap();
    scene.ann.revoke_link(scene.flow, link.link.id).await.unwrap();
    scene.ann.put_member(scene.flow, "ben@example.org", Role::Owner).await.unwrap();
    ben.delete_flow(scene.flow).await.unwrap();
    let told = [
        "flow.deleted",
        "flow.memberChanged",
        "link.revoked",
        "link.created",
        "flow.moved",
        "workspace.memberChanged",
        "workspace.created",
    ];
    assert_eq!(types(&scene.ann, team).await, told);

    let first = scene.ann.audit(team, None, 2).await.unwrap();
    let deleted = &first.items[0];
    assert_eq!(
        (deleted.seq, deleted.user_id, deleted.user_name.as_deref()),
        (7, Some(ben_user.id), Some("ben"))
    );
    assert_eq!(deleted.event["flow"], scene.flow.to_string());
    assert_eq!(deleted.address.as_deref(), Some("127.0.0.1"));
    assert_eq!(first.items[1].user_id, Some(me.id));
    let second = scene.ann.audit(team, first.next_before, 200).await.unwrap();
    assert_eq!((second.items.len(), second.next_before), (5, None));

    let export = scene.ann.export_audit(team).await.unwrap();
    let lines: Vec<Value> = export.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let seqs: Vec<_> = lines.iter().map(|line| line["seq"].as_u64().unwrap()).collect();
    assert_eq!(seqs, [1, 2, 3, 4, 5, 6, 7, 8]);
    assert_eq!(lines[7]["event"], r#"{"type":"audit.exported"}"#);

    let home = scene.ann.workspaces().await.unwrap()[0].id;
    let told = types(&scene.ann, home).await;
    assert_eq!(told, ["flow.moved", "flow.created", "session.opened", "account.created"]);
}

async fn verify(scene: &Scene) -> Output {
    let data_dir = scene.server.database();
    verify_in("--data-dir", data_dir.parent().unwrap()).await
}

async fn verify_in(option: &str, place: impl AsRef<OsStr>) -> Output {
    let mut command = Command::new(PROGRAM);
    command.args(["audit", "verify", option]).arg(place);
    command.env("INTERFLOW_LOG", "error").output().await.unwrap()
}

#[tokio::test]
async fn a_changed_event_is_found() {
    let scene = scene().await;
    let home = scene.ann.workspaces().await.unwrap()[0].id;
    scene.ann.create_workspace("Team").await.unwrap();
    let sound = verify(&scene).await;
    let said = String::from_utf8_lossy(&sound.stdout).into_owned();
    assert!(sound.status.success(), "{said} {}", String::from_utf8_lossy(&sound.stderr));
    assert!(said.contains(&format!("{home} sound, 3 events")), "{said}");

    let mut file =
        SqliteConnection::connect(&format!("sqlite://{}", scene.server.database().display())).await.unwrap();
    let changes = [
        (
            "update audit_events set event = replace(event, 'created', 'changed') where seq = 3",
            "event 3 is not",
        ),
        ("delete from audit_events where seq = 2", "event 2 is missing"),
        ("delete from audit_events where seq = 3", "its head says 3"),
    ];
    for (change, found) in changes {
        sqlx::query("begin").execute(&mut file).await.unwrap();
        sqlx::query("create temp table kept as select * from main.audit_events")
            .execute(&mut file)
            .await
            .unwrap();
        sqlx::query(AssertSqlSafe(format!(
            "{change} and workspace_id = unhex('{}')",
            home.as_uuid().simple()
        )))
        .execute(&mut file)
        .await
        .unwrap();
        sqlx::query("commit").execute(&mut file).await.unwrap();
        let broken = verify(&scene).await;
        let said = String::from_utf8_lossy(&broken.stdout).into_owned();
        assert_eq!(broken.status.code(), Some(3), "{change}: {said}");
        assert!(said.contains(found), "{change}: {said}");
        for restore in [
            "delete from main.audit_events",
            "insert into main.audit_events select * from temp.kept",
            "drop table temp.kept",
        ] {
            sqlx::query(restore).execute(&mut file).await.unwrap();
        }
    }
    assert!(verify(&scene).await.status.success());
}

#[tokio::test]
async fn a_changed_event_is_found_on_postgres() {
    let (scene, database) = scene_on_postgres().await;
    let home = scene.ann.workspaces().await.unwrap()[0].id;
    let verify = async || verify_in("--database-url", database.url()).await;
    let sound = verify().await;
    let said = String::from_utf8_lossy(&sound.stdout).into_owned();
    assert!(sound.status.success(), "{said} {}", String::from_utf8_lossy(&sound.stderr));
    assert!(said.contains(&format!("{home} sound, 3 events")), "{said}");
    let mut postgres = PgConnection::connect(database.url()).await.unwrap();
    let change = "update audit_events set event = replace(event, 'created', 'changed')
        where workspace_id = $1 and seq = 3";
    let changed = sqlx::query(change).bind(home.as_uuid()).execute(&mut postgres).await.unwrap();
    assert_eq!(changed.rows_affected(), 1);
    let broken = verify().await;
    let said = String::from_utf8_lossy(&broken.stdout).into_owned();
    assert_eq!(broken.status.code(), Some(3), "{said}");
    assert!(said.contains("event 3 is not"), "{said}");
}
