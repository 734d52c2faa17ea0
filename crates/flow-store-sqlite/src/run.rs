//! `runs`, `run_journal`, `run_events`, `run_graphs` and `run_days`.
//!
//! Of a flow that is being removed for good nothing is found here, although its runs go part
//! by part.

mod begin;
mod claim;
mod commit;
mod forget;
mod list;
mod row;

use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use flow_base::{FlowId, NodeId, RunId, Timestamp, WorkspaceId};
use flow_store::{
    ClaimedRun, GraphHash, RunCommit, RunCommitted, RunPart, RunQuery, RunRecord, RunStore, RunSummary,
    StoreError,
};
use uuid::Uuid;

use crate::error::{Unreadable, backend, moment, unreadable};
use crate::{SqliteStore, run_file};
use row::{RecordRow, number};

pub(crate) use forget::{forget_user, purge};

const READ: &str = "read the run";
const READ_GRAPH: &str = "read what the run is pinned to";
const READ_EVENT: &str = "read what was answered";
const READ_JOURNAL: &str = "read the run's journal";
const READ_VERSIONS: &str = "read the versions of runs";
const READ_PLACE: &str = "read where the flow is";

#[async_trait]
impl RunStore for SqliteStore {
    async fn commit_runs(&self, commits: &[RunCommit]) -> Result<Vec<RunCommitted>, StoreError> {
        commit::commit(self, commits).await
    }

    async fn run(&self, run: RunId) -> Result<Option<RunRecord>, StoreError> {
        let run = run.as_uuid();
        let row = sqlx::query_as!(
            RecordRow,
            r#"
            select
                runs.id as "id: Uuid",
                flow_id as "flow_id: Uuid",
                kind,
                flow_version,
                graph_hash,
                user_id as "user_id: Uuid",
                status,
                version,
                state,
                entries,
                wake_at,
                leased_by as "leased_by: Uuid",
                started_at,
                runs.updated_at,
                ended_at,
                outcome
            from runs
            join flows on flows.id = runs.flow_id and flows.deleted_at is not 0
            where runs.id = ?1
            "#,
            run,
        )
        .fetch_optional(self.readers())
        .await
        .map_err(backend(READ))?;
        row.map(RunRecord::try_from).transpose().map_err(unreadable(READ))
    }

    async fn run_graph(&self, hash: &GraphHash) -> Result<Option<Bytes>, StoreError> {
        let hash = &hash[..];
        let content = sqlx::query_scalar!("select content from run_graphs where hash = ?1", hash)
            .fetch_optional(self.readers())
            .await
            .map_err(backend(READ_GRAPH))?;
        Ok(content.map(Bytes::from))
    }

    async fn run_event(&self, run: RunId, key: &str) -> Result<Option<Bytes>, StoreError> {
        let run = run.as_uuid();
        let answer = sqlx::query_scalar!(
            r#"
            select answer
            from run_events
            join runs on runs.id = run_events.run_id
            join flows on flows.id = runs.flow_id and flows.deleted_at is not 0
            where run_events.run_id = ?1 and run_events."key" = ?2
            "#,
            run,
            key,
        )
        .fetch_optional(self.readers())
        .await
        .map_err(backend(READ_EVENT))?;
        Ok(answer.map(Bytes::from))
    }

    async fn run_journal(&self, run: RunId, after: u64, limit: u32) -> Result<Vec<RunPart>, StoreError> {
        let (run, after) = (run.as_uuid(), number(after));
        let rows = sqlx::query!(
            r#"
            select
                run_journal.version,
                run_journal.at,
                run_journal.entries
            from run_journal
            join runs on runs.id = run_journal.run_id
            join flows on flows.id = runs.flow_id and flows.deleted_at is not 0
            where run_journal.run_id = ?1 and run_journal.version > ?2
            order by run_journal.version
            limit ?3
            "#,
            run,
            after,
            limit,
        )
        .fetch_all(self.readers())
        .await
        .map_err(backend(READ_JOURNAL))?;
        let parts = rows.into_iter().map(|row| {
            let version = row.version.cast_unsigned();
            Ok(RunPart { version, at: moment(row.at)?, entries: row.entries.into() })
        });
        parts.collect::<Result<_, Unreadable>>().map_err(unreadable(READ_JOURNAL))
    }

    async fn runs(&self, query: &RunQuery) -> Result<Vec<RunSummary>, StoreError> {
        list::list(self, query).await
    }

    async fn claim_runs(
        &self,
        node: NodeId,
        lasts: Duration,
        limit: u32,
    ) -> Result<Vec<ClaimedRun>, StoreError> {
        claim::claim(self, node, lasts, limit).await
    }

    async fn renew_runs(&self, node: NodeId, runs: &[RunId], lasts: Duration) -> Result<(), StoreError> {
        claim::renew(self, node, runs, lasts).await
    }

    async fn run_versions(&self, runs: &[RunId]) -> Result<Vec<(RunId, u64)>, StoreError> {
        let mut tx = self.begin_read().await.map_err(backend(READ_VERSIONS))?;
        let mut versions = Vec::with_capacity(runs.len());
        for run in runs {
            let id = run.as_uuid();
            let version = sqlx::query_scalar!(
                r#"
                select version
                from runs
                join flows on flows.id = runs.flow_id and flows.deleted_at is not 0
                where runs.id = ?1
                "#,
                id,
            )
            .fetch_optional(&mut *tx)
            .await
            .map_err(backend(READ_VERSIONS))?;
            versions.extend(version.map(|version| (*run, version.cast_unsigned())));
        }
        Ok(versions)
    }

    async fn forget_run_files(&self, before: Timestamp) -> Result<u64, StoreError> {
        run_file::forget(self, before).await
    }

    async fn forget_runs(&self, before: Timestamp, limit: u32) -> Result<u64, StoreError> {
        forget::forget(self, before, limit).await
    }

    async fn workspace_of(&self, flow: FlowId) -> Result<Option<WorkspaceId>, StoreError> {
        let flow = flow.as_uuid();
        let place = sqlx::query_scalar!(
            r#"select workspace_id as "id: Uuid" from flows where id = ?1 and deleted_at is not 0"#,
            flow,
        )
        .fetch_optional(self.readers())
        .await
        .map_err(backend(READ_PLACE))?;
        Ok(place.map(WorkspaceId::from_uuid))
    }
}
