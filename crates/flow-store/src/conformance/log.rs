use std::sync::Arc;

use flow_base::{ActorId, Credential, FlowId, Seq, SessionId, UserId};
use tokio::task::JoinSet;

use super::Harness;
use super::fixture::{
    append, at, batch, by, bytes, flow_of, log, new_session, person, some_flow, text, try_append, written_by,
};
use crate::{CLIENT_ID_MAX, Conflict, LogGrowth, LogHead, NewUpdate, Snapshot, StoreError, Writer};

pub(super) async fn positions_are_dense_and_in_order(harness: &dyn Harness) {
    let store = &*harness.store();
    let flow = some_flow(store).await;
    assert_eq!(append(store, &batch(flow, &["a", "b", "c"])).await, (1, 3));
    assert_eq!(append(store, &batch(flow, &["d"])).await, (4, 4));
    assert_eq!(append(store, &batch(flow, &["e", "f"])).await, (5, 6));
    let texts = ["a", "b", "c", "d", "e", "f"].map(str::to_owned);
    assert_eq!(log(store, flow).await, (1..).zip(texts).collect::<Vec<_>>());
}

pub(super) async fn what_was_appended_loads_as_it_was(harness: &dyn Harness) {
    let store = &*harness.store();
    let flow = some_flow(store).await;
    let ann = UserId::generate();
    let every_byte: Vec<u8> = (0..=255).collect();
    let mut given = batch(flow, &["first"]);
    given.updates.push(NewUpdate { actor: ActorId::User(ann), bytes: every_byte.into() });
    append(store, &given).await;

    let stored = store.load(flow).await.expect("it loads").expect("it exists");
    assert_eq!(stored.head, Seq(2));
    assert_eq!(stored.snapshot, None);
    for (update, new) in stored.tail.iter().zip(&given.updates) {
        assert_eq!((update.batch, update.created_at), (given.batch, given.at));
        assert_eq!((update.actor, &update.bytes), (new.actor, &new.bytes));
    }
}

pub(super) async fn a_repeated_batch_keeps_its_positions(harness: &dyn Harness) {
    let store = &*harness.store();
    let flow = some_flow(store).await;
    let first = batch(flow, &["a", "b"]);
    assert_eq!(append(store, &first).await, (1, 2));
    assert_eq!(append(store, &first).await, (1, 2), "repeated at once");
    append(store, &batch(flow, &["c"])).await;
    assert_eq!(append(store, &first).await, (1, 2), "repeated after a later batch");
    assert_eq!(append(store, &batch(flow, &["d"])).await, (4, 4));
    assert_eq!(log(store, flow).await.len(), 4);
}

pub(super) async fn one_flows_failure_leaves_the_others_unharmed(harness: &dyn Harness) {
    let store = &*harness.store();
    let (good, repeated, empty) = (some_flow(store).await, some_flow(store).await, some_flow(store).await);
    let unknown = FlowId::generate();
    let again = batch(repeated, &["r"]);
    append(store, &again).await;

    let results =
        store.append(&[batch(unknown, &["x"]), again, batch(empty, &[]), batch(good, &["g", "h"])]).await;
    let [lost, same, refused, stored] = &results[..] else { panic!("one result per batch: {results:?}") };
    assert!(matches!(lost, Err(StoreError::UnknownFlow(flow)) if *flow == unknown), "{lost:?}");
    assert_eq!(same.as_ref().expect("it is stored").first, Seq(1));
    assert!(matches!(refused, Err(StoreError::Conflict(Conflict::EmptyBatch))), "{refused:?}");
    assert_eq!(stored.as_ref().expect("it is stored").last, Seq(2));
    assert_eq!(log(store, repeated).await.len(), 1);
    assert_eq!(log(store, good).await, [(1, "g".to_owned()), (2, "h".to_owned())]);
    assert!(store.load(unknown).await.expect("the store answers").is_none());
}

