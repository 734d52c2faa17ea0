//! `flow_links`.

use async_trait::async_trait;
use flow_base::{FlowId, LinkId, LinkRole, Timestamp, UserId};
use flow_store::{
    AuditEvent, Conflict, LINKS_PER_FLOW, LinkAccess, LinkRecord, LinkStore, NewLink, Origin, StoreError,
};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::PostgresStore;
use crate::audit::{Chain, record};
use crate::error::{Failure, Unreadable};
use crate::flow::lock_owned;
use crate::values::Moment;

const CREATE: &str = "store the share link";
const LIST: &str = "read the share links";
const READ: &str = "read the share link";
const REVOKE: &str = "end the share link";

#[async_trait]
impl LinkStore for PostgresStore {
    async fn create_link(&self, link: &NewLink, by: &Origin) -> Result<(), StoreError> {
        self.call(CREATE, create(self, link, by)).await
    }

    async fn links(&self, flow: FlowId) -> Result<Vec<LinkRecord>, StoreError> {
        self.call(LIST, list(self, flow)).await
    }

    async fn live_link(&self, hash: &[u8; 32], now: Timestamp) -> Result<Option<LinkAccess>, StoreError> {
        self.call(READ, find(self, hash, now)).await
    }

    async fn revoke_link(&self, flow: FlowId, link: LinkId, by: &Origin) -> Result<bool, StoreError> {
        self.call(REVOKE, revoke(self, flow, link, by)).await
    }
}

async fn create(store: &PostgresStore, link: &NewLink, by: &Origin) -> Result<(), Failure> {
    let mut tx = store.begin().await?;
    // One flow's links are made one after the other: what is counted stays so.
    match lock_owned(&mut tx, link.flow, by).await? {
        None => return Err(tx.refuse(StoreError::UnknownFlow(link.flow)).await),
        Some(false) => return Err(tx.refuse(StoreError::Conflict(Conflict::NotAllowed)).await),
        Some(true) => {}
    }
    if !insert(&mut tx, link, by).await? {
        return Err(tx.refuse(StoreError::Conflict(Conflict::TooManyLinks)).await);
    }
    let NewLink { id, flow, role, .. } = *link;
    record(&mut tx, Chain::Flow(flow), &AuditEvent::LinkCreated { flow, link: id, role }, by).await?;
    tx.commit().await
}

/// Answers whether there was room for it.
async fn insert(tx: &mut PgConnection, link: &NewLink, by: &Origin) -> Result<bool, sqlx::Error> {
    let inserted = sqlx::query!(
        r#"
        insert into flow_links (id, flow_id, hash, role, created_by, created_at, expires_at)
        select $1, $2, $3, $4, $5, $6, $7
        where (select count(*) from flow_links where flow_id = $2) < $8
        "#,
        link.id.as_uuid(),
        link.flow.as_uuid(),
        &link.hash[..],
        link.role.as_str(),
        link.created_by.as_uuid(),
        Moment(by.at) as Moment,
        link.expires_at.map(Moment) as Option<Moment>,
        i64::from(LINKS_PER_FLOW),
    )
    .execute(tx)
    .await?;
    Ok(inserted.rows_affected() == 1)
}

async fn list(store: &PostgresStore, flow: FlowId) -> Result<Vec<LinkRecord>, Failure> {
    let mut session = store.session().await?;
    let rows = sqlx::query_as!(
        LinkRow,
        r#"
        select
            id,
            flow_id,
            role,
            created_by,
            created_at as "created_at: Moment",
            expires_at as "expires_at: Moment"
        from flow_links
        where flow_id = $1
        order by created_at desc, id desc
        "#,
        flow.as_uuid(),
    )
    .fetch_all(&mut *session)
    .await;
    let links: Result<_, Unreadable> = session.settle(rows)?.into_iter().map(LinkRecord::try_from).collect();
    Ok(links?)
}

async fn find(store: &PostgresStore, hash: &[u8; 32], now: Timestamp) -> Result<Option<LinkAccess>, Failure> {
    let mut session = store.session().await?;
    let row = sqlx::query!(
        r#"
        select
            flow_links.id,
            flow_links.flow_id,
            flow_links.role,
            flow_links.created_by,
            flow_links.created_at as "created_at: Moment",
            flow_links.expires_at as "expires_at: Moment",
            flow_heads.access_rev + workspaces.access_rev as "access_rev!"
        from flow_links
        join flows on flows.id = flow_links.flow_id
        join flow_heads on flow_heads.flow_id = flows.id
        join workspaces on workspaces.id = flows.workspace_id
        where flow_links.hash = $1
            and (flow_links.expires_at is null or flow_links.expires_at > $2)
            and flows.deleted_at is null
        "#,
        &hash[..],
        Moment(now) as Moment,
    )
    .fetch_optional(&mut *session)
    .await;
    let Some(row) = session.settle(row)? else { return Ok(None) };
    let access_rev = row.access_rev.cast_unsigned();
    let link = LinkRow {
        id: row.id,
        flow_id: row.flow_id,
        role: row.role,
        created_by: row.created_by,
        created_at: row.created_at,
        expires_at: row.expires_at,
    };
    Ok(Some(LinkAccess { link: link.try_into()?, access_rev }))
}

async fn revoke(store: &PostgresStore, flow: FlowId, link: LinkId, by: &Origin) -> Result<bool, Failure> {
    let mut tx = store.begin().await?;
    let revoked = sqlx::query!(
        "delete from flow_links where id = $2 and flow_id = $1",
        flow.as_uuid(),
        link.as_uuid(),
    )
    .execute(&mut *tx)
    .await?;
    if revoked.rows_affected() == 0 {
        tx.undo().await;
        return Ok(false);
    }
    record(&mut tx, Chain::Flow(flow), &AuditEvent::LinkRevoked { flow, link }, by).await?;
    tx.commit().await?;
    Ok(true)
}

struct LinkRow {
    id: Uuid,
    flow_id: Uuid,
    role: String,
    created_by: Uuid,
    created_at: Moment,
    expires_at: Option<Moment>,
}

impl TryFrom<LinkRow> for LinkRecord {
    type Error = Unreadable;

    fn try_from(row: LinkRow) -> Result<Self, Unreadable> {
        Ok(Self {
            id: LinkId::from_uuid(row.id),
            flow: FlowId::from_uuid(row.flow_id),
            role: row.role.parse::<LinkRole>().map_err(|_| Unreadable("role of a link"))?,
            created_by: UserId::from_uuid(row.created_by),
            created_at: row.created_at.0,
            expires_at: row.expires_at.map(|at| at.0),
        })
    }
}
