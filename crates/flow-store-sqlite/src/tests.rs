mod backup;
mod contract;
mod durability;
mod schema;

use std::sync::Arc;

use bytes::Bytes;
use flow_base::{ActorId, BatchId, FlowId, Secret, Timestamp, UserId, WorkspaceId};
use flow_store::{AccountStore, FlowBatch, FlowStore, NewFlow, NewUpdate, NewUser, Origin, Quotas};
use tempfile::TempDir;

use crate::SqliteStore;

/// A store in a folder of its own, which goes with it.
#[derive(Debug)]
struct TestStore {
    folder: TempDir,
    store: Arc<SqliteStore>,
}

impl TestStore {
    async fn start() -> Self {
        let folder = TempDir::new().unwrap();
        let store = Arc::new(SqliteStore::open(folder.path().join("interflow.db")).await.unwrap());
        Self { folder, store }
    }

    fn path(&self) -> std::path::PathBuf {
        self.folder.path().join("interflow.db")
    }

    /// Creates a user and `count` flows of theirs.
    async fn flows(&self, count: usize) -> Vec<FlowId> {
        let (owner, workspace) = (UserId::generate(), WorkspaceId::generate());
        let user = NewUser {
            id: owner,
            email: format!("{owner}@example.org"),
            name: "Ann".to_owned(),
            password_hash: Secret::new("$argon2id$".to_owned()),
            workspace,
            created_at: Timestamp::UNIX_EPOCH,
        };
        self.store.create_user(&user).await.unwrap();
        let mut flows = Vec::new();
        for _ in 0..count {
            let flow = NewFlow {
                id: FlowId::generate(),
                workspace,
                owner,
                name: "Support".to_owned(),
                description: String::new(),
                tags: vec![],
                created_at: Timestamp::UNIX_EPOCH,
                updates: vec![],
            };
            self.store
                .create_flow(&flow, &Quotas::UNBOUNDED, &Origin::operator(Timestamp::UNIX_EPOCH))
                .await
                .unwrap();
            flows.push(flow.id);
        }
        flows
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
