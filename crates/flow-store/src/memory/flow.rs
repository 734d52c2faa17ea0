use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};

use async_trait::async_trait;
use bytes::Bytes;
use flow_base::{ActorId, BatchId, FlowId, Role, Seq, Timestamp, UserId, WorkspaceId};

use super::{Flow, MemoryStore, State, to_micros};
use crate::{
    AuditEvent, Conflict, DeletedFlow, FlowAccess, FlowBatch, FlowFilter, FlowPage, FlowQuery, FlowRecord,
    FlowStore, Member, MemberChange, NewFlow, NewUpdate, Origin, PageCursor, PageStart, Projection, Quota,
    Quotas, SortKey, StoreError, search_words,
};

#[async_trait]
impl FlowStore for MemoryStore {
    async fn create_flow(&self, flow: &NewFlow, quotas: &Quotas, by: &Origin) -> Result<(), StoreError> {
        let mut state = self.state();
        if state.flows.contains_key(&flow.id) {
            return Err(StoreError::Conflict(Conflict::FlowExists));
        }
        if !state.users.contains_key(&flow.owner) {
            return Err(StoreError::Conflict(Conflict::UnknownUser));
        }
        state.room_for_a_flow(flow.workspace, quotas).map_err(StoreError::Conflict)?;
        state.require_in(flow.workspace, Role::Editor, by)?;
        state.flows.insert(flow.id, Flow::new(flow));
        state.record(flow.workspace, &AuditEvent::FlowCreated { flow: flow.id }, by);
        if flow.updates.is_empty() {
            return Ok(());
        }
        let update = |bytes: &Bytes| NewUpdate { actor: ActorId::Server, bytes: bytes.clone() };
        state.append(&FlowBatch {
            flow: flow.id,
            batch: BatchId::generate(),
            at: flow.created_at,
            updates: flow.updates.iter().map(update).collect(),
            writers: Vec::new(),
        })?;
        Ok(())
    }

    async fn flow(&self, flow: FlowId, user: UserId) -> Result<Option<FlowRecord>, StoreError> {
        let state = self.state();
        let Some(stored) = state.flows.get(&flow) else { return Ok(None) };
        Ok(state.role(stored, user).map(|role| stored.record(flow, role)))
    }

    async fn flow_as(&self, flow: FlowId, role: Role) -> Result<Option<FlowRecord>, StoreError> {
        let state = self.state();
        let stored = state.flows.get(&flow).filter(|stored| stored.deleted.is_none());
        Ok(stored.map(|stored| stored.record(flow, role)))
    }

    async fn flows(&self, query: &FlowQuery) -> Result<FlowPage, StoreError> {
        let state = self.state();
        let FlowQuery { filter, order, .. } = query;
        let owns =
            |stored: &Flow| filter.owner.is_none_or(|owner| stored.members.get(&owner) == Some(&Role::Owner));
        let seen = state.flows.iter().filter(|(_, stored)| owns(stored));
        let seen = seen.filter_map(|(&id, stored)| Some(stored.record(id, state.role(stored, query.user)?)));
        let mut flows: Vec<_> = seen
            .filter(|flow| filter.lets_through(flow))
            .map(|flow| ((flow.sort_key(order.sort), flow.id), flow))
            .collect();
        flows.sort_by(|(a, _), (b, _)| a.cmp(b));
        if order.descending {
            flows.reverse();
        }
        let skipped = match &query.start {
            PageStart::Skip(skipped) => *skipped as usize,
            PageStart::After(PageCursor { key, id }) => {
                let key = match key {
                    SortKey::At(at) => SortKey::At(to_micros(*at)),
                    SortKey::Name(_) => key.clone(),
                };
                let start = (key, *id);
                flows.partition_point(|(at, _)| if order.descending { *at >= start } else { *at <= start })
            }
        };
        let flows = flows.into_iter().skip(skipped).map(|(_, flow)| flow).collect();
        Ok(FlowPage::cut(flows, *order, query.limit))
    }

    async fn flow_access(&self, flow: FlowId, user: UserId) -> Result<Option<FlowAccess>, StoreError> {
        let state = self.state();
        let Some(stored) = state.flows.get(&flow) else { return Ok(None) };
        Ok(state.role(stored, user).map(|role| FlowAccess { role, access_rev: state.access_rev(stored) }))
    }

    async fn flow_members(&self, flow: FlowId) -> Result<Vec<Member>, StoreError> {
        let state = self.state();
        let Some(stored) = state.flows.get(&flow).filter(|stored| stored.deleted.is_none()) else {
            return Ok(Vec::new());
        };
        Ok(state.members(&stored.members))
    }

