use std::fmt::Debug;

use async_trait::async_trait;
use flow_base::{InvitationId, Role, Timestamp, UserId, WorkspaceId};

use crate::{Member, Origin, StoreError};

/// Workspaces that a user may own, the personal one included.
pub const WORKSPACES_PER_OWNER: u32 = 100;
/// Invitations that a workspace may have, those that have ended included.
pub const INVITATIONS_PER_WORKSPACE: u32 = 100;

#[derive(Debug, Clone)]
pub struct NewWorkspace {
    pub id: WorkspaceId,
    pub name: String,
    /// Becomes its owner.
    pub owner: UserId,
}

/// A workspace as one of its members sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkspaceRecord {
    pub id: WorkspaceId,
    pub name: String,
    /// What the user who asked is to the workspace.
    pub role: Role,
    /// It is the one that some account has from the start.
    pub is_personal: bool,
    pub created_at: Timestamp,
}

/// A change of one person's role in a workspace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WorkspaceMemberChange {
    pub workspace: WorkspaceId,
    pub user: UserId,
    /// `None` removes the person.
    pub role: Option<Role>,
}

/// How much a workspace may have; `None`: any number.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Quotas {
    pub flows: Option<u64>,
    pub members: Option<u64>,
    /// Of its flows' logs and versions, those of deleted flows included.
    pub storage_bytes: Option<u64>,
    pub runs_per_day: Option<u64>,
}

impl Quotas {
    /// Any number of everything.
    pub const UNBOUNDED: Self = Self { flows: None, members: None, storage_bytes: None, runs_per_day: None };
}

/// Quotas of one workspace. `None`: the configuration's; 0: any number.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct OwnQuotas {
    pub flows: Option<u64>,
    pub members: Option<u64>,
    pub storage_bytes: Option<u64>,
    pub runs_per_day: Option<u64>,
}

impl OwnQuotas {
    /// What is in force where these are the quotas of all others.
    #[must_use]
    pub fn over(&self, others: &Quotas) -> Quotas {
        let one = |own: Option<u64>, others| own.map_or(others, |own| (own > 0).then_some(own));
        Quotas {
            flows: one(self.flows, others.flows),
            members: one(self.members, others.members),
            storage_bytes: one(self.storage_bytes, others.storage_bytes),
            runs_per_day: one(self.runs_per_day, others.runs_per_day),
        }
    }
}

/// What a workspace has.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct WorkspaceUsage {
    /// Those that are not deleted.
    pub flows: u64,
    pub members: u64,
    pub storage_bytes: u64,
}

#[derive(Debug, Clone)]
pub struct NewInvitation {
    pub id: InvitationId,
    pub workspace: WorkspaceId,
    /// SHA-256 of the token; the token itself is never stored.
    pub hash: [u8; 32],
    /// What who comes with it becomes.
    pub role: Role,
    pub created_by: UserId,
    pub expires_at: Timestamp,
    /// `None`: any number may come.
    pub uses_max: Option<u32>,
}

/// An invitation, also one that has ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvitationRecord {
    pub id: InvitationId,
    pub workspace: WorkspaceId,
    pub workspace_name: String,
    pub role: Role,
    pub created_by: UserId,
    pub created_at: Timestamp,
    pub expires_at: Timestamp,
    pub uses: u32,
    pub uses_max: Option<u32>,
}

impl InvitationRecord {
    #[must_use]
    pub fn is_live(&self, now: Timestamp) -> bool {
        self.expires_at > now && self.uses_max.is_none_or(|most| self.uses < most)
    }
}

