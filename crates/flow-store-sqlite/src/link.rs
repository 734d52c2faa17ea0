//! `flow_links`.

use async_trait::async_trait;
use flow_base::{FlowId, LinkId, LinkRole, Timestamp, UserId};
use flow_store::{
    AuditEvent, Conflict, LINKS_PER_FLOW, LinkAccess, LinkRecord, LinkStore, NewLink, Origin, StoreError,
};
use sqlx::SqliteConnection;
use uuid::Uuid;

use crate::SqliteStore;
use crate::audit::{Chain, record};
use crate::error::{Unreadable, backend, micros, moment, unreadable};
use crate::flow::require_owner;
use crate::version::is_there;

const CREATE: &str = "store the share link";
const LIST: &str = "read the share links";
const READ: &str = "read the share link";
const REVOKE: &str = "end the share link";

#[async_trait]
impl LinkStore for SqliteStore {
    async fn create_link(&self, link: &NewLink, by: &Origin) -> Result<(), StoreError> {
        let mut tx = self.begin_write().await.map_err(backend(CREATE))?;
        if !is_there(&mut tx, link.flow).await.map_err(backend(CREATE))? {
            return Err(StoreError::UnknownFlow(link.flow));
        }
        require_owner(&mut tx, link.flow, by, CREATE).await?;
        if !insert(&mut tx, link, by).await.map_err(backend(CREATE))? {
            return Err(StoreError::Conflict(Conflict::TooManyLinks));
        }
        let NewLink { id, flow, role, .. } = *link;
        let event = AuditEvent::LinkCreated { flow, link: id, role };
        record(&mut tx, Chain::Flow(flow), &event, by).await.map_err(backend(CREATE))?;
        tx.commit().await.map_err(backend(CREATE))
    }

    async fn links(&self, flow: FlowId) -> Result<Vec<LinkRecord>, StoreError> {
        let flow = flow.as_uuid();
        let rows = sqlx::query_as!(
            LinkRow,
            r#"
            select
                id as "id: Uuid",
                flow_id as "flow_id: Uuid",
                role,
                created_by as "created_by: Uuid",
                created_at,
                expires_at
            from flow_links
            where flow_id = ?1
            order by created_at desc, id desc
            "#,
            flow,
        )
        .fetch_all(self.readers())
        .await
        .map_err(backend(LIST))?;
        rows.into_iter().map(LinkRecord::try_from).collect::<Result<_, _>>().map_err(unreadable(LIST))
    }

    async fn live_link(&self, hash: &[u8; 32], now: Timestamp) -> Result<Option<LinkAccess>, StoreError> {
        let (hash, now) = (hash.as_slice(), micros(now));
        let row = sqlx::query!(
            r#"
            select
                flow_links.id as "id: Uuid",
                flow_links.flow_id as "flow_id: Uuid",
                flow_links.role,
                flow_links.created_by as "created_by: Uuid",
                flow_links.created_at,
                flow_links.expires_at,
                flow_heads.access_rev + workspaces.access_rev as "access_rev!: i64"
            from flow_links
            join flows on flows.id = flow_links.flow_id
            join flow_heads on flow_heads.flow_id = flows.id
            join workspaces on workspaces.id = flows.workspace_id
            where flow_links.hash = ?1
                and (flow_links.expires_at is null or flow_links.expires_at > ?2)
                and flows.deleted_at is null
            "#,
            hash,
            now,
        )
        .fetch_optional(self.readers())
        .await
        .map_err(backend(READ))?;
        let Some(row) = row else { return Ok(None) };
        let access_rev = row.access_rev.cast_unsigned();
        let link = LinkRow {
            id: row.id,
            flow_id: row.flow_id,
            role: row.role,
            created_by: row.created_by,
            created_at: row.created_at,
            expires_at: row.expires_at,
        };
        Ok(Some(LinkAccess { link: link.try_into().map_err(unreadable(READ))?, access_rev }))
    }

    async fn revoke_link(&self, flow: FlowId, link: LinkId, by: &Origin) -> Result<bool, StoreError> {
        let (flow_id, id) = (flow.as_uuid(), link.as_uuid());
        let mut tx = self.begin_write().await.map_err(backend(REVOKE))?;
        let revoked = sqlx::query!("delete from flow_links where id = ?2 and flow_id = ?1", flow_id, id)
            .execute(&mut *tx)
            .await
            .map_err(backend(REVOKE))?;
        if revoked.rows_affected() == 0 {
            return Ok(false);
        }
        let event = AuditEvent::LinkRevoked { flow, link };
        record(&mut tx, Chain::Flow(flow), &event, by).await.map_err(backend(REVOKE))?;
        tx.commit().await.map_err(backend(REVOKE))?;
        Ok(true)
    }
}

/// Answers whether there was room for it.
async fn insert(tx: &mut SqliteConnection, link: &NewLink, by: &Origin) -> Result<bool, sqlx::Error> {
    let (id, flow, hash) = (link.id.as_uuid(), link.flow.as_uuid(), link.hash.as_slice());
    let (role, created_by) = (link.role.as_str(), link.created_by.as_uuid());
    let (created_at, expires_at) = (micros(by.at), link.expires_at.map(micros));
    let inserted = sqlx::query!(
        r#"
        insert into flow_links (id, flow_id, hash, role, created_by, created_at, expires_at)
        select ?1, ?2, ?3, ?4, ?5, ?6, ?7
        where (select count(*) from flow_links where flow_id = ?2) < ?8
        "#,
        id,
        flow,
        hash,
        role,
        created_by,
        created_at,
        expires_at,
        LINKS_PER_FLOW,
    )
    .execute(tx)
    .await?;
    Ok(inserted.rows_affected() == 1)
}

struct LinkRow {
    id: Uuid,
    flow_id: Uuid,
    role: String,
    created_by: Uuid,
    created_at: i64,
    expires_at: Option<i64>,
}

impl TryFrom<LinkRow> for LinkRecord {
    type Error = Unreadable;

    fn try_from(row: LinkRow) -> Result<Self, Unreadable> {
        Ok(Self {
            id: LinkId::from_uuid(row.id),
            flow: FlowId::from_uuid(row.flow_id),
            role: row.role.parse::<LinkRole>().map_err(|_| Unreadable("role of a link"))?,
            created_by: UserId::from_uuid(row.created_by),
            created_at: moment(row.created_at)?,
            expires_at: row.expires_at.map(moment).transpose()?,
        })
    }
}
