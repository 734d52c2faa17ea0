use std::sync::Arc;

use flow_base::{ActorId, FlowId, Seq, UserId};

use super::Harness;
use super::fixture::{append, at, batch, by, bytes, flow_of, log, person, projection, some_flow};
use crate::{
    Cure, EMPTY_UPDATE, LogCare, Mending, NewUpdate, PageSize, QuarantinedKind, RawUpdate, Snapshot, Store,
    decode_snapshot,
};

const WHOLE: PageSize = PageSize { updates: 1_000, bytes: 1 << 20 };

pub(super) async fn flows_are_listed_page_by_page_also_when_deleted(harness: &dyn Harness) {
    let (store, care) = (&*harness.store(), &*harness.care());
    let ann = person(store, "ann").await;
    let mut made = Vec::new();
    for _ in 0..5 {
        made.push(flow_of(store, ann).await);
    }
    made.sort();
    store.delete_flow(made[2], &by(50)).await.expect("it is deleted");
    let mut listed = Vec::new();
    loop {
        let page = care.flow_ids(listed.last().copied(), 2).await.expect("it lists");
        assert!(page.len() <= 2);
        if page.is_empty() {
            break;
        }
        listed.extend(page);
    }
    assert_eq!(listed, made);
}

pub(super) async fn a_stand_tells_what_is_stored_as_it_is(harness: &dyn Harness) {
    let (store, care) = (&*harness.store(), &*harness.care());
    assert_eq!(care.stand(FlowId::generate()).await.expect("it answers"), None);
    let flow = some_flow(store).await;
    let stand = async || care.stand(flow).await.expect("it answers").expect("it exists");
    let fresh = stand().await;
    assert_eq!((fresh.head, fresh.last, fresh.log_bytes), (Seq::ZERO, Seq::ZERO, 0));
    assert_eq!((fresh.snapshot, fresh.projected), (None, Seq::ZERO));

    append(store, &batch(flow, &["a", "bb", "ccc"])).await;
    let snapshot = Snapshot { seq: Seq(2), state: bytes("state") };
    store.put_snapshot(flow, &snapshot, at(40)).await.expect("it is stored");
    store.project(flow, &projection("Later", 9, 41)).await.expect("it is written");
    let now = stand().await;
    assert_eq!((now.head, now.last, now.log_bytes, now.projected), (Seq(3), Seq(3), 6, Seq(9)));
    let raw = now.snapshot.expect("it is there");
    assert_eq!((raw.seq, decode_snapshot(&raw.envelope).expect("it is whole")), (Seq(2), snapshot));

    harness.cut_snapshot(flow).await;
    harness.lose_update(flow, Seq(3)).await;
    let damaged = stand().await;
    assert_eq!((damaged.head, damaged.last), (Seq(3), Seq(2)));
    let cut = damaged.snapshot.expect("it is still there");
    assert_eq!(cut.envelope, raw.envelope.slice(..raw.envelope.len() - 1));
}

pub(super) async fn raw_updates_come_page_by_page_and_holes_are_not_in_them(harness: &dyn Harness) {
    let (store, care) = (&*harness.store(), &*harness.care());
    let flow = some_flow(store).await;
    append(store, &batch(flow, &["a", "b", "c", "d", "e"])).await;
    harness.lose_update(flow, Seq(2)).await;
    let page = async |after, last, updates| {
        let page = PageSize { updates, ..WHOLE };
        texts(&care.raw_updates(flow, Seq(after), Seq(last), page).await.expect("it reads"))
    };
    assert_eq!(page(0, 5, 2).await, "1a 3c");
    assert_eq!(page(3, 5, 2).await, "4d 5e");
    assert_eq!(page(3, 4, 2).await, "4d");
    assert_eq!(page(5, 5, 2).await, "");
    assert_eq!(page(9, 5, 2).await, "");
    assert_eq!(page(0, u64::MAX, 100).await, "1a 3c 4d 5e");
    let unknown = care.raw_updates(FlowId::generate(), Seq::ZERO, Seq(9), WHOLE).await;
    assert_eq!(unknown.expect("it reads"), []);
}

pub(super) async fn a_page_ends_where_its_bytes_do_and_is_never_empty(harness: &dyn Harness) {
    let (store, care) = (&*harness.store(), &*harness.care());
    let flow = some_flow(store).await;
    append(store, &batch(flow, &["aaaaaaaaaa", "bbb", "ccc", "ddd"])).await;
    let seqs = async |after, bytes| {
        let page = PageSize { bytes, ..WHOLE };
        let updates = care.raw_updates(flow, Seq(after), Seq(4), page).await.expect("it reads");
        updates.iter().map(|update| update.seq.0).collect::<Vec<_>>()
    };
    assert_eq!(seqs(0, 5).await, [1], "larger than a page, and still read");
    assert_eq!(seqs(1, 5).await, [2, 3], "the one that passes the bound is the last");
    assert_eq!(seqs(1, 6).await, [2, 3]);
    assert_eq!(seqs(1, 7).await, [2, 3, 4]);
    assert_eq!(seqs(0, 0).await, [1]);
}