pub(super) async fn of_two_batches_of_a_flow_in_one_call_the_second_is_refused(harness: &dyn Harness) {
    let store = &*harness.store();
    let (twice, same, once) = (some_flow(store).await, some_flow(store).await, some_flow(store).await);
    let (ann, ben) = (UserId::generate(), UserId::generate());
    let one = written_by(batch(twice, &["a", "b", "c"]), &[(7, ann)]);
    let two = written_by(batch(twice, &["d"]), &[(8, ben)]);
    let repeated = batch(same, &["s", "t"]);

    let given = [one, repeated.clone(), two.clone(), repeated, batch(once, &["o"])];
    let results = store.append(&given).await;
    let range = |place: usize| {
        let range = results[place].as_ref().expect("it is stored");
        (range.first.0, range.last.0)
    };
    assert_eq!([range(0), range(1), range(4)], [(1, 3), (1, 2), (1, 1)]);
    for refused in [&results[2], &results[3]] {
        assert!(matches!(refused, Err(StoreError::Conflict(Conflict::FlowTwice))), "{refused:?}");
    }
    assert_eq!(append(store, &two).await, (4, 4), "it comes with the next call");
    let texts = ["a", "b", "c", "d"].map(str::to_owned);
    assert_eq!(log(store, twice).await, (1..).zip(texts).collect::<Vec<_>>());
    assert_eq!(log(store, same).await.len(), 2);
    let writers = store.writers(twice).await.expect("it reads");
    assert_eq!(writers, [Writer { client_id: 7, user: ann }, Writer { client_id: 8, user: ben }]);
    assert_eq!(store.growth(twice).await.expect("it answers").expect("it exists").update_bytes, 4);
}

/// As when a room has died while its batch was away.
pub(super) async fn a_new_batch_beside_a_repeated_one_of_its_flow_is_refused(harness: &dyn Harness) {
    let store = &*harness.store();
    let flow = some_flow(store).await;
    let again = batch(flow, &["a", "b", "c"]);
    append(store, &again).await;
    let new = batch(flow, &["d"]);
    let results = store.append(&[again, new.clone()]).await;
    assert_eq!(results[0].as_ref().expect("it is there").last, Seq(3));
    let refused = &results[1];
    assert!(matches!(refused, Err(StoreError::Conflict(Conflict::FlowTwice))), "{refused:?}");
    assert_eq!(log(store, flow).await.len(), 3);
    assert_eq!(append(store, &new).await, (4, 4));
    assert_eq!(log(store, flow).await.last(), Some(&(4, "d".to_owned())));
}

pub(super) async fn concurrent_appends_to_one_flow_leave_no_hole_and_no_double(harness: &dyn Harness) {
    let store = harness.store();
    let flow = some_flow(&*store).await;
    let mut tasks = JoinSet::new();
    for task in 0..16 {
        let store = Arc::clone(&store);
        tasks.spawn(async move {
            for turn in 0..8 {
                let (one, two) = (format!("{task}.{turn}.1"), format!("{task}.{turn}.2"));
                let (first, last) = append(&*store, &batch(flow, &[&one, &two])).await;
                assert_eq!(last, first + 1);
            }
        });
    }
    tasks.join_all().await;

    let stored = log(&*store, flow).await;
    assert_eq!(stored.iter().map(|(seq, _)| *seq).collect::<Vec<_>>(), (1..=256).collect::<Vec<_>>());
    for task in 0..16 {
        let expected: Vec<_> = (0..8).flat_map(|turn| [1, 2].map(|n| format!("{task}.{turn}.{n}"))).collect();
        let prefix = format!("{task}.");
        let own: Vec<_> =
            stored.iter().map(|(_, text)| text.clone()).filter(|t| t.starts_with(&prefix)).collect();
        assert_eq!(own, expected, "each task's updates are there once, in its order");
    }
}

