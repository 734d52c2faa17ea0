//! Commits of many runs together: each costs a part of one transaction.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use flow_store::{RunCommit, RunCommitted, RunStore, StoreError};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep};
use tokio_util::task::TaskTracker;

/// Commits of one transaction.
const TOGETHER: usize = 256;
/// Until a store that was away is tried again, and until it is given up.
const AGAIN_AFTER: Duration = Duration::from_millis(200);
const GIVE_UP_AFTER: Duration = Duration::from_secs(20);

type Reply = oneshot::Sender<Result<RunCommitted, StoreError>>;

#[derive(Debug)]
pub(super) struct Committer {
    queue: mpsc::UnboundedSender<(RunCommit, Reply)>,
}

impl Committer {
    pub(super) fn spawn(store: Arc<dyn RunStore>, tracker: &TaskTracker) -> Self {
        let (queue, commits) = mpsc::unbounded_channel();
        tracker.spawn(commit_all(store, commits));
        Self { queue }
    }

    /// Stores it, together with whatever else there is. It is bounded by whoever waits: a run
    /// has one commit at a time.
    pub(super) async fn commit(&self, commit: RunCommit) -> Result<RunCommitted, StoreError> {
        let (reply, stored) = oneshot::channel();
        if self.queue.send((commit, reply)).is_err() {
            return Err(gone());
        }
        stored.await.unwrap_or_else(|_| Err(gone()))
    }
}

/// Its task has ended, which it only does when the process does.
fn gone() -> StoreError {
    let source = std::io::Error::other("nothing is committed any more");
    StoreError::Backend { action: "store the run", retryable: true, source: Box::new(source) }
}

async fn commit_all(store: Arc<dyn RunStore>, mut queue: mpsc::UnboundedReceiver<(RunCommit, Reply)>) {
    let mut taken = Vec::with_capacity(TOGETHER);
    while !taken.is_empty() || queue.recv_many(&mut taken, TOGETHER).await > 0 {
        let (commits, replies): (Vec<RunCommit>, Vec<Reply>) = one_of_each(&mut taken).into_iter().unzip();
        let began = Instant::now();
        let stored = loop {
            match store.commit_runs(&commits).await {
                Err(StoreError::Backend { retryable: true, action, source })
                    if began.elapsed() < GIVE_UP_AFTER =>
                {
                    tracing::warn!(
                        action,
                        error = &*source as &dyn std::error::Error,
                        "could not store runs; trying again"
                    );
                    sleep(AGAIN_AFTER).await;
                }
                stored => break stored,
            }
        };
        match stored {
            Ok(stored) => {
                for (reply, stored) in replies.into_iter().zip(stored) {
                    // Who has gone meanwhile finds it in the store.
                    drop(reply.send(Ok(stored)));
                }
            }
            // One of them cannot be stored, and which is not said.
            Err(StoreError::Backend { retryable: false, .. }) if commits.len() > 1 => {
                for (commit, reply) in commits.into_iter().zip(replies) {
                    let stored = store.commit_runs(std::slice::from_ref(&commit)).await;
                    let stored = stored.map(|stored| stored.first().copied().unwrap_or(RunCommitted::Stale));
                    drop(reply.send(stored));
                }
            }
            Err(error) => {
                tracing::error!(
                    error = &error as &dyn std::error::Error,
                    runs = replies.len(),
                    "could not store runs"
                );
                for reply in replies {
                    drop(reply.send(Err(again(&error))));
                }
            }
        }
    }
}

/// The first of each run; the others wait for the next transaction.
fn one_of_each(taken: &mut Vec<(RunCommit, Reply)>) -> Vec<(RunCommit, Reply)> {
    let mut runs = HashSet::new();
    let (first, later) = taken.drain(..).partition(|(commit, _)| runs.insert(commit.run));
    *taken = later;
    first
}

/// The error, once more: it is that of all of them.
fn again(error: &StoreError) -> StoreError {
    let source = std::io::Error::other(error.to_string());
    StoreError::Backend { action: "store the run", retryable: true, source: Box::new(source) }
}
