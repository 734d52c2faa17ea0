//! The SQL of the append, and what goes into it.
//!
//! What the statement that inserts reads it sees as of its beginning, except for the heads
//! it locks: those it reads again once it has the lock. So a batch that another node
//! commits meanwhile cannot be found by looking; positions come from the locked head, and
//! whether the batch is new is decided by inserting its first update, which a unique index
//! refuses to have twice.

use std::collections::HashMap;

use flow_base::{BatchId, FlowId, SeqRange, UserId};
use flow_store::FlowBatch;
use sqlx::PgConnection;
use uuid::Uuid;

use crate::PostgresStore;
use crate::error::Failure;
use crate::values::{Moment, length, seq};

/// What a group of batches comes to, as arrays that stand for tables.
#[derive(Default)]
pub(super) struct Columns<'a> {
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
    more_batches: Vec<Uuid>,
    more_places: Vec<i64>,
    more_actors: Vec<Option<Uuid>>,
    more_updates: Vec<&'a [u8]>,
    // One item for each writer.
    writer_flows: Vec<Uuid>,
    writer_batches: Vec<Uuid>,
    writer_clients: Vec<i64>,
    writer_users: Vec<Uuid>,
}

impl<'a> Columns<'a> {
    pub(super) fn of(batches: &[&'a FlowBatch]) -> Self {
        let mut columns = Self::default();
        for batch in batches {
            columns.add(batch);
        }
        columns
    }

    fn add(&mut self, batch: &'a FlowBatch) {
        let (flow, batch_id) = (batch.flow.as_uuid(), batch.batch.as_uuid());
        self.flows.push(flow);
        self.batches.push(batch_id);
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
                self.more_batches.push(batch_id);
                self.more_places.push(length(place));
                self.more_actors.push(actor);
                self.more_updates.push(&update.bytes);
            }
        }
        for writer in &batch.writers {
            self.writer_flows.push(flow);
            self.writer_batches.push(batch_id);
            self.writer_clients.push(writer.client_id.cast_signed());
            self.writer_users.push(writer.user.as_uuid());
        }
    }
}

/// Where batches are that were inserted.
pub(super) type Inserted = HashMap<(FlowId, BatchId), i64>;

struct InsertedRow {
    flow_id: Uuid,
    batch_id: Uuid,
    first_seq: i64,
}

/// Inserts those batches that are new and whose flows exist and are not locked by somebody
/// else; waits for nobody.
pub(super) async fn insert(
    connection: &mut PgConnection,
    columns: &Columns<'_>,
) -> Result<Inserted, sqlx::Error> {
    let rows = sqlx::query_as!(
        InsertedRow,
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
        -- Heads that somebody else has locked are left out, and their batches with them. The
        -- lock is that of an update which leaves the key alone: nobody who refers to the flow
        -- waits.
        locked as materialized (
            select
                flow_id,
                head_seq
            from flow_heads
            where flow_id = any($1) and not is_purged
            order by flow_id
            for no key update skip locked
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
            join unnest($8::uuid[], $9::uuid[], $10::bigint[], $11::uuid[], $12::bytea[])
                as more (flow_id, batch_id, place, actor_id, update)
                on more.flow_id = begun.flow_id and more.batch_id = begun.batch_id
        ),
        signed as (
            insert into flow_clients (flow_id, client_id, user_id)
            select
                begun.flow_id,
                writer.client_id,
                writer.user_id
            from begun
            join unnest($13::uuid[], $14::uuid[], $15::bigint[], $16::uuid[])
                as writer (flow_id, batch_id, client_id, user_id)
                on writer.flow_id = begun.flow_id and writer.batch_id = begun.batch_id
            on conflict (flow_id, client_id) do nothing
        ),
        moved as (
            update flow_heads
            set
                head_seq = begun.seq + given.updates - 1,
                log_bytes = flow_heads.log_bytes + given.bytes
            from begun
            join given on given.flow_id = begun.flow_id and given.batch_id = begun.batch_id
            where flow_heads.flow_id = begun.flow_id
        )
        select
            flow_id,
            batch_id as "batch_id!",
            seq as first_seq
        from begun
        "#,
        &columns.flows,
        &columns.batches,
        &columns.moments as &[Moment],
        &columns.counts,
        &columns.bytes,
        &columns.actors as &[Option<Uuid>],
        &columns.updates as &[&[u8]],
        &columns.more_flows,
        &columns.more_batches,
        &columns.more_places,
        &columns.more_actors as &[Option<Uuid>],
        &columns.more_updates as &[&[u8]],
        &columns.writer_flows,
        &columns.writer_batches,
        &columns.writer_clients,
        &columns.writer_users,
    )
    .fetch_all(connection)
    .await?;
    let inserted = |row: InsertedRow| {
        ((FlowId::from_uuid(row.flow_id), BatchId::from_uuid(row.batch_id)), row.first_seq)
    };
    Ok(rows.into_iter().map(inserted).collect())
}

/// Waits for the locks on the flows' heads, which last until the transaction ends. In the
/// order of ids, so that two appends never wait for each other.
pub(super) async fn lock(connection: &mut PgConnection, columns: &Columns<'_>) -> Result<(), sqlx::Error> {
    sqlx::query!(
        r#"
        select flow_id
        from flow_heads
        where flow_id = any($1)
        order by flow_id
        for no key update
        "#,
        &columns.flows,
    )
    .fetch_all(connection)
    .await?;
    Ok(())
}

struct StandRow {
    flow_id: Uuid,
    batch_id: Uuid,
    first_seq: Option<i64>,
    updates: Option<i64>,
}

/// How batches stand that were not inserted: where they are if they are there already,
/// `None` if only their flows are, and nothing of those whose flows do not exist. Takes no
/// lock, and sees what was committed since the other statement began.
pub(super) async fn stands(
    store: &PostgresStore,
    batches: &[&FlowBatch],
) -> Result<HashMap<(FlowId, BatchId), Option<SeqRange>>, Failure> {
    if batches.is_empty() {
        return Ok(HashMap::new());
    }
    let flow_ids: Vec<_> = batches.iter().map(|batch| batch.flow.as_uuid()).collect();
    let batch_ids: Vec<_> = batches.iter().map(|batch| batch.batch.as_uuid()).collect();
    let mut session = store.session_first().await?;
    let rows = sqlx::query_as!(
        StandRow,
        r#"
        select
            flow_heads.flow_id as "flow_id!",
            given.batch_id as "batch_id!",
            flow_updates.seq as "first_seq?",
            flow_updates.batch_updates as "updates?"
        from unnest($1::uuid[], $2::uuid[]) as given (flow_id, batch_id)
        join flow_heads on flow_heads.flow_id = given.flow_id and not flow_heads.is_purged
        left join flow_updates
            on flow_updates.flow_id = given.flow_id
            and flow_updates.batch_id = given.batch_id
            and flow_updates.batch_updates is not null
        "#,
        &flow_ids,
        &batch_ids,
    )
    .fetch_all(&mut *session)
    .await;
    let rows = session.settle(rows)?;
    let stand = |row: StandRow| {
        let batch = (FlowId::from_uuid(row.flow_id), BatchId::from_uuid(row.batch_id));
        (batch, row.first_seq.zip(row.updates).map(|(first, updates)| range(first, updates)))
    };
    Ok(rows.into_iter().map(stand).collect())
}

/// So many positions from `first` on.
pub(super) fn range(first: i64, count: i64) -> SeqRange {
    SeqRange { first: seq(first), last: seq(first + count - 1) }
}
