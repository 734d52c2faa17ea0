//! Stores as the server has them, flows in them, and rooms on them.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use flow_base::{ActorId, BatchId, Clock, FlowId, Secret, Seq, SystemClock, Timestamp, UserId, WorkspaceId};
use flow_cluster::{Cache, CacheLimits, MemoryCache, MemoryRelay};
use flow_room::{LogWriter, Registry, RegistryParts, RoomLimits};
use flow_store::{FlowBatch, NewFlow, NewUpdate, NewUser, Origin, Quotas, Snapshot, Store};
use flow_store_postgres::{PostgresOptions, PostgresStore};
use flow_store_sqlite::SqliteStore;
use flow_testing::{TestDatabase, TestPostgres};
use tempfile::TempDir;
use tokio_util::task::TaskTracker;

use super::is_measured;

/// A store, and what must live as long.
#[derive(Debug)]
pub(crate) struct Database {
    pub(crate) store: Arc<dyn Store>,
    _folder: Option<TempDir>,
    _server: Option<Server>,
}

#[derive(Debug)]
enum Server {
    Own(TestPostgres),
    Shared(TestDatabase),
}

/// In a file on the disk that holds the build, and not in one that may be memory.
pub(crate) async fn sqlite() -> Database {
    let folder = TempDir::new_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let store = SqliteStore::open(folder.path().join("interflow.db")).await.unwrap();
    Database { store: Arc::new(store), _folder: Some(folder), _server: None }
}

/// A server that nobody else uses, where it is measured: one that tests share may not
/// wait for its disk.
pub(crate) async fn postgres() -> Database {
    let (url, server) = if is_measured() {
        let server = TestPostgres::start().await.unwrap();
        (server.new_database().await.unwrap(), Server::Own(server))
    } else {
        let database = TestPostgres::shared_database().await.unwrap();
        (database.url().to_owned(), Server::Shared(database))
    };
    let store = PostgresStore::connect(&PostgresOptions::new(url)).await.unwrap();
    Database { store: Arc::new(store), _folder: None, _server: Some(server) }
}

pub(crate) fn has_postgres() -> bool {
    TestPostgres::program("postgres").is_ok()
}

/// A flow with nothing in it.
pub(crate) async fn create_flow(store: &dyn Store) -> FlowId {
    create_flow_with(store, vec![super::flow::first_update()]).await
}

/// A flow with this document: in its log, and as a snapshot of all of it.
pub(crate) async fn create_stored(store: &dyn Store, state: &Bytes) -> FlowId {
    let flow = create_flow_with(store, vec![state.clone()]).await;
    let snapshot = Snapshot { seq: Seq(1), state: state.clone() };
    assert!(store.put_snapshot(flow, &snapshot, Timestamp::UNIX_EPOCH).await.unwrap());
    flow
}

async fn create_flow_with(store: &dyn Store, updates: Vec<Bytes>) -> FlowId {
    let (owner, workspace, created_at) = (UserId::generate(), WorkspaceId::generate(), Timestamp::UNIX_EPOCH);
    let email = format!("{owner}@example.org");
    let password_hash = Secret::new(String::new());
    let user = NewUser { id: owner, email, name: "Ann".into(), password_hash, workspace, created_at };
    store.create_user(&user).await.unwrap();
    let (id, name, description) = (FlowId::generate(), "Bench".into(), String::new());
    let flow = NewFlow { id, workspace, owner, name, description, tags: vec![], created_at, updates };
    store.create_flow(&flow, &Quotas::UNBOUNDED, &Origin::operator(flow.created_at)).await.unwrap();
    id
}

/// `count` updates of one flow, under an id that no store has seen.
pub(crate) fn batch(flow: FlowId, update: &Bytes, count: usize) -> FlowBatch {
    let update = NewUpdate { actor: ActorId::Server, bytes: update.clone() };
    let (batch, at) = (BatchId::generate(), Timestamp::UNIX_EPOCH);
    FlowBatch { flow, batch, at, updates: vec![update; count], writers: vec![] }
}

/// Rooms on this store, with a cache that knows nothing. One closes as soon as nobody
/// holds it, if `idle_after` is nothing.
pub(crate) fn registry(store: &Arc<dyn Store>, idle_after: Duration) -> Registry {
    let tracker = TaskTracker::new();
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let cache: Arc<dyn Cache> = Arc::new(MemoryCache::new(CacheLimits::default(), Arc::clone(&clock)));
    Registry::new(RegistryParts {
        store: Arc::clone(store),
        writer: LogWriter::start(Arc::clone(store) as _, &tracker),
        relay: Arc::new(MemoryRelay::new()),
        cache,
        clock,
        limits: RoomLimits { idle_after, ..RoomLimits::default() },
        tracker,
    })
}

/// Until every room is closed.
pub(crate) async fn closed(registry: &Registry) {
    while !registry.rooms().is_empty() {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}
