use bytes::Bytes;
use flow_base::{FlowId, Timestamp};
use flow_store::{RunFile, RunFileBounds, RunFileKept};

use super::Row;
use crate::PostgresStore;
use crate::connections::Tx;
use crate::error::Failure;
use crate::values::{Moment, text};

pub(super) async fn put(
    store: &PostgresStore,
    file: &RunFile,
    content: &Bytes,
    bounds: RunFileBounds,
) -> Result<RunFileKept, Failure> {
    let mut tx = store.begin().await?;
    let done = put_in(&mut tx, file, content, bounds).await?;
    match done {
        Some(kept) => {
            // What was removed to make room stays where that was not enough.
            tx.undo().await;
            Ok(kept)
        }
        None => {
            tx.commit().await?;
            // To the microsecond, as it is read back.
            let micros = file.created_at.as_microsecond();
            let created_at = Timestamp::from_microsecond(micros).unwrap_or(file.created_at);
            Ok(RunFileKept::Kept(RunFile { created_at, ..file.clone() }))
        }
    }
}

/// Answers why nothing was written; `None` when it was.
async fn put_in(
    tx: &mut Tx,
    file: &RunFile,
    content: &Bytes,
    bounds: RunFileBounds,
) -> Result<Option<RunFileKept>, Failure> {
    let Some(flow) = hold(tx, file).await? else { return Ok(Some(RunFileKept::NoRun)) };
    if let Some(known) = known(tx, file).await? {
        return Ok(Some(RunFileKept::Kept(known.try_into()?)));
    }
    if !has_room(tx, file, bounds).await? {
        forget_refused(tx, file).await?;
        if !has_room(tx, file, bounds).await? {
            return Ok(Some(RunFileKept::Full));
        }
    }
    insert(tx, flow, file, content).await?;
    Ok(None)
}

/// What the run runs, if it goes on; and nobody else moves it on or sends it anything until the
/// transaction ends.
async fn hold(tx: &mut Tx, file: &RunFile) -> Result<Option<FlowId>, Failure> {
    let flow = sqlx::query_scalar!(
        r#"
        select runs.flow_id
        from runs
        join flows on flows.id = runs.flow_id and flows.deleted_at is null
        where runs.id = $1 and runs.ended_at is null
        for no key update of runs
        "#,
        file.run.as_uuid(),
    )
    .fetch_optional(&mut **tx)
    .await?;
    Ok(flow.map(FlowId::from_uuid))
}

async fn known(tx: &mut Tx, file: &RunFile) -> Result<Option<Row>, Failure> {
    let row = sqlx::query_as!(
        Row,
        r#"
        select
            id,
            run_id,
            visit,
            attempt,
            name,
            media_type,
            bytes,
            sha256,
            created_at as "created_at: Moment"
        from run_files
        where run_id = $1 and visit = $2 and name = $3 and sha256 = $4
        order by id
        limit 1
        "#,
        file.run.as_uuid(),
        i64::from(file.visit),
        &*text(&file.name),
        &file.sha256[..],
    )
    .fetch_optional(&mut **tx)
    .await?;
    Ok(row)
}

async fn has_room(tx: &mut Tx, file: &RunFile, bounds: RunFileBounds) -> Result<bool, Failure> {
    let there = sqlx::query!(
        r#"
        select
            count(*) as "files!",
            coalesce(sum(bytes), 0)::bigint as "bytes!"
        from run_files
        where run_id = $1
        "#,
        file.run.as_uuid(),
    )
    .fetch_one(&mut **tx)
    .await?;
    Ok(bounds.allow(there.files.cast_unsigned(), there.bytes.cast_unsigned(), file.bytes))
}

/// What was sent for the same question when it was asked before.
async fn forget_refused(tx: &mut Tx, file: &RunFile) -> Result<(), Failure> {
    sqlx::query!(
        "delete from run_files where run_id = $1 and visit = $2 and attempt < $3",
        file.run.as_uuid(),
        i64::from(file.visit),
        i64::from(file.attempt),
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}

async fn insert(tx: &mut Tx, flow: FlowId, file: &RunFile, content: &Bytes) -> Result<(), Failure> {
    sqlx::query!(
        r#"
        insert into run_files (
            id, run_id, flow_id, visit, attempt, name, media_type, bytes, sha256, created_at, content
        )
        values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
        "#,
        file.id.as_uuid(),
        file.run.as_uuid(),
        flow.as_uuid(),
        i64::from(file.visit),
        i64::from(file.attempt),
        &*text(&file.name),
        file.media_type,
        file.bytes.cast_signed(),
        &file.sha256[..],
        Moment(file.created_at) as Moment,
        &content[..],
    )
    .execute(&mut **tx)
    .await?;
    Ok(())
}
