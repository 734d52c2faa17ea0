use std::cmp::Reverse;

use async_trait::async_trait;
use flow_base::{KeyId, Timestamp, UserId};

use super::{Key, MemoryStore, to_micros};
use crate::{AuditEvent, Conflict, KEYS_PER_USER, KeyRecord, KeyStore, NewKey, Origin, StoreError};

#[async_trait]
impl KeyStore for MemoryStore {
    async fn create_key(&self, key: &NewKey, by: &Origin) -> Result<(), StoreError> {
        let mut state = self.state();
        if !state.users.contains_key(&key.user) {
            return Err(StoreError::Conflict(Conflict::UnknownUser));
        }
        let owned = state.keys.values().filter(|known| known.record.user == key.user).count();
        if owned >= KEYS_PER_USER as usize {
            return Err(StoreError::Conflict(Conflict::TooManyKeys));
        }
        let record = KeyRecord {
            id: key.id,
            user: key.user,
            name: key.name.clone(),
            scopes: key.scopes,
            created_at: to_micros(key.created_at),
            expires_at: key.expires_at.map(to_micros),
            last_used_at: None,
        };
        state.keys.insert(key.id, Key { hash: key.hash, record });
        state.record_of(key.user, &AuditEvent::KeyCreated { key: key.id, scopes: key.scopes }, by);
        Ok(())
    }

    async fn keys(&self, user: UserId) -> Result<Vec<KeyRecord>, StoreError> {
        let state = self.state();
        let owned = state.keys.values().filter(|key| key.record.user == user);
        let mut keys: Vec<_> = owned.map(|key| key.record.clone()).collect();
        keys.sort_by_key(|key| Reverse((key.created_at, key.id)));
        Ok(keys)
    }

    async fn live_key(&self, hash: &[u8; 32], now: Timestamp) -> Result<Option<KeyRecord>, StoreError> {
        let state = self.state();
        let key = state.keys.values().find(|key| key.hash == *hash && key.is_live(now));
        Ok(key.map(|key| key.record.clone()))
    }

    async fn key_used(&self, key: KeyId, at: Timestamp) -> Result<(), StoreError> {
        if let Some(key) = self.state().keys.get_mut(&key) {
            key.record.last_used_at = key.record.last_used_at.max(Some(to_micros(at)));
        }
        Ok(())
    }

    async fn revoke_key(&self, user: UserId, key: KeyId, by: &Origin) -> Result<bool, StoreError> {
        let mut state = self.state();
        let is_owned = state.keys.get(&key).is_some_and(|key| key.record.user == user);
        if !is_owned {
            return Ok(false);
        }
        state.keys.remove(&key);
        state.record_of(user, &AuditEvent::KeyRevoked { key }, by);
        Ok(true)
    }
}
