//! Files that are sent to runs: over HTTP and in chats, on both stores.

mod chats;
mod taken;

use flow_base::{FlowId, LinkRole, Role, RunFileId, RunId};
use flow_client::{Answer, Api, ClientError, NewFlow, RunAnswer, RunFile, StartRun, Turn};
use flow_testing::TestServer;
use reqwest::{Client, Response};
use serde_json::{Value, json};

use crate::PROGRAM;
use crate::people::{Scene, scene, scene_with};
use crate::runs::active;

/// One transparent pixel.
pub(crate) const PNG: &[u8] = &[
    0x89, b'P', b'N', b'G', 0x0d, 0x0a, 0x1a, 0x0a, 0, 0, 0, 0x0d, b'I', b'H', b'D', b'R', 0, 0, 0, 1, 0, 0,
    0, 1, 8, 6, 0, 0, 0, 0x1f, 0x15, 0xc4, 0x89, 0, 0, 0, 0x0d, b'I', b'D', b'A', b'T', 0x78, 0x9c, 0x63, 0,
    1, 0, 0, 5, 0, 1, 0x0d, 0x0a, 0x2d, 0xb4, 0, 0, 0, 0, b'I', b'E', b'N', b'D', 0xae, 0x42, 0x60, 0x82,
];

/// Asks for a picture of at most 1 KiB, then for up to two files of any kind, and ends with both.
pub(crate) fn asking_for_files() -> Value {
    json!({
        "interflow": 1,
        "name": "Files",
        "nodes": [
            { "id": "start", "type": "start", "data": {} },
            { "id": "photo", "type": "input", "data": {
                "kind": "file", "variable": "photo", "prompt": "A photo?", "file_types": ["image/*"],
                "file_bytes_max": 1024, "retry_message": "A picture, please."
            } },
            { "id": "papers", "type": "input", "data": {
                "kind": "file", "variable": "papers", "prompt": "Papers?", "files_max": 2
            } },
            { "id": "end", "type": "end", "data": {
                "output": { "photo": "photo", "papers": "papers" }, "message": "{{ photo.name }}, {{ photo.url }}"
            } }
        ],
        "edges": [
            { "source": "start", "sourceHandle": "out", "target": "photo" },
            { "source": "photo", "sourceHandle": "out", "target": "papers" },
            { "source": "papers", "sourceHandle": "out", "target": "end" }
        ],
        "variables": { "photo": {}, "papers": {} }
    })
}

async fn asked(api: &Api, flow: FlowId) -> RunId {
    let turn = api.start_run(flow, &StartRun::default()).await.unwrap();
    assert_eq!(turn.asks.unwrap()["kind"], "file");
    turn.run_id
}

async fn answer(api: &Api, run: RunId, files: &[RunFileId]) -> Result<Turn, ClientError> {
    let answer = RunAnswer { answer: Answer::Files(files.to_vec()), visit: None, idempotency_key: None };
    api.answer_run(run, &answer).await
}

fn refusal<T: std::fmt::Debug>(done: Result<T, ClientError>) -> (u16, String) {
    match done {
        Err(ClientError::Refused { status, code, .. }) => (status, code),
        done => panic!("{done:?}"),
    }
}

fn texts(turn: &Turn) -> Vec<&str> {
    turn.messages.iter().map(|message| message["text"].as_str().unwrap()).collect()
}

/// What the flow has of a file.
fn value(file: &RunFile) -> Value {
    json!({ "id": file.id, "name": file.name, "type": file.media_type, "bytes": file.bytes, "url": file.url })
}

async fn read(api: &Api, run: RunId, file: RunFileId) -> Result<Vec<u8>, ClientError> {
    let mut content = Vec::new();
    api.run_file(run, file, &mut content).await.map(|_| content)
}

async fn fetch(scene: &Scene, url: &str, token: &str) -> Response {
    Client::new().get(format!("{}{url}", scene.server.url())).bearer_auth(token).send().await.unwrap()
}

