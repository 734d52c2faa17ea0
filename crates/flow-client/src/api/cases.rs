//! Test cases of flows.

use flow_base::{FlowId, RunId, TestResultId, Timestamp, UserId};
use reqwest::Method;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::Api;
use crate::ClientError;

/// Which test cases are to be run.
#[derive(Debug, Clone, Default, Serialize)]
pub struct RunTests {
    /// A version, with the test cases it had; otherwise the flow as it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<u32>,
    /// Their ids; otherwise all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tests: Option<Vec<String>>,
}

/// What running test cases came to, in numbers.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TestResult {
    pub id: TestResultId,
    /// SHA-256 of what was tested.
    pub content_hash: String,
    pub version: Option<u32>,
    pub passed: u32,
    pub failed: u32,
    /// Test cases that could not be played to their end.
    pub errors: u32,
    pub author_id: Option<UserId>,
    pub created_at: Timestamp,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct TestResultWithReport {
    #[serde(flatten)]
    pub result: TestResult,
    /// Case by case: `status`, `cases`, `coverage`.
    pub report: Value,
}

/// A run as a test case.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct RunAsTest {
    /// As the edit `setTest` takes it.
    pub test: Map<String, Value>,
    /// What of the run the test case cannot say.
    pub notes: Vec<String>,
}

impl Api {
    /// Runs test cases of the flow, and keeps the result.
    ///
    /// # Errors
    /// [`ClientError`]; with the code `busy` when too many flows are tested at the moment.
    pub async fn run_tests(
        &self,
        flow: FlowId,
        tests: &RunTests,
    ) -> Result<TestResultWithReport, ClientError> {
        self.send(Method::POST, &format!("api/flows/{flow}/tests/run"), Some(tests)).await
    }

    /// Newest first: of all that the flow has said, or of what a version says.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn test_results(
        &self,
        flow: FlowId,
        version: Option<u32>,
        limit: u32,
    ) -> Result<Vec<TestResult>, ClientError> {
        #[derive(Deserialize)]
        struct Page {
            items: Vec<TestResult>,
        }
        let version = version.map(|version| format!("&version={version}")).unwrap_or_default();
        let path = format!("api/flows/{flow}/tests/results?limit={limit}{version}");
        let Page { items } = self.send(Method::GET, &path, None::<&()>).await?;
        Ok(items)
    }

    /// # Errors
    /// [`ClientError`].
    pub async fn test_result(
        &self,
        flow: FlowId,
        result: TestResultId,
    ) -> Result<TestResultWithReport, ClientError> {
        self.send(Method::GET, &format!("api/flows/{flow}/tests/results/{result}"), None::<&()>).await
    }

    /// A run that has ended, as a test case of its flow.
    ///
    /// # Errors
    /// [`ClientError`]; with the code `no_test` when it has not ended.
    pub async fn run_as_test(&self, run: RunId) -> Result<RunAsTest, ClientError> {
        self.send(Method::GET, &format!("api/runs/{run}/test"), None::<&()>).await
    }
}
