//! `run_files`.
//!
//! Who sends something to a run holds its row, as whoever moves it on does: what is sent at
//! once is counted one after the other.

mod forget;
mod put;

use async_trait::async_trait;
use bytes::Bytes;
use flow_base::{RunFileId, RunId};
use flow_store::{RunFile, RunFileBounds, RunFileKept, RunFileRow, RunFileStore, StoreError};

use crate::PostgresStore;
use crate::error::Failure;
use crate::values::Moment;

pub(crate) use forget::{forget, purge};

type Row = RunFileRow<Moment>;

const PUT: &str = "keep what was sent to a run";
const LIST: &str = "list what was sent to a run";
const READ: &str = "read what was sent to a run";

#[async_trait]
impl RunFileStore for PostgresStore {
    async fn put_run_file(
        &self,
        file: &RunFile,
        content: &Bytes,
        bounds: RunFileBounds,
    ) -> Result<RunFileKept, StoreError> {
        self.call(PUT, put::put(self, file, content, bounds)).await
    }

    async fn run_files(&self, run: RunId) -> Result<Vec<RunFile>, StoreError> {
        self.call(LIST, list(self, run)).await
    }

    async fn run_file(&self, run: RunId, id: RunFileId) -> Result<Option<(RunFile, Bytes)>, StoreError> {
        self.call(READ, read(self, run, id)).await
    }
}

async fn list(store: &PostgresStore, run: RunId) -> Result<Vec<RunFile>, Failure> {
    let mut session = store.session().await?;
    let rows = sqlx::query_as!(
        Row,
        r#"
        select
            run_files.id,
            run_files.run_id,
            run_files.visit,
            run_files.attempt,
            run_files.name,
            run_files.media_type,
            run_files.bytes,
            run_files.sha256,
            run_files.created_at as "created_at: Moment"
        from run_files
        join flows on flows.id = run_files.flow_id and flows.deleted_at is distinct from 'epoch'
        where run_files.run_id = $1
        order by run_files.id
        "#,
        run.as_uuid(),
    )
    .fetch_all(&mut *session)
    .await;
    let files = session.settle(rows)?.into_iter().map(RunFile::try_from);
    Ok(files.collect::<Result<_, _>>()?)
}

async fn read(store: &PostgresStore, run: RunId, id: RunFileId) -> Result<Option<(RunFile, Bytes)>, Failure> {
    let mut session = store.session().await?;
    let row = sqlx::query!(
        r#"
        select
            run_files.id,
            run_files.run_id,
            run_files.visit,
            run_files.attempt,
            run_files.name,
            run_files.media_type,
            run_files.bytes,
            run_files.sha256,
            run_files.created_at as "created_at: Moment",
            run_files.content
        from run_files
        join flows on flows.id = run_files.flow_id and flows.deleted_at is distinct from 'epoch'
        where run_files.run_id = $1 and run_files.id = $2
        "#,
        run.as_uuid(),
        id.as_uuid(),
    )
    .fetch_optional(&mut *session)
    .await;
    let Some(row) = session.settle(row)? else { return Ok(None) };
    let content = Bytes::from(row.content);
    let row = Row {
        id: row.id,
        run_id: row.run_id,
        visit: row.visit,
        attempt: row.attempt,
        name: row.name,
        media_type: row.media_type,
        bytes: row.bytes,
        sha256: row.sha256,
        created_at: row.created_at,
    };
    Ok(Some((row.try_into()?, content)))
}
