//! `flow_test_results`.

use async_trait::async_trait;
use bytes::Bytes;
use flow_base::{FlowId, TestResultId, UserId};
use flow_store::{
    PURGED_ROWS, RESULTS_PER_CONTENT, RESULTS_PER_FLOW, StoreError, TestResult, TestResultRow,
    TestResultStore,
};
use sqlx::SqliteConnection;
use uuid::Uuid;

use crate::SqliteStore;
use crate::error::{backend, micros, unreadable};
use crate::version::is_there;

type Row = TestResultRow<i64>;

const PUT: &str = "keep a test result";
const LIST: &str = "list the test results";
const READ: &str = "read a test result";

#[async_trait]
impl TestResultStore for SqliteStore {
    async fn put_test_result(
        &self,
        flow: FlowId,
        result: &TestResult,
        report: &Bytes,
    ) -> Result<(), StoreError> {
        let mut tx = self.begin_write().await.map_err(backend(PUT))?;
        if !is_there(&mut tx, flow).await.map_err(backend(PUT))? {
            return Err(StoreError::UnknownFlow(flow));
        }
        insert(&mut tx, flow, result, report).await.map_err(backend(PUT))?;
        forget(&mut tx, flow, &result.content_hash).await.map_err(backend(PUT))?;
        tx.commit().await.map_err(backend(PUT))
    }

    async fn test_results(
        &self,
        flow: FlowId,
        content_hash: Option<&str>,
        limit: u32,
    ) -> Result<Vec<TestResult>, StoreError> {
        let flow = flow.as_uuid();
        let rows = sqlx::query_as!(
            Row,
            r#"
            select
                id as "id: Uuid",
                content_hash,
                version,
                passed,
                failed,
                errors,
                author_id as "author_id: Uuid",
                created_at
            from flow_test_results
            where flow_id = ?1 and (?2 is null or content_hash = ?2)
            order by id desc
            limit ?3
            "#,
            flow,
            content_hash,
            limit,
        )
        .fetch_all(self.readers())
        .await
        .map_err(backend(LIST))?;
        rows.into_iter().map(TestResult::try_from).collect::<Result<_, _>>().map_err(unreadable(LIST))
    }

    async fn test_result(
        &self,
        flow: FlowId,
        id: TestResultId,
    ) -> Result<Option<(TestResult, Bytes)>, StoreError> {
        let (flow, id) = (flow.as_uuid(), id.as_uuid());
        let row = sqlx::query!(
            r#"
            select
                id as "id: Uuid",
                content_hash,
                version,
                passed,
                failed,
                errors,
                author_id as "author_id: Uuid",
                created_at,
                report
            from flow_test_results
            where flow_id = ?1 and id = ?2
            "#,
            flow,
            id,
        )
        .fetch_optional(self.readers())
        .await
        .map_err(backend(READ))?;
        let Some(row) = row else { return Ok(None) };
        let report = Bytes::from(row.report);
        let row = Row {
            id: row.id,
            content_hash: row.content_hash,
            version: row.version,
            passed: row.passed,
            failed: row.failed,
            errors: row.errors,
            author_id: row.author_id,
            created_at: row.created_at,
        };
        Ok(Some((row.try_into().map_err(unreadable(READ))?, report)))
    }
}

async fn insert(
    tx: &mut SqliteConnection,
    flow: FlowId,
    result: &TestResult,
    report: &Bytes,
) -> Result<(), sqlx::Error> {
    let (id, flow, at) = (result.id.as_uuid(), flow.as_uuid(), micros(result.created_at));
    let (author, report) = (result.author.user().map(UserId::as_uuid), &**report);
    sqlx::query!(
        r#"
        insert into flow_test_results (
            id, flow_id, content_hash, version, passed, failed, errors, report, author_id, created_at
        )
        values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)
        "#,
        id,
        flow,
        result.content_hash,
        result.version,
        result.passed,
        result.failed,
        result.errors,
        report,
        author,
        at,
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// Those of the content that are more than are kept, and those of the flow.
async fn forget(tx: &mut SqliteConnection, flow: FlowId, content_hash: &str) -> Result<(), sqlx::Error> {
    let flow = flow.as_uuid();
    sqlx::query!(
        r#"
        delete from flow_test_results
        where id in (
            select id
            from flow_test_results
            where flow_id = ?1 and content_hash = ?2
            order by id desc
            limit -1 offset ?3
        )
        "#,
        flow,
        content_hash,
        RESULTS_PER_CONTENT,
    )
    .execute(&mut *tx)
    .await?;
    sqlx::query!(
        r#"
        delete from flow_test_results
        where id in (
            select id from flow_test_results where flow_id = ?1 order by id desc limit -1 offset ?2
        )
        "#,
        flow,
        RESULTS_PER_FLOW,
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// A part of the results of a flow that is removed for good.
pub(crate) async fn purge(tx: &mut SqliteConnection, flow: FlowId) -> Result<u64, sqlx::Error> {
    let flow = flow.as_uuid();
    let removed = sqlx::query!(
        r#"
        delete from flow_test_results
        where id in (select id from flow_test_results where flow_id = ?1 order by id limit ?2)
        "#,
        flow,
        PURGED_ROWS,
    )
    .execute(tx)
    .await?;
    Ok(removed.rows_affected())
}
