use async_trait::async_trait;
use flow_base::{FlowId, Slug};

use super::MemoryStore;
use crate::{AuditEvent, Conflict, Origin, SlugStore, StoreError};

#[async_trait]
impl SlugStore for MemoryStore {
    async fn set_slug(&self, flow: FlowId, slug: Option<&Slug>, by: &Origin) -> Result<bool, StoreError> {
        let mut state = self.state();
        let is_others = |(&id, stored): (&FlowId, &super::Flow)| id != flow && stored.slug.as_ref() == slug;
        let is_taken = slug.is_some() && state.flows.iter().any(is_others);
        let stored = state.undeleted(flow)?;
        if is_taken {
            return Err(StoreError::Conflict(Conflict::SlugTaken));
        }
        if stored.slug.as_ref() == slug {
            return Ok(false);
        }
        stored.slug = slug.cloned();
        let workspace = stored.workspace;
        state.record(workspace, &AuditEvent::FlowSlugChanged { flow, has_slug: slug.is_some() }, by);
        Ok(true)
    }

    async fn flow_called(&self, slug: &Slug) -> Result<Option<FlowId>, StoreError> {
        let state = self.state();
        let mut there = state.flows.iter().filter(|(_, stored)| stored.deleted.is_none());
        Ok(there.find(|(_, stored)| stored.slug.as_ref() == Some(slug)).map(|(&id, _)| id))
    }
}
