//! One flow's way into the log, shared by its room and the writer.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use flow_base::{BatchId, FlowId, SeqRange, Timestamp};
use flow_store::{FlowBatch, NewUpdate, StoreError, Writer};
use tokio::sync::Notify;
use tokio::time::Instant;

use super::{AppendRefused, LogWriter, Queued, bytes_of};
use crate::measures;

/// Takes the updates of one room, and says how far they are durable.
///
/// What is appended gathers in a batch until its commit begins, so an update waits for
/// one commit at most, and for the one that is being made. One batch of the flow is
/// committed at a time: the log has the updates in the order they were appended in.
#[derive(Debug)]
pub struct FlowLog {
    queue: Arc<FlowQueue>,
    writer: LogWriter,
}

/// The next updates of a room, in the order of its appends, are durable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Committed {
    pub batch: BatchId,
    pub seqs: SeqRange,
}

pub(super) type Answer = Result<Committed, AppendRefused>;

impl FlowLog {
    pub(super) fn new(flow: FlowId, writer: LogWriter) -> Self {
        let (state, answered, queued) = (Mutex::default(), Notify::new(), Arc::clone(&writer.queued));
        Self { queue: Arc::new(FlowQueue { flow, state, answered, queued }), writer }
    }

    /// Commits these together, behind what was appended before, however often it takes.
    pub fn append(&self, at: Timestamp, updates: Vec<NewUpdate>, writers: Vec<Writer>) {
        let now = Instant::now();
        let bytes = updates.iter().map(|update| update.bytes.len()).sum();
        let mut state = self.queue.lock();
        if state.is_refused {
            return;
        }
        match &mut state.gathered {
            Some(gathered) => {
                gathered.batch.updates.extend(updates);
                gathered.batch.writers.extend(writers);
            }
            empty => {
                let (flow, batch) = (self.queue.flow, BatchId::generate());
                let batch = FlowBatch { flow, batch, at, updates, writers };
                *empty = Some(Gathered { batch, since: now });
            }
        }
        // Counted before the batch can be taken.
        let enough = self.writer.queued.add(bytes);
        let idle = !std::mem::replace(&mut state.at_writer, true);
        drop(state);
        if idle {
            self.writer.send(Job::new(Arc::clone(&self.queue), now));
        }
        if enough {
            self.writer.queued.enough.notify_one();
        }
    }

    /// What became of the oldest batch whose outcome was not asked for yet: durable, or
    /// never to be. Waits as long as there is none. Cancel safe.
    ///
    /// # Errors
    /// [`AppendRefused`] when these updates, and so whatever follows them, can never be
    /// stored.
    pub async fn committed(&self) -> Result<Committed, AppendRefused> {
        loop {
            if let Some(answer) = self.queue.lock().answers.pop_front() {
                return answer;
            }
            self.queue.answered.notified().await;
        }
    }
}

#[derive(Debug)]
pub(super) struct FlowQueue {
    flow: FlowId,
    state: Mutex<State>,
    answered: Notify,
    queued: Arc<Queued>,
}

#[derive(Debug, Default)]
struct State {
    /// Grows until its commit begins.
    gathered: Option<Gathered>,
    /// The writer has a job of this flow, and comes for what has gathered.
    at_writer: bool,
    /// Nothing of this flow can be stored any more, and its room has been told.
    is_refused: bool,
    answers: VecDeque<Answer>,
}

#[derive(Debug)]
struct Gathered {
    batch: FlowBatch,
    /// When its first update came.
    since: Instant,
}

impl FlowQueue {
    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing that runs under the lock leaves it half done.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The writer's side of a flow with something to store. Dropped before its end it refuses
/// what there is: nobody else comes for it.
#[derive(Debug)]
pub(super) struct Job {
    queue: Arc<FlowQueue>,
    /// The store has seen it, and may have it: it stays what it is until it is known to be
    /// stored.
    put_off: Option<FlowBatch>,
    attempts: u32,
    since: Instant,
    ended: bool,
}

impl Job {
    fn new(queue: Arc<FlowQueue>, since: Instant) -> Self {
        Self { queue, put_off: None, attempts: 0, since, ended: false }
    }

    pub(super) fn flow(&self) -> FlowId {
        self.queue.flow
    }

    /// What to give to the store: what has gathered by now, or once more what was given
    /// to it before. What is appended from here on goes with the next batch.
    pub(super) fn seal(&mut self) -> FlowBatch {
        if let Some(batch) = self.put_off.take() {
            return batch;
        }
        let gathered = self.queue.lock().gathered.take();
        let Gathered { batch, since } =
            gathered.expect("a flow has a job while, and only while, something of it is to be stored");
        self.since = since;
        self.queue.queued.take(bytes_of(&batch));
        batch
    }

    /// How often in a row it was put off.
    pub(super) const fn attempts(&self) -> u32 {
        self.attempts
    }

    pub(super) fn put_off(&mut self, batch: FlowBatch) {
        self.put_off = Some(batch);
        self.attempts += 1;
    }

    /// Tells the room. The job comes back if more has gathered meanwhile.
    pub(super) fn committed(mut self, batch: BatchId, seqs: SeqRange) -> Option<Self> {
        measures::COMMIT.took(self.since.elapsed());
        self.attempts = 0;
        let mut state = self.queue.lock();
        state.answers.push_back(Ok(Committed { batch, seqs }));
        state.at_writer = state.gathered.is_some();
        self.ended = !state.at_writer;
        drop(state);
        self.queue.answered.notify_one();
        (!self.ended).then_some(self)
    }

    /// Nothing of this flow can be stored any more.
    pub(super) fn refuse(mut self, source: Option<StoreError>) {
        self.end(source);
    }

    fn end(&mut self, source: Option<StoreError>) {
        self.ended = true;
        let mut state = self.queue.lock();
        state.is_refused = true;
        if let Some(gathered) = state.gathered.take() {
            self.queue.queued.take(bytes_of(&gathered.batch));
        }
        state.answers.push_back(Err(AppendRefused { source }));
        drop(state);
        self.queue.answered.notify_one();
    }
}

impl Drop for Job {
    fn drop(&mut self) {
        if !self.ended {
            self.end(None);
        }
    }
}
