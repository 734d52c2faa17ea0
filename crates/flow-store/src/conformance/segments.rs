use std::collections::HashSet;
use std::sync::Arc;

use bytes::Bytes;
use flow_base::{FlowId, Seq};

use super::Harness;
use super::fixture::{append, at, batch, bytes, flow_of, person, some_flow, text};
use crate::{
    Archive, Cure, EMPTY_UPDATE, FlowBatch, KEPT_UPDATES, LogCare, Mending, PageSize, Segment, Snapshot,
    Store, StoreError, StoredUpdate,
};

const KEPT: u64 = KEPT_UPDATES;
/// Everything the suite appends is older.
const LATER: i64 = 1_000;

/// Appends until the flow's head is there, in batches of at most 100, and puts a snapshot
/// there.
async fn grow(store: &dyn Store, flow: FlowId, head: u64) {
    let mut at_head = store.head(flow).await.expect("it answers").expect("it exists").seq.0;
    while at_head < head {
        let upto = head.min(at_head + 100);
        let texts: Vec<_> = (at_head + 1..=upto).map(|seq| format!("u{seq}")).collect();
        append(store, &batch(flow, &texts.iter().map(String::as_str).collect::<Vec<_>>())).await;
        at_head = upto;
    }
    snapshot(store, flow, head).await;
}

async fn snapshot(store: &dyn Store, flow: FlowId, seq: u64) {
    let snapshot = Snapshot { seq: Seq(seq), state: bytes("state") };
    assert!(store.put_snapshot(flow, &snapshot, at(40)).await.expect("it is stored"));
}

async fn long_flow(harness: &dyn Harness, head: u64) -> FlowId {
    let store = &*harness.store();
    let flow = some_flow(store).await;
    grow(store, flow, head).await;
    flow
}

async fn next(harness: &dyn Harness, flow: FlowId) -> Option<Vec<StoredUpdate>> {
    harness.segments().next_segment(flow, at(LATER)).await.expect("it reads")
}

/// Archives what is due, as one segment.
async fn archive(harness: &dyn Harness, flow: FlowId) -> Option<Segment> {
    let updates = next(harness, flow).await?;
    let segment = harness.archive().put(flow, &updates, at(50)).await.expect("it is written");
    assert!(harness.segments().archive(flow, &segment, &updates).await.expect("it is noted"));
    Some(segment)
}

/// The whole log, page by page.
async fn read(store: &dyn Store, flow: FlowId, page: PageSize) -> Result<Vec<StoredUpdate>, StoreError> {
    let mut all: Vec<StoredUpdate> = Vec::new();
    loop {
        let after = all.last().map_or(Seq::ZERO, |update| update.seq);
        let updates = store.updates_after(flow, after, page).await?;
        if updates.is_empty() {
            return Ok(all);
        }
        all.extend(updates);
    }
}

async fn whole(store: &dyn Store, flow: FlowId) -> Vec<StoredUpdate> {
    read(store, flow, PageSize::WHOLE).await.expect("it reads")
}

async fn archived(care: &dyn LogCare, flow: FlowId) -> u64 {
    care.stand(flow).await.expect("it answers").expect("it exists").archived.0
}

