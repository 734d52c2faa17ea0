//! What [`PurgeStore`](crate::PurgeStore) promises.

use std::sync::Arc;

use bytes::Bytes;
use flow_base::{ActorId, BatchId, FlowId, LinkId, LinkRole, Role, Seq, UserId};

use super::Harness;
use super::fixture::{
    Person, append, at, batch, by, bytes, flow_of, person, projection, set_role, some_flow, try_append,
    written_by,
};
use crate::{
    AuditEvent, AuditPage, Cure, EMPTY_UPDATE, FlowBatch, Mending, NewLink, NewUpdate, NewVersion, Origin,
    PURGED_BYTES, PURGED_ROWS, PageSize, Projection, PurgePart, PurgeStore, Quotas, Snapshot, Store,
    StoreError, VersionCause,
};

/// Flows are deleted at 50 here.
const DELETED: i64 = 50;

async fn deleted_at(store: &dyn Store, owner: Person, second: i64) -> FlowId {
    let flow = flow_of(store, owner).await;
    assert!(store.delete_flow(flow, &by(second)).await.expect("it is there"));
    flow
}

async fn begin(purges: &dyn PurgeStore, second: i64) -> Option<FlowId> {
    purges.begin_purge(at(second), &by(100)).await.expect("it answers")
}

/// Until nothing is left; answers in how many parts.
async fn empty(purges: &dyn PurgeStore, flow: FlowId) -> u32 {
    for parts in 1..1_000 {
        match purges.purge_part(flow).await.expect("it is removed") {
            PurgePart::More => {}
            PurgePart::Emptied => return parts,
            PurgePart::NotOurs => panic!("nobody else is at it"),
        }
    }
    panic!("it comes to no end")
}

async fn restore(store: &dyn Store, flow: FlowId, owner: Person) -> bool {
    let restored = store.restore_flow(flow, owner.id, at(0), &Quotas::UNBOUNDED, &by(110)).await;
    restored.expect("it answers")
}

/// Something of every kind that is stored of a flow.
async fn furnish(harness: &dyn Harness, flow: FlowId, owner: Person) {
    let store = &*harness.store();
    append(store, &written_by(batch(flow, &["one", "two"]), &[(7, owner.id), (8, owner.id)])).await;
    let mending = Mending {
        flow,
        head: Seq(2),
        snapshot: None,
        at: at(31),
        cures: vec![Cure { seq: Seq(1), reason: "bad".to_owned(), put: bytes("cured") }],
        distrust: None,
        appended: EMPTY_UPDATE,
        last: Seq(3),
        log_bytes: 10,
        state: bytes("state"),
    };
    assert!(harness.care().mend(&mending).await.expect("it is mended"));
    let snapshot = Snapshot { seq: Seq(3), state: bytes("state") };
    assert!(store.put_snapshot(flow, &snapshot, at(32)).await.expect("it is stored"));
    store.create_version(&version(flow), &by(33)).await.expect("it is kept");
    let guest = person(store, &format!("guest-{}", UserId::generate())).await;
    set_role(store, flow, guest.id, Some(Role::Viewer)).await;
    let hash = rand::random();
    let link = NewLink {
        id: LinkId::generate(),
        flow,
        hash,
        role: LinkRole::Viewer,
        created_by: owner.id,
        expires_at: None,
    };
    store.create_link(&link, &by(34)).await.expect("it is made");
}

fn version(flow: FlowId) -> NewVersion {
    NewVersion {
        flow,
        name: "one".to_owned(),
        description: String::new(),
        cause: VersionCause::Named,
        seq: Seq(3),
        content_hash: "0".repeat(64),
        content: Bytes::from_static(b"\x01content"),
        author: ActorId::Server,
        created_at: at(33),
    }
}

