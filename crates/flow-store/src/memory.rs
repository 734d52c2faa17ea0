//! The reference store: everything in this process's memory, nothing after it.
//!
//! It keeps every promise of the traits but surviving the process. Tests of
//! rooms and of the server run on it, because it can also be slow, away, or
//! lose an answer on request: see [`MemoryStore::fail_appends`] and its
//! neighbours.

mod account;
mod archive;
mod audit;
mod care;
mod faults;
mod flow;
mod key;
mod link;
mod log;
mod purge;
mod run;
mod run_file;
mod secret;
mod segment;
mod slug;
mod test_result;
mod version;
mod webhook;
mod workspace;

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard};

use bytes::Bytes;
use flow_base::{
    BatchId, FlowId, InvitationId, KeyId, LinkId, Role, Seq, SeqRange, SessionId, Slug, TestResultId,
    Timestamp, UserId, WorkspaceId,
};

use crate::{
    Archive, AuditRecord, ColdTier, InvitationRecord, KeyRecord, LinkRecord, OwnQuotas, Projection,
    Quarantined, Segment, StoredUpdate, TestResult, User, VersionRecord,
};
pub use archive::MemoryArchive;
use faults::Faults;

/// All contracts over plain maps behind one lock, which is never held
/// across an await.
#[derive(Debug, Default)]
pub struct MemoryStore {
    state: Mutex<State>,
    faults: Faults,
    cold: ColdTier,
}

impl MemoryStore {
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// With a cold tier.
    #[must_use]
    pub fn with_archive(archive: Arc<dyn Archive>) -> Self {
        Self { cold: ColdTier::new(archive), ..Self::default() }
    }

    fn cold(&self) -> &ColdTier {
        &self.cold
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("nothing panics while it holds this lock")
    }
}

#[derive(Debug, Default)]
struct State {
    users: HashMap<UserId, User>,
    /// Also when all of them are erased.
    has_had_users: bool,
    workspaces: BTreeMap<WorkspaceId, Workspace>,
    sessions: HashMap<SessionId, Session>,
    tokens: HashMap<[u8; 32], Token>,
    keys: HashMap<KeyId, Key>,
    invitations: HashMap<InvitationId, Invitation>,
    links: HashMap<LinkId, Link>,
    flows: HashMap<FlowId, Flow>,
    purges: BTreeMap<FlowId, purge::Purging>,
    webhooks: Vec<webhook::Webhook>,
    deliveries: u64,
    runs: run::Runs,
    secrets: BTreeMap<(WorkspaceId, String), secret::Kept>,
}

#[derive(Debug)]
struct Workspace {
    name: String,
    created_at: Timestamp,
    members: BTreeMap<UserId, Role>,
    access_rev: u64,
    quotas: OwnQuotas,
    audit: Vec<AuditRecord>,
}

#[derive(Debug)]
struct Invitation {
    hash: [u8; 32],
    record: InvitationRecord,
}

#[derive(Debug)]
struct Link {
    hash: [u8; 32],
    record: LinkRecord,
}

impl Link {
    fn is_live(&self, now: Timestamp) -> bool {
        self.record.expires_at.is_none_or(|end| end > now)
    }
}

#[derive(Debug)]
struct Session {
    user: UserId,
    user_agent: Option<String>,
    created_at: Timestamp,
    last_used_at: Timestamp,
    expires_at: Timestamp,
    revoked: bool,
}

impl Session {
    fn is_live(&self, now: Timestamp) -> bool {
        !self.revoked && self.expires_at > now
    }
}

#[derive(Debug)]
struct Key {
    hash: [u8; 32],
    record: KeyRecord,
}

impl Key {
    fn is_live(&self, now: Timestamp) -> bool {
        self.record.expires_at.is_none_or(|end| end > now)
    }
}

#[derive(Debug)]
struct Token {
    session: SessionId,
    replaced_at: Option<Timestamp>,
}

#[derive(Debug)]
struct Flow {
    workspace: WorkspaceId,
    projection: Projection,
    created_at: Timestamp,
    deleted: Option<Timestamp>,
    active_version: Option<u32>,
    slug: Option<Slug>,
    versions: Vec<(VersionRecord, Bytes)>,
    members: BTreeMap<UserId, Role>,
    access_rev: u64,
    head: Seq,
    /// What the log no longer has, and the bytes of its updates.
    segments: Vec<Segment>,
    archived_bytes: u64,
    /// A map and not a list, so that a test can tear a hole into it.
    log: BTreeMap<Seq, StoredUpdate>,
    batches: HashMap<BatchId, SeqRange>,
    writers: BTreeMap<u64, UserId>,
    snapshot: Option<SnapshotRow>,
    quarantine: Vec<Quarantined>,
    test_results: BTreeMap<TestResultId, (TestResult, Bytes)>,
}

#[derive(Debug)]
struct SnapshotRow {
    seq: Seq,
    envelope: Bytes,
    created_at: Timestamp,
}

/// As precise as the databases keep a moment.
fn to_micros(at: Timestamp) -> Timestamp {
    Timestamp::from_microsecond(at.as_microsecond()).expect("a moment cut to microseconds is still one")
}

#[cfg(test)]
mod tests;
