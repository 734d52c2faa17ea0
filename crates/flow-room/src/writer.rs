//! The log writer: one task that commits the updates of all rooms together.
//!
//! A room has at most one batch here, so the queue is bounded by the open rooms
//! and a room's own bound on uncommitted bytes. While one group is being
//! committed the next one gathers; an idle writer commits at once, a busy one every
//! fifteen milliseconds.

use std::collections::{HashSet, VecDeque};
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use flow_base::SeqRange;
use flow_store::{FlowBatch, LogStore, StoreError};
use futures_util::FutureExt;
use tokio::sync::{Notify, mpsc, oneshot};
use tokio::time::{Instant, sleep_until, timeout};
use tokio_util::task::TaskTracker;
use tracing::Instrument;

use crate::measures;

/// The flow's batch can never be stored. Its room gives up.
#[derive(Debug, thiserror::Error)]
#[error("the updates of a flow cannot be stored")]
pub struct AppendRefused {
    #[source]
    pub source: Option<StoreError>,
}

/// Hands batches to the task. Cheap to clone.
#[derive(Debug, Clone)]
pub struct LogWriter {
    jobs: mpsc::UnboundedSender<Job>,
    queued: Arc<Queued>,
}

/// What is in the queue.
#[derive(Debug, Default)]
struct Queued {
    bytes: AtomicUsize,
    /// It is enough for a commit.
    enough: Notify,
}

#[derive(Debug)]
struct Job {
    batch: FlowBatch,
    done: oneshot::Sender<Result<SeqRange, AppendRefused>>,
    attempts: u32,
}

impl Job {
    fn bytes(&self) -> usize {
        self.batch.updates.iter().map(|update| update.bytes.len()).sum()
    }
}

/// A group is committed once it is this large, even if more is queued: one
/// transaction should not hold everybody up.
const GROUP_BYTES: usize = 1 << 20;
/// A commit begins so long after the one before it, at the earliest: what is edited
/// meanwhile goes with it. The cost of a commit is a write to a disk, whatever is in it,
/// and people who edit together would otherwise pay for one each. An edit made when it is
/// quiet is committed at once; a large group does not wait.
const COMMIT_EVERY: Duration = Duration::from_millis(15);
/// After a failure: doubled each time, up to the second.
const RETRY_FIRST: Duration = Duration::from_millis(50);
const RETRY_MOST: Duration = Duration::from_secs(2);
/// A store that does not answer for so long is asked again. The batch id makes
/// that harmless, whatever became of the first call.
const APPEND_TIMEOUT: Duration = Duration::from_secs(30);

impl LogWriter {
    /// Starts the task. It ends when every handle is gone and its queue is empty.
    #[must_use]
    pub fn start(store: Arc<dyn LogStore>, tracker: &TaskTracker) -> Self {
        let (jobs, queue) = mpsc::unbounded_channel();
        let queued = Arc::<Queued>::default();
        tracker.spawn(Task::new(store, queue, Arc::clone(&queued)).run());
        Self { jobs, queued }
    }

    /// Commits `batch`, however often it takes. The receiver answers once it is
    /// durable or can never be.
    #[must_use]
    pub fn append(&self, batch: FlowBatch) -> oneshot::Receiver<Result<SeqRange, AppendRefused>> {
        let (done, answer) = oneshot::channel();
        let job = Job { batch, done, attempts: 0 };
        let bytes = job.bytes();
        let enough = self.queued.bytes.fetch_add(bytes, Ordering::Relaxed) + bytes >= GROUP_BYTES;
        // If the task is gone the job is dropped with its sender, and the room
        // sees a closed channel.
        if self.jobs.send(job).is_err() {
            tracing::error!("the log writer has ended; nothing can be stored");
        }
        if enough {
            self.queued.enough.notify_one();
        }
        answer
    }
}

struct Task {
    store: Arc<dyn LogStore>,
    queue: mpsc::UnboundedReceiver<Job>,
    queued: Arc<Queued>,
    ready: VecDeque<Job>,
    /// Failed jobs and when they are tried again.
    delayed: Vec<(Instant, Job)>,
    /// The last group failed: that is said once, however many flows wait.
    failing: bool,
    /// The next commit does not begin before.
    not_before: Instant,
}

impl Task {
    fn new(store: Arc<dyn LogStore>, queue: mpsc::UnboundedReceiver<Job>, queued: Arc<Queued>) -> Self {
        let (ready, delayed) = (VecDeque::new(), Vec::new());
        Self { store, queue, queued, ready, delayed, failing: false, not_before: Instant::now() }
    }

    async fn run(mut self) {
        while self.gather().await {
            self.gather_more().await;
            self.not_before = Instant::now() + COMMIT_EVERY;
            let group = self.next_group();
            self.commit(group).await;
        }
    }

