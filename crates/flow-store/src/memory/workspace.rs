use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::ops::Bound;

use async_trait::async_trait;
use flow_base::{InvitationId, Role, Timestamp, UserId, WorkspaceId};

use super::{Invitation, MemoryStore, State, Workspace, to_micros};
use crate::{
    AuditEvent, Conflict, INVITATIONS_PER_WORKSPACE, InvitationRecord, Member, NewInvitation, NewWorkspace,
    Origin, OwnQuotas, Quota, Quotas, StoreError, WORKSPACES_PER_OWNER, WorkspaceMemberChange,
    WorkspaceRecord, WorkspaceStore, WorkspaceUsage,
};

#[async_trait]
impl WorkspaceStore for MemoryStore {
    async fn create_workspace(&self, workspace: &NewWorkspace, by: &Origin) -> Result<(), StoreError> {
        let mut state = self.state();
        if !state.users.contains_key(&workspace.owner) {
            return Err(StoreError::Conflict(Conflict::UnknownUser));
        }
        let owns = |known: &&Workspace| known.members.get(&workspace.owner) == Some(&Role::Owner);
        if state.workspaces.values().filter(owns).count() >= WORKSPACES_PER_OWNER as usize {
            return Err(StoreError::Conflict(Conflict::TooManyWorkspaces));
        }
        let new = Workspace::new(&workspace.name, workspace.owner, by.at);
        state.workspaces.insert(workspace.id, new);
        state.record(workspace.id, &AuditEvent::WorkspaceCreated, by);
        Ok(())
    }

    async fn workspace(
        &self,
        workspace: WorkspaceId,
        user: UserId,
    ) -> Result<Option<WorkspaceRecord>, StoreError> {
        let state = self.state();
        Ok(state.workspaces.get(&workspace).and_then(|stored| state.as_seen_by(user, workspace, stored)))
    }

    async fn workspaces(&self, user: UserId) -> Result<Vec<WorkspaceRecord>, StoreError> {
        let state = self.state();
        let seen = state.workspaces.iter().filter_map(|(&id, stored)| state.as_seen_by(user, id, stored));
        let mut seen: Vec<_> = seen.collect();
        seen.sort_by(|a, b| (!a.is_personal, &a.name, a.id).cmp(&(!b.is_personal, &b.name, b.id)));
        Ok(seen)
    }

    async fn all_workspaces(
        &self,
        after: Option<WorkspaceId>,
        limit: u32,
    ) -> Result<Vec<(WorkspaceId, String)>, StoreError> {
        let state = self.state();
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        let rest = state.workspaces.range((from, Bound::Unbounded)).take(limit as usize);
        Ok(rest.map(|(&id, stored)| (id, stored.name.clone())).collect())
    }

    async fn rename_workspace(
        &self,
        workspace: WorkspaceId,
        name: &str,
        by: &Origin,
    ) -> Result<bool, StoreError> {
        let mut state = self.state();
        let Some(stored) = state.workspaces.get_mut(&workspace) else { return Ok(false) };
        name.clone_into(&mut stored.name);
        state.record(workspace, &AuditEvent::WorkspaceRenamed, by);
        Ok(true)
    }

    async fn workspace_members(&self, workspace: WorkspaceId) -> Result<Vec<Member>, StoreError> {
        let state = self.state();
        let stored = state.workspaces.get(&workspace);
        Ok(stored.map(|stored| state.members(&stored.members)).unwrap_or_default())
    }

    async fn change_workspace_member(
        &self,
        change: WorkspaceMemberChange,
        quotas: &Quotas,
        by: &Origin,
    ) -> Result<bool, StoreError> {
        let WorkspaceMemberChange { workspace, user, role } = change;
        let mut state = self.state();
        if !state.workspaces.contains_key(&workspace) {
            return Err(StoreError::Conflict(Conflict::UnknownWorkspace));
        }
        if !(role.is_none() && by.user == Some(user)) {
            state.require_in(workspace, Role::Owner, by)?;
        }
        if !state.change_workspace_member(change, quotas).map_err(StoreError::Conflict)? {
            return Ok(false);
        }
        state.record(workspace, &AuditEvent::WorkspaceMemberChanged { user, role }, by);
        Ok(true)
    }

