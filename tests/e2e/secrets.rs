//! What flows sign in elsewhere with: secrets of workspaces, and the operator's.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::{Request, State};
use axum::routing::any;
use flow_base::{FlowId, Role, Secret, WorkspaceId};
use flow_client::{Api, ClientError, NewFlow, StartRun};
use serde_json::{Value, json};
use tokio::process::Command;

use crate::PROGRAM;
use crate::graph::code;
use crate::people::{Scene, scene, scene_with};
use crate::runs::{LOCAL, told};

const VALUE: &str = "s3cret-Qx7#of the workspace";

/// A service that remembers what it was signed in to with.
pub(crate) struct Service {
    pub(crate) url: String,
    asked: Arc<Mutex<Vec<String>>>,
}

pub(crate) async fn service() -> Service {
    let asked = Arc::new(Mutex::new(Vec::new()));
    let answer = async |State(asked): State<Arc<Mutex<Vec<String>>>>, request: Request| {
        let said = request.headers().get("authorization").map(|said| said.to_str().unwrap().to_owned());
        asked.lock().unwrap().push(said.unwrap_or_default());
        axum::Json(json!({ "city": "Wien" }))
    };
    let router = Router::new().fallback(any(answer)).with_state(Arc::clone(&asked));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await });
    Service { url, asked }
}

impl Service {
    fn asked(&self) -> Vec<String> {
        std::mem::take(&mut self.asked.lock().unwrap())
    }
}

/// Calls the service with a secret, and ends.
pub(crate) fn calling(url: &str, secret: &str) -> Value {
    json!({
        "interflow": 1,
        "nodes": [
            { "id": "start", "type": "start", "data": {} },
            { "id": "call", "type": "api", "data": {
                "method": "GET", "url": url, "auth": "bearer", "auth_secret": secret,
                "map": [{ "id": "a", "variable": "city", "path": "$.city" }]
            } },
            { "id": "end", "type": "end", "data": { "output": { "city": "city" } } }
        ],
        "edges": [
            { "source": "start", "sourceHandle": "out", "target": "call" },
            { "source": "call", "sourceHandle": "out", "target": "end" }
        ],
        "variables": { "city": { "type": "text" } }
    })
}

pub(crate) async fn flow(api: &Api, content: Value, workspace: Option<WorkspaceId>) -> FlowId {
    let flow = NewFlow { flow: Some(content), workspace_id: workspace, ..NewFlow::default() };
    let flow = api.create_flow(&flow).await.unwrap().id;
    api.activate(flow).await.unwrap();
    flow
}

/// How a run of the flow ends.
pub(crate) async fn outcome(api: &Api, flow: FlowId) -> Value {
    let turn = api.start_run(flow, &StartRun::default()).await.unwrap();
    told(api, turn.run_id).await.1
}

async fn put(api: &Api, workspace: WorkspaceId, name: &str, value: &str) -> Result<(), ClientError> {
    api.put_secret(workspace, name, &Secret::new(value.to_owned())).await.map(drop)
}

async fn personal(api: &Api) -> WorkspaceId {
    api.workspaces().await.unwrap().into_iter().find(|workspace| workspace.personal).unwrap().id
}

#[tokio::test]
async fn a_call_is_made_with_its_workspaces_secret_and_nothing_keeps_it() {
    let (scene, service) = (scene_with(&[LOCAL, ("INTERFLOW_LOG", "debug")]).await, service().await);
    let workspace = personal(&scene.ann).await;
    put(&scene.ann, workspace, "crm", VALUE).await.unwrap();
    let flow = flow(&scene.ann, calling(&service.url, "crm"), None).await;
    let turn = scene.ann.start_run(flow, &StartRun::default()).await.unwrap();
    let (_, outcome) = told(&scene.ann, turn.run_id).await;
    assert_eq!(outcome["output"]["city"], "Wien", "{outcome}");
    assert_eq!(service.asked(), [format!("Bearer {VALUE}")]);

    let journal = scene.ann.run_journal(turn.run_id, 0).await.unwrap();
    let visit = journal.items.iter().find(|entry| entry["node"] == "call").unwrap()["visit"].clone();
    let visit = u32::try_from(visit.as_u64().unwrap()).unwrap();
    let listed = scene.ann.secrets(workspace).await.unwrap();
    let kept = [
        format!("{:?}", journal.items),
        format!("{:?}", scene.ann.run(turn.run_id).await.unwrap()),
        format!("{:?}", scene.ann.run_step(turn.run_id, visit).await.unwrap()),
        format!("{:?}", scene.ann.run_as_test(turn.run_id).await.unwrap()),
        format!("{:?}", scene.ann.export_flow(flow).await.unwrap()),
        scene.ann.export_audit(workspace).await.unwrap(),
        format!("{listed:?}"),
    ];
    for text in &kept {
        assert!(!text.contains("s3cret"), "{text}");
    }
    assert!(kept[0].contains("call"), "the journal tells of the call: {}", kept[0]);
    let everything = scene.ann.export_me().await.unwrap();
    let mut archive = zip::ZipArchive::new(std::io::Cursor::new(everything)).unwrap();
    for at in 0..archive.len() {
        let mut text = String::new();
        std::io::Read::read_to_string(&mut archive.by_index(at).unwrap(), &mut text).unwrap();
        assert!(!text.contains("s3cret"), "{text}");
    }
    // Nor the database, with what is about to be written to it.
    for entry in std::fs::read_dir(scene.server.database().parent().unwrap()).unwrap() {
        let path = entry.unwrap().path();
        let bytes = std::fs::read(&path).unwrap();
        assert!(!bytes.windows(6).any(|part| part == b"s3cret"), "{}", path.display());
    }
}

