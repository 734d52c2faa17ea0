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

/// A rule that a write would have broken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Conflict {
    EmailTaken,
    /// Only the first account was to be let in, and there is one.
    RegistrationClosed,
    /// The password that a sign-in was made with is no longer the account's.
    PasswordChanged,
    /// The user has as many API keys as there may be.
    TooManyKeys,
    LastOwner,
    FlowExists,
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
            Self::PasswordChanged => "the password has been changed",
            Self::TooManyKeys => "a user has at most 100 API keys",
            Self::LastOwner => "a flow keeps at least one owner",
            Self::FlowExists => "a flow with this id exists",
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
