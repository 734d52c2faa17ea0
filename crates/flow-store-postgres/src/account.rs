//! `users`, `installation`, `workspaces`, `workspace_members`, `sessions` and
//! `refresh_tokens`.

mod erase;
mod rotate;
mod session;
mod user;

use async_trait::async_trait;
use flow_base::{SessionId, Timestamp, UserId};
use flow_store::{
    AccountStore, Entry, NewSession, NewUser, Origin, PasswordChange, RefreshOutcome, RefreshRotation,
    SessionRecord, StoreError, User, UserChange,
};

use crate::PostgresStore;

pub(crate) use user::{keep as keep_user, lock as lock_user};

const CREATE_USER: &str = "create the account";
const READ_USER: &str = "read the account";
const CHANGE_USER: &str = "change the account";
const CHANGE_PASSWORD: &str = "change the password";
const ERASE: &str = "erase the account";
const CREATE_SESSION: &str = "store the sign-in";
const READ_SESSION: &str = "read the sign-in";
const LIST_SESSIONS: &str = "read the sign-ins";
const REVOKE: &str = "end the sign-in";

#[async_trait]
impl AccountStore for PostgresStore {
    async fn admit_user(&self, user: &NewUser, entry: Entry, by: &Origin) -> Result<bool, StoreError> {
        self.call(CREATE_USER, user::admit(self, user, entry, by)).await
    }

    async fn has_users(&self) -> Result<bool, StoreError> {
        self.call(READ_USER, user::any(self)).await
    }

    async fn user(&self, user: UserId) -> Result<Option<User>, StoreError> {
        self.call(READ_USER, user::by_id(self, user)).await
    }

    async fn user_by_email(&self, email: &str) -> Result<Option<User>, StoreError> {
        self.call(READ_USER, user::by_email(self, email)).await
    }

    async fn users(&self, after: Option<UserId>, limit: u32) -> Result<Vec<User>, StoreError> {
        self.call(READ_USER, user::page(self, after, limit)).await
    }

    async fn change_user(
        &self,
        user: UserId,
        change: &UserChange,
        by: &Origin,
    ) -> Result<Option<User>, StoreError> {
        self.call(CHANGE_USER, user::change(self, user, change, by)).await
    }

    async fn erase_user(&self, user: UserId, heir: Option<UserId>, by: &Origin) -> Result<bool, StoreError> {
        self.call(ERASE, erase::erase(self, user, heir, by)).await
    }

    async fn change_password(&self, change: &PasswordChange, by: &Origin) -> Result<bool, StoreError> {
        self.call(CHANGE_PASSWORD, user::change_password(self, change, by)).await
    }

    async fn create_session(&self, session: &NewSession, by: &Origin) -> Result<(), StoreError> {
        self.call(CREATE_SESSION, session::create(self, session, by)).await
    }

    async fn sessions(
        &self,
        user: UserId,
        now: Timestamp,
        limit: u32,
    ) -> Result<Vec<SessionRecord>, StoreError> {
        self.call(LIST_SESSIONS, session::list(self, user, now, limit)).await
    }

    async fn rotate_refresh(
        &self,
        rotation: &RefreshRotation,
        by: &Origin,
    ) -> Result<RefreshOutcome, StoreError> {
        rotate::rotate(self, rotation, by).await
    }

    async fn session_is_live(&self, session: SessionId, now: Timestamp) -> Result<bool, StoreError> {
        self.call(READ_SESSION, session::is_live(self, session, now)).await
    }

    async fn revoke_session(
        &self,
        user: UserId,
        session: SessionId,
        by: &Origin,
    ) -> Result<bool, StoreError> {
        self.call(REVOKE, session::revoke(self, user, session, by)).await
    }
}
