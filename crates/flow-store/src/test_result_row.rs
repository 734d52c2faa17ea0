//! What running test cases came to, as the tables of both databases keep it.

use flow_base::{ActorId, TestResultId, UserId};
use uuid::Uuid;

use crate::{StoredMoment, TestResult, Unreadable};

/// The fields are columns of the table `flow_test_results`, all but the report.
#[derive(Debug)]
pub struct TestResultRow<M> {
    pub id: Uuid,
    pub content_hash: String,
    pub version: Option<i64>,
    pub passed: i64,
    pub failed: i64,
    pub errors: i64,
    pub author_id: Option<Uuid>,
    pub created_at: M,
}

impl<M: StoredMoment> TryFrom<TestResultRow<M>> for TestResult {
    type Error = Unreadable;

    fn try_from(row: TestResultRow<M>) -> Result<Self, Unreadable> {
        let version = row.version.map(u32::try_from).transpose();
        let count = |count: i64| u32::try_from(count).map_err(|_| Unreadable("count of test cases"));
        Ok(Self {
            id: TestResultId::from_uuid(row.id),
            content_hash: row.content_hash,
            version: version.map_err(|_| Unreadable("number of a version"))?,
            passed: count(row.passed)?,
            failed: count(row.failed)?,
            errors: count(row.errors)?,
            author: ActorId::from(row.author_id.map(UserId::from_uuid)),
            created_at: row.created_at.read()?,
        })
    }
}