pub(super) async fn concurrent_appends_to_many_flows_keep_to_their_flows(harness: &dyn Harness) {
    let store = harness.store();
    let mut flows = Vec::new();
    for _ in 0..6 {
        flows.push(some_flow(&*store).await);
    }
    let mut tasks = JoinSet::new();
    for task in 0..6 {
        let (store, flows) = (Arc::clone(&store), flows.clone());
        tasks.spawn(async move {
            for turn in 0..6 {
                let texts: Vec<_> = flows.iter().map(|flow| format!("{flow} {task}.{turn}")).collect();
                let batches: Vec<_> =
                    flows.iter().zip(&texts).map(|(&flow, text)| batch(flow, &[text])).collect();
                for result in store.append(&batches).await {
                    result.expect("each flow takes its batch");
                }
            }
        });
    }
    tasks.join_all().await;

    for flow in flows {
        let stored = log(&*store, flow).await;
        assert_eq!(stored.iter().map(|(seq, _)| *seq).collect::<Vec<_>>(), (1..=36).collect::<Vec<_>>());
        assert!(stored.iter().all(|(_, text)| text.starts_with(&flow.to_string())));
    }
}

pub(super) async fn concurrent_repetitions_of_one_batch_store_it_once(harness: &dyn Harness) {
    let store = harness.store();
    let flow = some_flow(&*store).await;
    let same = batch(flow, &["a", "b"]);
    let mut tasks = JoinSet::new();
    for _ in 0..8 {
        let (store, same) = (Arc::clone(&store), same.clone());
        tasks.spawn(async move { append(&*store, &same).await });
    }
    assert!(tasks.join_all().await.into_iter().all(|positions| positions == (1, 2)));
    assert_eq!(log(&*store, flow).await.len(), 2);
}

pub(super) async fn a_batch_without_updates_is_refused(harness: &dyn Harness) {
    let store = &*harness.store();
    let flow = some_flow(store).await;
    let refused = try_append(store, &batch(flow, &[])).await;
    assert!(matches!(refused, Err(StoreError::Conflict(Conflict::EmptyBatch))), "{refused:?}");
    assert_eq!(append(store, &batch(flow, &["a"])).await, (1, 1));
}

pub(super) async fn a_client_id_beyond_javascript_is_refused(harness: &dyn Harness) {
    let store = &*harness.store();
    let flow = some_flow(store).await;
    let ann = UserId::generate();
    let refused = try_append(store, &written_by(batch(flow, &["a"]), &[(CLIENT_ID_MAX + 1, ann)])).await;
    assert!(matches!(refused, Err(StoreError::Conflict(Conflict::ClientIdTooLarge))), "{refused:?}");
    assert!(log(store, flow).await.is_empty());

    append(store, &written_by(batch(flow, &["a"]), &[(CLIENT_ID_MAX, ann), (0, ann)])).await;
    let ids: Vec<_> =
        store.writers(flow).await.expect("it reads").iter().map(|writer| writer.client_id).collect();
    assert_eq!(ids, [0, CLIENT_ID_MAX]);
}

pub(super) async fn the_first_writer_of_a_client_id_stays(harness: &dyn Harness) {
    let store = &*harness.store();
    let (flow, other) = (some_flow(store).await, some_flow(store).await);
    let (ann, ben) = (UserId::generate(), UserId::generate());
    append(store, &written_by(batch(flow, &["a"]), &[(7, ann)])).await;
    append(store, &written_by(batch(flow, &["b"]), &[(7, ben), (9, ben)])).await;
    append(store, &written_by(batch(other, &["c"]), &[(7, ben)])).await;

    let writers = store.writers(flow).await.expect("it reads");
    assert_eq!(writers, [Writer { client_id: 7, user: ann }, Writer { client_id: 9, user: ben }]);
    assert_eq!(store.writers(other).await.expect("it reads"), [Writer { client_id: 7, user: ben }]);
    assert_eq!(store.writers(FlowId::generate()).await.expect("it reads"), []);
}

pub(super) async fn many_updates_fit_one_batch(harness: &dyn Harness) {
    let store = &*harness.store();
    let flow = some_flow(store).await;
    let texts: Vec<_> = (0..5000).map(|n| n.to_string()).collect();
    let texts: Vec<_> = texts.iter().map(String::as_str).collect();
    assert_eq!(append(store, &batch(flow, &texts)).await, (1, 5000));
    let stored = log(store, flow).await;
    assert!(stored.iter().map(|(_, text)| text.as_str()).eq(texts));
}

