use async_trait::async_trait;
use bytes::Bytes;
use flow_base::{FlowId, TestResultId};

use super::{MemoryStore, to_micros};
use crate::{RESULTS_PER_CONTENT, RESULTS_PER_FLOW, StoreError, TestResult, TestResultStore};

#[async_trait]
impl TestResultStore for MemoryStore {
    async fn put_test_result(
        &self,
        flow: FlowId,
        result: &TestResult,
        report: &Bytes,
    ) -> Result<(), StoreError> {
        let mut state = self.state();
        let results = &mut state.undeleted(flow)?.test_results;
        let result = TestResult { created_at: to_micros(result.created_at), ..result.clone() };
        let hash = result.content_hash.clone();
        results.insert(result.id, (result, report.clone()));
        let newest = results.iter().rev();
        let of_content = newest.clone().filter(|(_, (known, _))| known.content_hash == hash);
        let old = of_content.skip(RESULTS_PER_CONTENT as usize).chain(newest.skip(RESULTS_PER_FLOW as usize));
        let old: Vec<TestResultId> = old.map(|(id, _)| *id).collect();
        for id in old {
            results.remove(&id);
        }
        Ok(())
    }

    async fn test_results(
        &self,
        flow: FlowId,
        content_hash: Option<&str>,
        limit: u32,
    ) -> Result<Vec<TestResult>, StoreError> {
        let state = self.state();
        let Some(flow) = state.flows.get(&flow) else { return Ok(Vec::new()) };
        let results = flow.test_results.values().rev().map(|(result, _)| result);
        let results = results.filter(|result| content_hash.is_none_or(|hash| result.content_hash == hash));
        Ok(results.take(limit as usize).cloned().collect())
    }

    async fn test_result(
        &self,
        flow: FlowId,
        id: TestResultId,
    ) -> Result<Option<(TestResult, Bytes)>, StoreError> {
        let state = self.state();
        Ok(state.flows.get(&flow).and_then(|flow| flow.test_results.get(&id)).cloned())
    }
}
