mod heads;
mod write;

use std::sync::Arc;

use flow_base::{Seq, SeqRange};
use flow_store::{FlowBatch, StoreError};
use serde_json::json;
use sqlx::SqliteConnection;

use super::{hex, seq};
pub(crate) use heads::Heads;
pub(crate) use write::write;

use crate::SqliteStore;
use crate::error::{backend, is_retryable};

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
    let are_new = store.heads().begin(batches);
    let results = match store.append_at_once(batches, are_new).await {
        Some(placed) => placed.into_iter().map(|placed| Ok(placed.range)).collect(),
        None => append_slowly(store, batches).await,
    };
    for (batch, result) in batches.iter().zip(&results) {
        // What failed and is tried again may be stored all the same.
        if result.as_ref().err().is_none_or(|error| !error.is_retryable()) {
            store.heads().answered(batch);
        }
    }
    results
}

/// Looks first where the logs end and which batches they have.
async fn append_slowly(store: &SqliteStore, batches: &[&FlowBatch]) -> Vec<Result<SeqRange, StoreError>> {
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
    /// Appends the batches if it can be done with one statement. `None` means that this
    /// is to be decided by a transaction that looks first: a log is not known or has moved
    /// on, a batch may be there already, or the statement failed.
    async fn append_at_once<'a>(&self, batches: &[&'a FlowBatch], are_new: bool) -> Option<Vec<Placed<'a>>> {
        let placed = are_new.then(|| self.heads().place(batches)).flatten()?;
        self.heads().forget(batches);
        let written = async {
            let mut kept = self.keep_writing().await?;
            write(kept.connection(), &placed).await?;
            kept.done();
            Ok::<_, sqlx::Error>(())
        };
        if let Err(error) = written.await {
            tracing::debug!(%error, "an append is decided by a transaction");
            return None;
        }
        self.heads().stored(&placed);
        Some(placed)
    }

    /// Appends the batches in one transaction, with as many statements for a hundred of
    /// them as for one: each costs a round trip to the connection's thread. Those that are
    /// refused for what they are write nothing, so the others go on beside them.
    async fn append_group(
        &self,
        batches: &[&FlowBatch],
    ) -> Result<Vec<Result<SeqRange, StoreError>>, GroupError> {
        let failed = |error| GroupError::Batch(backend(APPEND)(error));
        let mut tx = self.begin_write().await.map_err(GroupError::Begin)?;
        let stands = stands(&mut tx, batches).await.map_err(failed)?;
        // Everything that can refuse a batch for what it is comes before the first write.
        let (mut results, mut placed) = (Vec::with_capacity(batches.len()), Vec::new());
        for (&batch, stand) in batches.iter().zip(stands) {
            results.push(match stand {
                Stand::Unknown => Err(StoreError::UnknownFlow(batch.flow)),
                Stand::Stored(range) => Ok(range),
                Stand::Head(head) => {
                    let new = Placed::after(head, batch);
                    placed.push(new);
                    Ok(new.range)
                }
            });
        }
        write(&mut tx, &placed).await.map_err(failed)?;
        tx.commit().await.map_err(failed)?;
        self.heads().stored(&placed);
        Ok(results)
    }

    async fn append_alone(&self, batch: &FlowBatch) -> Result<SeqRange, StoreError> {
        match self.append_group(&[batch]).await {
            Ok(results) => results.into_iter().next().expect("one batch has one result"),
            Err(GroupError::Begin(error)) => Err(backend(APPEND)(error)),
            Err(GroupError::Batch(error)) => Err(error),
        }
    }
}

/// What the log says about a batch before it is appended.
#[derive(Debug, Clone, Copy)]
enum Stand {
    Unknown,
    /// It is there already.
    Stored(SeqRange),
    /// It is new; the log ends here.
    Head(Seq),
}

/// A batch and its place in the log.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Placed<'a> {
    batch: &'a FlowBatch,
    range: SeqRange,
}

impl<'a> Placed<'a> {
    pub(crate) fn after(head: Seq, batch: &'a FlowBatch) -> Self {
        let count = u64::try_from(batch.updates.len()).expect("a length fits 64 bits");
        Self { batch, range: SeqRange::after(head, count).expect("callers refuse empty batches") }
    }
}

/// One answer for each batch, in their order.
async fn stands(tx: &mut SqliteConnection, batches: &[&FlowBatch]) -> Result<Vec<Stand>, sqlx::Error> {
    let items: Vec<_> =
        batches.iter().map(|batch| (hex(batch.flow.as_uuid()), hex(batch.batch.as_uuid()))).collect();
    let items = json!(items).to_string();
    let rows = sqlx::query_as!(
        StandRow,
        r#"
        with asked as materialized (
            select
                key as place,
                unhex(value ->> 0) as flow_id,
                unhex(value ->> 1) as batch_id
            from json_each(?1)
        )
        select
            flow_heads.head_seq as "head_seq?: i64",
            -- One that reaches back out of the window begins behind the last of another batch.
            iif(
                min(flow_updates.seq) = flow_heads.head_seq - ?2 + 1,
                coalesce(
                    (
                        select seq
                        from flow_updates as other
                        where other.flow_id = asked.flow_id
                            and other.seq <= flow_heads.head_seq - ?2
                            and other.batch_id <> asked.batch_id
                        order by seq desc
                        limit 1
                    ),
                    flow_heads.archived_seq
                ) + 1,
                min(flow_updates.seq)
            ) as "batch_first?: i64",
            max(flow_updates.seq) as "batch_last?: i64"
        from asked
        left join flow_heads on flow_heads.flow_id = asked.flow_id and not flow_heads.is_purged
        left join flow_updates
            on flow_updates.flow_id = flow_heads.flow_id
            and flow_updates.seq > flow_heads.head_seq - ?2
            and flow_updates.batch_id = asked.batch_id
        group by asked.place
        order by asked.place
        "#,
        items,
        flow_store::REPEATED_WITHIN,
    )
    .fetch_all(tx)
    .await?;
    Ok(rows.into_iter().map(Stand::from).collect())
}

struct StandRow {
    head_seq: Option<i64>,
    batch_first: Option<i64>,
    batch_last: Option<i64>,
}

impl From<StandRow> for Stand {
    fn from(row: StandRow) -> Self {
        match (row.head_seq, row.batch_first, row.batch_last) {
            (None, _, _) => Self::Unknown,
            (Some(_), Some(first), Some(last)) => {
                Self::Stored(SeqRange { first: seq(first), last: seq(last) })
            }
            (Some(head), _, _) => Self::Head(seq(head)),
        }
    }
}
