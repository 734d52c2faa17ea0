use std::fmt::Debug;

use async_trait::async_trait;
use bytes::Bytes;
use flow_base::{FlowId, Role, Seq, Slug, Timestamp, UserId, WorkspaceId};

use crate::{Origin, Quotas, SearchWords, StoreError};

/// A flow to be created, with the first updates of its log.
#[derive(Debug, Clone)]
pub struct NewFlow {
    pub id: FlowId,
    pub workspace: WorkspaceId,
    /// Becomes the flow's owner.
    pub owner: UserId,
    pub name: String,
    pub description: String,
    pub tags: Vec<String>,
    pub created_at: Timestamp,
    /// Positions 1, 2, … of the log; the first one writes the document's `meta`.
    pub updates: Vec<Bytes>,
}

/// A flow as lists show it. Name, description and tags are a projection: the
/// document is their truth.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FlowRecord {
    pub id: FlowId,
    pub workspace: WorkspaceId,
    pub name: String,
    pub description: String,
    pub tags: Vec<String>,
    /// What the user who asked is to the flow.
    pub role: Role,
    pub created_at: Timestamp,
    /// When the projection was last written.
    pub updated_at: Timestamp,
    /// The position of the log that the projection reflects.
    pub projected_seq: Seq,
    /// The version that runs; `None` while the flow is a draft.
    pub active_version: Option<u32>,
    /// What it is called in addresses.
    pub slug: Option<Slug>,
}

impl FlowRecord {
    #[must_use]
    pub fn sort_key(&self, sort: FlowSort) -> SortKey {
        match sort {
            FlowSort::Updated => SortKey::At(self.updated_at),
            FlowSort::Created => SortKey::At(self.created_at),
            FlowSort::Name => SortKey::Name(self.name.clone()),
        }
    }
}

/// The document's own words about itself, as of `seq`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Projection {
    pub name: String,
    pub description: String,
    pub tags: Vec<String>,
    pub seq: Seq,
    pub at: Timestamp,
}

/// By what a list is sorted; then by id, in the same direction.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum FlowSort {
    #[default]
    Updated,
    Created,
    /// By the bytes of the name.
    Name,
}

/// The order of a list; by default the flow that was changed last comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FlowOrder {
    pub sort: FlowSort,
    pub descending: bool,
}

impl Default for FlowOrder {
    fn default() -> Self {
        Self { sort: FlowSort::default(), descending: true }
    }
}

/// What a flow is sorted by.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum SortKey {
    At(Timestamp),
    Name(String),
}

/// Where the next page begins: after this flow, in the order of the list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PageCursor {
    pub key: SortKey,
    pub id: FlowId,
}

/// Where a page begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PageStart {
    /// Of the order it is used with.
    After(PageCursor),
    /// After so many flows. The further, the slower.
    Skip(u32),
}

impl Default for PageStart {
    fn default() -> Self {
        Self::Skip(0)
    }
}

#[derive(Debug, Clone)]
pub struct FlowQuery {
    /// Only flows this user can see.
    pub user: UserId,
    pub filter: FlowFilter,
    pub order: FlowOrder,
    pub start: PageStart,
    /// At least 1.
    pub limit: u32,
}

/// Which flows are listed; by default all.
#[derive(Debug, Clone, Default)]
pub struct FlowFilter {
    pub search: Option<SearchWords>,
    /// As the flow has it.
    pub tag: Option<String>,
    /// Whether a version of it runs.
    pub active: Option<bool>,
    /// Those on which this user has the role of an owner, apart from the workspace's.
    pub owner: Option<UserId>,
    pub workspace: Option<WorkspaceId>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FlowPage {
    /// In the order that was asked for.
    pub flows: Vec<FlowRecord>,
    /// `None` on the last page.
    pub next: Option<PageCursor>,
}

impl FlowPage {
    /// A page of the first `limit` of these flows; more than that means that
    /// there is a next page, so a store reads one more than it was asked for.
    #[must_use]
    pub fn cut(mut flows: Vec<FlowRecord>, order: FlowOrder, limit: u32) -> Self {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let more = flows.len() > limit;
        flows.truncate(limit);
        let last = flows.last().filter(|_| more);
        let next = last.map(|flow| PageCursor { key: flow.sort_key(order.sort), id: flow.id });
        Self { flows, next }
    }
}

/// A flow that can still be restored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeletedFlow {
    pub id: FlowId,
    pub name: String,
    pub deleted_at: Timestamp,
}

/// What a user may claim on a flow, and the revision of the rules it was read at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FlowAccess {
    pub role: Role,
    pub access_rev: u64,
}

/// Somebody with a role on a flow or a workspace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    pub user: UserId,
    pub name: String,
    pub email: String,
    pub role: Role,
}

