use async_trait::async_trait;
use bytes::Bytes;
use flow_base::{Role, WorkspaceId};

use super::{MemoryStore, to_micros};
use crate::{
    AuditEvent, Conflict, Origin, SECRETS_PER_WORKSPACE, SealedSecret, SecretRecord, SecretStore, StoreError,
};

#[derive(Debug)]
pub(super) struct Kept {
    record: SecretRecord,
    sealed: Bytes,
}

#[async_trait]
impl SecretStore for MemoryStore {
    async fn put_secret(&self, secret: &SealedSecret, by: &Origin) -> Result<SecretRecord, StoreError> {
        let SealedSecret { workspace, name, sealed } = secret.clone();
        let mut state = self.state();
        if !state.workspaces.contains_key(&workspace) {
            return Err(StoreError::Conflict(Conflict::UnknownWorkspace));
        }
        state.require_in(workspace, Role::Owner, by)?;
        let key = (workspace, name.clone());
        let count = state.secrets.keys().filter(|(of, _)| *of == workspace).count();
        if !state.secrets.contains_key(&key) && count >= SECRETS_PER_WORKSPACE as usize {
            return Err(StoreError::Conflict(Conflict::TooManySecrets));
        }
        let record = SecretRecord { name: name.clone(), changed_at: to_micros(by.at), changed_by: by.user };
        state.secrets.insert(key, Kept { record: record.clone(), sealed });
        state.record(workspace, &AuditEvent::SecretChanged { name }, by);
        Ok(record)
    }

    async fn remove_secret(
        &self,
        workspace: WorkspaceId,
        name: &str,
        by: &Origin,
    ) -> Result<bool, StoreError> {
        let mut state = self.state();
        state.require_in(workspace, Role::Owner, by)?;
        if state.secrets.remove(&(workspace, name.to_owned())).is_none() {
            return Ok(false);
        }
        state.record(workspace, &AuditEvent::SecretRemoved { name: name.to_owned() }, by);
        Ok(true)
    }

    async fn secrets(&self, workspace: WorkspaceId) -> Result<Vec<SecretRecord>, StoreError> {
        let state = self.state();
        let kept = state.secrets.iter().filter(|((of, _), _)| *of == workspace);
        Ok(kept.map(|(_, kept)| kept.record.clone()).collect())
    }

    async fn secret(&self, workspace: WorkspaceId, name: &str) -> Result<Option<SealedSecret>, StoreError> {
        let state = self.state();
        let name = name.to_owned();
        let kept = state.secrets.get(&(workspace, name.clone()));
        Ok(kept.map(|kept| SealedSecret { workspace, name, sealed: kept.sealed.clone() }))
    }

    async fn all_secrets(
        &self,
        after: Option<&SealedSecret>,
        limit: u32,
    ) -> Result<Vec<SealedSecret>, StoreError> {
        let state = self.state();
        let after = after.map(|after| (after.workspace, after.name.clone()));
        let secrets = state.secrets.iter().filter(|(key, _)| after.as_ref().is_none_or(|after| *key > after));
        let sealed = secrets.map(|((workspace, name), kept)| SealedSecret {
            workspace: *workspace,
            name: name.clone(),
            sealed: kept.sealed.clone(),
        });
        Ok(sealed.take(limit as usize).collect())
    }

    async fn reseal_secret(&self, read: &SealedSecret, sealed: &Bytes) -> Result<bool, StoreError> {
        let mut state = self.state();
        let kept = state.secrets.get_mut(&(read.workspace, read.name.clone()));
        let Some(kept) = kept.filter(|kept| kept.sealed == read.sealed) else { return Ok(false) };
        kept.sealed = sealed.clone();
        Ok(true)
    }
}
