//! `flow_snapshots`.

use flow_base::{FlowId, Seq, Timestamp};
use flow_store::{Conflict, Snapshot, StoreError, decode_snapshot, encode_snapshot};

use crate::PostgresStore;
use crate::values::{Moment, position, seq};

const PUT: &str = "store the snapshot";

/// The snapshot from the columns of its row, of a flow whose log ends at `head`.
pub(crate) fn decode(
    flow: FlowId,
    head: Seq,
    row_seq: Option<i64>,
    envelope: Option<&[u8]>,
) -> Result<Option<Snapshot>, StoreError> {
    let (Some(row_seq), Some(envelope)) = (row_seq, envelope) else { return Ok(None) };
    let damaged = |what, source| StoreError::Damaged { flow, what, source };
    let snapshot = decode_snapshot(envelope)
        .map_err(|error| damaged("the snapshot cannot be read", Some(Box::new(error))))?;
    if position(snapshot.seq) != row_seq {
        return Err(damaged("the snapshot is not the one its row names", None));
    }
    if snapshot.seq > head {
        return Err(damaged("the snapshot is ahead of the log", None));
    }
    Ok(Some(snapshot))
}

struct PutRow {
    head_seq: i64,
    is_written: bool,
}

pub(crate) async fn put(
    store: &PostgresStore,
    flow: FlowId,
    snapshot: &Snapshot,
    at: Timestamp,
) -> Result<bool, StoreError> {
    let envelope = encode_snapshot(snapshot);
    let row = store.call(PUT, async {
        let mut session = store.session().await?;
        let row = sqlx::query_as!(
            PutRow,
            r#"
            with head as materialized (
                select head_seq
                from flow_heads
                where flow_id = $1 and not is_purged
            ),
            written as (
                insert into flow_snapshots (flow_id, seq, envelope, created_at)
                select $1, $2, $3, $4
                from head
                where $2 <= head.head_seq
                on conflict (flow_id) do update
                set
                    seq = excluded.seq,
                    envelope = excluded.envelope,
                    created_at = excluded.created_at
                where excluded.seq >= flow_snapshots.seq
                returning flow_id
            )
            select
                head_seq as "head_seq!",
                exists (select 1 from written) as "is_written!"
            from head
            "#,
            flow.as_uuid(),
            position(snapshot.seq),
            envelope,
            Moment(at) as Moment,
        )
        .fetch_optional(&mut *session)
        .await;
        session.settle(row)
    });
    let row = row.await?.ok_or(StoreError::UnknownFlow(flow))?;
    if snapshot.seq > seq(row.head_seq) {
        return Err(StoreError::Conflict(Conflict::SnapshotAhead));
    }
    Ok(row.is_written)
}