/// A change of one person's role on a flow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MemberChange {
    pub flow: FlowId,
    pub user: UserId,
    /// `None` removes the person.
    pub role: Option<Role>,
}

/// The flows around their documents: who owns them, who may do what.
#[async_trait]
pub trait FlowStore: Debug + Send + Sync + 'static {
    /// Creates the flow, its log with the first updates, and its owner, in one
    /// transaction.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when the id is taken, the owner or the workspace does not
    /// exist, whoever does it may not make flows there any more, or the workspace has as many
    /// flows as it may, which is `quotas` unless it has its own; [`StoreError::Backend`].
    async fn create_flow(&self, flow: &NewFlow, quotas: &Quotas, by: &Origin) -> Result<(), StoreError>;

    /// The flow as `user` sees it; `None` when it does not exist, is deleted, or
    /// is not theirs to know.
    ///
    /// # Errors
    /// [`StoreError::Backend`].
    async fn flow(&self, flow: FlowId, user: UserId) -> Result<Option<FlowRecord>, StoreError>;

    /// The flow as whoever has this role sees it; `None` when it does not exist or is
    /// deleted. Whether the caller has the role is for the caller to know.
    ///
    /// # Errors
    /// [`StoreError::Backend`].
    async fn flow_as(&self, flow: FlowId, role: Role) -> Result<Option<FlowRecord>, StoreError>;

    /// The flows `user` can see and the filter lets through, a page at a time.
    ///
    /// # Errors
    /// [`StoreError::Backend`].
    async fn flows(&self, query: &FlowQuery) -> Result<FlowPage, StoreError>;

    /// The greater of the user's roles on the flow and on its workspace, with
    /// the revision of the rules of both; `None` as for [`FlowStore::flow`].
    ///
    /// # Errors
    /// [`StoreError::Backend`].
    async fn flow_access(&self, flow: FlowId, user: UserId) -> Result<Option<FlowAccess>, StoreError>;

    /// The people with a role on the flow itself, owners first, then by name and
    /// id; nobody when the flow does not exist or is deleted. Whether the caller
    /// may know them is for the caller to ask.
    ///
    /// # Errors
    /// [`StoreError::Backend`].
    async fn flow_members(&self, flow: FlowId) -> Result<Vec<Member>, StoreError>;

    /// Gives, changes or removes a role and raises the access revision, in one
    /// transaction; answers whether anything changed. Whoever is removed leaves no share
    /// link behind.
    ///
    /// Only owners do this, and operators; everybody may leave. Whoever asks has been found to
    /// be one, but not in this transaction, so that is looked at again in it.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when the last owner would go, whoever does it is no owner any
    /// more, or there is no such account; [`StoreError::UnknownFlow`], also when the flow is deleted;
    /// [`StoreError::Backend`].
    async fn change_member(&self, change: MemberChange, by: &Origin) -> Result<bool, StoreError>;

    /// Marks the flow deleted and raises the access revision, in one
    /// transaction; answers whether it was there and not yet deleted.
    ///
    /// # Errors
    /// [`StoreError::Backend`].
    async fn delete_flow(&self, flow: FlowId, by: &Origin) -> Result<bool, StoreError>;

    /// Takes a deletion back and raises the access revision, in one transaction, if
    /// `user` owned the flow or its workspace and it was deleted after `deleted_after`;
    /// answers whether it was.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when the workspace has as many flows as it may;
    /// [`StoreError::Backend`].
    async fn restore_flow(
        &self,
        flow: FlowId,
        user: UserId,
        deleted_after: Timestamp,
        quotas: &Quotas,
        by: &Origin,
    ) -> Result<bool, StoreError>;

    /// Moves the flow to another workspace and raises the access revision, in one
    /// transaction; answers whether it was elsewhere before.
    ///
    /// # Errors
    /// [`StoreError::UnknownFlow`], also when the flow is deleted; [`StoreError::Conflict`]
    /// when there is no such workspace, it has as many flows as it may, or whoever moves it
    /// does not own the flow or may not make flows there any more; [`StoreError::Backend`].
    async fn move_flow(
        &self,
        flow: FlowId,
        to: WorkspaceId,
        quotas: &Quotas,
        by: &Origin,
    ) -> Result<bool, StoreError>;

    /// The flows `user` may restore, last deleted first, at most `limit`.
    ///
    /// # Errors
    /// [`StoreError::Backend`].
    async fn deleted_flows(
        &self,
        user: UserId,
        deleted_after: Timestamp,
        limit: u32,
    ) -> Result<Vec<DeletedFlow>, StoreError>;

    /// Writes the projection unless one of a later `seq` is there; answers
    /// whether it was written.
    ///
    /// # Errors
    /// [`StoreError::UnknownFlow`]; [`StoreError::Backend`].
    async fn project(&self, flow: FlowId, projection: &Projection) -> Result<bool, StoreError>;
}
