//! `audit_heads` and `audit_events`.

use async_trait::async_trait;
use flow_base::{FlowId, UserId, WorkspaceId};
use flow_store::{
    AuditEvent, AuditHead, AuditPage, AuditRecord, AuditStore, Origin, Personal, StoreError, WebhookEvent,
};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::PostgresStore;
use crate::error::{Failure, Unreadable};
use crate::values::Moment;
use crate::webhook::tell_all;

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

/// Records what the transaction does. The chain's head stays locked until it ends, so this
/// comes last, and transactions that record in two chains take them in the order of their
/// ids. Nothing is recorded for a user or a flow that is not there.
pub(crate) async fn record(
    tx: &mut PgConnection,
    chain: Chain,
    event: &AuditEvent,
    by: &Origin,
) -> Result<(), sqlx::Error> {
    let Some((workspace, head)) = take_head(tx, chain).await? else { return Ok(()) };
    append(tx, &AuditRecord::after(&head, workspace, by, event)).await
}

/// Counts the event that is about to come, and tells what it comes after.
async fn take_head(
    tx: &mut PgConnection,
    chain: Chain,
) -> Result<Option<(WorkspaceId, AuditHead)>, sqlx::Error> {
    let (workspace, user, flow) = match chain {
        Chain::Workspace(workspace) => (Some(workspace.as_uuid()), None, None),
        Chain::User(user) => (None, Some(user.as_uuid()), None),
        Chain::Flow(flow) => (None, None, Some(flow.as_uuid())),
    };
    let row = sqlx::query!(
        r#"
        insert into audit_heads (workspace_id, seq, hash)
        select
            place.workspace_id,
            1,
            $4
        from (
            select $1::uuid as workspace_id
            where $1 is not null
            union all
            select workspace_id
            from users
            where id = $2
            union all
            select workspace_id
            from flows
            where id = $3
        ) as place
        on conflict (workspace_id) do update
        set seq = audit_heads.seq + 1
        returning workspace_id, seq, hash
        "#,
        workspace,
        user,
        flow,
        &AuditHead::default().hash[..],
    )
    .fetch_optional(tx)
    .await?;
    Ok(row.map(|row| {
        let seq = row.seq.cast_unsigned() - 1;
        let hash = hash(&row.hash).expect("the column's length is checked");
        (WorkspaceId::from_uuid(row.workspace_id), AuditHead { seq, hash })
    }))
}

async fn append(tx: &mut PgConnection, record: &AuditRecord) -> Result<(), sqlx::Error> {
    let personal = record.personal.as_ref();
    sqlx::query!(
        r#"
        with ended as (
            update audit_heads
            set hash = $10
            where workspace_id = $1
        )
        insert into audit_events (
            workspace_id, seq, at, user_id, credential, event, personal, personal_salt, personal_hash, hash
        )
        values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
        "#,
        record.workspace.as_uuid(),
        number(record.seq),
        Moment(record.at) as Moment,
        record.user.map(UserId::as_uuid),
        record.credential,
        record.event,
        personal.map(|personal| &*personal.text),
        personal.map(|personal| &personal.salt[..]),
        &record.personal_hash[..],
        &record.hash[..],
    )
    .execute(&mut *tx)
    .await?;
    if let Some(told) = WebhookEvent::of(record) {
        tell_all(tx, record.workspace, &told).await?;
    }
    Ok(())
}

#[async_trait]
impl AuditStore for PostgresStore {
    async fn audit(
        &self,
        workspace: WorkspaceId,
        page: AuditPage,
        limit: u32,
    ) -> Result<Vec<AuditRecord>, StoreError> {
        self.call(LIST, list(self, workspace, page, limit)).await
    }

    async fn audit_head(&self, workspace: WorkspaceId) -> Result<AuditHead, StoreError> {
        let head = self.call(READ_HEAD, async {
            let mut session = self.session().await?;
            let row = sqlx::query!(
                "select seq, hash from audit_heads where workspace_id = $1",
                workspace.as_uuid(),
            )
            .fetch_optional(&mut *session)
            .await;
            let Some(row) = session.settle(row)? else { return Ok(AuditHead::default()) };
            Ok(AuditHead { seq: row.seq.cast_unsigned(), hash: hash(&row.hash)? })
        });
        head.await
    }

    async fn record(
        &self,
        workspace: WorkspaceId,
        event: &AuditEvent,
        by: &Origin,
    ) -> Result<(), StoreError> {
        let recorded = self.call(RECORD, async {
            let mut tx = self.begin().await?;
            let recorded = record(&mut tx, Chain::Workspace(workspace), event, by).await;
            tx.end(recorded).await
        });
        recorded.await
    }
}

async fn list(
    store: &PostgresStore,
    workspace: WorkspaceId,
    page: AuditPage,
    limit: u32,
) -> Result<Vec<AuditRecord>, Failure> {
    let mut session = store.session().await?;
    let rows = match page {
        AuditPage::After(seq) => after(&mut session, workspace, seq, limit).await,
        AuditPage::Before(seq) => before(&mut session, workspace, seq, limit).await,
    };
    let rows = session.settle(rows)?;
    let events: Result<_, Unreadable> = rows.into_iter().map(AuditRecord::try_from).collect();
    Ok(events?)
}

async fn after(
    connection: &mut PgConnection,
    workspace: WorkspaceId,
    seq: u64,
    limit: u32,
) -> Result<Vec<EventRow>, sqlx::Error> {
    sqlx::query_as!(
        EventRow,
        r#"
        select
            workspace_id,
            seq,
            at as "at: Moment",
            user_id,
            credential,
            event,
            personal,
            personal_salt,
            personal_hash,
            hash
        from audit_events
        where workspace_id = $1 and seq > $2
        order by seq
        limit $3
        "#,
        workspace.as_uuid(),
        number(seq),
        i64::from(limit),
    )
    .fetch_all(connection)
    .await
}

async fn before(
    connection: &mut PgConnection,
    workspace: WorkspaceId,
    seq: u64,
    limit: u32,
) -> Result<Vec<EventRow>, sqlx::Error> {
    sqlx::query_as!(
        EventRow,
        r#"
        select
            workspace_id,
            seq,
            at as "at: Moment",
            user_id,
            credential,
            event,
            personal,
            personal_salt,
            personal_hash,
            hash
        from audit_events
        where workspace_id = $1 and seq < $2
        order by seq desc
        limit $3
        "#,
        workspace.as_uuid(),
        number(seq),
        i64::from(limit),
    )
    .fetch_all(connection)
    .await
}

struct EventRow {
    workspace_id: Uuid,
    seq: i64,
    at: Moment,
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
            at: row.at.0,
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