async fn a_file_goes_through(server: &TestServer) {
    let (ann, _) = server.person("ann").await.unwrap();
    let flow = active(&ann, &asking_for_files()).await;
    let run = asked(&ann, flow).await;
    let photo = ann.send_run_file(run, r"C:\photos\ich.png", PNG).await.unwrap();
    assert_eq!((&*photo.name, &*photo.media_type, photo.bytes), ("ich.png", "image/png", PNG.len() as u64));
    assert_eq!(photo.url, format!("/api/runs/{run}/files/{}", photo.id));
    assert_eq!(ann.send_run_file(run, "ich.png", PNG).await.unwrap(), photo, "it is there once");
    let turn = answer(&ann, run, &[photo.id]).await.unwrap();
    assert_eq!(texts(&turn), ["Papers?"]);
    let text = ann.send_run_file(run, "notes.md", "# Notes\n").await.unwrap();
    let table = ann.send_run_file(run, "größe.csv", &b"Gr\xf6\xdfe;1\n"[..]).await.unwrap();
    assert_eq!((&*text.media_type, &*table.media_type), ("text/markdown", "text/csv"));
    let turn = answer(&ann, run, &[table.id, text.id]).await.unwrap();
    assert_eq!(texts(&turn), [format!("ich.png, {}", photo.url)]);
    let output = json!({ "photo": value(&photo), "papers": [value(&table), value(&text)] });
    assert_eq!(turn.outcome.unwrap()["output"], output);

    let whole = ann.run(run).await.unwrap();
    assert_eq!(whole.files, [photo.clone(), text, table.clone()], "in the order they were sent");
    assert_eq!(read(&ann, run, photo.id).await.unwrap(), PNG);
    assert_eq!(read(&ann, run, table.id).await.unwrap(), b"Gr\xf6\xdfe;1\n");
    assert_eq!(refusal(read(&ann, run, RunFileId::generate()).await).0, 404);
    let late = ann.send_run_file(run, "late.png", PNG).await;
    assert_eq!(refusal(late), (409, "not_waiting".into()), "it has ended");
    let as_test = ann.run_as_test(run).await.unwrap();
    assert_eq!(as_test.test["turns"][1]["say"]["files"][0]["mediaType"], "image/png");
}

#[tokio::test]
async fn a_file_that_a_run_asks_for_is_sent_and_read() {
    a_file_goes_through(&TestServer::start_with(PROGRAM, &[]).await.unwrap()).await;
}

#[tokio::test]
async fn a_file_that_a_run_asks_for_is_sent_and_read_on_postgres() {
    let database = flow_testing::TestPostgres::shared_database().await.unwrap();
    let settings = [("INTERFLOW_DATABASE_URL", database.url()), ("INTERFLOW_ACCOUNTS__REGISTRATION", "open")];
    a_file_goes_through(&TestServer::start_with(PROGRAM, &settings).await.unwrap()).await;
}

#[tokio::test]
async fn what_does_not_fit_is_refused_by_the_flow_and_asked_for_again() {
    let scene = scene().await;
    let flow = active(&scene.ann, &asking_for_files()).await;
    let run = asked(&scene.ann, flow).await;
    // A page that calls itself a picture.
    let page = scene.ann.send_run_file(run, "photo.png", "<!doctype html><script>1</script>").await.unwrap();
    assert_eq!(page.media_type, "text/html");
    let large = [PNG, &[0; 1_024]].concat();
    let large = scene.ann.send_run_file(run, "large.png", large).await.unwrap();
    let right = scene.ann.send_run_file(run, "photo.png", PNG).await.unwrap();
    for wrong in [vec![page.id], vec![large.id], vec![right.id, page.id], vec![]] {
        let turn = answer(&scene.ann, run, &wrong).await.unwrap();
        let asks = turn.asks.as_ref().unwrap();
        assert_eq!((texts(&turn), &asks["kind"]), (vec!["A picture, please."], &json!("file")));
    }
    let typed = scene.ann.answer_run(run, &RunAnswer::text("photo.png")).await.unwrap();
    assert_eq!(texts(&typed), ["A picture, please."]);
    assert_eq!(texts(&answer(&scene.ann, run, &[right.id]).await.unwrap()), ["Papers?"]);
}