pub(super) async fn mending_puts_a_log_in_order_and_keeps_what_it_takes_out(harness: &dyn Harness) {
    let (store, care) = (&*harness.store(), &*harness.care());
    let (flow, other) = (some_flow(store).await, some_flow(store).await);
    append(store, &batch(other, &["x", "y"])).await;
    let ann = UserId::generate();
    let mut given = batch(flow, &["a", "bad", "c"]);
    given.updates[1] = NewUpdate { actor: ActorId::User(ann), bytes: bytes("bad") };
    append(store, &given).await;
    store.put_snapshot(flow, &Snapshot { seq: Seq(2), state: bytes("false") }, at(40)).await.expect("stored");
    store.project(flow, &projection("Later", 9, 41)).await.expect("it is written");
    let envelope = care.stand(flow).await.expect("it answers").expect("it exists").snapshot.expect("there");
    harness.lose_update(flow, Seq(3)).await;

    let mending = Mending {
        snapshot: Some(Seq(2)),
        cures: vec![cure(2, "cannot be read", "b"), cure(3, "is missing", "\0\0")],
        distrust: Some("it lies".to_owned()),
        appended: bytes("end"),
        log_bytes: 7,
        state: bytes("true"),
        ..mending(flow, 3)
    };
    assert!(care.mend(&mending).await.expect("it is mended"));

    let stand = care.stand(flow).await.expect("it answers").expect("it exists");
    assert_eq!((stand.head, stand.last, stand.log_bytes, stand.projected), (Seq(4), Seq(4), 7, Seq(4)));
    let updates = care.raw_updates(flow, Seq::ZERO, Seq(9), WHOLE).await.expect("it reads");
    assert_eq!(texts(&updates), "1a 2b 3\0\0 4end");
    let loaded = store.load(flow).await.expect("it loads").expect("it exists");
    assert_eq!((loaded.head, loaded.tail.len()), (Seq(4), 0));
    assert_eq!(loaded.snapshot, Some(Snapshot { seq: Seq(4), state: bytes("true") }));

    let kept = care.quarantine(flow, 0, 10).await.expect("it lists");
    let [snapshot, update] = &kept[..] else { panic!("a snapshot and an update: {kept:?}") };
    assert_eq!((snapshot.seq, snapshot.kind), (Seq(2), QuarantinedKind::Snapshot));
    assert_eq!((&snapshot.bytes, snapshot.created_at), (&envelope.envelope, at(40)));
    assert_eq!((snapshot.reason.as_str(), snapshot.quarantined_at), ("it lies", mending.at));
    let kind = QuarantinedKind::Update { batch: given.batch, actor: ActorId::User(ann) };
    assert_eq!((update.seq, update.kind, update.created_at), (Seq(2), kind, given.at));
    assert_eq!((&update.bytes, update.reason.as_str()), (&bytes("bad"), "cannot be read"));
    assert_eq!(log(store, other).await.len(), 2);
    assert_eq!(care.quarantine(other, 0, 10).await.expect("it lists"), []);
}

pub(super) async fn a_mended_log_takes_updates_and_knows_its_batches(harness: &dyn Harness) {
    let (store, care) = (&*harness.store(), &*harness.care());
    let flow = some_flow(store).await;
    let (first, second) = (batch(flow, &["a", "b"]), batch(flow, &["c"]));
    append(store, &first).await;
    append(store, &second).await;
    let mending = Mending {
        cures: vec![cure(1, "cannot be read", "\0\0"), cure(3, "cannot be read", "\0\0")],
        log_bytes: 7,
        ..mending(flow, 3)
    };
    assert!(care.mend(&mending).await.expect("it is mended"));
    let head = store.head(flow).await.expect("it answers").expect("it exists");
    assert_eq!(head.seq, Seq(4));
    assert!(head.batch.is_some_and(|batch| batch != second.batch), "caches see that it is another log");
    assert_eq!(append(store, &first).await, (1, 2), "it was stored, whatever became of it");
    assert_eq!(append(store, &second).await, (3, 3));
    assert_eq!(append(store, &batch(flow, &["d"])).await, (5, 5));
    let growth = store.growth(flow).await.expect("it answers").expect("it exists");
    assert_eq!((growth.updates, growth.update_bytes), (5, 8));
}

