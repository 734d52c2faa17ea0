use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use dashmap::DashMap;
use flow_base::{FlowId, NodeId};

use crate::relay::{Inlet, Subscription};
use crate::{ClusterError, Heard, LogSlice, NodePresence, Relay};

/// A relay between nodes of one process; alone, it tells nobody.
#[derive(Debug)]
pub struct MemoryRelay {
    node: NodeId,
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    /// Once so many flows are listened to, those that are no more are looked for.
    sweep_at: AtomicUsize,
    listeners: DashMap<FlowId, Vec<Listener>>,
}

#[derive(Debug)]
struct Listener {
    node: NodeId,
    inlet: Inlet,
}

impl MemoryRelay {
    #[must_use]
    pub fn new() -> Self {
        Self { node: NodeId::generate(), shared: Arc::default() }
    }

    /// Another node on the same relay.
    #[must_use]
    pub fn another(&self) -> Self {
        Self { node: NodeId::generate(), shared: Arc::clone(&self.shared) }
    }

    fn tell(&self, flow: FlowId, heard: &Heard) {
        let Some(mut listeners) = self.shared.listeners.get_mut(&flow) else { return };
        listeners.retain(|listener| listener.node == self.node || listener.inlet.push(heard.clone()));
    }
}

impl Default for MemoryRelay {
    fn default() -> Self {
        Self::new()
    }
}

/// Fewer flows than this are not worth a sweep.
const SWEEP_LEAST: usize = 64;

impl Shared {
    /// Forgets rooms that have closed, each time the flows have doubled: the cost of
    /// subscribing stays constant, and so does the memory.
    fn sweep(&self) {
        if self.listeners.len() < self.sweep_at.load(Ordering::Relaxed).max(SWEEP_LEAST) {
            return;
        }
        self.listeners.retain(|_, listeners| {
            listeners.retain(|listener| listener.inlet.is_heard());
            !listeners.is_empty()
        });
        self.sweep_at.store(self.listeners.len() * 2, Ordering::Relaxed);
    }
}

#[async_trait]
impl Relay for MemoryRelay {
    async fn publish(&self, flow: FlowId, slice: &LogSlice) -> Result<(), ClusterError> {
        self.tell(flow, &Heard::Committed(Arc::new(slice.clone())));
        Ok(())
    }

    async fn show(&self, flow: FlowId, presence: &NodePresence) -> Result<(), ClusterError> {
        self.tell(flow, &Heard::Presence { node: self.node, presence: Arc::new(presence.clone()) });
        Ok(())
    }

    async fn subscribe(&self, flow: FlowId) -> Result<Subscription, ClusterError> {
        self.shared.sweep();
        let (inlet, subscription) = Subscription::new();
        let mut listeners = self.shared.listeners.entry(flow).or_default();
        listeners.push(Listener { node: self.node, inlet });
        Ok(subscription)
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use flow_base::{BatchId, Seq};
    use futures_util::FutureExt;

    use super::*;

    #[tokio::test]
    async fn other_nodes_hear_of_a_flow_and_the_one_that_says_it_does_not() {
        let ours = MemoryRelay::new();
        let theirs = ours.another();
        let (flow, other_flow) = (FlowId::generate(), FlowId::generate());
        let mut own = ours.subscribe(flow).await.unwrap();
        let mut heard = theirs.subscribe(flow).await.unwrap();
        let mut elsewhere = theirs.subscribe(other_flow).await.unwrap();
        let slice = LogSlice::of_batch(Seq(3), BatchId::generate(), [Bytes::from_static(b"u")]);
        ours.publish(flow, &slice).await.unwrap();
        assert_eq!(heard.next().await, Heard::Committed(Arc::new(slice)));
        assert_eq!((own.next().now_or_never(), elsewhere.next().now_or_never()), (None, None));
    }

    #[tokio::test]
    async fn rooms_that_have_closed_are_forgotten() {
        let relay = MemoryRelay::new();
        let open = relay.subscribe(FlowId::generate()).await.unwrap();
        for _ in 0..1_000 {
            drop(relay.subscribe(FlowId::generate()).await.unwrap());
        }
        assert!(relay.shared.listeners.len() <= SWEEP_LEAST);
        drop(open);
    }
}