pub(super) async fn what_is_archived_reads_as_before(harness: &dyn Harness) {
    let (store, care) = (&*harness.store(), &*harness.care());
    let (flow, other) = (long_flow(harness, KEPT + 1_500).await, long_flow(harness, KEPT + 1_500).await);
    let before = whole(store, flow).await;
    let growth = store.growth(flow).await.expect("it answers").expect("it exists");
    let segment = archive(harness, flow).await.expect("it is due");
    assert_eq!((segment.first, segment.last), (Seq(1), Seq(1_500)));
    assert_eq!(archive(harness, flow).await, None, "there is no more");

    assert_eq!(whole(store, flow).await, before);
    let pages = PageSize { updates: 400, bytes: u64::MAX };
    assert_eq!(read(store, flow, pages).await.expect("it reads"), before);
    assert_eq!(
        store.updates_after(flow, Seq(1_500), pages).await.expect("it reads")[..],
        before[1_500..1_900]
    );
    let raw = care.raw_updates(flow, Seq(700), Seq(702), PageSize::WHOLE).await.expect("it reads");
    assert_eq!(raw.iter().map(|update| text(&update.bytes)).collect::<Vec<_>>(), ["u701", "u702"]);
    let loaded = store.load(flow).await.expect("it loads").expect("it exists");
    assert_eq!((loaded.head, loaded.tail.len()), (Seq(KEPT + 1_500), 0));

    let stand = care.stand(flow).await.expect("it answers").expect("it exists");
    assert_eq!((stand.head, stand.last), (Seq(KEPT + 1_500), Seq(KEPT + 1_500)));
    assert_eq!((stand.archived, stand.log_bytes), (Seq(1_500), growth.update_bytes));
    let now = store.growth(flow).await.expect("it answers").expect("it exists");
    assert_eq!(
        (now.archived_updates, now.updates, now.update_bytes),
        (1_500, growth.updates, growth.update_bytes)
    );
    let segments = harness.segments();
    assert_eq!(segments.segments(flow, Seq::ZERO, 9).await.expect("it lists"), [segment]);
    assert_eq!(segments.segments(flow, Seq(1_500), 9).await.expect("it lists"), []);
    // The next one follows on it.
    grow(store, flow, KEPT + 3_000).await;
    let segment = archive(harness, flow).await.expect("it is due");
    assert_eq!((segment.first, segment.last), (Seq(1_501), Seq(3_000)));
    assert_eq!(whole(store, flow).await.len(), 4_000);
    assert_eq!(read(store, flow, pages).await.expect("it reads").len(), 4_000);
    assert_eq!(archived(care, other).await, 0, "another flow is left alone");
}

pub(super) async fn the_last_updates_and_the_young_stay(harness: &dyn Harness) {
    let store = &*harness.store();
    let flow = some_flow(store).await;
    grow(store, flow, 1_200).await;
    let young = FlowBatch { at: at(500), ..batch(flow, &["young"]) };
    append(store, &young).await;
    grow(store, flow, KEPT + 1_601).await;
    let due = harness.segments().next_segment(flow, at(500)).await.expect("it reads").expect("some are due");
    assert_eq!(due.last().map(|update| update.seq), Some(Seq(1_200)));
    let due = next(harness, flow).await.expect("some are due");
    assert_eq!(due.last().map(|update| update.seq), Some(Seq(1_601)));
    assert_eq!(harness.segments().next_segment(flow, at(20)).await.expect("it reads"), None);
    // What stays knows its batches.
    let last = batch(flow, &["x"]);
    let range = append(store, &last).await;
    archive(harness, flow).await.expect("it is due");
    assert_eq!(append(store, &last).await, range);
}

pub(super) async fn no_batch_is_divided_by_what_stays(harness: &dyn Harness) {
    let store = &*harness.store();
    let flow = some_flow(store).await;
    grow(store, flow, 1_050).await;
    let texts = vec!["x"; 800];
    let large = batch(flow, &texts);
    let range = append(store, &large).await;
    // Its beginning is old enough to go.
    grow(store, flow, KEPT + 1_100).await;
    let segment = archive(harness, flow).await.expect("it is due");
    assert_eq!(segment.last, Seq(1_050));
    assert_eq!(append(store, &large).await, range, "it is known again, whole");
}

pub(super) async fn what_the_snapshot_has_not_stays(harness: &dyn Harness) {
    let store = &*harness.store();
    let flow = some_flow(store).await;
    let mut texts = vec!["x"; 1_000];
    texts.extend(vec!["y"; 250]);
    for text in &texts {
        append(store, &batch(flow, &[text])).await;
    }
    snapshot(store, flow, 1_100).await;
    append(store, &batch(flow, &vec!["z"; 1_100])).await;
    let due = next(harness, flow).await.expect("some are due");
    assert_eq!(due.last().map(|update| update.seq), Some(Seq(1_100)));
    harness.lose_snapshot(flow).await;
    assert_eq!(next(harness, flow).await, None, "without one all stays");
}