#[tokio::test]
async fn only_files_of_the_same_run_are_an_answer() {
    let scene = scene().await;
    let flow = active(&scene.ann, &asking_for_files()).await;
    let (run, other) = (asked(&scene.ann, flow).await, asked(&scene.ann, flow).await);
    let others = scene.ann.send_run_file(other, "photo.png", PNG).await.unwrap().id;
    for wrong in [others, RunFileId::generate()] {
        assert_eq!(refusal(answer(&scene.ann, run, &[wrong]).await), (422, "invalid".into()));
    }
    assert_eq!(refusal(read(&scene.ann, run, others).await).0, 404, "it is another run's");
    let own = scene.ann.send_run_file(run, "photo.png", PNG).await.unwrap().id;
    assert_eq!(refusal(answer(&scene.ann, run, &[own, own]).await), (422, "invalid".into()));
    assert_eq!(texts(&answer(&scene.ann, run, &[own]).await.unwrap()), ["Papers?"]);
}

#[tokio::test]
async fn so_much_may_be_sent_to_a_run() {
    let limits = [
        ("INTERFLOW_LIMITS__FILE_BYTES", "100000"),
        ("INTERFLOW_LIMITS__RUN_FILES", "3"),
        ("INTERFLOW_LIMITS__RUN_FILES_BYTES", "150000"),
    ];
    let scene = scene_with(&limits).await;
    let flow = active(&scene.ann, &asking_for_files()).await;
    let run = asked(&scene.ann, flow).await;
    let send = async |name: &str, bytes: usize| {
        scene.ann.send_run_file(run, name, vec![b'x'; bytes]).await.map(|file| file.bytes)
    };
    assert_eq!(refusal(send("a", 100_001).await), (413, "file_too_large".into()));
    // Told although it is still being sent.
    assert_eq!(refusal(send("a", 30_000_000).await), (413, "file_too_large".into()));
    assert_eq!(refusal(send("a", 0).await), (422, "malformed_body".into()));
    assert_eq!(send("a", 100_000).await.unwrap(), 100_000);
    assert_eq!(refusal(send("b", 50_001).await), (409, "too_many_files".into()));
    assert_eq!(send("b", 10).await.unwrap(), 10);
    assert_eq!(send("c", 10).await.unwrap(), 10);
    assert_eq!(refusal(send("d", 10).await), (409, "too_many_files".into()));
    // What was refused makes room for another try.
    assert_eq!(texts(&answer(&scene.ann, run, &[]).await.unwrap()), ["A picture, please."]);
    assert_eq!(send("d", 100_000).await.unwrap(), 100_000);
    assert_eq!(scene.ann.run(run).await.unwrap().files.len(), 1);
}

#[tokio::test]
async fn a_workspace_that_stores_as_much_as_it_may_takes_no_files() {
    let scene = scene_with(&[("INTERFLOW_QUOTAS__STORAGE_BYTES", "100000")]).await;
    let flow = active(&scene.ann, &asking_for_files()).await;
    let (run, other) = (asked(&scene.ann, flow).await, asked(&scene.ann, flow).await);
    scene.ann.send_run_file(run, "a", vec![b'x'; 100_000]).await.unwrap();
    let full = scene.ann.send_run_file(other, "b", "x").await;
    assert_eq!(refusal(full), (409, "quota_reached".into()));
}

