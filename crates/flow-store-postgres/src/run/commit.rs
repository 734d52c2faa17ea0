//! What moves runs on: one statement, and so one round trip, for all runs of a call that are
//! there already. Those that begin need some more, in the same transaction.
//!
//! What the statement reads it sees as of its beginning, except for the runs it locks: those
//! it reads again once it has the lock. So what another node commits meanwhile shows in the
//! version; and whether an event is new is decided by inserting it, which its key refuses to
//! have twice.
//!
//! Here as in the other statements about runs, what is looked for by its key in a lateral
//! subquery or a scalar one is looked for by its key whatever the planner has counted: it
//! plans once for a connection, perhaps when the tables were small, and would read a whole
//! index for a join.

use std::collections::HashMap;

use flow_base::RunId;
use flow_store::{RunCommit, RunCommitted};
use sqlx::PgConnection;
use uuid::Uuid;

use super::begin::begin;
use super::columns::Columns;
use crate::PostgresStore;
use crate::error::Failure;
use crate::values::Moment;

pub(super) type Committed = HashMap<RunId, RunCommitted>;

pub(super) async fn commit(
    store: &PostgresStore,
    commits: &[RunCommit],
) -> Result<Vec<RunCommitted>, Failure> {
    let (new, old): (Vec<_>, Vec<_>) = commits.iter().partition(|commit| commit.new.is_some());
    let old_columns = Columns::of(&old);
    let mut committed = if new.is_empty() {
        if old.is_empty() {
            return Ok(Vec::new());
        }
        let mut session = store.session().await?;
        let moved = go_on(&mut session, &old_columns).await;
        session.settle(moved)?
    } else {
        let mut tx = store.begin().await?;
        let mut committed = match old.is_empty() {
            true => Committed::new(),
            false => go_on(&mut tx, &old_columns).await?,
        };
        committed.extend(begin(&mut tx, &new).await?);
        tx.commit().await?;
        committed
    };
    let committed = |commit: &RunCommit| committed.remove(&commit.run).unwrap_or(RunCommitted::Stale);
    Ok(commits.iter().map(committed).collect())
}

struct MovedRow {
    run_id: Uuid,
    is_stored: bool,
    /// Its flow is deleted, and this does not end it.
    rests: bool,
}

/// Answers nothing of runs that are not there.
async fn go_on(connection: &mut PgConnection, columns: &Columns<'_>) -> Result<Committed, sqlx::Error> {
    let rows = sqlx::query_as!(
        MovedRow,
        r#"
        with given as (
            select
                run_id,
                commit_id,
                expected,
                at,
                status,
                state,
                entries,
                entry_count,
                wake_at,
                leased_by,
                lasts,
                ended_at,
                outcome,
                event_key,
                answer
            from unnest(
                $1::uuid[], $2::uuid[], $3::bigint[], $4::timestamptz[], $5::text[], $6::bytea[], $7::bytea[],
                $8::bigint[], $9::timestamptz[], $10::uuid[], $11::double precision[], $12::timestamptz[],
                $13::text[], $14::text[], $15::bytea[]
            ) as given (
                run_id, commit_id, expected, at, status, state, entries, entry_count, wake_at, leased_by,
                lasts, ended_at, outcome, event_key, answer
            )
        ),
        locked as materialized (
            select
                held.id,
                held.version,
                held.last_commit,
                held.rests
            from (select run_id from given order by run_id) as given
            cross join lateral (
                select
                    runs.id,
                    runs.version,
                    runs.last_commit,
                    (select flows.deleted_at from flows where flows.id = runs.flow_id) is not null as rests
                from runs
                where runs.id = given.run_id
                    and (select flows.deleted_at from flows where flows.id = runs.flow_id) is distinct from 'epoch'
                for no key update
            ) as held
        ),
        taken as (
            insert into run_events (run_id, key, answer)
            select
                given.run_id,
                given.event_key,
                given.answer
            from locked
            join given on given.run_id = locked.id
            where given.event_key is not null
                and locked.version = given.expected
                and locked.last_commit <> given.commit_id
                and (not locked.rests or given.ended_at is not null)
            on conflict (run_id, key) do nothing
            returning run_id
        ),
        next as materialized (
            select given.*
            from locked
            join given on given.run_id = locked.id
            left join taken on taken.run_id = locked.id
            where locked.version = given.expected
                and locked.last_commit <> given.commit_id
                and (not locked.rests or given.ended_at is not null)
                and (given.event_key is null or taken.run_id is not null)
        ),
        moved as (
            update runs
            set
                version = next.expected + 1,
                last_commit = next.commit_id,
                status = next.status,
                state = next.state,
                entries = runs.entries + next.entry_count,
                wake_at = next.wake_at,
                leased_by = next.leased_by,
                lease_until = case
                    when next.leased_by is null then 'epoch'
                    else now() + make_interval(secs => next.lasts)
                end,
                updated_at = next.at,
                ended_at = next.ended_at,
                outcome = next.outcome
            from next
            where runs.id = next.run_id
        ),
        written as (
            insert into run_journal (run_id, version, at, entries)
            select
                run_id,
                expected + 1,
                at,
                entries
            from next
        )
        select
            locked.id as "run_id!",
            next.run_id is not null or locked.last_commit = given.commit_id as "is_stored!",
            locked.rests and locked.version = given.expected and given.ended_at is null as "rests!"
        from locked
        join given on given.run_id = locked.id
        left join next on next.run_id = locked.id
        "#,
        &columns.runs,
        &columns.ids,
        &columns.expected,
        &columns.moments as &[Moment],
        &columns.statuses as &[&str],
        &columns.states as &[&[u8]],
        &columns.entries as &[&[u8]],
        &columns.counts,
        &columns.wakes as &[Option<Moment>],
        &columns.nodes as &[Option<Uuid>],
        &columns.lasts,
        &columns.ends as &[Option<Moment>],
        &columns.outcomes as &[Option<std::borrow::Cow<'_, str>>],
        &columns.keys as &[Option<std::borrow::Cow<'_, str>>],
        &columns.answers as &[Option<&[u8]>],
    )
    .fetch_all(connection)
    .await?;
    let moved = rows.into_iter().map(|row| {
        let came = match row {
            MovedRow { is_stored: true, .. } => RunCommitted::Stored,
            MovedRow { rests: true, .. } => RunCommitted::NoFlow,
            MovedRow { .. } => RunCommitted::Stale,
        };
        (RunId::from_uuid(row.run_id), came)
    });
    Ok(moved.collect())
}
