//! `audit_heads` and `audit_events`.

use async_trait::async_trait;
use flow_base::{FlowId, UserId, WorkspaceId};
use flow_store::{
    AuditEvent, AuditHead, AuditPage, AuditRecord, AuditStore, Conflict, Origin, Personal, StoreError,
    WebhookEvent,
};
use sqlx::SqliteConnection;
use uuid::Uuid;

use crate::SqliteStore;
use crate::error::{Unreadable, backend, micros, moment, unreadable};
use crate::webhook::tell_all;
use crate::workspace::exists;

const LIST: &str = "read the audit events";
const READ_HEAD: &str = "read where the audit events end";
const RECORD: &str = "record the audit event";

/// In whose chain something is recorded.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Chain {
    Workspace(WorkspaceId),
    /// The personal workspace's.
    User(UserId),
    /// That of the workspace the flow is in.
    Flow(FlowId),
}

/// Records what the transaction does. Nothing is recorded for a user or a flow that is not
/// there.
pub(crate) async fn record(
    tx: &mut SqliteConnection,
    chain: Chain,
    event: &AuditEvent,
    by: &Origin,
) -> Result<(), sqlx::Error> {
    let Some(workspace) = place(tx, chain).await? else { return Ok(()) };
    let head = head(tx, workspace).await?;
    append(tx, &AuditRecord::after(&head, workspace, by, event)).await
}