    async fn transfer_workspace(
        &self,
        workspace: WorkspaceId,
        from: UserId,
        to: UserId,
        by: &Origin,
    ) -> Result<bool, StoreError> {
        let mut state = self.state();
        let is_personal = state.is_personal_of(workspace, from);
        let Some(stored) = state.workspaces.get_mut(&workspace) else { return Ok(false) };
        let owns = stored.members.get(&from) == Some(&Role::Owner);
        if !owns || !stored.members.contains_key(&to) || from == to {
            return Ok(false);
        }
        if is_personal {
            return Err(StoreError::Conflict(Conflict::PersonalWorkspace));
        }
        stored.members.insert(to, Role::Owner);
        stored.members.insert(from, Role::Editor);
        stored.access_rev += 1;
        state.cap(workspace, from, Some(Role::Editor));
        state.record(workspace, &AuditEvent::WorkspaceTransferred { from, to }, by);
        Ok(true)
    }

    async fn workspace_usage(
        &self,
        workspace: WorkspaceId,
    ) -> Result<Option<(WorkspaceUsage, OwnQuotas)>, StoreError> {
        let state = self.state();
        let Some(stored) = state.workspaces.get(&workspace) else { return Ok(None) };
        Ok(Some((state.usage(workspace), stored.quotas)))
    }

    async fn set_quotas(
        &self,
        workspace: WorkspaceId,
        quotas: &OwnQuotas,
        by: &Origin,
    ) -> Result<bool, StoreError> {
        let mut state = self.state();
        let Some(stored) = state.workspaces.get_mut(&workspace) else { return Ok(false) };
        stored.quotas = *quotas;
        state.record(workspace, &AuditEvent::quotas_changed(quotas), by);
        Ok(true)
    }

    async fn create_invitation(&self, invitation: &NewInvitation, by: &Origin) -> Result<(), StoreError> {
        let NewInvitation { id, workspace, hash, role, created_by, expires_at, uses_max } = *invitation;
        let mut state = self.state();
        let Some(stored) = state.workspaces.get(&workspace) else {
            return Err(StoreError::Conflict(Conflict::UnknownWorkspace));
        };
        let record = InvitationRecord {
            id,
            workspace,
            workspace_name: stored.name.clone(),
            role,
            created_by,
            created_at: to_micros(by.at),
            expires_at: to_micros(expires_at),
            uses: 0,
            uses_max,
        };
        state.require_in(workspace, Role::Owner, by)?;
        let has = state.invitations.values().filter(|known| known.record.workspace == workspace).count();
        if has >= INVITATIONS_PER_WORKSPACE as usize {
            return Err(StoreError::Conflict(Conflict::TooManyInvitations));
        }
        state.invitations.insert(id, Invitation { hash, record });
        state.record(workspace, &AuditEvent::InvitationCreated { invitation: id, role }, by);
        Ok(())
    }

    async fn invitations(&self, workspace: WorkspaceId) -> Result<Vec<InvitationRecord>, StoreError> {
        let state = self.state();
        let own = state.invitations.values().filter(|known| known.record.workspace == workspace);
        let mut own: Vec<_> = own.map(|known| state.named(&known.record)).collect();
        own.sort_by_key(|known| Reverse((known.created_at, known.id)));
        Ok(own)
    }

    async fn revoke_invitation(
        &self,
        workspace: WorkspaceId,
        invitation: InvitationId,
        by: &Origin,
    ) -> Result<bool, StoreError> {
        let mut state = self.state();
        if state.invitations.get(&invitation).is_none_or(|known| known.record.workspace != workspace) {
            return Ok(false);
        }
        state.invitations.remove(&invitation);
        state.record(workspace, &AuditEvent::InvitationRevoked { invitation }, by);
        Ok(true)
    }

    async fn live_invitation(
        &self,
        hash: &[u8; 32],
        now: Timestamp,
    ) -> Result<Option<InvitationRecord>, StoreError> {
        let state = self.state();
        let found = state.invitations.values().find(|known| known.hash == *hash);
        Ok(found.filter(|known| known.record.is_live(now)).map(|known| state.named(&known.record)))
    }

    async fn accept_invitation(
        &self,
        hash: &[u8; 32],
        user: UserId,
        quotas: &Quotas,
        by: &Origin,
    ) -> Result<Option<WorkspaceId>, StoreError> {
        let mut state = self.state();
        let found = state.invitations.values().find(|known| known.hash == *hash);
        let Some(found) = found.filter(|known| known.record.is_live(by.at)) else { return Ok(None) };
        let InvitationRecord { id: invitation, workspace, role, .. } = found.record;
        let current = state.workspaces[&workspace].members.get(&user).copied();
        if current >= Some(role) {
            return Ok(Some(workspace));
        }
        let change = WorkspaceMemberChange { workspace, user, role: Some(role) };
        state.change_workspace_member(change, quotas).map_err(StoreError::Conflict)?;
        state.invitations.get_mut(&invitation).expect("it was found").record.uses += 1;
        state.record(workspace, &AuditEvent::InvitationAccepted { invitation, role }, by);
        Ok(Some(workspace))
    }
}