pub(super) async fn a_log_that_has_moved_is_not_mended(harness: &dyn Harness) {
    let (store, care) = (&*harness.store(), &*harness.care());
    let flow = some_flow(store).await;
    append(store, &batch(flow, &["a"])).await;
    let on_one = Mending { cures: vec![cure(1, "cannot be read", "\0\0")], ..mending(flow, 1) };
    append(store, &batch(flow, &["b"])).await;
    assert!(!care.mend(&on_one).await.expect("it answers"), "there is another update");
    let on_two = Mending { cures: on_one.cures.clone(), ..mending(flow, 2) };
    store.put_snapshot(flow, &Snapshot { seq: Seq(1), state: bytes("s") }, at(1)).await.expect("stored");
    assert!(!care.mend(&on_two).await.expect("it answers"), "there is a snapshot");
    let gone = Mending { snapshot: Some(Seq(2)), ..on_two.clone() };
    assert!(!care.mend(&gone).await.expect("it answers"), "there is another snapshot");

    assert_eq!(log_whole(care, flow).await, "1a 2b");
    assert_eq!(care.quarantine(flow, 0, 10).await.expect("it lists"), []);
    let loaded = store.load(flow).await.expect("it loads").expect("it exists");
    assert_eq!(loaded.snapshot.map(|snapshot| snapshot.seq), Some(Seq(1)));
    assert!(care.mend(&Mending { snapshot: Some(Seq(1)), ..on_two }).await.expect("it answers"));
    let unknown = care.mend(&mending(FlowId::generate(), 1)).await;
    assert!(matches!(unknown, Err(crate::StoreError::UnknownFlow(_))), "{unknown:?}");
}

pub(super) async fn mending_beside_appends_leaves_no_hole_and_no_double(harness: &dyn Harness) {
    let (store, care) = (harness.store(), harness.care());
    let flow = some_flow(&*store).await;
    append(&*store, &batch(flow, &["first"])).await;
    let writer = {
        let store: Arc<dyn Store> = Arc::clone(&store);
        tokio::spawn(async move {
            for turn in 0..60 {
                append(&*store, &batch(flow, &[&turn.to_string()])).await;
            }
        })
    };
    let mut mended = 0;
    while !writer.is_finished() || mended == 0 {
        let stand = care.stand(flow).await.expect("it answers").expect("it exists");
        let snapshot = stand.snapshot.map(|snapshot| snapshot.seq);
        let mending = Mending { snapshot, ..mending(flow, stand.head.0) };
        mended += u64::from(care.mend(&mending).await.expect("it answers"));
    }
    writer.await.expect("every append succeeds");
    let updates = care.raw_updates(flow, Seq::ZERO, Seq(u64::MAX), WHOLE).await.expect("it reads");
    let seqs: Vec<_> = updates.iter().map(|update| update.seq.0).collect();
    assert_eq!(seqs, (1..=61 + mended).collect::<Vec<_>>());
    assert_eq!(updates.iter().filter(|update| update.bytes != EMPTY_UPDATE).count(), 61);
}

pub(super) async fn a_quarantine_is_listed_page_by_page(harness: &dyn Harness) {
    let (store, care) = (&*harness.store(), &*harness.care());
    let flow = some_flow(store).await;
    append(store, &batch(flow, &["a", "b", "c"])).await;
    let cures = (1..=3).map(|seq| cure(seq, "cannot be read", "\0\0")).collect();
    assert!(care.mend(&Mending { cures, log_bytes: 8, ..mending(flow, 3) }).await.expect("it is mended"));
    let page = async |after| care.quarantine(flow, after, 2).await.expect("it lists");
    let first = page(0).await;
    assert_eq!(first.iter().map(|item| item.seq.0).collect::<Vec<_>>(), [1, 2]);
    let second = page(first[1].id).await;
    assert_eq!(second.iter().map(|item| item.seq.0).collect::<Vec<_>>(), [3]);
    assert_eq!(page(second[0].id).await, []);
}

/// Appends nothing but the mark, and trusts everything.
fn mending(flow: FlowId, head: u64) -> Mending {
    Mending {
        flow,
        head: Seq(head),
        snapshot: None,
        at: at(60),
        cures: vec![],
        distrust: None,
        appended: EMPTY_UPDATE,
        last: Seq(head + 1),
        log_bytes: 2,
        state: bytes("state"),
    }
}

fn cure(seq: u64, reason: &str, put: &str) -> Cure {
    Cure { seq: Seq(seq), reason: reason.to_owned(), put: bytes(put) }
}

async fn log_whole(care: &dyn LogCare, flow: FlowId) -> String {
    texts(&care.raw_updates(flow, Seq::ZERO, Seq(u64::MAX), WHOLE).await.expect("it reads"))
}

/// `1first 2second …`
fn texts(updates: &[RawUpdate]) -> String {
    let text = |update: &RawUpdate| format!("{}{}", update.seq, super::fixture::text(&update.bytes));
    updates.iter().map(text).collect::<Vec<_>>().join(" ")
}
