use bytes::Bytes;
use flow_base::{FlowId, Timestamp};
use flow_store::{RunFile, RunFileBounds, RunFileKept, StoreError};
use sqlx::SqliteConnection;
use uuid::Uuid;

use super::{PUT, Row};
use crate::SqliteStore;
use crate::error::{backend, micros, unreadable};

/// Nobody else writes while this does.
pub(super) async fn put(
    store: &SqliteStore,
    file: &RunFile,
    content: &Bytes,
    bounds: RunFileBounds,
) -> Result<RunFileKept, StoreError> {
    let mut tx = store.begin_write().await.map_err(backend(PUT))?;
    let Some(flow) = flow_of(&mut tx, file).await.map_err(backend(PUT))? else {
        return Ok(RunFileKept::NoRun);
    };
    if let Some(known) = known(&mut tx, file).await.map_err(backend(PUT))? {
        return Ok(RunFileKept::Kept(known.try_into().map_err(unreadable(PUT))?));
    }
    if !has_room(&mut tx, file, bounds).await.map_err(backend(PUT))? {
        forget_refused(&mut tx, file).await.map_err(backend(PUT))?;
        if !has_room(&mut tx, file, bounds).await.map_err(backend(PUT))? {
            // Not committed: what was to make room stays.
            return Ok(RunFileKept::Full);
        }
    }
    insert(&mut tx, flow, file, content).await.map_err(backend(PUT))?;
    tx.commit().await.map_err(backend(PUT))?;
    // To the microsecond, as it is read back.
    let created_at = Timestamp::from_microsecond(micros(file.created_at)).unwrap_or(file.created_at);
    Ok(RunFileKept::Kept(RunFile { created_at, ..file.clone() }))
}

/// What the run runs, if it goes on.
async fn flow_of(tx: &mut SqliteConnection, file: &RunFile) -> Result<Option<FlowId>, sqlx::Error> {
    let run = file.run.as_uuid();
    let flow = sqlx::query_scalar!(
        r#"
        select runs.flow_id as "flow_id: Uuid"
        from runs
        join flows on flows.id = runs.flow_id and flows.deleted_at is null
        where runs.id = ?1 and runs.ended_at is null
        "#,
        run,
    )
    .fetch_optional(tx)
    .await?;
    Ok(flow.map(FlowId::from_uuid))
}

async fn known(tx: &mut SqliteConnection, file: &RunFile) -> Result<Option<Row>, sqlx::Error> {
    let (run, digest) = (file.run.as_uuid(), &file.sha256[..]);
    sqlx::query_as!(
        Row,
        r#"
        select
            id as "id: Uuid",
            run_id as "run_id: Uuid",
            visit,
            attempt,
            name,
            media_type,
            bytes,
            sha256,
            created_at
        from run_files
        where run_id = ?1 and visit = ?2 and name = ?3 and sha256 = ?4
        order by id
        limit 1
        "#,
        run,
        file.visit,
        file.name,
        digest,
    )
    .fetch_optional(tx)
    .await
}

async fn has_room(
    tx: &mut SqliteConnection,
    file: &RunFile,
    bounds: RunFileBounds,
) -> Result<bool, sqlx::Error> {
    let run = file.run.as_uuid();
    let there = sqlx::query!(
        r#"
        select
            count(*) as "files!: i64",
            coalesce(sum(bytes), 0) as "bytes!: i64"
        from run_files
        where run_id = ?1
        "#,
        run,
    )
    .fetch_one(tx)
    .await?;
    Ok(bounds.allow(there.files.cast_unsigned(), there.bytes.cast_unsigned(), file.bytes))
}

/// What was sent for the same question when it was asked before.
async fn forget_refused(tx: &mut SqliteConnection, file: &RunFile) -> Result<(), sqlx::Error> {
    let run = file.run.as_uuid();
    sqlx::query!(
        "delete from run_files where run_id = ?1 and visit = ?2 and attempt < ?3",
        run,
        file.visit,
        file.attempt,
    )
    .execute(tx)
    .await?;
    Ok(())
}

async fn insert(
    tx: &mut SqliteConnection,
    flow: FlowId,
    file: &RunFile,
    content: &Bytes,
) -> Result<(), sqlx::Error> {
    let (id, run, flow) = (file.id.as_uuid(), file.run.as_uuid(), flow.as_uuid());
    let (bytes, digest) = (file.bytes.cast_signed(), &file.sha256[..]);
    let (at, content) = (micros(file.created_at), &content[..]);
    sqlx::query!(
        r#"
        insert into run_files (
            id, run_id, flow_id, visit, attempt, name, media_type, bytes, sha256, created_at, content
        )
        values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)
        "#,
        id,
        run,
        flow,
        file.visit,
        file.attempt,
        file.name,
        file.media_type,
        bytes,
        digest,
        at,
        content,
    )
    .execute(tx)
    .await?;
    Ok(())
}
