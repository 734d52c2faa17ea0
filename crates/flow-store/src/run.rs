//! Runs of flows: where each is, and what it did.
//!
//! A run is a row with a version. Whoever moves it on has read it at a version and writes
//! under it: the version is a fencing token, and of several who move the same run on, one
//! succeeds. What a run did since is appended to its journal by the same transaction.

use std::fmt::Debug;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use flow_base::{FlowId, NodeId, RunId, Timestamp, UserId, WorkspaceId};
use uuid::Uuid;

use crate::StoreError;

/// SHA-256 of what a graph says: what a run is pinned to.
pub type GraphHash = [u8; 32];

/// What a run is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RunKind {
    /// Of the version that is active.
    Published,
    /// Somebody tries the flow as it is.
    Preview,
    /// A test case of the flow.
    Test,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RunStatus {
    /// Something is being done for it: a call.
    Busy,
    /// It waits for an answer, or for a moment.
    Waiting,
    Completed,
    Failed,
    Cancelled,
}

macro_rules! texts {
    ($type:ident { $($name:ident $text:literal)+ }) => {
        impl $type {
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => $text,)+
                }
            }

            #[must_use]
            pub fn from_text(text: &str) -> Option<Self> {
                match text {
                    $($text => Some(Self::$name),)+
                    _ => None,
                }
            }
        }
    };
}

texts! { RunKind { Published "published" Preview "preview" Test "test" } }
texts! {
    RunStatus {
        Busy "busy" Waiting "waiting" Completed "completed" Failed "failed" Cancelled "cancelled"
    }
}

impl RunStatus {
    #[must_use]
    pub const fn is_over(self) -> bool {
        matches!(self, Self::Completed | Self::Failed | Self::Cancelled)
    }
}

/// A run that begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewRun {
    pub flow: FlowId,
    pub kind: RunKind,
    /// The version it runs; `None` for the flow as it was.
    pub flow_version: Option<u32>,
    pub graph_hash: GraphHash,
    /// What has that hash. Stored once, however many runs have it.
    pub graph: Bytes,
    /// Who it is with; `None` for somebody without an account.
    pub user: Option<UserId>,
    /// Runs of the flow's workspace in a day, unless it has a number of its own.
    pub runs_per_day: Option<u64>,
}

/// What moves a run on, from the version it was read at to the next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunCommit {
    pub run: RunId,
    /// Drawn for this commit: one that is repeated, because nobody knows whether it was
    /// stored, is stored once.
    pub id: Uuid,
    /// 0 where `new` begins it.
    pub expected: u64,
    pub new: Option<NewRun>,
    pub at: Timestamp,
    pub status: RunStatus,
    /// Where it is and what its variables hold.
    pub state: Bytes,
    /// What it did since. Not empty.
    pub entries: Bytes,
    /// How many entries those are.
    pub entry_count: u32,
    /// When it is to be woken.
    pub wake_at: Option<Timestamp>,
    /// Who does something for it, until when nobody else takes it over.
    pub lease: Option<RunLease>,
    /// How it ended, as JSON.
    pub outcome: Option<String>,
    /// What made it move on, if that may be sent again.
    pub event: Option<RunEvent>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RunLease {
    pub node: NodeId,
    /// From now on, by the store's clock.
    pub lasts: Duration,
}

/// Something that happened to a run, with the key by which it is known again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunEvent {
    pub key: String,
    /// What was answered.
    pub answer: Bytes,
}

/// What became of a commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RunCommitted {
    Stored,
    /// The run is at another version by now, or an event of this key is stored already.
    /// Nothing was written.
    Stale,
    /// There is no such flow, or it is deleted: runs of that do not begin and do not go on,
    /// but they may end. Nothing was written.
    NoFlow,
    /// Its workspace has had as many runs today as it may. Nothing was written.
    TooMany,
}

/// A run as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunRecord {
    pub summary: RunSummary,
    pub version: u64,
    pub state: Bytes,
    pub wake_at: Option<Timestamp>,
    /// Somebody does something for it.
    pub leased_by: Option<NodeId>,
}

/// What lists show of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunSummary {
    pub id: RunId,
    pub flow: FlowId,
    pub kind: RunKind,
    pub flow_version: Option<u32>,
    pub graph_hash: GraphHash,
    pub user: Option<UserId>,
    pub status: RunStatus,
    pub started_at: Timestamp,
    pub updated_at: Timestamp,
    pub ended_at: Option<Timestamp>,
    pub entries: u64,
    pub outcome: Option<String>,
}