pub(super) async fn a_flow_never_created_loads_as_absent(harness: &dyn Harness) {
    let store = &*harness.store();
    let unknown = FlowId::generate();
    assert_eq!(store.load(unknown).await.expect("absence is no error"), None);
    let updates = store.updates_after(unknown, Seq::ZERO, 10).await;
    assert!(matches!(updates, Err(StoreError::UnknownFlow(_))), "{updates:?}");
    let snapshot = Snapshot { seq: Seq::ZERO, state: bytes("s") };
    let put = store.put_snapshot(unknown, &snapshot, at(0)).await;
    assert!(matches!(put, Err(StoreError::UnknownFlow(_))), "{put:?}");
}

pub(super) async fn a_deleted_flow_still_loads_and_takes_updates(harness: &dyn Harness) {
    let store = &*harness.store();
    let flow = some_flow(store).await;
    append(store, &batch(flow, &["a"])).await;
    assert!(store.delete_flow(flow, &by(50)).await.expect("it is deleted"));
    append(store, &batch(flow, &["b"])).await;
    assert_eq!(log(store, flow).await.len(), 2);
}

pub(super) async fn a_snapshot_shortens_the_tail(harness: &dyn Harness) {
    let store = &*harness.store();
    let flow = some_flow(store).await;
    append(store, &batch(flow, &["a", "b", "c"])).await;
    let snapshot = Snapshot { seq: Seq(2), state: bytes("ab") };
    assert!(store.put_snapshot(flow, &snapshot, at(40)).await.expect("it is stored"));

    let stored = store.load(flow).await.expect("it loads").expect("it exists");
    assert_eq!((stored.head, stored.snapshot), (Seq(3), Some(snapshot)));
    assert_eq!(stored.tail.iter().map(|update| update.seq).collect::<Vec<_>>(), [Seq(3)]);

    let whole = Snapshot { seq: Seq(3), state: bytes("abc") };
    assert!(store.put_snapshot(flow, &whole, at(41)).await.expect("it is stored"));
    let stored = store.load(flow).await.expect("it loads").expect("it exists");
    assert_eq!((stored.snapshot, stored.tail), (Some(whole), vec![]));
}

pub(super) async fn an_older_snapshot_never_replaces_a_newer(harness: &dyn Harness) {
    let store = &*harness.store();
    let flow = some_flow(store).await;
    append(store, &batch(flow, &["a", "b", "c"])).await;
    let put = async |seq, state| {
        let snapshot = Snapshot { seq: Seq(seq), state: bytes(state) };
        store.put_snapshot(flow, &snapshot, at(40)).await.expect("the store answers")
    };
    assert!(put(3, "newer").await);
    assert!(!put(2, "older").await);
    let stored = store.load(flow).await.expect("it loads").expect("it exists");
    assert_eq!(stored.snapshot.map(|snapshot| snapshot.state), Some(bytes("newer")));
    assert!(put(3, "as new").await, "only a higher position wins over it");
}

pub(super) async fn a_snapshot_ahead_of_the_log_is_refused(harness: &dyn Harness) {
    let store = &*harness.store();
    let flow = some_flow(store).await;
    append(store, &batch(flow, &["a"])).await;
    let ahead = Snapshot { seq: Seq(2), state: bytes("ab") };
    let refused = store.put_snapshot(flow, &ahead, at(40)).await;
    assert!(matches!(refused, Err(StoreError::Conflict(Conflict::SnapshotAhead))), "{refused:?}");
    assert_eq!(log(store, flow).await.len(), 1);
}

