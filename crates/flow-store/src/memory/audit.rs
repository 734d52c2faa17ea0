use async_trait::async_trait;
use flow_base::{UserId, WorkspaceId};

use super::{MemoryStore, State, Workspace};
use crate::{
    AuditEvent, AuditHead, AuditPage, AuditRecord, AuditStore, Conflict, Origin, StoreError, WebhookEvent,
};

#[async_trait]
impl AuditStore for MemoryStore {
    async fn audit(
        &self,
        workspace: WorkspaceId,
        page: AuditPage,
        limit: u32,
    ) -> Result<Vec<AuditRecord>, StoreError> {
        let (state, limit) = (self.state(), limit as usize);
        let Some(stored) = state.workspaces.get(&workspace) else { return Ok(Vec::new()) };
        let events = stored.audit.iter();
        Ok(match page {
            AuditPage::After(seq) => events.filter(|event| event.seq > seq).take(limit).cloned().collect(),
            AuditPage::Before(seq) => {
                events.rev().filter(|event| event.seq < seq).take(limit).cloned().collect()
            }
        })
    }

    async fn audit_head(&self, workspace: WorkspaceId) -> Result<AuditHead, StoreError> {
        Ok(self.state().workspaces.get(&workspace).map(Workspace::audit_head).unwrap_or_default())
    }

    async fn record(
        &self,
        workspace: WorkspaceId,
        event: &AuditEvent,
        by: &Origin,
    ) -> Result<(), StoreError> {
        let mut state = self.state();
        if !state.workspaces.contains_key(&workspace) {
            return Err(StoreError::Conflict(Conflict::UnknownWorkspace));
        }
        state.record(workspace, event, by);
        Ok(())
    }
}

impl State {
    /// In the chain of a workspace that is known to be there.
    pub(super) fn record(&mut self, workspace: WorkspaceId, event: &AuditEvent, by: &Origin) {
        let stored = self.workspaces.get_mut(&workspace).expect("the caller has looked for it");
        let record = AuditRecord::after(&stored.audit_head(), workspace, by, event);
        let told = WebhookEvent::of(&record);
        stored.audit.push(record);
        if let Some(told) = told {
            self.tell_all(workspace, &told);
        }
    }

    /// In the chain of the user's personal workspace, if there is such a user.
    pub(super) fn record_of(&mut self, user: UserId, event: &AuditEvent, by: &Origin) {
        if let Some(workspace) = self.users.get(&user).map(|user| user.workspace) {
            self.record(workspace, event, by);
        }
    }
}

impl Workspace {
    fn audit_head(&self) -> AuditHead {
        self.audit.last().map(AuditRecord::head).unwrap_or_default()
    }
}
