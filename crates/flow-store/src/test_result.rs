use std::fmt::Debug;

use async_trait::async_trait;
use bytes::Bytes;
use flow_base::{ActorId, FlowId, TestResultId, Timestamp};

use crate::StoreError;

/// Results that are kept of one content of a flow. With another, the oldest goes.
pub const RESULTS_PER_CONTENT: u32 = 20;
/// And of a flow, whatever it said.
pub const RESULTS_PER_FLOW: u32 = 200;

/// What running the test cases of a flow came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TestResult {
    /// They sort as they were made.
    pub id: TestResultId,
    /// SHA-256 in hex: what was tested.
    pub content_hash: String,
    /// The version that it was; none for the flow as it was.
    pub version: Option<u32>,
    /// How many test cases passed, failed, and could not be played to their end.
    pub passed: u32,
    pub failed: u32,
    pub errors: u32,
    pub author: ActorId,
    pub created_at: Timestamp,
}

/// What came of test cases, of each content of a flow.
#[async_trait]
pub trait TestResultStore: Debug + Send + Sync + 'static {
    /// Keeps a result, with bytes that stores do not look at. Of the same content at most
    /// [`RESULTS_PER_CONTENT`] stay, of the flow [`RESULTS_PER_FLOW`]: the newest.
    ///
    /// # Errors
    /// [`StoreError::UnknownFlow`], also when the flow is deleted; [`StoreError::Backend`].
    async fn put_test_result(
        &self,
        flow: FlowId,
        result: &TestResult,
        report: &Bytes,
    ) -> Result<(), StoreError>;

    /// At most `limit` results, newest first: of all contents, or of one. None when the flow does
    /// not exist. Whether the caller may know them is for the caller to ask.
    ///
    /// # Errors
    /// [`StoreError::Backend`].
    async fn test_results(
        &self,
        flow: FlowId,
        content_hash: Option<&str>,
        limit: u32,
    ) -> Result<Vec<TestResult>, StoreError>;

    /// A result of the flow, and the bytes it was kept with.
    ///
    /// # Errors
    /// [`StoreError::Backend`].
    async fn test_result(
        &self,
        flow: FlowId,
        id: TestResultId,
    ) -> Result<Option<(TestResult, Bytes)>, StoreError>;
}
