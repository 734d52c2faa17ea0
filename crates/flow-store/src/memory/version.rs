use async_trait::async_trait;
use bytes::Bytes;
use flow_base::{FlowId, Timestamp};

use super::{Flow, MemoryStore, State, to_micros};
use crate::{
    AuditEvent, NewVersion, Origin, StoreError, VersionCause, VersionRecord, VersionStore, WebhookEvent,
};

#[async_trait]
impl VersionStore for MemoryStore {
    async fn create_version(&self, version: &NewVersion, by: &Origin) -> Result<VersionRecord, StoreError> {
        let mut state = self.state();
        let stored = state.undeleted(version.flow)?;
        let active = stored.versions.iter().find(|(record, _)| Some(record.number) == stored.active_version);
        if let Some((active, _)) = active
            && version.cause == VersionCause::Activation
            && active.seq > version.seq
        {
            return Ok(active.clone());
        }
        let number = u32::try_from(stored.versions.len() + 1).expect("memory holds fewer");
        let created_at: Timestamp = to_micros(version.created_at);
        let record = VersionRecord { created_at, ..VersionRecord::new(number, version) };
        stored.versions.push((record.clone(), version.content.clone()));
        let (workspace, flow) = (stored.workspace, version.flow);
        if version.cause == VersionCause::Activation {
            stored.active_version = Some(number);
        }
        state.tell_all(workspace, &WebhookEvent::version_created(workspace, flow, number, by));
        if version.cause == VersionCause::Activation {
            state.record(workspace, &AuditEvent::FlowActivated { flow, version: number }, by);
        }
        Ok(record)
    }

    async fn versions(
        &self,
        flow: FlowId,
        before: Option<u32>,
        limit: u32,
    ) -> Result<Vec<VersionRecord>, StoreError> {
        let state = self.state();
        let Some(stored) = state.flows.get(&flow) else { return Ok(Vec::new()) };
        let versions = stored.versions.iter().rev().map(|(record, _)| record);
        let versions = versions.filter(|record| before.is_none_or(|before| record.number < before));
        Ok(versions.take(limit as usize).cloned().collect())
    }

    async fn version(&self, flow: FlowId, number: u32) -> Result<Option<(VersionRecord, Bytes)>, StoreError> {
        let state = self.state();
        let versions = state.flows.get(&flow).map(|stored| &stored.versions);
        Ok(versions.and_then(|versions| versions.iter().find(|(record, _)| record.number == number)).cloned())
    }

    async fn deactivate(&self, flow: FlowId, by: &Origin) -> Result<bool, StoreError> {
        let mut state = self.state();
        let stored = state.undeleted(flow)?;
        let (workspace, was_active) = (stored.workspace, stored.active_version.take().is_some());
        if was_active {
            state.record(workspace, &AuditEvent::FlowDeactivated { flow }, by);
        }
        Ok(was_active)
    }
}

impl State {
    pub(super) fn undeleted(&mut self, flow: FlowId) -> Result<&mut Flow, StoreError> {
        let stored = self.flows.get_mut(&flow).filter(|stored| stored.deleted.is_none());
        stored.ok_or(StoreError::UnknownFlow(flow))
    }
}
