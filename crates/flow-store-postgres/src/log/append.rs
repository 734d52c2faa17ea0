//! The append: one statement, and so one round trip, for all flows of a call.
//!
//! What the statement reads it sees as of its beginning, except for the heads it locks:
//! those it reads again once it has the lock. So a batch whose first attempt commits
//! while we wait for the lock cannot be found by looking; positions come from the locked
//! head, and whether the batch is new is decided by inserting its first update, which a
//! unique index refuses to have twice.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use flow_base::{BatchId, FlowId, SeqRange, UserId};
use flow_store::{FlowBatch, StoreError};
use tokio::time::{Instant, timeout_at};
use uuid::Uuid;

use crate::PostgresStore;
use crate::error::{Failure, Trouble, Unreadable};
use crate::values::{Moment, length, seq};

const APPEND: &str = "append to the log";

/// For all that one append does, retrying its flows singly included.
const WITHIN: Duration = Duration::from_secs(10);

type Outcome = Result<SeqRange, Failure>;

/// See [`flow_store::LogStore::append`].
pub(super) async fn append(
    store: &PostgresStore,
    batches: &[FlowBatch],
) -> Vec<Result<SeqRange, StoreError>> {
    let deadline = Instant::now() + WITHIN;
    let good: Vec<_> = batches.iter().filter(|batch| batch.check().is_ok()).collect();
    let mut outcomes = append_good(store, &good, deadline).await.into_iter();
    let outcome = |batch: &FlowBatch| {
        batch.check().map_err(StoreError::Conflict)?;
        let outcome = outcomes.next().expect("each good batch has an outcome");
        outcome.map_err(|failure| failure.into_error(APPEND))
    };
    batches.iter().map(outcome).collect()
}

/// One outcome for each batch, in their order.
async fn append_good(store: &PostgresStore, batches: &[&FlowBatch], deadline: Instant) -> Vec<Outcome> {
    if batches.is_empty() {
        return Vec::new();
    }
    let failure = match append_group(store, batches, deadline).await {
        Ok(outcomes) => return outcomes,
        Err(failure) => failure,
    };
    if batches.len() == 1 {
        return vec![Err(failure)];
    }
    if let Failure::Backend(trouble) = &failure
        && !trouble.is_about_the_statement()
    {
        return batches.iter().map(|_| Err(Failure::Backend(Arc::clone(trouble)))).collect();
    }
    // One bad flow must not harm the others, and Postgres does not tell which it was.
    let mut outcomes = Vec::with_capacity(batches.len());
    for batch in batches {
        let alone = append_group(store, std::slice::from_ref(batch), deadline).await;
        outcomes.push(alone.and_then(|mut outcomes| outcomes.remove(0)));
    }
    outcomes
}

/// Appends the batches together or not at all. Unknown flows and batches that are there
/// already write nothing and do not hinder the others.
async fn append_group(
    store: &PostgresStore,
    batches: &[&FlowBatch],
    deadline: Instant,
) -> Result<Vec<Outcome>, Failure> {
    let work = async {
        let rows = insert(store, &Columns::of(batches)).await?;
        let firsts: HashMap<Uuid, Option<i64>> =
            rows.into_iter().map(|row| (row.flow_id, row.first_seq)).collect();
        let is_repeated = |batch: &&&FlowBatch| firsts.get(&batch.flow.as_uuid()) == Some(&None);
        let repeated: Vec<_> = batches.iter().filter(is_repeated).copied().collect();
        let stored = find(store, &repeated).await?;
        let outcome = |batch: &&FlowBatch| match firsts.get(&batch.flow.as_uuid()) {
            None => Err(StoreError::UnknownFlow(batch.flow).into()),
            Some(Some(first)) => Ok(range(*first, length(batch.updates.len()))),
            Some(None) => stored
                .get(&(batch.flow, batch.batch))
                .copied()
                .ok_or_else(|| Unreadable("batch that was said to be there").into()),
        };
        Ok(batches.iter().map(outcome).collect())
    };
    let late = || Err(Failure::from(Trouble::Late(WITHIN)));
    let outcomes = timeout_at(deadline, work).await.unwrap_or_else(|_| late());
    outcomes.inspect_err(|failure| store.learn_from(failure))
}

/// What a group of batches comes to, as arrays that stand for tables.
#[derive(Default)]
struct Columns<'a> {
    // One item for each batch, with its first update.
    flows: Vec<Uuid>,
    batches: Vec<Uuid>,
    moments: Vec<Moment>,
    counts: Vec<i64>,
    bytes: Vec<i64>,
    actors: Vec<Option<Uuid>>,
    updates: Vec<&'a [u8]>,
    // One item for each further update.
    more_flows: Vec<Uuid>,
    more_places: Vec<i64>,
    more_actors: Vec<Option<Uuid>>,
    more_updates: Vec<&'a [u8]>,
    // One item for each writer.
    writer_flows: Vec<Uuid>,
    writer_clients: Vec<i64>,
    writer_users: Vec<Uuid>,
}

