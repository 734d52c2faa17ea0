use bytes::Bytes;
use flow_base::{ActorId, Seq, Timestamp};
use flow_store::memory::MemoryStore;
use flow_store::{NewUpdate, PageSize};

use super::*;

#[path = "../../tests/fixture/mod.rs"]
mod fixture;

/// A writer over a store with so many flows.
struct Fixture {
    store: Arc<MemoryStore>,
    writer: LogWriter,
    flows: Vec<FlowId>,
}

async fn writer(flows: usize) -> Fixture {
    let store = Arc::new(MemoryStore::new());
    let flows: Vec<_> = (0..flows).map(|_| FlowId::generate()).collect();
    for flow in &flows {
        fixture::create_flow(&*store, *flow).await;
    }
    let writer = LogWriter::start(Arc::clone(&store) as _, &TaskTracker::new());
    Fixture { store, writer, flows }
}

impl Fixture {
    fn logs(&self) -> Vec<FlowLog> {
        self.flows.iter().map(|flow| self.writer.flow(*flow)).collect()
    }

    /// How many updates each batch of the flow has, in the order of the log, without the
    /// one it was created with; and their bytes.
    async fn stored(&self, flow: usize) -> (Vec<usize>, Vec<u8>) {
        let stored = self.store.updates_after(self.flows[flow], Seq(1), PageSize::WHOLE).await.unwrap();
        let batches = stored.chunk_by(|one, next| one.batch == next.batch).map(<[_]>::len).collect();
        (batches, stored.iter().flat_map(|update| update.bytes.to_vec()).collect())
    }
}

fn append(log: &FlowLog, updates: impl IntoIterator<Item = Vec<u8>>) {
    let update = |bytes| NewUpdate { actor: ActorId::Server, bytes: Bytes::from(bytes) };
    log.append(Timestamp::UNIX_EPOCH, updates.into_iter().map(update).collect(), Vec::new());
}

/// Appends one small update and waits for its commit.
async fn committed(log: &FlowLog) -> SeqRange {
    append(log, [vec![0]]);
    log.committed().await.expect("the store takes it").seqs
}

/// Lets the writer do what it can without time passing.
async fn let_it_run() {
    for _ in 0..10 {
        tokio::task::yield_now().await;
    }
}

/// Whole milliseconds: the clock of timers counts no finer.
const INTERVAL: std::ops::RangeInclusive<Duration> =
    COMMIT_EVERY..=COMMIT_EVERY.saturating_add(Duration::from_millis(1));

#[tokio::test(start_paused = true)]
async fn what_is_appended_until_a_commit_begins_goes_with_it() {
    let f = writer(1).await;
    let log = &f.logs()[0];
    assert_eq!(committed(log).await, SeqRange::after(Seq(1), 1).unwrap());
    let began = Instant::now();
    for byte in 1..=9 {
        append(log, [vec![byte]]);
        let_it_run().await;
        tokio::time::advance(Duration::from_millis(1)).await;
    }
    let Committed { seqs, .. } = log.committed().await.unwrap();
    assert_eq!(seqs, SeqRange::after(Seq(2), 9).unwrap());
    assert!(INTERVAL.contains(&began.elapsed()), "{:?}", began.elapsed());
    assert_eq!(f.stored(0).await, (vec![1, 9], (0..=9).collect()));
}

