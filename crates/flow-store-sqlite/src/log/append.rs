use std::sync::Arc;

use flow_base::{BatchId, FlowId, Seq, SeqRange, Timestamp};
use flow_store::{FlowBatch, NewUpdate, StoreError, Writer};
use serde_json::json;
use sqlx::SqliteConnection;

use super::{hex, position, seq};
use crate::SqliteStore;
use crate::error::{backend, is_retryable, micros};

const APPEND: &str = "append to the log";

/// See [`flow_store::LogStore::append`].
pub(super) async fn append(store: &SqliteStore, batches: &[FlowBatch]) -> Vec<Result<SeqRange, StoreError>> {
    let checks = FlowBatch::check_all(batches);
    let good: Vec<_> =
        batches.iter().zip(&checks).filter(|(_, check)| check.is_ok()).map(|(batch, _)| batch).collect();
    let mut results = append_good(store, &good).await.into_iter();
    let result = |check: Result<(), _>| {
        check.map_err(StoreError::Conflict)?;
        results.next().expect("each good batch has a result")
    };
    checks.into_iter().map(result).collect()
}

/// One result for each batch, in their order.
async fn append_good(store: &SqliteStore, batches: &[&FlowBatch]) -> Vec<Result<SeqRange, StoreError>> {
    if batches.is_empty() {
        return Vec::new();
    }
    match store.append_group(batches).await {
        Ok(results) => results,
        Err(GroupError::Begin(error)) => {
            // Nothing was begun, so single flows would fare no better.
            let (retryable, shared) = (is_retryable(&error), Arc::new(error));
            let failed =
                || StoreError::Backend { action: APPEND, retryable, source: Box::new(Arc::clone(&shared)) };
            batches.iter().map(|_| Err(failed())).collect()
        }
        Err(GroupError::Batch(error)) if batches.len() == 1 => vec![Err(error)],
        Err(GroupError::Batch(_)) => {
            // One bad flow must not harm the others, and SQLite does not
            // tell whose statement spoilt the commit.
            let mut results = Vec::with_capacity(batches.len());
            for batch in batches {
                results.push(store.append_alone(batch).await);
            }
            results
        }
    }
}

/// Why a group of batches was not stored.
enum GroupError {
    /// There was not even a transaction.
    Begin(sqlx::Error),
    /// One of the batches, or the commit of all, failed.
    Batch(StoreError),
}

impl SqliteStore {
    /// Appends the batches in one transaction. Those that are refused for what
    /// they are write nothing, so the others go on beside them.
    async fn append_group(
        &self,
        batches: &[&FlowBatch],
    ) -> Result<Vec<Result<SeqRange, StoreError>>, GroupError> {
        let mut tx = self.begin_write().await.map_err(GroupError::Begin)?;
        let mut results = Vec::with_capacity(batches.len());
        for batch in batches {
            match append_batch(&mut tx, batch).await {
                Err(error @ StoreError::Backend { .. }) => return Err(GroupError::Batch(error)),
                result => results.push(result),
            }
        }
        tx.commit().await.map_err(|error| GroupError::Batch(backend(APPEND)(error)))?;
        Ok(results)
    }

    async fn append_alone(&self, batch: &FlowBatch) -> Result<SeqRange, StoreError> {
        let mut tx = self.begin_write().await.map_err(backend(APPEND))?;
        let range = append_batch(&mut tx, batch).await?;
        tx.commit().await.map_err(backend(APPEND))?;
        Ok(range)
    }
}

/// Everything that can refuse a batch for what it is comes before the first write.
async fn append_batch(tx: &mut SqliteConnection, batch: &FlowBatch) -> Result<SeqRange, StoreError> {
    let (flow, batch_id) = (batch.flow.as_uuid(), batch.batch.as_uuid());
    let stand = sqlx::query_as!(
        StandRow,
        r#"
        select
            head_seq,
            (
                select min(seq) from flow_updates where flow_id = ?1 and batch_id = ?2
            ) as "batch_first: i64",
            (
                select max(seq) from flow_updates where flow_id = ?1 and batch_id = ?2
            ) as "batch_last: i64"
        from flow_heads
        where flow_id = ?1
        "#,
        flow,
        batch_id,
    )
    .fetch_optional(&mut *tx)
    .await
    .map_err(backend(APPEND))?
    .ok_or(StoreError::UnknownFlow(batch.flow))?;
    if let (Some(first), Some(last)) = (stand.batch_first, stand.batch_last) {
        return Ok(SeqRange { first: seq(first), last: seq(last) });
    }
    write_batch(tx, batch, seq(stand.head_seq)).await.map_err(backend(APPEND))
}

