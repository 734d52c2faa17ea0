//! `flow_versions`.

use async_trait::async_trait;
use bytes::Bytes;
use flow_base::{ActorId, FlowId, UserId, WorkspaceId};
use flow_store::{
    AuditEvent, NewVersion, Origin, StoreError, VersionCause, VersionRecord, VersionStore, WebhookEvent,
};
use sqlx::SqliteConnection;
use uuid::Uuid;

use crate::SqliteStore;
use crate::audit::{Chain, record};
use crate::error::{Unreadable, backend, micros, moment, unreadable};
use crate::log::{position, seq};
use crate::webhook::tell_all;

const CREATE: &str = "keep the version";
const LIST: &str = "list the versions";
const READ: &str = "read the version";
const DEACTIVATE: &str = "deactivate the flow";

#[async_trait]
impl VersionStore for SqliteStore {
    async fn create_version(&self, version: &NewVersion, by: &Origin) -> Result<VersionRecord, StoreError> {
        let mut tx = self.begin_write().await.map_err(backend(CREATE))?;
        if version.cause == VersionCause::Activation
            && let Some(newer) = newer_active(&mut tx, version).await.map_err(backend(CREATE))?
        {
            return newer.into_record().map_err(unreadable(CREATE));
        }
        let number = draw_number(&mut tx, version).await.map_err(backend(CREATE))?;
        let number = number.ok_or(StoreError::UnknownFlow(version.flow))?;
        insert(&mut tx, number, version).await.map_err(backend(CREATE))?;
        let number = number_of(number).map_err(unreadable(CREATE))?;
        tell(&mut tx, version.flow, number, by).await.map_err(backend(CREATE))?;
        if version.cause == VersionCause::Activation {
            let event = AuditEvent::FlowActivated { flow: version.flow, version: number };
            record(&mut tx, Chain::Flow(version.flow), &event, by).await.map_err(backend(CREATE))?;
        }
        tx.commit().await.map_err(backend(CREATE))?;
        let created_at = moment(micros(version.created_at)).map_err(unreadable(CREATE))?;
        Ok(VersionRecord { created_at, ..VersionRecord::new(number, version) })
    }

    async fn versions(
        &self,
        flow: FlowId,
        before: Option<u32>,
        limit: u32,
    ) -> Result<Vec<VersionRecord>, StoreError> {
        let (flow, limit) = (flow.as_uuid(), i64::from(limit));
        let before = before.map_or(i64::MAX, i64::from);
        let rows = sqlx::query_as!(
            VersionRow,
            r#"
            select
                number,
                name,
                description,
                cause,
                seq,
                content_hash,
                author_id as "author_id: Uuid",
                created_at
            from flow_versions
            where flow_id = ?1 and number < ?2
            order by number desc
            limit ?3
            "#,
            flow,
            before,
            limit,
        )
        .fetch_all(self.readers())
        .await
        .map_err(backend(LIST))?;
        rows.into_iter().map(VersionRow::into_record).collect::<Result<_, _>>().map_err(unreadable(LIST))
    }

    async fn version(&self, flow: FlowId, number: u32) -> Result<Option<(VersionRecord, Bytes)>, StoreError> {
        let (flow, number) = (flow.as_uuid(), i64::from(number));
        let row = sqlx::query!(
            r#"
            select
                number,
                name,
                description,
                cause,
                seq,
                content_hash,
                author_id as "author_id: Uuid",
                created_at,
                content
            from flow_versions
            where flow_id = ?1 and number = ?2
            "#,
            flow,
            number,
        )
        .fetch_optional(self.readers())
        .await
        .map_err(backend(READ))?;
        let Some(row) = row else { return Ok(None) };
        let content = Bytes::from(row.content);
        let row = VersionRow {
            number: row.number,
            name: row.name,
            description: row.description,
            cause: row.cause,
            seq: row.seq,
            content_hash: row.content_hash,
            author_id: row.author_id,
            created_at: row.created_at,
        };
        Ok(Some((row.into_record().map_err(unreadable(READ))?, content)))
    }

