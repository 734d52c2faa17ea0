use std::cmp::Reverse;

use async_trait::async_trait;
use flow_base::{FlowId, LinkId, Timestamp};

use super::{Link, MemoryStore, to_micros};
use crate::{
    AuditEvent, Conflict, LINKS_PER_FLOW, LinkAccess, LinkRecord, LinkStore, NewLink, Origin, StoreError,
};

#[async_trait]
impl LinkStore for MemoryStore {
    async fn create_link(&self, link: &NewLink, by: &Origin) -> Result<(), StoreError> {
        let mut state = self.state();
        let workspace = state.undeleted(link.flow)?.workspace;
        state.require_owner(link.flow, by)?;
        let has = state.links.values().filter(|known| known.record.flow == link.flow).count();
        if has >= LINKS_PER_FLOW as usize {
            return Err(StoreError::Conflict(Conflict::TooManyLinks));
        }
        let NewLink { id, flow, hash, role, created_by, expires_at } = *link;
        let record = LinkRecord {
            id,
            flow,
            role,
            created_by,
            created_at: to_micros(by.at),
            expires_at: expires_at.map(to_micros),
        };
        state.links.insert(id, Link { hash, record });
        state.record(workspace, &AuditEvent::LinkCreated { flow, link: id, role }, by);
        Ok(())
    }

    async fn links(&self, flow: FlowId) -> Result<Vec<LinkRecord>, StoreError> {
        let state = self.state();
        let links = state.links.values().filter(|link| link.record.flow == flow);
        let mut links: Vec<_> = links.map(|link| link.record.clone()).collect();
        links.sort_by_key(|link| Reverse((link.created_at, link.id)));
        Ok(links)
    }

    async fn live_link(&self, hash: &[u8; 32], now: Timestamp) -> Result<Option<LinkAccess>, StoreError> {
        let state = self.state();
        let link = state.links.values().find(|link| link.hash == *hash && link.is_live(now));
        let Some(link) = link.map(|link| link.record.clone()) else { return Ok(None) };
        let flow = state.flows.get(&link.flow).filter(|flow| flow.deleted.is_none());
        Ok(flow.map(|flow| LinkAccess { link, access_rev: state.access_rev(flow) }))
    }

    async fn revoke_link(&self, flow: FlowId, link: LinkId, by: &Origin) -> Result<bool, StoreError> {
        let mut state = self.state();
        if state.links.get(&link).is_none_or(|known| known.record.flow != flow) {
            return Ok(false);
        }
        state.links.remove(&link);
        let workspace = state.flows[&flow].workspace;
        state.record(workspace, &AuditEvent::LinkRevoked { flow, link }, by);
        Ok(true)
    }
}