    async fn change_member(&self, change: MemberChange, by: &Origin) -> Result<bool, StoreError> {
        let mut state = self.state();
        state.undeleted(change.flow)?;
        if !(change.role.is_none() && by.user == Some(change.user)) {
            state.require_owner(change.flow, by)?;
        }
        let known_user = state.users.contains_key(&change.user);
        let stored = state
            .flows
            .get_mut(&change.flow)
            .filter(|stored| stored.deleted.is_none())
            .ok_or(StoreError::UnknownFlow(change.flow))?;
        if !known_user {
            return Err(StoreError::Conflict(Conflict::UnknownUser));
        }
        if stored.members.get(&change.user).copied() == change.role {
            return Ok(false);
        }
        let others_own =
            stored.members.iter().any(|(&user, &role)| role == Role::Owner && user != change.user);
        if change.role != Some(Role::Owner) && !others_own {
            return Err(StoreError::Conflict(Conflict::LastOwner));
        }
        match change.role {
            Some(role) => stored.members.insert(change.user, role),
            None => stored.members.remove(&change.user),
        };
        stored.access_rev += 1;
        let workspace = stored.workspace;
        let MemberChange { flow, user, role } = change;
        if role.is_none() {
            state.links.retain(|_, link| link.record.flow != flow || link.record.created_by != user);
        }
        state.record(workspace, &AuditEvent::FlowMemberChanged { flow, user, role }, by);
        Ok(true)
    }

    async fn delete_flow(&self, flow: FlowId, by: &Origin) -> Result<bool, StoreError> {
        let mut state = self.state();
        let Some(stored) = state.flows.get_mut(&flow).filter(|stored| stored.deleted.is_none()) else {
            return Ok(false);
        };
        stored.deleted = Some(to_micros(by.at));
        stored.access_rev += 1;
        let workspace = stored.workspace;
        state.record(workspace, &AuditEvent::FlowDeleted { flow }, by);
        Ok(true)
    }

    async fn restore_flow(
        &self,
        flow: FlowId,
        user: UserId,
        deleted_after: Timestamp,
        quotas: &Quotas,
        by: &Origin,
    ) -> Result<bool, StoreError> {
        let mut state = self.state();
        let restorable = state.restorable(user, deleted_after).find(|(id, ..)| *id == flow);
        let Some(workspace) = restorable.map(|(_, stored, _)| stored.workspace) else { return Ok(false) };
        state.room_for_a_flow(workspace, quotas).map_err(StoreError::Conflict)?;
        let stored = state.flows.get_mut(&flow).expect("it was found");
        stored.deleted = None;
        stored.access_rev += 1;
        state.record(workspace, &AuditEvent::FlowRestored { flow }, by);
        Ok(true)
    }

    async fn move_flow(
        &self,
        flow: FlowId,
        to: WorkspaceId,
        quotas: &Quotas,
        by: &Origin,
    ) -> Result<bool, StoreError> {
        let mut state = self.state();
        let from = state.undeleted(flow)?.workspace;
        if from == to {
            return Ok(false);
        }
        state.require_owner(flow, by)?;
        state.room_for_a_flow(to, quotas).map_err(StoreError::Conflict)?;
        state.require_in(to, Role::Editor, by)?;
        // The sum of both revisions only ever grows.
        let lost = state.workspaces[&from].access_rev.saturating_sub(state.workspaces[&to].access_rev);
        let stored = state.flows.get_mut(&flow).expect("it was found");
        stored.workspace = to;
        stored.access_rev += 1 + lost;
        for workspace in [from, to] {
            state.record(workspace, &AuditEvent::FlowMoved { flow, from, to }, by);
        }
        Ok(true)
    }

    async fn deleted_flows(
        &self,
        user: UserId,
        deleted_after: Timestamp,
        limit: u32,
    ) -> Result<Vec<DeletedFlow>, StoreError> {
        let state = self.state();
        let deleted = state.restorable(user, deleted_after);
        let mut deleted: Vec<_> = deleted
            .map(|(id, stored, deleted_at)| DeletedFlow {
                id,
                name: stored.projection.name.clone(),
                deleted_at,
            })
            .collect();
        deleted.sort_by_key(|flow| Reverse((flow.deleted_at, flow.id)));
        deleted.truncate(limit as usize);
        Ok(deleted)
    }

    async fn project(&self, flow: FlowId, projection: &Projection) -> Result<bool, StoreError> {
        let mut state = self.state();
        let stored = state.flows.get_mut(&flow).ok_or(StoreError::UnknownFlow(flow))?;
        if stored.projection.seq > projection.seq {
            return Ok(false);
        }
        stored.projection = Projection { at: to_micros(projection.at), ..projection.clone() };
        Ok(true)
    }
}

