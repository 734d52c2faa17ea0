//! Values that the cases are made of.

use bytes::Bytes;
use flow_base::{ActorId, BatchId, FlowId, Role, Secret, SessionId, Timestamp, UserId, WorkspaceId};

use crate::{
    FlowBatch, FlowStore, MemberChange, NewFlow, NewSession, NewUpdate, NewUser, Origin, Projection, Quotas,
    Store, StoreError, Writer,
};

/// A moment of the suite's own time, which starts in the year 2026.
pub(super) fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_767_225_600 + second).expect("the suite's moments are within jiff's years")
}

/// Some operator, then.
pub(super) fn by(second: i64) -> Origin {
    Origin::operator(at(second))
}

pub(super) fn bytes(text: &str) -> Bytes {
    Bytes::copy_from_slice(text.as_bytes())
}

/// An account that exists, with its workspace.
#[derive(Debug, Clone, Copy)]
pub(super) struct Person {
    pub(super) id: UserId,
    pub(super) workspace: WorkspaceId,
}

pub(super) fn new_user(name: &str) -> NewUser {
    NewUser {
        id: UserId::generate(),
        email: format!("{name}@example.org"),
        name: name.to_owned(),
        password_hash: Secret::new(format!("$argon2id${name}")),
        workspace: WorkspaceId::generate(),
        created_at: at(0),
    }
}

pub(super) async fn person(store: &dyn Store, name: &str) -> Person {
    let user = new_user(name);
    store.create_user(&user).await.expect("a free address is accepted");
    Person { id: user.id, workspace: user.workspace }
}

pub(super) fn new_flow(owner: Person) -> NewFlow {
    NewFlow {
        id: FlowId::generate(),
        workspace: owner.workspace,
        owner: owner.id,
        name: "Support".to_owned(),
        description: "Answers questions".to_owned(),
        tags: vec!["bot".to_owned(), "größe".to_owned()],
        created_at: at(10),
        updates: vec![],
    }
}

/// A flow with an empty log, and its owner.
pub(super) async fn flow_of(store: &dyn Store, owner: Person) -> FlowId {
    let flow = new_flow(owner);
    store.create_flow(&flow, &Quotas::UNBOUNDED, &by(0)).await.expect("a fresh flow is accepted");
    flow.id
}

pub(super) async fn some_flow(store: &dyn Store) -> FlowId {
    let owner = person(store, &format!("owner-{}", UserId::generate())).await;
    flow_of(store, owner).await
}

pub(super) fn batch(flow: FlowId, updates: &[&str]) -> FlowBatch {
    FlowBatch {
        flow,
        batch: BatchId::generate(),
        at: at(20),
        updates: updates
            .iter()
            .map(|text| NewUpdate { actor: ActorId::Server, bytes: bytes(text) })
            .collect(),
        writers: vec![],
    }
}

pub(super) fn written_by(mut batch: FlowBatch, writers: &[(u64, UserId)]) -> FlowBatch {
    batch.writers = writers.iter().map(|&(client_id, user)| Writer { client_id, user }).collect();
    batch
}

/// Appends one batch and answers its positions.
pub(super) async fn append(store: &dyn Store, batch: &FlowBatch) -> (u64, u64) {
    try_append(store, batch).await.expect("the append succeeds")
}

pub(super) async fn try_append(store: &dyn Store, batch: &FlowBatch) -> Result<(u64, u64), StoreError> {
    let mut results = store.append(std::slice::from_ref(batch)).await;
    assert_eq!(results.len(), 1, "one result per batch");
    results.remove(0).map(|range| (range.first.0, range.last.0))
}

/// The flow's log as texts with their positions, as `load` without a snapshot tells it.
pub(super) async fn log(store: &dyn Store, flow: FlowId) -> Vec<(u64, String)> {
    let stored = store.load(flow).await.expect("the flow loads").expect("the flow exists");
    stored.tail.iter().map(|update| (update.seq.0, text(&update.bytes))).collect()
}

pub(super) fn text(bytes: &Bytes) -> String {
    String::from_utf8(bytes.to_vec()).expect("the suite appends texts")
}

pub(super) async fn set_role(store: &dyn Store, flow: FlowId, user: UserId, role: Option<Role>) -> bool {
    let change = MemberChange { flow, user, role };
    FlowStore::change_member(store, change, &by(30)).await.expect("the change is allowed")
}

pub(super) fn projection(name: &str, seq: u64, second: i64) -> Projection {
    Projection {
        name: name.to_owned(),
        description: format!("{name}, described"),
        tags: vec![name.to_lowercase()],
        seq: flow_base::Seq(seq),
        at: at(second),
    }
}

pub(super) fn new_session(user: UserId, refresh_hash: u8, expires: i64) -> NewSession {
    NewSession {
        id: SessionId::generate(),
        user,
        // Ann's: see `new_user`.
        password_hash: new_user("ann").password_hash,
        user_agent: None,
        refresh_hash: [refresh_hash; 32],
        created_at: at(0),
        expires_at: at(expires),
    }
}
