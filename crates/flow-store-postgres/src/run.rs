//! `runs`, `run_journal`, `run_events`, `run_graphs` and `run_days`.
//!
//! Whoever needs several rows takes them in an order: runs by their ids, then flows by theirs,
//! then days, then graphs. Of a flow that is being removed for good nothing is found here,
//! although its runs go part by part.

mod begin;
mod claim;
mod columns;
mod commit;
mod forget;
mod graph;
mod list;
mod purge;
mod row;

use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use flow_base::{FlowId, NodeId, RunId, Timestamp, WorkspaceId};
use flow_store::{
    ClaimedRun, GraphHash, RunCommit, RunCommitted, RunPart, RunQuery, RunRecord, RunStore, RunSummary,
    StoreError,
};

use crate::error::Failure;
use crate::values::{Moment, text};
use crate::{PostgresStore, run_file};
use row::{RecordRow, number};

pub(crate) use forget::forget_user;
pub(crate) use purge::purge;

const COMMIT: &str = "store what runs did";
const READ: &str = "read the run";
const READ_GRAPH: &str = "read what the run is pinned to";
const READ_EVENT: &str = "read what was answered";
const READ_JOURNAL: &str = "read the run's journal";
const READ_VERSIONS: &str = "read the versions of runs";
const LIST: &str = "list the runs";
const CLAIM: &str = "take runs that are due";
const RENEW: &str = "keep runs";
const FORGET_FILES: &str = "forget what was sent to old runs";
const FORGET: &str = "forget old runs";
const READ_PLACE: &str = "read where the flow is";

#[async_trait]
impl RunStore for PostgresStore {
    async fn commit_runs(&self, commits: &[RunCommit]) -> Result<Vec<RunCommitted>, StoreError> {
        self.call(COMMIT, commit::commit(self, commits)).await
    }

    async fn run(&self, run: RunId) -> Result<Option<RunRecord>, StoreError> {
        self.call(READ, read(self, run)).await
    }

    async fn run_graph(&self, hash: &GraphHash) -> Result<Option<Bytes>, StoreError> {
        self.call(READ_GRAPH, async {
            let mut session = self.session().await?;
            let content = sqlx::query_scalar!("select content from run_graphs where hash = $1", &hash[..])
                .fetch_optional(&mut *session)
                .await;
            Ok(session.settle(content)?.map(Bytes::from))
        })
        .await
    }

    async fn run_event(&self, run: RunId, key: &str) -> Result<Option<Bytes>, StoreError> {
        self.call(READ_EVENT, read_event(self, run, key)).await
    }

    async fn run_journal(&self, run: RunId, after: u64, limit: u32) -> Result<Vec<RunPart>, StoreError> {
        self.call(READ_JOURNAL, read_journal(self, run, after, limit)).await
    }

    async fn runs(&self, query: &RunQuery) -> Result<Vec<RunSummary>, StoreError> {
        self.call(LIST, list::list(self, query)).await
    }

    async fn claim_runs(
        &self,
        node: NodeId,
        lasts: Duration,
        limit: u32,
    ) -> Result<Vec<ClaimedRun>, StoreError> {
        self.call(CLAIM, claim::claim(self, node, lasts, limit)).await
    }

    async fn renew_runs(&self, node: NodeId, runs: &[RunId], lasts: Duration) -> Result<(), StoreError> {
        self.call(RENEW, claim::renew(self, node, runs, lasts)).await
    }

    async fn run_versions(&self, runs: &[RunId]) -> Result<Vec<(RunId, u64)>, StoreError> {
        self.call(READ_VERSIONS, read_versions(self, runs)).await
    }

    async fn forget_run_files(&self, before: Timestamp) -> Result<u64, StoreError> {
        self.call(FORGET_FILES, run_file::forget(self, before)).await
    }

    async fn forget_runs(&self, before: Timestamp, limit: u32) -> Result<u64, StoreError> {
        self.call(FORGET, forget::forget(self, before, limit)).await
    }

