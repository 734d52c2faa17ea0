use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use flow_archive::ObjectArchive;
use flow_base::{ActorId, BatchId, Clock, FlowId, Seq, SystemClock};
use flow_client::{Burst, ClientError};
use flow_model::FlowDoc;
use flow_store::{FlowBatch, LogStore, NewUpdate};
use flow_store_postgres::{PostgresOptions, PostgresStore};
use flow_store_sqlite::SqliteStore;
use flow_testing::{TestDatabase, TestPostgres, TestServer, eventually};
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, Connection, PgConnection, SqliteConnection};
use tempfile::TempDir;
use tokio::process::Command;

use super::{Database, Ran, Stored};
use crate::PROGRAM;
use crate::people::{add, live, make};

/// Enough for two segments.
const EDITS: u64 = 3_600;
const STAY: u64 = 1_000;

/// A server with an archive, and a flow whose log is long.
struct Archived {
    stored: Stored,
    folder: TempDir,
    flow: FlowId,
}

/// What can be known of the flow's past.
#[derive(Debug, PartialEq)]
struct Past {
    history: Vec<Burst>,
    moments: Vec<Value>,
}

impl Archived {
    async fn on_sqlite() -> Self {
        let folder = TempDir::new().unwrap();
        let server = TestServer::start_with(PROGRAM, &environment(&archive(&folder), None)).await.unwrap();
        let database = Database::Sqlite(server.database());
        Self::new(Stored::new(server, database).await, folder).await
    }

    async fn on_postgres() -> Self {
        let (folder, database) = (TempDir::new().unwrap(), TestPostgres::shared_database().await.unwrap());
        let location = archive(&folder);
        let environment = environment(&location, Some(&database));
        let server = TestServer::start_with(PROGRAM, &environment).await.unwrap();
        Self::new(Stored::new(server, Database::Postgres(database)).await, folder).await
    }

    async fn new(stored: Stored, folder: TempDir) -> Self {
        let flow = stored.create_flow().await;
        let scene = Self { stored, folder, flow };
        scene.edit(EDITS).await;
        scene
    }

    async fn tool(&self, arguments: &[&str]) -> Ran {
        Ran::of(self.command(arguments).output().await.unwrap())
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = self.stored.database.command(arguments);
        for (name, value) in environment(&archive(&self.folder), None) {
            command.env(name, value);
        }
        command
    }

    async fn past(&self) -> Past {
        let head = self.stored.ann.flow_growth(self.flow).await.unwrap().log_updates;
        let history = self.stored.ann.history(self.flow, None, 200).await.unwrap().items;
        let mut moments = Vec::new();
        for seq in [1, 2, 1_000, 1_001, 2_000, 2_601, head] {
            moments.push(self.stored.ann.flow_at(self.flow, Seq(seq)).await.unwrap());
        }
        Past { history, moments }
    }

    async fn archived_updates(&self) -> u64 {
        self.stored.ann.flow_growth(self.flow).await.unwrap().archived_updates
    }

    fn objects(&self) -> BTreeSet<PathBuf> {
        let Ok(entries) = std::fs::read_dir(Path::new(&archive(&self.folder)).join(self.flow.to_string()))
        else {
            return BTreeSet::new();
        };
        let paths = entries.map(|entry| entry.unwrap().path());
        // While it is written an object has another name.
        paths.filter(|path| !path.to_string_lossy().contains('#')).collect()
    }

    /// Stops the server, which then has no room that holds more than is stored, and starts
    /// it again.
    async fn restart(&mut self) {
        self.stored.server.stop().await.unwrap();
        self.stored.server.restart().await.unwrap();
    }
}

fn archive(folder: &TempDir) -> String {
    folder.path().join("archive").to_str().unwrap().to_owned()
}

fn environment<'a>(archive: &'a str, database: Option<&'a TestDatabase>) -> Vec<(&'a str, &'a str)> {
    let mut environment =
        vec![("INTERFLOW_ARCHIVE__LOCATION", archive), ("INTERFLOW_ARCHIVE__AFTER_DAYS", "0")];
    environment.extend(database.map(|database| ("INTERFLOW_DATABASE_URL", database.url())));
    environment
}

