use std::cell::Cell;
use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::path::Path;
use std::time::Duration;

use flow_base::FlowId;
use flow_client::{Api, Peer, PeerState};
use flow_cluster::{Cache, RedisCluster, RedisOptions};
use flow_store::LogStore;
use flow_store_postgres::{PostgresOptions, PostgresStore};
use flow_testing::{TestDatabase, TestPostgres, TestRedis, TestServer, eventually};
use sqlx::{AssertSqlSafe, Connection, PgConnection};
use tokio::process::Command;

use super::{Database, Ran, Stored};
use crate::PROGRAM;
use crate::people::{add, live, make, until, until_graph};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_of_sqlite_under_load_restores_and_clients_bring_back_the_rest() {
    let mut stored = Stored::on_sqlite().await;
    let folder = tempfile::tempdir().unwrap();
    let copy = folder.path().join("interflow.db");
    let file = copy.to_str().unwrap();
    let writers = backed_up_under_load(&stored, async || {
        let said = stored.tool(&["backup", file]).await.ended(0);
        assert!(said.contains("checked"), "{said}");
    });
    let writers = writers.await;
    let refused = stored.tool(&["backup", file]).await;
    assert!(refused.code == Some(1) && refused.err.contains("exists already"), "{refused:?}");

    stored.server.kill().await.unwrap();
    let elsewhere = Database::Sqlite(copy.clone());
    elsewhere.tool(&["log", "verify"]).await.ended(0);
    let there = stored.server.database();
    for of_the_old in ["db", "db-wal", "db-shm"] {
        let old = there.with_extension(of_the_old);
        if old.exists() {
            std::fs::remove_file(old).unwrap();
        }
    }
    std::fs::copy(&copy, &there).unwrap();
    stored.server.restart().await.unwrap();
    writers.come_back(&stored).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dump_of_postgres_under_load_restores_and_clients_bring_back_the_rest() {
    let mut stored = Stored::on_postgres().await;
    let Database::Postgres(database) = &stored.database else { unreachable!("it was just made") };
    let url = database.url().to_owned();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("interflow.dump");
    let writers = backed_up_under_load(&stored, async || {
        dump(&url, &file).await;
    });
    let writers = writers.await;
    let refused = stored.tool(&["backup", "copy.db"]).await;
    assert!(refused.code == Some(1) && refused.err.contains("pg_dump"), "{refused:?}");

    stored.server.kill().await.unwrap();
    let elsewhere = TestPostgres::shared_database().await.unwrap();
    restore(elsewhere.url(), &file).await;
    Database::Postgres(elsewhere).tool(&["log", "verify"]).await.ended(0);
    recreate(&url).await;
    restore(&url, &file).await;
    stored.server.restart().await.unwrap();
    writers.come_back(&stored).await;
}

/// The positions in the cache and in the restored log are the same, and what is at them is
/// not.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn beside_a_redis_that_holds_a_newer_history_the_restored_one_is_served() {
    let database = TestPostgres::shared_database().await.unwrap();
    let redis = TestRedis::start().await.unwrap();
    let key = "a signing key that several servers share";
    let alone = [("INTERFLOW_DATABASE_URL", database.url()), ("INTERFLOW_SIGNING_KEY", key)];
    let redis_url = redis.url();
    let together = [alone[0], alone[1], ("INTERFLOW_REDIS_URL", &*redis_url)];

    let mut first = TestServer::start_with(PROGRAM, &together).await.unwrap();
    let (ann, _) = first.person("ann").await.unwrap();
    let flow = ann.create_flow(&flow_client::NewFlow::default()).await.unwrap().id;
    let holder = live(&ann, flow).await;
    draw(&holder, ["a1", "a2", "a3"]).await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("interflow.dump");
    dump(database.url(), &file).await;
    draw(&holder, ["b1", "b2", "b3"]).await;
    let head = 7;
    cached_up_to(&redis, flow, head).await;
    holder.set_online(false).unwrap();
    first.kill().await.unwrap();
    recreate(database.url()).await;
    restore(database.url(), &file).await;

    // Without Redis, up to the very position that is cached, and killed: no snapshot.
    let mut second = TestServer::start_with(PROGRAM, &alone).await.unwrap();
    draw(&live(&at(&second, &ann), flow).await, ["c1", "c2", "c3"]).await;
    second.kill().await.unwrap();
    assert_eq!(head_of(&database, flow).await, head);
    cached_up_to(&redis, flow, head).await;

    let third = TestServer::start_with(PROGRAM, &together).await.unwrap();
    let ann_there = at(&third, &ann);
    let watching = live(&ann_there, flow).await;
    assert_eq!(nodes(&watching), set(["a1", "a2", "a3", "c1", "c2", "c3"]));
    first.restart().await.unwrap();
    holder.set_online(true).unwrap();
    until(&holder, "saved again", PeerState::is_saved).await;
    let all = until_graph(&watching, "what the client brought", |graph| graph.nodes.len() == 9).await;
    assert!(all.nodes.keys().any(|node| &**node == "b2"));
    until_graph(&holder, "what it had not seen", |graph| graph.nodes.len() == 9).await;
    Database::Postgres(database).tool(&["log", "verify"]).await.ended(0);
}

