//! Telling other nodes and the cache what is committed, and hearing it from them.
//! Both only save time: what is lost here is found in the log.

use std::any::Any;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use flow_base::FlowId;
use flow_cluster::{ClusterError, Heard, LogSlice, NodePresence, Relay, Subscription};
use futures_util::FutureExt;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::event::Event;
use crate::hot::HotTier;
use crate::measures;

/// Tells slice after slice, in order, one at a time, and who is here.
#[derive(Debug)]
pub(crate) struct Relaying {
    flow: FlowId,
    relay: Arc<dyn Relay>,
    hot: Arc<HotTier>,
    waiting: Vec<LogSlice>,
    waiting_bytes: usize,
    /// Who is here, in one.
    to_show: Option<NodePresence>,
    under_way: Option<JoinHandle<Told>>,
    /// The last attempt failed: that is said once.
    failing: bool,
}

/// How telling ended, perhaps in a panic.
type Told = Result<Result<(), ClusterError>, Box<dyn Any + Send>>;

/// What waits while the relay is slow. Past it everything that waits is dropped: the
/// others find the hole and read the log.
const WAITING_BYTES: usize = 1 << 20;
/// A relay that takes longer is taken to be away.
const TELL_WITHIN: Duration = Duration::from_secs(5);

impl Relaying {
    pub(crate) fn new(flow: FlowId, relay: &Arc<dyn Relay>, hot: &Arc<HotTier>) -> Self {
        Self {
            flow,
            relay: Arc::clone(relay),
            hot: Arc::clone(hot),
            waiting: Vec::new(),
            waiting_bytes: 0,
            to_show: None,
            under_way: None,
            failing: false,
        }
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

    pub(crate) fn show(&mut self, presence: NodePresence) {
        self.to_show = Some(match self.to_show.take() {
            Some(earlier) => earlier.then(presence),
            None => presence,
        });
        self.start();
    }

    fn start(&mut self) {
        if self.under_way.is_some() || (self.waiting.is_empty() && self.to_show.is_none()) {
            return;
        }
        self.waiting_bytes = 0;
        let (slices, presence) = (std::mem::take(&mut self.waiting), self.to_show.take());
        let (flow, relay, hot) = (self.flow, Arc::clone(&self.relay), Arc::clone(&self.hot));
        let telling = async move {
            if let Some(presence) = presence {
                in_time(relay.show(flow, &presence)).await?;
                measures::relayed("told", "presence");
            }
            // A relay that hangs once would hang for each of the others, too, and hold
            // the room open; whoever misses them reads the log.
            for slice in &slices {
                in_time(tell(&*relay, &hot, flow, slice)).await?;
            }
            Ok(())
        };
        let mut telling = Box::pin(AssertUnwindSafe(telling).catch_unwind());
        // In memory it is done at once: a task, and waking up for its end, would cost
        // more than the rest of an edit.
        match telling.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(told) => self.note(told),
            Poll::Pending => self.under_way = Some(tokio::spawn(telling)),
        }
    }

    /// Waits until what is under way is told and the next is on its way; for ever
    /// when nothing is. Cancel safe.
    pub(crate) async fn told(&mut self) {
        match &mut self.under_way {
            Some(under_way) => {
                let told = under_way.await.unwrap_or_else(|ended| Err(Box::new(ended)));
                self.under_way = None;
                self.note(told);
                self.start();
            }
            None => std::future::pending().await,
        }
    }

    fn note(&mut self, told: Told) {
        let flow = self.flow;
        match told {
            Ok(Ok(())) => {
                if std::mem::take(&mut self.failing) {
                    tracing::info!(%flow, "other nodes are told of this flow again");
                }
            }
            Ok(Err(error)) => {
                if !std::mem::replace(&mut self.failing, true) {
                    let error = &error as &dyn std::error::Error;
                    tracing::warn!(%flow, error, "other nodes are not told of this flow; they read the log");
                }
            }
            Err(_) => tracing::error!(%flow, "telling other nodes panicked"),
        }
    }
}

async fn in_time<T>(told: impl Future<Output = Result<T, ClusterError>>) -> Result<T, ClusterError> {
    timeout(TELL_WITHIN, told).await.unwrap_or_else(|elapsed| {
        Err(ClusterError { what: "tell other nodes in time", source: elapsed.into() })
    })
}

async fn tell(relay: &dyn Relay, hot: &HotTier, flow: FlowId, slice: &LogSlice) -> Result<(), ClusterError> {
    let kept = hot.push(slice).await;
    relay.publish(flow, slice).await?;
    measures::TOLD_UPDATES.one();
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
                Heard::Committed(slice) => {
                    measures::relayed("heard", "updates");
                    Event::Relayed { slice }
                }
                Heard::Presence { node, presence } => {
                    measures::relayed("heard", "presence");
                    Event::NodeShows { node, presence }
                }
                Heard::Missed => {
                    measures::relayed("heard", "missed");
                    Event::RelayMissed
                }
            },
            None => std::future::pending().await,
        }
    }
}