#[tokio::test]
async fn a_run_takes_files_while_it_asks_for_one() {
    let scene = scene().await;
    let quiz = NewFlow { sample: Some("quiz".into()), ..NewFlow::default() };
    let quiz = scene.ann.create_flow(&quiz).await.unwrap().id;
    scene.ann.activate(quiz).await.unwrap();
    let run = scene.ann.start_run(quiz, &StartRun::default()).await.unwrap().run_id;
    let sent = scene.ann.send_run_file(run, "photo.png", PNG).await;
    assert_eq!(refusal(sent), (409, "not_waiting".into()), "it asks for a choice");
    let flow = active(&scene.ann, &asking_for_files()).await;
    let run = asked(&scene.ann, flow).await;
    for nameless in ["", "..", "\u{202e}"] {
        assert_eq!(refusal(scene.ann.send_run_file(run, nameless, PNG).await), (422, "invalid".into()));
    }
    scene.ann.cancel_run(run).await.unwrap();
    assert_eq!(refusal(scene.ann.send_run_file(run, "a.png", PNG).await), (409, "not_waiting".into()));
    let nowhere = scene.ann.send_run_file(RunId::generate(), "a.png", PNG).await;
    assert_eq!(refusal(nowhere), (404, "not_found".into()));
}

/// A guest of a flow, as whoever comes with the link from this address.
async fn guest(scene: &Scene, flow: FlowId) -> Api {
    let link = scene.ann.create_link(flow, LinkRole::Run, None).await.unwrap();
    let guest = Api::new(&scene.server.url()).unwrap();
    guest.use_token(link.token);
    guest
}

#[tokio::test]
async fn who_may_answer_a_run_may_send_to_it_and_who_may_see_it_reads() {
    let scene = scene().await;
    let flow = active(&scene.ann, &asking_for_files()).await;
    let guest = guest(&scene, flow).await;
    let run = asked(&guest, flow).await;
    let own = guest.send_run_file(run, "photo.png", PNG).await.unwrap();
    assert_eq!(read(&guest, run, own.id).await.unwrap(), PNG);
    assert_eq!(read(&scene.ann, run, own.id).await.unwrap(), PNG, "members of the flow see its runs");
    let anns = asked(&scene.ann, flow).await;
    let photo = scene.ann.send_run_file(anns, "photo.png", PNG).await.unwrap();
    for (done, what) in [
        (refusal(guest.send_run_file(anns, "photo.png", PNG).await), "sends"),
        (refusal(read(&guest, anns, photo.id).await), "reads"),
    ] {
        assert_eq!(done, (404, "not_found".into()), "a guest {what}");
    }
    let (vic, _) = scene.server.person("vic").await.unwrap();
    assert_eq!(refusal(vic.send_run_file(anns, "photo.png", PNG).await).0, 404);
    assert_eq!(refusal(read(&vic, anns, photo.id).await).0, 404);
    scene.ann.put_member(flow, "vic@example.org", Role::Viewer).await.unwrap();
    assert_eq!(refusal(vic.send_run_file(anns, "photo.png", PNG).await), (403, "forbidden".into()));
    assert_eq!(read(&vic, anns, photo.id).await.unwrap(), PNG);
}

#[tokio::test]
async fn a_file_is_saved_and_never_shown() {
    let scene = scene().await;
    let flow = active(&scene.ann, &asking_for_files()).await;
    let run = asked(&scene.ann, flow).await;
    let svg = scene.ann.send_run_file(run, "größe \"1\".svg", "<svg onload='alert(1)'/>").await.unwrap();
    let answer = fetch(&scene, &svg.url, scene.ann.token().unwrap().expose()).await;
    let said = |name: &str| answer.headers()[name].to_str().unwrap().to_owned();
    assert_eq!(said("content-type"), "image/svg+xml");
    assert_eq!(
        said("content-disposition"),
        "attachment; filename=\"gr__e _1_.svg\"; filename*=UTF-8''gr%C3%B6%C3%9Fe%20%221%22.svg"
    );
    assert_eq!(said("x-content-type-options"), "nosniff");
    assert_eq!(said("content-security-policy"), "default-src 'none'; sandbox; frame-ancestors 'none'");
    assert_eq!(
        (said("cache-control"), said("cross-origin-resource-policy")),
        ("no-store".into(), "same-origin".into())
    );
}