/// Peers that hold more than the backup.
struct Writers {
    flow: FlowId,
    peers: Vec<Peer>,
    /// Acknowledged before the backup began.
    before: BTreeSet<String>,
    all: BTreeSet<String>,
}

impl Writers {
    /// The database is that of the backup, and their server runs again.
    async fn come_back(self, stored: &Stored) {
        let restored = stored.nodes(self.flow, self.before.len()).await;
        assert!(restored.is_superset(&self.before), "acknowledged before the backup, and not in it");
        assert!(restored.len() < self.all.len(), "there is nothing to be brought back");
        for peer in &self.peers {
            peer.set_online(true).unwrap();
        }
        for peer in &self.peers {
            until(peer, "saved again", PeerState::is_saved).await;
        }
        assert_eq!(stored.nodes(self.flow, self.all.len()).await, self.all);
        stored.tool(&["log", "verify"]).await.ended(0);
    }
}

/// Makes the backup, and uses the other tools, while two people draw. They go on a little
/// after it and then go offline.
async fn backed_up_under_load(stored: &Stored, backup: impl AsyncFn()) -> Writers {
    let flow = stored.create_flow().await;
    let peers = vec![live(&stored.ann, flow).await, live(&stored.ann, flow).await];
    let before: BTreeSet<_> = (0..150).map(|n| format!("before-{n}")).collect();
    for (turn, node) in before.iter().enumerate() {
        make(&peers[turn % 2], add(node)).await;
    }
    for peer in &peers {
        until(peer, "saved", PeerState::is_saved).await;
    }
    let mut all = before.clone();
    let enough = Cell::new(false);
    let drawing = async {
        for turn in (0..).take_while(|_| !enough.get()) {
            let node = format!("while-{turn}");
            make(&peers[turn % 2], add(&node)).await;
            all.insert(node);
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    let tools = async {
        backup().await;
        stored.tool(&["log", "verify"]).await.ended(0);
        stored.tool(&["log", "compact", "--all"]).await.ended(0);
        let sizes = stored.tool(&["flow", "stats", &flow.to_string(), "--json"]).await.ended(0);
        let sizes: serde_json::Value = serde_json::from_str(&sizes).unwrap();
        assert!(sizes["nodes"].as_u64().unwrap() >= 150, "{sizes}");
        stored.tool(&["log", "verify"]).await.ended(0);
        enough.set(true);
    };
    tokio::join!(drawing, tools);
    make(&peers[0], add("after")).await;
    all.insert("after".to_owned());
    for peer in &peers {
        until(peer, "saved", PeerState::is_saved).await;
        peer.set_online(false).unwrap();
    }
    Writers { flow, peers, before, all }
}

async fn draw(peer: &Peer, nodes: [&str; 3]) {
    for node in nodes {
        make(peer, add(node)).await;
        until(peer, "saved", PeerState::is_saved).await;
    }
}

fn nodes(peer: &Peer) -> BTreeSet<String> {
    peer.graph().borrow().nodes.keys().map(ToString::to_string).collect()
}

fn set<const N: usize>(nodes: [&str; N]) -> BTreeSet<String> {
    nodes.map(str::to_owned).into()
}

/// The same person at another server.
fn at(server: &TestServer, person: &Api) -> Api {
    let api = Api::new(&server.url()).unwrap();
    api.use_token(person.token().unwrap());
    api
}

async fn cached_up_to(redis: &TestRedis, flow: FlowId, head: u64) {
    let cache = RedisCluster::connect(&RedisOptions::new(redis.url())).await.unwrap().cache();
    let last = async || cache.load(flow).await.unwrap().map(|cached| cached.tail.last().0);
    eventually("the log is in Redis", last, |last| *last == Some(head)).await;
}

async fn head_of(database: &TestDatabase, flow: FlowId) -> u64 {
    let store = PostgresStore::connect(&PostgresOptions::new(database.url())).await.unwrap();
    store.head(flow).await.unwrap().unwrap().seq.0
}

/// As docs/operations.md says.
async fn dump(url: &str, file: &Path) {
    run("pg_dump", [OsStr::new("-Fc"), "-d".as_ref(), url.as_ref(), "-f".as_ref(), file.as_ref()]).await;
}

/// Empties the database.
async fn recreate(url: &str) {
    let (server, name) = url.rsplit_once('/').unwrap();
    let mut connection = PgConnection::connect(&format!("{server}/postgres")).await.unwrap();
    for statement in [format!("drop database {name} with (force)"), format!("create database {name}")] {
        sqlx::raw_sql(AssertSqlSafe(statement)).execute(&mut connection).await.unwrap();
    }
}

async fn restore(url: &str, file: &Path) {
    let all_or_nothing = ["--single-transaction", "-d", url].map(OsStr::new);
    run("pg_restore", all_or_nothing.into_iter().chain([file.as_ref()])).await;
}

async fn run<'a>(program: &str, arguments: impl IntoIterator<Item = &'a OsStr>) {
    let program = TestPostgres::program(program).unwrap();
    let output = Command::new(program).args(arguments).kill_on_drop(true).output().await.unwrap();
    Ran::of(output).ended(0);
}
