//! `flow_versions`.

use async_trait::async_trait;
use bytes::Bytes;
use flow_base::{ActorId, FlowId, UserId, WorkspaceId};
use flow_store::{
    AuditEvent, NewVersion, Origin, StoreError, VersionCause, VersionRecord, VersionStore, WebhookEvent,
};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::PostgresStore;
use crate::audit::{Chain, record};
use crate::error::{Failure, Unreadable};
use crate::values::{Moment, position, seq, text};
use crate::webhook::tell_all;

const CREATE: &str = "keep the version";
const LIST: &str = "list the versions";
const READ: &str = "read the version";
const DEACTIVATE: &str = "deactivate the flow";

#[async_trait]
impl VersionStore for PostgresStore {
    async fn create_version(&self, version: &NewVersion, by: &Origin) -> Result<VersionRecord, StoreError> {
        let created = self.call(CREATE, create(self, version, by)).await?;
        created.ok_or(StoreError::UnknownFlow(version.flow))
    }

    async fn versions(
        &self,
        flow: FlowId,
        before: Option<u32>,
        limit: u32,
    ) -> Result<Vec<VersionRecord>, StoreError> {
        self.call(LIST, list(self, flow.as_uuid(), before, limit)).await
    }

    async fn version(&self, flow: FlowId, number: u32) -> Result<Option<(VersionRecord, Bytes)>, StoreError> {
        self.call(READ, read(self, flow.as_uuid(), number)).await
    }

    async fn deactivate(&self, flow: FlowId, by: &Origin) -> Result<bool, StoreError> {
        let deactivated = self.call(DEACTIVATE, deactivate(self, flow, by)).await?;
        deactivated.ok_or(StoreError::UnknownFlow(flow))
    }
}

/// Nothing is written, and nothing answered, when there is no such flow.
async fn create(
    store: &PostgresStore,
    version: &NewVersion,
    by: &Origin,
) -> Result<Option<VersionRecord>, Failure> {
    let mut tx = store.begin().await?;
    if version.cause == VersionCause::Activation
        && let Some(newer) = newer_active(&mut tx, version).await?
    {
        tx.undo().await;
        return Ok(Some(newer.into_record()?));
    }
    let Some(row) = insert(&mut tx, version).await? else {
        tx.undo().await;
        return Ok(None);
    };
    let created = row.into_record()?;
    tell(&mut tx, version.flow, created.number, by).await?;
    if version.cause == VersionCause::Activation {
        let event = AuditEvent::FlowActivated { flow: version.flow, version: created.number };
        record(&mut tx, Chain::Flow(version.flow), &event, by).await?;
    }
    tx.commit().await?;
    Ok(Some(created))
}

/// Has it told that there is a version.
async fn tell(tx: &mut PgConnection, flow: FlowId, number: u32, by: &Origin) -> Result<(), sqlx::Error> {
    let workspace = sqlx::query_scalar!("select workspace_id from flows where id = $1", flow.as_uuid())
        .fetch_one(&mut *tx)
        .await?;
    let workspace = WorkspaceId::from_uuid(workspace);
    tell_all(tx, workspace, &WebhookEvent::version_created(workspace, flow, number, by)).await
}

/// The version that is active, if it is of a later state than this one. Locks the flow first,
/// so that of two who activate at once the second sees what the first has made: the second
/// statement sees what was committed while the first one waited.
async fn newer_active(
    tx: &mut PgConnection,
    version: &NewVersion,
) -> Result<Option<VersionRow>, sqlx::Error> {
    let active = sqlx::query_scalar!(
        "select active_version from flows where id = $1 and deleted_at is null for no key update",
        version.flow.as_uuid(),
    )
    .fetch_optional(&mut *tx)
    .await?;
    sqlx::query_as!(
        VersionRow,
        r#"
        select
            number,
            name,
            description,
            cause,
            seq,
            content_hash,
            author_id,
            created_at as "created_at: Moment"
        from flow_versions
        where flow_id = $1 and number = $2 and seq > $3
        "#,
        version.flow.as_uuid(),
        // No version has the number 0.
        active.flatten().unwrap_or(0),
        position(version.seq),
    )
    .fetch_optional(tx)
    .await
}

