use std::collections::HashMap;

use async_trait::async_trait;
use flow_base::{Role, SessionId, Timestamp, UserId};

use super::{MemoryStore, Session, Token, to_micros};
use crate::{AccountStore, Conflict, NewSession, NewUser, RefreshOutcome, RefreshRotation, StoreError, User};

#[async_trait]
impl AccountStore for MemoryStore {
    async fn create_user(&self, user: &NewUser) -> Result<(), StoreError> {
        let mut state = self.state();
        if state.users.values().any(|known| known.email == user.email) {
            return Err(StoreError::Conflict(Conflict::EmailTaken));
        }
        state.workspaces.insert(user.workspace, HashMap::from([(user.id, Role::Owner)]));
        state.users.insert(
            user.id,
            User {
                id: user.id,
                email: user.email.clone(),
                name: user.name.clone(),
                password_hash: user.password_hash.clone(),
                workspace: user.workspace,
                created_at: to_micros(user.created_at),
            },
        );
        Ok(())
    }

    async fn user(&self, user: UserId) -> Result<Option<User>, StoreError> {
        Ok(self.state().users.get(&user).cloned())
    }

    async fn user_by_email(&self, email: &str) -> Result<Option<User>, StoreError> {
        Ok(self.state().users.values().find(|user| user.email == email).cloned())
    }

    async fn create_session(&self, session: &NewSession) -> Result<(), StoreError> {
        let mut state = self.state();
        if !state.users.contains_key(&session.user) {
            return Err(StoreError::Conflict(Conflict::UnknownUser));
        }
        let expires_at = to_micros(session.expires_at);
        state.sessions.insert(session.id, Session { user: session.user, expires_at, revoked: false });
        state.tokens.insert(session.refresh_hash, Token { session: session.id, replaced_at: None });
        Ok(())
    }

    async fn rotate_refresh(&self, rotation: &RefreshRotation) -> Result<RefreshOutcome, StoreError> {
        let mut guard = self.state();
        let state = &mut *guard;
        let Some(token) = state.tokens.get_mut(&rotation.presented_hash) else {
            return Ok(RefreshOutcome::Unknown);
        };
        let id = token.session;
        let Some(session) = state.sessions.get_mut(&id).filter(|session| session.is_live(rotation.now))
        else {
            return Ok(RefreshOutcome::Unknown);
        };
        if token.replaced_at.is_some_and(|at| at <= to_micros(rotation.honour_replaced_after)) {
            session.revoked = true;
            return Ok(RefreshOutcome::Reused { session: id, user: session.user });
        }
        token.replaced_at.get_or_insert(to_micros(rotation.now));
        session.expires_at = to_micros(rotation.expires_at);
        let user = session.user;
        state.tokens.insert(rotation.successor_hash, Token { session: id, replaced_at: None });
        Ok(RefreshOutcome::Rotated { session: id, user })
    }

    async fn session_is_live(&self, session: SessionId, now: Timestamp) -> Result<bool, StoreError> {
        Ok(self.state().sessions.get(&session).is_some_and(|session| session.is_live(now)))
    }

    async fn revoke_session(&self, session: SessionId, now: Timestamp) -> Result<bool, StoreError> {
        let mut state = self.state();
        let Some(session) = state.sessions.get_mut(&session).filter(|session| session.is_live(now)) else {
            return Ok(false);
        };
        session.revoked = true;
        Ok(true)
    }
}
