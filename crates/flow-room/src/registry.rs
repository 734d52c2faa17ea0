use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::{Duration, Instant};

use dashmap::DashMap;
use dashmap::mapref::entry::Entry;
use flow_base::{Clock, FlowId};
use flow_cluster::{Cache, Relay};
use flow_store::{LogStore, Store};
use tokio::sync::{mpsc, watch};
use tokio_util::task::TaskTracker;
use tracing::Instrument;

use crate::actor::Actor;
use crate::budget::{Budget, NodeBudget};
use crate::cold;
use crate::handle::{HandleParts, RoomHandle};
use crate::hot::HotTier;
use crate::limits::RoomLimits;
use crate::load::{Examined, LoadError, LoadedFlow};
use crate::measures;
use crate::relaying::{Listening, Relaying};
use crate::room::Room;
use crate::writer::LogWriter;

/// Messages waiting for a room. When it is full, senders wait: connections read
/// no more from their sockets.
const INBOX: usize = 1_024;
/// How long a visitor waits for a room to open.
const OPEN_WITHIN: Duration = Duration::from_secs(20);

/// Why a room is not open.
#[derive(Debug, Clone, thiserror::Error)]
pub enum OpenError {
    #[error("could not open the flow")]
    Load(#[source] Arc<LoadError>),
    #[error("opening the flow takes too long")]
    Slow,
    #[error("the room broke while it was opened")]
    Broken,
    #[error("the server shuts down")]
    ShuttingDown,
}

/// What a registry is made of.
#[derive(Debug)]
pub struct RegistryParts {
    pub store: Arc<dyn Store>,
    pub writer: LogWriter,
    pub relay: Arc<dyn Relay>,
    pub cache: Arc<dyn Cache>,
    pub clock: Arc<dyn Clock>,
    pub limits: RoomLimits,
    /// Every room is a task of it, and what writes to the sockets of a large one.
    pub tracker: TaskTracker,
}

/// The open rooms of this node: one per flow, however many open it at once.
#[derive(Debug, Clone)]
pub struct Registry {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    slots: Arc<Slots>,
    store: Arc<dyn Store>,
    writer: LogWriter,
    relay: Arc<dyn Relay>,
    cache: Arc<dyn Cache>,
    clock: Arc<dyn Clock>,
    limits: Arc<RoomLimits>,
    node_budget: NodeBudget,
    tracker: TaskTracker,
    draining: watch::Sender<bool>,
}

/// From flow id to room. A slot is there from the first visitor's call until the
/// room has ended, so two first visitors share one document.
#[derive(Debug, Default)]
pub(crate) struct Slots {
    slots: DashMap<FlowId, Arc<watch::Sender<Slot>>>,
}

#[derive(Debug, Clone)]
enum Slot {
    Opening,
    Open(RoomHandle),
    Failed(OpenError),
}

impl Slot {
    fn open(&self) -> Option<RoomHandle> {
        match self {
            Self::Open(handle) if !handle.is_ended() => Some(handle.clone()),
            Self::Open(_) | Self::Opening | Self::Failed(_) => None,
        }
    }
}

/// How far a flow is when its room may be joined.
enum Opening {
    Examined(Examined),
    Built(Box<LoadedFlow>),
}

impl Slots {
    /// Lets go of a room that nobody holds or is about to hold, and that has
    /// nothing left to read. All of it is looked at while the slot is locked, so
    /// nobody can come in between.
    pub(crate) fn retire(&self, flow: FlowId, inbox_is_empty: impl FnOnce() -> bool) -> bool {
        let unheld = |slot: &Slot| matches!(slot, Slot::Open(handle) if handle.holders() == 1);
        let retired = self.slots.remove_if(&flow, |_, slot| {
            slot.receiver_count() == 0 && unheld(&slot.borrow()) && inbox_is_empty()
        });
        retired.is_some()
    }

    /// Removes a slot whose task has ended, and no successor of it.
    fn forget(&self, flow: FlowId, slot: &Arc<watch::Sender<Slot>>) {
        self.slots.remove_if(&flow, |_, there| Arc::ptr_eq(there, slot));
    }
}

impl Registry {
    #[must_use]
    pub fn new(parts: RegistryParts) -> Self {
        let RegistryParts { store, writer, relay, cache, clock, limits, tracker } = parts;
        let node_budget = NodeBudget::new(limits.pending_node_bytes, limits.apply_memory_bytes);
        let inner = Inner {
            slots: Arc::default(),
            store,
            writer,
            relay,
            cache,
            clock,
            limits: Arc::new(limits),
            node_budget,
            tracker,
            draining: watch::Sender::new(false),
        };
        Self { inner: Arc::new(inner) }
    }

    /// The room of this flow, opened if it is not. The first call loads it, all
    /// others wait for the same load. Cancel safe: loading goes on without its
    /// first visitor.
    ///
    /// # Errors
    /// [`OpenError`]. A failed load is not remembered: the next call tries again.
    pub async fn open(&self, flow: FlowId) -> Result<RoomHandle, OpenError> {
        let opened = tokio::time::timeout(OPEN_WITHIN, self.open_slowly(flow)).await;
        opened.unwrap_or(Err(OpenError::Slow))
    }