    /// Waits until something is ready. `false` when nothing ever will be.
    async fn gather(&mut self) -> bool {
        loop {
            self.take_queued();
            let now = Instant::now();
            let due = self.delayed.extract_if(.., |(at, _)| *at <= now);
            self.ready.extend(due.map(|(_, job)| job));
            if !self.ready.is_empty() {
                return true;
            }
            let next_retry = self.delayed.iter().map(|(at, _)| *at).min();
            tokio::select! {
                job = self.queue.recv() => match job {
                    Some(job) => self.take(job),
                    None if next_retry.is_none() => return false,
                    None => sleep_until(next_retry.unwrap_or(now)).await,
                },
                () = sleep_until(next_retry.unwrap_or(now)), if next_retry.is_some() => {}
            }
        }
    }

    /// What comes until the next commit may begin goes with it, and wakes nobody.
    async fn gather_more(&mut self) {
        if self.ready.iter().map(Job::bytes).sum::<usize>() < GROUP_BYTES {
            tokio::select! {
                () = sleep_until(self.not_before) => {}
                () = self.queued.enough.notified() => {}
            }
        }
        self.take_queued();
    }

    fn take_queued(&mut self) {
        while let Ok(job) = self.queue.try_recv() {
            self.take(job);
        }
    }

    fn take(&mut self, job: Job) {
        self.queued.bytes.fetch_sub(job.bytes(), Ordering::Relaxed);
        self.ready.push_back(job);
    }

    /// At most one batch of a flow: a room has one here at a time, but the batch of a room
    /// that died may still be tried again when the next one hands over its own.
    fn next_group(&mut self) -> Vec<Job> {
        let (mut group, mut flows, mut later) = (Vec::new(), HashSet::new(), VecDeque::new());
        let mut bytes = 0;
        while bytes < GROUP_BYTES
            && let Some(job) = self.ready.pop_front()
        {
            if flows.insert(job.batch.flow) {
                bytes += job.bytes();
                group.push(job);
            } else {
                later.push_back(job);
            }
        }
        later.append(&mut self.ready);
        self.ready = later;
        group
    }

    async fn commit(&mut self, group: Vec<Job>) {
        let (batches, rest): (Vec<FlowBatch>, Vec<_>) =
            group.into_iter().map(|job| (job.batch, (job.done, job.attempts))).unzip();
        // A panic of the store must not end the one task that stores anything.
        let began = Instant::now();
        let append =
            self.store.append(&batches).instrument(tracing::info_span!("append", flows = batches.len()));
        let append = AssertUnwindSafe(append).catch_unwind();
        let mut results: VecDeque<Option<Result<SeqRange, StoreError>>> =
            match timeout(APPEND_TIMEOUT, append).await {
                Ok(Ok(results)) => results.into_iter().map(Some).collect(),
                Ok(Err(_)) | Err(_) => {
                    tracing::error!(
                        flows = batches.len(),
                        "the store did not answer an append; trying again"
                    );
                    VecDeque::new()
                }
            };
        measures::took(measures::APPEND, began.elapsed());
        measures::appended(batches.len());
        self.note(&batches, &results);
        for (batch, (done, attempts)) in batches.into_iter().zip(rest) {
            match results.pop_front().flatten() {
                Some(Ok(seqs)) => answer(done, Ok(seqs)),
                Some(Err(error)) if !error.is_retryable() => {
                    tracing::error!(flow = %batch.flow, error = &error as &dyn std::error::Error, "updates cannot be stored");
                    answer(done, Err(AppendRefused { source: Some(error) }));
                }
                Some(Err(_)) | None => {
                    measures::one(measures::APPEND_FAILURES);
                    let delay = RETRY_MOST.min(RETRY_FIRST * 2_u32.saturating_pow(attempts));
                    self.delayed.push((Instant::now() + delay, Job { batch, done, attempts: attempts + 1 }));
                }
            }
        }
    }
}

impl Task {
    /// Says when the store stops taking updates, and when it takes them again.
    fn note(&mut self, batches: &[FlowBatch], results: &VecDeque<Option<Result<SeqRange, StoreError>>>) {
        let failed = batches.iter().zip(results).find_map(|(batch, result)| match result {
            Some(Err(error)) if error.is_retryable() => Some((batch.flow, error)),
            _ => None,
        });
        if let Some((flow, error)) = failed {
            let error = error as &dyn std::error::Error;
            if std::mem::replace(&mut self.failing, true) {
                tracing::debug!(%flow, error, "an append failed again");
            } else {
                tracing::warn!(%flow, error, "an append failed; nothing is acknowledged until one succeeds");
            }
        } else if !results.is_empty() && std::mem::take(&mut self.failing) {
            tracing::info!("updates are stored again");
        }
    }
}