pub(super) async fn a_load_amid_appends_and_snapshots_sees_one_moment(harness: &dyn Harness) {
    let store = harness.store();
    let flow = some_flow(&*store).await;
    let mut tasks = JoinSet::new();
    for _ in 0..4 {
        let store = Arc::clone(&store);
        tasks.spawn(async move {
            let mut seen = Seq::ZERO;
            while seen < Seq(400) {
                // A log and a snapshot of different moments would be taken for damage.
                let stored = store.load(flow).await.expect("it loads").expect("it exists");
                assert!(stored.head >= seen, "what was seen once stays");
                seen = stored.head;
                let covered = stored.snapshot.map_or(Seq::ZERO, |snapshot| snapshot.seq);
                let tail: Vec<_> = stored.tail.iter().map(|update| update.seq.0).collect();
                assert_eq!(tail, (covered.0 + 1..=stored.head.0).collect::<Vec<_>>());
                tokio::task::yield_now().await;
            }
        });
    }
    for _ in 0..200 {
        let (_, last) = append(&*store, &batch(flow, &["a", "b"])).await;
        let snapshot = Snapshot { seq: Seq(last), state: bytes("state") };
        store.put_snapshot(flow, &snapshot, at(40)).await.expect("it is stored");
    }
    tasks.join_all().await;
}

pub(super) async fn the_head_names_the_newest_batch(harness: &dyn Harness) {
    let store = &*harness.store();
    let flow = some_flow(store).await;
    let head = async |flow| store.head(flow).await.expect("it answers");
    assert_eq!(head(FlowId::generate()).await, None);
    assert_eq!(head(flow).await, Some(LogHead { seq: Seq::ZERO, batch: None }));
    let (first, second) = (batch(flow, &["a", "b"]), batch(flow, &["c"]));
    append(store, &first).await;
    assert_eq!(head(flow).await, Some(LogHead { seq: Seq(2), batch: Some(first.batch) }));
    append(store, &second).await;
    append(store, &first).await;
    assert_eq!(head(flow).await, Some(LogHead { seq: Seq(3), batch: Some(second.batch) }));
}

pub(super) async fn updates_after_reads_page_by_page(harness: &dyn Harness) {
    let store = &*harness.store();
    let flow = some_flow(store).await;
    append(store, &batch(flow, &["a", "b", "c", "d", "e"])).await;
    let page = async |after, limit| {
        let updates = store.updates_after(flow, Seq(after), limit).await.expect("it reads");
        updates.iter().map(|update| text(&update.bytes)).collect::<String>()
    };
    assert_eq!(page(0, 2).await, "ab");
    assert_eq!(page(2, 2).await, "cd");
    assert_eq!(page(4, 2).await, "e");
    assert_eq!(page(5, 2).await, "");
    assert_eq!(page(99, 2).await, "");
    assert_eq!(page(0, 0).await, "");
    assert_eq!(page(0, usize::MAX).await, "abcde");
}

pub(super) async fn a_hole_is_damage_and_not_an_empty_flow(harness: &dyn Harness) {
    let store = &*harness.store();
    // In front, in the middle, and at the end.
    for lost in 1..=3 {
        let flow = some_flow(store).await;
        append(store, &batch(flow, &["a", "b", "c"])).await;
        harness.lose_update(flow, Seq(lost)).await;
        let loaded = store.load(flow).await;
        assert!(matches!(loaded, Err(StoreError::Damaged { .. })), "{lost}: {loaded:?}");
        let updates = store.updates_after(flow, Seq::ZERO, 10).await;
        assert!(matches!(updates, Err(StoreError::Damaged { .. })), "{lost}: {updates:?}");
    }

    let flow = some_flow(store).await;
    append(store, &batch(flow, &["a", "b", "c"])).await;
    let snapshot = Snapshot { seq: Seq(2), state: bytes("ab") };
    store.put_snapshot(flow, &snapshot, at(40)).await.expect("it is stored");
    harness.lose_update(flow, Seq(1)).await;
    assert!(store.load(flow).await.is_ok(), "what the snapshot covers is not needed");
}