    async fn workspace_of(&self, flow: FlowId) -> Result<Option<WorkspaceId>, StoreError> {
        self.call(READ_PLACE, async {
            let mut session = self.session().await?;
            let place = sqlx::query_scalar!(
                "select workspace_id from flows where id = $1 and deleted_at is distinct from 'epoch'",
                flow.as_uuid(),
            )
            .fetch_optional(&mut *session)
            .await;
            Ok(session.settle(place)?.map(WorkspaceId::from_uuid))
        })
        .await
    }
}

async fn read(store: &PostgresStore, run: RunId) -> Result<Option<RunRecord>, Failure> {
    let mut session = store.session().await?;
    let row = sqlx::query_as!(
        RecordRow,
        r#"
        select
            runs.id,
            runs.flow_id,
            runs.kind,
            runs.flow_version,
            runs.graph_hash,
            runs.user_id,
            runs.status,
            runs.version,
            runs.state,
            runs.entries,
            runs.wake_at as "wake_at: Moment",
            runs.leased_by,
            runs.started_at as "started_at: Moment",
            runs.updated_at as "updated_at: Moment",
            runs.ended_at as "ended_at: Moment",
            runs.outcome
        from runs
        join flows on flows.id = runs.flow_id and flows.deleted_at is distinct from 'epoch'
        where runs.id = $1
        "#,
        run.as_uuid(),
    )
    .fetch_optional(&mut *session)
    .await;
    Ok(session.settle(row)?.map(RunRecord::try_from).transpose()?)
}

async fn read_event(store: &PostgresStore, run: RunId, key: &str) -> Result<Option<Bytes>, Failure> {
    let mut session = store.session().await?;
    let answer = sqlx::query_scalar!(
        r#"
        select run_events.answer
        from run_events
        join runs on runs.id = run_events.run_id
        join flows on flows.id = runs.flow_id and flows.deleted_at is distinct from 'epoch'
        where run_events.run_id = $1 and run_events.key = $2
        "#,
        run.as_uuid(),
        &*text(key),
    )
    .fetch_optional(&mut *session)
    .await;
    Ok(session.settle(answer)?.map(Bytes::from))
}

async fn read_journal(
    store: &PostgresStore,
    run: RunId,
    after: u64,
    limit: u32,
) -> Result<Vec<RunPart>, Failure> {
    let mut session = store.session().await?;
    let rows = sqlx::query!(
        r#"
        select
            run_journal.version,
            run_journal.at as "at: Moment",
            run_journal.entries
        from run_journal
        join runs on runs.id = run_journal.run_id
        join flows on flows.id = runs.flow_id and flows.deleted_at is distinct from 'epoch'
        where run_journal.run_id = $1 and run_journal.version > $2
        order by run_journal.version
        limit $3
        "#,
        run.as_uuid(),
        number(after),
        i64::from(limit),
    )
    .fetch_all(&mut *session)
    .await;
    let parts = session.settle(rows)?.into_iter().map(|row| RunPart {
        version: row.version.cast_unsigned(),
        at: row.at.0,
        entries: row.entries.into(),
    });
    Ok(parts.collect())
}

async fn read_versions(store: &PostgresStore, runs: &[RunId]) -> Result<Vec<(RunId, u64)>, Failure> {
    let runs: Vec<_> = runs.iter().map(|run| run.as_uuid()).collect();
    let mut session = store.session().await?;
    let rows = sqlx::query!(
        r#"
        select
            run.id as "id!",
            run.version as "version!"
        from unnest($1::uuid[]) as given (id)
        cross join lateral (
            select
                runs.id,
                runs.version
            from runs
            where runs.id = given.id
                and (select flows.deleted_at from flows where flows.id = runs.flow_id) is distinct from 'epoch'
            limit 1
        ) as run
        "#,
        &runs,
    )
    .fetch_all(&mut *session)
    .await;
    let versions = session.settle(rows)?.into_iter();
    Ok(versions.map(|row| (RunId::from_uuid(row.id), row.version.cast_unsigned())).collect())
}
