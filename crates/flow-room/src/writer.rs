//! The log writer: one task that commits the updates of all rooms together.
//!
//! A room has at most one job here, so the queue is bounded by the open rooms, and what
//! they have appended by each room's own bound on uncommitted bytes. While one group is
//! being committed the next one gathers; an idle writer commits at once, a busy one every
//! fifteen milliseconds.

mod flow_log;

use std::collections::{HashSet, VecDeque};
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use flow_base::{FlowId, SeqRange};
use flow_store::{FlowBatch, LogStore, StoreError};
use futures_util::FutureExt;
use tokio::sync::{Notify, mpsc};
use tokio::time::{Instant, sleep_until, timeout};
use tokio_util::task::TaskTracker;
use tracing::Instrument;

use crate::measures;
use flow_log::Job;
pub use flow_log::{Committed, FlowLog};

/// The flow's batch can never be stored. Its room gives up.
#[derive(Debug, thiserror::Error)]
#[error("the updates of a flow cannot be stored")]
pub struct AppendRefused {
    #[source]
    pub source: Option<StoreError>,
}

/// Leads to the task. Cheap to clone.
#[derive(Debug, Clone)]
pub struct LogWriter {
    jobs: mpsc::UnboundedSender<Job>,
    queued: Arc<Queued>,
}

/// What was appended and is in no batch yet that the store has seen.
#[derive(Debug, Default)]
struct Queued {
    bytes: AtomicUsize,
    /// It is enough for a commit.
    enough: Notify,
}

impl Queued {
    /// Answers whether it is enough for a commit now.
    fn add(&self, bytes: usize) -> bool {
        self.bytes.fetch_add(bytes, Ordering::Relaxed) + bytes >= GROUP_BYTES
    }

    fn take(&self, bytes: usize) {
        self.bytes.fetch_sub(bytes, Ordering::Relaxed);
    }

    fn is_enough(&self) -> bool {
        self.bytes.load(Ordering::Relaxed) >= GROUP_BYTES
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

    /// For the updates of one open flow. Each room of it has one of its own.
    #[must_use]
    pub fn flow(&self, flow: FlowId) -> FlowLog {
        FlowLog::new(flow, self.clone())
    }

    fn send(&self, job: Job) {
        // If the task is gone the job is dropped, and says so to its room.
        if self.jobs.send(job).is_err() {
            tracing::error!("the log writer has ended; nothing can be stored");
        }
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
            let (group, batches) = self.next_group();
            self.commit(group, batches).await;
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
                    Some(job) => self.ready.push_back(job),
                    None if next_retry.is_none() => return false,
                    None => sleep_until(next_retry.unwrap_or(now)).await,
                },
                () = sleep_until(next_retry.unwrap_or(now)), if next_retry.is_some() => {}
            }
        }
    }

    /// What comes until the next commit may begin goes with it, and wakes nobody.
    async fn gather_more(&mut self) {
        while !self.queued.is_enough() && Instant::now() < self.not_before {
            tokio::select! {
                () = sleep_until(self.not_before) => {}
                () = self.queued.enough.notified() => {}
            }
        }
        self.take_queued();
    }

    fn take_queued(&mut self) {
        while let Ok(job) = self.queue.try_recv() {
            self.ready.push_back(job);
        }
    }

    /// Seals what is to be committed now. At most one batch of a flow: a room has one job
    /// here, but that of a room that died may still be tried again when the next room has
    /// one of its own.
    fn next_group(&mut self) -> (Vec<Job>, Vec<FlowBatch>) {
        let (mut group, mut batches) = (Vec::new(), Vec::new());
        let (mut flows, mut later) = (HashSet::new(), VecDeque::new());
        let mut bytes = 0;
        while bytes < GROUP_BYTES
            && let Some(mut job) = self.ready.pop_front()
        {
            if flows.insert(job.flow()) {
                let batch = job.seal();
                bytes += bytes_of(&batch);
                batches.push(batch);
                group.push(job);
            } else {
                later.push_back(job);
            }
        }
        later.append(&mut self.ready);
        self.ready = later;
        (group, batches)
    }

    async fn commit(&mut self, group: Vec<Job>, batches: Vec<FlowBatch>) {
        // A panic of the store must not end the one task that stores anything.
        let began = Instant::now();
        let append =
            self.store.append(&batches).instrument(tracing::debug_span!("append", flows = batches.len()));
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
        measures::APPEND.took(began.elapsed());
        measures::APPEND_FLOWS.had(batches.len());
        self.note(&batches, &results);
        for (mut job, batch) in group.into_iter().zip(batches) {
            match results.pop_front().flatten() {
                Some(Ok(seqs)) => self.ready.extend(job.committed(batch.batch, seqs)),
                Some(Err(error)) if !error.is_retryable() => {
                    tracing::error!(flow = %job.flow(), error = &error as &dyn std::error::Error, "updates cannot be stored");
                    job.refuse(Some(error));
                }
                Some(Err(_)) | None => {
                    measures::one(measures::APPEND_FAILURES);
                    let delay = RETRY_MOST.min(RETRY_FIRST * 2_u32.saturating_pow(job.attempts()));
                    job.put_off(batch);
                    self.delayed.push((Instant::now() + delay, job));
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

fn bytes_of(batch: &FlowBatch) -> usize {
    batch.updates.iter().map(|update| update.bytes.len()).sum()
}

#[cfg(test)]
mod tests;