    async fn deactivate(&self, flow: FlowId, by: &Origin) -> Result<bool, StoreError> {
        let mut tx = self.begin_write().await.map_err(backend(DEACTIVATE))?;
        if !is_there(&mut tx, flow).await.map_err(backend(DEACTIVATE))? {
            return Err(StoreError::UnknownFlow(flow));
        }
        let id = flow.as_uuid();
        let deactivated = sqlx::query!(
            "update flows set active_version = null where id = ?1 and active_version is not null",
            id
        )
        .execute(&mut *tx)
        .await
        .map_err(backend(DEACTIVATE))?;
        if deactivated.rows_affected() == 0 {
            return Ok(false);
        }
        let event = AuditEvent::FlowDeactivated { flow };
        record(&mut tx, Chain::Flow(flow), &event, by).await.map_err(backend(DEACTIVATE))?;
        tx.commit().await.map_err(backend(DEACTIVATE))?;
        Ok(true)
    }
}

pub(crate) async fn is_there(tx: &mut SqliteConnection, flow: FlowId) -> Result<bool, sqlx::Error> {
    let flow = flow.as_uuid();
    sqlx::query_scalar!(
        r#"select exists (select 1 from flows where id = ?1 and deleted_at is null) as "exists!: bool""#,
        flow,
    )
    .fetch_one(tx)
    .await
}

/// The version that is active, if it is of a later state than this one. Nobody else writes
/// while this transaction does.
async fn newer_active(
    tx: &mut SqliteConnection,
    version: &NewVersion,
) -> Result<Option<VersionRow>, sqlx::Error> {
    let (flow, seq) = (version.flow.as_uuid(), position(version.seq));
    sqlx::query_as!(
        VersionRow,
        r#"
        select
            number,
            flow_versions.name,
            flow_versions.description,
            cause,
            seq,
            content_hash,
            author_id as "author_id: Uuid",
            flow_versions.created_at
        from flows
        join flow_versions
            on flow_versions.flow_id = flows.id and flow_versions.number = flows.active_version
        where flows.id = ?1 and flows.deleted_at is null and seq > ?2
        "#,
        flow,
        seq,
    )
    .fetch_optional(tx)
    .await
}

/// The version's number, and the flow's active version if this is to be it.
async fn draw_number(tx: &mut SqliteConnection, version: &NewVersion) -> Result<Option<i64>, sqlx::Error> {
    let (flow, activates) = (version.flow.as_uuid(), version.cause == VersionCause::Activation);
    sqlx::query_scalar!(
        r#"
        update flows
        set
            last_version = last_version + 1,
            active_version = iif(?2, last_version + 1, active_version)
        where id = ?1 and deleted_at is null
        returning last_version
        "#,
        flow,
        activates,
    )
    .fetch_optional(tx)
    .await
}

/// Has it told that there is a version.
async fn tell(tx: &mut SqliteConnection, flow: FlowId, number: u32, by: &Origin) -> Result<(), sqlx::Error> {
    let id = flow.as_uuid();
    let workspace = sqlx::query_scalar!(r#"select workspace_id as "id: Uuid" from flows where id = ?1"#, id)
        .fetch_one(&mut *tx)
        .await?;
    let workspace = WorkspaceId::from_uuid(workspace);
    tell_all(tx, workspace, &WebhookEvent::version_created(workspace, flow, number, by)).await
}

async fn insert(tx: &mut SqliteConnection, number: i64, version: &NewVersion) -> Result<(), sqlx::Error> {
    let (flow, at, seq) = (version.flow.as_uuid(), micros(version.created_at), position(version.seq));
    let cause = version.cause.as_str();
    let author = version.author.user().map(UserId::as_uuid);
    let content = &*version.content;
    sqlx::query!(
        r#"
        insert into flow_versions (
            flow_id, number, name, description, cause, seq, content_hash, content, author_id, created_at
        )
        values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)
        "#,
        flow,
        number,
        version.name,
        version.description,
        cause,
        seq,
        version.content_hash,
        content,
        author,
        at,
    )
    .execute(tx)
    .await?;
    Ok(())
}

struct VersionRow {
    number: i64,
    name: String,
    description: String,
    cause: String,
    seq: i64,
    content_hash: String,
    author_id: Option<Uuid>,
    created_at: i64,
}

impl VersionRow {
    fn into_record(self) -> Result<VersionRecord, Unreadable> {
        Ok(VersionRecord {
            number: number_of(self.number)?,
            name: self.name,
            description: self.description,
            cause: self.cause.parse().map_err(|()| Unreadable("cause of a version"))?,
            seq: seq(self.seq),
            content_hash: self.content_hash,
            author: ActorId::from(self.author_id.map(UserId::from_uuid)),
            created_at: moment(self.created_at)?,
        })
    }
}

pub(crate) fn number_of(number: i64) -> Result<u32, Unreadable> {
    u32::try_from(number).map_err(|_| Unreadable("number of a version"))
}