pub(super) async fn too_few_updates_make_no_segment(harness: &dyn Harness) {
    let store = &*harness.store();
    let flow = long_flow(harness, KEPT + 999).await;
    assert_eq!(next(harness, flow).await, None);
    grow(store, flow, KEPT + 1_000).await;
    assert_eq!(next(harness, flow).await.map(|due| due.len()), Some(1_000));
    let unknown = harness.segments().next_segment(FlowId::generate(), at(LATER)).await;
    assert!(matches!(unknown, Err(StoreError::UnknownFlow(_))), "{unknown:?}");
    // A few large ones are enough, and as many as pass the bound.
    let flow = some_flow(store).await;
    let mut large = batch(flow, &["x"; 12]);
    large.updates.iter_mut().for_each(|update| update.bytes = Bytes::from(vec![7; 1 << 20]));
    append(store, &large).await;
    append(store, &batch(flow, &vec!["x"; 1_000])).await;
    snapshot(store, flow, 1_012).await;
    assert_eq!(next(harness, flow).await.map(|due| due.len()), Some(4));
}

pub(super) async fn long_logs_are_listed_page_by_page(harness: &dyn Harness) {
    let store = &*harness.store();
    let ann = person(store, "ann").await;
    let mut long = Vec::new();
    for _ in 0..3 {
        let flow = flow_of(store, ann).await;
        grow(store, flow, KEPT + 1_000).await;
        long.push(flow);
        grow(store, flow_of(store, ann).await, KEPT + 999).await;
    }
    long.sort();
    let list =
        async |after, limit| harness.segments().flows_to_archive(after, limit).await.expect("it lists");
    assert_eq!(list(None, 2).await, long[..2]);
    assert_eq!(list(Some(long[1]), 2).await, long[2..]);
    archive(harness, long[0]).await.expect("it is due");
    assert_eq!(list(None, 9).await, long[1..]);
}

pub(super) async fn a_log_that_has_moved_is_not_archived(harness: &dyn Harness) {
    let care = &*harness.care();
    let flow = long_flow(harness, KEPT + 1_200).await;
    let updates = next(harness, flow).await.expect("some are due");
    let segment = harness.archive().put(flow, &updates, at(50)).await.expect("it is written");
    let mending = Mending {
        flow,
        head: Seq(KEPT + 1_200),
        snapshot: Some(Seq(KEPT + 1_200)),
        at: at(60),
        cures: vec![Cure { seq: Seq(7), reason: "bad".to_owned(), put: EMPTY_UPDATE }],
        distrust: None,
        appended: EMPTY_UPDATE,
        last: Seq(KEPT + 1_201),
        log_bytes: 1,
        state: bytes("state"),
    };
    assert!(care.mend(&mending).await.expect("it is mended"));
    let noted = harness.segments().archive(flow, &segment, &updates).await.expect("it answers");
    assert!(!noted, "one of the updates is another");
    harness.lose_update(flow, Seq(9)).await;
    let mended = next_err(harness, flow).await;
    assert!(matches!(mended, StoreError::Damaged { .. }), "{mended:?}");
    assert_eq!(archived(care, flow).await, 0);
    let unknown = harness.segments().archive(FlowId::generate(), &segment, &updates).await;
    assert!(matches!(unknown, Err(StoreError::UnknownFlow(_))), "{unknown:?}");
}

async fn next_err(harness: &dyn Harness, flow: FlowId) -> StoreError {
    harness.segments().next_segment(flow, at(LATER)).await.expect_err("a hole is not archived")
}

pub(super) async fn of_two_that_archive_a_log_at_once_one_wins(harness: &dyn Harness) {
    let (store, care) = (harness.store(), &*harness.care());
    let flow = long_flow(harness, KEPT + 1_500).await;
    let before = whole(&*store, flow).await;
    let updates = Arc::new(next(harness, flow).await.expect("some are due"));
    let mut attempts = tokio::task::JoinSet::new();
    for _ in 0..4 {
        let (archive, segments, updates) = (harness.archive(), harness.segments(), Arc::clone(&updates));
        attempts.spawn(async move {
            let segment = archive.put(flow, &updates, at(50)).await.expect("it is written");
            segments.archive(flow, &segment, &updates).await.expect("it answers")
        });
    }
    let won = attempts.join_all().await.into_iter().filter(|won| *won).count();
    assert_eq!(won, 1);
    assert_eq!(harness.archive().keys().len(), 1, "they have written the same");
    assert_eq!(harness.segments().segments(flow, Seq::ZERO, 9).await.expect("it lists").len(), 1);
    assert_eq!(archived(care, flow).await, 1_500);
    assert_eq!(whole(&*store, flow).await, before);
}

