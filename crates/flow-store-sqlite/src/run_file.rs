//! `run_files`.

mod forget;
mod put;

use async_trait::async_trait;
use bytes::Bytes;
use flow_base::{RunFileId, RunId};
use flow_store::{RunFile, RunFileBounds, RunFileKept, RunFileRow, RunFileStore, StoreError};
use uuid::Uuid;

use crate::SqliteStore;
use crate::error::{backend, unreadable};

pub(crate) use forget::{forget, purge};

type Row = RunFileRow<i64>;

const PUT: &str = "keep what was sent to a run";
const LIST: &str = "list what was sent to a run";
const READ: &str = "read what was sent to a run";

#[async_trait]
impl RunFileStore for SqliteStore {
    async fn put_run_file(
        &self,
        file: &RunFile,
        content: &Bytes,
        bounds: RunFileBounds,
    ) -> Result<RunFileKept, StoreError> {
        put::put(self, file, content, bounds).await
    }

    async fn run_files(&self, run: RunId) -> Result<Vec<RunFile>, StoreError> {
        let run = run.as_uuid();
        let rows = sqlx::query_as!(
            Row,
            r#"
            select
                run_files.id as "id: Uuid",
                run_files.run_id as "run_id: Uuid",
                run_files.visit,
                run_files.attempt,
                run_files.name,
                run_files.media_type,
                run_files.bytes,
                run_files.sha256,
                run_files.created_at
            from run_files
            join flows on flows.id = run_files.flow_id and flows.deleted_at is not 0
            where run_files.run_id = ?1
            order by run_files.id
            "#,
            run,
        )
        .fetch_all(self.readers())
        .await
        .map_err(backend(LIST))?;
        rows.into_iter().map(RunFile::try_from).collect::<Result<_, _>>().map_err(unreadable(LIST))
    }

    async fn run_file(&self, run: RunId, id: RunFileId) -> Result<Option<(RunFile, Bytes)>, StoreError> {
        let (run, id) = (run.as_uuid(), id.as_uuid());
        let row = sqlx::query!(
            r#"
            select
                run_files.id as "id: Uuid",
                run_files.run_id as "run_id: Uuid",
                run_files.visit,
                run_files.attempt,
                run_files.name,
                run_files.media_type,
                run_files.bytes,
                run_files.sha256,
                run_files.created_at,
                run_files.content
            from run_files
            join flows on flows.id = run_files.flow_id and flows.deleted_at is not 0
            where run_files.run_id = ?1 and run_files.id = ?2
            "#,
            run,
            id,
        )
        .fetch_optional(self.readers())
        .await
        .map_err(backend(READ))?;
        let Some(row) = row else { return Ok(None) };
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
        Ok(Some((row.try_into().map_err(unreadable(READ))?, content)))
    }
}