async fn place(tx: &mut SqliteConnection, chain: Chain) -> Result<Option<WorkspaceId>, sqlx::Error> {
    let found = match chain {
        Chain::Workspace(workspace) => return Ok(Some(workspace)),
        Chain::User(user) => {
            let user = user.as_uuid();
            sqlx::query_scalar!(r#"select workspace_id as "id: Uuid" from users where id = ?1"#, user)
                .fetch_optional(tx)
                .await?
        }
        Chain::Flow(flow) => {
            let flow = flow.as_uuid();
            sqlx::query_scalar!(r#"select workspace_id as "id: Uuid" from flows where id = ?1"#, flow)
                .fetch_optional(tx)
                .await?
        }
    };
    Ok(found.map(WorkspaceId::from_uuid))
}

async fn head(connection: &mut SqliteConnection, workspace: WorkspaceId) -> Result<AuditHead, sqlx::Error> {
    let workspace = workspace.as_uuid();
    let row = sqlx::query!("select seq, hash from audit_heads where workspace_id = ?1", workspace)
        .fetch_optional(connection)
        .await?;
    Ok(row.map_or_else(AuditHead::default, |row| AuditHead {
        seq: row.seq.cast_unsigned(),
        hash: hash(&row.hash).expect("the column's length is checked"),
    }))
}

async fn append(tx: &mut SqliteConnection, record: &AuditRecord) -> Result<(), sqlx::Error> {
    let (workspace, seq, at) = (record.workspace.as_uuid(), number(record.seq), micros(record.at));
    let user = record.user.map(UserId::as_uuid);
    let personal = record.personal.as_ref();
    let (text, salt) =
        (personal.map(|personal| &*personal.text), personal.map(|personal| &personal.salt[..]));
    let (personal_hash, hash) = (&record.personal_hash[..], &record.hash[..]);
    sqlx::query!(
        r#"
        insert into audit_events (
            workspace_id, seq, at, user_id, credential, event, personal, personal_salt, personal_hash, hash
        )
        values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)
        "#,
        workspace,
        seq,
        at,
        user,
        record.credential,
        record.event,
        text,
        salt,
        personal_hash,
        hash,
    )
    .execute(&mut *tx)
    .await?;
    sqlx::query!(
        r#"
        insert into audit_heads (workspace_id, seq, hash)
        values (?1, ?2, ?3)
        on conflict (workspace_id) do update
        set
            seq = excluded.seq,
            hash = excluded.hash
        "#,
        workspace,
        seq,
        hash,
    )
    .execute(&mut *tx)
    .await?;
    if let Some(told) = WebhookEvent::of(record) {
        tell_all(tx, record.workspace, &told).await?;
    }
    Ok(())
}

#[async_trait]
impl AuditStore for SqliteStore {
    async fn audit(
        &self,
        workspace: WorkspaceId,
        page: AuditPage,
        limit: u32,
    ) -> Result<Vec<AuditRecord>, StoreError> {
        let mut connection = self.readers().acquire().await.map_err(backend(LIST))?;
        let rows = match page {
            AuditPage::After(seq) => after(&mut connection, workspace, seq, limit).await,
            AuditPage::Before(seq) => before(&mut connection, workspace, seq, limit).await,
        };
        let rows = rows.map_err(backend(LIST))?.into_iter();
        rows.map(AuditRecord::try_from).collect::<Result<_, _>>().map_err(unreadable(LIST))
    }

    async fn audit_head(&self, workspace: WorkspaceId) -> Result<AuditHead, StoreError> {
        let mut connection = self.readers().acquire().await.map_err(backend(READ_HEAD))?;
        head(&mut connection, workspace).await.map_err(backend(READ_HEAD))
    }

    async fn record(
        &self,
        workspace: WorkspaceId,
        event: &AuditEvent,
        by: &Origin,
    ) -> Result<(), StoreError> {
        let mut tx = self.begin_write().await.map_err(backend(RECORD))?;
        if !exists(&mut tx, workspace).await.map_err(backend(RECORD))? {
            return Err(StoreError::Conflict(Conflict::UnknownWorkspace));
        }
        record(&mut tx, Chain::Workspace(workspace), event, by).await.map_err(backend(RECORD))?;
        tx.commit().await.map_err(backend(RECORD))
    }
}

async fn after(
    connection: &mut SqliteConnection,
    workspace: WorkspaceId,
    seq: u64,
    limit: u32,
) -> Result<Vec<EventRow>, sqlx::Error> {
    let (workspace, seq, limit) = (workspace.as_uuid(), number(seq), i64::from(limit));
    sqlx::query_as!(
        EventRow,
        r#"
        select
            workspace_id as "workspace_id: Uuid",
            seq,
            at,
            user_id as "user_id: Uuid",
            credential,
            event,
            personal,
            personal_salt,
            personal_hash,
            hash
        from audit_events
        where workspace_id = ?1 and seq > ?2
        order by seq
        limit ?3
        "#,
        workspace,
        seq,
        limit,
    )
    .fetch_all(connection)
    .await
}

async fn before(
    connection: &mut SqliteConnection,
    workspace: WorkspaceId,
    seq: u64,
    limit: u32,
) -> Result<Vec<EventRow>, sqlx::Error> {
    let (workspace, seq, limit) = (workspace.as_uuid(), number(seq), i64::from(limit));
    sqlx::query_as!(
        EventRow,
        r#"
        select
            workspace_id as "workspace_id: Uuid",
            seq,
            at,
            user_id as "user_id: Uuid",
            credential,
            event,
            personal,
            personal_salt,
            personal_hash,
            hash
        from audit_events
        where workspace_id = ?1 and seq < ?2
        order by seq desc
        limit ?3
        "#,
        workspace,
        seq,
        limit,
    )
    .fetch_all(connection)
    .await
}

struct EventRow {
    workspace_id: Uuid,
    seq: i64,
    at: i64,
    user_id: Option<Uuid>,
    credential: String,
    event: String,
    personal: Option<String>,
    personal_salt: Option<Vec<u8>>,
    personal_hash: Vec<u8>,
    hash: Vec<u8>,
}

impl TryFrom<EventRow> for AuditRecord {
    type Error = Unreadable;

    fn try_from(row: EventRow) -> Result<Self, Unreadable> {
        let personal = row.personal.zip(row.personal_salt).map(|(text, salt)| {
            let salt = salt.try_into().map_err(|_| Unreadable("salt of an audit event"))?;
            Ok(Personal { text, salt })
        });
        Ok(Self {
            workspace: WorkspaceId::from_uuid(row.workspace_id),
            seq: row.seq.cast_unsigned(),
            at: moment(row.at)?,
            user: row.user_id.map(UserId::from_uuid),
            credential: row.credential,
            event: row.event,
            personal: personal.transpose()?,
            personal_hash: hash(&row.personal_hash)?,
            hash: hash(&row.hash)?,
        })
    }
}

fn hash(bytes: &[u8]) -> Result<[u8; 32], Unreadable> {
    bytes.try_into().map_err(|_| Unreadable("hash of an audit event"))
}

/// A number for a column. None that a chain has is cut: 2^63 events do not fit a disk.
fn number(seq: u64) -> i64 {
    i64::try_from(seq).unwrap_or(i64::MAX)
}
