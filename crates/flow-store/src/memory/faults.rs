use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use flow_base::{FlowId, Seq};
use tokio::sync::watch;

use super::MemoryStore;
use crate::StoreError;

/// What goes wrong next, as tests have asked for it.
#[derive(Debug)]
pub(super) struct Faults {
    failing_appends: AtomicUsize,
    lost_answers: AtomicUsize,
    failing_loads: AtomicBool,
    appends_held: watch::Sender<bool>,
}

impl Default for Faults {
    fn default() -> Self {
        Self {
            failing_appends: AtomicUsize::new(0),
            lost_answers: AtomicUsize::new(0),
            failing_loads: AtomicBool::new(false),
            appends_held: watch::Sender::new(false),
        }
    }
}

#[derive(Debug, thiserror::Error)]
#[error("the test asked for this failure")]
pub(super) struct Injected;

/// A store that is away, slow, or damaged.
impl MemoryStore {
    /// The next `calls` appends store nothing and fail, retryably, for every batch.
    pub fn fail_appends(&self, calls: usize) {
        self.faults.failing_appends.store(calls, Ordering::SeqCst);
    }

    /// The next `calls` appends store their batches and then fail, retryably, as
    /// a connection does that dies between the commit and its answer.
    pub fn lose_append_answers(&self, calls: usize) {
        self.faults.lost_answers.store(calls, Ordering::SeqCst);
    }

    /// Appends wait, before they store anything, until [`Self::release_appends`].
    pub fn hold_appends(&self) {
        self.faults.appends_held.send_replace(true);
    }

    pub fn release_appends(&self) {
        self.faults.appends_held.send_replace(false);
    }

    /// Whether loads, snapshots' included, fail retryably; answers whether they did.
    pub fn fail_loads(&self, fail: bool) -> bool {
        self.faults.failing_loads.swap(fail, Ordering::SeqCst)
    }

    /// Takes one update out of the flow's log, as a damaged disk would.
    pub fn lose_update(&self, flow: FlowId, seq: Seq) {
        if let Some(flow) = self.state().flows.get_mut(&flow) {
            flow.log.remove(&seq);
        }
    }

    /// Takes the flow's snapshot away, as somebody does who has to make room.
    pub fn lose_snapshot(&self, flow: FlowId) {
        if let Some(flow) = self.state().flows.get_mut(&flow) {
            flow.snapshot = None;
        }
    }

    /// Cuts the last byte off the flow's snapshot, as a damaged disk would.
    pub fn cut_snapshot(&self, flow: FlowId) {
        if let Some(row) = self.state().flows.get_mut(&flow).and_then(|flow| flow.snapshot.as_mut()) {
            row.envelope = row.envelope.slice(..row.envelope.len() - 1);
        }
    }
}

impl Faults {
    pub(super) async fn wait_while_held(&self) {
        self.appends_held
            .subscribe()
            .wait_for(|held| !held)
            .await
            .expect("the store that owns the sender is borrowed by its caller");
    }

    /// Whether this append is one of those that are to fail.
    pub(super) fn append_fails(&self) -> bool {
        take_one(&self.failing_appends)
    }

    pub(super) fn answer_is_lost(&self) -> bool {
        take_one(&self.lost_answers)
    }

    pub(super) fn check_load(&self) -> Result<(), StoreError> {
        if self.failing_loads.load(Ordering::SeqCst) { Err(away("load the flow")) } else { Ok(()) }
    }
}

pub(super) fn away(action: &'static str) -> StoreError {
    StoreError::Backend { action, retryable: true, source: Box::new(Injected) }
}

fn take_one(counter: &AtomicUsize) -> bool {
    counter.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_ok()
}
