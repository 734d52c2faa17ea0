//! What flows are called in addresses.

use async_trait::async_trait;
use flow_base::{FlowId, Slug};
use flow_store::{AuditEvent, Conflict, Origin, SlugStore, StoreError};
use sqlx::SqliteConnection;
use uuid::Uuid;

use crate::SqliteStore;
use crate::audit::{Chain, record};
use crate::error::backend;
use crate::version::is_there;

const SET: &str = "set what the flow is called in addresses";
const FIND: &str = "find the flow by what it is called";

#[async_trait]
impl SlugStore for SqliteStore {
    async fn set_slug(&self, flow: FlowId, slug: Option<&Slug>, by: &Origin) -> Result<bool, StoreError> {
        // Nobody else writes while this transaction does.
        let mut tx = self.begin_write().await.map_err(backend(SET))?;
        if !is_there(&mut tx, flow).await.map_err(backend(SET))? {
            return Err(StoreError::UnknownFlow(flow));
        }
        if let Some(slug) = slug
            && is_anothers(&mut tx, flow, slug).await.map_err(backend(SET))?
        {
            return Err(StoreError::Conflict(Conflict::SlugTaken));
        }
        let (id, text) = (flow.as_uuid(), slug.map(Slug::as_str));
        let changed = sqlx::query!("update flows set slug = ?2 where id = ?1 and slug is not ?2", id, text)
            .execute(&mut *tx)
            .await
            .map_err(backend(SET))?;
        if changed.rows_affected() == 0 {
            return Ok(false);
        }
        let event = AuditEvent::FlowSlugChanged { flow, has_slug: slug.is_some() };
        record(&mut tx, Chain::Flow(flow), &event, by).await.map_err(backend(SET))?;
        tx.commit().await.map_err(backend(SET))?;
        Ok(true)
    }

    async fn flow_called(&self, slug: &Slug) -> Result<Option<FlowId>, StoreError> {
        let slug = slug.as_str();
        let found = sqlx::query_scalar!(
            r#"select id as "id: Uuid" from flows where slug = ?1 and deleted_at is null"#,
            slug,
        )
        .fetch_optional(self.readers())
        .await
        .map_err(backend(FIND))?;
        Ok(found.map(FlowId::from_uuid))
    }
}

/// Also of one that is deleted.
async fn is_anothers(tx: &mut SqliteConnection, flow: FlowId, slug: &Slug) -> Result<bool, sqlx::Error> {
    let (flow, slug) = (flow.as_uuid(), slug.as_str());
    sqlx::query_scalar!(
        r#"select exists (select 1 from flows where slug = ?2 and id <> ?1) as "exists!: bool""#,
        flow,
        slug,
    )
    .fetch_one(tx)
    .await
}