#[tokio::test]
async fn a_workspaces_secrets_are_its_owners_to_change_and_its_flows_to_use() {
    let (scene, service) = (scene_with(&[LOCAL]).await, service().await);
    let shared = scene.ann.create_workspace("Support").await.unwrap().id;
    let (ben, _) = scene.server.person("ben").await.unwrap();
    put(&scene.ann, shared, "crm", VALUE).await.unwrap();
    assert_eq!(code(put(&ben, shared, "crm", "his").await), "not_found");
    scene.ann.put_workspace_member(shared, "ben@example.org", Role::Editor).await.unwrap();
    assert_eq!(code(put(&ben, shared, "crm", "his").await), "forbidden");
    assert_eq!(code(ben.secrets(shared).await), "forbidden");
    assert_eq!(code(ben.delete_secret(shared, "crm").await), "forbidden");
    // He may have flows of it use it, and those of another not; nor one that went elsewhere.
    let within = flow(&ben, calling(&service.url, "crm"), Some(shared)).await;
    assert_eq!(outcome(&ben, within).await["status"], "completed");
    assert_eq!(service.asked(), [format!("Bearer {VALUE}")]);
    let elsewhere = flow(&ben, calling(&service.url, "crm"), None).await;
    let failed = outcome(&ben, elsewhere).await;
    assert_eq!(failed["status"], "failed");
    assert!(failed.to_string().contains("there is no secret"), "{failed}");
    scene.ann.move_flow(within, personal(&scene.ann).await).await.unwrap();
    assert_eq!(outcome(&scene.ann, within).await["status"], "failed");
    assert_eq!(service.asked(), <[String; 0]>::default(), "nothing is sent without it");

    let listed = scene.ann.secrets(shared).await.unwrap();
    let me = scene.ann.me().await.unwrap().id;
    assert_eq!((listed[0].name.as_str(), listed[0].changed_by), ("crm", Some(me)));
    for wrong in ["", ".", "..", ".crm", "a/b", "a b", "größe", &"x".repeat(65)] {
        let answer = put(&scene.ann, shared, wrong, VALUE).await;
        assert!(matches!(answer, Err(ClientError::Refused { status: 404 | 405 | 422, .. })), "{wrong:?}");
    }
    for wrong in [String::new(), "x".repeat(8_193)] {
        assert_eq!(code(put(&scene.ann, shared, "crm", &wrong).await), "invalid");
    }
    scene.ann.delete_secret(shared, "crm").await.unwrap();
    assert_eq!(code(scene.ann.delete_secret(shared, "crm").await), "not_found");
    assert_eq!(scene.ann.secrets(shared).await.unwrap(), []);
    let events = scene.ann.export_audit(shared).await.unwrap();
    assert!(events.contains("secret.changed") && events.contains("secret.removed"), "{events}");
}

/// Whoever makes a flow chooses the host that it calls.
#[tokio::test]
async fn the_operators_secrets_go_to_their_hosts_alone() {
    let (crm, evil) = (service().await, service().await);
    let host = crm.url.strip_prefix("http://").unwrap();
    let secret = format!("{{ value = \"{VALUE}\", hosts = [\"{host}\"] }}");
    let scene = scene_with(&[LOCAL, ("INTERFLOW_EXECUTOR__SECRETS__CRM", &secret)]).await;
    let good = flow(&scene.ann, calling(&crm.url, "crm"), None).await;
    assert_eq!(outcome(&scene.ann, good).await["status"], "completed");
    assert_eq!(crm.asked(), [format!("Bearer {VALUE}")]);
    let bad = flow(&scene.ann, calling(&evil.url, "crm"), None).await;
    let failed = outcome(&scene.ann, bad).await;
    assert!(failed.to_string().contains("may not be sent to this address"), "{failed}");
    assert_eq!(evil.asked(), <[String; 0]>::default());
}

