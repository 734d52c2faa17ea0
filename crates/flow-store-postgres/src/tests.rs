mod append;
mod contract;
mod locked;
mod outage;
mod races;
mod runs;
mod schema;
mod values;

use std::sync::Arc;

use bytes::Bytes;
use flow_base::{ActorId, BatchId, FlowId, Secret, Seq, SeqRange, Timestamp, UserId, WorkspaceId};
use flow_store::memory::MemoryArchive;
use flow_store::{
    AccountStore, FlowBatch, FlowStore, LogStore, NewFlow, NewUpdate, NewUser, Origin, Quotas, StoreError,
};
use flow_testing::{TestDatabase, TestPostgres};
use sqlx::{Connection, PgConnection};

use crate::{PostgresOptions, PostgresStore};

/// A store on a database of its own.
#[derive(Debug)]
struct TestStore {
    database: TestDatabase,
    store: Arc<PostgresStore>,
    archive: Arc<MemoryArchive>,
}

impl TestStore {
    async fn start() -> Self {
        let database = TestPostgres::shared_database().await.unwrap();
        let archive = Arc::new(MemoryArchive::new());
        let store = Arc::new(open(database.url()).await.with_archive(archive.clone()));
        Self { database, store, archive }
    }

    /// A second node.
    async fn another(&self) -> PostgresStore {
        open(self.database.url()).await
    }

    /// A connection that is none of the store's.
    async fn connection(&self) -> PgConnection {
        PgConnection::connect(self.database.url()).await.unwrap()
    }
}

async fn open(url: &str) -> PostgresStore {
    PostgresStore::connect(&PostgresOptions::new(url)).await.unwrap()
}

/// Creates a user and `count` flows of theirs.
async fn flows(store: &PostgresStore, count: usize) -> Vec<FlowId> {
    let flows: Vec<_> = std::iter::repeat_with(FlowId::generate).take(count).collect();
    create(store, &flows).await;
    flows
}

/// Creates a user and these flows of theirs, in this order.
async fn create(store: &PostgresStore, flows: &[FlowId]) {
    let (owner, workspace) = (UserId::generate(), WorkspaceId::generate());
    let user = NewUser {
        id: owner,
        email: format!("{owner}@example.org"),
        name: "Ann".to_owned(),
        password_hash: Secret::new("$argon2id$".to_owned()),
        workspace,
        created_at: Timestamp::UNIX_EPOCH,
    };
    store.create_user(&user).await.unwrap();
    for &id in flows {
        let flow = NewFlow {
            id,
            workspace,
            owner,
            name: "Support".to_owned(),
            description: String::new(),
            tags: vec![],
            created_at: Timestamp::UNIX_EPOCH,
            updates: vec![],
        };
        store.create_flow(&flow, &Quotas::UNBOUNDED, &Origin::operator(Timestamp::UNIX_EPOCH)).await.unwrap();
    }
}

fn batch(flow: FlowId, bytes: impl Into<Bytes>) -> FlowBatch {
    FlowBatch {
        flow,
        batch: BatchId::generate(),
        at: Timestamp::UNIX_EPOCH,
        updates: vec![NewUpdate { actor: ActorId::Server, bytes: bytes.into() }],
        writers: vec![],
    }
}

async fn append(store: &PostgresStore, batch: &FlowBatch) -> Result<SeqRange, StoreError> {
    store.append(std::slice::from_ref(batch)).await.remove(0)
}

async fn head(store: &PostgresStore, flow: FlowId) -> Seq {
    store.load(flow).await.unwrap().unwrap().head
}

/// The flow's log as texts, which `load` has found to be dense.
async fn log(store: &PostgresStore, flow: FlowId) -> Vec<String> {
    let stored = store.load(flow).await.unwrap().unwrap();
    stored.tail.iter().map(|update| String::from_utf8(update.bytes.to_vec()).unwrap()).collect()
}
