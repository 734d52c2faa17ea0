use std::sync::Arc;

use async_trait::async_trait;
use flow_base::{FlowId, Seq};
use flow_store::conformance::Harness;
use flow_store::memory::MemoryArchive;
use flow_store::{LogCare, PurgeStore, SegmentStore, Store};

use super::TestStore;
use crate::log::position;

#[async_trait]
impl Harness for TestStore {
    fn store(&self) -> Arc<dyn Store> {
        self.store.clone()
    }

    fn care(&self) -> Arc<dyn LogCare> {
        self.store.clone()
    }

    fn segments(&self) -> Arc<dyn SegmentStore> {
        self.store.clone()
    }

    fn purges(&self) -> Arc<dyn PurgeStore> {
        self.store.clone()
    }

    fn archive(&self) -> Arc<MemoryArchive> {
        self.archive.clone()
    }

    async fn lose_update(&self, flow: FlowId, seq: Seq) {
        let lost = sqlx::query("delete from flow_updates where flow_id = ? and seq = ?")
            .bind(flow.as_uuid())
            .bind(position(seq))
            .execute(&mut *self.store.write().await.unwrap())
            .await
            .unwrap();
        assert_eq!(lost.rows_affected(), 1);
    }

    async fn cut_snapshot(&self, flow: FlowId) {
        let cut = sqlx::query(
            "update flow_snapshots set envelope = substr(envelope, 1, length(envelope) - 1) where flow_id = ?",
        )
        .bind(flow.as_uuid())
        .execute(&mut *self.store.write().await.unwrap())
        .await
        .unwrap();
        assert_eq!(cut.rows_affected(), 1);
    }

    async fn lose_snapshot(&self, flow: FlowId) {
        let lost = sqlx::query("delete from flow_snapshots where flow_id = ?")
            .bind(flow.as_uuid())
            .execute(&mut *self.store.write().await.unwrap())
            .await
            .unwrap();
        assert_eq!(lost.rows_affected(), 1);
    }
}

async fn start() -> TestStore {
    TestStore::start().await
}

flow_store::conformance_tests!(start);
