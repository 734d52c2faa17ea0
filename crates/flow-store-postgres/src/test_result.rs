//! `flow_test_results`.

use async_trait::async_trait;
use bytes::Bytes;
use flow_base::{FlowId, TestResultId, UserId};
use flow_store::{
    PURGED_ROWS, RESULTS_PER_CONTENT, RESULTS_PER_FLOW, StoreError, TestResult, TestResultRow,
    TestResultStore,
};

use crate::PostgresStore;
use crate::connections::Tx;
use crate::error::Failure;
use crate::values::Moment;

type Row = TestResultRow<Moment>;

const PUT: &str = "keep a test result";
const LIST: &str = "list the test results";
const READ: &str = "read a test result";

#[async_trait]
impl TestResultStore for PostgresStore {
    async fn put_test_result(
        &self,
        flow: FlowId,
        result: &TestResult,
        report: &Bytes,
    ) -> Result<(), StoreError> {
        let is_there = self.call(PUT, async {
            let mut tx = self.begin().await?;
            if !insert(&mut tx, flow, result, report).await? {
                tx.undo().await;
                return Ok(false);
            }
            forget(&mut tx, flow, &result.content_hash).await?;
            tx.commit().await?;
            Ok(true)
        });
        if is_there.await? { Ok(()) } else { Err(StoreError::UnknownFlow(flow)) }
    }

    async fn test_results(
        &self,
        flow: FlowId,
        content_hash: Option<&str>,
        limit: u32,
    ) -> Result<Vec<TestResult>, StoreError> {
        self.call(LIST, list(self, flow, content_hash, limit)).await
    }

    async fn test_result(
        &self,
        flow: FlowId,
        id: TestResultId,
    ) -> Result<Option<(TestResult, Bytes)>, StoreError> {
        self.call(READ, read(self, flow, id)).await
    }
}

/// Answers whether the flow is there. Whoever deletes it meanwhile waits, or was first.
async fn insert(tx: &mut Tx, flow: FlowId, result: &TestResult, report: &Bytes) -> Result<bool, Failure> {
    let inserted = sqlx::query!(
        r#"
        insert into flow_test_results (
            id, flow_id, content_hash, version, passed, failed, errors, report, author_id, created_at
        )
        select
            $1,
            id,
            $3,
            $4,
            $5,
            $6,
            $7,
            $8,
            $9,
            $10
        from flows
        where id = $2 and deleted_at is null
        for share
        "#,
        result.id.as_uuid(),
        flow.as_uuid(),
        result.content_hash,
        result.version.map(i64::from),
        i64::from(result.passed),
        i64::from(result.failed),
        i64::from(result.errors),
        &**report,
        result.author.user().map(UserId::as_uuid),
        Moment(result.created_at) as Moment,
    )
    .execute(&mut **tx)
    .await?;
    Ok(inserted.rows_affected() == 1)
}

/// Those of the content that are more than are kept, and those of the flow.
async fn forget(tx: &mut Tx, flow: FlowId, content_hash: &str) -> Result<(), Failure> {
    sqlx::query!(
        r#"
        delete from flow_test_results
        where id in (
            (
                select id
                from flow_test_results
                where flow_id = $1 and content_hash = $2
                order by id desc
                offset $3
            )
            union
            (
                select id from flow_test_results where flow_id = $1 order by id desc offset $4
            )
        )
        "#,
        flow.as_uuid(),
        content_hash,
        i64::from(RESULTS_PER_CONTENT),
        i64::from(RESULTS_PER_FLOW),
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// A part of the results of a flow that is removed for good.
pub(crate) async fn purge(tx: &mut Tx, flow: FlowId) -> Result<u64, Failure> {
    let removed = sqlx::query!(
        r#"
        delete from flow_test_results
        where id in (select id from flow_test_results where flow_id = $1 order by id limit $2)
        "#,
        flow.as_uuid(),
        i64::from(PURGED_ROWS),
    )
    .execute(&mut **tx)
    .await?;
    Ok(removed.rows_affected())
}

async fn list(
    store: &PostgresStore,
    flow: FlowId,
    content_hash: Option<&str>,
    limit: u32,
) -> Result<Vec<TestResult>, Failure> {
    let mut session = store.session().await?;
    let rows = sqlx::query_as!(
        Row,
        r#"
        select
            id,
            content_hash,
            version,
            passed,
            failed,
            errors,
            author_id,
            created_at as "created_at: Moment"
        from flow_test_results
        where flow_id = $1 and ($2::text is null or content_hash = $2)
        order by id desc
        limit $3
        "#,
        flow.as_uuid(),
        content_hash,
        i64::from(limit),
    )
    .fetch_all(&mut *session)
    .await;
    let rows = session.settle(rows)?;
    Ok(rows.into_iter().map(TestResult::try_from).collect::<Result<_, _>>()?)
}

async fn read(
    store: &PostgresStore,
    flow: FlowId,
    id: TestResultId,
) -> Result<Option<(TestResult, Bytes)>, Failure> {
    let mut session = store.session().await?;
    let row = sqlx::query!(
        r#"
        select
            id,
            content_hash,
            version,
            passed,
            failed,
            errors,
            author_id,
            created_at as "created_at: Moment",
            report
        from flow_test_results
        where flow_id = $1 and id = $2
        "#,
        flow.as_uuid(),
        id.as_uuid(),
    )
    .fetch_optional(&mut *session)
    .await;
    let Some(row) = session.settle(row)? else { return Ok(None) };
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
    Ok(Some((row.try_into()?, report)))
}
