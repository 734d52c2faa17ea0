//! What Interflow asks of a database, and what it gets in return.
//!
//! Each trait states its contract; [`conformance`] checks it, and every backend
//! runs that suite. [`memory::MemoryStore`] is the reference: it keeps the same
//! promises while the process lives. This crate knows no SQL and no documents:
//! updates and snapshots are bytes.
//!
//! Start with [`LogStore`], the append-only log that is the truth for every
//! flow. [`FlowStore`], [`SlugStore`], [`VersionStore`], [`WorkspaceStore`], [`LinkStore`],
//! [`AccountStore`] and [`KeyStore`] hold what surrounds it, [`AuditStore`] what was
//! done to it, [`WebhookStore`] whom that is told, [`RunStore`] what came of running
//! them, [`RunFileStore`] what was sent to them, and [`TestResultStore`] what came of testing them. [`SecretStore`] keeps what their calls sign in with. [`LogCare`] is for the tools that verify and mend logs, and shows them as they are.
//! [`SegmentStore`] and [`Archive`] are the cold tier, [`PurgeStore`] is how flows end.
//!
//! Moments are kept to the microsecond; what is finer is cut off.
//!
//! To add a backend: implement the traits on one type, run
//! [`conformance_tests!`] on it, and name it in `src/wiring.rs`. To add a
//! repository: a trait here with its contract, its methods in `memory`, its
//! cases in `conformance`, then one file per backend.

pub mod conformance;
pub mod memory;

mod account;
mod archive;
mod audit;
mod care;
mod content;
mod envelope;
mod error;
mod flow;
mod key;
mod link;
mod log;
mod purge;
mod run;
mod run_file;
mod run_row;
mod search;
mod secret;
mod slug;
mod test_result;
mod test_result_row;
mod version;
mod webhook;
mod workspace;

pub use account::{
    AccountStore, ERASED_WORKSPACE, Entry, NewSession, NewUser, PasswordChange, RefreshOutcome,
    RefreshRotation, SessionRecord, User, UserChange,
};
pub use archive::{
    Archive, ArchiveError, ColdTier, KEPT_UPDATES, SEGMENT_BYTES, SEGMENT_UPDATES_LEAST,
    SEGMENT_UPDATES_MOST, Segment, SegmentStore, due, with_archived,
};
pub use audit::{AuditEvent, AuditFault, AuditHead, AuditPage, AuditRecord, AuditStore, Origin, Personal};
pub use care::{
    Cure, EMPTY_UPDATE, LogCare, LogStand, Mending, PageSize, Quarantined, QuarantinedKind, RawSnapshot,
    RawUpdate,
};
pub use content::{ContentError, decode_content, encode_content};
pub use envelope::{EnvelopeError, decode_snapshot, encode_snapshot};
pub use error::{BoxError, Conflict, Quota, StoreError};
pub use flow::{
    DeletedFlow, FlowAccess, FlowFilter, FlowOrder, FlowPage, FlowQuery, FlowRecord, FlowSort, FlowStore,
    Member, MemberChange, NewFlow, PageCursor, PageStart, Projection, SortKey,
};
pub use key::{KEYS_PER_USER, KeyRecord, KeyStore, NewKey};
pub use link::{LINKS_PER_FLOW, LinkAccess, LinkRecord, LinkStore, NewLink};
pub use log::{
    CLIENT_ID_MAX, FlowBatch, FlowRevision, LogGrowth, LogHead, LogStore, NewUpdate, REPEATED_WITHIN,
    Revisions, Snapshot, StoredFlow, StoredUpdate, Writer,
};
pub use purge::{PURGED_BYTES, PURGED_ROWS, Purge, PurgePart, PurgeStore};
pub use run::{
    ClaimedRun, GraphHash, NewRun, RunCommit, RunCommitted, RunEvent, RunKind, RunLease, RunPart, RunQuery,
    RunRecord, RunStatus, RunStore, RunSummary,
};
pub use run_file::{RunFile, RunFileBounds, RunFileKept, RunFileRow, RunFileStore};
pub use run_row::{RunRecordRow, RunSummaryRow, StoredMoment, Unreadable};
pub use search::{SearchWords, search_words};
pub use secret::{SECRETS_PER_WORKSPACE, SealedSecret, SecretRecord, SecretStore};
pub use slug::SlugStore;
pub use test_result::{RESULTS_PER_CONTENT, RESULTS_PER_FLOW, TestResult, TestResultStore};
pub use test_result_row::TestResultRow;
pub use version::{NewVersion, VersionCause, VersionRecord, VersionStore};
pub use webhook::{
    AttemptOutcome, Attempted, CLAIMED_OF_ONE, ClaimedDelivery, DELIVERIES_WAITING, DISABLED_BY_ERASURE,
    DISABLED_BY_HAND, DeliveryRecord, DeliveryState, NewWebhook, PING, TOLD_WHILE_DISABLED, WEBHOOK_EVENTS,
    WEBHOOKS_PER_WORKSPACE, WebhookChange, WebhookEvent, WebhookRecord, WebhookStore,
};
pub use workspace::{
    INVITATIONS_PER_WORKSPACE, InvitationRecord, NewInvitation, NewWorkspace, OwnQuotas, Quotas,
    WORKSPACES_PER_OWNER, WorkspaceMemberChange, WorkspaceRecord, WorkspaceStore, WorkspaceUsage,
};

/// A store that keeps these contracts, as one object the server can hold.
pub trait Store:
    LogStore
    + FlowStore
    + SlugStore
    + VersionStore
    + AccountStore
    + KeyStore
    + WorkspaceStore
    + LinkStore
    + AuditStore
    + WebhookStore
    + RunStore
    + RunFileStore
    + TestResultStore
    + SecretStore
{
}

impl<T> Store for T where
    T: LogStore
        + FlowStore
        + SlugStore
        + VersionStore
        + AccountStore
        + KeyStore
        + WorkspaceStore
        + LinkStore
        + AuditStore
        + WebhookStore
        + RunStore
        + RunFileStore
        + TestResultStore
        + SecretStore
{
}