/// Writes a batch that is new behind the flow's head.
async fn write_batch(
    tx: &mut SqliteConnection,
    batch: &FlowBatch,
    head: Seq,
) -> Result<SeqRange, sqlx::Error> {
    let range = insert_updates(tx, batch.flow, batch.batch, batch.at, head, &batch.updates).await?;
    insert_writers(tx, batch.flow, &batch.writers).await?;
    let (flow, head) = (batch.flow.as_uuid(), position(range.last));
    let bytes = total_bytes(&batch.updates);
    sqlx::query!(
        "update flow_heads set head_seq = ?2, log_bytes = log_bytes + ?3 where flow_id = ?1",
        flow,
        head,
        bytes,
    )
    .execute(tx)
    .await?;
    Ok(range)
}

/// For a column: no batch has 2^63 bytes.
pub(crate) fn total_bytes(updates: &[NewUpdate]) -> i64 {
    let bytes: usize = updates.iter().map(|update| update.bytes.len()).sum();
    i64::try_from(bytes).unwrap_or(i64::MAX)
}

/// Inserts any number of updates (at least one) with one statement: their bytes
/// one after the other, and a list of where each begins.
pub(crate) async fn insert_updates(
    tx: &mut SqliteConnection,
    flow: FlowId,
    batch: BatchId,
    at: Timestamp,
    head: Seq,
    updates: &[NewUpdate],
) -> Result<SeqRange, sqlx::Error> {
    let count = u64::try_from(updates.len()).expect("a length fits 64 bits");
    let range = SeqRange::after(head, count).expect("callers refuse empty batches");
    let mut bytes = Vec::with_capacity(updates.iter().map(|update| update.bytes.len()).sum());
    let mut items = Vec::with_capacity(updates.len());
    for update in updates {
        // SQLite counts from 1.
        let actor = update.actor.user().map(|user| hex(user.as_uuid()));
        items.push((bytes.len() + 1, update.bytes.len(), actor));
        bytes.extend_from_slice(&update.bytes);
    }
    let items = json!(items).to_string();
    let (flow, batch, at, first) = (flow.as_uuid(), batch.as_uuid(), micros(at), position(range.first));
    sqlx::query!(
        r#"
        insert into flow_updates (flow_id, seq, batch_id, actor_id, created_at, "update")
        select
            ?1,
            ?2 + item.key,
            ?3,
            unhex(item.value ->> 2),
            ?4,
            substr(?5, item.value ->> 0, item.value ->> 1)
        from json_each(?6) as item
        order by item.key
        "#,
        flow,
        first,
        batch,
        at,
        bytes,
        items,
    )
    .execute(tx)
    .await?;
    Ok(range)
}

async fn insert_writers(
    tx: &mut SqliteConnection,
    flow: FlowId,
    writers: &[Writer],
) -> Result<(), sqlx::Error> {
    if writers.is_empty() {
        return Ok(());
    }
    let items: Vec<_> = writers.iter().map(|writer| (writer.client_id, hex(writer.user.as_uuid()))).collect();
    let (flow, items) = (flow.as_uuid(), json!(items).to_string());
    sqlx::query!(
        r#"
        insert into flow_clients (flow_id, client_id, user_id)
        select
            ?1,
            item.value ->> 0,
            unhex(item.value ->> 1)
        from json_each(?2) as item
        where true -- or SQLite takes the next line for a join's condition
        order by item.key
        on conflict (flow_id, client_id) do nothing
        "#,
        flow,
        items,
    )
    .execute(tx)
    .await?;
    Ok(())
}

struct StandRow {
    head_seq: i64,
    batch_first: Option<i64>,
    batch_last: Option<i64>,
}
