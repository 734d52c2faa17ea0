use flow_base::FlowId;

/// Any error of a backend, kept as the source of ours.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Why a store could not do what it was asked. Absence is never an error: it is
/// `Ok(None)` where the contract says so.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The flow was never created. Final: repeating does not help.
    #[error("flow {0} does not exist")]
    UnknownFlow(FlowId),
    /// The write would break a rule that the data must keep. Final.
    #[error("{0}")]
    Conflict(Conflict),
    /// A stored value cannot be read. Final until somebody repairs it, and
    /// never to be taken for an empty flow.
    #[error("what is stored of flow {flow} is damaged: {what}")]
    Damaged {
        flow: FlowId,
        what: &'static str,
        #[source]
        source: Option<BoxError>,
    },
    /// The backend failed. When `retryable`, the outcome of a write is unknown
    /// and the same call may be repeated.
    #[error("could not {action}")]
    Backend {
        action: &'static str,
        retryable: bool,
        #[source]
        source: BoxError,
    },
}

/// What a workspace may have only so much of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Quota {
    Flows,
    Members,
    StorageBytes,
    RunsPerDay,
}

impl Quota {
    /// As configuration and API call it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Flows => "flows",
            Self::Members => "members",
            Self::StorageBytes => "storageBytes",
            Self::RunsPerDay => "runsPerDay",
        }
    }
}

/// A rule that a write would have broken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Conflict {
    EmailTaken,
    /// Only the first account was to be let in, and there is one.
    RegistrationClosed,
    /// Whoever does it has no longer the role for it.
    NotAllowed,
    /// The password that a sign-in was made with is no longer the account's.
    PasswordChanged,
    /// The user has as many API keys as there may be.
    TooManyKeys,
    /// The user owns as many workspaces as there may be.
    TooManyWorkspaces,
    /// The workspace has as many invitations as there may be.
    TooManyInvitations,
    /// The flow has as many share links as there may be.
    TooManyLinks,
    /// The workspace has as many webhooks as there may be.
    TooManyWebhooks,
    /// The workspace has as many secrets as there may be.
    TooManySecrets,
    LastOwner,
    /// Others are in a workspace that only this account owns.
    OwnsShared,
    /// The account whose personal workspace it is has to own it.
    PersonalWorkspace,
    /// The workspace has as much of it as it may.
    QuotaReached(Quota),
    FlowExists,
    /// Another flow has it, if only a deleted one that may be restored.
    SlugTaken,
    UnknownUser,
    UnknownWorkspace,
    /// One append was given more than one batch of a flow; the first counts.
    FlowTwice,
    /// A batch without updates has no positions to be answered with.
    EmptyBatch,
    /// Above [`CLIENT_ID_MAX`](crate::CLIENT_ID_MAX).
    ClientIdTooLarge,
    /// The snapshot names a position that the log does not have, so it would
    /// hide whatever is appended there.
    SnapshotAhead,
}

impl std::fmt::Display for Conflict {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::EmailTaken => "an account with this address exists",
            Self::RegistrationClosed => "nobody can register here",
            Self::NotAllowed => "the role for this has been taken away",
            Self::PasswordChanged => "the password has been changed",
            Self::TooManyKeys => "a user has at most 100 API keys",
            Self::TooManyWorkspaces => "a user owns at most 100 workspaces",
            Self::TooManyInvitations => "a workspace has at most 100 invitations",
            Self::TooManyLinks => "a flow has at most 100 share links",
            Self::TooManyWebhooks => "a workspace has at most 20 webhooks",
            Self::TooManySecrets => "a workspace has at most 100 secrets",
            Self::LastOwner => "at least one owner stays",
            Self::OwnsShared => "others are in a workspace that nobody else owns",
            Self::PersonalWorkspace => "a personal workspace stays its account's",
            Self::QuotaReached(Quota::Flows) => "the workspace has as many flows as it may",
            Self::QuotaReached(Quota::Members) => "the workspace has as many members as it may",
            Self::QuotaReached(Quota::StorageBytes) => "the workspace stores as much as it may",
            Self::QuotaReached(Quota::RunsPerDay) => "the workspace has had as many runs today as it may",
            Self::FlowExists => "a flow with this id exists",
            Self::SlugTaken => "another flow has this name in its address",
            Self::UnknownUser => "no such account",
            Self::UnknownWorkspace => "no such workspace",
            Self::FlowTwice => "one append takes one batch of a flow",
            Self::EmptyBatch => "a batch has at least one update",
            Self::ClientIdTooLarge => "a client id is at most 2^53 - 1",
            Self::SnapshotAhead => "a snapshot cannot be ahead of the log",
        })
    }
}

impl StoreError {
    /// Whether the same call may succeed later.
    #[must_use]
    pub const fn is_retryable(&self) -> bool {
        matches!(self, Self::Backend { retryable: true, .. })
    }
}
