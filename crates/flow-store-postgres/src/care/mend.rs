//! Mending: one transaction that holds the flow's head, as an append does.

use flow_base::{BatchId, Seq};
use flow_store::{Mending, Snapshot, StoreError, encode_snapshot};
use uuid::Uuid;

use crate::PostgresStore;
use crate::connections::Tx;
use crate::error::Failure;
use crate::values::{Moment, position, seq};

/// See [`flow_store::LogCare::mend`].
pub(super) async fn mend(store: &PostgresStore, mending: &Mending) -> Result<bool, Failure> {
    let mut tx = store.begin().await?;
    let Some((head, archived)) = lock_head(&mut tx, mending).await? else {
        return Err(tx.refuse(StoreError::UnknownFlow(mending.flow)).await);
    };
    // Snapshots come without the lock on the head. This one goes with a lock of its own,
    // and a new one finds no place; whichever has come in between is seen by its position.
    if head != mending.head
        || !mending.is_of_the_log(archived)
        || take_snapshot(&mut tx, mending).await? != mending.snapshot
        || !put_snapshot(&mut tx, mending).await?
    {
        tx.undo().await;
        return Ok(false);
    }
    keep_updates(&mut tx, mending).await?;
    put_updates(&mut tx, mending).await?;
    correct_head(&mut tx, mending).await?;
    tx.commit().await?;
    Ok(true)
}

/// Where the log ends, and the part of it that is archived.
async fn lock_head(tx: &mut Tx, mending: &Mending) -> Result<Option<(Seq, Seq)>, Failure> {
    let row = sqlx::query!(
        "select head_seq, archived_seq from flow_heads where flow_id = $1 and not is_purged for update",
        mending.flow.as_uuid(),
    )
    .fetch_optional(&mut **tx)
    .await?;
    Ok(row.map(|row| (seq(row.head_seq), seq(row.archived_seq))))
}

/// Removes the snapshot, to the quarantine if it is not trusted; answers its position.
async fn take_snapshot(tx: &mut Tx, mending: &Mending) -> Result<Option<Seq>, Failure> {
    let taken = sqlx::query_scalar!(
        r#"
        with
        taken as (
            delete from flow_snapshots
            where flow_id = $1
            returning
                flow_id,
                seq,
                envelope,
                created_at
        ),
        kept as (
            insert into flow_quarantine (flow_id, seq, created_at, bytes, reason, quarantined_at)
            select
                flow_id,
                seq,
                created_at,
                envelope,
                $2,
                $3
            from taken
            where $2::text is not null
        )
        select seq from taken
        "#,
        mending.flow.as_uuid(),
        mending.distrust.as_deref() as Option<&str>,
        Moment(mending.at) as Moment,
    )
    .fetch_optional(&mut **tx)
    .await?;
    Ok(taken.map(seq))
}

/// Answers whether there was none.
async fn put_snapshot(tx: &mut Tx, mending: &Mending) -> Result<bool, Failure> {
    let envelope = encode_snapshot(&Snapshot { seq: mending.last, state: mending.state.clone() });
    let put = sqlx::query!(
        r#"
        insert into flow_snapshots (flow_id, seq, envelope, created_at)
        values ($1, $2, $3, $4)
        on conflict (flow_id) do nothing
        "#,
        mending.flow.as_uuid(),
        position(mending.last),
        envelope,
        Moment(mending.at) as Moment,
    )
    .execute(&mut **tx)
    .await?;
    Ok(put.rows_affected() == 1)
}

async fn keep_updates(tx: &mut Tx, mending: &Mending) -> Result<(), Failure> {
    let seqs: Vec<_> = mending.cures.iter().map(|cure| position(cure.seq)).collect();
    let reasons: Vec<_> = mending.cures.iter().map(|cure| cure.reason.clone()).collect();
    sqlx::query!(
        r#"
        insert into flow_quarantine (
            flow_id, seq, batch_id, actor_id, created_at, bytes, reason, quarantined_at
        )
        select
            flow_updates.flow_id,
            flow_updates.seq,
            flow_updates.batch_id,
            flow_updates.actor_id,
            flow_updates.created_at,
            flow_updates.update,
            cure.reason,
            $4
        from unnest($2::bigint[], $3::text[]) as cure (seq, reason)
        join flow_updates on flow_updates.flow_id = $1 and flow_updates.seq = cure.seq
        order by cure.seq
        "#,
        mending.flow.as_uuid(),
        &seqs,
        &reasons,
        Moment(mending.at) as Moment,
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// In the place of other updates, whose batches they keep, or where none is, each in a
/// batch of its own.
async fn put_updates(tx: &mut Tx, mending: &Mending) -> Result<(), Failure> {
    let appended = [(position(mending.last), &mending.appended)];
    let put = mending.cures.iter().map(|cure| (position(cure.seq), &cure.put)).chain(appended);
    let (seqs, updates): (Vec<i64>, Vec<&[u8]>) = put.map(|(seq, bytes)| (seq, &**bytes)).unzip();
    let batches: Vec<Uuid> = seqs.iter().map(|_| BatchId::generate().as_uuid()).collect();
    sqlx::query!(
        r#"
        insert into flow_updates (flow_id, seq, batch_id, batch_updates, created_at, update)
        select
            $1,
            put.seq,
            put.batch_id,
            1,
            $2,
            put.update
        from unnest($3::bigint[], $4::uuid[], $5::bytea[]) as put (seq, batch_id, update)
        on conflict (flow_id, seq) do update
        set update = excluded.update
        "#,
        mending.flow.as_uuid(),
        Moment(mending.at) as Moment,
        &seqs,
        &batches,
        &updates as &[&[u8]],
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}

async fn correct_head(tx: &mut Tx, mending: &Mending) -> Result<(), Failure> {
    let (flow, head) = (mending.flow.as_uuid(), position(mending.last));
    sqlx::query!(
        "update flow_heads set head_seq = $2, log_bytes = $3 where flow_id = $1",
        flow,
        head,
        i64::try_from(mending.log_bytes).unwrap_or(i64::MAX),
    )
    .execute(&mut **tx)
    .await?;
    sqlx::query!("update flows set projected_seq = least(projected_seq, $2) where id = $1", flow, head)
        .execute(&mut **tx)
        .await?;
    Ok(())
}