/// There is no such flow, whatever is asked.
async fn is_unknown(harness: &dyn Harness, flow: FlowId, owner: Person) {
    let (store, care, segments) = (&*harness.store(), &*harness.care(), &*harness.segments());
    assert!(!restore(store, flow, owner).await);
    assert_eq!(store.deleted_flows(owner.id, at(0), 10).await.expect("it lists"), []);
    assert_eq!(store.load(flow).await.expect("it answers"), None);
    assert_eq!(store.head(flow).await.expect("it answers"), None);
    assert_eq!(store.growth(flow).await.expect("it answers"), None);
    assert_eq!(store.flow_access(flow, owner.id).await.expect("it answers"), None);
    assert!(store.flow_as(flow, Role::Owner).await.expect("it answers").is_none());
    let refused = try_append(store, &batch(flow, &["late"])).await;
    assert!(matches!(refused, Err(StoreError::UnknownFlow(of)) if of == flow), "{refused:?}");
    let read = store.updates_after(flow, Seq::ZERO, PageSize::WHOLE).await;
    assert!(matches!(read, Err(StoreError::UnknownFlow(of)) if of == flow), "{read:?}");
    let snapshot = Snapshot { seq: Seq(1), state: bytes("late") };
    let stored = store.put_snapshot(flow, &snapshot, at(111)).await;
    assert!(matches!(stored, Err(StoreError::UnknownFlow(of)) if of == flow), "{stored:?}");
    let kept = store.create_version(&version(flow), &by(111)).await;
    assert!(matches!(kept, Err(StoreError::UnknownFlow(of)) if of == flow), "{kept:?}");
    assert!(!store.delete_flow(flow, &by(111)).await.expect("it answers"));
    assert_eq!(care.stand(flow).await.expect("it answers"), None);
    assert_eq!(care.flow_ids(None, 1_000).await.expect("it lists").iter().find(|id| **id == flow), None);
    let mending = Mending {
        flow,
        head: Seq(3),
        snapshot: Some(Seq(3)),
        at: at(111),
        cures: vec![],
        distrust: None,
        appended: EMPTY_UPDATE,
        last: Seq(4),
        log_bytes: 1,
        state: bytes("late"),
    };
    let mended = care.mend(&mending).await;
    assert!(matches!(mended, Err(StoreError::UnknownFlow(of)) if of == flow), "{mended:?}");
    let due = segments.next_segment(flow, at(1_000)).await;
    assert!(matches!(due, Err(StoreError::UnknownFlow(of)) if of == flow), "{due:?}");
    assert_eq!(segments.bring_back(flow).await.expect("it answers"), None);
}

pub(super) async fn what_was_deleted_long_ago_is_purged_and_nothing_else(harness: &dyn Harness) {
    let (store, purges) = (&*harness.store(), &*harness.purges());
    let ann = person(store, "ann").await;
    let kept = flow_of(store, ann).await;
    let second = deleted_at(store, ann, DELETED + 1).await;
    let first = deleted_at(store, ann, DELETED).await;
    let young = deleted_at(store, ann, DELETED + 2).await;
    assert_eq!(begin(purges, DELETED - 1).await, None);
    assert_eq!(begin(purges, DELETED + 1).await, Some(first), "the one that was deleted first");
    assert_eq!(begin(purges, DELETED + 1).await, Some(second));
    assert_eq!(begin(purges, DELETED + 1).await, None);
    for flow in [first, second] {
        empty(purges, flow).await;
    }
    assert!(store.flow(kept, ann.id).await.expect("it reads").is_some());
    assert!(restore(store, young, ann).await, "there is time");
    assert_eq!(begin(purges, DELETED + 2).await, None, "it is not deleted any more");
}

pub(super) async fn a_flow_being_purged_is_not_found_by_any_method(harness: &dyn Harness) {
    let (store, purges) = (&*harness.store(), &*harness.purges());
    let ann = person(store, "ann").await;
    let flow = flow_of(store, ann).await;
    furnish(harness, flow, ann).await;
    let projected = Projection { ..projection("Secret", 3, 35) };
    store.project(flow, &projected).await.expect("it is written");
    store.delete_flow(flow, &by(DELETED)).await.expect("it is there");
    // Known to the store's own memory of where logs end, if it has one.
    append(store, &batch(flow, &["while it is only deleted"])).await;
    assert_eq!(begin(purges, DELETED).await, Some(flow));
    is_unknown(harness, flow, ann).await;
    assert_eq!(purges.purge_part(flow).await.expect("it is removed"), PurgePart::More);
    is_unknown(harness, flow, ann).await;
    empty(purges, flow).await;
    is_unknown(harness, flow, ann).await;
    assert!(purges.end_purge(flow).await.expect("it answers"));
    is_unknown(harness, flow, ann).await;
    assert_eq!(store.versions(flow, None, 10).await.expect("it lists"), []);
    assert_eq!(store.writers(flow).await.expect("it lists"), []);
    assert_eq!(harness.care().quarantine(flow, 0, 10).await.expect("it lists"), []);
    let revisions = store.revisions(&[flow], &[], at(120)).await.expect("it answers");
    assert_eq!(revisions.flows, [], "who has it open finds that it is gone");
}

