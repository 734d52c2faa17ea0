use std::cmp::Reverse;
use std::collections::BTreeSet;

use async_trait::async_trait;
use flow_base::{Role, SessionId, Timestamp, UserId, WorkspaceId};

use super::{MemoryStore, Session, State, Token, Workspace, to_micros};
use crate::{
    AccountStore, AuditEvent, Conflict, ERASED_WORKSPACE, Entry, NewSession, NewUser, Origin, PasswordChange,
    RefreshOutcome, RefreshRotation, SessionRecord, StoreError, User, UserChange,
};

impl State {
    /// The workspaces that nobody owns but this user.
    fn left_without(&self, user: UserId) -> BTreeSet<WorkspaceId> {
        let owns = |workspace: &&Workspace| {
            let owners = workspace.members.iter().filter(|(_, role)| **role == Role::Owner);
            owners.map(|(owner, _)| *owner).eq([user])
        };
        self.workspaces.iter().filter(|(_, workspace)| owns(workspace)).map(|(id, _)| *id).collect()
    }

    fn leave_everything(
        &mut self,
        user: UserId,
        heir: Option<UserId>,
        left: &BTreeSet<WorkspaceId>,
        by: &Origin,
    ) {
        if heir.is_none() {
            // Nobody is there to look after them; and their addresses, and what they open, are somebody's.
            self.forget_webhooks(left);
            self.secrets.retain(|(workspace, _), _| !left.contains(workspace));
        }
        self.disable_webhooks_of(user);
        let member_of = |(id, workspace): (&WorkspaceId, &Workspace)| {
            workspace.members.contains_key(&user).then_some(*id)
        };
        let workspaces: Vec<_> = self.workspaces.iter().filter_map(member_of).collect();
        for id in workspaces {
            let workspace = self.workspaces.get_mut(&id).expect("it was found");
            workspace.members.remove(&user);
            workspace.access_rev += 1;
            let event = match heir.filter(|_| left.contains(&id)) {
                Some(heir) => {
                    workspace.members.insert(heir, Role::Owner);
                    AuditEvent::WorkspaceTransferred { from: user, to: heir }
                }
                None => AuditEvent::WorkspaceMemberChanged { user, role: None },
            };
            let by = Origin { address: None, ..*by };
            self.record(id, &event, &by);
        }
        for flow in self.flows.values_mut() {
            if heir.is_none() && left.contains(&flow.workspace) && flow.deleted.is_none() {
                flow.deleted = Some(to_micros(by.at));
            }
            flow.members.remove(&user);
        }
    }
}

#[async_trait]
impl AccountStore for MemoryStore {
    async fn admit_user(&self, user: &NewUser, entry: Entry, by: &Origin) -> Result<bool, StoreError> {
        let mut state = self.state();
        let is_first = !state.has_had_users;
        if entry == Entry::FirstOnly && !is_first {
            return Err(StoreError::Conflict(Conflict::RegistrationClosed));
        }
        if state.users.values().any(|known| known.email == user.email) {
            return Err(StoreError::Conflict(Conflict::EmailTaken));
        }
        state.has_had_users = true;
        let is_installation_owner = is_first || entry == Entry::AsOwner;
        state.workspaces.insert(user.workspace, Workspace::new(&user.name, user.id, user.created_at));
        state.users.insert(
            user.id,
            User {
                id: user.id,
                email: user.email.clone(),
                name: user.name.clone(),
                password_hash: user.password_hash.clone(),
                workspace: user.workspace,
                created_at: to_micros(user.created_at),
                is_installation_owner,
            },
        );
        state.record(user.workspace, &AuditEvent::AccountCreated { user: user.id }, by);
        Ok(is_installation_owner)
    }

    async fn has_users(&self) -> Result<bool, StoreError> {
        Ok(!self.state().users.is_empty())
    }

    async fn user(&self, user: UserId) -> Result<Option<User>, StoreError> {
        Ok(self.state().users.get(&user).cloned())
    }

    async fn user_by_email(&self, email: &str) -> Result<Option<User>, StoreError> {
        Ok(self.state().users.values().find(|user| user.email == email).cloned())
    }

    async fn users(&self, after: Option<UserId>, limit: u32) -> Result<Vec<User>, StoreError> {
        let state = self.state();
        let mut users: Vec<_> = state.users.values().filter(|user| Some(user.id) > after).cloned().collect();
        users.sort_by_key(|user| user.id);
        users.truncate(limit as usize);
        Ok(users)
    }

    async fn change_user(
        &self,
        user: UserId,
        change: &UserChange,
        by: &Origin,
    ) -> Result<Option<User>, StoreError> {
        let mut state = self.state();
        let is_taken =
            |email: &String| state.users.values().any(|other| other.email == *email && other.id != user);
        if state.users.contains_key(&user) && change.email.as_ref().is_some_and(is_taken) {
            return Err(StoreError::Conflict(Conflict::EmailTaken));
        }
        let Some(known) = state.users.get_mut(&user) else { return Ok(None) };
        if let Some(email) = &change.email {
            known.email.clone_from(email);
        }
        if let Some(name) = &change.name {
            known.name.clone_from(name);
        }
        let known = known.clone();
        let event = AuditEvent::AccountChanged { email: change.email.is_some(), name: change.name.is_some() };
        state.record(known.workspace, &event, by);
        Ok(Some(known))
    }