pub(super) async fn an_unreadable_snapshot_is_damage_and_not_an_empty_flow(harness: &dyn Harness) {
    let store = &*harness.store();
    let flow = some_flow(store).await;
    append(store, &batch(flow, &["a"])).await;
    let snapshot = Snapshot { seq: Seq(1), state: bytes("state") };
    store.put_snapshot(flow, &snapshot, at(40)).await.expect("it is stored");
    harness.cut_snapshot(flow).await;
    let loaded = store.load(flow).await;
    assert!(matches!(&loaded, Err(StoreError::Damaged { flow: of, .. }) if *of == flow), "{loaded:?}");
    assert!(!loaded.expect_err("as just seen").is_retryable());
}

pub(super) async fn revisions_lists_known_flows_once(harness: &dyn Harness) {
    let store = &*harness.store();
    let (one, two) = (some_flow(store).await, some_flow(store).await);
    append(store, &batch(one, &["a", "b"])).await;
    let asked = [one, FlowId::generate(), two, one];
    let read = async || store.revisions(&asked, &[], at(0)).await.expect("it reads").flows;

    let mut before = read().await;
    before.sort_by_key(|revision| revision.head);
    let known: Vec<_> = before.iter().map(|revision| (revision.flow, revision.head)).collect();
    assert_eq!(known, [(two, Seq(0)), (one, Seq(2))]);

    store.delete_flow(one, &by(50)).await.expect("it is deleted");
    let mut after = read().await;
    after.sort_by_key(|revision| revision.head);
    assert_eq!(after[0], before[0]);
    assert!(after[1].access_rev > before[1].access_rev, "deletion changes access");
    assert_eq!(store.revisions(&[], &[], at(0)).await.expect("it reads"), crate::Revisions::default());
}

pub(super) async fn revisions_lists_ended_sessions(harness: &dyn Harness) {
    let store = &*harness.store();
    let ann = person(store, "ann").await;
    flow_of(store, ann).await;
    let (live, revoked, expired) =
        (new_session(ann.id, 1, 100), new_session(ann.id, 2, 100), new_session(ann.id, 3, 10));
    for session in [&live, &revoked, &expired] {
        store.create_session(session, &by(0)).await.expect("it is stored");
    }
    store.revoke_session(ann.id, revoked.id, &by(5)).await.expect("it is revoked");
    let unknown = SessionId::generate();
    let asked = [live.id, revoked.id, expired.id, unknown].map(Credential::Session);
    let ended = async |now| {
        let mut ended = store.revisions(&[], &asked, at(now)).await.expect("it reads").ended;
        ended.sort();
        ended
    };
    let sorted = |ids: Vec<SessionId>| {
        let mut ended: Vec<_> = ids.into_iter().map(Credential::Session).collect();
        ended.sort();
        ended
    };
    assert_eq!(ended(9).await, sorted(vec![revoked.id, unknown]));
    assert_eq!(ended(10).await, sorted(vec![revoked.id, expired.id, unknown]));
    assert_eq!(ended(100).await, sorted(vec![live.id, revoked.id, expired.id, unknown]));
}

pub(super) async fn the_store_answers_a_ping(harness: &dyn Harness) {
    harness.store().ping().await.expect("the store is there");
}

pub(super) async fn growth_counts_what_is_stored(harness: &dyn Harness) {
    let store = &*harness.store();
    let flow = some_flow(store).await;
    assert_eq!(store.growth(FlowId::generate()).await.expect("it answers"), None);
    let growth = async || store.growth(flow).await.expect("it answers").expect("it exists");
    assert_eq!(growth().await, LogGrowth::default());
    let given = batch(flow, &["abc", "de"]);
    append(store, &given).await;
    append(store, &given).await;
    append(store, &batch(flow, &["f"])).await;
    assert_eq!(growth().await, LogGrowth { updates: 3, update_bytes: 6, snapshot_bytes: 0 });
    let state = vec![0; 5_000].into();
    assert!(store.put_snapshot(flow, &Snapshot { seq: Seq(3), state }, at(1)).await.expect("it is stored"));
    let snapshot_bytes = growth().await.snapshot_bytes;
    assert!((5_000..5_100).contains(&snapshot_bytes), "{snapshot_bytes}");
}