pub(super) async fn appends_beside_archiving_leave_no_hole(harness: &dyn Harness) {
    let store = harness.store();
    let flow = long_flow(harness, KEPT + 1_000).await;
    let writing = tokio::spawn({
        let store = Arc::clone(&store);
        async move {
            let mut stored = 0;
            for _ in 0..150 {
                let batch = batch(flow, &["a", "b", "c", "d"]);
                // A log that is held for a moment takes the batch when it is repeated.
                while store.append(std::slice::from_ref(&batch)).await.remove(0).is_err() {}
                stored += 4;
            }
            stored
        }
    });
    let mut segments = 0;
    while !writing.is_finished() || next(harness, flow).await.is_some() {
        if let Some(updates) = next(harness, flow).await {
            let segment = harness.archive().put(flow, &updates, at(50)).await.expect("it is written");
            segments +=
                u64::from(harness.segments().archive(flow, &segment, &updates).await.unwrap_or(false));
        }
        tokio::task::yield_now().await;
    }
    let stored = writing.await.expect("it does not panic");
    assert!(segments >= 1);
    let all = whole(&*store, flow).await;
    let seqs: Vec<_> = all.iter().map(|update| update.seq.0).collect();
    assert_eq!(seqs, (1..=KEPT + 1_000 + stored).collect::<Vec<_>>());
}

pub(super) async fn without_a_snapshot_a_flow_loads_from_its_archive(harness: &dyn Harness) {
    let store = &*harness.store();
    let flow = long_flow(harness, KEPT + 1_500).await;
    let before = whole(store, flow).await;
    archive(harness, flow).await.expect("it is due");
    grow(store, flow, KEPT + 3_000).await;
    archive(harness, flow).await.expect("it is due");
    harness.lose_snapshot(flow).await;
    let loaded = store.load(flow).await.expect("it loads").expect("it exists");
    assert_eq!((loaded.head, loaded.snapshot, loaded.tail.len()), (Seq(4_000), None, 4_000));
    assert_eq!(loaded.tail[..before.len()], before);
    harness.archive().be_away(true);
    let away = store.load(flow).await;
    assert!(away.as_ref().is_err_and(StoreError::is_retryable), "{away:?}");
}

pub(super) async fn an_archive_that_is_away_is_an_error_and_not_a_hole(harness: &dyn Harness) {
    let (store, care) = (&*harness.store(), &*harness.care());
    let flow = long_flow(harness, KEPT + 1_500).await;
    archive(harness, flow).await.expect("it is due");
    harness.archive().be_away(true);
    let read = store.updates_after(flow, Seq(1_499), PageSize::WHOLE).await;
    assert!(read.as_ref().is_err_and(StoreError::is_retryable), "{read:?}");
    let raw = care.raw_updates(flow, Seq::ZERO, Seq(9), PageSize::WHOLE).await;
    assert!(raw.as_ref().is_err_and(StoreError::is_retryable), "{raw:?}");
    let back = harness.segments().bring_back(flow).await;
    assert!(back.as_ref().is_err_and(StoreError::is_retryable), "{back:?}");
    // What is not archived is there, and so is the flow.
    assert_eq!(store.updates_after(flow, Seq(1_500), PageSize::WHOLE).await.expect("it reads").len(), 1_000);
    assert!(store.load(flow).await.expect("it loads").is_some());
    harness.archive().be_away(false);
    assert_eq!(whole(store, flow).await.len(), 2_500);
}

pub(super) async fn a_damaged_or_missing_object_is_damage(harness: &dyn Harness) {
    let (store, care) = (&*harness.store(), &*harness.care());
    for is_lost in [false, true] {
        let flow = long_flow(harness, KEPT + 1_500).await;
        let segment = archive(harness, flow).await.expect("it is due");
        if is_lost {
            harness.archive().lose(&segment.key);
        } else {
            harness.archive().damage(&segment.key);
        }
        let read = store.updates_after(flow, Seq::ZERO, PageSize::WHOLE).await;
        assert!(matches!(read, Err(StoreError::Damaged { .. })), "{read:?}");
        let raw = care.raw_updates(flow, Seq::ZERO, Seq(9), PageSize::WHOLE).await;
        assert!(matches!(raw, Err(StoreError::Damaged { .. })), "{raw:?}");
        let back = harness.segments().bring_back(flow).await;
        assert!(matches!(back, Err(StoreError::Damaged { .. })), "{back:?}");
        assert!(store.load(flow).await.expect("it loads by its snapshot").is_some());
        assert_eq!(archived(care, flow).await, 1_500);
    }
}