/// Where flows belong, and who has a role on all of them.
#[async_trait]
pub trait WorkspaceStore: Debug + Send + Sync + 'static {
    /// # Errors
    /// [`StoreError::Conflict`] when there is no such account, or it owns
    /// [`WORKSPACES_PER_OWNER`]; [`StoreError::Backend`].
    async fn create_workspace(&self, workspace: &NewWorkspace, by: &Origin) -> Result<(), StoreError>;

    /// The workspace as `user` sees it; `None` when it does not exist or the user is no
    /// member.
    ///
    /// # Errors
    /// [`StoreError::Backend`].
    async fn workspace(
        &self,
        workspace: WorkspaceId,
        user: UserId,
    ) -> Result<Option<WorkspaceRecord>, StoreError>;

    /// Those the user is a member of, personal ones first, then by name and id.
    ///
    /// # Errors
    /// [`StoreError::Backend`].
    async fn workspaces(&self, user: UserId) -> Result<Vec<WorkspaceRecord>, StoreError>;

    /// All there are, at most `limit` after this one, by id. For operators.
    ///
    /// # Errors
    /// [`StoreError::Backend`].
    async fn all_workspaces(
        &self,
        after: Option<WorkspaceId>,
        limit: u32,
    ) -> Result<Vec<(WorkspaceId, String)>, StoreError>;

    /// Answers whether it was there.
    ///
    /// # Errors
    /// [`StoreError::Backend`].
    async fn rename_workspace(
        &self,
        workspace: WorkspaceId,
        name: &str,
        by: &Origin,
    ) -> Result<bool, StoreError>;

    /// Owners first, then by name and id; nobody when there is no such workspace.
    ///
    /// # Errors
    /// [`StoreError::Backend`].
    async fn workspace_members(&self, workspace: WorkspaceId) -> Result<Vec<Member>, StoreError>;

    /// Gives, changes or removes a role and raises the access revision of all flows, in one
    /// transaction; answers whether anything changed.
    ///
    /// Whoever becomes less loses what goes beyond it on the workspace's flows, those they
    /// made included, and the invitations they made; whoever is removed, their share links of
    /// its flows as well. `quotas` are those of workspaces
    /// without their own.
    ///
    /// Who may is looked at in the transaction, as by [`crate::FlowStore::change_member`].
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when the last owner would go, whoever does it is no owner any
    /// more, or the account whose personal
    /// workspace it is would not own it, there is no such account or workspace, or the
    /// workspace has as many members as it may; [`StoreError::Backend`].
    async fn change_workspace_member(
        &self,
        change: WorkspaceMemberChange,
        quotas: &Quotas,
        by: &Origin,
    ) -> Result<bool, StoreError>;

    /// Makes `to`, who is a member, an owner and `from`, who is one, an editor, in one
    /// transaction, as by [`WorkspaceStore::change_workspace_member`]; answers whether both
    /// were so.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when it is the personal workspace of `from`;
    /// [`StoreError::Backend`].
    async fn transfer_workspace(
        &self,
        workspace: WorkspaceId,
        from: UserId,
        to: UserId,
        by: &Origin,
    ) -> Result<bool, StoreError>;

    /// What the workspace has and its own quotas; `None` when there is no such workspace.
    ///
    /// # Errors
    /// [`StoreError::Backend`].
    async fn workspace_usage(
        &self,
        workspace: WorkspaceId,
    ) -> Result<Option<(WorkspaceUsage, OwnQuotas)>, StoreError>;

    /// Answers whether the workspace was there.
    ///
    /// # Errors
    /// [`StoreError::Backend`].
    async fn set_quotas(
        &self,
        workspace: WorkspaceId,
        quotas: &OwnQuotas,
        by: &Origin,
    ) -> Result<bool, StoreError>;

    /// # Errors
    /// [`StoreError::Conflict`] when there is no such workspace, whoever does it does not own it
    /// any more, or it has [`INVITATIONS_PER_WORKSPACE`]; [`StoreError::Backend`].
    async fn create_invitation(&self, invitation: &NewInvitation, by: &Origin) -> Result<(), StoreError>;

    /// The workspace's invitations, also those that have ended, the newest first.
    ///
    /// # Errors
    /// [`StoreError::Backend`].
    async fn invitations(&self, workspace: WorkspaceId) -> Result<Vec<InvitationRecord>, StoreError>;

    /// Ends the invitation; answers whether the workspace had it.
    ///
    /// # Errors
    /// [`StoreError::Backend`].
    async fn revoke_invitation(
        &self,
        workspace: WorkspaceId,
        invitation: InvitationId,
        by: &Origin,
    ) -> Result<bool, StoreError>;

    /// The invitation with this hash, if it lives.
    ///
    /// # Errors
    /// [`StoreError::Backend`].
    async fn live_invitation(
        &self,
        hash: &[u8; 32],
        now: Timestamp,
    ) -> Result<Option<InvitationRecord>, StoreError>;

    /// Makes the user a member with the invitation's role, in one transaction; whoever has
    /// that role or a greater one stays what they are, and uses nothing up. Answers the
    /// workspace, `None` when no such invitation lives.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when there is no such account, or the workspace has as many
    /// members as it may; [`StoreError::Backend`].
    async fn accept_invitation(
        &self,
        hash: &[u8; 32],
        user: UserId,
        quotas: &Quotas,
        by: &Origin,
    ) -> Result<Option<WorkspaceId>, StoreError>;
}