impl FlowFilter {
    fn lets_through(&self, flow: &FlowRecord) -> bool {
        let found_by = || search_words(&flow.name, &flow.description, &flow.tags);
        self.search.as_ref().is_none_or(|search| search.find(&found_by()))
            && self.tag.as_ref().is_none_or(|tag| flow.tags.contains(tag))
            && self.active.is_none_or(|active| flow.active_version.is_some() == active)
            && self.workspace.is_none_or(|workspace| flow.workspace == workspace)
    }
}

impl Flow {
    fn new(flow: &NewFlow) -> Self {
        let at = to_micros(flow.created_at);
        Self {
            workspace: flow.workspace,
            projection: Projection {
                name: flow.name.clone(),
                description: flow.description.clone(),
                tags: flow.tags.clone(),
                seq: Seq(u64::try_from(flow.updates.len()).expect("a length fits 64 bits")),
                at,
            },
            created_at: at,
            deleted: None,
            active_version: None,
            slug: None,
            versions: Vec::new(),
            members: BTreeMap::from([(flow.owner, Role::Owner)]),
            access_rev: 1,
            head: Seq::ZERO,
            log: BTreeMap::new(),
            batches: HashMap::new(),
            writers: BTreeMap::new(),
            snapshot: None,
            quarantine: Vec::new(),
            test_results: BTreeMap::new(),
            segments: Vec::new(),
            archived_bytes: 0,
        }
    }

    fn record(&self, id: FlowId, role: Role) -> FlowRecord {
        FlowRecord {
            id,
            workspace: self.workspace,
            name: self.projection.name.clone(),
            description: self.projection.description.clone(),
            tags: self.projection.tags.clone(),
            role,
            created_at: self.created_at,
            updated_at: self.projection.at,
            projected_seq: self.projection.seq,
            active_version: self.active_version,
            slug: self.slug.clone(),
        }
    }
}

impl State {
    /// Owners first, then by name and id.
    pub(super) fn members(&self, roles: &BTreeMap<UserId, Role>) -> Vec<Member> {
        let member = |(&user, &role): (&UserId, &Role)| {
            let account = &self.users[&user];
            Member { user, name: account.name.clone(), email: account.email.clone(), role }
        };
        let mut members: Vec<_> = roles.iter().map(member).collect();
        members.sort_by(|a, b| {
            let key = |member: &Member| member.role != Role::Owner;
            (key(a), &a.name, a.user).cmp(&(key(b), &b.name, b.user))
        });
        members
    }

    /// Whoever does something to a flow that is there has to own it; operators need not.
    pub(super) fn require_owner(&self, flow: FlowId, by: &Origin) -> Result<(), StoreError> {
        let Some(user) = by.user else { return Ok(()) };
        let owns = self.flows.get(&flow).and_then(|stored| self.role(stored, user)) == Some(Role::Owner);
        if owns { Ok(()) } else { Err(StoreError::Conflict(Conflict::NotAllowed)) }
    }

    /// Whether the workspace may have one more.
    fn room_for_a_flow(&self, workspace: WorkspaceId, quotas: &Quotas) -> Result<(), Conflict> {
        let stored = self.workspaces.get(&workspace).ok_or(Conflict::UnknownWorkspace)?;
        let most = stored.quotas.over(quotas).flows;
        let has = self.usage(workspace).flows;
        if most.is_some_and(|most| has >= most) { Err(Conflict::QuotaReached(Quota::Flows)) } else { Ok(()) }
    }

    /// Of the flow's own rules and its workspace's.
    pub(super) fn access_rev(&self, flow: &Flow) -> u64 {
        flow.access_rev + self.workspaces[&flow.workspace].access_rev
    }

    /// What `user` owned and was deleted since.
    fn restorable(
        &self,
        user: UserId,
        deleted_after: Timestamp,
    ) -> impl Iterator<Item = (FlowId, &Flow, Timestamp)> {
        self.flows.iter().filter_map(move |(&id, stored)| {
            let at = stored.deleted.filter(|at| *at > deleted_after)?;
            (self.role_even_if_deleted(stored, user) == Some(Role::Owner)).then_some((id, stored, at))
        })
    }

    /// The greater of the user's roles on the flow and on its workspace; none on
    /// a deleted flow.
    fn role(&self, flow: &Flow, user: UserId) -> Option<Role> {
        if flow.deleted.is_some() {
            return None;
        }
        self.role_even_if_deleted(flow, user)
    }

    fn role_even_if_deleted(&self, flow: &Flow, user: UserId) -> Option<Role> {
        let on_workspace = self.workspaces.get(&flow.workspace);
        let on_workspace = on_workspace.and_then(|workspace| workspace.members.get(&user));
        flow.members.get(&user).copied().max(on_workspace.copied())
    }
}