impl Archived {
    /// As another node does: moves a node about, an update each time.
    async fn edit(&self, times: u64) {
        let archive = Arc::new(ObjectArchive::open(&archive(&self.folder)).unwrap());
        match &self.stored.database {
            Database::Sqlite(file) => {
                let store = SqliteStore::open(file).await.unwrap().with_archive(archive);
                append_moves(&store, self.flow, times).await;
                store.close().await;
            }
            Database::Postgres(database) => {
                let options = PostgresOptions::new(database.url());
                let store = PostgresStore::connect(&options).await.unwrap().with_archive(archive);
                append_moves(&store, self.flow, times).await;
                store.close().await;
            }
        }
    }
}

async fn append_moves(store: &dyn LogStore, flow: FlowId, times: u64) {
    let stored = store.load(flow).await.unwrap().unwrap();
    let mut doc = FlowDoc::new(None);
    let snapshot = stored.snapshot.map(|snapshot| snapshot.state);
    for bytes in snapshot.into_iter().chain(stored.tail.into_iter().map(|update| update.bytes)) {
        assert!(doc.apply_update_v1(&bytes).unwrap().rest.is_none());
    }
    let mut draw = |edit: Value| {
        Bytes::from(doc.edit(&[serde_json::from_value(edit).unwrap()]).unwrap().update.unwrap())
    };
    let node = format!("n{}", FlowId::generate());
    let mut updates = vec![draw(json!({ "op": "addNode", "id": node, "type": "message" }))];
    updates.extend((1..times).map(|x| draw(json!({ "op": "moveNode", "id": node, "x": x, "y": 0 }))));
    for updates in updates.chunks(60) {
        let update = |bytes: &Bytes| NewUpdate { actor: ActorId::Server, bytes: bytes.clone() };
        let batch = FlowBatch {
            flow,
            batch: BatchId::generate(),
            at: SystemClock.now(),
            updates: updates.iter().map(update).collect(),
            writers: vec![],
        };
        store.append(&[batch]).await.remove(0).unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_archived_flow_is_what_it_was_on_sqlite() {
    archived_is_as_before(Archived::on_sqlite().await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_archived_flow_is_what_it_was_on_postgres() {
    archived_is_as_before(Archived::on_postgres().await).await;
}

async fn archived_is_as_before(mut scene: Archived) {
    let head = scene.stored.ann.flow_growth(scene.flow).await.unwrap().log_updates;
    assert_eq!(head, EDITS + 1);
    let before = scene.past().await;
    scene.tool(&["log", "compact", "--all"]).await.ended(0);
    let said = scene.tool(&["log", "archive"]).await.ended(0);
    assert!(said.contains("1 of 1 flow archived"), "{said}");
    let archived = scene.archived_updates().await;
    assert!((1..=head - STAY).contains(&archived) && archived > 2_000, "{archived} of {head}");
    assert_eq!(rows(&scene).await, head - archived);
    assert!(!scene.objects().is_empty());

    assert_eq!(scene.past().await, before);
    scene.tool(&["log", "verify"]).await.ended(0);
    scene.restart().await;
    assert_eq!(scene.past().await, before);

    // Without its snapshot the flow is built from the archive.
    scene.stored.server.stop().await.unwrap();
    let id = scene.stored.database.id(scene.flow);
    let gone = format!("delete from flow_snapshots where flow_id = {id}");
    assert_eq!(scene.stored.database.change(&gone).await, 1);
    scene.stored.server.restart().await.unwrap();
    assert_eq!(scene.stored.nodes(scene.flow, 1).await.len(), 1);
    assert_eq!(scene.past().await, before);

    // Servers do it by themselves.
    scene.edit(1_100).await;
    let before = scene.past().await;
    scene.restart().await;
    let more =
        eventually("more is archived", async || scene.archived_updates().await, |more| *more > archived)
            .await;
    assert!(more > archived + 1_000);
    assert_eq!(scene.past().await, before);

    let said = scene.tool(&["log", "archive", "--bring-back"]).await.ended(0);
    assert!(said.contains("1 of 1 flow brought back"), "{said}");
    assert_eq!(scene.archived_updates().await, 0);
    std::fs::remove_dir_all(archive(&scene.folder)).unwrap();
    assert_eq!(scene.past().await, before, "nothing of it is needed any more");
    scene.tool(&["log", "verify"]).await.ended(0);
}

/// How many updates the database has.
async fn rows(scene: &Archived) -> u64 {
    let statement = AssertSqlSafe(format!(
        "select count(*) from flow_updates where flow_id = {}",
        scene.stored.database.id(scene.flow)
    ));
    let count: i64 = match &scene.stored.database {
        Database::Sqlite(file) => {
            let mut connection =
                SqliteConnection::connect(&format!("sqlite:{}", file.display())).await.unwrap();
            sqlx::query_scalar(statement).fetch_one(&mut connection).await.unwrap()
        }
        Database::Postgres(database) => {
            let mut connection = PgConnection::connect(database.url()).await.unwrap();
            sqlx::query_scalar(statement).fetch_one(&mut connection).await.unwrap()
        }
    };
    count.cast_unsigned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_archive_that_is_away_or_damaged_is_an_error_that_says_so() {
    let mut scene = Archived::on_sqlite().await;
    scene.tool(&["log", "compact", "--all"]).await.ended(0);
    scene.tool(&["log", "archive"]).await.ended(0);
    let before = scene.past().await;
    scene.restart().await;
    let object = scene.objects().into_iter().next().unwrap();
    let sound = std::fs::read(&object).unwrap();

    for damage in [None, Some(sound[..sound.len() / 2].to_vec()), Some(vec![1; sound.len()])] {
        if object.exists() {
            std::fs::remove_file(&object).unwrap();
        }
        if let Some(bytes) = &damage {
            std::fs::write(&object, bytes).unwrap();
        }
        let failed = scene.stored.ann.flow_at(scene.flow, Seq(5)).await;
        assert!(matches!(failed, Err(ClientError::Refused { status: 503, .. })), "{failed:?}");
        let failed = scene.stored.ann.history(scene.flow, None, 9).await;
        assert!(matches!(failed, Err(ClientError::Refused { status: 503, .. })), "{failed:?}");
        // The flow itself opens, and is edited.
        make(&live(&scene.stored.ann, scene.flow).await, add(&format!("here{}", FlowId::generate()))).await;
        let verified = scene.tool(&["log", "verify"]).await;
        assert_eq!(verified.code, Some(3), "{verified:?}");
        let name = object.file_name().unwrap().to_str().unwrap();
        assert!(verified.out.contains(" 1 archive: ") && verified.out.contains(name), "{verified:?}");
        let flow = scene.flow.to_string();
        let repaired = scene.tool(&["log", "repair", &flow]).await;
        assert_eq!(repaired.code, Some(3), "{repaired:?}");
        let back = scene.tool(&["log", "archive", "--bring-back"]).await;
        assert_eq!(back.code, Some(3), "{back:?}");
    }
    std::fs::write(&object, &sound).unwrap();
    assert_eq!(scene.past().await.moments[..6], before.moments[..6]);
    scene.tool(&["log", "verify"]).await.ended(0);

    // Whoever runs a server without the archive reads what is not in it, and is told of the rest.
    let unconfigured = scene.stored.tool(&["log", "verify"]).await;
    assert_eq!(unconfigured.code, Some(1), "{unconfigured:?}");
    assert!(unconfigured.err.contains("no archive is configured"), "{unconfigured:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_purged_flow_is_gone_from_the_archive_as_well() {
    for scene in [Archived::on_sqlite().await, Archived::on_postgres().await] {
        scene.tool(&["log", "compact", "--all"]).await.ended(0);
        scene.tool(&["log", "archive"]).await.ended(0);
        let objects = scene.objects().len();
        assert!(objects > 0);
        scene.stored.ann.delete_flow(scene.flow).await.unwrap();
        let said = scene.tool(&["flow", "purge", "--older-than", "0s", "--json"]).await.ended(0);
        let said: Value = serde_json::from_str(&said).unwrap();
        assert_eq!(said, json!({ "flow": scene.flow, "objects": objects }));
        assert_eq!((scene.objects().len(), rows(&scene).await), (0, 0));
        scene.tool(&["log", "verify"]).await.ended(0);
    }
}

/// An update that nobody can read has gone to the archive with the others.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_wrong_in_the_archive_is_brought_back_and_repaired() {
    let mut scene = Archived::on_sqlite().await;
    scene.tool(&["log", "compact", "--all"]).await.ended(0);
    let nodes = scene.stored.nodes(scene.flow, 1).await;
    scene.stored.server.stop().await.unwrap();
    let id = scene.stored.database.id(scene.flow);
    let harm = format!("update flow_updates set \"update\" = x'ff' where flow_id = {id} and seq = 2400");
    assert_eq!(scene.stored.database.change(&harm).await, 1);
    scene.tool(&["log", "archive"]).await.ended(0);
    let verified = scene.tool(&["log", "verify"]).await.ended(3);
    assert!(verified.contains(" 2400 unreadable: "), "{verified}");
    scene.tool(&["log", "repair", &scene.flow.to_string()]).await.ended(0);
    scene.tool(&["log", "verify"]).await.ended(0);
    scene.stored.server.restart().await.unwrap();
    assert_eq!(scene.stored.nodes(scene.flow, 1).await, nodes);
    scene.stored.ann.flow_at(scene.flow, Seq(2_399)).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn archiving_that_is_killed_before_its_transaction_loses_nothing_on_sqlite() {
    let scene = Archived::on_sqlite().await;
    scene.tool(&["log", "compact", "--all"]).await.ended(0);
    let Database::Sqlite(file) = &scene.stored.database else { unreachable!("it was just made") };
    let mut holder = SqliteConnection::connect(&format!("sqlite:{}", file.display())).await.unwrap();
    sqlx::raw_sql("begin immediate").execute(&mut holder).await.unwrap();
    kill_before_the_transaction(&scene).await;
    sqlx::raw_sql("rollback").execute(&mut holder).await.unwrap();
    drop(holder);
    it_is_archived_once(scene).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn archiving_that_is_killed_before_its_transaction_loses_nothing_on_postgres() {
    let scene = Archived::on_postgres().await;
    scene.tool(&["log", "compact", "--all"]).await.ended(0);
    let Database::Postgres(database) = &scene.stored.database else { unreachable!("it was just made") };
    let mut holder = PgConnection::connect(database.url()).await.unwrap();
    let hold = format!("begin; select from flow_heads where flow_id = '{}' for update", scene.flow);
    sqlx::raw_sql(AssertSqlSafe(hold)).execute(&mut holder).await.unwrap();
    kill_before_the_transaction(&scene).await;
    sqlx::raw_sql("rollback").execute(&mut holder).await.unwrap();
    drop(holder);
    it_is_archived_once(scene).await;
}

/// The database does not let it begin.
async fn kill_before_the_transaction(scene: &Archived) {
    let mut archiving = scene.command(&["log", "archive"]).spawn().unwrap();
    eventually("the object is written", async || scene.objects().len(), |objects| *objects == 1).await;
    // It is read back first; then it waits.
    tokio::time::timeout(Duration::from_millis(300), archiving.wait()).await.expect_err("it waits");
    archiving.kill().await.unwrap();
}

async fn it_is_archived_once(scene: Archived) {
    let before = scene.past().await;
    assert_eq!(scene.archived_updates().await, 0);
    scene.tool(&["log", "verify"]).await.ended(0);
    let left = scene.objects();
    // Two at once, and more to archive than the first time.
    scene.edit(150).await;
    scene.tool(&["log", "compact", "--all"]).await.ended(0);
    let (one, other) = tokio::join!(scene.tool(&["log", "archive"]), scene.tool(&["log", "archive"]));
    one.ended(0);
    other.ended(0);
    assert!(scene.archived_updates().await > 2_000);
    assert_eq!(scene.past().await.moments[..6], before.moments[..6]);
    scene.tool(&["log", "verify"]).await.ended(0);
    // What the first attempt left is young, and stays for a day.
    let said = scene.tool(&["log", "archive", "--sweep"]).await.ended(0);
    assert!(said.contains("0 objects removed") && scene.objects().is_superset(&left), "{said}");
    let old = std::time::SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000);
    for object in scene.objects() {
        std::fs::File::options().append(true).open(object).unwrap().set_modified(old).unwrap();
    }
    scene.tool(&["log", "archive", "--sweep"]).await.ended(0);
    assert!(!scene.objects().is_empty() && scene.objects().is_disjoint(&left), "{left:?}");
    scene.tool(&["log", "verify"]).await.ended(0);
}