impl<'a> Columns<'a> {
    fn of(batches: &[&'a FlowBatch]) -> Self {
        let mut columns = Self::default();
        for batch in batches {
            columns.add(batch);
        }
        columns
    }

    fn add(&mut self, batch: &'a FlowBatch) {
        let flow = batch.flow.as_uuid();
        self.flows.push(flow);
        self.batches.push(batch.batch.as_uuid());
        self.moments.push(Moment(batch.at));
        self.counts.push(length(batch.updates.len()));
        self.bytes.push(length(batch.updates.iter().map(|update| update.bytes.len()).sum()));
        for (place, update) in batch.updates.iter().enumerate() {
            let actor = update.actor.user().map(UserId::as_uuid);
            if place == 0 {
                self.actors.push(actor);
                self.updates.push(&update.bytes);
            } else {
                self.more_flows.push(flow);
                self.more_places.push(length(place));
                self.more_actors.push(actor);
                self.more_updates.push(&update.bytes);
            }
        }
        for writer in &batch.writers {
            self.writer_flows.push(flow);
            self.writer_clients.push(writer.client_id.cast_signed());
            self.writer_users.push(writer.user.as_uuid());
        }
    }
}

struct AppendedRow {
    flow_id: Uuid,
    /// Null when the batch is there already.
    first_seq: Option<i64>,
}

/// Answers for each flow that exists where its batch was inserted.
async fn insert(store: &PostgresStore, columns: &Columns<'_>) -> Result<Vec<AppendedRow>, Failure> {
    let mut session = store.session_first().await?;
    let rows = sqlx::query_as!(
        AppendedRow,
        r#"
        with given as (
            select
                flow_id,
                batch_id,
                created_at,
                updates,
                bytes,
                actor_id,
                update
            from unnest($1::uuid[], $2::uuid[], $3::timestamptz[], $4::bigint[], $5::bigint[], $6::uuid[], $7::bytea[])
                as given (flow_id, batch_id, created_at, updates, bytes, actor_id, update)
        ),
        -- In the order of ids, so that two appends never wait for each other. The lock is
        -- that of an update which leaves the key alone: nobody who refers to the flow waits.
        locked as materialized (
            select
                flow_id,
                head_seq
            from flow_heads
            where flow_id = any($1)
            order by flow_id
            for no key update
        ),
        begun as (
            insert into flow_updates (flow_id, seq, batch_id, batch_updates, actor_id, created_at, update)
            select
                given.flow_id,
                locked.head_seq + 1,
                given.batch_id,
                given.updates,
                given.actor_id,
                given.created_at,
                given.update
            from locked
            join given on given.flow_id = locked.flow_id
            on conflict (flow_id, batch_id) where batch_updates is not null do nothing
            returning
                flow_id,
                seq,
                batch_id,
                created_at
        ),
        continued as (
            insert into flow_updates (flow_id, seq, batch_id, actor_id, created_at, update)
            select
                begun.flow_id,
                begun.seq + more.place,
                begun.batch_id,
                more.actor_id,
                begun.created_at,
                more.update
            from begun
            join unnest($8::uuid[], $9::bigint[], $10::uuid[], $11::bytea[])
                as more (flow_id, place, actor_id, update) on more.flow_id = begun.flow_id
        ),
        signed as (
            insert into flow_clients (flow_id, client_id, user_id)
            select
                begun.flow_id,
                writer.client_id,
                writer.user_id
            from begun
            join unnest($12::uuid[], $13::bigint[], $14::uuid[])
                as writer (flow_id, client_id, user_id) on writer.flow_id = begun.flow_id
            on conflict (flow_id, client_id) do nothing
        ),
        moved as (
            update flow_heads
            set
                head_seq = begun.seq + given.updates - 1,
                log_bytes = flow_heads.log_bytes + given.bytes
            from begun
            join given on given.flow_id = begun.flow_id
            where flow_heads.flow_id = begun.flow_id
        )
        select
            locked.flow_id,
            begun.seq as "first_seq?"
        from locked
        left join begun on begun.flow_id = locked.flow_id
        "#,
        &columns.flows,
        &columns.batches,
        &columns.moments as &[Moment],
        &columns.counts,
        &columns.bytes,
        &columns.actors as &[Option<Uuid>],
        &columns.updates as &[&[u8]],
        &columns.more_flows,
        &columns.more_places,
        &columns.more_actors as &[Option<Uuid>],
        &columns.more_updates as &[&[u8]],
        &columns.writer_flows,
        &columns.writer_clients,
        &columns.writer_users,
    )
    .fetch_all(&mut *session)
    .await;
    session.settle(rows)
}

struct StoredRow {
    flow_id: Uuid,
    batch_id: Uuid,
    first_seq: i64,
    updates: i64,
}

/// Where batches are that were there already. A statement of its own, which sees what was
/// committed while the other one waited.
async fn find(
    store: &PostgresStore,
    batches: &[&FlowBatch],
) -> Result<HashMap<(FlowId, BatchId), SeqRange>, Failure> {
    if batches.is_empty() {
        return Ok(HashMap::new());
    }
    let flow_ids: Vec<_> = batches.iter().map(|batch| batch.flow.as_uuid()).collect();
    let batch_ids: Vec<_> = batches.iter().map(|batch| batch.batch.as_uuid()).collect();
    let mut session = store.session_first().await?;
    let rows = sqlx::query_as!(
        StoredRow,
        r#"
        select
            flow_updates.flow_id,
            flow_updates.batch_id,
            flow_updates.seq as first_seq,
            flow_updates.batch_updates as "updates!"
        from unnest($1::uuid[], $2::uuid[]) as given (flow_id, batch_id)
        join flow_updates
            on flow_updates.flow_id = given.flow_id and flow_updates.batch_id = given.batch_id
        where flow_updates.batch_updates is not null
        "#,
        &flow_ids,
        &batch_ids,
    )
    .fetch_all(&mut *session)
    .await;
    let rows = session.settle(rows)?;
    let stored = |row: StoredRow| {
        let batch = (FlowId::from_uuid(row.flow_id), BatchId::from_uuid(row.batch_id));
        (batch, range(row.first_seq, row.updates))
    };
    Ok(rows.into_iter().map(stored).collect())
}

/// So many positions from `first` on.
fn range(first: i64, count: i64) -> SeqRange {
    SeqRange { first: seq(first), last: seq(first + count - 1) }
}