    async fn open_slowly(&self, flow: FlowId) -> Result<RoomHandle, OpenError> {
        loop {
            if *self.inner.draining.borrow() {
                return Err(OpenError::ShuttingDown);
            }
            let mut slot = self.slot(flow);
            let opened = match slot.wait_for(|slot| !matches!(slot, Slot::Opening)).await {
                Ok(slot) => slot.clone(),
                Err(_) => Slot::Failed(OpenError::Broken),
            };
            match opened {
                // Ended by a panic a moment ago: its task removes the slot next.
                Slot::Open(handle) if handle.is_ended() => tokio::task::yield_now().await,
                Slot::Open(handle) => return Ok(handle),
                Slot::Failed(error) => return Err(error),
                Slot::Opening => unreachable!("it was waited for"),
            }
        }
    }

    /// Its slot: subscribed to while the map is locked, so that a room does not
    /// retire between this and the moment its handle is taken.
    fn slot(&self, flow: FlowId) -> watch::Receiver<Slot> {
        match self.inner.slots.slots.entry(flow) {
            Entry::Occupied(entry) => entry.get().subscribe(),
            Entry::Vacant(entry) => {
                let (publish, slot) = watch::channel(Slot::Opening);
                let publish = Arc::new(publish);
                entry.insert(Arc::clone(&publish));
                self.inner.tracker.spawn(self.clone().keep_slot(flow, publish));
                slot
            }
        }
    }

    /// Runs the room of a slot and removes the slot after it, however it ends.
    async fn keep_slot(self, flow: FlowId, publish: Arc<watch::Sender<Slot>>) {
        let opened = self.clone().open_slot(flow, Arc::clone(&publish));
        let room = tokio::spawn(opened.instrument(tracing::debug_span!("room", %flow)));
        let failed = match room.await {
            Ok(Ok(())) => None,
            Ok(Err(error)) => Some(OpenError::Load(Arc::new(error))),
            Err(panicked) => {
                tracing::error!(%flow, %panicked, "a room panicked; its peers join anew");
                Some(OpenError::Broken)
            }
        };
        self.inner.slots.forget(flow, &publish);
        if let Some(error) = failed {
            measures::one(measures::OPEN_FAILURES);
            publish.send_replace(Slot::Failed(error));
        }
    }

    async fn open_slot(self, flow: FlowId, publish: Arc<watch::Sender<Slot>>) -> Result<(), LoadError> {
        let inner = &self.inner;
        // Listened to before it is read, so that nothing falls in between.
        let listening = Listening::start(&inner.relay, flow).await;
        let store: &dyn LogStore = &*inner.store;
        let began = Instant::now();
        let hot = Arc::new(HotTier::new(flow, Arc::clone(&inner.cache)));
        let examined = hot.examine(store).await?;
        let head = examined.head();
        // Peers state it before they are let in. Where it is written in another way than
        // ours, only the document knows it.
        let (lineage, opening) = match examined.lineage {
            Some(lineage) => (Some(lineage), Opening::Examined(examined)),
            None => {
                let loaded = examined.build().await?;
                (loaded.document.lineage(), Opening::Built(Box::new(loaded)))
            }
        };
        let (sender, mut inbox) = mpsc::channel(INBOX);
        let budget = Budget::room(&inner.node_budget, inner.limits.pending_room_bytes);
        let followed = Arc::new(AtomicU64::new(head.0));
        let handle = RoomHandle::new(HandleParts {
            flow,
            inbox: sender,
            budget,
            limits: Arc::clone(&inner.limits),
            lineage,
            followed: Arc::clone(&followed),
        });
        publish.send_replace(Slot::Open(handle.clone()));
        // Draining may have begun while this room was opening.
        if *inner.draining.borrow() && handle.drain().await.is_err() {
            tracing::debug!(%flow, "a room ended before it was drained");
        }
        drop(handle);
        let (loaded, first) = match opening {
            Opening::Built(loaded) => (*loaded, Vec::new()),
            Opening::Examined(examined) => match cold::build(examined, &mut inbox).await {
                Ok(built) => built,
                Err(error) => {
                    hot.distrust(store).await;
                    return Err(error);
                }
            },
        };
        measures::took(measures::OPEN, began.elapsed());
        let actor = Actor {
            flow,
            room: Some(Box::new(Room::new(flow, loaded, (*inner.limits).clone()))),
            inbox,
            slots: Arc::clone(&inner.slots),
            store: Arc::clone(&inner.store),
            writer: inner.writer.clone(),
            relaying: Relaying::new(flow, &inner.relay, &hot),
            hot,
            listening,
            followed,
            clock: Arc::clone(&inner.clock),
            limits: Arc::clone(&inner.limits),
            tracker: inner.tracker.clone(),
        };
        actor.run(first).await;
        Ok(())
    }

    /// Applied and not yet committed, of all rooms together.
    #[must_use]
    pub fn uncommitted_bytes(&self) -> usize {
        self.inner.node_budget.taken_bytes()
    }

    /// The rooms that are open now.
    #[must_use]
    pub fn rooms(&self) -> Vec<RoomHandle> {
        self.inner.slots.slots.iter().filter_map(|slot| slot.borrow().open()).collect()
    }

    /// The flow's room, if it is open now.
    #[must_use]
    pub fn room(&self, flow: FlowId) -> Option<RoomHandle> {
        self.inner.slots.slots.get(&flow).and_then(|slot| slot.borrow().open())
    }

    /// Opens no more rooms and closes those that are open: their peers are sent
    /// away, what is in flight is committed. Waiting for that is waiting for the
    /// tracker.
    pub async fn drain(&self) {
        self.inner.draining.send_replace(true);
        for room in self.rooms() {
            if room.drain().await.is_err() {
                tracing::debug!(flow = %room.flow(), "a room had ended before it was drained");
            }
        }
    }
}
