use std::fmt::Debug;

use async_trait::async_trait;
use flow_base::{Secret, SessionId, Timestamp, UserId, WorkspaceId};

use crate::{Origin, StoreError};

/// What the personal workspace of an erased account is called, which had the person's name.
pub const ERASED_WORKSPACE: &str = "Workspace of a deleted account";

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

/// How an account comes to an installation. The first one owns it in any case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Entry {
    /// Anybody may have one.
    Open,
    /// Only the first is let in.
    FirstOnly,
    /// An operator makes it one that owns the installation.
    AsOwner,
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
    /// May see how the installation as a whole is doing.
    pub is_installation_owner: bool,
}

/// What to change of an account; what is `None` stays.
#[derive(Debug, Clone, Default)]
pub struct UserChange {
    /// Lower-cased by the caller; unique.
    pub email: Option<String>,
    pub name: Option<String>,
}

/// A new password.
#[derive(Debug, Clone)]
pub struct PasswordChange {
    pub user: UserId,
    /// A PHC string.
    pub password_hash: Secret<String>,
    /// The sign-in that lives on; all others of the user end.
    pub keep: Option<SessionId>,
    pub now: Timestamp,
}

/// A sign-in with its first refresh token.
#[derive(Debug, Clone)]
pub struct NewSession {
    pub id: SessionId,
    pub user: UserId,
    /// The hash that the password was verified against. A password that was changed
    /// meanwhile opens nothing any more.
    pub password_hash: Secret<String>,
    /// SHA-256 of the token; the token itself is never stored.
    pub refresh_hash: [u8; 32],
    /// What the client calls itself, cut by the caller.
    pub user_agent: Option<String>,
    pub created_at: Timestamp,
    pub expires_at: Timestamp,
}

/// A sign-in that lives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionRecord {
    pub id: SessionId,
    pub user_agent: Option<String>,
    pub created_at: Timestamp,
    /// When it was last prolonged.
    pub last_used_at: Timestamp,
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
    /// Creates the account and its personal workspace in one transaction; answers whether
    /// it owns the installation. Of several made at the same time in an empty store
    /// exactly one is the first.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when the address is taken, or when only the first account
    /// is let in and this is not it (also if its address is taken); [`StoreError::Backend`].
    async fn admit_user(&self, user: &NewUser, entry: Entry, by: &Origin) -> Result<bool, StoreError>;

    /// As [`AccountStore::admit_user`] with [`Entry::Open`], by themselves.
    ///
    /// # Errors
    /// As [`AccountStore::admit_user`].
    async fn create_user(&self, user: &NewUser) -> Result<(), StoreError> {
        let by = Origin::user(user.id, user.created_at);
        self.admit_user(user, Entry::Open, &by).await.map(drop)
    }

    /// Whether there is any account.
    ///
    /// # Errors
    /// [`StoreError::Backend`].
    async fn has_users(&self) -> Result<bool, StoreError>;

    /// # Errors
    /// [`StoreError::Backend`].
    async fn user(&self, user: UserId) -> Result<Option<User>, StoreError>;

    /// # Errors
    /// [`StoreError::Backend`].
    async fn user_by_email(&self, email: &str) -> Result<Option<User>, StoreError>;

    /// At most `limit` accounts after this one, by id, which is by age.
    ///
    /// # Errors
    /// [`StoreError::Backend`].
    async fn users(&self, after: Option<UserId>, limit: u32) -> Result<Vec<User>, StoreError>;

    /// Answers the account as it is then; `None` when there is none.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when the address is another account's; [`StoreError::Backend`].
    async fn change_user(
        &self,
        user: UserId,
        change: &UserChange,
        by: &Origin,
    ) -> Result<Option<User>, StoreError>;

    /// Takes away for good, in one transaction, what is known of a person: name, address,
    /// password, sign-ins, keys, roles, and from where they did what they did. The id stays
    /// in logs, versions and audit events, as somebody who is not there.
    ///
    /// Workspaces that nobody else owns become the heir's. Without an heir their flows are
    /// deleted, as by [`FlowStore::delete_flow`](crate::FlowStore::delete_flow). Answers
    /// whether there was such an account.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when there is no such heir, or there is none and others are
    /// in a workspace that nobody else owns; [`StoreError::Backend`].
    async fn erase_user(&self, user: UserId, heir: Option<UserId>, by: &Origin) -> Result<bool, StoreError>;

    /// Sets the password and ends the user's other sign-ins in one transaction; answers
    /// whether there is such an account. A sign-in with the old password that is being
    /// stored at the same time is ended or refused.
    ///
    /// # Errors
    /// [`StoreError::Backend`].
    async fn change_password(&self, change: &PasswordChange, by: &Origin) -> Result<bool, StoreError>;

    /// # Errors
    /// [`StoreError::Conflict`] when there is no such account, or its password is another
    /// by now; [`StoreError::Backend`].
    async fn create_session(&self, session: &NewSession, by: &Origin) -> Result<(), StoreError>;

    /// The user's sign-ins that live, at most `limit`, last used first.
    ///
    /// # Errors
    /// [`StoreError::Backend`].
    async fn sessions(
        &self,
        user: UserId,
        now: Timestamp,
        limit: u32,
    ) -> Result<Vec<SessionRecord>, StoreError>;

    /// Exchanges a refresh token, atomically.
    ///
    /// # Errors
    /// [`StoreError::Backend`].
    async fn rotate_refresh(
        &self,
        rotation: &RefreshRotation,
        by: &Origin,
    ) -> Result<RefreshOutcome, StoreError>;

    /// Whether the session is neither revoked nor expired.
    ///
    /// # Errors
    /// [`StoreError::Backend`].
    async fn session_is_live(&self, session: SessionId, now: Timestamp) -> Result<bool, StoreError>;

    /// Ends the session and all its tokens; answers whether it was the user's and live.
    ///
    /// # Errors
    /// [`StoreError::Backend`].
    async fn revoke_session(&self, user: UserId, session: SessionId, by: &Origin)
    -> Result<bool, StoreError>;
}