pub(super) async fn a_purge_goes_on_in_parts_and_leaves_nothing(harness: &dyn Harness) {
    let (store, purges) = (&*harness.store(), &*harness.purges());
    let ann = person(store, "ann").await;
    let (flow, other) = (flow_of(store, ann).await, flow_of(store, ann).await);
    let empty_usage = usage(store, ann).await;
    let texts: Vec<_> = (0..100).map(|number| format!("u{number}")).collect();
    let texts: Vec<_> = texts.iter().map(String::as_str).collect();
    append(store, &batch(other, &texts[..3])).await;
    for _ in 0..PURGED_ROWS / 100 * 2 + 1 {
        append(store, &batch(flow, &texts)).await;
    }
    store.create_version(&version(flow), &by(40)).await.expect("it is kept");
    store.delete_flow(flow, &by(DELETED)).await.expect("it is there");
    let full_usage = usage(store, ann).await;
    assert!(full_usage > empty_usage + 4_000, "a deleted flow counts: {full_usage}");
    begin(purges, DELETED).await.expect("it is due");
    let parts = empty(purges, flow).await;
    assert!((4..=8).contains(&parts), "{parts} parts for two thousand rows and a hundred");
    assert_eq!(usage(store, ann).await, empty_usage + 6, "what is left is the other's");
    assert_eq!(store.head(other).await.expect("it reads").expect("it is there").seq, Seq(3));

    // A part is bounded in bytes, too.
    let flow = flow_of(store, ann).await;
    let length = usize::try_from(PURGED_BYTES / 2 + 1).expect("some megabytes fit");
    for _ in 0..4 {
        let updates = vec![NewUpdate { actor: ActorId::Server, bytes: vec![0; length].into() }];
        let (batch, at) = (BatchId::generate(), at(20));
        append(store, &FlowBatch { flow, batch, at, updates, writers: vec![] }).await;
    }
    store.delete_flow(flow, &by(DELETED)).await.expect("it is there");
    begin(purges, DELETED).await.expect("it is due");
    let parts = empty(purges, flow).await;
    assert!(parts >= 4, "two for the updates, one for the owner, and the flow: {parts}");
    assert_eq!(usage(store, ann).await, empty_usage + 6);
}

pub(super) async fn a_purge_is_recorded_and_known_until_it_is_ended(harness: &dyn Harness) {
    let (store, purges) = (&*harness.store(), &*harness.purges());
    let ann = person(store, "ann").await;
    let mut flows = [deleted_at(store, ann, DELETED).await, deleted_at(store, ann, DELETED).await];
    flows.sort();
    while begin(purges, DELETED).await.is_some() {}
    let last = store.audit(ann.workspace, AuditPage::Before(u64::MAX), 2).await.expect("it reads");
    for (record, flow) in last.iter().rev().zip(flows) {
        let event: AuditEvent = serde_json::from_str(&record.event).expect("it is an event");
        assert_eq!((event, record.user, record.at), (AuditEvent::FlowPurged { flow }, None, at(100)));
    }
    let known = async |after| purges.purges(after, 1).await.expect("it lists");
    let first = known(None).await[0];
    assert_eq!((first.flow, first.began_at), (flows[0], at(100)));
    assert!(!first.has_archive && !first.is_emptied);
    assert_eq!(known(Some(flows[0])).await[0].flow, flows[1]);
    assert_eq!(known(Some(flows[1])).await, []);
    assert!(!purges.end_purge(flows[0]).await.expect("it answers"), "something is left of it");
    empty(purges, flows[0]).await;
    assert!(known(None).await[0].is_emptied);
    assert_eq!(purges.purge_part(flows[0]).await.expect("it answers"), PurgePart::NotOurs);
    assert!(purges.end_purge(flows[0]).await.expect("it answers"));
    assert!(!purges.end_purge(flows[0]).await.expect("only once"));
    assert_eq!(known(None).await[0].flow, flows[1]);
    let nobodys = purges.purge_part(FlowId::generate()).await.expect("it answers");
    assert_eq!(nobodys, PurgePart::NotOurs);
}