/// What the store was given may be stored, whatever it says: it stays as it was.
#[tokio::test(start_paused = true)]
async fn what_is_appended_while_a_commit_is_made_goes_with_the_next_even_if_that_one_is_repeated() {
    for fails in [false, true] {
        let f = writer(1).await;
        let log = &f.logs()[0];
        f.store.hold_appends();
        if fails {
            f.store.lose_append_answers(2);
        }
        append(log, [vec![1], vec![2]]);
        let_it_run().await;
        append(log, [vec![3]]);
        let_it_run().await;
        append(log, [vec![4]]);
        f.store.release_appends();
        let first = log.committed().await.unwrap();
        let second = log.committed().await.unwrap();
        assert_eq!(first.seqs, SeqRange::after(Seq(1), 2).unwrap());
        assert_eq!(second.seqs, SeqRange::after(Seq(3), 2).unwrap());
        assert_ne!(first.batch, second.batch);
        assert_eq!(f.stored(0).await, (vec![2, 2], vec![1, 2, 3, 4]), "fails: {fails}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_flow_whose_batch_is_put_off_keeps_its_order_and_holds_up_nobody() {
    let f = writer(2).await;
    let [held, other] = &f.logs()[..] else { unreachable!() };
    f.store.fail_appends(1);
    append(held, [vec![1]]);
    let_it_run().await;
    append(held, [vec![2]]);
    let began = Instant::now();
    committed(other).await;
    assert!(INTERVAL.contains(&began.elapsed()), "{:?}", began.elapsed());
    held.committed().await.unwrap();
    held.committed().await.unwrap();
    assert_eq!(f.stored(0).await, (vec![1, 1], vec![1, 2]));
}

/// A room dies with its batch put off; the next room of the flow has one of its own.
/// Stores take one batch of a flow at a time.
#[tokio::test(start_paused = true)]
async fn two_rooms_of_one_flow_are_committed_one_after_the_other() {
    let f = writer(1).await;
    let (dead, next) = (f.writer.flow(f.flows[0]), f.writer.flow(f.flows[0]));
    append(&dead, [vec![1]]);
    drop(dead);
    append(&next, [vec![2]]);
    next.committed().await.unwrap();
    assert_eq!(f.stored(0).await, (vec![1, 1], vec![1, 2]));
}

#[tokio::test(start_paused = true)]
async fn what_can_never_be_stored_is_refused_once() {
    let f = writer(1).await;
    let (unknown, known) = (f.writer.flow(FlowId::generate()), &f.logs()[0]);
    append(&unknown, [vec![1]]);
    let refused = unknown.committed().await.expect_err("nobody has created the flow");
    assert!(matches!(refused.source, Some(StoreError::UnknownFlow(_))), "{refused:?}");
    append(&unknown, [vec![2]]);
    committed(known).await;
    assert!(unknown.committed().now_or_never().is_none());
}

#[tokio::test(start_paused = true)]
async fn a_writer_that_ends_refuses_what_it_has() {
    let f = writer(1).await;
    let (jobs, queue) = mpsc::unbounded_channel();
    drop(Task::new(Arc::clone(&f.store) as _, queue, Arc::default()));
    let writer = LogWriter { jobs, queued: Arc::default() };
    let log = writer.flow(f.flows[0]);
    append(&log, [vec![1]]);
    assert!(log.committed().await.expect_err("nobody takes it").source.is_none());
}

#[tokio::test(start_paused = true)]
async fn a_quiet_writer_commits_at_once_and_a_busy_one_in_intervals() {
    let f = writer(1).await;
    let log = &f.logs()[0];
    let mut times = Vec::new();
    for _ in 0..3 {
        let began = Instant::now();
        committed(log).await;
        times.push(began.elapsed());
    }
    assert_eq!(times[0], Duration::ZERO);
    assert!(times[1..].iter().all(|time| INTERVAL.contains(time)), "{times:?}");
}

#[tokio::test(start_paused = true)]
async fn what_makes_a_large_group_waits_for_nothing() {
    let f = writer(1).await;
    let log = &f.logs()[0];
    committed(log).await;
    let began = Instant::now();
    append(log, [vec![0; GROUP_BYTES]]);
    log.committed().await.unwrap();
    assert_eq!(began.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn many_that_make_a_large_group_together_wait_for_nothing() {
    let f = writer(2).await;
    let logs = f.logs();
    committed(&logs[0]).await;
    let began = Instant::now();
    for (log, part) in [(&logs[0], 2), (&logs[1], 4), (&logs[0], 4)] {
        append(log, [vec![0; GROUP_BYTES / part]]);
        let_it_run().await;
    }
    for log in &logs {
        log.committed().await.unwrap();
    }
    assert_eq!(began.elapsed(), Duration::ZERO);
    // What was committed does not count for the next.
    committed(&logs[1]).await;
    assert!(INTERVAL.contains(&began.elapsed()), "{:?}", began.elapsed());
}

#[tokio::test(start_paused = true)]
async fn many_flows_are_committed_together() {
    let f = writer(51).await;
    let logs = f.logs();
    committed(&logs[50]).await;
    let began = Instant::now();
    for log in &logs[..50] {
        append(log, [vec![0]]);
    }
    for log in &logs[..50] {
        log.committed().await.unwrap();
    }
    assert!(INTERVAL.contains(&began.elapsed()), "{:?}", began.elapsed());
}

/// What gathered behind something that is refused is not stored, and does not count.
#[tokio::test(start_paused = true)]
async fn what_is_refused_does_not_hurry_the_others() {
    let f = writer(1).await;
    let (unknown, known) = (f.writer.flow(FlowId::generate()), &f.logs()[0]);
    f.store.hold_appends();
    append(&unknown, [vec![1]]);
    let_it_run().await;
    append(&unknown, [vec![0; GROUP_BYTES]]);
    f.store.release_appends();
    unknown.committed().await.expect_err("nobody has created the flow");
    append(&unknown, [vec![0; GROUP_BYTES]]);
    assert_eq!(f.writer.queued.bytes.load(Ordering::Relaxed), 0);
    committed(known).await;
}
