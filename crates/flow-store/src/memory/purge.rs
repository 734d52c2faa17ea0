use async_trait::async_trait;
use flow_base::{FlowId, Timestamp};

use super::{Flow, MemoryStore, to_micros};
use crate::{AuditEvent, Origin, PURGED_BYTES, PURGED_ROWS, Purge, PurgePart, PurgeStore, StoreError};

/// A flow on its way out: no method but those below finds it.
#[derive(Debug)]
pub(super) struct Purging {
    began_at: Timestamp,
    has_archive: bool,
    /// What is left of it.
    flow: Option<Flow>,
}

#[async_trait]
impl PurgeStore for MemoryStore {
    async fn begin_purge(
        &self,
        deleted_before: Timestamp,
        by: &Origin,
    ) -> Result<Option<FlowId>, StoreError> {
        let mut state = self.state();
        let deleted = state.flows.iter().filter_map(|(&id, flow)| Some((flow.deleted?, id)));
        let Some((_, id)) = deleted.filter(|(at, _)| *at <= to_micros(deleted_before)).min() else {
            return Ok(None);
        };
        let flow = state.flows.remove(&id).expect("it was found");
        let (workspace, has_archive) = (flow.workspace, !flow.segments.is_empty());
        state.links.retain(|_, link| link.record.flow != id);
        state.purges.insert(id, Purging { began_at: to_micros(by.at), has_archive, flow: Some(flow) });
        state.record(workspace, &AuditEvent::FlowPurged { flow: id }, by);
        Ok(Some(id))
    }

    async fn purge_part(&self, flow: FlowId) -> Result<PurgePart, StoreError> {
        let mut state = self.state();
        let Some(purging) = state.purges.get_mut(&flow) else { return Ok(PurgePart::NotOurs) };
        let Some(left) = &mut purging.flow else { return Ok(PurgePart::NotOurs) };
        if !left.log.is_empty() {
            let mut bytes = 0;
            for _ in 0..PURGED_ROWS {
                let Some((_, update)) = left.log.pop_first() else { break };
                bytes += update.bytes.len() as u64;
                if bytes >= PURGED_BYTES {
                    break;
                }
            }
            return Ok(PurgePart::More);
        }
        if !left.members.is_empty() {
            left.members.clear();
            return Ok(PurgePart::More);
        }
        purging.flow = None;
        Ok(PurgePart::Emptied)
    }

    async fn purges(&self, after: Option<FlowId>, limit: u32) -> Result<Vec<Purge>, StoreError> {
        let state = self.state();
        let purges = state.purges.iter().map(|(&flow, purging)| Purge {
            flow,
            began_at: purging.began_at,
            has_archive: purging.has_archive,
            is_emptied: purging.flow.is_none(),
        });
        let purges = purges.filter(|purge| after.is_none_or(|after| purge.flow > after));
        Ok(purges.take(limit as usize).collect())
    }

    async fn end_purge(&self, flow: FlowId) -> Result<bool, StoreError> {
        let mut state = self.state();
        let is_emptied = state.purges.get(&flow).is_some_and(|purging| purging.flow.is_none());
        Ok(is_emptied && state.purges.remove(&flow).is_some())
    }
}
