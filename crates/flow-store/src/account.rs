use std::fmt::Debug;

use async_trait::async_trait;
use flow_base::{Secret, SessionId, Timestamp, UserId, WorkspaceId};

use crate::StoreError;

#[derive(Debug, Clone)]
pub struct NewUser {
    pub id: UserId,
    /// Lower-cased by the caller; unique.
    pub email: String,
    pub name: String,
    /// A PHC string.
    pub password_hash: Secret<String>,
    /// The personal workspace every account has from the start; the user owns it.
    pub workspace: WorkspaceId,
    pub created_at: Timestamp,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    pub id: UserId,
    pub email: String,
    pub name: String,
    pub password_hash: Secret<String>,
    /// The personal workspace.
    pub workspace: WorkspaceId,
    pub created_at: Timestamp,
}

/// A sign-in with its first refresh token.
#[derive(Debug, Clone)]
pub struct NewSession {
    pub id: SessionId,
    pub user: UserId,
    /// SHA-256 of the token; the token itself is never stored.
    pub refresh_hash: [u8; 32],
    pub created_at: Timestamp,
    pub expires_at: Timestamp,
}

/// An exchange of a refresh token for its successor.
#[derive(Debug, Clone)]
pub struct RefreshRotation {
    pub presented_hash: [u8; 32],
    pub successor_hash: [u8; 32],
    pub now: Timestamp,
    /// The session's new end, if the exchange succeeds.
    pub expires_at: Timestamp,
    /// A token replaced after this moment is still honoured: two tabs that
    /// refresh at the same time are not theft.
    pub honour_replaced_after: Timestamp,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RefreshOutcome {
    /// The successor is stored and the presented token is replaced.
    Rotated { session: SessionId, user: UserId },
    /// The token had been replaced before `honour_replaced_after`: somebody
    /// holds a copy. The session is revoked now.
    Reused { session: SessionId, user: UserId },
    /// No such token, or its session is revoked or expired.
    Unknown,
}

/// Accounts and their sign-ins.
#[async_trait]
pub trait AccountStore: Debug + Send + Sync + 'static {
    /// Creates the account and its personal workspace in one transaction.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when the address is taken; [`StoreError::Backend`].
    async fn create_user(&self, user: &NewUser) -> Result<(), StoreError>;

    /// # Errors
    /// [`StoreError::Backend`].
    async fn user(&self, user: UserId) -> Result<Option<User>, StoreError>;

    /// # Errors
    /// [`StoreError::Backend`].
    async fn user_by_email(&self, email: &str) -> Result<Option<User>, StoreError>;

    /// # Errors
    /// [`StoreError::Conflict`] when there is no such account; [`StoreError::Backend`].
    async fn create_session(&self, session: &NewSession) -> Result<(), StoreError>;

    /// Exchanges a refresh token, atomically.
    ///
    /// # Errors
    /// [`StoreError::Backend`].
    async fn rotate_refresh(&self, rotation: &RefreshRotation) -> Result<RefreshOutcome, StoreError>;

    /// Whether the session is neither revoked nor expired.
    ///
    /// # Errors
    /// [`StoreError::Backend`].
    async fn session_is_live(&self, session: SessionId, now: Timestamp) -> Result<bool, StoreError>;

    /// Ends the session and all its tokens; answers whether it was live.
    ///
    /// # Errors
    /// [`StoreError::Backend`].
    async fn revoke_session(&self, session: SessionId, now: Timestamp) -> Result<bool, StoreError>;
}
