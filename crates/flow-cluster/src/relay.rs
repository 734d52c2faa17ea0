use std::collections::VecDeque;
use std::fmt::Debug;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use flow_base::{FlowId, NodeId};
use tokio::sync::Notify;

use crate::{ClusterError, LogSlice, NodePresence};

/// Tells the other nodes what this one has committed, so that they need not wait
/// until they look into the log by themselves, and who is there.
///
/// A relay may lose, delay, repeat and reorder; the positions show it.
#[async_trait]
pub trait Relay: Debug + Send + Sync + 'static {
    /// Hands committed updates to every other node that listens to this flow.
    ///
    /// # Errors
    /// [`ClusterError`] when the others were perhaps not told. They will find the
    /// updates in the log.
    async fn publish(&self, flow: FlowId, slice: &LogSlice) -> Result<(), ClusterError>;

    /// Tells every other node that listens to this flow who is in its room here.
    ///
    /// # Errors
    /// [`ClusterError`] when the others were perhaps not told.
    async fn show(&self, flow: FlowId, presence: &NodePresence) -> Result<(), ClusterError>;

    /// From now on, what other nodes publish of this flow. Subscribe before the flow
    /// is read, so that nothing falls in between. Dropping it ends it.
    ///
    /// # Errors
    /// [`ClusterError`]; the flow can be served without it, more slowly.
    async fn subscribe(&self, flow: FlowId) -> Result<Subscription, ClusterError>;
}

/// What a subscription has heard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Heard {
    /// Another node has committed this.
    Committed(Arc<LogSlice>),
    /// Who is at another node.
    Presence { node: NodeId, presence: Arc<NodePresence> },
    /// More than was kept has been dropped, or the connection was lost for a while:
    /// look into the log, and ask who is there.
    Missed,
}

impl Heard {
    fn bytes(&self) -> usize {
        match self {
            Self::Committed(slice) => slice.bytes(),
            Self::Presence { presence, .. } => presence.bytes(),
            Self::Missed => 0,
        }
    }
}

/// Bytes kept for a room that is busy. Past it they are dropped together and it
/// hears [`Heard::Missed`]: reading them from the log costs one query.
const QUEUE_BYTES: usize = 4 << 20;

/// What one room hears of one flow.
#[derive(Debug)]
pub struct Subscription {
    queue: Arc<Queue>,
}

/// The other end of a [`Subscription`], for those who implement a [`Relay`].
#[derive(Debug)]
pub struct Inlet {
    queue: Arc<Queue>,
}

#[derive(Debug, Default)]
struct Queue {
    state: Mutex<State>,
    wake: Notify,
}

#[derive(Debug, Default)]
struct State {
    heard: VecDeque<Heard>,
    bytes: usize,
    missed: bool,
}

impl Subscription {
    /// A subscription and its inlet.
    #[must_use]
    pub fn new() -> (Inlet, Self) {
        let queue = Arc::<Queue>::default();
        (Inlet { queue: Arc::clone(&queue) }, Self { queue })
    }

    /// Waits for the next thing heard. Cancel safe.
    pub async fn next(&mut self) -> Heard {
        loop {
            // Registered before looking: a push in between is not missed.
            let woken = self.queue.wake.notified();
            if let Some(heard) = self.queue.lock().next() {
                return heard;
            }
            woken.await;
        }
    }
}

impl Inlet {
    /// Hands over what another node says; `false` when nobody listens any more.
    pub fn push(&self, heard: Heard) -> bool {
        self.change(|state| {
            state.bytes += heard.bytes();
            if matches!(heard, Heard::Missed) || state.bytes > QUEUE_BYTES {
                state.miss();
            } else {
                state.heard.push_back(heard);
            }
        })
    }

    fn change(&self, change: impl FnOnce(&mut State)) -> bool {
        change(&mut self.queue.lock());
        self.queue.wake.notify_one();
        self.is_heard()
    }

    /// Whether somebody still listens.
    #[must_use]
    pub fn is_heard(&self) -> bool {
        Arc::strong_count(&self.queue) > 1
    }
}

impl Queue {
    fn lock(&self) -> MutexGuard<'_, State> {
        // A panic while the lock is held could only be a failed allocation.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn miss(&mut self) {
        (self.heard, self.bytes, self.missed) = (VecDeque::new(), 0, true);
    }

    fn next(&mut self) -> Option<Heard> {
        if std::mem::take(&mut self.missed) {
            return Some(Heard::Missed);
        }
        let heard = self.heard.pop_front()?;
        self.bytes -= heard.bytes();
        Some(heard)
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use flow_base::{BatchId, Seq};
    use futures_util::FutureExt;

    use super::*;

    const BATCH: BatchId = BatchId::from_uuid(uuid::Uuid::nil());

    fn slice(seq: u64, bytes: usize) -> Heard {
        Heard::Committed(Arc::new(LogSlice::of_batch(Seq(seq), BATCH, [Bytes::from(vec![0; bytes])])))
    }

    #[test]
    fn a_listener_that_falls_behind_hears_that_it_missed_something_and_then_what_follows() {
        let (inlet, mut subscription) = Subscription::new();
        assert!(inlet.push(slice(1, 10)) && inlet.push(slice(2, QUEUE_BYTES)));
        inlet.push(slice(3, 10));
        assert_eq!(subscription.next().now_or_never(), Some(Heard::Missed));
        assert_eq!(subscription.next().now_or_never(), Some(slice(3, 10)));
        assert_eq!(subscription.next().now_or_never(), None);
        // What has been taken no longer counts.
        inlet.push(slice(4, QUEUE_BYTES));
        assert!(matches!(subscription.next().now_or_never(), Some(Heard::Committed(_))));
        drop(subscription);
        assert!(!inlet.push(slice(5, 1)), "nobody listens");
    }
}