/// The number is drawn from the flow's row, so that two who make a version at once get two.
async fn insert(tx: &mut PgConnection, version: &NewVersion) -> Result<Option<VersionRow>, sqlx::Error> {
    let author = version.author.user().map(UserId::as_uuid);
    sqlx::query_as!(
        VersionRow,
        r#"
        with numbered as (
            update flows
            set
                last_version = last_version + 1,
                active_version = case $4 when 'activation' then last_version + 1 else active_version end
            where id = $1 and deleted_at is null
            returning id, last_version
        ),
        created as (
            insert into flow_versions (
                flow_id, number, name, description, cause, seq, content_hash, content, author_id, created_at
            )
            select
                id,
                last_version,
                $2,
                $3,
                $4,
                $5,
                $6,
                $7,
                $8,
                $9
            from numbered
            returning number, name, description, cause, seq, content_hash, author_id, created_at
        )
        select
            number,
            name,
            description,
            cause,
            seq,
            content_hash,
            author_id,
            created_at as "created_at: Moment"
        from created
        "#,
        version.flow.as_uuid(),
        &*text(&version.name),
        &*text(&version.description),
        version.cause.as_str(),
        position(version.seq),
        version.content_hash,
        &*version.content,
        author,
        Moment(version.created_at) as Moment,
    )
    .fetch_optional(tx)
    .await
}

async fn list(
    store: &PostgresStore,
    flow: Uuid,
    before: Option<u32>,
    limit: u32,
) -> Result<Vec<VersionRecord>, Failure> {
    let mut session = store.session().await?;
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
            author_id,
            created_at as "created_at: Moment"
        from flow_versions
        where flow_id = $1 and number < $2
        order by number desc
        limit $3
        "#,
        flow,
        before.map_or(i64::MAX, i64::from),
        i64::from(limit),
    )
    .fetch_all(&mut *session)
    .await;
    let rows = session.settle(rows)?;
    Ok(rows.into_iter().map(VersionRow::into_record).collect::<Result<_, _>>()?)
}

async fn read(
    store: &PostgresStore,
    flow: Uuid,
    number: u32,
) -> Result<Option<(VersionRecord, Bytes)>, Failure> {
    let mut session = store.session().await?;
    let row = sqlx::query!(
        r#"
        select
            number,
            name,
            description,
            cause,
            seq,
            content_hash,
            author_id,
            created_at as "created_at: Moment",
            content
        from flow_versions
        where flow_id = $1 and number = $2
        "#,
        flow,
        i64::from(number),
    )
    .fetch_optional(&mut *session)
    .await;
    let Some(row) = session.settle(row)? else { return Ok(None) };
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
    Ok(Some((row.into_record()?, content)))
}

/// Whether one was active; `None` when there is no such flow.
async fn deactivate(store: &PostgresStore, flow: FlowId, by: &Origin) -> Result<Option<bool>, Failure> {
    let mut tx = store.begin().await?;
    let was_active = sqlx::query_scalar!(
        r#"
        with deactivated as (
            update flows
            set active_version = null
            where id = $1 and deleted_at is null and active_version is not null
            returning id
        )
        select exists (select 1 from deactivated) as "was_active!"
        from flows
        where id = $1 and deleted_at is null
        "#,
        flow.as_uuid(),
    )
    .fetch_optional(&mut *tx)
    .await?;
    if was_active == Some(true) {
        record(&mut tx, Chain::Flow(flow), &AuditEvent::FlowDeactivated { flow }, by).await?;
    }
    tx.commit().await?;
    Ok(was_active)
}

struct VersionRow {
    number: i64,
    name: String,
    description: String,
    cause: String,
    seq: i64,
    content_hash: String,
    author_id: Option<Uuid>,
    created_at: Moment,
}

impl VersionRow {
    fn into_record(self) -> Result<VersionRecord, Unreadable> {
        Ok(VersionRecord {
            number: number_of(self.number)?,
            name: self.name,
            description: self.description,
            cause: self.cause.parse::<VersionCause>().map_err(|()| Unreadable("cause of a version"))?,
            seq: seq(self.seq),
            content_hash: self.content_hash,
            author: ActorId::from(self.author_id.map(UserId::from_uuid)),
            created_at: self.created_at.0,
        })
    }
}

pub(crate) fn number_of(number: i64) -> Result<u32, Unreadable> {
    u32::try_from(number).map_err(|_| Unreadable("number of a version"))
}
