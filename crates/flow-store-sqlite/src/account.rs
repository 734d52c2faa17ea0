//! `users`, `workspaces`, `workspace_members`, `sessions` and `refresh_tokens`.

mod erase;
mod session;
mod user;

use async_trait::async_trait;
use flow_base::{SessionId, Timestamp, UserId};
use flow_store::{
    AccountStore, Entry, NewSession, NewUser, Origin, PasswordChange, RefreshOutcome, RefreshRotation,
    SessionRecord, StoreError, User, UserChange,
};

use crate::SqliteStore;

pub(crate) use user::exists as user_exists;

#[async_trait]
impl AccountStore for SqliteStore {
    async fn admit_user(&self, user: &NewUser, entry: Entry, by: &Origin) -> Result<bool, StoreError> {
        user::admit(self, user, entry, by).await
    }

    async fn has_users(&self) -> Result<bool, StoreError> {
        user::any(self).await
    }

    async fn user(&self, user: UserId) -> Result<Option<User>, StoreError> {
        user::by_id(self, user).await
    }

    async fn user_by_email(&self, email: &str) -> Result<Option<User>, StoreError> {
        user::by_email(self, email).await
    }

    async fn users(&self, after: Option<UserId>, limit: u32) -> Result<Vec<User>, StoreError> {
        user::page(self, after, limit).await
    }

    async fn change_user(
        &self,
        user: UserId,
        change: &UserChange,
        by: &Origin,
    ) -> Result<Option<User>, StoreError> {
        user::change(self, user, change, by).await
    }

    async fn erase_user(&self, user: UserId, heir: Option<UserId>, by: &Origin) -> Result<bool, StoreError> {
        erase::erase(self, user, heir, by).await
    }

    async fn change_password(&self, change: &PasswordChange, by: &Origin) -> Result<bool, StoreError> {
        user::change_password(self, change, by).await
    }

    async fn create_session(&self, session: &NewSession, by: &Origin) -> Result<(), StoreError> {
        session::create(self, session, by).await
    }

    async fn sessions(
        &self,
        user: UserId,
        now: Timestamp,
        limit: u32,
    ) -> Result<Vec<SessionRecord>, StoreError> {
        session::list(self, user, now, limit).await
    }

    async fn rotate_refresh(
        &self,
        rotation: &RefreshRotation,
        by: &Origin,
    ) -> Result<RefreshOutcome, StoreError> {
        session::rotate(self, rotation, by).await
    }

    async fn session_is_live(&self, session: SessionId, now: Timestamp) -> Result<bool, StoreError> {
        session::is_live(self, session, now).await
    }

    async fn revoke_session(
        &self,
        user: UserId,
        session: SessionId,
        by: &Origin,
    ) -> Result<bool, StoreError> {
        session::revoke(self, user, session, by).await
    }
}
