use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use flow_base::{ActorId, BatchId, FlowId, Secret, Seq, Timestamp, UserId, WorkspaceId};

use super::{MemoryArchive, MemoryStore};
use crate::conformance::Harness;
use crate::{
    AccountStore, FlowBatch, FlowStore, LogCare, LogStore, NewFlow, NewUpdate, NewUser, Origin, PageSize,
    PurgeStore, Quotas, SegmentStore, Store,
};

#[derive(Debug)]
struct Memory(Arc<MemoryStore>, Arc<MemoryArchive>);

#[async_trait]
impl Harness for Memory {
    fn store(&self) -> Arc<dyn Store> {
        self.0.clone()
    }

    fn care(&self) -> Arc<dyn LogCare> {
        self.0.clone()
    }

    fn segments(&self) -> Arc<dyn SegmentStore> {
        self.0.clone()
    }

    fn purges(&self) -> Arc<dyn PurgeStore> {
        self.0.clone()
    }

    fn archive(&self) -> Arc<MemoryArchive> {
        self.1.clone()
    }

    async fn lose_update(&self, flow: FlowId, seq: Seq) {
        self.0.lose_update(flow, seq);
    }

    async fn cut_snapshot(&self, flow: FlowId) {
        self.0.cut_snapshot(flow);
    }

    async fn lose_snapshot(&self, flow: FlowId) {
        self.0.lose_snapshot(flow);
    }
}

async fn start() -> Memory {
    let archive = Arc::new(MemoryArchive::new());
    Memory(Arc::new(MemoryStore::with_archive(archive.clone())), archive)
}

crate::conformance_tests!(start);

async fn store_with_flow() -> (Arc<MemoryStore>, FlowBatch) {
    let store = Arc::new(MemoryStore::new());
    let (owner, workspace, at) = (UserId::generate(), WorkspaceId::generate(), Timestamp::UNIX_EPOCH);
    let user = NewUser {
        id: owner,
        email: "ann@example.org".to_owned(),
        name: "Ann".to_owned(),
        password_hash: Secret::new(String::new()),
        workspace,
        created_at: at,
    };
    store.create_user(&user).await.unwrap();
    let flow = NewFlow {
        id: FlowId::generate(),
        workspace,
        owner,
        name: String::new(),
        description: String::new(),
        tags: vec![],
        created_at: at,
        updates: vec![],
    };
    store.create_flow(&flow, &Quotas::UNBOUNDED, &Origin::operator(flow.created_at)).await.unwrap();
    let updates = vec![NewUpdate { actor: ActorId::Server, bytes: Bytes::from_static(b"u") }];
    let batch = FlowBatch { flow: flow.id, batch: BatchId::generate(), at, updates, writers: vec![] };
    (store, batch)
}

async fn head(store: &MemoryStore, flow: FlowId) -> Seq {
    store.load(flow).await.unwrap().unwrap().head
}

#[tokio::test]
async fn appends_fail_as_often_as_asked_and_store_nothing() {
    let (store, batch) = store_with_flow().await;
    store.fail_appends(2);
    for _ in 0..2 {
        let failed = store.append(std::slice::from_ref(&batch)).await.remove(0);
        assert!(failed.unwrap_err().is_retryable());
        assert_eq!(head(&store, batch.flow).await, Seq(0));
    }
    store.append(std::slice::from_ref(&batch)).await.remove(0).unwrap();
    assert_eq!(head(&store, batch.flow).await, Seq(1));
}

#[tokio::test]
async fn a_lost_answer_has_stored_its_batch() {
    let (store, batch) = store_with_flow().await;
    store.lose_append_answers(1);
    let failed = store.append(std::slice::from_ref(&batch)).await.remove(0);
    assert!(failed.unwrap_err().is_retryable());
    assert_eq!(head(&store, batch.flow).await, Seq(1));
    let repeated = store.append(std::slice::from_ref(&batch)).await.remove(0).unwrap();
    assert_eq!((repeated.last, head(&store, batch.flow).await), (Seq(1), Seq(1)));
}

#[tokio::test]
async fn held_appends_store_nothing_until_released() {
    let (store, batch) = store_with_flow().await;
    store.hold_appends();
    let held = tokio::spawn({
        let (store, batch) = (Arc::clone(&store), batch.clone());
        async move { store.append(std::slice::from_ref(&batch)).await.remove(0) }
    });
    // On one thread, so this runs the task until it waits.
    tokio::task::yield_now().await;
    assert_eq!(head(&store, batch.flow).await, Seq(0));
    assert!(!held.is_finished());
    store.release_appends();
    held.await.unwrap().unwrap();
    assert_eq!(head(&store, batch.flow).await, Seq(1));
}

#[tokio::test]
async fn a_store_that_is_away_answers_no_load() {
    let (store, batch) = store_with_flow().await;
    store.fail_loads(true);
    assert!(store.load(batch.flow).await.unwrap_err().is_retryable());
    assert!(store.updates_after(batch.flow, Seq(0), PageSize::WHOLE).await.unwrap_err().is_retryable());
    store.fail_loads(false);
    assert!(store.load(batch.flow).await.unwrap().is_some());
}