/// A run that is to be moved on: it is due, or whoever did something for it is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClaimedRun {
    pub run: RunId,
    /// Something was being done for it, and nobody knows what came of that.
    pub was_busy: bool,
}

/// Entries of a journal that were written together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunPart {
    /// The version that they led to, from 1.
    pub version: u64,
    pub at: Timestamp,
    pub entries: Bytes,
}

/// Which runs are listed, newest first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RunQuery {
    pub flow: Option<FlowId>,
    /// Of whom.
    pub user: Option<UserId>,
    pub kind: Option<RunKind>,
    pub status: Option<RunStatus>,
    /// Only those begun before this one.
    pub before: Option<RunId>,
    pub limit: u32,
}

/// Runs, their journals, and the graphs that they are pinned to.
#[async_trait]
pub trait RunStore: Debug + Send + Sync {
    /// Stores each of these or nothing of it, all in one transaction, and says of each what
    /// became of it. No two are of one run.
    ///
    /// # Errors
    /// [`StoreError::Backend`]; none of them may be told, and the call may be repeated.
    async fn commit_runs(&self, commits: &[RunCommit]) -> Result<Vec<RunCommitted>, StoreError>;

    /// # Errors
    /// [`StoreError::Backend`].
    async fn run(&self, run: RunId) -> Result<Option<RunRecord>, StoreError>;

    /// What has this hash.
    ///
    /// # Errors
    /// [`StoreError::Backend`].
    async fn run_graph(&self, hash: &GraphHash) -> Result<Option<Bytes>, StoreError>;

    /// What was answered to the event of this key.
    ///
    /// # Errors
    /// [`StoreError::Backend`].
    async fn run_event(&self, run: RunId, key: &str) -> Result<Option<Bytes>, StoreError>;

    /// What it did, after a version, in order; `limit` parts at most.
    ///
    /// # Errors
    /// [`StoreError::Backend`].
    async fn run_journal(&self, run: RunId, after: u64, limit: u32) -> Result<Vec<RunPart>, StoreError>;

    /// # Errors
    /// [`StoreError::Backend`].
    async fn runs(&self, query: &RunQuery) -> Result<Vec<RunSummary>, StoreError>;

    /// Takes runs that are due, by the store's clock, or whose lease has run out, so that
    /// nobody else takes them for so long. Their versions stay as they are. Those of deleted
    /// flows rest until they are restored.
    ///
    /// # Errors
    /// [`StoreError::Backend`].
    async fn claim_runs(
        &self,
        node: NodeId,
        lasts: Duration,
        limit: u32,
    ) -> Result<Vec<ClaimedRun>, StoreError>;

    /// Puts off the end of the leases that the node has on these.
    ///
    /// # Errors
    /// [`StoreError::Backend`].
    async fn renew_runs(&self, node: NodeId, runs: &[RunId], lasts: Duration) -> Result<(), StoreError>;

    /// At which versions these are; those that are not there are left out.
    ///
    /// # Errors
    /// [`StoreError::Backend`].
    async fn run_versions(&self, runs: &[RunId]) -> Result<Vec<(RunId, u64)>, StoreError>;

    /// Removes a part of what was sent to runs that [`RunStore::forget_runs`] would remove, so
    /// that these take nothing large along: about [`PURGED_BYTES`](crate::PURGED_BYTES) of
    /// files. Answers how many.
    ///
    /// # Errors
    /// [`StoreError::Backend`].
    async fn forget_run_files(&self, before: Timestamp) -> Result<u64, StoreError>;

    /// Removes runs that ended before a moment, or that have waited for an answer since before
    /// it: nobody comes back to them. Their journals and files go with them, and graphs that no run has
    /// any more; `limit` runs at most. Answers how many runs.
    ///
    /// # Errors
    /// [`StoreError::Backend`].
    async fn forget_runs(&self, before: Timestamp, limit: u32) -> Result<u64, StoreError>;

    /// The workspace that a flow is in, deleted or not; `None` when there was never such a flow,
    /// or it is removed for good.
    ///
    /// # Errors
    /// [`StoreError::Backend`].
    async fn workspace_of(&self, flow: FlowId) -> Result<Option<WorkspaceId>, StoreError>;
}