fn answer(done: oneshot::Sender<Result<SeqRange, AppendRefused>>, result: Result<SeqRange, AppendRefused>) {
    // A room that is gone (its task panicked) has nobody left to tell.
    if done.send(result).is_err() {
        tracing::warn!("a room ended before its append was answered");
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use flow_base::{ActorId, BatchId, FlowId, Timestamp};
    use flow_store::NewUpdate;
    use flow_store::memory::MemoryStore;

    use super::*;

    fn job(flow: FlowId) -> Job {
        let updates = vec![NewUpdate { actor: ActorId::Server, bytes: Bytes::from_static(&[0, 0]) }];
        let at = Timestamp::UNIX_EPOCH;
        let batch = FlowBatch { flow, batch: BatchId::generate(), at, updates, writers: Vec::new() };
        Job { batch, done: oneshot::channel().0, attempts: 0 }
    }

    /// A room dies with its batch in flight, which is tried again; the next room of the
    /// flow hands over its own. Stores take one batch of a flow at a time.
    #[test]
    fn a_group_has_at_most_one_batch_of_a_flow_and_the_rest_keeps_its_order() {
        let (one, other) = (FlowId::generate(), FlowId::generate());
        let ready: VecDeque<Job> = [one, one, other, one].map(job).into();
        let ids: Vec<_> = ready.iter().map(|job| job.batch.batch).collect();
        let mut task = Task::new(Arc::new(MemoryStore::new()), mpsc::unbounded_channel().1, Arc::default());
        task.ready = ready;
        let mut next = || task.next_group().iter().map(|job| job.batch.batch).collect::<Vec<_>>();
        assert_eq!(next(), [ids[0], ids[2]]);
        assert_eq!(next(), [ids[1]]);
        assert_eq!(next(), [ids[3]]);
        assert_eq!(next(), []);
    }

    fn small_batch() -> FlowBatch {
        job(FlowId::generate()).batch
    }

    fn large_batch() -> FlowBatch {
        let mut batch = small_batch();
        batch.updates[0].bytes = Bytes::from(vec![0; GROUP_BYTES]);
        batch
    }

    /// How long each of these took to be committed, one handed over after the other. The
    /// flows are unknown to the store, which answers at once.
    async fn commit_times(batches: impl IntoIterator<Item = FlowBatch>) -> Vec<Duration> {
        let writer = LogWriter::start(Arc::new(MemoryStore::new()), &TaskTracker::new());
        let mut times = Vec::new();
        for batch in batches {
            let began = Instant::now();
            let answer = writer.append(batch).await;
            assert!(answer.expect("the writer lives").is_err(), "nobody has created the flow");
            times.push(began.elapsed());
        }
        times
    }

    #[tokio::test(start_paused = true)]
    async fn a_quiet_writer_commits_at_once_and_a_busy_one_in_intervals() {
        let times = commit_times([small_batch(), small_batch(), small_batch()]).await;
        assert_eq!(times[0], Duration::ZERO);
        for time in &times[1..] {
            // The clock of timers counts whole milliseconds.
            assert!((COMMIT_EVERY..=COMMIT_EVERY + Duration::from_millis(1)).contains(time), "{time:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_makes_a_large_group_waits_for_nothing() {
        let times = commit_times([small_batch(), large_batch()]).await;
        assert_eq!(times, [Duration::ZERO, Duration::ZERO]);
    }

    #[tokio::test(start_paused = true)]
    async fn many_that_make_a_large_group_together_wait_for_nothing() {
        let writer = LogWriter::start(Arc::new(MemoryStore::new()), &TaskTracker::new());
        writer.append(small_batch()).await.expect("the writer lives").expect_err("an unknown flow");
        let began = Instant::now();
        let first = writer.append(small_batch());
        // It gathers now.
        tokio::task::yield_now().await;
        let second = writer.append(large_batch());
        for answer in [first, second] {
            answer.await.expect("the writer lives").expect_err("an unknown flow");
        }
        assert_eq!(began.elapsed(), Duration::ZERO);
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_handed_over_meanwhile_is_committed_together() {
        let writer = LogWriter::start(Arc::new(MemoryStore::new()), &TaskTracker::new());
        let began = Instant::now();
        writer.append(small_batch()).await.expect("the writer lives").expect_err("an unknown flow");
        let answers = (0..50).map(|_| writer.append(small_batch())).collect::<Vec<_>>();
        for answer in answers {
            answer.await.expect("the writer lives").expect_err("an unknown flow");
        }
        assert!(began.elapsed() <= COMMIT_EVERY + Duration::from_millis(1), "{:?}", began.elapsed());
    }
}