pub(super) async fn what_was_brought_back_reads_as_before(harness: &dyn Harness) {
    let (store, care, segments) = (&*harness.store(), &*harness.care(), &*harness.segments());
    let flow = long_flow(harness, KEPT + 1_500).await;
    archive(harness, flow).await.expect("it is due");
    grow(store, flow, KEPT + 3_000).await;
    let second = archive(harness, flow).await.expect("it is due");
    let before = whole(store, flow).await;
    assert_eq!(segments.bring_back(flow).await.expect("it is brought back"), Some(second));
    assert_eq!(archived(care, flow).await, 1_500);
    assert_eq!(whole(store, flow).await, before);
    let first = segments.bring_back(flow).await.expect("it is brought back").expect("there is another");
    assert_eq!(first.first, Seq(1));
    assert_eq!(segments.bring_back(flow).await.expect("it answers"), None);
    harness.archive().be_away(true);
    assert_eq!(whole(store, flow).await, before, "nothing of it is needed any more");
    let growth = store.growth(flow).await.expect("it answers").expect("it exists");
    assert_eq!((growth.updates, growth.archived_updates), (4_000, 0));
    harness.archive().be_away(false);
    archive(harness, flow).await.expect("it can be archived again");
    assert_eq!(whole(store, flow).await, before);
}

pub(super) async fn what_lies_in_the_archive_is_not_mended_there(harness: &dyn Harness) {
    let (store, care) = (&*harness.store(), &*harness.care());
    let flow = long_flow(harness, KEPT + 1_500).await;
    archive(harness, flow).await.expect("it is due");
    let cure = |seq| Cure { seq: Seq(seq), reason: "bad".to_owned(), put: bytes("cured") };
    let mending = Mending {
        flow,
        head: Seq(KEPT + 1_500),
        snapshot: Some(Seq(KEPT + 1_500)),
        at: at(60),
        cures: vec![cure(7)],
        distrust: None,
        appended: EMPTY_UPDATE,
        last: Seq(KEPT + 1_501),
        log_bytes: 1,
        state: bytes("state"),
    };
    assert!(!care.mend(&mending).await.expect("it answers"));
    assert_eq!(text(&whole(store, flow).await[6].bytes), "u7");
    harness.segments().bring_back(flow).await.expect("it is brought back");
    assert!(care.mend(&mending).await.expect("it is mended"));
    assert_eq!(text(&whole(store, flow).await[6].bytes), "cured");
}

pub(super) async fn what_an_attempt_left_behind_is_swept_and_nothing_else(harness: &dyn Harness) {
    let (store, archive_of, segments) = (&*harness.store(), harness.archive(), &*harness.segments());
    let (flow, other) = (long_flow(harness, KEPT + 1_500).await, long_flow(harness, KEPT + 1_500).await);
    let leftover = next(harness, other).await.expect("some are due");
    let leftover = archive_of.put(other, &leftover, at(50)).await.expect("it is written");
    // The process ends here, and the next one finds more to archive.
    let before = whole(store, flow).await;
    archive_of.put(flow, &before[..1_200], at(50)).await.expect("it is written");
    let segment = archive(harness, flow).await.expect("it is due");
    let known: HashSet<_> = segments
        .segments(flow, Seq::ZERO, 9)
        .await
        .expect("it lists")
        .into_iter()
        .map(|known| known.key)
        .collect();
    let is_known = |key: &str| known.contains(key);
    assert_eq!(archive_of.sweep(flow, &is_known, at(50)).await.expect("it sweeps"), 0, "it is too young");
    assert_eq!(archive_of.sweep(flow, &is_known, at(51)).await.expect("it sweeps"), 1);
    let mut left = [segment.key, leftover.key];
    left.sort();
    assert_eq!(archive_of.keys(), left);
    assert_eq!(whole(store, flow).await, before);
}
