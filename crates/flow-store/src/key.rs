use std::fmt::Debug;

use async_trait::async_trait;
use flow_base::{KeyId, Scopes, Timestamp, UserId};

use crate::{Origin, StoreError};

/// API keys that a user may have, those that have expired included.
pub const KEYS_PER_USER: u32 = 100;

/// An API key on its way into the store.
#[derive(Debug, Clone)]
pub struct NewKey {
    pub id: KeyId,
    pub user: UserId,
    pub name: String,
    /// SHA-256 of the key; the key itself is never stored.
    pub hash: [u8; 32],
    pub scopes: Scopes,
    pub created_at: Timestamp,
    /// `None`: it does not.
    pub expires_at: Option<Timestamp>,
}

/// An API key as it is stored, live or expired.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyRecord {
    pub id: KeyId,
    pub user: UserId,
    pub name: String,
    pub scopes: Scopes,
    pub created_at: Timestamp,
    pub expires_at: Option<Timestamp>,
    /// As [`KeyStore::key_used`] was told.
    pub last_used_at: Option<Timestamp>,
}

/// The keys with which programs act for their owners.
#[async_trait]
pub trait KeyStore: Debug + Send + Sync + 'static {
    /// # Errors
    /// [`StoreError::Conflict`] when there is no such account, or it has
    /// [`KEYS_PER_USER`] of them; [`StoreError::Backend`].
    async fn create_key(&self, key: &NewKey, by: &Origin) -> Result<(), StoreError>;

    /// The user's keys, expired ones as well, the newest first.
    ///
    /// # Errors
    /// [`StoreError::Backend`].
    async fn keys(&self, user: UserId) -> Result<Vec<KeyRecord>, StoreError>;

    /// The key with this hash, if it has neither been revoked nor expired.
    ///
    /// # Errors
    /// [`StoreError::Backend`].
    async fn live_key(&self, hash: &[u8; 32], now: Timestamp) -> Result<Option<KeyRecord>, StoreError>;

    /// Remembers that the key was used then; never an earlier moment than is known.
    ///
    /// # Errors
    /// [`StoreError::Backend`].
    async fn key_used(&self, key: KeyId, at: Timestamp) -> Result<(), StoreError>;

    /// Ends the key; answers whether it was the user's and there.
    ///
    /// # Errors
    /// [`StoreError::Backend`].
    async fn revoke_key(&self, user: UserId, key: KeyId, by: &Origin) -> Result<bool, StoreError>;
}