pub(super) async fn of_a_restore_and_a_purge_at_once_one_wins(harness: &dyn Harness) {
    let store = harness.store();
    let ann = person(&*store, "ann").await;
    let mut purged = 0;
    for _ in 0..20 {
        let flow = deleted_at(&*store, ann, DELETED).await;
        let (store, purges) = (harness.store(), harness.purges());
        let restored = tokio::spawn(async move { restore(&*store, flow, ann).await });
        let begun = tokio::spawn(async move { begin(&*purges, DELETED).await });
        let (restored, begun) = (restored.await.expect("no panic"), begun.await.expect("no panic"));
        assert_ne!(restored, begun == Some(flow), "{restored} and {begun:?}");
        purged += u32::from(begun.is_some());
        let is_there = harness.store().flow(flow, ann.id).await.expect("it reads").is_some();
        assert_eq!(is_there, restored);
    }
    let known = harness.purges().purges(None, 100).await.expect("it lists");
    assert_eq!(known.len(), purged as usize);
}

pub(super) async fn purges_begun_at_once_take_a_flow_each(harness: &dyn Harness) {
    let store = harness.store();
    let ann = person(&*store, "ann").await;
    let mut flows = Vec::new();
    for _ in 0..12 {
        flows.push(deleted_at(&*store, ann, DELETED).await);
    }
    let nodes: Vec<_> = (0..4)
        .map(|_| {
            let purges = harness.purges();
            tokio::spawn(async move { all_of(purges).await })
        })
        .collect();
    let mut begun = Vec::new();
    for node in nodes {
        begun.extend(node.await.expect("no panic"));
    }
    // What all others had locked when they looked is left for the next time.
    begun.extend(all_of(harness.purges()).await);
    begun.sort();
    flows.sort();
    assert_eq!(begun, flows, "each once");
}

async fn all_of(purges: Arc<dyn PurgeStore>) -> Vec<FlowId> {
    let mut all = Vec::new();
    while let Some(flow) =
        purges.begin_purge(at(DELETED), &Origin::operator(at(100))).await.expect("it answers")
    {
        empty(&*purges, flow).await;
        all.push(flow);
    }
    all
}

pub(super) async fn appends_beside_a_purge_leave_nothing(harness: &dyn Harness) {
    let store = harness.store();
    let ann = person(&*store, "ann").await;
    for _ in 0..5 {
        let flow = deleted_at(&*store, ann, DELETED).await;
        let appending = tokio::spawn({
            let store = harness.store();
            async move {
                loop {
                    match try_append(&*store, &batch(flow, &["late"])).await {
                        Ok(_) => {}
                        // The log is held for a moment.
                        Err(error) if error.is_retryable() => {}
                        Err(error) => return error,
                    }
                }
            }
        });
        while store.head(flow).await.expect("it reads").expect("it is there").seq < Seq(3) {
            tokio::task::yield_now().await;
        }
        assert_eq!(begin(&*harness.purges(), DELETED).await, Some(flow));
        empty(&*harness.purges(), flow).await;
        let error = appending.await.expect("no panic");
        assert!(matches!(error, StoreError::UnknownFlow(of) if of == flow), "{error:?}");
        is_unknown(harness, flow, ann).await;
    }
    let flow = some_flow(&*store).await;
    assert_eq!(append(&*store, &batch(flow, &["another"])).await, (1, 1));
}

async fn usage(store: &dyn Store, owner: Person) -> u64 {
    let usage = store.workspace_usage(owner.workspace).await.expect("it reads");
    usage.expect("it is there").0.storage_bytes
}
