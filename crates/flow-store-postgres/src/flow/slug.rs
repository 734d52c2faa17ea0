//! What flows are called in addresses.

use async_trait::async_trait;
use flow_base::{FlowId, Slug};
use flow_store::{AuditEvent, Origin, SlugStore, StoreError};

use crate::PostgresStore;
use crate::audit::{Chain, record};
use crate::error::Failure;

const SET: &str = "set what the flow is called in addresses";
const FIND: &str = "find the flow by what it is called";

#[async_trait]
impl SlugStore for PostgresStore {
    async fn set_slug(&self, flow: FlowId, slug: Option<&Slug>, by: &Origin) -> Result<bool, StoreError> {
        let changed = self.call(SET, set(self, flow, slug, by)).await?;
        changed.ok_or(StoreError::UnknownFlow(flow))
    }

    async fn flow_called(&self, slug: &Slug) -> Result<Option<FlowId>, StoreError> {
        self.call(FIND, async {
            let mut session = self.session().await?;
            let found = sqlx::query_scalar!(
                "select id from flows where slug = $1 and deleted_at is null",
                slug.as_str(),
            )
            .fetch_optional(&mut *session)
            .await;
            Ok(session.settle(found)?.map(FlowId::from_uuid))
        })
        .await
    }
}

/// Whether it was changed; `None` when there is no such flow. Of two that want one slug the
/// second waits for the first, and is refused by the index.
async fn set(
    store: &PostgresStore,
    flow: FlowId,
    slug: Option<&Slug>,
    by: &Origin,
) -> Result<Option<bool>, Failure> {
    let mut tx = store.begin().await?;
    let changed = sqlx::query_scalar!(
        r#"
        with changed as (
            update flows
            set slug = $2
            where id = $1 and deleted_at is null and slug is distinct from $2
            returning id
        )
        select exists (select 1 from changed) as "is_changed!"
        from flows
        where id = $1 and deleted_at is null
        "#,
        flow.as_uuid(),
        slug.map(Slug::as_str),
    )
    .fetch_optional(&mut *tx)
    .await?;
    if changed != Some(true) {
        tx.undo().await;
        return Ok(changed);
    }
    let event = AuditEvent::FlowSlugChanged { flow, has_slug: slug.is_some() };
    record(&mut tx, Chain::Flow(flow), &event, by).await?;
    tx.commit().await?;
    Ok(changed)
}
