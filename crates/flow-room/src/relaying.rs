//! Telling other nodes and the cache what is committed, and hearing it from them.
//! Both only save time: what is lost here is found in the log.

use std::sync::Arc;
use std::time::Duration;

use flow_base::FlowId;
use flow_cluster::{ClusterError, Heard, LogSlice, Relay, Subscription};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::event::Event;
use crate::hot::HotTier;

/// Tells slice after slice, in order, one at a time.
#[derive(Debug)]
pub(crate) struct Relaying {
    flow: FlowId,
    relay: Arc<dyn Relay>,
    hot: Arc<HotTier>,
    waiting: Vec<LogSlice>,
    waiting_bytes: usize,
    under_way: Option<JoinHandle<()>>,
}

/// What waits while the relay is slow. Past it everything that waits is dropped: the
/// others find the hole and read the log.
const WAITING_BYTES: usize = 1 << 20;
/// A relay that takes longer is taken to be away.
const TELL_WITHIN: Duration = Duration::from_secs(5);

impl Relaying {
    pub(crate) fn new(flow: FlowId, relay: &Arc<dyn Relay>, hot: &Arc<HotTier>) -> Self {
        let (relay, hot) = (Arc::clone(relay), Arc::clone(hot));
        Self { flow, relay, hot, waiting: Vec::new(), waiting_bytes: 0, under_way: None }
    }

    pub(crate) const fn is_idle(&self) -> bool {
        self.under_way.is_none()
    }

    pub(crate) fn tell(&mut self, slice: LogSlice) {
        self.waiting_bytes += slice.bytes();
        self.waiting.push(slice);
        if self.waiting_bytes > WAITING_BYTES && self.under_way.is_some() {
            tracing::warn!(flow = %self.flow, "the relay is too slow; other nodes read the log");
            (self.waiting, self.waiting_bytes) = (Vec::new(), 0);
        }
        self.start();
    }

    fn start(&mut self) {
        if self.under_way.is_some() || self.waiting.is_empty() {
            return;
        }
        self.waiting_bytes = 0;
        let slices = std::mem::take(&mut self.waiting);
        let (flow, relay, hot) = (self.flow, Arc::clone(&self.relay), Arc::clone(&self.hot));
        self.under_way = Some(tokio::spawn(async move {
            for slice in &slices {
                // The cache first: who hears of it may look for what came before.
                let told = timeout(TELL_WITHIN, tell(&*relay, &hot, flow, slice)).await;
                let told = told.unwrap_or_else(|elapsed| {
                    Err(ClusterError { what: "tell other nodes in time", source: elapsed.into() })
                });
                if let Err(error) = told {
                    let error = &error as &dyn std::error::Error;
                    tracing::warn!(%flow, error, "other nodes were perhaps not told of a commit");
                    // A relay that hangs would hang for each of the others, too, and
                    // hold the room open; whoever misses them reads the log.
                    return;
                }
            }
        }));
    }

    /// Waits until what is under way is told and the next is on its way; for ever
    /// when nothing is. Cancel safe.
    pub(crate) async fn told(&mut self) {
        match &mut self.under_way {
            Some(under_way) => {
                if let Err(error) = under_way.await {
                    tracing::error!(flow = %self.flow, %error, "telling other nodes panicked");
                }
                self.under_way = None;
                self.start();
            }
            None => std::future::pending().await,
        }
    }
}

async fn tell(relay: &dyn Relay, hot: &HotTier, flow: FlowId, slice: &LogSlice) -> Result<(), ClusterError> {
    let kept = hot.push(slice).await;
    relay.publish(flow, slice).await?;
    kept
}

/// What a room hears of its flow; silent where the relay could not be reached, as
/// the room also learns of new positions from the store.
#[derive(Debug)]
pub(crate) struct Listening {
    subscription: Option<Subscription>,
}

impl Listening {
    pub(crate) async fn start(relay: &Arc<dyn Relay>, flow: FlowId) -> Self {
        let subscribed = timeout(TELL_WITHIN, relay.subscribe(flow)).await.unwrap_or_else(|elapsed| {
            Err(ClusterError { what: "listen to other nodes in time", source: elapsed.into() })
        });
        let subscription = subscribed.inspect_err(|error| {
            let error = error as &dyn std::error::Error;
            tracing::warn!(%flow, error, "the room does not hear of other nodes at once");
        });
        Self { subscription: subscription.ok() }
    }

    /// Cancel safe.
    pub(crate) async fn next(&mut self) -> Event {
        match &mut self.subscription {
            Some(subscription) => match subscription.next().await {
                Heard::Committed(slice) => Event::Relayed { slice },
                Heard::Missed => Event::RelayMissed,
            },
            None => std::future::pending().await,
        }
    }
}