    async fn erase_user(&self, user: UserId, heir: Option<UserId>, by: &Origin) -> Result<bool, StoreError> {
        let mut state = self.state();
        let Some(personal) = state.users.get(&user).map(|user| user.workspace) else { return Ok(false) };
        if heir.is_some_and(|heir| heir == user || !state.users.contains_key(&heir)) {
            return Err(StoreError::Conflict(Conflict::UnknownUser));
        }
        let left = state.left_without(user);
        let is_shared = |workspace: &WorkspaceId| state.workspaces[workspace].members.len() > 1;
        if heir.is_none() && left.iter().any(is_shared) {
            return Err(StoreError::Conflict(Conflict::OwnsShared));
        }
        state.leave_everything(user, heir, &left, by);
        state.users.remove(&user);
        state.forget_user_of_runs(user);
        state.sessions.retain(|_, session| session.user != user);
        let sessions: BTreeSet<_> = state.sessions.keys().copied().collect();
        state.tokens.retain(|_, token| sessions.contains(&token.session));
        state.keys.retain(|_, key| key.record.user != user);
        state.invitations.retain(|_, known| known.record.created_by != user);
        state.links.retain(|_, link| link.record.created_by != user);
        for workspace in state.workspaces.values_mut() {
            for event in workspace.audit.iter_mut().filter(|event| event.user == Some(user)) {
                event.personal = None;
            }
        }
        state.workspaces.get_mut(&personal).expect("it is there").name = ERASED_WORKSPACE.to_owned();
        let by = Origin { address: None, ..*by };
        state.record(personal, &AuditEvent::AccountErased { user }, &by);
        Ok(true)
    }

    async fn change_password(&self, change: &PasswordChange, by: &Origin) -> Result<bool, StoreError> {
        let mut state = self.state();
        let Some(user) = state.users.get_mut(&change.user) else { return Ok(false) };
        user.password_hash = change.password_hash.clone();
        for (id, session) in &mut state.sessions {
            session.revoked |= session.user == change.user && Some(*id) != change.keep;
        }
        state.record_of(change.user, &AuditEvent::PasswordChanged { user: change.user }, by);
        Ok(true)
    }

    async fn create_session(&self, session: &NewSession, by: &Origin) -> Result<(), StoreError> {
        let mut state = self.state();
        let user = state.users.get(&session.user).ok_or(StoreError::Conflict(Conflict::UnknownUser))?;
        if user.password_hash != session.password_hash {
            return Err(StoreError::Conflict(Conflict::PasswordChanged));
        }
        let created_at = to_micros(session.created_at);
        let stored = Session {
            user: session.user,
            user_agent: session.user_agent.clone(),
            created_at,
            last_used_at: created_at,
            expires_at: to_micros(session.expires_at),
            revoked: false,
        };
        state.sessions.insert(session.id, stored);
        state.tokens.insert(session.refresh_hash, Token { session: session.id, replaced_at: None });
        state.record_of(session.user, &AuditEvent::SessionOpened { session: session.id }, by);
        Ok(())
    }

    async fn sessions(
        &self,
        user: UserId,
        now: Timestamp,
        limit: u32,
    ) -> Result<Vec<SessionRecord>, StoreError> {
        let state = self.state();
        let live = state.sessions.iter().filter(|(_, session)| session.user == user && session.is_live(now));
        let mut sessions: Vec<_> = live
            .map(|(&id, session)| SessionRecord {
                id,
                user_agent: session.user_agent.clone(),
                created_at: session.created_at,
                last_used_at: session.last_used_at,
            })
            .collect();
        sessions.sort_by_key(|session| Reverse((session.last_used_at, session.id)));
        sessions.truncate(limit as usize);
        Ok(sessions)
    }

    async fn rotate_refresh(
        &self,
        rotation: &RefreshRotation,
        by: &Origin,
    ) -> Result<RefreshOutcome, StoreError> {
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
            let user = session.user;
            state.record_of(user, &AuditEvent::SessionReused { session: id }, by);
            return Ok(RefreshOutcome::Reused { session: id, user });
        }
        token.replaced_at.get_or_insert(to_micros(rotation.now));
        session.expires_at = to_micros(rotation.expires_at);
        session.last_used_at = to_micros(rotation.now);
        let user = session.user;
        state.tokens.insert(rotation.successor_hash, Token { session: id, replaced_at: None });
        Ok(RefreshOutcome::Rotated { session: id, user })
    }

    async fn session_is_live(&self, session: SessionId, now: Timestamp) -> Result<bool, StoreError> {
        Ok(self.state().sessions.get(&session).is_some_and(|session| session.is_live(now)))
    }

    async fn revoke_session(
        &self,
        user: UserId,
        session: SessionId,
        by: &Origin,
    ) -> Result<bool, StoreError> {
        let mut state = self.state();
        let known = state.sessions.get_mut(&session);
        let Some(known) = known.filter(|known| known.user == user && known.is_live(by.at)) else {
            return Ok(false);
        };
        known.revoked = true;
        state.record_of(user, &AuditEvent::SessionEnded { session }, by);
        Ok(true)
    }
}
