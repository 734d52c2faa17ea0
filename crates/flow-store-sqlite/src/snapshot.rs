//! `flow_snapshots`.

use flow_base::{FlowId, Seq, Timestamp};
use flow_store::{Conflict, Snapshot, StoreError, decode_snapshot, encode_snapshot};
use sqlx::SqliteConnection;

use crate::SqliteStore;
use crate::error::{backend, micros};
use crate::log::{head, position};

const READ: &str = "read the snapshot";
const PUT: &str = "store the snapshot";

/// The newest snapshot of a flow whose log ends at `head`.
pub(crate) async fn read(
    tx: &mut SqliteConnection,
    flow: FlowId,
    head: Seq,
) -> Result<Option<Snapshot>, StoreError> {
    let id = flow.as_uuid();
    let row =
        sqlx::query_as!(SnapshotRow, "select seq, envelope from flow_snapshots where flow_id = ?1", id,)
            .fetch_optional(tx)
            .await
            .map_err(backend(READ))?;
    let Some(row) = row else { return Ok(None) };

    let damaged = |what, source| StoreError::Damaged { flow, what, source };
    let snapshot = decode_snapshot(&row.envelope)
        .map_err(|error| damaged("the snapshot cannot be read", Some(Box::new(error))))?;
    if position(snapshot.seq) != row.seq {
        return Err(damaged("the snapshot is not the one its row names", None));
    }
    if snapshot.seq > head {
        return Err(damaged("the snapshot is ahead of the log", None));
    }
    Ok(Some(snapshot))
}

pub(crate) async fn put(
    store: &SqliteStore,
    flow: FlowId,
    snapshot: &Snapshot,
    at: Timestamp,
) -> Result<bool, StoreError> {
    let (id, seq, envelope, at) =
        (flow.as_uuid(), position(snapshot.seq), encode_snapshot(snapshot), micros(at));
    let mut tx = store.begin_write().await.map_err(backend(PUT))?;
    let head = head(&mut tx, flow).await.map_err(backend(PUT))?.ok_or(StoreError::UnknownFlow(flow))?;
    if snapshot.seq > head {
        return Err(StoreError::Conflict(Conflict::SnapshotAhead));
    }
    let written = sqlx::query!(
        r#"
        insert into flow_snapshots (flow_id, seq, envelope, created_at)
        values (?1, ?2, ?3, ?4)
        on conflict (flow_id) do update
        set
            seq = excluded.seq,
            envelope = excluded.envelope,
            created_at = excluded.created_at
        where excluded.seq >= flow_snapshots.seq
        "#,
        id,
        seq,
        envelope,
        at,
    )
    .execute(&mut *tx)
    .await
    .map_err(backend(PUT))?;
    tx.commit().await.map_err(backend(PUT))?;
    Ok(written.rows_affected() == 1)
}

struct SnapshotRow {
    seq: i64,
    envelope: Vec<u8>,
}
