//! What moves runs on. It is written on the one connection that writes, so what a commit
//! looks for stays as it is until it is stored.

use flow_store::{RunCommit, RunCommitted, RunEvent, StoreError};
use sqlx::SqliteConnection;
use uuid::Uuid;

use super::begin::begin;
use super::row::{length, number};
use crate::SqliteStore;
use crate::error::{backend, micros};

const COMMIT: &str = "store what runs did";

pub(super) async fn commit(
    store: &SqliteStore,
    commits: &[RunCommit],
) -> Result<Vec<RunCommitted>, StoreError> {
    if commits.is_empty() {
        return Ok(Vec::new());
    }
    let mut tx = store.begin_write().await.map_err(backend(COMMIT))?;
    let mut committed = Vec::with_capacity(commits.len());
    for commit in commits {
        let came = match &commit.new {
            Some(new) => begin(&mut tx, commit, new).await,
            None => go_on(&mut tx, commit).await,
        };
        committed.push(came.map_err(backend(COMMIT))?);
    }
    tx.commit().await.map_err(backend(COMMIT))?;
    Ok(committed)
}

async fn go_on(tx: &mut SqliteConnection, commit: &RunCommit) -> Result<RunCommitted, sqlx::Error> {
    let run = commit.run.as_uuid();
    let key = commit.event.as_ref().map(|event| event.key.as_str());
    let found = sqlx::query!(
        r#"
        select
            version,
            last_commit as "last_commit: Uuid",
            flows.deleted_at is not null as "rests!: bool",
            exists (
                select 1 from run_events where run_id = ?1 and "key" = ?2
            ) as "is_repeated!: bool"
        from runs
        join flows on flows.id = runs.flow_id and flows.deleted_at is not 0
        where runs.id = ?1
        "#,
        run,
        key,
    )
    .fetch_optional(&mut *tx)
    .await?;
    let Some(found) = found else { return Ok(RunCommitted::Stale) };
    if found.last_commit == commit.id {
        return Ok(RunCommitted::Stored);
    }
    if found.version.cast_unsigned() != commit.expected {
        return Ok(RunCommitted::Stale);
    }
    if found.rests && !commit.status.is_over() {
        return Ok(RunCommitted::NoFlow);
    }
    if found.is_repeated {
        return Ok(RunCommitted::Stale);
    }
    move_on(tx, commit).await?;
    append(tx, commit, found.version + 1).await?;
    Ok(RunCommitted::Stored)
}

async fn move_on(tx: &mut SqliteConnection, commit: &RunCommit) -> Result<(), sqlx::Error> {
    let row = Row::of(commit);
    let (run, expected) = (commit.run.as_uuid(), number(commit.expected));
    let (state, outcome) = (&commit.state[..], commit.outcome.as_deref());
    sqlx::query!(
        r#"
        update runs
        set
            version = version + 1,
            last_commit = ?3,
            status = ?4,
            state = ?5,
            entries = entries + ?6,
            wake_at = ?7,
            leased_by = ?8,
            lease_until = iif(?8 is null, 0, cast(unixepoch('subsec') * 1000000 as integer) + ?9),
            updated_at = ?10,
            ended_at = ?11,
            outcome = ?12
        where id = ?1 and version = ?2
        "#,
        run,
        expected,
        commit.id,
        row.status,
        state,
        commit.entry_count,
        row.wake_at,
        row.leased_by,
        row.lasts,
        row.at,
        row.ended_at,
        outcome,
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// Writes what the run did and what made it.
pub(super) async fn append(
    tx: &mut SqliteConnection,
    commit: &RunCommit,
    version: i64,
) -> Result<(), sqlx::Error> {
    let (run, at, entries) = (commit.run.as_uuid(), micros(commit.at), &commit.entries[..]);
    sqlx::query!(
        "insert into run_journal (run_id, version, at, entries) values (?1, ?2, ?3, ?4)",
        run,
        version,
        at,
        entries,
    )
    .execute(&mut *tx)
    .await?;
    let Some(RunEvent { key, answer }) = &commit.event else { return Ok(()) };
    let answer = &answer[..];
    sqlx::query!(r#"insert into run_events (run_id, "key", answer) values (?1, ?2, ?3)"#, run, key, answer,)
        .execute(tx)
        .await?;
    Ok(())
}

/// What a commit says of its run, as columns have it.
pub(super) struct Row {
    pub(super) at: i64,
    pub(super) status: &'static str,
    pub(super) wake_at: Option<i64>,
    pub(super) leased_by: Option<Uuid>,
    pub(super) lasts: i64,
    pub(super) ended_at: Option<i64>,
}

impl Row {
    pub(super) fn of(commit: &RunCommit) -> Self {
        let at = micros(commit.at);
        Self {
            at,
            status: commit.status.as_str(),
            wake_at: commit.wake_at.map(micros),
            leased_by: commit.lease.map(|lease| lease.node.as_uuid()),
            lasts: commit.lease.map_or(0, |lease| length(lease.lasts)),
            ended_at: commit.status.is_over().then_some(at),
        }
    }
}