impl Workspace {
    pub(super) fn new(name: &str, owner: UserId, at: Timestamp) -> Self {
        Self {
            name: name.to_owned(),
            created_at: to_micros(at),
            members: BTreeMap::from([(owner, Role::Owner)]),
            access_rev: 0,
            quotas: OwnQuotas::default(),
            audit: Vec::new(),
        }
    }
}

impl State {
    fn as_seen_by(&self, user: UserId, id: WorkspaceId, stored: &Workspace) -> Option<WorkspaceRecord> {
        Some(WorkspaceRecord {
            id,
            name: stored.name.clone(),
            role: *stored.members.get(&user)?,
            is_personal: self.users.values().any(|known| known.workspace == id),
            created_at: stored.created_at,
        })
    }

    /// Whoever does something in a workspace has to have this role in it at least; operators
    /// need none.
    pub(super) fn require_in(
        &self,
        workspace: WorkspaceId,
        least: Role,
        by: &Origin,
    ) -> Result<(), StoreError> {
        let Some(user) = by.user else { return Ok(()) };
        let role = self.workspaces.get(&workspace).and_then(|stored| stored.members.get(&user));
        if role >= Some(&least) { Ok(()) } else { Err(StoreError::Conflict(Conflict::NotAllowed)) }
    }

    fn is_personal_of(&self, workspace: WorkspaceId, user: UserId) -> bool {
        self.users.get(&user).is_some_and(|known| known.workspace == workspace)
    }

    /// Under the name that the workspace has now.
    fn named(&self, record: &InvitationRecord) -> InvitationRecord {
        let workspace_name = self.workspaces[&record.workspace].name.clone();
        InvitationRecord { workspace_name, ..record.clone() }
    }

    pub(super) fn usage(&self, workspace: WorkspaceId) -> WorkspaceUsage {
        let bytes = |flow: &super::Flow| {
            let versions: usize = flow.versions.iter().map(|(_, content)| content.len()).sum();
            flow.log.values().map(|update| update.bytes.len()).sum::<usize>() + versions
        };
        let own = || self.flows.values().filter(|flow| flow.workspace == workspace);
        let count = |number: usize| u64::try_from(number).expect("a length fits 64 bits");
        WorkspaceUsage {
            flows: count(own().filter(|flow| flow.deleted.is_none()).count()),
            members: count(self.workspaces[&workspace].members.len()),
            storage_bytes: count(own().map(bytes).sum()) + self.file_bytes(workspace),
        }
    }

    /// Answers whether anything changed; the workspace is known to be there.
    fn change_workspace_member(
        &mut self,
        change: WorkspaceMemberChange,
        quotas: &Quotas,
    ) -> Result<bool, Conflict> {
        let WorkspaceMemberChange { workspace, user, role } = change;
        if !self.users.contains_key(&user) {
            return Err(Conflict::UnknownUser);
        }
        let (is_personal, usage) = (self.is_personal_of(workspace, user), self.usage(workspace));
        let stored = self.workspaces.get_mut(&workspace).expect("the caller has looked for it");
        let current = stored.members.get(&user).copied();
        if current == role {
            return Ok(false);
        }
        if is_personal {
            return Err(Conflict::PersonalWorkspace);
        }
        let others_own = stored.members.iter().any(|(&other, &role)| role == Role::Owner && other != user);
        if role != Some(Role::Owner) && !others_own {
            return Err(Conflict::LastOwner);
        }
        let most = stored.quotas.over(quotas).members;
        if current.is_none() && most.is_some_and(|most| usage.members >= most) {
            return Err(Conflict::QuotaReached(Quota::Members));
        }
        match role {
            Some(role) => stored.members.insert(user, role),
            None => stored.members.remove(&user),
        };
        stored.access_rev += 1;
        if role < current {
            self.cap(workspace, user, role);
        }
        Ok(true)
    }

    /// Takes what goes beyond a role from somebody who has become less.
    fn cap(&mut self, workspace: WorkspaceId, user: UserId, role: Option<Role>) {
        for flow in self.flows.values_mut().filter(|flow| flow.workspace == workspace) {
            if flow.members.get(&user).copied() > role {
                flow.members.remove(&user);
            }
        }
        self.invitations
            .retain(|_, known| known.record.workspace != workspace || known.record.created_by != user);
        if role.is_none() {
            let flows = &self.flows;
            self.links.retain(|_, link| {
                flows[&link.record.flow].workspace != workspace || link.record.created_by != user
            });
        }
    }
}