#[tokio::test]
async fn an_operators_secret_without_hosts_stops_the_start_and_is_not_printed() {
    let folder = tempfile::tempdir().unwrap();
    for wrong in [
        "crm = \"hunter2\"",
        "crm = 77077",
        "crm = { value = \"hunter2\" }",
        "crm = { value = \"hunter2\", hosts = [] }",
        "crm = { value = \"hunter2\", hosts = [\"*\"] }",
        "crm = { value = 77077, hosts = [\"a.example\"] }",
        "crm = { value = \"hunter2\", hosts = [\"a.example\"], host = \"b\" }",
    ] {
        let text = format!("listen = \"127.0.0.1:0\"\n[executor.secrets]\n{wrong}\n");
        std::fs::write(folder.path().join("interflow.toml"), text).unwrap();
        let mut serve = Command::new(PROGRAM);
        let ended = serve.arg("serve").current_dir(folder.path()).kill_on_drop(true).output().await.unwrap();
        let line = String::from_utf8_lossy(&ended.stderr);
        assert_eq!(ended.status.code(), Some(2), "{wrong}: {line}");
        assert!(!line.contains("hunter2") && !line.contains("77077"), "{line}");
        assert!(line.contains("secrets"), "{line}");
    }
}

struct Ran {
    code: Option<i32>,
    said: String,
}

/// A command with this on its standard input.
async fn run(scene: &Scene, arguments: &[&str], environment: &[(&str, &str)], given: &str) -> Ran {
    let mut command = Command::new(PROGRAM);
    command.args(arguments).envs(environment.iter().copied());
    command
        .env("INTERFLOW_URL", scene.server.url())
        .env("INTERFLOW_TOKEN", scene.ann.token().unwrap().expose());
    command.stdin(std::process::Stdio::piped()).stdout(std::process::Stdio::piped());
    let mut child = command.stderr(std::process::Stdio::piped()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    tokio::io::AsyncWriteExt::write_all(&mut stdin, given.as_bytes()).await.unwrap();
    drop(stdin);
    let output = child.wait_with_output().await.unwrap();
    let said = [output.stdout, output.stderr].concat();
    Ran { code: output.status.code(), said: String::from_utf8(said).unwrap() }
}

#[tokio::test]
async fn secrets_are_kept_listed_and_removed_from_the_command_line() {
    let scene = scene().await;
    let workspace = personal(&scene.ann).await.to_string();
    let set = run(&scene, &["secret", "set", &workspace, "crm"], &[], "s3cret\n").await;
    assert_eq!((set.code, &*set.said), (Some(0), ""));
    let listed = run(&scene, &["secret", "list", &workspace, "--json"], &[], "").await;
    assert!(listed.said.contains(r#""name":"crm""#) && !listed.said.contains("s3cret"), "{}", listed.said);
    assert!(run(&scene, &["secret", "list", &workspace], &[], "").await.said.starts_with("crm "));
    assert_eq!(run(&scene, &["secret", "set", &workspace, "crm"], &[], "\n").await.code, Some(1));
    assert_eq!(run(&scene, &["secret", "set", &workspace, "a b"], &[], "x").await.code, Some(1));
    assert_eq!(run(&scene, &["secret", "remove", &workspace, "crm"], &[], "").await.code, Some(0));
    assert_eq!(run(&scene, &["secret", "remove", &workspace, "crm"], &[], "").await.code, Some(1));
}

/// From the signing key to a key of its own, and back: nothing has to be set anew.
#[tokio::test]
async fn secrets_are_sealed_anew_beside_a_server() {
    let (scene, service) = (scene_with(&[LOCAL]).await, service().await);
    put(&scene.ann, personal(&scene.ann).await, "crm", VALUE).await.unwrap();
    let flow = flow(&scene.ann, calling(&service.url, "crm"), None).await;
    let data = scene.server.database().parent().unwrap().to_str().unwrap().to_owned();
    let reseal = ["secret", "reseal", "--data-dir", &data];
    let key = "a key for secrets alone, of more than thirty-two characters";
    let own = [("INTERFLOW_SECRETS_KEY", key)];
    for said in ["1 secret sealed anew, 0 already were", "0 secrets sealed anew, 1 already were"] {
        let done = run(&scene, &reseal, &own, "").await;
        assert!(done.code == Some(0) && done.said.contains(said), "{}", done.said);
    }
    // The server has another key; and what it cannot read it does not take for something else.
    let failed = outcome(&scene.ann, flow).await;
    assert!(failed.to_string().contains("cannot be read"), "{failed}");
    assert!(service.asked().is_empty());
    let lost = run(&scene, &reseal, &[], "").await;
    assert!(lost.code == Some(1) && lost.said.contains("1 secret cannot be read"), "{}", lost.said);
    let back = run(&scene, &reseal, &[("INTERFLOW_SECRETS_KEY_BEFORE", key)], "").await;
    assert!(back.code == Some(0) && back.said.contains("1 secret sealed anew"), "{}", back.said);
    assert_eq!(outcome(&scene.ann, flow).await["status"], "completed");
    assert_eq!(service.asked(), [format!("Bearer {VALUE}")]);
    let short = run(&scene, &reseal, &[("INTERFLOW_SECRETS_KEY", "short")], "").await;
    assert!(short.code == Some(1) && short.said.contains("too short"), "{}", short.said);
}
